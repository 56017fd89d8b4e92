//! Of messages and calls.

use super::Lost;
use thiserror::Error;

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// The message is longer than this region carries; or, where nobody waits or a draft is asked for, than
    /// what a mailbox holds as a whole: half its arena; or, where a loan is asked for, than the area for loans.
    #[error("the message is above the limit of {limit} bytes")]
    TooLarge {
        /// The longest message, in bytes.
        limit: u64,
    },
    /// There is no room now, and nobody waits for it: `try_send`, `try_reserve`, `loan`, or a message to oneself. Nothing
    /// was sent.
    #[error("the mailbox is full")]
    Full,
    /// The time was over before there was room, or before the receiver had an announced message. Nothing was sent, or
    /// will be delivered, unless the last bytes of such a message were on their way.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait; otherwise as [`SendError::Timeout`].
    #[error("interrupted")]
    Interrupted,
    /// The mailbox is full and its receiver, this rank, has left; or it left before it had an announced message, and nobody
    /// has joined as that rank since: this one is not delivered, unless its last bytes were on their way.
    #[error("rank {0} left before it made room or had the whole message")]
    PeerLeft(u32),
    /// The mailbox is full and its receiver, this rank, is dead; or it ended before it had an announced message, and
    /// may have been replaced: this one is not delivered, unless its last bytes were on their way.
    #[error("rank {0} died, or was replaced, before it made room or had the whole message")]
    PeerDead(u32),
    /// There is no memory, or disk, left for the first message to this peer, for the first above 48 bytes, or for a loan: smaller
    /// messages go all the same then. Nothing was sent; it can be tried again.
    #[error("no shared memory left for the mailbox")]
    NoSpace,
    /// The words in the mailbox make no sense: its receiver, or who else writes there, is broken. Mailboxes to
    /// others are not affected.
    #[error("the mailbox is corrupt")]
    Corrupt,
    /// The receiver has given up all that it had not received, and has reset the mailbox: see
    /// [`Receiver::reset`](crate::Receiver::reset). That is lost, and said once; this message is lost, too, unless
    /// the receiver had it before. What is sent from now on comes as ever.
    #[error("the receiver gave up all that it had not received, this message perhaps included")]
    Reset,
    /// The receiver, this rank, did not want the announced message, or no more of it.
    #[error("rank {0} refused the message")]
    Refused(u32),
    /// What was sent is not given up: this rank is there, or was kept from being found absent by a process that removes or closes
    /// the region. Only [`Sender::discard`](crate::Sender::discard) says so.
    #[error("rank {0} is there")]
    Present(u32),
    /// A draft to this peer is open: commit or drop it first.
    #[error("a draft to this peer is open")]
    Drafting,
    /// This endpoint is no longer one.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a call has no answer, or another than one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nothing was asked: as [`SendError`], and [`SendError::PeerLeft`] wherever the server has left. Only after
    /// [`SendError::Reset`] the server may have the request.
    #[error("the request was not sent: {0}")]
    Request(SendError),
    /// The server answered that it failed; these bytes say how.
    #[error("the server refused the request")]
    Refused(Vec<u8>),
    /// The server dropped the call, or all of its mailbox, and will not answer it.
    #[error("the server dropped the request without an answer")]
    Dropped,
    /// The server left without an answer; it may have carried the call out.
    #[error("the server left without an answer")]
    PeerLeft,
    /// The server died, or was replaced, without an answer; it may have carried the call out.
    #[error("the server died, or was replaced, without an answer")]
    PeerDead,
    /// The time was over before there was an answer; the server may still carry the call out.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait; otherwise as [`CallError::Timeout`].
    #[error("interrupted")]
    Interrupted,
    /// The server does nothing before mail of it is received and acknowledged: it waits for room in its mailbox to this
    /// rank, for this rank to take an announced message, or for its acknowledgement. Receive its mail; the call goes on. A call
    /// that does not wait is not told.
    #[error("the server waits for its mail to be received")]
    Held,
    /// There is no memory for the answer, or none behind it. It stays where it is, and the call goes on.
    #[error("no memory for the answer")]
    NoMemory,
    /// This rank asks itself, and cannot answer while it waits.
    #[error("a call to oneself is answered by nobody meanwhile")]
    Oneself,
    /// The words of the call line, of the lane for answers, or of the mailbox make no sense. All calls to that rank that went
    /// through the mailbox end so, where it is the lane; further ones go as ever.
    #[error("the answer is corrupt")]
    Corrupt,
    /// The call is over: its answer was taken.
    #[error("the call is over")]
    Over,
    /// This endpoint is no longer one.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The mail is no call. It is acknowledged.
    #[error("the mail is not a call")]
    NotACall,
    /// As of a message to the caller.
    #[error("the answer was not sent: {0}")]
    Send(#[from] SendError),
}

