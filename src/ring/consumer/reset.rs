//! A reset, asked for by the reader of a mailbox that makes no sense.

use super::Consumer;
use crate::memory::Lane;
use crate::sync::{Edge, Ordering::Relaxed, acquire, release};

impl Consumer {
    /// Asks the producer for a reset: the consumer that takes its place. All messages that are in the mailbox
    /// are given up, those taken included. Until [`Consumer::take_reset`] there is nothing to take.
    pub fn request_reset(&self) -> Self {
        let line = &self.lane.consumer;
        let mut reset = (self.reset.get() | 1).wrapping_add(2);
        // An answer to a request that was nobody's would be taken for one to this.
        if reset_answer(&self.lane) == reset {
            reset = reset.wrapping_add(2);
        }
        let next = self.next.get();
        // For a successor of the producer; then the request.
        line.head.store(next, Relaxed);
        line.reset_request.store(reset, release(Edge::ResetRequest));
        Self::at(self.lane.clone(), next, reset)
    }

    /// Whether a reset was asked for and is not taken.
    #[inline(always)]
    pub fn is_resetting(&self) -> bool {
        self.reset.get() & 1 == 1
    }

    /// Takes the reset that was asked for, if the producer has given one; whether it has.
    pub fn take_reset(&self) -> bool {
        let reset = self.reset.get();
        if !self.is_resetting() || reset_answer(&self.lane) != reset {
            return false;
        }
        // Whatever it is: nothing from there on was ever looked at, for nobody looks while a start is asked for.
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

    /// Gives up a reset that was asked for, and is not taken.
    pub fn withdraw(&self) {
        self.reset.set(self.reset.get() & !1);
    }

    /// Whether a peer overwrote what this consumer says of resets. The producer may not see that one is asked for, or
    /// may wait for one to be taken that nobody asked for.
    pub fn is_reset_forged(&self) -> bool {
        self.lane.consumer.reset_request.load(Relaxed) != self.reset.get()
    }
}

/// The request for a reset that the producer answered last; where it is ours, its stamps are wiped.
fn reset_answer(lane: &Lane) -> u64 {
    lane.producer.reset_answer.load(acquire(Edge::ResetAnswer))
}
