//! A reset, which the reader of a mailbox asks for if the mailbox makes no sense.

use super::Consumer;
use crate::memory::Lane;
use crate::sync::{Edge, Ordering::Relaxed, acquire, release};

impl Consumer {
    /// Asks the producer for a reset. Returns the consumer that replaces this one. All messages in the mailbox are
    /// given up, including those that were taken. Until [`Consumer::take_reset`] there is nothing to take.
    pub fn request_reset(&self) -> Self {
        let line = &self.lane.consumer;
        let mut reset = (self.reset.get() | 1).wrapping_add(2);
        // An answer to a request that nobody made would otherwise look like the answer to this one.
        if reset_answer(&self.lane) == reset {
            reset = reset.wrapping_add(2);
        }
        let next = self.next.get();
        // For a successor of the producer; the request comes after it.
        line.head.store(next, Relaxed);
        line.reset_request.store(reset, release(Edge::ResetRequest));
        Self::at(self.lane.clone(), next, reset)
    }

    /// Whether a reset was asked for and not yet taken.
    #[inline(always)]
    pub fn is_resetting(&self) -> bool {
        self.reset.get() & 1 == 1
    }

    /// Takes the reset that was asked for, if the producer has given it. Returns whether it has.
    pub fn take_reset(&self) -> bool {
        let reset = self.reset.get();
        if !self.is_resetting() || reset_answer(&self.lane) != reset {
            return false;
        }
        // Any value will do: no cell from there on was ever looked at, because nobody looks while a reset is asked
        // for.
        let start = self.lane.producer.reset_from.load(Relaxed);
        self.head.set(start);
        self.next.set(start);
        self.turn.revoke(start);
        self.row.revoke(start);
        self.handed.set(start);
        self.claimed.set(start);
        let line = &self.lane.consumer;
        line.handed.store(start, Relaxed);
        line.head.store(start, Relaxed);
        self.reset.set(reset.wrapping_add(1));
        // Pairs with the producer's load: `head` is the new one.
        line.reset_request.store(reset.wrapping_add(1), release(Edge::ResetRequest));
        true
    }

    /// Withdraws a request for a reset that is not taken.
    pub fn withdraw(&self) {
        self.reset.set(self.reset.get() & !1);
    }

    /// Whether a peer overwrote this consumer's words about resets. Then the producer may not see a request, or may
    /// wait for a reset to be taken that nobody asked for.
    pub fn is_reset_forged(&self) -> bool {
        self.lane.consumer.reset_request.load(Relaxed) != self.reset.get()
    }
}

/// The request for a reset that the producer answered last. If it is ours, the stamps are wiped.
fn reset_answer(lane: &Lane) -> u64 {
    lane.producer.reset_answer.load(acquire(Edge::ResetAnswer))
}
