//! A wait for the answer to a call.

use super::held::HeldUp;
use super::{Call, Reply, Way};
use crate::abi::CallId;
use crate::error::{Broken, CallError};
use crate::half::Bytes;
use crate::wait::pace::{self, CALL_PAUSES};
use crate::wait::{Deadline, Operation, look_soon};

impl Call<'_> {
    #[inline(always)]
    pub(super) fn finish(&self, deadline: Deadline) -> Result<Reply, CallError> {
        let member = self.member();
        member.check()?;
        self.halves().publish();
        // Nobody else answers what this rank asks itself.
        if self.peer.to == member.rank() && member.finds_alone() {
            return self.look()?.ok_or(Broken::Oneself.into());
        }
        match self.way.get() {
            Way::Line(stamp) => self.finish_on_line(stamp, deadline),
            Way::Lane(seq) => self.finish_in_lane(seq, deadline),
            Way::Over => self.wait_long(deadline),
        }
    }

    #[inline(always)]
    fn finish_on_line(&self, stamp: u64, deadline: Deadline) -> Result<Reply, CallError> {
        let caller = &self.peer.caller;
        pace::pause(CALL_PAUSES);
        // From the line to the reply at once: whatever the answer goes through in between copies it once more.
        if look_soon(self.member(), deadline, || caller.has_news(stamp))
            && let Some((bytes, len)) = caller.answer_in_line(stamp)
        {
            self.end();
            return Ok(Reply(Bytes::Few { bytes, len }));
        }
        self.wait_long(deadline)
    }

    #[inline(always)]
    fn finish_in_lane(&self, seq: u64, deadline: Deadline) -> Result<Reply, CallError> {
        // It may have come with others, or before this.
        if let Some(bytes) = self.peer.answers.take_next(seq) {
            self.way.set(Way::Over);
            return Ok(Reply(bytes));
        }
        self.wait_in_lane(deadline)
    }

    #[inline(never)]
    fn wait_in_lane(&self, deadline: Deadline) -> Result<Reply, CallError> {
        if let Some(reply) = self.look_in_lane()? {
            return Ok(reply);
        }
        look_soon(self.member(), deadline, || self.may_have_come());
        self.wait_long(deadline)
    }

    /// Waits for an answer that did not come in a moment, or is none of those that are taken at once.
    #[inline(never)]
    fn wait_long(&self, deadline: Deadline) -> Result<Reply, CallError> {
        match self.look()? {
            Some(reply) => Ok(reply),
            None => self.drive(deadline)?.ok_or(CallError::Timeout(self.peer.to)),
        }
    }

    /// Whether the answer may be there. Cost: a load, as long as it is not.
    #[inline(always)]
    pub(super) fn may_have_come(&self) -> bool {
        match self.way.get() {
            Way::Line(stamp) => self.peer.caller.has_news(stamp),
            Way::Lane(seq) => self.peer.answers.has_news(CallId::of_message(seq)),
            Way::Over => true,
        }
    }

    #[inline(never)]
    pub(super) fn drive(&self, deadline: Deadline) -> Result<Option<Reply>, CallError> {
        let member = self.member();
        let held_up = HeldUp::new(self.sender, self.receiver, self.peer);
        let mut waiting = Waiting { call: self, reply: None, held_up };
        self.halves().drive(member, deadline, &mut waiting)?;
        Ok(waiting.reply)
    }
}

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
