//! What can go wrong with a tuple space.

use super::Type;
use mailbox::{CallError, RecvError, SelectError, SendError};
use thiserror::Error;

/// Why an operation on a tuple space was not done, or a tuple not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TupleError {
    /// A tuple or a template without fields, or with too many.
    #[error("{fields} fields, where there must be 1 to {most}")]
    Fields {
        /// How many it has.
        fields: usize,
        /// The most.
        most: usize,
    },
    /// A tuple, a template or the name of a function is too long.
    #[error("{len} bytes, where there may be {limit}")]
    TooLong {
        /// Its bytes, encoded.
        len: usize,
        /// The most.
        limit: usize,
    },
    /// This process has too many functions.
    #[error("a process has no more than {most} functions")]
    Functions {
        /// The most.
        most: usize,
    },
    /// A tuple was read with another number of fields than it has, or no shape that was declared for its key has as many.
    #[error("a tuple of {found} fields, where {wanted} are wanted")]
    Arity {
        /// How many fields were wanted.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// A field was read as another type than it has, or has another one than was declared for its key.
    #[error("field {field} is {found:?}, where {wanted:?} is wanted")]
    Type {
        /// The number of the field, from 0 on.
        field: usize,
        /// The type that was wanted.
        wanted: Type,
        /// The type that it has.
        found: Type,
    },
    /// The time has come before there was such a tuple, or before the shard has answered.
    #[error("no such tuple came in time")]
    Timeout,
    /// The shard has no room for another tuple ([`Limits`](super::Limits)).
    #[error("the shard at rank {rank} is full")]
    Full {
        /// Its rank.
        rank: u32,
    },
    /// This process has too many tuples under lease of that shard ([`Limits::leases`](super::Limits::leases)).
    #[error("the shard at rank {rank} lends no more than {most} tuples to one process")]
    Leases {
        /// Its rank.
        rank: u32,
        /// The most.
        most: u32,
    },
    /// The lease was over: the tuple had come back.
    #[error("lease {lease} of the shard at rank {rank} was over")]
    Expired {
        /// The rank of the shard.
        rank: u32,
        /// The number of the lease.
        lease: u64,
    },
    /// The tuple that was to take the place of another one belongs to another shard: its key is another one.
    #[error("a tuple with key {key} does not belong to the shard at rank {rank}")]
    OtherKey {
        /// The shard that has the lease.
        rank: u32,
        /// The key.
        key: String,
    },
    /// The process of this shard has ended. All tuples that it had are lost.
    #[error("the shard at rank {rank} has ended, and its tuples are lost")]
    Gone {
        /// Its rank.
        rank: u32,
    },
    /// Another process serves this shard now. All tuples that the former one had are lost. This is told once; the next operation goes
    /// to the new one.
    #[error("the shard at rank {rank} has begun again, as number {epoch}: the tuples that it had are lost")]
    Restarted {
        /// Its rank.
        rank: u32,
        /// The [epoch](mailbox::Endpoint::epoch) of the new one.
        epoch: u64,
    },
    /// The process of this rank lives, and is no shard, or no longer.
    #[error("rank {rank} is no shard of a tuple space")]
    NoShard {
        /// Its rank.
        rank: u32,
    },
    /// This process and the shard were given other ranks as the shards of the space.
    #[error("rank {rank} is one of {theirs} shards, and was asked for a key of another, or as one of {ours}")]
    OtherShards {
        /// Its rank.
        rank: u32,
        /// How many there are for this process.
        ours: u32,
        /// How many there are for the shard.
        theirs: u32,
    },
    /// The shard has answered what makes no sense.
    #[error("the shard at rank {rank} has answered what makes no sense")]
    Garbled {
        /// Its rank.
        rank: u32,
    },
    /// A call to a shard failed.
    #[error(transparent)]
    Call(CallError),
    /// A message to a shard was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A shard cannot receive.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// A wait for several shards failed.
    #[error(transparent)]
    Select(SelectError),
}

impl TupleError {
    /// Whether the time has come.
    pub fn is_timeout(&self) -> bool {
        matches!(self, TupleError::Timeout)
    }

    /// Whether tuples are lost: the process of a shard has ended.
    pub fn is_lost(&self) -> bool {
        matches!(self, TupleError::Gone { .. } | TupleError::Restarted { .. })
    }
}

impl From<SelectError> for TupleError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Timeout => TupleError::Timeout,
            error => TupleError::Select(error),
        }
    }
}
