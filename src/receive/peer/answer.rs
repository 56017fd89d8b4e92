//! Answers to the calls of a sender, and acknowledgements that it waits for.
//!
//! The return lane is a ring like that of the mail, with 128 cells and an arena of its own. The receiver's receiving
//! half writes it, and the sender's sending half reads it. So no position is used by two threads, a half can answer
//! whatever it received, and a server opens no mailbox only to answer. An answer's envelope names its call, by the
//! low bits of the stamp or of the request's number, which never repeat. No mail delays an answer, and no answer
//! delays mail: the two are not ordered.
//!
//! A call is for the life of the server that goes on when it is sent, or for the first life of a rank that was never
//! joined. If that life ends without an answer, the caller is told and no successor sees the call; a server that
//! finds a call for another life drops it. A call that is dropped is reported at once.

use super::Incoming;
use crate::abi::{CallId, Envelope, INLINE, Kind, Rank};
use crate::error::{Broken, SendError};
use crate::half::{Member, Starving, end_starving};
use crate::memory::Lane;
use crate::rank::Source;
use crate::ring::{Corrupt, Descriptor, Producer, Slack, Slot};
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Operation, Step};
use core::cell::OnceCell;

/// The writing end of the return lane. Opened when the first answer goes there.
pub(super) struct Answers {
    lane: Lane,
    producer: OnceCell<Producer>,
}

impl Answers {
    pub fn new(lane: Lane) -> Self {
        Self { lane, producer: OnceCell::new() }
    }

    /// The producer. If the caller asks for a reset, gives it first. A caller that asks makes its ringers check for
    /// the request, because the request lies in a line that it writes with each answer that it takes in.
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
            // The callers know themselves what they gave up.
            producer.take_was_reset();
        }
        Ok(producer)
    }
}

impl Incoming {
    /// Answers a call that was taken. A call on the call line is answered there.
    #[inline(always)]
    pub fn answer(&self, member: &Member, stamp: u64, kind: Kind, bytes: &[u8]) {
        self.server.answer(stamp, kind, bytes);
        self.ring_caller(member);
    }

    /// Answers the call with this number and envelope that was taken from the mailbox, if `bytes` fit a cell and nothing else needs to
    /// be done. `false` means nothing.
    #[inline(never)]
    pub fn answer_in_cell(&self, member: &Member, seq: u64, envelope: u64, kind: Kind, bytes: &[u8]) -> bool {
        let Some(producer) = self.answers.producer.get() else { return false };
        // A caller that asks for a reset has itself rung.
        let is_easy = bytes.len() <= INLINE.min(member.whole) && member.room_needs_no_ring(&self.record);
        if !is_easy || !self.is_wanted_by(envelope) {
            return false;
        }
        // First the answer, then the room.
        if !producer.push_numbered(kind, CallId::of_message(seq).number(), bytes) {
            return false;
        }
        self.consumer.acknowledge_at_once(seq);
        self.ring_caller(member);
        true
    }

    #[inline(always)]
    pub(super) fn ring_caller(&self, member: &Member) {
        if !member.needs_no_ring(&self.record) {
            self.ring_caller_aloud(member);
        }
    }

    #[inline(never)]
    fn ring_caller_aloud(&self, member: &Member) {
        member.ring_mail(&self.record);
        // A half that calls sleeps for that.
        member.ring_credit(&self.record);
    }

    /// Finishes a call that is not answered. Its caller is told.
    pub fn drop_call(&self, member: &Member, descriptor: &Descriptor) {
        if descriptor.is_on_line() {
            return self.answer(member, descriptor.seq, Kind::Dropped, &[]);
        }
        let mut reply = Answering::new(member, self, descriptor, Kind::Dropped, &[]);
        if self.is_wanted(descriptor) && reply.claim().is_ok_and(|is_found| is_found) {
            reply.publish();
        } else {
            // Its caller sees that by the head of the mailbox.
            self.pass(member, descriptor.seq);
            self.ring_caller(member);
        }
    }

