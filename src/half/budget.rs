//! Private memory for messages.

use super::Spare;
use core::cell::Cell as Private;

/// Memory of messages that were read that is kept for later ones.
const SPARE: usize = 64 << 20;

/// Limits the private memory of messages of one kind, of all senders together: of announced ones, from when a message is
/// asked for until it is dropped; of those that are moved out of the way of others, until they are dropped.
pub struct Budget {
    limit: Private<u64>,
    used: Private<u64>,
    /// Whether there may be more room than when this was last asked.
    has_grown: Private<bool>,
    spare: Spare,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit: limit.into(), used: 0.into(), has_grown: false.into(), spare: Spare::new(SPARE) }
    }

    /// Sets the limit, even if more than that is in use.
    pub fn set_limit(&self, limit: u64) {
        self.limit.set(limit);
        self.reconsider();
    }

    /// Sets the limit, unless it is higher.
    pub fn raise_limit(&self, limit: u64) {
        self.set_limit(limit.max(self.limit.get()));
    }

    /// Has messages that did not fit tried again.
    pub fn reconsider(&self) {
        self.has_grown.set(true);
    }

    /// How many bytes are left.
    pub fn left(&self) -> u64 {
        self.limit.get().saturating_sub(self.used.get())
    }

    /// Takes so many bytes, if they are left.
    pub fn charge(&self, bytes: u64) -> bool {
        let has = bytes <= self.left();
        if has {
            self.used.set(self.used.get() + bytes);
        }
        has
    }

    /// An empty buffer for a message of `len` bytes; `None` if the budget or the system does not have that much.
    pub fn take(&self, len: u64) -> Option<Vec<u8>> {
        let capacity = usize::try_from(len).ok().filter(|_| len <= self.left())?;
        let bytes = self.spare.take(capacity)?;
        self.charge(len);
        Some(bytes)
    }

    /// Gives back what a message of `len` bytes took.
    pub fn give_back(&self, len: u64) {
        self.used.set(self.used.get().saturating_sub(len));
        self.reconsider();
    }

    /// Keeps the buffer of a message that was read, for later ones.
    pub fn recycle(&self, bytes: Vec<u8>) {
        self.spare.keep(bytes);
    }

    /// Whether there may be more room than when this was last asked.
    pub fn take_growth(&self) -> bool {
        self.has_grown.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let budget = Budget::new(100);
        assert!(budget.take(101).is_none() && budget.take(u64::MAX).is_none());
        assert!(budget.take(60).is_some_and(|bytes| bytes.capacity() >= 60));
        assert_eq!(budget.left(), 40);
        assert!(budget.take(41).is_none());
        assert!(!budget.take_growth());
        budget.give_back(60);
        assert!(budget.take_growth() && !budget.take_growth());
        assert!(budget.take(100).is_some());
    }

    #[test]
    fn what_the_system_does_not_have_is_not_taken() {
        let budget = Budget::new(u64::MAX);
        assert!(budget.take(1 << 62).is_none());
        assert_eq!(budget.left(), u64::MAX);
    }
}
