//! What this rank has on loan.

use super::{Outbox, Outgoing};
use crate::abi::CHUNK;
use crate::error::{Broken, SendError};
use crate::half::Member;
use crate::memory::Shared;
use crate::pool::{Blocks, Which};
use crate::ring::{Loan, Slot};
use crate::sync::AtomicU64;
use core::cell::RefCell;

/// This rank's area for loans, and what of it is in use.
pub struct Loans {
    words: Shared<[AtomicU64]>,
    blocks: RefCell<Blocks>,
}

impl Outbox {
    /// Takes a block for `len` bytes, until [`Outbox::end_loan`]. Never waits: if it is [`SendError::Full`], what batches hold
    /// back is published, or nobody could make room.
    pub fn begin_loan(&self, member: &Member, len: usize) -> Result<Loan, SendError> {
        member.check()?;
        let limit = member.region.geometry().loans;
        let len = len as u64;
        if limit == 0 || len > limit {
            return Err(SendError::TooLarge { len, limit });
        }
        let loans = self.find_loans(member)?;
        let count = len.div_ceil(CHUNK).max(1) as u32;
        let first = loans.find(self, member, count)?;
        loans.blocks.borrow_mut().take(first, count);
        Ok(Loan { offset: CHUNK * u64::from(first), len })
    }

    /// The words of a loan that was begun and has not ended.
    pub fn words(&self, loan: &Loan) -> &[AtomicU64] {
        let first = (loan.offset / 8) as usize;
        self.loans.get().map_or(&[], |loans| &loans.words[first..first + loan.len.div_ceil(8) as usize])
    }

    /// Gives back what this loan has behind its first `len` bytes, which are all that it is from now on.
    pub fn shorten_loan(&self, loan: &mut Loan, len: usize) {
        loan.len = len as u64;
        self.change(|blocks| blocks.shorten(loan.chunks().start, loan.chunks().len() as u32));
    }

    /// Sends `peer` a reference to a loan that was begun and has not ended, in this slot, now or with its batch.
    pub fn refer(&self, member: &Member, peer: &Outgoing, slot: Slot, loan: Loan) -> Result<(), SendError> {
        self.change(|blocks| blocks.refer(loan.chunks().start, peer.to, slot.seq));
        self.publish(member, peer, &slot.of_loan(loan));
        Ok(peer.tell_reset()?)
    }

    /// The owner is done with this loan: its block is free once those have acknowledged it to whom it was sent.
    pub fn end_loan(&self, loan: &Loan) {
        self.change(|blocks| blocks.release(loan.chunks().start));
    }

    fn change(&self, change: impl FnOnce(&mut Blocks)) {
        if let Some(loans) = self.loans.get() {
            change(&mut loans.blocks.borrow_mut());
        }
    }

    /// The area, once it is known what of it former lives have on loan.
    fn find_loans(&self, member: &Member) -> Result<&Loans, Broken> {
        match self.loans.get() {
            Some(loans) => Ok(loans),
            None => {
                let loans = self.recover_loans(member)?;
                Ok(self.loans.get_or_init(|| loans))
            }
        }
    }

    /// Asks all lanes that this rank ever opened what their messages refer to that are not acknowledged; what a batch of a
    /// life that died held back is wiped there first. A lane that makes no sense refers to nothing: its messages are
    /// lost in its reset. One that cannot be asked for want of memory is an error, or what it refers to would be overwritten.
    #[cold]
    fn recover_loans(&self, member: &Member) -> Result<Loans, Broken> {
        let (region, me) = (&member.region, member.rank());
        let mut blocks = Blocks::new((region.geometry().loans / CHUNK) as u32);
        let has_lane = |to: &u32| self.peers.get(*to).is_some() || region.is_opened(me, *to);
        for to in (0..region.ranks()).filter(has_lane) {
            let peer = match self.find_or_open(member, to) {
                Ok(peer) => peer,
                Err(Broken::Corrupt(_)) => continue,
                Err(error) => return Err(error),
            };
            // Only to know less of it; where that word makes no sense, what was seen of it before still holds.
            let _ = peer.producer.acknowledged();
            for (seq, loan) in peer.producer.loans() {
                blocks.adopt(to, seq, loan.chunks());
            }
        }
        Ok(Loans { words: region.segment.loans(me), blocks: blocks.into() })
    }
}

impl Loans {
    /// The first of `count` free chunks in a row that have memory.
    fn find(&self, outbox: &Outbox, member: &Member, count: u32) -> Result<u32, SendError> {
        let mut blocks = self.blocks.borrow_mut();
        let reserve = |first| member.region.segment.reserve_loan(member.rank(), first..first + count).is_ok();
        if blocks.is_young()
            && let Some(first) = blocks.find(count, Which::Cold)
            && reserve(first)
        {
            return Ok(first);
        }
        if let Some(first) = blocks.find(count, Which::Warm) {
            return Ok(first);
        }
        outbox.hear(&mut blocks);
        if let Some(first) = blocks.find(count, Which::Warm) {
            return Ok(first);
        }
        let Some(first) = blocks.find(count, Which::Any) else {
            // Else a program that tries again and again would wait for what nobody sees.
            outbox.flush(member);
            return Err(SendError::Full);
        };
        if reserve(first) { Ok(first) } else { Err(Broken::NoSpace(member.rank()).into()) }
    }
}

impl Outbox {
    /// Looks at what those acknowledged to whom blocks were sent. A lane whose head makes no sense keeps its own.
    fn hear(&self, blocks: &mut Blocks) {
        for to in blocks.readers() {
            if let Some(Ok(head)) = self.peers.get(to).map(|peer| peer.producer.acknowledged()) {
                blocks.free_below(to, head);
            }
        }
    }
}
