//! What can go wrong between actors.

use super::ActorId;
use crate::codec::{DecodeError, EncodeError};
use core::time::Duration;
use mailbox::{RecvError, SendError};
use thiserror::Error;

/// Why a message does not reach its actor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TellError {
    /// The actor has ended, or there never was one.
    #[error("actor {0} has ended")]
    Gone(ActorId),
    /// The process of the actor's rank has ended, or has a successor. So no such actor is there any more.
    #[error("rank {rank} is gone, and its actors are")]
    RankGone {
        /// The rank.
        rank: u32,
    },
    /// The actor's mailbox is full.
    #[error("the mailbox of actor {0} is full")]
    Full(ActorId),
    /// The mailbox of the actor's rank is full, and as much as may waits for room there.
    #[error("rank {rank} has no room for more messages")]
    RankFull {
        /// The rank.
        rank: u32,
    },
    /// The actor takes messages of another type, or its program has another version of it.
    #[error("actor {0} takes messages of another type")]
    OtherType(ActorId),
    /// The message is too long for the mailbox of the rank ([`Region::eager_limit`](mailbox::Region::eager_limit)).
    #[error("a message of {len} bytes is longer than the limit of {limit}")]
    TooLong {
        /// Its bytes, encoded.
        len: usize,
        /// The most.
        limit: u64,
    },
    /// The message has no bytes.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The mailbox of the rank does not work.
    #[error("rank {rank}: {error}")]
    Send {
        /// The rank.
        rank: u32,
        /// Why not.
        error: SendError,
    },
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AskError {
    /// The time has come. The actor may have got the question, and may still do what it says; its answer is dropped.
    #[error("no answer came in time")]
    Timeout,
    /// The question did not reach its actor, or the actor or its rank ended before it was done with the question.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// The answer is of another type, or makes no sense.
    #[error(transparent)]
    Answer(#[from] DecodeError),
    /// The answer, which was given in this process, is of another type.
    #[error("the answer is of another type")]
    OtherAnswer,
    /// As many questions of this system as can be are open.
    #[error("{most} questions are open, and no more can be")]
    TooMany {
        /// The most.
        most: usize,
    },
    /// This system itself cannot go on.
    #[error(transparent)]
    System(#[from] SystemError),
}

/// Why an actor was not spawned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There are as many actors as may be.
    #[error("rank {rank} has {most} actors, and may not have more")]
    Full {
        /// The rank.
        rank: u32,
        /// The most.
        most: usize,
    },
    /// That rank has no such kind of actors.
    #[error("rank {rank} has no actors of the kind {kind:?}")]
    UnknownKind {
        /// The rank.
        rank: u32,
        /// The kind.
        kind: String,
    },
    /// What the actor was to start with is of another type, or makes no sense to that rank.
    #[error("rank {rank} starts actors of the kind {kind:?} with something else")]
    OtherStart {
        /// The rank.
        rank: u32,
        /// The kind.
        kind: String,
    },
    /// The function of that kind has panicked.
    #[error("the start of an actor of the kind {kind:?} at rank {rank} has panicked")]
    Panicked {
        /// The rank.
        rank: u32,
        /// The kind.
        kind: String,
    },
    /// No process holds that rank, or it has ended meanwhile.
    #[error("rank {rank} is gone")]
    RankGone {
        /// The rank.
        rank: u32,
    },
    /// The rank has not answered in time. If it starts the actor later, that is stopped at once.
    #[error("rank {rank} has not answered in time")]
    Timeout {
        /// The rank.
        rank: u32,
    },
    /// The request was not sent, or not understood.
    #[error(transparent)]
    Ask(AskError),
}

/// Why an actor did not get a name, or a name was not found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Another actor has the name, or is just getting it.
    #[error("the name {name:?} is taken")]
    Taken {
        /// The name.
        name: String,
    },
    /// No actor that lives has the name.
    #[error("no actor has the name {name:?}")]
    NotFound {
        /// The name.
        name: String,
    },
    /// Not all ranks have answered in time. One of them is stopped, busy, or has no system.
    #[error("not all ranks have answered about the name {name:?} within {timeout:?}")]
    Timeout {
        /// The name.
        name: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// A name has 1 to 255 bytes.
    #[error("a name of {len} bytes, where there must be 1 to {most}")]
    Length {
        /// Its bytes.
        len: usize,
        /// The most.
        most: usize,
    },
    /// The actor has ended, or is not one of this system.
    #[error("actor {0} is none of this rank, or has ended")]
    NotHere(ActorId),
    /// This rank asks about as many names as it can at a time.
    #[error("{most} names are asked for, and no more can be at a time")]
    TooMany {
        /// The most.
        most: usize,
    },
    /// This system itself cannot go on.
    #[error(transparent)]
    System(#[from] SystemError),
}

/// Why a system cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SystemError {
    /// Its endpoint no longer works.
    #[error(transparent)]
    Recv(#[from] RecvError),
}
