//! A message whose sender waits until it is acknowledged.

use super::room::is_in_vain;
use super::{Answer, Outgoing, end_of_taker, ended, living_taker};
use crate::abi::{CallId, Kind};
use crate::error::SendError;
use crate::half::{Member, Starving};
use crate::rank::Source;
use crate::wait::{Looks, Operation, Step};

/// The wait for such a message: first until one more may be under way, and then, once it was sent, for its acknowledgement.
pub struct Synchronous<'a> {
    member: &'a Member,
    peer: &'a Outgoing,
    /// Of the receiver's life that it waits for.
    epoch: u64,
    /// Once it was sent.
    id: Option<(u64, CallId)>,
    looks: Looks,
    starving: Starving<'a>,
}

impl<'a> Synchronous<'a> {
    /// To a rank that can acknowledge it while this thread waits.
    pub fn new(member: &'a Member, peer: &'a Outgoing) -> Result<Self, SendError> {
        if is_in_vain(member, peer) {
            return Err(SendError::Full);
        }
        let epoch = living_taker(member, peer.to)?;
        Ok(Self { member, peer, epoch, id: None, looks: Looks::default(), starving: Starving::default() })
    }

    /// It was sent as message `seq`.
    pub fn expect(&mut self, seq: u64) {
        let id = CallId::of_message(seq);
        self.peer.answers.expect(seq, self.epoch);
        self.id = Some((seq, id));
    }

    fn is_acknowledged(&mut self, id: CallId) -> Result<bool, SendError> {
        let answers = &self.peer.answers;
        match answers.take(self.member, self.peer, id)? {
            Some(Answer { kind: Kind::Ack, .. }) => {
                self.id = None;
                Ok(true)
            }
            None if answers.expects(id) => {
                self.peer.tell_reset()?;
                Ok(false)
            }
            // What came is none, or another found that the lane makes no sense.
            _ => Err(SendError::Corrupt),
        }
    }
}

impl Operation for Synchronous<'_> {
    type Error = SendError;

    fn look(&mut self, thorough: bool) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        let Some((seq, id)) = self.id else {
            return Ok(peer.answers.has_credit(member, peer, self.epoch)?);
        };
        let is_acknowledged = self.is_acknowledged(id)?;
        if !is_acknowledged && (thorough || self.looks.is_due()) {
            self.starving.tell(member, &peer.record, &peer.producer, seq);
        }
        Ok(is_acknowledged)
    }

    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        member.check()?;
        let place = member.check_place(query);
        let is_over = is_in_vain(member, peer);
        // An honest receiver says so before its head does.
        let has_passed = match self.id {
            Some((seq, _)) => peer.producer.is_acknowledged(seq)?,
            None => false,
        };
        let end = end_of_taker(member, peer.to, self.epoch, query);
        if self.look(true)? {
            return Ok(true);
        }
        place?;
        if is_over {
            return Err(SendError::Full);
        }
        match end {
            Some(end) => Err(ended(peer.to, end)),
            None if has_passed => Err(SendError::Corrupt),
            None => Ok(false),
        }
    }

    fn step(&mut self) -> Result<Step, SendError> {
        Ok(Step::Done)
    }

    fn begin_wait(&self) {
        self.starving.begin();
    }

    fn is_in_vain(&self) -> bool {
        is_in_vain(self.member, self.peer)
    }

    fn fall_asleep(&self) {
        self.member.announce(Source::Rank(self.peer.to));
    }
}

impl Drop for Synchronous<'_> {
    fn drop(&mut self) {
        if let Some((_, id)) = self.id {
            self.peer.answers.give_up(id);
        }
    }
}
