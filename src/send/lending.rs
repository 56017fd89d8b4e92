//! Waiting for room in the area for loans.
//!
//! Whatever a receiver acknowledges, it rings its sender for room; so a sender that waits for room looks again. A receiver is told that
//! it is waited for if there can be no room without it, whatever all others acknowledge. The mail that it is told of is the oldest of its
//! lane, whether or not that is a loan: cells are given back in order, so until that one is acknowledged no block of the lane is free.
//! Threads that share an endpoint tell nobody: another one may send to that receiver meanwhile, or give back what it has.

use super::{Outbox, ended};
use crate::abi::CHUNK;
use crate::error::{Broken, SendError};
use crate::half::{Member, Starving, end_starving};
use crate::pool::Blocks;
use crate::rank::Source;
use crate::ring::Loan;
use crate::wait::Operation;
use crate::wait::pace::POLL_PAUSES;
use core::cell::{Cell as Private, RefCell};

/// Begins a loan once there is room for it.
pub struct Lending<'a> {
    member: &'a Member,
    outbox: &'a Outbox,
    len: usize,
    /// Whether others may give back what this process holds.
    is_shared: bool,
    /// The loan, once it has begun.
    pub lent: Option<Loan>,
    waits: Private<bool>,
    /// The receivers that were told that it waits.
    told: RefCell<Vec<u32>>,
}

impl<'a> Lending<'a> {
    /// For `len` bytes. The loans that this process has are all the caller's.
    pub fn new(member: &'a Member, outbox: &'a Outbox, len: usize) -> Self {
        let (lent, waits, told) = (None, false.into(), RefCell::default());
        Self { member, outbox, len, is_shared: false, lent, waits, told }
    }

    /// Of one of several threads that may have loans.
    pub fn of_several(member: &'a Member, outbox: &'a Outbox, len: usize) -> Self {
        let mut lending = Self::new(member, outbox, len);
        lending.is_shared = true;
        lending
    }

    /// Begins the loan, if there is room. Returns whether there is.
    fn begin(&mut self) -> Result<bool, SendError> {
        match self.outbox.begin_loan(self.member, self.len) {
            Err(SendError::Full(_)) => Ok(false),
            begun => {
                self.lent = Some(begun?);
                Ok(true)
            }
        }
    }

    fn chunks(&self) -> u32 {
        (self.len as u64).div_ceil(CHUNK).max(1) as u32
    }

    /// Whether there would be room if all receivers acknowledged what they have, except for those that keep it, and other threads gave
    /// back what they have.
    fn would_fit(&self, keeps: impl Fn(u32) -> bool) -> bool {
        let (count, owner_keeps) = (self.chunks(), !self.is_shared);
        self.outbox.see_blocks(|blocks| blocks.would_fit(count, owner_keeps, keeps)).unwrap_or(true)
    }

    /// Why this receiver acknowledges nothing more.
    fn why_stuck(&self, to: u32, query: bool) -> Option<SendError> {
        if self.is_own(to) {
            return Some(SendError::Full(to));
        }
        let peer = self.outbox.opened(to)?;
        if peer.producer.acknowledged().is_err() {
            return Some(Broken::Corrupt(to).into());
        }
        self.member.end_of(to, query).map(|end| ended(to, end))
    }

    /// Whether only this thread could receive what was sent to this rank.
    fn is_own(&self, to: u32) -> bool {
        to == self.member.rank() && self.member.finds_alone()
    }

    /// If the thread waits: tells the receivers without which there will be no room.
    fn tell(&self) {
        if !self.waits.get() || self.is_shared {
            return;
        }
        let readers = self.outbox.see_blocks(Blocks::readers).unwrap_or_default();
        for to in readers.into_iter().filter(|to| !self.would_fit(|keeps| keeps == *to)) {
            if let Some(peer) = self.outbox.opened(to) {
                let starving = Starving::default();
                starving.begin();
                // What the look that found no room saw: what is acknowledged since may be enough.
                starving.tell(self.member, &peer.record, &peer.producer, peer.producer.seen_head());
                starving.pause();
                let mut told = self.told.borrow_mut();
                if !told.contains(&to) {
                    told.push(to);
                }
            }
        }
    }
}

impl Operation for Lending<'_> {
    type Error = SendError;

    fn look(&mut self, _: bool) -> Result<bool, SendError> {
        self.begin()
    }

    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        let place = self.member.check_place(query);
        let is_over = self.is_in_vain();
        let readers = self.outbox.see_blocks(Blocks::readers).unwrap_or_default();
        let stuck: Vec<_> =
            readers.into_iter().filter_map(|to| self.why_stuck(to, query).map(|why| (to, why))).collect();
        // After that was seen.
        if self.begin()? {
            return Ok(true);
        }
        place?;
        if is_over {
            return Err(SendError::Full(self.member.rank()));
        }
        if self.would_fit(|to| stuck.iter().any(|(one, _)| *one == to)) {
            self.tell();
            return Ok(false);
        }
        // One that would be in the way alone, if there is one.
        let alone = stuck.iter().find(|(one, _)| !self.would_fit(|to| to == *one));
        alone.or(stuck.first()).map_or(Ok(false), |(_, why)| Err(*why))
    }

    /// Whether what is in the way is this thread's.
    fn is_in_vain(&self) -> bool {
        !self.is_shared && !self.would_fit(|to| self.is_own(to))
    }

    fn pauses(&self) -> u32 {
        POLL_PAUSES
    }

    fn begin_wait(&self) {
        self.waits.set(true);
    }

    fn fall_asleep(&self) {
        self.tell();
        // It may wait for several.
        self.member.announce(Source::Anyone);
    }
}

impl Drop for Lending<'_> {
    fn drop(&mut self) {
        for peer in self.told.borrow().iter().filter_map(|to| self.outbox.opened(*to)) {
            end_starving(self.member, &peer.producer);
        }
    }
}
