//! What can go wrong with a register.

use mailbox::{CallError, RecvError, SelectError, SendError};
use thiserror::Error;

/// Why a register is not read or written, or not kept.
///
/// After some of these errors the operation may have taken effect, or may do so later: [`RegisterError::may_have_happened`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A request or an answer has more bytes than a call carries ([`Region::eager_limit`](mailbox::Region::eager_limit)).
    #[error("register {register:?}: a request has {len} bytes, and at most {limit} are sent at once")]
    TooLong {
        /// The register.
        register: String,
        /// Bytes of the request.
        len: u64,
        /// The most.
        limit: u64,
    },
    /// The members are none, more than 64, not all of the region, or one of them is there twice.
    #[error("register {register:?} cannot have the members {members:?}")]
    BadMembers {
        /// The register.
        register: String,
        /// The ranks that were given.
        members: Vec<u32>,
    },
    /// The endpoint that is to keep a copy has the rank of no member.
    #[error("register {register:?}: rank {rank} is no member")]
    NotAMember {
        /// The register.
        register: String,
        /// The rank of the endpoint.
        rank: u32,
    },
    /// The owner keeps no register of this name and type. Nothing was done.
    #[error("rank {rank} owns no register {register:?} of this type")]
    Unknown {
        /// The register.
        register: String,
        /// The rank that was asked.
        rank: u32,
    },
    /// The owner that this handle has used has ended, with the value. Another life owns a register of this name now. Nothing was done.
    #[error(
        "the owner of register {register:?}, rank {rank}, has ended, and life {is} has come after life {was}"
    )]
    OtherLife {
        /// The register.
        register: String,
        /// The owner's rank.
        rank: u32,
        /// The life that this handle has used.
        was: u64,
        /// The life that is there now.
        is: u64,
    },
    /// The owner has ended, and its value with it.
    #[error("the owner of register {register:?}, rank {rank}, {}", if *.died { "is dead" } else { "has left" })]
    Gone {
        /// The register.
        register: String,
        /// The owner's rank.
        rank: u32,
        /// Whether it died. Otherwise it left.
        died: bool,
        /// Whether it was asked before. Then it may have done what was asked.
        was_asked: bool,
    },
    /// The owner has not answered in time, or had no room for its answer.
    #[error("the owner of register {register:?}, rank {rank}, has not answered in time")]
    Unanswered {
        /// The register.
        register: String,
        /// The owner's rank.
        rank: u32,
        /// Whether it was asked. Then it may have done what was asked, or may do it later.
        was_asked: bool,
    },
    /// This rank has answered what makes no sense.
    #[error("rank {rank}, which keeps register {register:?}, has answered what makes no sense")]
    Garbled {
        /// The register.
        register: String,
        /// The rank.
        rank: u32,
    },
    /// No majority of the replicas has answered in time.
    #[error(
        "register {register:?}: {needed} replicas are needed, and these have not answered in time: {missing:?}"
    )]
    NoMajority {
        /// The register.
        register: String,
        /// How many are a majority.
        needed: u32,
        /// Who has not answered, and why.
        missing: Vec<Missing>,
        /// Whether the value was sent to a replica. Then the operation may have taken effect, or may do so later.
        may_have_happened: bool,
    },
    /// These two replicas have different values of one write, or began with different values. One of them is wrong. The next write
    /// ends that.
    #[error("register {register:?}: ranks {one} and {other} have different values of one write")]
    Conflict {
        /// The register.
        register: String,
        /// A rank.
        one: u32,
        /// Another.
        other: u32,
    },
    /// The register was written 2⁶² times, or a replica says so. It can still be read.
    #[error("register {register:?} cannot be written any more")]
    Exhausted {
        /// The register.
        register: String,
    },
    /// Nothing came until the time was over.
    #[error("nothing came in time")]
    Timeout,
    /// A request or a message was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A receive failed.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A wait failed.
    #[error(transparent)]
    Select(#[from] SelectError),
}

impl RegisterError {
    /// Whether the operation may have taken effect, or may do so later. Otherwise it has not, and will not. It does at most once in any
    /// case. Of a read, this is of no consequence.
    ///
    /// Nobody can say more: the one that knows has ended, or does not answer.
    pub fn may_have_happened(&self) -> bool {
        match self {
            RegisterError::Gone { was_asked, .. } | RegisterError::Unanswered { was_asked, .. } => *was_asked,
            RegisterError::NoMajority { may_have_happened, .. } => *may_have_happened,
            RegisterError::Garbled { .. } | RegisterError::Select(_) | RegisterError::Call(_) => true,
            _ => false,
        }
    }

    /// Whether nothing came in time.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            RegisterError::Timeout | RegisterError::Unanswered { .. } | RegisterError::NoMajority { .. }
        )
    }
}

/// A replica that has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Its rank.
    pub rank: u32,
    /// Why not.
    pub why: Why,
}

/// Why a replica has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It says nothing: it is stopped, busy, or was never there.
    Silent,
    /// It has ended.
    Ended,
    /// It is a new life, which has not yet heard from a majority what the register's value is.
    Empty,
    /// It keeps no register of this name and type.
    Unknown,
    /// It was given other members.
    OtherMembers,
    /// It answers what makes no sense.
    Garbled,
    /// The mailbox to it does not work.
    Broken,
}
