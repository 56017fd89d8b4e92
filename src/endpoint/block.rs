//! What was written for any number of receivers, and is sent.

use super::loan::Held;
use crate::error::SendError;
use crate::wait::Deadline;
use core::fmt;
use core::time::Duration;

/// A payload that is written, and can be sent to any number of receivers: what becomes of a [`Loan`](crate::Loan).
///
/// Each receives it as a [`Mail`](crate::Mail) like any, in order with what else it is sent, and reads it in place. Each time
/// it is sent is a delivery of its own. Dropping it ends only this endpoint's use of it: its room is free when those to
/// whom it was sent have acknowledged it, too.
///
/// Its length may be above [`Region::max_message`](crate::Region::max_message).
pub struct Block<'a> {
    held: Held<'a>,
}

impl<'a> Block<'a> {
    pub(super) fn new(held: Held<'a>) -> Self {
        Self { held }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.held.lent.len as usize
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends it to `to`; waits while the mailbox has no cell free. Errors as of [`Sender::send`](crate::Sender::send), but
    /// that it is never too large.
    ///
    /// Cost: that of a message of 16 bytes.
    pub fn send(&self, to: u32) -> Result<(), SendError> {
        self.refer(to, Deadline::Never)
    }

    /// Sends it to `to` if there is a cell now; never waits, else [`SendError::Full`]. Otherwise as [`Block::send`].
    pub fn try_send(&self, to: u32) -> Result<(), SendError> {
        self.refer(to, Deadline::Now)
    }

    /// Sends it to `to`; waits no longer than `timeout`, then [`SendError::Timeout`]. Otherwise as [`Block::send`].
    pub fn send_timeout(&self, to: u32, timeout: Duration) -> Result<(), SendError> {
        self.refer(to, timeout.into())
    }

    fn refer(&self, to: u32, deadline: Deadline) -> Result<(), SendError> {
        let Held { sender, receiving, lent } = &self.held;
        sender.refer(to, *lent, deadline, *receiving)
    }
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("len", &self.len()).finish_non_exhaustive()
    }
}
