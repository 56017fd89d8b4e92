//! Answers that are taken in their order.

use super::Consumer;
use crate::abi::{CallId, Envelope, INLINE, Kind};
use crate::memory;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

/// How many answers ahead one is prefetched: a caller that has many calls under way would wait for each line in turn.
const AHEAD: u64 = 2;

impl Consumer {
    /// The payload of the next message, and its length, if it is an answer to this call that lies in its cell, and nothing before it
    /// is left. It is taken and acknowledged. `None` says nothing, and changes nothing.
    #[inline(always)]
    pub fn take_answer(&self, id: CallId, is_wanted: impl FnOnce() -> bool) -> Option<([u8; INLINE], usize)> {
        let seq = self.next.get();
        let (_, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: the envelope and the payload are there.
        if cell.stamp.load(acquire(Edge::Stamp)) != seq.wrapping_add(1) {
            return None;
        }
        let len = Envelope::len_of_numbered(cell.envelope.load(Relaxed), Kind::Answer, id.number())?;
        if self.head.get() != seq || self.is_resetting() || !is_wanted() {
            return None;
        }
        let bytes = bytemuck::cast(cell.payload.each_ref().map(|word| word.load(Relaxed)));
        // It is there by now, if the server is not behind.
        memory::prefetch(self.lane.cells.find(seq.wrapping_add(AHEAD)).1);
        self.advance(seq);
        self.head.set(seq.wrapping_add(1));
        self.publish_head();
        Some((bytes, len))
    }
}
