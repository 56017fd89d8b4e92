//! Vector clocks.

use core::fmt;
use core::ops::Range;

/// Which message: whose, and its number there. No two messages of a group have the same one, also if a rank is joined again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// The rank that has sent it.
    pub rank: u32,
    /// Its number among all that was ever published by this rank. That a member joins or leaves is published, too, so the first message
    /// of a member is not 0.
    pub number: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of rank {}", self.number, self.rank)
    }
}

/// A vector clock: for each rank of a group, how many of its messages are known.
///
/// ```
/// # use mailbox_patterns::causal::{Clock, Id};
/// let mut clock = Clock::new(0..3);
/// clock.set(1, 7);
/// assert!(clock.knows(Id { rank: 1, number: 6 }));
/// assert!(!clock.knows(Id { rank: 1, number: 7 }));
/// assert_eq!((clock.of(2), clock.of(5)), (0, 0));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Clock {
    first: u32,
    counts: Vec<u64>,
}

impl Clock {
    /// Nothing is known of these ranks.
    pub fn new(ranks: Range<u32>) -> Self {
        Self { first: ranks.start, counts: vec![0; ranks.len()] }
    }

    /// One with these counts of the ranks from `first` on.
    pub(super) fn from_counts(first: u32, counts: Vec<u64>) -> Self {
        Self { first, counts }
    }

    /// How many messages of this rank are known: all those with a smaller number. 0 for a rank that the clock does not have.
    #[inline]
    pub fn of(&self, rank: u32) -> u64 {
        rank.checked_sub(self.first).and_then(|at| self.counts.get(at as usize)).map_or(0, |count| *count)
    }

    /// So many messages of this rank are known. Nothing if the clock does not have the rank.
    #[inline]
    pub fn set(&mut self, rank: u32, count: u64) {
        let at = rank.checked_sub(self.first).map(|at| at as usize);
        if let Some(at) = at.filter(|at| *at < self.counts.len()) {
            self.counts[at] = count;
        }
    }

    /// Whether this message is among those that are known.
    #[inline]
    pub fn knows(&self, message: Id) -> bool {
        self.of(message.rank) > message.number
    }

    /// The ranks that it has, and the count of each.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        (0..).zip(&self.counts).map(|(at, count)| (self.first + at, *count))
    }

    /// Becomes the same as another one, in the same memory.
    pub(super) fn copy(&mut self, other: &Self) {
        self.first = other.first;
        self.counts.clone_from(&other.counts);
    }

    /// The counts, from the first rank on.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
