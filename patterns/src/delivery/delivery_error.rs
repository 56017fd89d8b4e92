//! Why a receiver does not go on.

use super::{DeadError, JournalError};
use mailbox::{RecvError, SendError};
use thiserror::Error;

/// Why a consumer, a queue or a worker does not go on. Mail that was not handled is unread again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The endpoint, or a mailbox of it, does not work, or the wait was interrupted.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// The queue of this worker did not take a word.
    #[error("rank {queue}: {error}")]
    Send {
        /// The rank of the queue.
        queue: u32,
        /// Why.
        error: SendError,
    },
    /// The ledger's file was not written. The state in memory may be ahead of it: end the process, and start from the file again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A letter was not set aside.
    #[error(transparent)]
    Dead(#[from] DeadError),
}
