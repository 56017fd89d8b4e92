//! A mailbox that an endpoint reads from.

mod acknowledge;
mod answer;
mod fragments;
mod loan;
mod payload;
mod starved;
mod state;

use answer::Answers;
use state::State;

pub use answer::Answering;

use super::reassembly::Reassembly;
use crate::abi::{INLINE, Kind, NUMBER_BITS, Rank};
use crate::error::RecvError;
use crate::half::{Fragments, Member};
use crate::memory::{Lane, Shared};
use crate::os;
use crate::rank::Life;
use crate::ring::{Consumer, Corrupt, Descriptor, Server};
use crate::sync::{Edge, acquire};
use crate::wait::pace::{RESPITE, STARVED};
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
    /// The message that arrives in fragments.
    fragments: RefCell<Option<Fragments>>,
    /// Whether fragments without a beginning are being dropped.
    stray: Private<bool>,
    /// What is to be taken again, after it was told that it cuts a message off.
    cutting: Private<Option<u64>>,
    /// Whether a receive from anyone has said that it is held up.
    pub reported_held: Private<bool>,
    /// Since when its sender was seen to wait for room while mails are held here, and which ones these were: from the
    /// first number up to the second.
    starved: Private<Option<(Instant, u64, u64)>>,
    /// The stamp of the call on the line that was last put back; 0: none was.
    requeued_call: Private<u64>,
    /// What mails that are not whole messages in the mailbox stand for.
    kept: Reassembly,
}

impl Incoming {
    pub fn new(from: u32, record: Shared<Rank>, consumer: Consumer, server: Server, returns: Lane) -> Self {
        let state = if consumer.is_resetting() { State::Resetting } else { State::Plain };
        Self {
            from,
            record,
            state: state.into(),
            reported_bar: false.into(),
            woken: false.into(),
            consumer,
            server,
            answers: Answers::new(returns),
            fragments: RefCell::default(),
            stray: false.into(),
            cutting: None.into(),
            reported_held: false.into(),
            starved: None.into(),
            requeued_call: 0.into(),
            kept: Reassembly::default(),
        }
    }

    /// Whether there is mail, fragments, a call, or news of corruption. A mailbox that was once found corrupt is
    /// silent, but for calls: others go on.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        self.has_mail() || self.has_call()
    }

    /// As `is_ready`, but for calls.
    #[inline(always)]
    pub fn has_mail(&self) -> bool {
        let state = self.state.get();
        !state.is_silent() && (self.consumer.is_ready() || !state.is_plain() && self.returned().is_some())
    }

    /// The call on the call line, if there is one.
    #[inline(always)]
    pub fn take_call(&self) -> Option<Descriptor> {
        let descriptor = self.server.take(|| self.next())?;
        // It is one of its sender's turn.
        self.consumer.shorten();
        Some(descriptor.marked(descriptor.seq == self.requeued_call.get()))
    }

    /// The number of the next message to be received, also where memory is lacking for it: one that was left, or the next
    /// never taken.
    #[inline(always)]
    fn next(&self) -> Option<u64> {
        let unread = || self.consumer.next_unread().unwrap_or_else(|| self.consumer.next());
        let state = self.state.get();
        let returned = || (!state.is_plain()).then(|| self.returned()).flatten();
        let is_to_come = !state.is_silent() || self.is_barred();
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
        let fragments = self.fragments.take().map_or(0, |fragments| fragments.memory());
        member.budget.give_back(self.kept.memory() + fragments);
        let (record, server) = (self.record.clone(), self.server.clone());
        let returns = self.answers.lane();
        // A call on the line is not in the mailbox, and comes again.
        let requeued_call = self.requeued_call.take();
        *self = Self::new(self.from, record, self.consumer.request_reset(), server, returns);
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

    /// The mail that `is_ready` saw; `None` if it was a fragment that completes nothing. `in_pieces`: a
    /// message in fragments that begins now is passed on as it comes.
    #[inline(never)]
    pub fn take(&self, member: &Member, in_pieces: bool) -> Result<Option<Descriptor>, RecvError> {
        self.woken.set(false);
        let taken = match self.take_returned() {
            Some(descriptor) => Ok(Some(descriptor)),
            None => self.sort(member, self.consumer.take(), in_pieces),
        };
        if taken.is_ok() {
            self.reported_bar.set(false);
        }
        self.settle_state();
        taken
    }

    /// What a message that was taken is.
    fn sort(
        &self,
        member: &Member,
        taken: Result<Option<Descriptor>, Corrupt>,
        in_pieces: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        let descriptor = match taken {
            // No endpoint sends more than the region carries, but on loan: what lies in its sender's area is none too many.
            Ok(Some(descriptor)) if descriptor.len <= member.limit || descriptor.is_loan() => descriptor,
            // `Ok(None)`: a stamp that was there is gone.
            _ => return Err(self.corrupted(member)),
        };
        self.cutting.set(self.cutting.get().filter(|cutting| *cutting != descriptor.seq));
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
        let kind = descriptor.envelope().kind;
        match kind {
            Kind::Whole | Kind::Sync => self.end_fragments(member, &descriptor).map(|()| Some(descriptor)),
            Kind::First => self
                .end_fragments(member, &descriptor)
                .and_then(|()| self.begin(member, &descriptor, in_pieces)),
            Kind::More | Kind::Last => self.go_on(member, descriptor, kind == Kind::Last),
            Kind::Cut => {
                self.pass(member, descriptor.seq);
                if self.drop_fragments(member) { Err(RecvError::Cut(self.from)) } else { Ok(None) }
            }
            Kind::Call => {
                self.end_fragments(member, &descriptor)?;
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
        self.enter(State::Corrupt);
        self.drop_fragments(member);
        RecvError::Corrupt(self.from)
    }

    /// Says, once, that a peer overwrote what this receiver says of resets, or that a message under way never ends. In
    /// the first case its sender may wait for one to be taken that nobody asked for, or not know of the one that is asked
    /// for.
    pub fn check(&self, member: &Member) -> Result<(), RecvError> {
        if !self.is_corrupt() && self.consumer.is_reset_forged() {
            self.consumer.withdraw();
            return Err(self.corrupted(member));
        }
        self.check_fragments(member)
    }

    /// The oldest assembled message that was left unread, unless a mail before it was left, too.
    fn returned(&self) -> Option<Descriptor> {
        let descriptor = self.kept.returned()?;
        let is_next = |unread: u64| (unread.wrapping_sub(descriptor.seq) as i64) > 0;
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
        return RecvError::NoSpace(rank);
    }
    RecvError::Os { rank, code: os::error_number(error) }
}
