//! What rests in one symbol: best price first, and at one price who came first.

use super::order::{Depth, LEVELS, Level, Side};
use bytemuck::Zeroable;
use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, OccupiedEntry};

/// The orders at one price, oldest first; never none.
type Queue = VecDeque<Resting>;

/// The book of a symbol.
#[derive(Default)]
pub struct Book {
    /// By [`Side`], by price.
    sides: [BTreeMap<u32, Queue>; 2],
}

/// What is left of an order.
struct Resting {
    id: u64,
    quantity: u32,
}

/// An order meets one that rests, at that one's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The order that rested.
    pub with: u64,
    pub price: u32,
    pub quantity: u32,
}

impl Book {
    /// Lets order `id` trade, then rest; how much of it does. `each` is told of its trades.
    pub fn place(
        &mut self,
        id: u64,
        side: Side,
        limit: u32,
        quantity: u32,
        mut each: impl FnMut(Trade),
    ) -> u32 {
        let mut left = quantity;
        while left > 0
            && let Some(mut level) = self.best(side.other())
            && side.accepts(limit, *level.key())
        {
            let price = *level.key();
            let queue = level.get_mut();
            let Some(first) = queue.front_mut() else { break };
            let quantity = left.min(first.quantity);
            first.quantity -= quantity;
            left -= quantity;
            each(Trade { with: first.id, price, quantity });
            if first.quantity == 0 {
                queue.pop_front();
            }
            if queue.is_empty() {
                level.remove();
            }
        }
        if left > 0 {
            self.sides[side as usize].entry(limit).or_default().push_back(Resting { id, quantity: left });
        }
        left
    }

    fn best(&mut self, side: Side) -> Option<OccupiedEntry<'_, u32, Queue>> {
        let levels = &mut self.sides[side as usize];
        match side {
            Side::Buy => levels.last_entry(),
            Side::Sell => levels.first_entry(),
        }
    }

    /// How much rests on this side.
    pub fn resting(&self, side: Side) -> u64 {
        self.sides[side as usize].values().flatten().map(|order| u64::from(order.quantity)).sum()
    }

    /// The best prices.
    pub fn depth(&self) -> Depth {
        let mut depth = Depth::zeroed();
        let [bids, asks] = &self.sides;
        let [buy, sell] = &mut depth.sides;
        for (level, (price, queue)) in buy.iter_mut().zip(bids.iter().rev().take(LEVELS)) {
            *level = of_queue(*price, queue);
        }
        for (level, (price, queue)) in sell.iter_mut().zip(asks.iter().take(LEVELS)) {
            *level = of_queue(*price, queue);
        }
        depth
    }
}

fn of_queue(price: u32, queue: &Queue) -> Level {
    let quantity = queue.iter().map(|order| u64::from(order.quantity)).sum();
    Level { price, orders: queue.len() as u32, quantity }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Side::{Buy, Sell};
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    fn place(book: &mut Book, id: u64, side: Side, limit: u32, quantity: u32) -> (Vec<Trade>, u32) {
        let mut trades = vec![];
        let rests = book.place(id, side, limit, quantity, |trade| trades.push(trade));
        (trades, rests)
    }

    #[test]
    fn the_best_price_trades_first_and_at_one_price_the_oldest() {
        let mut book = Book::default();
        for (id, limit) in [(1, 101), (2, 100), (3, 100), (4, 102)] {
            assert_eq!(place(&mut book, id, Sell, limit, 10), (vec![], 10));
        }
        let trade = |with, price, quantity| Trade { with, price, quantity };
        let (trades, rests) = place(&mut book, 5, Buy, 101, 35);
        assert_eq!(trades, [trade(2, 100, 10), trade(3, 100, 10), trade(1, 101, 10)]);
        assert_eq!(rests, 5, "102 is too dear");
        assert_eq!((book.resting(Buy), book.resting(Sell)), (5, 10));
        let (trades, rests) = place(&mut book, 6, Sell, 1, 7);
        assert_eq!((trades, rests), (vec![trade(5, 101, 5)], 2), "at the price of the one that rested");
    }

    #[test]
    fn an_order_that_is_filled_in_part_keeps_its_place() {
        let mut book = Book::default();
        place(&mut book, 1, Buy, 50, 10);
        place(&mut book, 2, Buy, 50, 10);
        for _ in 0..2 {
            assert_eq!(place(&mut book, 3, Sell, 50, 5).0[0].with, 1);
        }
        assert_eq!(place(&mut book, 3, Sell, 50, 5).0[0].with, 2);
    }

    #[test]
    fn depth_has_the_best_prices_of_both_sides() {
        let mut book = Book::default();
        for limit in 1..=10 {
            place(&mut book, 1, Buy, limit, limit);
            place(&mut book, 2, Sell, 10 + limit, 1);
        }
        place(&mut book, 3, Buy, 9, 100);
        let depth = book.depth();
        let prices = |side| depth.levels(side).map(|level| level.price).collect::<Vec<_>>();
        assert_eq!(prices(Buy), [10, 9, 8, 7, 6]);
        assert_eq!(prices(Sell), [11, 12, 13, 14, 15]);
        assert_eq!(depth.sides[0][1], Level { price: 9, orders: 2, quantity: 109 });
        assert!(depth.makes_sense());
        let [buy, sell] = depth.sides;
        assert!(!Depth { sides: [sell, buy] }.makes_sense());
        assert_eq!(Book::default().depth().levels(Buy).count(), 0);
    }

    /// Beside a list of all that rests, looked through from end to end.
    #[test]
    fn quantity_is_kept_and_nothing_trades_past_a_better_price() {
        for seed in 0..50 {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut book = Book::default();
            // (id, side, limit, quantity), oldest first.
            let mut all: Vec<(u64, Side, u32, u32)> = vec![];
            for id in 0..400 {
                let side = Side::BOTH[random.random_range(0..2)];
                let (limit, quantity) = (random.random_range(1..=12), random.random_range(1..=20));
                let (trades, rests) = place(&mut book, id, side, limit, quantity);
                let filled: u32 = trades.iter().map(|trade| trade.quantity).sum();
                assert_eq!(filled + rests, quantity);
                for trade in trades {
                    let others = all.iter_mut().filter(|order| order.1 != side);
                    let best = match side {
                        Buy => others.min_by_key(|order| (order.2, order.0)),
                        Sell => others.min_by_key(|order| (u32::MAX - order.2, order.0)),
                    };
                    let best = best.expect("somebody to trade with");
                    assert_eq!((trade.with, trade.price), (best.0, best.2));
                    assert!(side.accepts(limit, trade.price) && trade.quantity > 0);
                    best.3 -= trade.quantity;
                    all.retain(|order| order.3 > 0);
                }
                if rests > 0 {
                    all.push((id, side, limit, rests));
                }
                for side in Side::BOTH {
                    let listed = all.iter().filter(|order| order.1 == side).map(|order| u64::from(order.3));
                    assert_eq!(book.resting(side), listed.sum::<u64>());
                }
                assert!(book.depth().makes_sense(), "nothing rests that could trade");
            }
        }
    }
}
