//! Mail that this receiver is done with or puts back.

use super::Incoming;
use crate::half::Member;
use crate::receive::assembled::Entry;
use crate::ring::{Descriptor, count};

impl Incoming {
    /// Tells the sender what is acknowledged.
    #[inline(always)]
    pub fn tell_head(&self, member: &Member) {
        self.consumer.publish_head();
        self.ring(member);
    }

    /// Gives back the room of message `seq`.
    #[inline(never)]
    pub fn acknowledge(&self, member: &Member, seq: u64) {
        // Only then is there room that was not there before.
        if self.consumer.acknowledge(seq) {
            self.ring(member);
        }
    }

    /// Gives back the room of message `seq` at once, even within a batch, because its sender waits for that.
    pub(super) fn pass(&self, member: &Member, seq: u64) {
        self.acknowledge(member, seq);
        self.settle(member);
    }

    /// Finishes a message of a drain. Tells the sender about it and those before it, unless a batch holds that back.
    pub fn finish_block(&self, member: &Member, descriptor: &Descriptor) {
        if self.consumer.retire(descriptor) || !member.is_in_batch() {
            self.settle(member);
        }
    }

    /// After the last message of a row, the one before `seq`: is done with it as `finish_block`, and begins the next row, if more
    /// may follow at once. Returns whether it did.
    #[cold]
    #[inline(never)]
    pub fn begin_next_row(&self, member: &Member, seq: u64) -> bool {
        if member.check().is_err() || !self.consumer.pass_row(seq) {
            return false;
        }
        if !member.is_in_batch() || self.consumer.is_due() {
            self.consumer.settle();
            self.ring(member);
        }
        self.consumer.follow_row(seq);
        true
    }

    /// Tells the sender what a batch acknowledged.
    pub fn settle(&self, member: &Member) {
        if self.consumer.unsettled() > 0 {
            self.consumer.settle();
            self.ring(member);
        }
    }

    #[inline(always)]
    pub(super) fn ring(&self, member: &Member) {
        if !member.room_needs_no_ring(&self.record) {
            self.ring_aloud(member);
        }
    }

    #[cold]
    #[inline(never)]
    fn ring_aloud(&self, member: &Member) {
        if member.ring_credit(&self.record) {
            count(&self.consumer.line().wakes, 1);
            self.woken.set(true);
        }
    }

    /// Finishes a message in private memory. Returns its bytes.
    pub fn finish(&self, member: &Member, descriptor: &Descriptor) -> Vec<u8> {
        let Some(Entry { bytes, cost, .. }) = self.kept.take(descriptor.seq) else { return Vec::new() };
        if cost.announced > 0 {
            member.budget.give_back(cost.announced);
        }
        if cost.moved > 0 {
            member.aside.give_back(cost.moved);
        }
        bytes
    }

    /// How many times a mail that was taken may have been handed out before.
    pub fn redeliveries(&self, descriptor: &Descriptor) -> u32 {
        if !descriptor.is_redelivered() {
            0
        } else if descriptor.is_on_line() {
            self.requeued_call.get().1
        } else if descriptor.is_assembled() {
            self.kept.redeliveries(descriptor.seq)
        } else {
            self.consumer.redeliveries(descriptor.seq)
        }
    }

    /// Leaves a mail unread that was handed out.
    #[cold]
    pub fn requeue(&self, descriptor: &Descriptor) {
        let count = self.redeliveries(descriptor).saturating_add(1);
        if descriptor.is_on_line() {
            self.requeued_call.set((descriptor.seq, count));
        } else {
            if descriptor.is_assembled() {
                self.kept.note_handed(descriptor.seq, count);
            } else {
                self.consumer.note_handed(descriptor.seq, count);
            }
            // It comes before the message that lacks memory.
            self.lift_bar(true, true);
        }
        self.put_back(&descriptor.marked(true));
    }

    /// Leaves a descriptor unread that was taken.
    pub fn put_back(&self, descriptor: &Descriptor) {
        if descriptor.is_on_line() {
            return self.server.put_back();
        }
        if !descriptor.is_assembled() {
            return self.leave(descriptor);
        }
        if self.kept.put_back(descriptor.seq) {
            self.note_unread(descriptor.seq, descriptor.envelope_word());
            self.mark_mixed();
        }
    }
}
