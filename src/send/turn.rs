//! A wait until what was started before has been sent.

use super::Outbox;
use crate::error::SendError;
use crate::half::Member;
use crate::rank::Source;
use crate::wait::Operation;

/// Waits until nothing that was started before waits for room to this rank.
pub struct Turn<'a> {
    member: &'a Member,
    outbox: &'a Outbox,
    to: u32,
}

impl<'a> Turn<'a> {
    pub fn new(member: &'a Member, outbox: &'a Outbox, to: u32) -> Self {
        Self { member, outbox, to }
    }
}

impl Operation for Turn<'_> {
    type Error = SendError;

    /// What was started has gone on before this.
    fn look(&mut self, _: bool) -> Result<bool, SendError> {
        Ok(!self.outbox.has_waiting(self.to))
    }

    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        let is_over = self.is_in_vain();
        self.member.check_place(query)?;
        self.outbox.check_started(self.member, query);
        if self.look(true)? {
            return Ok(true);
        }
        if is_over { Err(SendError::Full(self.to)) } else { Ok(false) }
    }

    /// In this rank's mailbox to itself, only the other half could make room.
    fn is_in_vain(&self) -> bool {
        self.to == self.member.rank() && self.member.finds_alone()
    }

    fn fall_asleep(&self) {
        self.member.announce(Source::Rank(self.to));
    }
}