/// Why no message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// There is no mail now, and nobody waits for it: `try_recv`, `try_recv_from`, or only oneself to hear from.
    #[error("no mail")]
    Empty,
    /// The time was over before there was mail.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// There is no more mail from this rank, which has left: the end of a stream.
    #[error("rank {0} has left")]
    PeerLeft(u32),
    /// There is no more mail from this rank, which died.
    #[error("rank {0} is dead")]
    PeerDead(u32),
    /// This rank gave up a message that is being [fetched](crate::Arrival), or has a successor since. What follows comes as
    /// ever.
    #[error("rank {0} gave up a message before all of it was fetched")]
    Cut(u32),
    /// The next mail of this rank is longer than the buffer that it is to go to. It stays where it is.
    #[error("the next mail of rank {rank} has {len} bytes, and the buffer is too small for them")]
    TooSmall {
        /// The sender.
        rank: u32,
        /// The mail's length in bytes.
        len: u64,
    },
    /// A mail of this rank that this endpoint holds keeps the next from coming: such mails fill the cells, that rank waits
    /// until the oldest is acknowledged, or one is being [fetched](crate::Arrival) and another is to be. Drop them. It is told
    /// at once, when nothing else of that rank is there. A receive from anyone says so once, and goes on.
    #[error("mails of rank {0} that are held keep its next from coming")]
    Held(u32),
    /// An announced message is longer than what is left of this endpoint's budget for such messages
    /// ([`Receiver::set_budget`](crate::Receiver::set_budget)), or than what the system gives. It stays, and is tried again
    /// when mails of such messages are dropped, when the budget is raised, or by hand. A receive from anyone says so once,
    /// and goes on.
    #[error("rank {rank} sends {len} bytes, of which {left} are left in the budget for announced messages")]
    NoMemory {
        /// The sender.
        rank: u32,
        /// The length of its message in bytes, as it announced it.
        len: u64,
        /// What is left of the budget in bytes.
        left: u64,
    },
    /// There is no shared memory for the pages of this rank's mailbox that the next mail is in: somebody took them away, or
    /// its sender did not reserve them. The mail stays and is tried again. A receive from anyone says so once, and goes on.
    /// Where the whole mailbox lacks them, this is told once its sender has ended.
    #[error("no shared memory left for the mailbox from rank {0}")]
    NoSpace(u32),
    /// The system failed otherwise to give those pages. As [`RecvError::NoSpace`].
    #[error("the mailbox from rank {rank}: {}", std::io::Error::from_raw_os_error(*.code))]
    Os {
        /// The sender.
        rank: u32,
        /// The error's number.
        code: i32,
    },
    /// The words of this rank's mailbox make no sense. The others go on; a receive from anyone says so once.
    #[error("the mailbox from rank {0} is corrupt")]
    Corrupt(u32),
    /// This endpoint is no longer one.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a mail was not read as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the mail has {len} bytes, the type {size}")]
pub struct SizeError {
    /// The mail's length in bytes.
    pub len: usize,
    /// The type's size in bytes.
    pub size: usize,
}
