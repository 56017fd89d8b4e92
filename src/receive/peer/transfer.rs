//! An announced message on its way.
//!
//! A receive that finds an announcement asks for the message and takes it in, into private memory that is reserved at
//! once, if the endpoint's *budget* has it left. All senders share the budget. A message that does not fit stays in
//! its cell, and the receive returns an error that says how much is needed and how much is left. It bars only its own
//! mailbox. A receive that does not wait takes in at most 2 MiB. A receive into the caller's buffer, and a fetch by
//! hand, take no private memory.

use super::Incoming;
use super::state::State;
use crate::abi::{ANNOUNCEMENT, Filter, Kind, epoch_of};
use crate::error::{Broken, FetchError, RecvError};
use crate::half::{Member, no_pages};
use crate::memory;
use crate::ring::{Descriptor, count};
use crate::sync::Ordering::Relaxed;
use std::time::Instant;

/// How many pieces one look takes.
const PIECES: u32 = 2;

/// An announced message on its way.
pub struct Arriving {
    /// Its announcement, which was taken and is not acknowledged.
    descriptor: Descriptor,
    len: u64,
    /// The bytes that came, in a buffer for all of it; `None` if it is fetched by hand.
    bytes: Option<Vec<u8>>,
}

impl Arriving {
    /// How many bytes of memory it takes.
    pub fn memory(&self) -> u64 {
        if self.bytes.is_some() { self.len } else { 0 }
    }
}

impl Incoming {
    /// The length of the announced message.
    pub fn announced(&self, announcement: &Descriptor) -> u64 {
        self.consumer.words(announcement)[1].load(Relaxed)
    }

    /// Whether the sender has given the announced message up.
    fn is_retracted(&self, announcement: &Descriptor) -> bool {
        self.consumer.words(announcement)[0].load(Relaxed) != 0
    }

    /// Handles an announcement that was taken. With `by_hand` it is returned as a mail, otherwise the message is
    /// asked for. `None` if the message is to come, or never comes.
    pub(super) fn begin(
        &self,
        member: &Member,
        descriptor: Descriptor,
        by_hand: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        if !descriptor.is_in_cell() || descriptor.len != ANNOUNCEMENT {
            return Err(self.corrupted(member));
        }
        let len = self.announced(&descriptor);
        if len > member.limit as u64 {
            return Err(self.corrupted(member));
        }
        // A former receiver of this rank may have had it.
        if self.is_cut(&descriptor) || self.target.was_wanted(descriptor.seq) {
            self.drop_announced(member, &descriptor);
            return Ok(None);
        }
        if by_hand {
            return Ok(Some(descriptor.without_bytes()));
        }
        if self.arriving.borrow().is_some() {
            self.leave(&descriptor);
            if !self.is_taken_in() {
                // Another message is being fetched by hand.
                self.enter(State::Behind(descriptor.seq));
            }
            return Ok(None);
        }
        let Some(bytes) = member.budget.take(len) else {
            if member.end_of(self.from, true).is_some() {
                // Its bytes are gone with its sender.
                self.drop_announced(member, &descriptor);
                return Ok(None);
            }
            let error = Broken::NoMemory { rank: self.from, len, left: member.budget.left() }.into();
            return Err(self.bar(&descriptor, State::LacksMemory(descriptor.seq), error));
        };
        if let Err(error) = self.ask_for(member, descriptor, len, Some(bytes)) {
            member.budget.give_back(len);
            let lacks = State::LacksSpace(descriptor.seq, Instant::now() + super::RESPITE);
            return Err(self.bar(&descriptor, lacks, error.into()));
        }
        self.enter(State::Arriving);
        Ok(None)
    }

    /// Asks for the announced message, to be fetched by hand. Once for each. An error if another message is under
    /// way.
    pub fn begin_fetch(&self, member: &Member, descriptor: Descriptor, len: u64) -> Result<(), FetchError> {
        if self.arriving.borrow().is_some() {
            return Err(FetchError::Held(self.from));
        }
        Ok(self.ask_for(member, descriptor, len, None)?)
    }

