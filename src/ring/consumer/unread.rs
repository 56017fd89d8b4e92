//! Messages that stay in the lane and are not handed out: they were put back, or a receive did not take them.

use super::Consumer;
use crate::abi::{Envelope, Filter};
use crate::memory;
use crate::ring::cell;
use crate::ring::descriptor::Descriptor;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

/// So many steps ahead a message is prefetched that may be taken soon.
const STEPS: u64 = 6;

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

    /// Puts message `seq`, which was taken and handed out, back. It is the next to be taken, and keeps its place.
    pub fn put_back(&self, seq: u64) {
        self.leave(seq);
        self.requeued.set(seq);
    }

    /// The same for one that was never handed out, though later ones may be.
    #[inline(always)]
    pub fn leave(&self, seq: u64) {
        if !self.unread.any() {
            self.grant(0);
        }
        self.unread.set(seq);
    }

    /// Takes message `seq`, in the common case only: it was put back unseen, is whole and in its cell, and `filter` takes it.
    #[inline(always)]
    pub fn take_unread(&self, seq: u64, filter: Filter) -> Option<Descriptor> {
        if !self.is_taken(seq) || self.requeued.has(seq) {
            return None;
        }
        let (index, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: the envelope and the payload are there.
        if cell.stamp.load(acquire(Edge::Stamp)) != seq.wrapping_add(1) {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let len = filter.small(envelope)?;
        if !self.unread.clear(seq) {
            return None;
        }
        self.claim(seq.wrapping_add(1));
        self.prefetch_like(seq);
        Some(Descriptor::in_cell(seq, envelope, len, index))
    }

    /// Message `seq` is taken. Prefetches one that comes soon if the next ones are as far apart as this and the last: no processor
    /// sees that in the permuted order of cells. Any cell may be prefetched.
    #[inline(always)]
    fn prefetch_like(&self, seq: u64) {
        let step = seq.wrapping_sub(self.taken.replace(seq));
        memory::prefetch(cell(&self.lane, seq.wrapping_add(step.wrapping_mul(STEPS))));
    }

    /// Like `leave_next`, in the common case only: the next message was never handed out, is whole and in its cell, and `filter`
    /// does not take it.
    #[inline(always)]
    pub fn leave_other(&self, filter: Filter) -> Option<(u64, u64)> {
        let seq = self.next.get();
        let (_, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: the envelope is there.
        if cell.stamp.load(acquire(Edge::Stamp)) != seq.wrapping_add(1) {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let is_other = Filter::is_small(envelope) && !filter.takes_label(envelope & Filter::LABEL);
        if !is_other || self.is_exhausted(seq) || self.is_handed(seq) {
            return None;
        }
        self.prefetch_passing(seq);
        self.advance(seq);
        self.leave(seq);
        Some((seq, envelope))
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
        if descriptor.is_redelivered() {
            self.put_back(seq);
        } else {
            self.leave(seq);
        }
        Some((seq, descriptor.envelope))
    }
}
