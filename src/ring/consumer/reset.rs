//! A reset, which the reader of a mailbox asks for if the mailbox makes no sense.
//!
//! | word | written by | meaning |
//! |---|---|---|
//! | `reset_request`, consumer line | receiver | odd: a reset is wanted, with another number each time; even: none is |
//! | `RESET`, in the mode of its bell for mail | receiver | asks all ringers to check the word above; so a send checks it only then |
//! | `reset_from`, then `reset_answer`, producer line | sender | the first message of the rest; then which request this answers |
//!
//! - The receiver stores `head` (beyond all that it took), then the odd number, sets the bit, and rings the sender.
//!   It holds no mails meanwhile. From then on it looks at no cell.
//! - The sender finds the request when it next rings, looks for room, waits or recovers. It wipes all stamps except
//!   those of messages that a batch holds back, counts all that it published as acknowledged, and stores the answer.
//!   Its tail, its arena and its batch stay as they are. That call returns `Reset`, once.
//! - The receiver sees the answer, stores `head = reset_from`, then the even number, and rings for room. Until then
//!   the sender does not look at `head`.
//!
//! *Order, and at most once.* Nothing from `reset_from` on was published before the answer, and the receiver looked
//! at nothing between request and answer. So nothing from there on was delivered before, whatever the value is. The
//! gap in the numbers is what was lost.
//!
//! *A stop at any point.* The receiver, before the odd number: what it had taken is given up, and nothing else
//! happens. After it: its successor finds the odd number and goes on. Between `head` and the even number: its
//! successor takes the same answer again. The sender, before its answer: its successor wipes and answers itself.
//! After it: its successor recovers from `reset_from`.
//!
//! *Garbage.* An odd number that nobody wrote makes the sender wipe and wait. The receiver compares the word with its
//! own copy whenever it asks the kernel who lives, and then returns an error and may ask for a reset.

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
        self.streams.set(false);
        self.next_look.set(start);
        self.seen.set(start);
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
