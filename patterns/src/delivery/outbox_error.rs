//! Why an outbox does not deliver.

use super::JournalError;
use mailbox::{RequestError, SendError};
use std::path::PathBuf;
use thiserror::Error;

/// Why an outbox does not deliver. What was committed and not handled still waits in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// Its file cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The file is of another rank. Its messages are known by that rank, too.
    #[error("{path:?} is the outbox of rank {rank}, not of rank {me}")]
    OtherRank {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        rank: u32,
        /// Who wants it.
        me: u32,
    },
    /// The region has no such rank.
    #[error("there is no rank {to}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        to: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// The message is longer than what is delivered at least once.
    #[error("a message of {len} bytes to rank {to} is longer than the limit of {limit}")]
    TooLong {
        /// The receiver.
        to: u32,
        /// Its length in bytes.
        len: u64,
        /// The longest that goes, in bytes.
        limit: u64,
    },
    /// So many messages wait already.
    #[error("the outbox is full: {waiting} messages wait")]
    Full {
        /// How many.
        waiting: usize,
    },
    /// Nobody had joined as this rank by the deadline.
    #[error("rank {rank} is not there; {waiting} messages wait")]
    Away {
        /// The receiver.
        rank: u32,
        /// How many messages wait, for all ranks.
        waiting: usize,
    },
    /// This receiver had not handled all by the deadline, or its mailbox does not work.
    #[error("rank {to}: {error}; {waiting} messages wait")]
    Undelivered {
        /// The receiver.
        to: u32,
        /// How many messages wait, for all ranks.
        waiting: usize,
        /// Why.
        error: SendError,
    },
    /// The wait was interrupted, or the endpoint does not work.
    #[error(transparent)]
    Request(RequestError),
}
