//! Of requests and communicators.

use super::{Broken, Lost, RecvError, SendError};
use std::io;
use thiserror::Error;

/// Why a request has no result, or how what it stands for failed.
///
/// ```
/// # use mailbox::{Config, Region, RequestError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # use std::time::Duration;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let mut request = me.from(1).start();
/// match request.wait_within(Duration::from_millis(1)) {
///     Err(error) if error.is_timeout() => println!("not yet"), // it goes on
///     Err(error) if error.is_gone() => println!("it will never come: {error}"),
///     Err(error) => return Err(error.into()),
///     Ok(mail) => println!("{} bytes", mail.map_or(0, |mail| mail.len())),
/// }
/// other.send(0, b"late")?;
/// assert_eq!(request.wait()?.map(|mail| mail.to_vec()), Some(b"late".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
            CommError::Broken(broken) => broken.into(),
            CommError::Gone { rank, died } => RequestError::Recv(RecvError::Gone { rank, died }),
            CommError::NoContext | CommError::Collective(_) => RequestError::Over,
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

/// Why an operation of all members of a communicator did not come to its end.
///
/// After all but [`CollectiveError::Unfit`] the communicator can be used for no more of them, on any member; messages still go.
/// What some members have got an error for may have ended well on others.
///
/// ```
/// # use mailbox::{CollectiveError, Comm, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let other = std::thread::spawn(move || Comm::world(&other).map(drop));
/// let comm = Comm::world(&me)?;
/// # other.join().unwrap()?;
/// match comm.barrier() {
///     Err(CollectiveError::Gone { rank, .. }) => println!("go on without rank {rank}: shrink the communicator"),
///     Err(CollectiveError::Missing { missing, .. }) => println!("rank {missing} is late"),
///     Err(error) => return Err(error.into()),
///     Ok(()) => println!("all are there"),
/// }
/// # assert_eq!(comm.barrier(), Err(CollectiveError::Gone { rank: 1, died: false }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CollectiveError {
    /// The deadline passed. The operation waits for this rank, and for some others.
    #[error("rank {missing} does not take part, and {others} others do not")]
    Missing {
        /// A rank that the operation waits for.
        missing: u32,
        /// For how many more it waits.
        others: u32,
    },
    /// The life of this rank that was a member has ended, or it has dropped the communicator.
    #[error("rank {rank} {}", if *.died { "died, or was replaced" } else { "has left" })]
    Gone {
        /// The rank in the region.
        rank: u32,
        /// Whether it died or was replaced. Otherwise it left.
        died: bool,
    },
    /// This rank takes part in another operation, or with another root, type, or length.
    #[error("rank {rank} is in another operation, or has another root, type or length")]
    Mismatch {
        /// The rank in the region.
        rank: u32,
    },
    /// This rank gave up an operation that had begun: its deadline passed, it was interrupted, or it had no memory. Or it had no
    /// memory to begin with the communicator at all. Or a function that combines values has called for it.
    #[error("rank {rank} gave up an operation that had begun, or could not begin")]
    GivenUp {
        /// The rank in the region. It may be this one.
        rank: u32,
    },
    /// A slice is shorter or longer than the operation needs. Nothing has begun.
    #[error("the slice has {len} elements, and {needed} are needed")]
    Unfit {
        /// How many elements it must have.
        needed: usize,
        /// How many it has.
        len: usize,
    },
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// The communicator or the endpoint does not work.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl CollectiveError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, CollectiveError::Missing { .. })
    }

    /// Whether a member has ended.
    pub fn is_gone(&self) -> bool {
        matches!(self, CollectiveError::Gone { .. })
    }
}

impl From<Lost> for CollectiveError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<CollectiveError> for io::Error {
    fn from(error: CollectiveError) -> Self {
        let kind = match error {
            CollectiveError::Missing { .. } => io::ErrorKind::TimedOut,
            CollectiveError::Gone { died: false, .. } => io::ErrorKind::BrokenPipe,
            CollectiveError::Gone { died: true, .. } => io::ErrorKind::ConnectionReset,
            CollectiveError::Mismatch { .. } | CollectiveError::Unfit { .. } => io::ErrorKind::InvalidInput,
            CollectiveError::GivenUp { .. } | CollectiveError::Interrupted => io::ErrorKind::Other,
            CollectiveError::Broken(error) => error.kind(),
        };
        io::Error::new(kind, error)
    }
}

/// Why a communicator was not made, or cannot be used with a rank.
///
/// ```
/// # use mailbox::{Comm, CommError, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # use std::time::Duration;
/// let me = region.join(0)?;
/// let error = Comm::world_within(&me, Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_timeout());
/// assert_eq!(error, CommError::Missing { missing: 1, others: 1 });
/// assert_eq!(error.to_string(), "rank 1 is not there, and 1 others are not");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// This rank was a member, and its life has ended. A later life of it is no member.
    #[error("rank {rank} {}", if *.died { "died, or was replaced" } else { "has left" })]
    Gone {
        /// The rank in the region.
        rank: u32,
        /// Whether it died or was replaced. Otherwise it left.
        died: bool,
    },
    /// All slots for groups are in use in one member or another; [`Config::groups`](crate::Config::groups) says how many there
    /// are.
    #[error("no slot for one more group is free in all members")]
    NoContext,
    /// The operation with which the members agree failed.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The word with which the members agree could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The word with which the members agree did not come.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// The communicator has no such member ([`Broken::NoSuchRank`], with the member's number and how many members there are), or
    /// the endpoint does not work.
    #[error("{}", broken_comm(.0))]
    Broken(#[from] Broken),
}

fn broken_comm(broken: &Broken) -> String {
    match broken {
        Broken::NoSuchRank { rank, ranks } => {
            format!("there is no member {rank}: the communicator has members 0 to {}", ranks - 1)
        }
        broken => broken.to_string(),
    }
}

impl CommError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, CommError::Missing { .. } | CommError::Collective(CollectiveError::Missing { .. }))
    }

    /// Whether a member has ended.
    pub fn is_gone(&self) -> bool {
        match self {
            CommError::Gone { .. } => true,
            CommError::Collective(error) => error.is_gone(),
            CommError::Send(error) => error.is_gone(),
            CommError::Recv(error) => error.is_gone(),
            _ => false,
        }
    }
}

impl From<Lost> for CommError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<CommError> for io::Error {
    fn from(error: CommError) -> Self {
        let kind = match error {
            CommError::Missing { .. } => io::ErrorKind::TimedOut,
            CommError::NoContext => io::ErrorKind::QuotaExceeded,
            CommError::Collective(error) => return error.into(),
            CommError::Gone { died: false, .. } => io::ErrorKind::BrokenPipe,
            CommError::Gone { died: true, .. } => io::ErrorKind::ConnectionReset,
            CommError::Send(error) => error.kind(),
            CommError::Recv(error) => error.kind(),
            CommError::Broken(broken) => broken.kind(),
        };
        io::Error::new(kind, error)
    }
}
