//! A producer that waits for this consumer.

use super::Consumer;
use crate::abi::Starved;
use crate::sync::{Edge, acquire};

impl Consumer {
    /// The message that the producer waits for, if it says that it waits and that message is not acknowledged. All
    /// that it had sent is visible then.
    ///
    /// The word names the message that was the oldest when the producer found no room. Once that message is
    /// acknowledged, the word says nothing any more, whether or not the producer has run since. So it cannot be
    /// mistaken for a producer that is about to go on.
    /// producer that is only about to go on.
    pub fn starved(&self) -> Option<Starved> {
        let head = self.head.get();
        // Pairs with the producer's store.
        let word = self.lane.producer.starved.load(acquire(Edge::Starved));
        let is_live = |seq: u64| seq.wrapping_sub(head) < self.cells() && !self.acknowledged.has(seq);
        Starved::unpack(word, head).filter(|starved| is_live(starved.seq))
    }

    /// Whether any message was taken and is not acknowledged.
    pub fn holds_any(&self) -> bool {
        self.head.get() != self.next.get()
    }

    /// Whether message `seq`, which is not acknowledged, was taken and not put back.
    pub fn holds(&self, seq: u64) -> bool {
        let head = self.head.get();
        seq.wrapping_sub(head) < self.next.get().wrapping_sub(head) && !self.unread.has(seq)
    }
}
