//! What a trader says of its calls at its end.

use super::order::{Fill, Order, Side};
use crate::common::distribution;
use bytemuck::{Pod, Zeroable};
use measure::Times;
use std::time::Duration;

/// Counts, of orders and of what was ordered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Claim {
    /// Orders.
    pub asked: u64,
    /// Orders answered with a fill.
    pub filled: u64,
    /// Orders that were refused.
    pub refused: u64,
    /// What these orders were for.
    pub quantity: u64,
    pub quantity_refused: u64,
    /// By [`Side`]: what was filled at once.
    pub traded: [u64; 2],
    /// By [`Side`]: what came to rest.
    pub rested: [u64; 2],
    /// Snapshots.
    pub snapshots: u64,
    /// Nanoseconds of ordering.
    pub time: u64,
}

/// The claim of one trader, or of all, and how long their calls took.
#[derive(Default)]
pub struct Account {
    pub claim: Claim,
    pub orders: Times,
    pub snapshots: Times,
}

impl Claim {
    /// An order is answered so.
    pub fn fill(&mut self, order: &Order, side: Side, fill: &Fill) {
        self.filled += 1;
        self.quantity += u64::from(order.quantity);
        self.traded[side as usize] += u64::from(fill.filled);
        self.rested[side as usize] += u64::from(fill.rests);
    }

    /// An order is refused.
    pub fn refuse(&mut self, order: &Order) {
        self.refused += 1;
        self.quantity += u64::from(order.quantity);
        self.quantity_refused += u64::from(order.quantity);
    }

    /// How long the longest of its traders ordered.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.time)
    }

    fn add(&mut self, other: &Self) {
        let pairs = |words: [[u64; 2]; 2]| [words[0][0] + words[1][0], words[0][1] + words[1][1]];
        *self = Self {
            asked: self.asked + other.asked,
            filled: self.filled + other.filled,
            refused: self.refused + other.refused,
            quantity: self.quantity + other.quantity,
            quantity_refused: self.quantity_refused + other.quantity_refused,
            traded: pairs([self.traded, other.traded]),
            rested: pairs([self.rested, other.rested]),
            snapshots: self.snapshots + other.snapshots,
            time: self.time.max(other.time),
        };
    }
}

impl Account {
    /// As a message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = bytemuck::bytes_of(&self.claim).to_vec();
        distribution::write(&self.orders, &mut bytes);
        distribution::write(&self.snapshots, &mut bytes);
        bytes
    }

    /// Out of a message; `None` if it is none.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (claim, mut rest) = bytes.split_first_chunk::<{ size_of::<Claim>() }>()?;
        let claim = bytemuck::pod_read_unaligned(claim);
        let (orders, snapshots) = (distribution::read(&mut rest)?, distribution::read(&mut rest)?);
        rest.is_empty().then_some(Self { claim, orders, snapshots })
    }

    /// Adds all of another's.
    pub fn add(&mut self, other: &Self) {
        self.claim.add(&other.claim);
        self.orders.merge(&other.orders);
        self.snapshots.merge(&other.snapshots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_goes_through_a_message() {
        let mut account = Account::default();
        let order = Order { number: 1, price: 5, quantity: 9, symbol: 0, side: 1 };
        account.claim.fill(&order, Side::Sell, &Fill { id: 1, number: 1, value: 20, filled: 4, rests: 5 });
        account.claim.refuse(&order);
        account.claim.time = 77;
        for nanoseconds in [100, 100, 12_345] {
            account.orders.add(Duration::from_nanos(nanoseconds));
        }
        account.snapshots.add(Duration::from_micros(3));
        let bytes = account.to_bytes();
        let read = Account::of_bytes(&bytes).expect("an account");
        assert_eq!(read.claim, account.claim);
        assert_eq!((read.claim.traded, read.claim.rested), ([0, 4], [0, 5]));
        assert_eq!((read.orders.count(), read.snapshots.count()), (3, 1));
        assert_eq!(read.orders.entries().collect::<Vec<_>>(), account.orders.entries().collect::<Vec<_>>());
        for len in [0, 8, bytes.len() - 1] {
            assert!(Account::of_bytes(&bytes[..len]).is_none());
        }
        let mut sum = read;
        sum.add(&account);
        assert_eq!((sum.claim.quantity, sum.claim.quantity_refused), (36, 18));
        assert_eq!((sum.claim.time, sum.orders.count()), (77, 6));
    }
}
