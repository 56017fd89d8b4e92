//! Which of two values is the later one.

use bytemuck::{Pod, Zeroable};
use mailbox::Endpoint;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Bits of a rank: there are at most 1024.
const RANK_BITS: u32 = 10;

/// The greatest number of a stamp. What is above makes no sense: no program counts so far.
pub const LAST: u64 = 1 << 62;

/// The time of a write: a number, and who has written. The later of two is the greater one. All zero is the time before all
/// writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Stamp {
    pub number: u64,
    /// The rank and the life of the one that has written.
    writer: u64,
}

impl Stamp {
    pub fn new(number: u64, writer: u64) -> Self {
        Self { number, writer }
    }

    /// Whether a program may have made it.
    pub fn makes_sense(self) -> bool {
        self.number <= LAST && (self.number == 0) == (self.writer == 0)
    }
}

/// The writer that this endpoint is. No other life of any rank is the same.
pub fn writer(me: &Endpoint) -> u64 {
    me.epoch() << RANK_BITS | u64::from(me.rank())
}

/// A number for a write of this register that is greater than `seen`, and than all that this process has used for it. So a write
/// that was given up never shares its stamp with a later one. `None` if there is none.
///
/// Each register has its own: one whose replica says that the numbers are used up does not end the writes of others.
pub fn number_after(register: u64, seen: u64) -> Option<u64> {
    static USED: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    let used = used.entry(register).or_default();
    let next = (*used).max(seen).checked_add(1).filter(|next| *next <= LAST)?;
    *used = next;
    Some(next)
}

/// A value, and when it was written.
#[derive(Debug, Clone, Copy)]
pub struct Kept<T> {
    pub stamp: Stamp,
    pub value: T,
}

impl<T> Kept<T> {
    /// The value from before all writes.
    pub fn first(value: T) -> Self {
        Self { stamp: Stamp::default(), value }
    }

    /// Takes the other one if it is later.
    pub fn take(&mut self, other: Self) {
        if other.stamp > self.stamp {
            *self = other;
        }
    }
}