    /// No answer waits for room any more that is worth telling the caller.
    pub fn end_starving(&self, member: &Member) {
        if let Some(producer) = self.answers.producer.get() {
            end_starving(member, producer);
        }
    }

    /// Finishes a message whose sender waits. Tells the sender that it is acknowledged, or that an announced one is
    /// not wanted.
    pub fn tell(&self, member: &Member, descriptor: &Descriptor, kind: Kind) {
        if self.is_wanted(descriptor)
            && let Ok(producer) = self.answers.producer(member, &self.record)
            && let Ok(slot) = producer.claim(0, Slack::Any)
        {
            let id = CallId::of_message(descriptor.seq);
            producer.fill(&slot.numbered(kind, id.number()), &[]);
        }
        // First the word, then the room. The sender is rung for both.
        self.pass(member, descriptor.seq);
        // Like a caller, the sender may wait until another one may be under way.
        self.ring_caller(member);
    }

    /// Whether the life that made this call still goes on.
    fn is_wanted(&self, call: &Descriptor) -> bool {
        self.is_wanted_by(call.envelope_word())
    }

    #[inline(always)]
    fn is_wanted_by(&self, envelope: u64) -> bool {
        let life = self.life();
        life.joined() && life.epoch() % 64 == u64::from(Envelope::epoch_of(envelope))
    }
}

/// An answer on its way through the return lane. It waits until earlier answers have left room for its payload. It
/// never waits for a cell, because the caller has reserved one.
pub struct Answering<'a> {
    member: &'a Member,
    peer: &'a Incoming,
    call: &'a Descriptor,
    kind: Kind,
    bytes: &'a [u8],
    /// Its place, once there is room.
    slot: Option<Slot>,
    starving: Starving<'a>,
}

impl<'a> Answering<'a> {
    /// For a call that was taken.
    pub fn new(
        member: &'a Member,
        peer: &'a Incoming,
        call: &'a Descriptor,
        kind: Kind,
        bytes: &'a [u8],
    ) -> Self {
        Self { member, peer, call, kind, bytes, slot: None, starving: Starving::default() }
    }

    /// Answers, if that can be done now. Returns whether it was.
    pub fn at_once(&mut self) -> Result<bool, SendError> {
        let is_found = self.look(false)?;
        if is_found {
            self.step()?;
        }
        Ok(is_found)
    }

    /// What it has told its caller holds: it is tried once more, later.
    pub fn pause(self) {
        self.starving.pause();
    }

    /// Claims room, if there is some. Returns whether there is.
    fn claim(&mut self) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        // A look at the lane may write there. If the rank is lost, the lane belongs to a successor.
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
            // No honest caller has made so many calls.
            return Err(Broken::Corrupt(peer.from).into());
        }
        if self.slot.is_none() {
            // A caller that waits for any answer takes in all that are there.
            self.starving.tell(member, &peer.record, producer, producer.seen_head());
        }
        Ok(self.slot.is_some())
    }

    /// Writes the answer, and finishes the call.
    fn publish(&mut self) {
        let Self { member, peer, call, .. } = *self;
        let (Some(slot), Some(producer)) = (self.slot.take(), peer.answers.producer.get()) else { return };
        let id = if call.is_on_line() { CallId::of_line(call.seq) } else { CallId::of_message(call.seq) };
        producer.fill(&slot.numbered(self.kind, id.number()), self.bytes);
        // Those that fit their cells go the short way from now on.
        producer.grant(0);
        // From here on the call is answered, even if this process ends.
        if call.is_on_line() {
            peer.server.answer_in_lane(call.seq, self.kind);
        } else {
            peer.pass(member, call.seq);
        }
        peer.ring_caller(member);
    }

    /// Gives up the answer, which nobody wants.
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
            return Err(SendError::Full(peer.from));
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
