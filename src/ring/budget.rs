//! How far one end of a lane may go without further checks.
//!
//! The producer has a budget for published messages (the room that it knows of) and one for messages held back behind
//! others (up to a quarter of the mailbox). The consumer has one for a sender's turn, and within it one for the
//! present row. Whatever makes a mailbox more than a sequence of new whole messages revokes them: a message that was
//! put back, an announced message, corruption, a reset.

use crate::abi::is_below;
use core::cell::Cell as Private;

/// Consecutive messages that are handled without further checks. The slow path grants them; the fast path needs one
/// comparison.
///
/// It is the number of the first message that is not covered. So anything that moves this end of the lane on also
/// uses up the budget.
pub struct Budget(Private<u64>);

impl Budget {
    /// No messages, for an end whose next message is `next`.
    pub fn none(next: u64) -> Self {
        Self(next.into())
    }

    /// Covers `count` messages from `next` on, and no others.
    pub fn grant(&self, next: u64, count: u64) {
        self.0.set(next.wrapping_add(count));
    }

    /// Covers none from now on, for an end whose next message is `next`.
    pub fn revoke(&self, next: u64) {
        self.grant(next, 0);
    }

    /// Whether message `next` is covered.
    #[inline(always)]
    pub fn covers(&self, next: u64) -> bool {
        is_below(next, self.0.get())
    }

    /// How many messages from `next` on are covered.
    #[inline(always)]
    pub fn left(&self, next: u64) -> u64 {
        (self.0.get().wrapping_sub(next) as i64).max(0) as u64
    }

    /// Covers one message fewer.
    pub fn shorten(&self) {
        self.0.set(self.0.get().wrapping_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_covers_what_was_granted_and_no_more() {
        let next = u64::MAX - 1;
        let budget = Budget::none(next);
        assert!(!budget.covers(next));
        budget.grant(next, 3);
        assert_eq!(
            (0..4).map(|ahead| budget.left(next.wrapping_add(ahead))).collect::<Vec<_>>(),
            [3, 2, 1, 0]
        );
        assert!(budget.covers(next) && budget.covers(0) && !budget.covers(1));
        assert!(!budget.covers(1000), "an end that went on has used it up");
        budget.shorten();
        assert!(budget.covers(u64::MAX) && !budget.covers(0));
        budget.revoke(next);
        assert!(!budget.covers(next));
    }
}