    fn ask_for(
        &self,
        member: &Member,
        descriptor: Descriptor,
        len: u64,
        bytes: Option<Vec<u8>>,
    ) -> Result<(), Broken> {
        if !self.has_ring.get() {
            let completed = member.region.segment.complete_transfer(self.from, member.rank());
            completed.map_err(|error| no_pages(self.from, &error))?;
            self.has_ring.set(true);
        }
        self.arriving.replace(Some(Arriving { descriptor, len, bytes }));
        self.target.want(descriptor.seq, len);
        self.ring_both(member);
        Ok(())
    }

    /// Whether there is something new of the message that a receive takes in.
    pub(super) fn has_news(&self) -> bool {
        self.arriving.borrow().as_ref().is_some_and(|arriving| {
            let has_all = self.target.consumed() == arriving.len;
            has_all || self.target.ready() != Ok(0) || self.is_retracted(&arriving.descriptor)
        })
    }

    /// Whether a receive takes in the message that is under way.
    pub(super) fn is_taken_in(&self) -> bool {
        self.arriving.borrow().as_ref().is_some_and(|arriving| arriving.bytes.is_some())
    }

    /// The number of the message that is under way, if `filter` takes it.
    pub(super) fn arriving_for(&self, filter: Filter) -> Option<u64> {
        let arriving = self.arriving.borrow();
        let descriptor = arriving.as_ref().map(|arriving| arriving.descriptor)?;
        filter.takes(descriptor.envelope_word()).then_some(descriptor.seq)
    }

    /// The number of the message that is under way.
    pub(super) fn arriving(&self) -> Option<u64> {
        self.arriving.borrow().as_ref().map(|arriving| arriving.descriptor.seq)
    }

    /// Takes in what has come. Returns the message if it is complete.
    pub(super) fn go_on(&self, member: &Member) -> Result<Option<Descriptor>, RecvError> {
        let mut slot = self.arriving.borrow_mut();
        let Some(Arriving { descriptor, len, bytes: Some(bytes), .. }) = slot.as_mut() else {
            return Ok(None);
        };
        let (descriptor, len) = (*descriptor, *len);
        for _ in 0..PIECES {
            let taken = self.target.take(len - bytes.len() as u64, |words, _, count| {
                // A piece begins at a word, because all pieces before it were taken whole and end at one.
                memory::append(words, count, bytes);
            });
            match taken {
                Ok(true) => self.ring_both(member),
                Ok(false) => break,
                Err(_) => {
                    drop(slot);
                    return Err(self.corrupted(member));
                }
            }
        }
        if bytes.len() as u64 == len {
            let bytes = core::mem::take(bytes);
            *slot = None;
            drop(slot);
            let handed = self.redeliveries(&descriptor);
            self.tell(member, &descriptor, Kind::Ack);
            self.state.set(State::Mixed);
            let assembled = descriptor.assembled(bytes.len());
            self.kept.add(assembled, bytes, len, handed);
            return Ok(Some(assembled));
        }
        drop(slot);
        if self.target.ready() == Ok(0) && self.is_retracted(&descriptor) {
            self.drop_arriving(member);
        }
        Ok(None)
    }

    /// The next bytes of the announced message, which is fetched by hand: as many as are there, are contiguous, and
    /// fit. An error if no more will come.
    pub fn fetch(
        &self,
        member: &Member,
        descriptor: &Descriptor,
        buffer: &mut [u8],
    ) -> Result<usize, FetchError> {
        if self.arriving() != Some(descriptor.seq) {
            return Err(FetchError::Cut(self.from)); // A reset, or garbage.
        }
        let mut taken = 0;
        let result = self.target.take(buffer.len() as u64, |words, at, count| {
            memory::load_at(words, at, &mut buffer[..count]);
            taken = count;
        });
        if result.is_err() {
            return Err(self.corrupted::<FetchError>(member));
        }
        if taken > 0 {
            self.ring_both(member);
        }
        Ok(taken)
    }

