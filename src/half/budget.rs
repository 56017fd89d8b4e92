//! Private memory for messages.

use core::cell::{Cell as Private, RefCell};

/// The largest buffer that is kept for the next message, because fresh memory costs more than copying.
const SPARE: usize = 64 << 20;

/// Limits the private memory of messages of one kind, of all senders together: of announced ones, from when a message is
/// asked for until it is dropped; of those that are moved out of the way of others, until they are dropped.
pub struct Budget {
    limit: Private<u64>,
    used: Private<u64>,
    /// Whether there may be more room than when this was last asked.
    has_grown: Private<bool>,
    spare: RefCell<Vec<u8>>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit: limit.into(), used: 0.into(), has_grown: false.into(), spare: RefCell::default() }
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
        let mut bytes = self.spare.take();
        bytes.clear();
        if bytes.capacity() < capacity {
            bytes = Vec::new();
            bytes.try_reserve_exact(capacity).ok()?;
        }
        self.charge(len);
        Some(bytes)
    }

    /// Gives back what a message of `len` bytes took.
    pub fn give_back(&self, len: u64) {
        self.used.set(self.used.get().saturating_sub(len));
        self.reconsider();
    }

    /// Keeps the buffer of a message that was read, for the next one.
    pub fn recycle(&self, bytes: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if bytes.capacity() <= SPARE && bytes.capacity() > spare.capacity() {
            *spare = bytes;
        }
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

    #[test]
    fn a_buffer_that_was_read_is_the_next_one() {
        let budget = Budget::new(1000);
        let bytes = budget.take(500).expect("left");
        let at = bytes.as_ptr();
        budget.give_back(500);
        budget.recycle(bytes);
        assert_eq!(budget.take(400).map(|bytes| bytes.as_ptr()), Some(at));
    }
}
