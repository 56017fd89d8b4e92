//! Of requests and communicators.

use super::{Broken, Lost, RecvError, SendError};
use std::io;
use thiserror::Error;

/// Why a request has no result, or how what it stands for failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The deadline passed before it was over. It goes on.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait. It goes on.
    #[error("interrupted")]
    Interrupted,
    /// What was started is a send, and it failed.
    #[error(transparent)]
    Send(#[from] SendError),
    /// What was started is a receive, and it failed.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// Its result was taken before.
    #[error("the result of this request was taken before")]
    Over,
    /// The endpoint does not work.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl RequestError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        *self == RequestError::Timeout
    }

    /// Whether the peer has ended.
    pub fn is_gone(&self) -> bool {
        match self {
            RequestError::Send(error) => error.is_gone(),
            RequestError::Recv(error) => error.is_gone(),
            _ => false,
        }
    }
}

impl From<Lost> for RequestError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<CommError> for RequestError {
    fn from(error: CommError) -> Self {
        match error {
            CommError::Missing { .. } => RequestError::Timeout,
            CommError::NoSuchMember { member, size } => {
                Broken::NoSuchRank { rank: member, ranks: size }.into()
            }
            CommError::Gone { rank, died } => RequestError::Recv(RecvError::Gone { rank, died }),
            CommError::Send(error) => RequestError::Send(error),
            CommError::Recv(error) => RequestError::Recv(error),
        }
    }
}

impl From<RequestError> for io::Error {
    fn from(error: RequestError) -> Self {
        let kind = match error {
            RequestError::Timeout => io::ErrorKind::TimedOut,
            RequestError::Interrupted | RequestError::Over => io::ErrorKind::Other,
            RequestError::Send(error) => error.kind(),
            RequestError::Recv(error) => error.kind(),
            RequestError::Broken(error) => error.kind(),
        };
        io::Error::new(kind, error)
    }
}

/// Why a communicator was not made, or cannot be used with a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CommError {
    /// The deadline passed before all ranks were there. This is the first that was not.
    #[error("rank {missing} is not there, and {others} others are not")]
    Missing {
        /// The first rank that was not there.
        missing: u32,
        /// How many more were not.
        others: u32,
    },
    /// The communicator has no such member.
    #[error("there is no member {member}: the communicator has members 0 to {}", .size - 1)]
    NoSuchMember {
        /// The member that was asked for.
        member: u32,
        /// How many it has.
        size: u32,
    },
    /// This rank was a member, and its life has ended. A later life of it is no member.
    #[error("rank {rank} {}", if *.died { "died, or was replaced" } else { "has left" })]
    Gone {
        /// The rank in the region.
        rank: u32,
        /// Whether it died or was replaced. Otherwise it left.
        died: bool,
    },
    /// The word with which the members agree could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The word with which the members agree did not come.
    #[error(transparent)]
    Recv(#[from] RecvError),
}

impl CommError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, CommError::Missing { .. })
    }

    /// Whether a member has ended.
    pub fn is_gone(&self) -> bool {
        match self {
            CommError::Gone { .. } => true,
            CommError::Send(error) => error.is_gone(),
            CommError::Recv(error) => error.is_gone(),
            _ => false,
        }
    }
}

impl From<CommError> for io::Error {
    fn from(error: CommError) -> Self {
        let kind = match error {
            CommError::Missing { .. } => io::ErrorKind::TimedOut,
            CommError::NoSuchMember { .. } => io::ErrorKind::InvalidInput,
            CommError::Gone { died: false, .. } => io::ErrorKind::BrokenPipe,
            CommError::Gone { died: true, .. } => io::ErrorKind::ConnectionReset,
            CommError::Send(error) => error.kind(),
            CommError::Recv(error) => error.kind(),
        };
        io::Error::new(kind, error)
    }
}
