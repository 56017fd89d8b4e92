//! What a member is told.

use super::{Clock, Id};
use core::fmt;
use thiserror::Error;

/// What a member is told: what [`Member::next_event`](super::Member::next_event) returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message. All that caused it was told before.
    Message(Message),
    /// A member has joined, or was there before this one. It is told all that this member sends from now on.
    Joined {
        /// Its rank.
        rank: u32,
        /// Its life: how often the rank had been joined.
        epoch: u64,
    },
    /// A member has left. All that it has sent was told before.
    Left {
        /// Its rank.
        rank: u32,
        /// Its life.
        epoch: u64,
    },
    /// A member has died, or has ended without saying so. All that it has sent was told before.
    Died {
        /// Its rank.
        rank: u32,
        /// Its life.
        epoch: u64,
    },
    /// A member has lied, and is left out: neither this message of it nor a later one is told. The next life of the rank is another
    /// member. If nobody was a member with this rank, then nothing is told before somebody joins.
    Lied {
        /// The first message that is not told.
        id: Id,
        /// The life that is left out.
        epoch: u64,
        /// What was wrong.
        lie: Lie,
    },
}

/// A message of another member.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub(super) id: Id,
    pub(super) epoch: u64,
    pub(super) clock: Clock,
    pub(super) bytes: Vec<u8>,
}

impl Message {
    /// Who has sent it, and its number.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The life of its sender.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What its sender knew when it sent it: what this message may have been caused by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether that one may have caused it. If neither of two messages is after the other, they are concurrent.
    pub fn is_after(&self, other: Id) -> bool {
        self.clock.knows(other)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("epoch", &self.epoch)
            .field("clock", &self.clock)
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// What is wrong with a message: no member sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Lie {
    /// It is no message of a member: too short, or of no known kind.
    #[error("it is no message of a member")]
    Garbage,
    /// Its clock has a wrong length.
    #[error("its clock has {entries} entries, and the group {expected} ranks")]
    Length {
        /// How many it has.
        entries: usize,
        /// How many ranks the group has.
        expected: usize,
    },
    /// It says that it is of another rank than that whose topic it came through.
    #[error("it says that it is of rank {says}")]
    Owner {
        /// Whose it says that it is.
        says: u32,
    },
    /// Another rank speaks in the name of this one.
    #[error("rank {by} speaks in the name of this rank")]
    Publisher {
        /// Who.
        by: u32,
    },
    /// It is of a life that this rank does not have, or had before.
    #[error("it says that it is of life {says}")]
    Epoch {
        /// The life.
        says: u64,
    },
    /// The member that sends it has not joined, or has left.
    #[error("the member has not joined")]
    Absent,
    /// The own entry of its clock is not its number.
    #[error("its own clock entry is {says}, not {number}")]
    Own {
        /// What its clock says.
        says: u64,
        /// Its number.
        number: u64,
    },
    /// It knows less than an earlier message of the same member.
    #[error("it knows {says} messages of rank {of}, an earlier one of the same member {knew}")]
    Back {
        /// Of which rank.
        of: u32,
        /// How many it says.
        says: u64,
        /// How many the earlier one said.
        knew: u64,
    },
    /// It knows messages that were not sent when it was read.
    #[error("it knows {says} messages of rank {of}, which had sent {sent}")]
    Ahead {
        /// Of which rank.
        of: u32,
        /// How many it says.
        says: u64,
        /// How many there were.
        sent: u64,
    },
    /// It knows a message which, in turn, knows this one.
    #[error("it and a message of rank {with} say of each other that they were first")]
    Circle {
        /// The rank of the other message, or of the next one in the circle.
        with: u32,
    },
    /// Messages before it are missing, though nothing overwrites them in a sound region.
    #[error("{missed} messages before it cannot be read")]
    Gap {
        /// How many.
        missed: u64,
    },
    /// The topic of the rank was published as its latest value. It is never a stream, so this rank can be no member.
    #[error("its topic is not a stream")]
    NoStream,
}
