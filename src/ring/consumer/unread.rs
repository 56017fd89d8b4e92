//! Messages that stay in the lane and are not handed out: they were put back, or a receive did not take them.

use super::Consumer;
use crate::abi::Envelope;
use crate::ring::cell;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

impl Consumer {
    /// The oldest message that was put back.
    pub fn next_unread(&self) -> Option<u64> {
        if self.unread.any() { self.search_unread() } else { None }
    }

    /// How many messages were put back.
    #[inline(always)]
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// Whether message `seq` was put back.
    pub fn is_unread(&self, seq: u64) -> bool {
        self.is_taken(seq) && self.unread.has(seq)
    }

    #[cold]
    fn search_unread(&self) -> Option<u64> {
        self.unread.first_from(self.head.get())
    }

    /// The messages that were put back, oldest first.
    pub fn all_unread(&self) -> impl Iterator<Item = u64> {
        let head = self.head.get();
        let taken = self.next.get().wrapping_sub(head);
        let seqs = (0..taken).map(move |ahead| head.wrapping_add(ahead));
        seqs.filter(|seq| self.unread.has(*seq))
    }

    /// The word of the envelope of message `seq`, if that is there and makes sense.
    #[inline(always)]
    pub fn envelope(&self, seq: u64) -> Option<u64> {
        let cell = cell(&self.lane, seq);
        // Pairs with the producer's store: the envelope is there.
        let is_there = cell.stamp.load(acquire(Edge::Stamp)) == seq.wrapping_add(1);
        Some(cell.envelope.load(Relaxed)).filter(|word| is_there && Envelope::unpack(*word).is_some())
    }

    /// Puts message `seq`, which was taken, back. It is the next to be taken, and keeps its place.
    pub fn put_back(&self, seq: u64) {
        if !self.unread.any() {
            self.grant(0);
        }
        self.unread.set(seq);
    }

    /// Notes that message `seq`, which was put back, was never handed out, though later ones may be.
    pub fn note_unseen(&self, seq: u64) {
        self.unseen.set(seq);
    }

    /// Leaves the next message unread, as if it had been taken and put back unseen: its number and its envelope's word. `None` if
    /// it makes no sense, or is not there. Prefetches where there are many.
    pub fn leave_next(&self) -> Option<(u64, u64)> {
        let seq = self.next.get();
        if self.is_exhausted(seq) {
            return None;
        }
        self.prefetch_passing(seq);
        let descriptor = self.look(seq).ok()??;
        self.advance(seq);
        self.put_back(seq);
        if !descriptor.is_redelivered() {
            self.unseen.set(seq);
        }
        Some((seq, descriptor.envelope))
    }
}
