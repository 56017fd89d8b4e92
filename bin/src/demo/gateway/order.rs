//! What traders and the gateway say to each other, byte for byte.

use bytemuck::{Pod, Zeroable};
use std::ops::RangeInclusive;

/// The gateway's rank; traders have those from 1 on.
pub const GATEWAY: u32 = 0;
/// What is traded.
pub const SYMBOLS: [&str; 4] = ["ALFA", "BETA", "GAMA", "DLTA"];
/// In hundredths.
pub const PRICES: RangeInclusive<u32> = 1..=20_000;
pub const QUANTITIES: RangeInclusive<u32> = 1..=1000;
/// Prices of each side that a [`Depth`] has.
pub const LEVELS: usize = 5;

/// The side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Buy = 0,
    Sell = 1,
}

/// A limit order: what it does not get at its price or a better one, rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Order {
    /// Which of its trader's, from 1 on.
    pub number: u64,
    pub price: u32,
    pub quantity: u32,
    /// An index into [`SYMBOLS`].
    pub symbol: u32,
    /// A [`Side`].
    pub side: u32,
}

/// The answer to an order: what was filled at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Fill {
    /// Of the order, among all.
    pub id: u64,
    /// The order's number.
    pub number: u64,
    /// What the filled quantity cost.
    pub value: u64,
    pub filled: u32,
    pub rests: u32,
}

/// The answer to an order that is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Refusal {
    /// The order's number.
    pub number: u64,
    /// A [`Reason`].
    pub reason: u64,
}

/// Why an order is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Price = 1,
    Quantity = 2,
    Symbol = 3,
    Side = 4,
}

/// Asks for the [`Depth`] of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Snapshot {
    pub symbol: u32,
}

/// All that rests at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Level {
    pub price: u32,
    pub orders: u32,
    pub quantity: u64,
}

/// What rests, best prices first; a level of no orders is none. More bytes than a call line has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Depth {
    /// By [`Side`].
    pub sides: [[Level; LEVELS]; 2],
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

    pub fn other(self) -> Self {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// Whether an order of this side and limit may trade at `price`.
    pub fn accepts(self, limit: u32, price: u32) -> bool {
        match self {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        }
    }
}

impl Order {
    /// Its side, if all of it is within bounds.
    pub fn check(&self) -> Result<Side, Reason> {
        if !PRICES.contains(&self.price) {
            return Err(Reason::Price);
        }
        if !QUANTITIES.contains(&self.quantity) {
            return Err(Reason::Quantity);
        }
        if self.symbol as usize >= SYMBOLS.len() {
            return Err(Reason::Symbol);
        }
        Side::BOTH.into_iter().find(|side| *side as u32 == self.side).ok_or(Reason::Side)
    }
}

impl Fill {
    /// The average price; `None` if nothing was filled.
    pub fn average(&self) -> Option<f64> {
        (self.filled > 0).then(|| self.value as f64 / f64::from(self.filled))
    }

    /// Whether it is an answer to this order.
    pub fn fits(&self, order: &Order, side: Side) -> bool {
        let total = u64::from(self.filled) + u64::from(self.rests);
        let limit = u64::from(order.price) * u64::from(self.filled);
        let is_in_limit = match side {
            Side::Buy => self.value <= limit,
            Side::Sell => self.value >= limit,
        };
        self.number == order.number && total == u64::from(order.quantity) && is_in_limit
    }
}

impl Depth {
    /// The levels of a side that there are.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = &Level> {
        self.sides[side as usize].iter().filter(|level| level.orders > 0)
    }

    /// Whether prices come in their order, and nothing rests that could trade.
    pub fn makes_sense(&self) -> bool {
        let bids: Vec<u32> = self.levels(Side::Buy).map(|level| level.price).collect();
        let asks: Vec<u32> = self.levels(Side::Sell).map(|level| level.price).collect();
        let is_crossed = bids.first().zip(asks.first()).is_some_and(|(bid, ask)| bid >= ask);
        bids.is_sorted_by(|a, b| a > b) && asks.is_sorted_by(|a, b| a < b) && !is_crossed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order = Order { number: 7, price: 100, quantity: 10, symbol: 0, side: 1 };

    #[test]
    fn what_goes_on_the_line_fits_it() {
        assert!([size_of::<Order>(), size_of::<Fill>(), size_of::<Refusal>()].iter().all(|size| *size <= 48));
        assert_ne!(size_of::<Order>(), size_of::<Snapshot>(), "requests are told apart by their length");
        assert!(size_of::<Depth>() > 48);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        assert_eq!(ORDER.check(), Ok(Side::Sell));
        assert_eq!(Order { price: 1, quantity: 1000, side: 0, ..ORDER }.check(), Ok(Side::Buy));
        for price in [0, 20_001, u32::MAX] {
            assert_eq!(Order { price, ..ORDER }.check(), Err(Reason::Price));
        }
        for quantity in [0, 1001, u32::MAX] {
            assert_eq!(Order { quantity, ..ORDER }.check(), Err(Reason::Quantity));
        }
        assert_eq!(Order { symbol: 4, ..ORDER }.check(), Err(Reason::Symbol));
        assert_eq!(Order { side: 2, ..ORDER }.check(), Err(Reason::Side));
    }

    #[test]
    fn a_fill_that_does_not_fit_is_seen() {
        let fill = Fill { id: 1, number: 7, value: 404, filled: 4, rests: 6 };
        assert!(fill.fits(&ORDER, Side::Sell));
        assert_eq!(fill.average(), Some(101.0));
        assert_eq!(Fill { filled: 0, ..fill }.average(), None);
        assert!(!fill.fits(&ORDER, Side::Buy), "dearer than the limit");
        assert!(!Fill { value: 399, ..fill }.fits(&ORDER, Side::Sell), "cheaper than the limit");
        assert!(!Fill { number: 8, ..fill }.fits(&ORDER, Side::Sell));
        assert!(!Fill { rests: 5, ..fill }.fits(&ORDER, Side::Sell));
    }
}
