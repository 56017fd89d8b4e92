//! A producer that waits for this consumer.

use super::Consumer;
use crate::abi::{CREDITS, Envelope, Starved};
use crate::ring::cell;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

impl Consumer {
    /// The message that the producer waits for, if it says that it waits and that message is not acknowledged. All
    /// that it had sent is visible then.
    ///
    /// The word names the message that was the oldest when the producer found no room. Once that message is
    /// acknowledged, the word says nothing any more, whether or not the producer has run since. So it cannot be
    /// mistaken for a producer that is about to go on.
    pub fn starved(&self) -> Option<Starved> {
        let head = self.head.get();
        // Pairs with the producer's store.
        let word = self.lane.producer.starved.load(acquire(Edge::Starved));
        let starved = Starved::unpack(word, head)?;
        let ahead = starved.seq.wrapping_sub(head);
        let is_live = ahead < self.cells() && !self.acknowledged.has(starved.seq);
        (is_live && (!starved.is_any || self.has_all_credits(starved))).then_some(starved)
    }

    /// Whether as many messages are not acknowledged, up to the one that is named, as the producer has credits: one that is
    /// done with has given its credit back, whether or not the producer has seen that.
    #[cold]
    fn has_all_credits(&self, starved: Starved) -> bool {
        let head = self.head.get();
        let seqs = (0..=starved.seq.wrapping_sub(head)).map(|ahead| head.wrapping_add(ahead));
        let has_credit = |seq: &u64| {
            let cell = cell(&self.lane, *seq);
            // Relaxed: the word was published after the message, and nothing but the kind is looked at.
            let is_there = cell.stamp.load(Relaxed) == seq.wrapping_add(1);
            let envelope = is_there.then(|| Envelope::unpack(cell.envelope.load(Relaxed))).flatten();
            !self.acknowledged.has(*seq) && envelope.is_some_and(|envelope| starved.has_asked(&envelope))
        };
        seqs.filter(has_credit).nth(CREDITS - 1).is_some()
    }

    /// Whether any message was taken and is not acknowledged.
    pub fn holds_any(&self) -> bool {
        self.head.get() != self.next.get()
    }

    /// Whether message `seq`, which is not acknowledged, was taken; perhaps it was put back.
    pub fn is_taken(&self, seq: u64) -> bool {
        let head = self.head.get();
        seq.wrapping_sub(head) < self.next.get().wrapping_sub(head)
    }
}
