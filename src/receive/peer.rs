//! A mailbox that an endpoint reads from.

mod acknowledge;
mod answer;
mod loan;
mod payload;
mod starved;
mod state;
mod transfer;

use answer::Answers;
use state::State;
use transfer::Arriving;

pub use answer::Answering;

use super::assembled::Assembled;
use crate::abi::{INLINE, Kind, NUMBER_BITS, Rank, is_below};
use crate::error::{Broken, RecvError};
use crate::half::Member;
use crate::memory::{Mailbox, Shared};
use crate::os;
use crate::rank::Life;
use crate::ring::{Consumer, Corrupt, Descriptor, Server, Target};
use crate::sync::{Edge, acquire};
use crate::wait::pace::RESPITE;
use core::cell::{Cell as Private, RefCell};
use std::io;
use std::time::Instant;

/// One sender's mailbox to this endpoint, and what of it is under way.
pub struct Incoming {
    pub from: u32,
    /// The sender's record.
    pub record: Shared<Rank>,
    pub consumer: Consumer,
    /// Where its calls come first.
    server: Server,
    /// Where answers go that do not go there.
    answers: Answers,
    state: Private<State>,
    /// Whether a receive from anyone has said that memory is lacking.
    pub reported_bar: Private<bool>,
    /// Whether its sender slept for want of room and was woken, and has sent nothing that was seen since.
    woken: Private<bool>,
    /// Where announced messages come.
    target: Target,
    /// Whether their ring has memory, as this end has seen to.
    has_ring: Private<bool>,
    /// The announced message that is under way.
    arriving: RefCell<Option<Arriving>>,
    /// The mail of which a receive from anyone has said that it holds its sender up.
    reported_held: Private<Option<u64>>,
    /// The stamp of the call on the line that was last put back, and how often it was handed out by then; 0: none was.
    requeued_call: Private<(u64, u32)>,
    /// Announced messages that came.
    kept: Assembled,
}

