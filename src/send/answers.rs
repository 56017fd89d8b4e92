//! The answers to calls, which come through a return lane.
//!
//! A call that looks for its answer takes in all that are there, also those that other calls wait for. So an answer
//! that nobody looks for takes no room from others, and the server never waits for a cell. Each call through the
//! mailbox has a *credit*, and so has each message whose sender waits for its acknowledgement. It keeps the credit
//! from the request until its answer was seen or its server's life is over. There are as many credits as a lane has
//! room for. A call that was given up keeps its credit.
//!
//! # Credits
//!
//! Because the caller reserves a cell for each answer, an honest server always finds one, and never waits for one.
//! There are twice as many cells as credits: a caller that died may leave 64 answers to its successor, which takes
//! them in when it opens the mailbox. Room in the arena is not reserved, so an answer longer than 48 bytes waits
//! while earlier ones fill it.
//!
//! # The end of a server
//!
//! What a life answered is in the lane before the next life is seen. So a caller that is told of the end looks once
//! more, and has all credits for that life back after that look. A server that died between writing a long answer and
//! saying so on the line has answered: the caller finds the answer in the lane.
//!
//! # A lane that makes no sense
//!
//! The reader asks for a reset, in the same way as for a mailbox, as soon as it finds that. A server sees the request
//! by the mode of the caller's bell before it answers. All calls that were under way through the mailbox end with an
//! error; late answers to them are ignored.

use super::Outgoing;
use super::asked::{Asked, State};
use crate::abi::{CallId, Kind, RETURN_CELLS, is_below};
use crate::error::Broken;
use crate::half::{Bytes, Member};
use crate::memory::Lane;
use crate::ring::{Consumer, Descriptor};
use core::cell::{Cell as Private, RefCell};

/// The calls to one rank that are under way, and the reading end of the lane that brings their answers.
pub struct Answers {
    lane: RefCell<Consumer>,
    asked: Asked,
    /// Whether a call on the line was given up whose answer may come here. It has no credit. Its answer must be taken
    /// in before the line is used again.
    pub has_stray: Private<bool>,
}

/// The answer to a call.
pub struct Answer {
    /// [`Kind::Answer`], [`Kind::Refusal`], [`Kind::Dropped`] or [`Kind::Ack`].
    pub kind: Kind,
    pub bytes: Bytes,
}

impl Answers {
    /// The reading end of this lane, for the sending half.
    pub fn resume(lane: Lane, member: &Member) -> Self {
        let lane = Consumer::resume(lane);
        if lane.is_resetting() {
            // A former life asked for a reset.
            member.begin_reset();
        }
        Self { lane: lane.into(), asked: Asked::default(), has_stray: false.into() }
    }

    /// Whether another call may be under way to the server's life with this epoch. If it seems not, takes in what is
    /// there first.
    pub fn has_credit(&self, member: &Member, peer: &Outgoing, epoch: u64) -> Result<bool, Broken> {
        if self.asked.has_credit() {
            return Ok(true);
        }
        // Read before the lane is looked at, because a server answers a request before it acknowledges it. A request
        // that was given up in a reset is acknowledged, too, and never answered. And all that earlier lives answered
        // is in the lane.
        let head = peer.producer.acknowledged().ok();
        self.take_in(member, peer)?;
        Ok(self.asked.reclaim(epoch, |seq| head.is_some_and(|head| is_below(seq, head))))
    }

    /// The same, as far as is known.
    #[inline(always)]
    pub fn knows_credit(&self) -> bool {
        self.asked.has_credit()
    }

    /// Whether calls are made while others are under way, and one more may be. Then it is better to leave the call line alone: each
    /// call there is a line that the caller waits for, while those in the mailbox follow each other.
    #[inline(always)]
    pub fn follow_each_other(&self) -> bool {
        self.asked.is_last_under_way() && self.asked.has_credit()
    }

    /// The last message with a credit that was not answered.
    pub fn last_asked(&self) -> Option<u64> {
        self.asked.last()
    }

    /// Message `seq` was sent as a call to the server's life with this epoch.
    #[inline(always)]
    pub fn expect(&self, seq: u64, epoch: u64) {
        self.asked.add(seq, epoch);
    }

    /// The answer to that call is no longer wanted.
    #[inline(always)]
    pub fn give_up(&self, id: CallId) {
        if !self.asked.is_empty() {
            self.search_and_give_up(id);
        }
    }

    #[inline(never)]
    fn search_and_give_up(&self, id: CallId) {
        self.asked.give_up(id);
    }

    /// That call has no answer, and will have none.
    pub fn forget(&self, id: CallId) {
        self.asked.remove(id);
    }

    /// Whether there may be an answer that was not looked at yet, perhaps the one to this call. Cost if there is
    /// none: one load.
    #[inline(always)]
    pub fn has_news(&self, id: CallId) -> bool {
        let is_new = |lane: &Consumer| lane.is_ready() || lane.is_resetting();
        is_new(&self.lane.borrow()) || self.asked.has_answer(id)
    }

    /// The answer to the call of message `seq`, if it comes next in the lane, lies in its cell, and nothing else needs to be done.
    /// `None` says nothing. The call is over then.
    ///
    /// Cost: the line of the answer.
    #[inline(always)]
    pub fn take_next(&self, seq: u64) -> Option<Bytes> {
        let (bytes, len) =
            self.lane.borrow().take_answer(CallId::of_message(seq), || self.asked.wants(seq))?;
        self.asked.end(seq);
        Some(Bytes::Few { bytes, len })
    }

