//! A wait until one more call may be under way.

use super::starved::Starved;
use crate::error::{CallError, SendError};
use crate::half::Member;
use crate::rank::Source;
use crate::send::{Outgoing, ended};
use crate::wait::{Operation, Step};

/// For one call more to the server's life of this epoch.
pub struct Credit<'a> {
    /// The half that waits, and the one that sends.
    pub member: &'a Member,
    pub sender: &'a Member,
    pub peer: &'a Outgoing,
    pub epoch: u64,
    pub starved: Starved,
}

impl Operation for Credit<'_> {
    type Error = CallError;

    fn look(&mut self, _: bool) -> Result<bool, CallError> {
        Ok(self.peer.answers.has_credit(self.sender, self.peer, self.epoch)?)
    }

    fn check(&mut self, query: bool) -> Result<bool, CallError> {
        let place = self.member.check_place(query);
        let end = self.member.end_of(self.peer.to, query);
        if self.look(true)? {
            return Ok(true);
        }
        place?;
        if self.is_in_vain() {
            return Err(SendError::Full.into());
        }
        match end {
            None => self.starved.check(self.member, self.peer).map(|()| false),
            Some(end) => Err(ended(self.peer.to, end).into()),
        }
    }

    fn step(&mut self) -> Result<Step, CallError> {
        Ok(Step::Done)
    }

    fn is_in_vain(&self) -> bool {
        self.peer.to == self.member.rank()
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(Source::Rank(self.peer.to));
    }
}
