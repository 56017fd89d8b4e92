//! A mailbox that an endpoint reads from.

mod acknowledge;
mod answer;
mod aside;
mod payload;
mod starved;
mod state;
mod transfer;
mod unread;

use answer::Answers;
use state::State;
use transfer::Arriving;
use unread::Sought;

pub use answer::Answering;

use super::assembled::{Assembled, Cost};
use super::unread::Unread;
use crate::abi::{Envelope, Filter, INLINE, Kind, Location, Rank, is_below};
use crate::error::{Broken, RecvError};
use crate::half::{Member, no_pages};
use crate::memory::{Mailbox, Shared};
use crate::rank::Life;
use crate::ring::{Consumer, Corrupt, Descriptor, Server, Target};
use crate::sync::{Edge, acquire};
use crate::wait::pace::RESPITE;
use core::cell::{Cell as Private, RefCell};
use std::time::Instant;

/// The envelope of any call.
const CALL: u64 = Envelope::numbered(0, 0, Kind::Call, Location::Inline(0)).pack();

/// What stands for the number of a mail that was told, where none was. No mail has it, and no call.
const NOT_TOLD: u64 = u64::MAX - 1;

/// One sender's mailbox to this endpoint, and what is under way in it.
pub struct Incoming {
    /// The sender.
    pub from: u32,
    /// The sender's record.
    pub record: Shared<Rank>,
    /// Takes what is in the mail lane.
    pub consumer: Consumer,
    /// Receives calls through the call line.
    server: Server,
    /// Sends answers that do not go through the call line.
    answers: Answers,
    state: Private<State>,
    /// Whether a receive from anyone has reported that memory is lacking.
    pub reported_bar: Private<bool>,
    /// Whether its sender slept until there was room, was woken, and nothing of it was seen since.
    woken: Private<bool>,
    /// Receives announced messages.
    target: Target,
    /// Whether this end has made sure that their ring has memory.
    has_ring: Private<bool>,
    /// The announced message that is under way.
    arriving: RefCell<Option<Arriving>>,
    /// The mail of which a receive from anyone has reported that it keeps its sender from sending.
    reported_held: Private<Option<u64>>,
    /// The stamp of the call on the line that was last put back, and how many times it had been handed out; 0 for
    /// none.
    requeued_call: Private<(u64, u32)>,
    /// Announced messages that have arrived, and those that were moved out of the way.
    kept: Assembled,
    /// Finds unread mail by its label.
    unread: RefCell<Unread>,
    /// The number of the mail that a thread that waits for several things was told of last, if it is of this sender.
    told: Private<u64>,
}

impl Incoming {
    /// The receiving end of `mailbox`. It goes on where the former holder stopped.
    pub fn new(
        member: &Member,
        from: u32,
        record: Shared<Rank>,
        mailbox: Mailbox,
        consumer: Consumer,
        server: Server,
    ) -> Self {
        let state = if consumer.is_resetting() { State::Resetting } else { State::Plain };
        Self {
            from,
            record,
            state: state.into(),
            reported_bar: false.into(),
            woken: false.into(),
            consumer,
            server,
            answers: Answers::new(mailbox.returns),
            target: Target::new(mailbox.transfer, member.epoch()),
            has_ring: false.into(),
            arriving: RefCell::default(),
            reported_held: None.into(),
            requeued_call: (0, 0).into(),
            kept: Assembled::default(),
            unread: RefCell::default(),
            told: NOT_TOLD.into(),
        }
    }

    /// The number and the label of something that a receive takes next from here, if that is a mail for certain or a call: no
    /// announcement, nothing that lacks memory. A call has no number.
    pub fn certain(&self, member: &Member, filter: Filter) -> Option<(u64, u64)> {
        if self.state.get().is_plain() && self.consumer.unread() == 0 && !self.consumer.is_full() {
            let small = self.consumer.next_small().map(|(seq, word)| (seq, Filter::label_of(word)));
            if small.is_some_and(|(_, label)| filter.takes_label(label)) {
                return small;
            }
        }
        self.seek_certain(member, filter)
    }

    /// The number and the envelope of what a receive of all would take from here first and at once. One look at one cell. Where
    /// the rank is lost, that receive says so.
    #[inline(always)]
    pub fn next_easy(&self) -> Option<(u64, u64)> {
        if self.consumer.may_take_new() { self.consumer.next_small() } else { None }
    }

    /// Whether this is another mail than was told last. It is told now.
    #[inline(always)]
    pub fn take_untold(&self, seq: u64) -> bool {
        self.told.replace(seq) != seq
    }

    /// A mail of another sender was told last.
    pub fn forget_told(&self) {
        self.told.set(NOT_TOLD);
    }

