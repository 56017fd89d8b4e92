//! The answers to calls that come in a return lane.
//!
//! Whenever a call looks for its answer it takes in all that is there, also what other calls wait for: so one that is not
//! looked at keeps no room from the others, and the server never waits for a cell. Each call through the mailbox, and each
//! message whose sender waits for its acknowledgement, has a *credit* from its request until its answer was seen, or its
//! server's life is over; there are as many as a lane has room for. One that was given up keeps it.

use super::Outgoing;
use crate::abi::{CREDITS, CallId, Kind, RETURN_CELLS, is_below};
use crate::error::Broken;
use crate::half::{Bytes, Member};
use crate::memory::Lane;
use crate::ring::{Consumer, Descriptor};
use core::cell::{Cell as Private, RefCell};

/// The calls to one rank that are under way, and the reading end of the lane that brings their answers.
pub struct Answers {
    lane: RefCell<Consumer>,
    asked: RefCell<Vec<Asked>>,
    /// Whether a call on the line was given up, whose answer may come here: it has no credit, and is to be taken in
    /// before the line is used again.
    pub has_stray: Private<bool>,
}

struct Asked {
    id: CallId,
    /// The request's number.
    seq: Option<u64>,
    /// Of the server's life that it is for.
    epoch: u64,
    /// Whether somebody wants the answer.
    is_wanted: bool,
    answer: Option<Answer>,
}

/// The answer to a call.
pub struct Answer {
    /// [`Kind::Answer`], [`Kind::Refusal`], [`Kind::Dropped`] or [`Kind::Ack`].
    pub kind: Kind,
    pub bytes: Bytes,
}

impl Answers {
    /// The reading end of this lane, for the half that sends.
    pub fn resume(lane: Lane, member: &Member) -> Self {
        let lane = Consumer::resume(lane);
        if lane.is_resetting() {
            // A predecessor asked.
            member.begin_reset();
        }
        Self { lane: lane.into(), asked: RefCell::default(), has_stray: false.into() }
    }

    /// Whether one call more may be under way, to the server's life of this epoch. Takes in what is there if it seems not.
    pub fn has_credit(&self, member: &Member, peer: &Outgoing, epoch: u64) -> Result<bool, Broken> {
        if self.asked.borrow().len() < CREDITS {
            return Ok(true);
        }
        // Read before the lane is looked at: a server answers a request before it is done with it. One that was given up in
        // a reset is done with, too, and never answered. And all that earlier lives answered is in the lane.
        let head = peer.producer.acknowledged().ok();
        self.take_in(member, peer)?;
        let is_done = |seq: Option<u64>| seq.zip(head).is_some_and(|(seq, head)| is_below(seq, head));
        let mut asked = self.asked.borrow_mut();
        asked.retain(|asked| asked.is_wanted || asked.epoch >= epoch && !is_done(asked.seq));
        Ok(asked.iter().filter(|asked| asked.answer.is_none() && asked.epoch >= epoch).count() < CREDITS)
    }

    /// A call with this id was sent to the server's life of this epoch.
    pub fn expect(&self, seq: u64, epoch: u64) {
        let id = CallId::of_message(seq);
        self.asked.borrow_mut().push(Asked { id, seq: Some(seq), epoch, is_wanted: true, answer: None });
    }

    /// Nobody wants the answer to that call any more.
    #[inline(always)]
    pub fn give_up(&self, id: CallId) {
        if !self.asked.borrow().is_empty() {
            self.search_and_give_up(id);
        }
    }

    #[inline(never)]
    fn search_and_give_up(&self, id: CallId) {
        let mut all = self.asked.borrow_mut();
        if let Some(at) = all.iter().position(|asked| asked.id == id) {
            if all[at].answer.is_some() {
                all.swap_remove(at);
            } else {
                all[at].is_wanted = false;
            }
        }
    }

    /// That call has no answer, and will have none.
    pub fn forget(&self, id: CallId) {
        self.asked.borrow_mut().retain(|asked| asked.id != id);
    }

    /// Whether an answer may be there that was not looked for: the one to this call, perhaps. Cost: a load, as long as there
    /// is none.
    #[inline(always)]
    pub fn has_news(&self, id: CallId) -> bool {
        let is_new = |lane: &Consumer| lane.is_ready() || lane.is_resetting();
        is_new(&self.lane.borrow())
            || self.asked.borrow().iter().any(|asked| asked.id == id && asked.answer.is_some())
    }

