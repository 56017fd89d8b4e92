//! A wait until one more call may be under way.

use super::held::HeldUp;
use crate::error::{CallError, SendError};
use crate::half::{Member, Starving};
use crate::send::{Outgoing, ended};
use crate::wait::Operation;

/// For one call more to the server's life of this epoch.
pub struct Credit<'a> {
    /// The half that waits, and the one that sends.
    pub member: &'a Member,
    pub sender: &'a Member,
    pub peer: &'a Outgoing,
    pub epoch: u64,
    pub held_up: HeldUp<'a>,
    pub starving: Starving<'a>,
}

impl Operation for Credit<'_> {
    type Error = CallError;

    fn look(&mut self, _: bool) -> Result<bool, CallError> {
        let has_credit = self.peer.answers.has_credit(self.sender, self.peer, self.epoch)?;
        if !has_credit {
            if let Some(last) = self.peer.answers.last_asked() {
                self.starving.tell_any(self.sender, &self.peer.record, &self.peer.producer, last);
            }
            self.held_up.check_now_and_then()?;
        }
        Ok(has_credit)
    }

    fn check(&mut self, query: bool) -> Result<bool, CallError> {
        let place = self.member.check_place(query);
        let end = self.member.end_of(self.peer.to, query);
        if self.look(true)? {
            return Ok(true);
        }
        place?;
        if self.is_in_vain() {
            return Err(SendError::Full(self.peer.to).into());
        }
        match end {
            None => self.held_up.check().map(|()| false),
            Some(end) => Err(ended(self.peer.to, end).into()),
        }
    }

    fn begin_wait(&self) {
        self.held_up.begin();
        self.starving.begin();
    }

    fn is_in_vain(&self) -> bool {
        self.peer.to == self.member.rank() && self.member.finds_alone()
    }

    fn fall_asleep(&self) {
        self.held_up.fall_asleep();
    }
}