    fn seek_certain(&self, member: &Member, filter: Filter) -> Option<(u64, u64)> {
        if filter.takes_calls() && self.has_call() {
            return Some((u64::MAX, Filter::label_of(CALL)));
        }
        let next = match self.seek(filter)? {
            Sought::Unread(seq) => self.consumer.peek(seq),
            Sought::New => self.consumer.peek(self.consumer.next()),
            Sought::Kept(_) | Sought::Arriving => None,
        }?;
        let has_pages =
            || self.consumer.lacks_pages(&next).is_none() && self.consumer.lacks_loan_pages(&next).is_none();
        let is_mail = next.is_whole() || next.is_sync();
        let is_sound = next.is_in_cell() || next.len <= member.limit && has_pages();
        (is_mail && is_sound).then(|| (next.seq, Filter::label_of(next.envelope_word())))
    }

    /// The call on the call line, if there is one.
    #[inline(always)]
    pub fn take_call(&self) -> Option<Descriptor> {
        let descriptor = self.server.take(|| self.next())?;
        // It counts as one of its sender's turn.
        self.consumer.shorten();
        Some(descriptor.marked(descriptor.seq == self.requeued_call.get().0))
    }

    /// The number of the next message that a receive of everything takes, even if it lacks memory: one that is unread, or the
    /// next that was never taken.
    #[inline(always)]
    fn next(&self) -> Option<u64> {
        let has_only_new = self.state.get().is_plain() && self.consumer.unread() == 0;
        if has_only_new { Some(self.consumer.next()) } else { self.search_next() }
    }

    #[inline(never)]
    fn search_next(&self) -> Option<u64> {
        let state = self.state.get();
        if matches!(state, State::Resetting | State::Corrupt) {
            return None;
        }
        let next = self.unread_for(Filter::ANY).unwrap_or_else(|| self.consumer.next());
        let arriving = if matches!(state, State::Arriving) { self.arriving() } else { None };
        Some(arriving.filter(|arriving| is_below(*arriving, next)).unwrap_or(next))
    }

    /// If the mailbox is not ready: whether its sender was woken to send more. Returns true only once.
    pub fn take_woken(&self) -> bool {
        self.woken.take()
    }

    /// The present or last life of the sender.
    pub fn life(&self) -> Life {
        Life::from_word(self.record.identity.life.load(acquire(Edge::Life)))
    }

    /// Whether a call is received next.
    #[inline(always)]
    pub fn has_call(&self) -> bool {
        self.server.is_ready(|| self.next())
    }

    /// Gives up all that is in the mailbox, and asks the sender for a reset. No mail of it is held at this time.
    pub fn reset(&mut self, member: &Member) {
        let arriving = self.arriving.take().map_or(0, |arriving| arriving.memory());
        let Cost { announced, moved } = self.kept.cost();
        member.budget.give_back(announced + arriving);
        member.aside.give_back(moved);
        let (record, server) = (self.record.clone(), self.server.clone());
        let mailbox = member.region.segment.mailbox(self.from, member.rank());
        // A call on the line is not part of the mailbox, and is received again.
        let requeued_call = self.requeued_call.take();
        *self = Self::new(member, self.from, record, mailbox, self.consumer.request_reset(), server);
        self.requeued_call.set(requeued_call);
        self.ring(member);
    }

    /// Takes the reset that was asked for, if the sender has given it.
    pub fn take_reset(&self, member: &Member) {
        if self.consumer.take_reset() {
            self.state.set(State::Plain);
            // The sender may wait for room, and there was none until now.
            self.ring(member);
        }
    }

    /// Allows `take_new` of its consumer to take `count` messages without asking. `is_alone`: nobody else has to wait if
    /// that waits for the sender of a stream.
    pub fn grant(&self, member: &Member, count: u64, is_alone: bool) {
        self.consumer.may_await(is_alone);
        let is_easy = self.state.get().is_plain() && member.limit >= INLINE;
        self.consumer.grant(if is_easy { count } else { 0 });
    }

