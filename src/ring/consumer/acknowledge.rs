//! Messages that the reader is done with.

use super::{Consumer, is_much};
use crate::ring::descriptor::Descriptor;
use crate::sync::{Edge, Ordering::Relaxed, release};

impl Consumer {
    /// Acknowledges message `seq`, which was taken; in any order. `head` moves to the oldest message that is not
    /// acknowledged. Returns whether it moved.
    pub fn acknowledge(&self, seq: u64) -> bool {
        let is_moved = self.pass(seq);
        if is_moved {
            self.settle();
        }
        is_moved
    }

    /// Like [`Consumer::acknowledge`], and tells the producer also of what a batch retired.
    #[inline(always)]
    pub fn acknowledge_at_once(&self, seq: u64) {
        if self.pass(seq) || self.unsettled() > 0 {
            self.settle();
        }
    }

    /// Like [`Consumer::acknowledge`], but the producer is not told until [`Consumer::settle`]. Returns whether that
    /// is due, because a quarter of the mailbox has not been told.
    #[inline(always)]
    pub fn retire(&self, descriptor: &Descriptor) -> bool {
        if !descriptor.is_in_cell() {
            self.owed.set(self.owed.get() + descriptor.len);
        }
        self.pass(descriptor.seq)
            && (self.is_due() || is_much(self.owed.get() as u64, self.lane.layout.bytes_of_share()))
    }

    /// Like `retire`, but only for a message in its cell whose turn it is, and after which nothing is due. Returns whether it is that.
    #[inline(always)]
    pub fn retire_next(&self, descriptor: &Descriptor) -> bool {
        let is_due = || is_much(self.unsettled().wrapping_add(1), self.cells());
        let is_cheap = descriptor.is_in_cell() && self.owed.get() == 0 && !is_due();
        is_cheap && self.pass_oldest(descriptor.seq)
    }

    /// Moves `head` past message `seq`, which is done with, if possible. Returns whether it did.
    #[inline(always)]
    fn pass(&self, seq: u64) -> bool {
        self.pass_oldest(seq) || self.pass_any(seq)
    }

    /// Moves `head` past message `seq`, which is done with, if it is the oldest and no later one is done with.
    /// Returns whether it did.
    #[inline(always)]
    pub fn pass_oldest(&self, seq: u64) -> bool {
        let is_oldest = self.is_oldest(seq);
        if is_oldest {
            self.head.set(seq.wrapping_add(1));
        }
        is_oldest
    }

    #[inline(always)]
    pub(super) fn is_oldest(&self, seq: u64) -> bool {
        seq == self.head.get() && !self.acknowledged.any()
    }

    /// Notes that message `seq` is done with, if an older one is not: `head` stays. Returns whether it is that.
    #[inline(always)]
    pub fn pass_later(&self, seq: u64) -> bool {
        let is_later = seq != self.head.get();
        if is_later {
            self.acknowledged.set(seq);
        }
        is_later
    }

    #[inline(never)]
    fn pass_any(&self, seq: u64) -> bool {
        let is_later = self.pass_later(seq);
        if !is_later {
            let after = seq.wrapping_add(1);
            self.head.set(after.wrapping_add(self.acknowledged.clear_run(after)));
        }
        !is_later
    }

    /// Tells the producer of all that is acknowledged.
    pub fn settle(&self) {
        self.owed.set(0);
        self.publish_head();
    }

    /// Tells the producer of all that is acknowledged, including what a batch retired.
    #[inline(always)]
    pub fn publish_head(&self) {
        // Pairs with the producer's load: our reads of the payload are finished.
        self.lane.consumer.head.store(self.head.get(), release(Edge::Head));
    }

    /// Whether the producer has not been told of a quarter of the mailbox.
    #[inline(always)]
    pub fn is_due(&self) -> bool {
        is_much(self.unsettled(), self.cells())
    }

    /// How many acknowledgements the producer has not been told of. May be impossibly many if a peer overwrote the
    /// word.
    #[inline(always)]
    pub fn unsettled(&self) -> u64 {
        // Only this side writes the word. If a peer has changed it, that only changes when we settle.
        self.head.get().wrapping_sub(self.lane.consumer.head.load(Relaxed))
    }
}