    /// Whether there is something to fetch, or no more will come.
    pub fn has_fetch(&self, descriptor: &Descriptor) -> bool {
        self.arriving() != Some(descriptor.seq) || self.target.ready() != Ok(0)
    }

    /// Whether no more of the announced message will come: its sender gave it up, or that life of the sender is over.
    pub fn is_cut(&self, descriptor: &Descriptor) -> bool {
        self.is_retracted(descriptor) || self.epoch_of(descriptor) != self.life().epoch()
    }

    /// Finishes a fetch by hand, of all or a part, or a mail that was not fetched.
    pub fn end_fetch(&self, member: &Member, descriptor: &Descriptor, is_received: bool) {
        if self.arriving() == Some(descriptor.seq) {
            self.arriving.replace(None);
            if matches!(self.state.get(), State::Behind(_)) {
                self.state.set(State::Mixed);
            }
        }
        self.tell(member, descriptor, if is_received { Kind::Ack } else { Kind::Dropped });
    }

    /// Drops the message that a receive takes in, if its sender's life is over and a successor has come, which may
    /// never send anything.
    pub(super) fn check_arriving(&self, member: &Member) {
        let is_cut =
            self.arriving.borrow().as_ref().is_some_and(|arriving| self.is_cut(&arriving.descriptor));
        // All that earlier lives sent is visible from here on.
        if is_cut && !self.has_news() {
            self.drop_arriving(member);
        }
    }

    /// Whether the announcement that waits (for memory, or until another message was fetched) is over.
    pub(super) fn is_waiting_in_vain(&self, seq: u64) -> bool {
        let waiting = self.consumer.peek(seq).filter(Descriptor::is_announcement);
        waiting.is_none_or(|descriptor| self.is_cut(&descriptor))
    }

    /// If a receive with this filter finds nothing: drops what its sender, which is gone, announced and had not sent.
    pub fn drop_of_gone(&self, member: &Member, filter: Filter) {
        if self.finds(filter) {
            return;
        }
        match self.state.get() {
            State::LacksMemory(seq) | State::Behind(seq) => self.drop_waiting(member, seq),
            _ => self.drop_arriving(member),
        }
    }

    /// Drops the announcement that waits.
    fn drop_waiting(&self, member: &Member, seq: u64) {
        self.state.set(State::Mixed);
        match self.consumer.take_or_next(Some(seq)) {
            Ok(Some(descriptor)) if descriptor.is_announcement() => self.drop_announced(member, &descriptor),
            Ok(Some(descriptor)) => self.leave(&descriptor),
            // The next look finds out the reason.
            _ => {}
        }
    }

    /// Drops the message that a receive takes in, if there is one.
    fn drop_arriving(&self, member: &Member) {
        if !matches!(self.state.get(), State::Arriving) {
            return;
        }
        let Some(arriving) = self.arriving.take() else { return };
        member.budget.give_back(arriving.memory());
        self.state.set(State::Mixed);
        self.drop_announced(member, &arriving.descriptor);
    }

    /// Drops an announced message, counts it, and tells its sender.
    fn drop_announced(&self, member: &Member, announcement: &Descriptor) {
        count(&self.consumer.line().drops, 1);
        self.tell(member, announcement, Kind::Dropped);
    }

    /// The epoch of the sender's life that wrote this.
    fn epoch_of(&self, descriptor: &Descriptor) -> u64 {
        epoch_of(descriptor.envelope().epoch, self.life().epoch())
    }

    /// Rings a sender that may sleep for room or for mail.
    fn ring_both(&self, member: &Member) {
        self.ring(member);
        self.ring_caller(member);
    }
}
