//! A wait for the answer to a call.

use super::held::HeldUp;
use super::{Call, Reply};
use crate::error::{Broken, CallError};
use crate::wait::Operation;

/// For the answer to this call.
pub struct Waiting<'a, 'c> {
    pub call: &'a Call<'c>,
    /// The answer, once it has come.
    pub reply: Option<Reply>,
    pub held_up: HeldUp<'a>,
}

impl Operation for Waiting<'_, '_> {
    type Error = CallError;

    fn look(&mut self, _: bool) -> Result<bool, CallError> {
        self.reply = self.call.look()?;
        if self.reply.is_none() {
            self.held_up.check_now_and_then()?;
        }
        Ok(self.reply.is_some())
    }

    fn check(&mut self, query: bool) -> Result<bool, CallError> {
        let member = self.call.member();
        // Before the look: the other half may have answered before it went.
        let is_alone = self.call.to() == member.rank() && member.finds_alone();
        self.reply = self.call.check_server(query)?;
        if self.reply.is_none() {
            self.held_up.check()?;
            if is_alone && self.held_up.waits() {
                return Err(Broken::Oneself.into());
            }
        }
        Ok(self.reply.is_some())
    }

    fn begin_wait(&self) {
        self.held_up.begin();
    }

    fn fall_asleep(&self) {
        self.held_up.fall_asleep();
    }
}