    /// The answer to that call, if it has come.
    pub fn take(&self, member: &Member, peer: &Outgoing, id: CallId) -> Result<Option<Answer>, Broken> {
        if let Some(answer) = self.asked.take_answer(id) {
            return Ok(Some(answer));
        }
        self.take_in(member, peer)?;
        Ok(self.asked.take_answer(id))
    }

    /// Whether [`Answers::take`] would return the answer to that call, or an error.
    pub fn has(&self, member: &Member, peer: &Outgoing, id: CallId) -> bool {
        let is_kept = || self.asked.has_answer(id);
        is_kept() || self.take_in(member, peer).is_err() || is_kept()
    }

    /// Whether the answer to that call may still come.
    pub fn expects(&self, id: CallId) -> bool {
        self.asked.state(id).is_some() || self.asked.has_answer(id)
    }

    /// If the server says that it waits for room here, takes in what is there.
    pub fn relieve(&self, member: &Member, peer: &Outgoing) {
        let is_starved = self.lane.borrow().starved().is_some();
        if is_starved {
            // If the lane makes no sense, the next call that looks there returns the error.
            let _ = self.take_in(member, peer);
        }
    }

    /// Takes in all that is in the lane. Does nothing if this half has lost its rank.
    pub fn take_in(&self, member: &Member, peer: &Outgoing) -> Result<(), Broken> {
        if member.check().is_err() {
            return Ok(()); // The lane is a successor's.
        }
        let lane = self.lane.borrow();
        if lane.is_resetting() && lane.take_reset() {
            member.end_reset();
        } else if lane.is_reset_forged() {
            // The server would not see the request for a reset, or would wait for a reset to be taken that nobody
            // asked for.
            drop(lane);
            return self.ask_for_reset(member, peer.to);
        } else if lane.is_resetting() {
            return Ok(());
        }
        if lane.unsettled() > 0 {
            // A peer overwrote it.
            lane.settle();
        }
        // The lane holds no more at once, unless the server adds some meanwhile.
        for _ in 0..RETURN_CELLS {
            match lane.take() {
                Ok(None) => return Ok(()),
                Ok(Some(descriptor)) if is_answer(member, &descriptor) => {
                    self.sort(member, peer, &lane, &descriptor)?;
                }
                _ => {
                    drop(lane);
                    return self.ask_for_reset(member, peer.to);
                }
            }
        }
        Ok(())
    }

    /// Keeps an answer for its call, if the call wants it, and gives its room back.
    fn sort(
        &self,
        member: &Member,
        peer: &Outgoing,
        lane: &Consumer,
        descriptor: &Descriptor,
    ) -> Result<(), Broken> {
        let envelope = descriptor.envelope();
        let id = CallId::of_answer(&envelope);
        let is_of_line = || peer.caller.wanted().is_some_and(|stamp| CallId::of_line(stamp) == id);
        match self.asked.state(id) {
            // A life has answered already. What a later life says about the call is ignored.
            _ if self.asked.has_answer(id) => {}
            Some(State::GivenUp) => self.asked.remove(id),
            None if !is_of_line() => {}
            _ => {
                let bytes = self.copy(member, peer, lane, descriptor);
                let bytes = bytes.inspect_err(|_| lane.put_back(descriptor.seq))?;
                self.asked.keep(id, Answer { kind: envelope.kind, bytes });
            }
        }
        lane.acknowledge(descriptor.seq);
        if !descriptor.is_in_cell() {
            // The server may wait for the room that it took.
            member.ring_mail(&peer.record);
        }
        Ok(())
    }

    fn copy(
        &self,
        member: &Member,
        peer: &Outgoing,
        lane: &Consumer,
        descriptor: &Descriptor,
    ) -> Result<Bytes, Broken> {
        if let Some((extent, range)) = lane.lacks_pages(descriptor) {
            let segment = &member.region.segment;
            let arena = segment.geometry().arena_of_returns(member.rank(), peer.to);
            segment.complete_extent(arena, range).map_err(|_| Broken::NoSpace(peer.to))?;
            lane.note_pages(extent);
        }
        Bytes::copy(lane.words(descriptor), descriptor.len).map_err(|_| Broken::NoSpace(peer.to))
    }

    /// Asks the server for a reset of the lane. Calls under way get no answer. Later calls come after this request,
    /// and the server checks for it before it answers.
    #[cold]
    fn ask_for_reset(&self, member: &Member, to: u32) -> Result<(), Broken> {
        let was_resetting = self.lane.borrow().is_resetting();
        let lane = self.lane.borrow().request_reset();
        self.lane.replace(lane);
        if !was_resetting {
            member.begin_reset();
        }
        self.asked.clear();
        Err(Broken::Corrupt(to))
    }
}

/// Whether an honest server writes this to a return lane.
fn is_answer(member: &Member, descriptor: &Descriptor) -> bool {
    let is_whole = descriptor.len <= member.whole;
    let kind = descriptor.envelope().kind;
    is_whole && matches!(kind, Kind::Answer | Kind::Refusal | Kind::Dropped | Kind::Ack)
}
