//! What this rank has on loan.
//!
//! `loan` takes a block, `commit` gives back the chunks that are not needed, and each `send` puts a reference into
//! one mail lane: a cell with the offset and the length. In all else it is a message: it keeps its order, may be held
//! back by a batch, left unread, drained and redelivered. It may be longer than `max_message`, which only limits what
//! receivers copy.
//!
//! - A reference whose offset is not that of a chunk, or that reaches beyond the area, is `Corrupt` for its pair, and
//!   for no other.
//! - The owner makes sure that a block has memory when it first takes its chunks. A reader does so at its first
//!   reference to a chunk; if there is none, the mail stays.
//! - The first loan of a life asks every lane that the rank ever had. So a successor hands out nothing that an
//!   unacknowledged cell names. A lane that makes no sense counts for nothing, or one receiver could keep the whole
//!   area from all others. What the predecessor wrote and did not send is free at once.
//! - It reads heads only if no run with memory is free, and returns `Full` if that frees none. `lending` waits for that.

use super::{Outbox, Outgoing};
use crate::abi::CHUNK;
use crate::error::{Broken, SendError};
use crate::half::Member;
use crate::memory::Shared;
use crate::pool::{Blocks, Which};
use crate::ring::{Loan, Slot};
use crate::sync::AtomicU64;
use core::cell::RefCell;

/// This rank's area for loans, and which part of it is in use.
pub struct Loans {
    words: Shared<[AtomicU64]>,
    blocks: RefCell<Blocks>,
}

impl Outbox {
    /// Takes a block for `len` bytes, until [`Outbox::end_loan`]. Never waits. Before it returns [`SendError::Full`],
    /// it publishes what batches hold back; otherwise no receiver could make room.
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

    /// The words of a loan that has begun and not ended.
    pub fn words(&self, loan: &Loan) -> &[AtomicU64] {
        self.loans.get().map_or(&[], |loans| &loans.words[loan.words()])
    }

    /// This rank's area, once a loan has begun.
    pub fn area(&self) -> Option<Shared<[AtomicU64]>> {
        self.loans.get().map(|loans| loans.words.clone())
    }

    /// Shortens the loan to its first `len` bytes and gives the rest back.
    pub fn shorten_loan(&self, loan: &mut Loan, len: usize) {
        loan.len = len as u64;
        self.change(|blocks| blocks.shorten(loan.chunks().start, loan.chunks().len() as u32));
    }

    /// Sends `peer` a reference to a loan that has begun and not ended, in this slot, now or with its batch.
    pub fn refer(&self, member: &Member, peer: &Outgoing, slot: Slot, loan: Loan) -> Result<(), SendError> {
        self.change(|blocks| blocks.refer(loan.chunks().start, peer.to, slot.seq));
        self.publish(member, peer, &slot.of_loan(loan));
        Ok(peer.tell_reset()?)
    }

    /// The owner is done with this loan. Its block is free when all its receivers have acknowledged it.
    pub fn end_loan(&self, loan: &Loan) {
        self.change(|blocks| blocks.release(loan.chunks().start));
    }

    /// What is in use of this rank's area, once a loan has begun.
    pub fn see_blocks<R>(&self, see: impl FnOnce(&Blocks) -> R) -> Option<R> {
        self.loans.get().map(|loans| see(&loans.blocks.borrow()))
    }

    fn change(&self, change: impl FnOnce(&mut Blocks)) {
        if let Some(loans) = self.loans.get() {
            change(&mut loans.blocks.borrow_mut());
        }
    }

    /// The area, once it is known what former lives still have on loan there.
    fn find_loans(&self, member: &Member) -> Result<&Loans, Broken> {
        match self.loans.get() {
            Some(loans) => Ok(loans),
            None => {
                let loans = self.recover_loans(member)?;
                Ok(self.loans.get_or_init(|| loans))
            }
        }
    }

    /// Asks all lanes that this rank ever opened what their unacknowledged messages refer to. What a batch of a dead
    /// life held back is wiped first. A lane that makes no sense refers to nothing, because its messages are lost in
    /// its reset. If a lane cannot be asked because there is no memory, that is an error; otherwise what it refers to
    /// could be overwritten.
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
            // This only frees more. If that word makes no sense, what was seen before still holds.
            let _ = peer.producer.acknowledged();
            for (seq, loan) in peer.producer.loans() {
                blocks.adopt(to, seq, loan.chunks());
            }
        }
        Ok(Loans { words: region.segment.loans(me), blocks: blocks.into() })
    }
}

impl Loans {
    /// The first of `count` consecutive free chunks that have memory.
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
            // Otherwise a program that tries again and again would wait for messages that nobody can see.
            outbox.flush(member);
            return Err(SendError::Full(member.rank()));
        };
        if reserve(first) { Ok(first) } else { Err(Broken::NoSpace(member.rank()).into()) }
    }
}

impl Outbox {
    /// Reads what the receivers of blocks have acknowledged. A lane whose head makes no sense keeps its blocks.
    fn hear(&self, blocks: &mut Blocks) {
        for to in blocks.readers() {
            if let Some(Ok(head)) = self.peers.get(to).map(|peer| peer.producer.acknowledged()) {
                blocks.free_below(to, head);
            }
        }
    }
}
