//! What can go wrong in a group.

use core::ops::Range;
use mailbox::{SelectError, TopicError};
use thiserror::Error;

/// Why a process does not become a member, or a member does not broadcast or receive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CausalError {
    /// The rank of the endpoint is none of the group.
    #[error("rank {rank} is none of the group's ranks {} to {}", ranks.start, ranks.end)]
    NoMember {
        /// The rank.
        rank: u32,
        /// Those of the group, without the last.
        ranks: Range<u32>,
    },
    /// This endpoint is a member already, or another live process speaks as this rank.
    #[error("rank {rank} publishes topic {topic:?}, so nobody else is this member")]
    Taken {
        /// The topic of the member.
        topic: String,
        /// Who publishes it.
        rank: u32,
    },
    /// The message has too many bytes.
    #[error("a message of {len} bytes is longer than the limit of {limit}")]
    TooLong {
        /// Bytes of the message.
        len: usize,
        /// The most.
        limit: usize,
    },
    /// This member has not read for so long that there is no room for another message before the deadline. Nothing was sent.
    #[error("rank {rank} has not received what must make room for another message")]
    Behind {
        /// Who has not read.
        rank: u32,
    },
    /// There is no room for another message, and so much was received meanwhile that this member must take it first. Nothing was sent.
    #[error("rank {rank} is behind, and {unread} messages for this member are not taken either")]
    Crowded {
        /// Who has not read.
        rank: u32,
        /// How much waits for [`Member::next_event`](super::Member::next_event).
        unread: usize,
    },
    /// The streams of this group cannot be used.
    #[error("topic {topic:?}: {error}")]
    Topic {
        /// Which.
        topic: String,
        /// Why not.
        error: TopicError,
    },
    /// A wait failed, or was interrupted.
    #[error(transparent)]
    Select(#[from] SelectError),
}