    /// The answer to that call, if it has come.
    pub fn take(&self, member: &Member, peer: &Outgoing, id: CallId) -> Result<Option<Answer>, Broken> {
        if let Some(answer) = self.take_kept(id) {
            return Ok(Some(answer));
        }
        self.take_in(member, peer)?;
        Ok(self.take_kept(id))
    }

    /// Whether the answer to that call may still come.
    pub fn expects(&self, id: CallId) -> bool {
        self.asked.borrow().iter().any(|asked| asked.id == id)
    }

    /// Takes in what the server waits for, if it says that it does.
    pub fn relieve(&self, member: &Member, peer: &Outgoing) {
        let is_starved = self.lane.borrow().starved().is_some();
        if is_starved {
            // If it makes no sense, the next call that looks there is told.
            let _ = self.take_in(member, peer);
        }
    }

    fn take_kept(&self, id: CallId) -> Option<Answer> {
        let mut all = self.asked.borrow_mut();
        let at = all.iter().position(|asked| asked.id == id && asked.answer.is_some())?;
        all.swap_remove(at).answer
    }

    /// Takes in all that is in the lane. Nothing where this half lost its rank.
    pub fn take_in(&self, member: &Member, peer: &Outgoing) -> Result<(), Broken> {
        if member.check().is_err() {
            return Ok(()); // The lane is a successor's.
        }
        let lane = self.lane.borrow();
        if lane.is_resetting() && lane.take_reset() {
            member.end_reset();
        } else if lane.is_reset_forged() {
            // Its server would not see that one is asked for, or wait for one to be taken that nobody asked for.
            drop(lane);
            return self.ask_for_reset(member, peer.to);
        } else if lane.is_resetting() {
            return Ok(());
        }
        if lane.unsettled() > 0 {
            // A peer overwrote it.
            lane.settle();
        }
        // More is not there at once, unless the server goes on meanwhile.
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

    /// Keeps an answer for its call, if that wants it, and gives its room back.
    fn sort(
        &self,
        member: &Member,
        peer: &Outgoing,
        lane: &Consumer,
        descriptor: &Descriptor,
    ) -> Result<(), Broken> {
        let envelope = descriptor.envelope();
        let id = CallId::of_answer(&envelope);
        let mut all = self.asked.borrow_mut();
        let at = all.iter().position(|asked| asked.id == id);
        let is_of_line = || peer.caller.wanted().is_some_and(|stamp| CallId::of_line(stamp) == id);
        let is_wanted = at.map_or_else(is_of_line, |at| all[at].is_wanted);
        if at.is_some_and(|at| all[at].answer.is_some()) {
            // One life has answered; what a later one says of it is nobody's.
        } else if is_wanted {
            let bytes =
                self.copy(member, peer, lane, descriptor).inspect_err(|_| lane.put_back(descriptor.seq))?;
            let answer = Some(Answer { kind: envelope.kind, bytes });
            match at {
                Some(at) => all[at].answer = answer,
                // It has no credit of its own: there is but one.
                None => all.push(Asked { id, seq: None, epoch: 0, is_wanted: true, answer }),
            }
        } else if let Some(at) = at {
            all.swap_remove(at);
        }
        lane.acknowledge(descriptor.seq);
        if !descriptor.is_in_cell() {
            // Its server may wait for the room that it took.
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

    /// Asks the server for a reset of the lane. What was under way has no answer. What is asked from now on comes after this,
    /// and the server looks for it before it answers.
    #[cold]
    fn ask_for_reset(&self, member: &Member, to: u32) -> Result<(), Broken> {
        let was_resetting = self.lane.borrow().is_resetting();
        let lane = self.lane.borrow().request_reset();
        self.lane.replace(lane);
        if !was_resetting {
            member.begin_reset();
        }
        self.asked.borrow_mut().clear();
        Err(Broken::Corrupt(to))
    }
}

/// Whether an honest server writes this to a return lane.
fn is_answer(member: &Member, descriptor: &Descriptor) -> bool {
    let is_whole = descriptor.len <= member.whole;
    let kind = descriptor.envelope().kind;
    is_whole && matches!(kind, Kind::Answer | Kind::Refusal | Kind::Dropped | Kind::Ack)
}
