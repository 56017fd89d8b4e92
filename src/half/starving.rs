//! A wait for a receiver that may have no reason to go on: it is told.

use super::Member;
use crate::abi::{Rank, Starved};
use crate::ring::Producer;
use core::cell::Cell as Private;

/// What a wait has told the receiver of a lane: which message is to be acknowledged before this goes on (I10). Taken back
/// when this is dropped.
#[derive(Default)]
pub struct Starving<'a> {
    /// Whether a thread waits: a call that does not wait starves nobody.
    waits: Private<bool>,
    told: Private<Option<Told<'a>>>,
}

#[derive(Clone, Copy)]
struct Told<'a> {
    member: &'a Member,
    producer: &'a Producer,
    seq: u64,
}

impl<'a> Starving<'a> {
    /// The thread begins to wait.
    pub fn begin(&self) {
        self.waits.set(true);
    }

    /// Tells the receiver, whose record this is, once, that the half of `member` goes on only when message `seq` of
    /// `producer` is acknowledged; where a thread waits.
    ///
    /// The word comes before the ring, as any message does. So a receiver that fell asleep before is woken, and one that
    /// falls asleep later sees the word at the look that follows (`rank::bell`). A process that stops between the two wakes
    /// nobody: its receiver looks at the end of its nap.
    pub fn tell(&self, member: &'a Member, receiver: &Rank, producer: &'a Producer, seq: u64) {
        let is_told = self.told.get().is_some_and(|told| told.seq == seq);
        if !self.waits.get() || is_told || member.check().is_err() {
            return;
        }
        self.told.set(Some(Told { member, producer, seq }));
        producer.starve(Starved { seq, epoch: member.epoch(), is_alone: member.finds_alone() });
        member.ring_mail(receiver);
    }
}

impl Drop for Starving<'_> {
    fn drop(&mut self) {
        if let Some(Told { member, producer, .. }) = self.told.get()
            && member.check().is_ok()
        {
            producer.end_starving();
        }
    }
}