impl Incoming {
    /// The reader's end of `mailbox`, from its former holder's on.
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
        }
    }

    /// Whether there is mail, some of an announced message, a call, or news of corruption. A mailbox that was once found corrupt is
    /// silent, but for calls: others go on.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        self.has_mail() || self.has_call()
    }

    /// As `is_ready`, but for calls.
    #[inline(always)]
    pub fn has_mail(&self) -> bool {
        if self.state.get().is_plain() { self.consumer.is_ready() } else { self.has_other_mail() }
    }

    /// As `has_mail`, where there is more to it than new whole messages.
    fn has_other_mail(&self) -> bool {
        match self.state.get() {
            State::Plain | State::Mixed => self.consumer.is_ready() || self.returned().is_some(),
            // What was left comes before it.
            State::Arriving => {
                self.consumer.next_unread().is_some() || self.returned().is_some() || self.has_news()
            }
            _ => false,
        }
    }

    /// The call on the call line, if there is one.
    #[inline(always)]
    pub fn take_call(&self) -> Option<Descriptor> {
        let descriptor = self.server.take(|| self.next())?;
        // It is one of its sender's turn.
        self.consumer.shorten();
        Some(descriptor.marked(descriptor.seq == self.requeued_call.get().0))
    }

    /// The number of the next message to be received, also where memory is lacking for it: one that was left, or the next
    /// never taken.
    #[inline(always)]
    fn next(&self) -> Option<u64> {
        let state = self.state.get();
        let arriving = || matches!(state, State::Arriving).then(|| self.arriving()).flatten();
        let unread = || self.consumer.next_unread().or_else(arriving).unwrap_or_else(|| self.consumer.next());
        let returned = || (!state.is_plain()).then(|| self.returned()).flatten();
        let is_to_come =
            !state.is_silent() || self.is_barred() || matches!(state, State::Arriving | State::Behind);
        is_to_come.then(|| returned().map_or_else(unread, |descriptor| descriptor.seq))
    }

    /// Where it is not ready: whether its sender was woken to send more; said once.
    pub fn take_woken(&self) -> bool {
        self.woken.take()
    }

    /// The sender's present life, or its last.
    pub fn life(&self) -> Life {
        Life::from_word(self.record.identity.life.load(acquire(Edge::Life)))
    }

    /// Whether a call is to be received next.
    #[inline(always)]
    pub fn has_call(&self) -> bool {
        self.server.is_ready(|| self.next())
    }

    /// Gives up all that is in the mailbox, and asks the sender for a reset. No mail of it is held any more.
    pub fn reset(&mut self, member: &Member) {
        let arriving = self.arriving.take().map_or(0, |arriving| arriving.memory());
        member.budget.give_back(self.kept.memory() + arriving);
        let (record, server) = (self.record.clone(), self.server.clone());
        let mailbox = member.region.segment.mailbox(self.from, member.rank());
        // A call on the line is not in the mailbox, and comes again.
        let requeued_call = self.requeued_call.take();
        *self = Self::new(member, self.from, record, mailbox, self.consumer.request_reset(), server);
        self.requeued_call.set(requeued_call);
        self.ring(member);
    }

    /// Takes the reset that was asked for, if the sender has given one.
    pub fn take_reset(&self, member: &Member) {
        if self.consumer.take_reset() {
            self.state.set(State::Plain);
            // It may wait for room, of which there is none until now.
            self.ring(member);
        }
    }

    /// Lets `take_new` of its consumer take so many messages without asking.
    pub fn grant(&self, member: &Member, count: u64) {
        let is_easy = self.state.get().is_plain() && member.limit >= INLINE;
        self.consumer.grant(if is_easy { count } else { 0 });
    }

    /// The mail that `is_ready` saw; `None` if that was an announcement, or a part of an announced message. `by_hand`: an
    /// announcement is a mail by itself.
    #[inline(never)]
    pub fn take(&self, member: &Member, by_hand: bool) -> Result<Option<Descriptor>, RecvError> {
        self.woken.set(false);
        let is_arriving = matches!(self.state.get(), State::Arriving);
        let taken = if let Some(descriptor) = self.take_returned() {
            Ok(Some(descriptor))
        } else if is_arriving && self.consumer.next_unread().is_none() {
            self.go_on(member)
        } else {
            self.sort(member, self.consumer.take(), by_hand)
        };
        if let Ok(descriptor) = &taken {
            self.reported_bar.set(false);
            if let Some(again) = descriptor.filter(Descriptor::is_redelivered) {
                // If it ends this process, a successor counts on.
                self.consumer.tell_redelivered(again.seq);
            }
        }
        self.settle_state();
        taken
    }

    /// What a message that was taken is.
    fn sort(
        &self,
        member: &Member,
        taken: Result<Option<Descriptor>, Corrupt>,
        by_hand: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        let descriptor = match taken {
            // No endpoint sends more than the region carries, but on loan: what lies in its sender's area is none too many.
            Ok(Some(descriptor)) if descriptor.len <= member.limit || descriptor.is_loan() => descriptor,
            // `Ok(None)`: a stamp that was there is gone.
            _ => return Err(self.corrupted(member)),
        };
        if let Some((extent, range)) = self.consumer.lacks_pages(&descriptor) {
            let segment = &member.region.segment;
            let arena = segment.geometry().arena_of_mail(self.from, member.rank());
            if let Err(error) = segment.complete_extent(arena, range) {
                let lacks = State::LacksSpace(Instant::now() + RESPITE);
                return Err(self.bar(&descriptor, lacks, no_pages(self.from, &error)));
            }
            self.consumer.note_pages(extent);
        }
        self.complete_loan(member, &descriptor)?;
        match descriptor.envelope().kind {
            Kind::Whole | Kind::Sync => Ok(Some(descriptor)),
            Kind::Announced => self.begin(member, descriptor, by_hand),
            Kind::Call => {
                // Otherwise a predecessor may have begun to answer it.
                let is_for_us = (descriptor.envelope().number() ^ member.epoch()) << (64 - NUMBER_BITS) == 0;
                if is_for_us {
                    return Ok(Some(descriptor));
                }
                self.pass(member, descriptor.seq);
                Ok(None)
            }
            // They are in return lanes, or on the line.
            Kind::Answer | Kind::Refusal | Kind::Dropped | Kind::Ack => Err(self.corrupted(member)),
        }
    }

    /// Nothing more is taken from the mailbox: it makes no sense.
    #[cold]
    fn corrupted(&self, member: &Member) -> RecvError {
        if let Some(arriving) = self.arriving.take() {
            member.budget.give_back(arriving.memory());
        }
        self.enter(State::Corrupt);
        Broken::Corrupt(self.from).into()
    }

    /// Says, once, that a peer overwrote what this receiver says of resets; drops a message under way that never ends. In
    /// the first case the sender may wait for one to be taken that nobody asked for, or not know of the one that is asked
    /// for.
    pub fn check(&self, member: &Member) -> Result<(), RecvError> {
        if !self.is_corrupt() && self.consumer.is_reset_forged() {
            self.consumer.withdraw();
            return Err(self.corrupted(member));
        }
        self.check_arriving(member);
        Ok(())
    }

    /// The oldest assembled message that was left unread, unless a mail before it was left, too.
    fn returned(&self) -> Option<Descriptor> {
        let descriptor = self.kept.returned()?;
        let is_next = |unread: u64| is_below(descriptor.seq, unread);
        self.consumer.next_unread().is_none_or(is_next).then_some(descriptor)
    }

    fn take_returned(&self) -> Option<Descriptor> {
        if self.state.get().is_plain() {
            return None;
        }
        let descriptor = self.returned()?;
        self.kept.set_returned(descriptor.seq, false);
        Some(descriptor.marked(self.consumer.is_handed(descriptor.seq)))
    }
}

/// Why pages of the mailbox from `rank` are lacking.
pub fn no_pages(rank: u32, error: &io::Error) -> RecvError {
    if os::is_out_of_space(error) {
        return Broken::NoSpace(rank).into();
    }
    Broken::Os { rank, code: os::error_number(error) }.into()
}
