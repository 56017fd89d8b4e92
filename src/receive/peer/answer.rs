//! Answers to the calls of a sender, and to messages that it waits for.

use super::Incoming;
use crate::abi::{CallId, INLINE, Kind, Rank};
use crate::error::{Broken, SendError};
use crate::half::{Member, Starving};
use crate::memory::Lane;
use crate::rank::Source;
use crate::ring::{Corrupt, Descriptor, Producer, Slack, Slot};
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Operation, Step};
use core::cell::OnceCell;

/// The writing end of the return lane, opened with the first answer that goes there.
pub(super) struct Answers {
    lane: Lane,
    producer: OnceCell<Producer>,
}

impl Answers {
    pub fn new(lane: Lane) -> Self {
        Self { lane, producer: OnceCell::new() }
    }

    /// The producer, where a reset was given if one is asked for. A caller that asks has its ringers look for it: the word
    /// itself lies in a line that it writes with each answer that it takes in.
    fn producer(&self, member: &Member, caller: &Rank) -> Result<&Producer, Corrupt> {
        let producer = match self.producer.get() {
            Some(producer) => producer,
            None => {
                let producer = Producer::recover(self.lane.clone(), member.epoch())?;
                self.producer.get_or_init(|| producer)
            }
        };
        if !member.room_needs_no_ring(caller) {
            producer.answer();
            // Its callers know by themselves what they gave up.
            producer.take_was_reset();
        }
        Ok(producer)
    }
}

impl Incoming {
    /// Answers a call that was taken: on its line, where it was asked.
    #[inline(always)]
    pub fn answer(&self, member: &Member, stamp: u64, kind: Kind, bytes: &[u8]) {
        self.server.answer(stamp, kind, bytes);
        self.ring_caller(member);
    }

    #[inline(always)]
    pub(super) fn ring_caller(&self, member: &Member) {
        if !member.mail_needs_no_ring(&self.record) {
            member.ring_mail(&self.record);
        }
        // A half that calls sleeps for that.
        if !member.room_needs_no_ring(&self.record) {
            member.ring_credit(&self.record);
        }
    }

    /// Done with a call that is not answered: its caller is told.
    pub fn drop_call(&self, member: &Member, descriptor: &Descriptor) {
        if descriptor.is_on_line() {
            return self.answer(member, descriptor.seq, Kind::Dropped, &[]);
        }
        let mut reply = Answering::new(member, self, descriptor, Kind::Dropped, &[]);
        if self.is_wanted(descriptor) && reply.claim().is_ok_and(|is_found| is_found) {
            reply.publish();
        } else {
            // Its caller sees it from the head of the mailbox.
            self.pass(member, descriptor.seq);
            self.ring_caller(member);
        }
    }

    /// Done with a message whose sender waits for that: tells it so, or that an announced one is not wanted.
    pub fn tell(&self, member: &Member, descriptor: &Descriptor, kind: Kind) {
        if self.is_wanted(descriptor)
            && let Ok(producer) = self.answers.producer(member, &self.record)
            && let Ok(slot) = producer.claim(0, Slack::Any)
        {
            let id = CallId::of_message(descriptor.seq);
            producer.fill(&slot.numbered(kind, id.number()), &[]);
        }
        // First the word, then the room; the sender is rung for both.
        self.pass(member, descriptor.seq);
        // It may wait for one more to be under way, as a caller does.
        self.ring_caller(member);
    }

    /// Whether the life goes on whose call this is.
    fn is_wanted(&self, call: &Descriptor) -> bool {
        let life = self.life();
        life.joined() && (life.epoch() % 64) as u8 == call.envelope().epoch
    }
}

/// An answer on its way through the return lane. It waits for the room of earlier answers, never for a cell: the caller
/// has reserved that.
pub struct Answering<'a> {
    member: &'a Member,
    peer: &'a Incoming,
    call: &'a Descriptor,
    kind: Kind,
    bytes: &'a [u8],
    /// Where it goes, once there is room.
    slot: Option<Slot>,
    starving: Starving<'a>,
}

impl<'a> Answering<'a> {
    /// To a call that was taken.
    pub fn new(
        member: &'a Member,
        peer: &'a Incoming,
        call: &'a Descriptor,
        kind: Kind,
        bytes: &'a [u8],
    ) -> Self {
        Self { member, peer, call, kind, bytes, slot: None, starving: Starving::default() }
    }

    /// Claims room for it, if there is some; whether there is.
    fn claim(&mut self) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        // A look at the lane may write there, and where the rank is lost it is a successor's.
        member.check()?;
        let (answers, len) = (&peer.answers, self.bytes.len());
        if len > member.whole {
            return Err(SendError::TooLarge { len: len as u64, limit: member.whole as u64 });
        }
        let producer =
            answers.producer(member, &peer.record).map_err(|Corrupt| Broken::Corrupt(peer.from))?;
        self.slot = match producer.place(len) {
            Some(slot) => Some(slot),
            None => {
                let arena = member.region.geometry().arena_of_returns(peer.from, member.rank());
                member.reclaim((producer, peer.from), arena, len, Slack::Any)?
            }
        };
        if self.slot.is_none() && len <= INLINE {
            // No honest caller has asked so often.
            return Err(Broken::Corrupt(peer.from).into());
        }
        if self.slot.is_none() {
            // A caller that waits for any answer takes in all that are there.
            self.starving.tell(member, &peer.record, producer, producer.seen_head());
        }
        Ok(self.slot.is_some())
    }

    /// Writes it, and is done with the call.
    fn publish(&mut self) {
        let Self { member, peer, call, .. } = *self;
        let (Some(slot), Some(producer)) = (self.slot.take(), peer.answers.producer.get()) else { return };
        let id = if call.is_on_line() { CallId::of_line(call.seq) } else { CallId::of_message(call.seq) };
        producer.fill(&slot.numbered(self.kind, id.number()), self.bytes);
        // From here on it is answered, whatever ends this process.
        if call.is_on_line() {
            peer.server.answer_in_lane(call.seq, self.kind);
        } else {
            peer.pass(member, call.seq);
        }
        peer.ring_caller(member);
    }

    /// Gives the answer up, which nobody wants.
    fn discard(&self) {
        if self.call.is_on_line() {
            self.peer.answer(self.member, self.call.seq, Kind::Dropped, &[]);
        } else {
            self.peer.pass(self.member, self.call.seq);
        }
    }
}

impl Operation for Answering<'_> {
    type Error = SendError;

    fn look(&mut self, _: bool) -> Result<bool, SendError> {
        Ok(!self.peer.is_wanted(self.call) || self.claim()?)
    }

    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        let place = member.check_place(query);
        if self.look(true)? {
            return Ok(true);
        }
        place?;
        if self.is_in_vain() {
            return Err(SendError::Full);
        }
        Ok(member.end_of(peer.from, query).is_some())
    }

    fn step(&mut self) -> Result<Step, SendError> {
        self.member.check()?;
        if self.slot.is_some() {
            self.publish()
        } else {
            self.discard()
        }
        Ok(Step::Done)
    }

    fn is_in_vain(&self) -> bool {
        self.peer.from == self.member.rank() && self.member.finds_alone()
    }

    fn pauses(&self) -> u32 {
        POLL_PAUSES
    }

    fn begin_wait(&self) {
        self.starving.begin();
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(Source::Rank(self.peer.from));
    }
}
