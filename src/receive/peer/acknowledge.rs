//! Mail that this receiver is done with, or puts back.

use super::Incoming;
use crate::half::Member;
use crate::receive::reassembly::Content;
use crate::ring::{Letter, count};

impl Incoming {
    /// Tells the sender what is acknowledged.
    #[inline(always)]
    pub fn tell_head(&self, member: &Member) {
        self.consumer.publish_head();
        self.ring(member);
    }

    /// Gives back the room of message `seq`.
    pub fn acknowledge(&self, member: &Member, seq: u64) {
        self.consumer.acknowledge(seq);
        self.ring(member);
    }

    /// Gives back the room of fragment `seq` at once, whatever the batch: its sender waits for that.
    pub(super) fn pass(&self, member: &Member, seq: u64) {
        self.acknowledge(member, seq);
        self.settle(member);
    }

    /// Done with a message of a drain; tells the sender of it, and of those before it, unless a batch holds that back.
    pub fn finish_block(&self, member: &Member, letter: &Letter) {
        if self.consumer.retire(letter) || !member.is_in_batch() {
            self.settle(member);
        }
    }

    /// Tells the sender of what a batch acknowledged.
    pub fn settle(&self, member: &Member) {
        if self.consumer.unsettled() > 0 {
            self.consumer.settle();
            self.ring(member);
        }
    }

    #[inline(always)]
    pub(super) fn ring(&self, member: &Member) {
        if !member.is_credit_heard(&self.record) {
            self.ring_aloud(member);
        }
    }

    #[cold]
    pub(super) fn ring_aloud(&self, member: &Member) {
        if member.ring_credit(&self.record) {
            count(&self.consumer.line().wakes, 1);
            self.woken.set(true);
        }
    }

    /// Done with a mail that is not a whole message in the mailbox; the bytes, if it was assembled.
    pub fn finish(&self, member: &Member, letter: &Letter) -> Vec<u8> {
        match self.kept.take(letter.seq) {
            Some(Content::Message { bytes, .. }) => {
                member.budget.give_back(bytes.len() as u64);
                bytes
            }
            _ => {
                self.pass(member, letter.seq);
                Vec::new()
            }
        }
    }

    /// Leaves a mail unread that was handed out.
    #[cold]
    pub fn requeue(&self, letter: &Letter) {
        if letter.is_on_line() {
            self.requeued_call.set(letter.seq);
        } else {
            self.consumer.note_handed(letter.seq);
            // It comes before the message for which memory is lacking.
            self.lift_bar(true, true);
        }
        self.put_back(letter);
    }

    /// Leaves a letter that was taken unread.
    pub fn put_back(&self, letter: &Letter) {
        if letter.is_on_line() {
            return self.answerer.put_back();
        }
        if !letter.is_assembled() {
            return self.consumer.put_back(letter.seq);
        }
        if self.kept.set_returned(letter.seq, true) {
            self.complicate();
        }
    }
}
