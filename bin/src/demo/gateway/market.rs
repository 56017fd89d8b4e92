//! What a trader orders.

use super::order::{Order, PRICES, QUANTITIES, SYMBOLS, Side};
use crate::common::random::mix;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::ops::RangeInclusive;

/// Of so many orders one is out of bounds, more or less.
const WRONG: u32 = 100;
/// Between buyers who wait and sellers who do.
const MIDDLE: u32 = 10_000;
/// How far beyond it an order waits, or takes what waits.
const REACH: RangeInclusive<u32> = 1..=10;
/// Share of the orders that wait. As much is taken as comes to wait, more or less, or books would grow for ever.
const WAITING: f64 = 0.5;
/// The most that is ordered at once.
const MOST: u32 = 100;

/// The orders of one trader, one after the other, known from the seed and the trader's rank.
pub struct Market {
    random: Xoshiro256PlusPlus,
    number: u64,
}

impl Market {
    pub fn new(seed: u64, rank: u32) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(mix(seed, rank.into())), number: 0 }
    }

    /// The symbol of its next question.
    pub fn symbol(&mut self) -> u32 {
        self.random.random_range(0..SYMBOLS.len() as u32)
    }

    /// The next order.
    pub fn order(&mut self) -> Order {
        let symbol = self.symbol();
        let random = &mut self.random;
        self.number += 1;
        let side = Side::BOTH[random.random_range(0..2)];
        let waits = random.random_bool(WAITING);
        // An order that trades at once goes beyond the prices of all waiting ones.
        let reach = random.random_range(REACH) + if waits { 0 } else { *REACH.end() };
        let is_above = waits == (side == Side::Sell);
        let mut order = Order {
            number: self.number,
            price: if is_above { MIDDLE + reach } else { MIDDLE - reach },
            quantity: random.random_range(1..=MOST),
            symbol,
            side: side as u32,
        };
        if random.random_ratio(1, WRONG) {
            match random.random_range(0..4) {
                0 => order.price = 0,
                1 => order.price = PRICES.end() + 1,
                2 => order.quantity = 0,
                _ => order.quantity = QUANTITIES.end() + 1,
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::Book;
    use super::*;

    #[test]
    fn books_do_not_grow_for_ever() {
        let (mut market, mut book) = (Market::new(1, 1), Book::default());
        let mut all = 0;
        for _ in 0..100_000 {
            let order = market.order();
            if let Ok(side) = order.check() {
                all += u64::from(order.quantity);
                book.place(order.number, side, order.price, order.quantity, |_| {});
            }
        }
        let resting: u64 = Side::BOTH.map(|side| book.resting(side)).iter().sum();
        assert!(resting > 0 && resting < all / 50, "{resting} of {all}");
    }

    #[test]
    fn a_seed_gives_the_same_orders_and_some_are_wrong() {
        let orders = |seed, rank| {
            let mut market = Market::new(seed, rank);
            (0..10_000).map(|_| market.order()).collect::<Vec<_>>()
        };
        let these = orders(1, 1);
        assert_eq!(these, orders(1, 1));
        assert!(these != orders(2, 1) && these != orders(1, 2));
        let wrong = these.iter().filter(|order| order.check().is_err()).count();
        assert!((50..200).contains(&wrong), "{wrong}");
        assert_eq!(these.iter().map(|order| order.number).collect::<Vec<_>>(), Vec::from_iter(1..=10_000));
    }
}
