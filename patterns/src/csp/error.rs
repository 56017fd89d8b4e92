//! What can go wrong with a channel.

use super::Deadlock;
use mailbox::{RecvError, SelectError, SendError, TopicError};
use thiserror::Error;

/// Why an end of a channel cannot be opened, or does not send or receive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// Another live process has this end, or this process has opened it already.
    #[error("rank {rank} has this end of channel {channel:?}")]
    Taken {
        /// The channel.
        channel: String,
        /// Who has it.
        rank: u32,
    },
    /// This endpoint is a process already, or an end or an alternative of one is left.
    #[error("rank {rank} is a process with channels already")]
    Begun {
        /// Its rank.
        rank: u32,
    },
    /// A value has more bytes than messages that are sent at once ([`Region::eager_limit`](mailbox::Region::eager_limit)).
    #[error("channel {channel:?}: a value has {len} bytes, and at most {limit} are sent at once")]
    TooLong {
        /// The channel.
        channel: String,
        /// Bytes of the type.
        len: u64,
        /// The most.
        limit: u64,
    },
    /// The other end was opened with another type of values.
    #[error(
        "channel {channel:?} was opened with values of type {ours} here, and with {theirs} at the other end"
    )]
    OtherType {
        /// The channel.
        channel: String,
        /// The type at this end.
        ours: String,
        /// The type at the other.
        theirs: String,
    },
    /// The other end was opened with another capacity.
    #[error(
        "channel {channel:?} was opened with room for {ours} values here, and for {theirs} at the other end"
    )]
    OtherCapacity {
        /// The channel.
        channel: String,
        /// The capacity at this end.
        ours: u32,
        /// The capacity at the other.
        theirs: u32,
    },
    /// The other end was dropped. All that was sent before has been received.
    #[error("channel {channel:?} was ended at its other end")]
    Poisoned {
        /// The channel.
        channel: String,
    },
    /// The process at the other end has ended without a word.
    #[error("rank {rank}, at the other end of channel {channel:?}, has ended")]
    Gone {
        /// The channel.
        channel: String,
        /// Its rank.
        rank: u32,
    },
    /// The process at the other end has sent what no end of this channel sends.
    #[error("rank {rank}, at the other end of channel {channel:?}, has sent what makes no sense")]
    Garbled {
        /// The channel.
        channel: String,
        /// Its rank.
        rank: u32,
    },
    /// A send of a rendezvous cannot be taken back: it takes no time limit, and is no arm of an alternative.
    #[error("channel {channel:?} is a rendezvous: what is offered there cannot be taken back")]
    Committed {
        /// The channel.
        channel: String,
    },
    /// An alternative of which no arm is open.
    #[error("no arm of the alternative is open, and it has no time limit")]
    Empty,
    /// The time has come.
    #[error("nothing was ready in time")]
    Timeout,
    /// All processes of the network wait for each other.
    #[error(transparent)]
    Deadlock(Box<Deadlock>),
    /// The name is bad, there are too many topics, or the endpoint does not work.
    #[error("channel {channel:?}: {error}")]
    Topic {
        /// The channel.
        channel: String,
        /// Why.
        error: TopicError,
    },
    /// A send failed.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A receive failed.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// A wait failed.
    #[error(transparent)]
    Select(#[from] SelectError),
}

impl ChannelError {
    /// Whether the other end was dropped: the regular end of a channel.
    pub fn is_poisoned(&self) -> bool {
        matches!(self, ChannelError::Poisoned { .. })
    }

    /// Whether the time has come.
    pub fn is_timeout(&self) -> bool {
        matches!(self, ChannelError::Timeout)
    }
}
