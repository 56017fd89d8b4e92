//! An announced message under way, as its sender sees it.

use super::sender::Sender;
use crate::error::SendError;
use crate::half::Member;
use crate::receive::Inbox;
use crate::send::Synchronous;
use crate::wait::Deadline;
use core::fmt;
use core::time::Duration;

/// An announced message on its way: what [`Sender::announce`] gives. Dropping it gives the message up, unless it was
/// received.
///
/// Its bytes go when its receiver wants them, while this endpoint waits in any call or makes one that would wait; nothing
/// goes in between. Of several to one rank one goes at a time, in whatever order the receiver wants them.
#[must_use = "dropping it gives the message up"]
pub struct Sending<'a> {
    sender: &'a Sender,
    /// The other half, if the same thread has it.
    receiving: Option<(&'a Member, &'a Inbox)>,
    to: u32,
    synchronous: Synchronous<'a>,
    outcome: Option<Result<(), SendError>>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        sender: &'a Sender,
        receiving: Option<(&'a Member, &'a Inbox)>,
        to: u32,
        synchronous: Synchronous<'a>,
    ) -> Self {
        Self { sender, receiving, to, synchronous, outcome: None }
    }

    /// The rank that it goes to.
    pub fn to(&self) -> u32 {
        self.to
    }

    /// Waits until the receiver has all of it.
    ///
    /// [`SendError::Refused`] if the receiver does not want it; [`SendError::PeerLeft`] and [`SendError::PeerDead`] if the
    /// receiver's life ends before, also where it had not joined yet. Other errors as of [`Sender::send`]. Said again each
    /// time.
    pub fn wait(&mut self) -> Result<(), SendError> {
        self.finish(Deadline::Never).map(|_| ())
    }

    /// As [`Sending::wait`]; waits no longer than `timeout`, then [`SendError::Timeout`], and the message stays announced.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<(), SendError> {
        if self.finish(timeout.into())? { Ok(()) } else { Err(SendError::Timeout) }
    }

    /// Whether the receiver has all of it; sends what is wanted and has room, and never waits. Errors as of
    /// [`Sending::wait`].
    pub fn is_received(&mut self) -> Result<bool, SendError> {
        self.finish(Deadline::Now)
    }

    fn finish(&mut self, deadline: Deadline) -> Result<bool, SendError> {
        if let Some(outcome) = self.outcome {
            return outcome.map(|()| true);
        }
        let result = self.sender.drive(&mut self.synchronous, deadline, self.receiving);
        self.synchronous.end_wait();
        match result {
            Ok(true) => self.outcome = Some(Ok(())),
            Ok(false) | Err(SendError::Interrupted | SendError::NoSpace) => {}
            Err(error) => {
                self.synchronous.end();
                self.outcome = Some(Err(error));
            }
        }
        result
    }
}

impl fmt::Debug for Sending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("to", &self.to)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