    /// The mail that [`Incoming::finds`] found. `None` if it was an announcement, or a part of an announced message. With
    /// `by_hand`, announcements are returned as mails.
    #[inline(never)]
    pub fn take(
        &self,
        member: &Member,
        filter: Filter,
        by_hand: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        self.woken.set(false);
        let taken = match self.seek(filter) {
            Some(Sought::Kept(seq)) => Ok(self.take_kept(seq)),
            Some(Sought::Unread(seq)) => self.sort(member, self.consumer.take_or_next(Some(seq)), by_hand),
            Some(Sought::New) => self.sort(member, self.consumer.take_or_next(None), by_hand),
            Some(Sought::Arriving) => self.go_on(member),
            // A peer changed what was there.
            None => Ok(None),
        };
        if let Ok(descriptor) = &taken {
            self.reported_bar.set(false);
            if let Some(again) = descriptor.filter(|taken| taken.is_redelivered() && !taken.is_assembled()) {
                // If handling it ends this process, a successor continues the count.
                self.consumer.tell_redelivered(again.seq);
            }
        }
        self.settle_state();
        // One that was passed over may wait for what has arrived.
        let is_late =
            |taken: &Descriptor| self.unread_for(filter).is_some_and(|seq| is_below(seq, taken.seq));
        match taken {
            // What has arrived is for another receive, or for a later one; or a peer changed it.
            Ok(Some(other))
                if !filter.takes(other.envelope_word()) || other.is_assembled() && is_late(&other) =>
            {
                self.put_back(&other);
                Ok(None)
            }
            taken => taken,
        }
    }

    /// Takes message `seq`, if it is unread, or the call with this stamp, if it is on the line. `None` also if it was an
    /// announcement that is taken in now.
    pub fn take_unread(
        &self,
        member: &Member,
        seq: u64,
        by_hand: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        let call = self.take_call();
        if call.is_some_and(|call| call.seq == seq) {
            return Ok(call);
        }
        call.inspect(|call| self.put_back(call));
        let taken = match self.sought(seq) {
            Some(Sought::Kept(seq)) => Ok(self.take_kept(seq)),
            Some(_) => self.sort(member, self.consumer.take_or_next(Some(seq)), by_hand),
            None => Ok(None),
        };
        self.settle_state();
        taken
    }

    /// Finds out what a message that was taken is.
    fn sort(
        &self,
        member: &Member,
        taken: Result<Option<Descriptor>, Corrupt>,
        by_hand: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        let descriptor = match taken {
            // No endpoint sends more than the region's limit. Loans are the exception: anything that lies in the
            // sender's area is allowed.
            Ok(Some(descriptor)) if descriptor.len <= member.limit || descriptor.is_loan() => descriptor,
            // `Ok(None)` means that a stamp that was there is gone.
            _ => return Err(self.corrupted(member)),
        };
        self.complete_pages(member, &descriptor)?;
        match descriptor.envelope().kind {
            Kind::Whole | Kind::Sync => Ok(Some(descriptor)),
            Kind::Announced => self.begin(member, descriptor, by_hand),
            Kind::Call => {
                // If it is for another life, that life may have begun to answer it.
                if descriptor.envelope().of_call_to(member.epoch()).is_some() {
                    return Ok(Some(descriptor));
                }
                self.pass(member, descriptor.seq);
                Ok(None)
            }
            // These belong in return lanes, or on the call line.
            Kind::Answer | Kind::Refusal | Kind::Dropped | Kind::Ack => Err(self.corrupted(member)),
        }
    }

    /// Makes sure that a message has memory before it is touched. An honest sender took it, and then this does nothing. If there
    /// is none, the message stays, and is tried again later.
    fn complete_pages(&self, member: &Member, descriptor: &Descriptor) -> Result<(), RecvError> {
        let segment = &member.region.segment;
        let completed = if let Some((extent, range)) = self.consumer.lacks_pages(descriptor) {
            let arena = segment.geometry().arena_of_mail(self.from, member.rank());
            segment.complete_extent(arena, range).map(|()| self.consumer.note_pages(extent))
        } else if let Some(loan) = self.consumer.lacks_loan_pages(descriptor) {
            let completed = segment.complete_loan(self.from, loan.chunks());
            completed.map(|()| self.consumer.note_loan_pages(&loan))
        } else {
            Ok(())
        };
        completed.map_err(|error| {
            let lacks = State::LacksSpace(descriptor.seq, Instant::now() + RESPITE);
            self.bar(descriptor, lacks, no_pages(self.from, &error).into())
        })
    }

    /// The mailbox makes no sense. Nothing more is taken from it.
    #[cold]
    fn corrupted<E: From<Broken>>(&self, member: &Member) -> E {
        if let Some(arriving) = self.arriving.take() {
            member.budget.give_back(arriving.memory());
        }
        self.enter(State::Corrupt);
        Broken::Corrupt(self.from).into()
    }

    /// An error, once, if a peer overwrote this receiver's words about resets. The sender may then wait for a reset
    /// to be taken that nobody asked for, or may not know of the one that was asked for. Also drops a message under
    /// way that never ends.
    pub fn check(&self, member: &Member) -> Result<(), RecvError> {
        if !self.is_corrupt() && self.consumer.is_reset_forged() {
            self.consumer.withdraw();
            return Err(self.corrupted(member));
        }
        self.check_arriving(member);
        Ok(())
    }
}
