//! Of sends of several messages.

use super::SendError;
use std::io::Error as IoError;
use thiserror::Error;

/// Why not all of several messages were sent, and how many were: [`SendTo::send_each`](crate::SendTo::send_each).
///
/// ```
/// # use mailbox::{Config, Deadline, Region, SendError};
/// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let prices: Vec<[u8; 8]> = (0..100u64).map(u64::to_ne_bytes).collect();
/// let now = me.to(1).within(Deadline::Now);
/// let stopped = now.send_each(&prices).unwrap_err();
/// assert_eq!((stopped.sent, stopped.error), (64, SendError::Full(1)));
/// other.drain().for_each(|_| {})?;
/// assert_eq!(now.send_each(&prices[stopped.sent..])?, 36);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{error}, after {sent} messages")]
pub struct SendEachError {
    /// How many of them were sent: all that came before the one that was not.
    pub sent: usize,
    /// Why that one was not. Those behind it were not tried. With [`SendTo::sync`](crate::SendTo::sync) a timeout leaves it
    /// uncertain: it may have been sent, and stays sent.
    pub error: SendError,
}

impl From<SendEachError> for SendError {
    fn from(stopped: SendEachError) -> Self {
        stopped.error
    }
}

impl From<SendEachError> for IoError {
    fn from(stopped: SendEachError) -> Self {
        IoError::new(stopped.error.kind(), stopped)
    }
}
