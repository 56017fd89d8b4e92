//! Of messages and calls.

use super::Lost;
use core::fmt;
use thiserror::Error;

/// What keeps an endpoint, or its mailboxes with one rank, from working. Every verb may return it.
///
/// ```
/// # use mailbox::{Broken, Config, Region, SendError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// let me = region.join(0)?;
/// match me.send(7, b"hello") {
///     Err(SendError::Broken(Broken::NoSuchRank { ranks, .. })) => println!("there are {ranks} ranks"),
///     Err(SendError::Broken(Broken::Corrupt(rank))) => println!("rank {rank} must reset its mailbox"),
///     Err(SendError::Broken(Broken::NoSpace(_))) => println!("try again when there is memory"),
///     sent => sent?,
/// }
/// # assert_eq!(me.send(7, b""), Err(Broken::NoSuchRank { rank: 7, ranks: 2 }.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Broken {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// This call waits for the calling thread itself: for mail from its own rank, or for its own answer to a call.
    #[error("nobody but the caller itself could bring what it waits for")]
    Oneself,
    /// No shared memory is left for a mailbox of this rank, or for its loan. Nothing is lost: what was to be sent was not
    /// sent, and mail stays where it is. The call can be tried again.
    #[error("no shared memory is left for the mailbox of rank {0}")]
    NoSpace(u32),
    /// The system returned another error when it was asked for the memory of a mailbox. Otherwise as [`Broken::NoSpace`].
    #[error("the mailbox of rank {rank}: {}", std::io::Error::from_raw_os_error(*.code))]
    Os {
        /// Whose mailbox it is.
        rank: u32,
        /// The error's number.
        code: i32,
    },
    /// An announced message is longer than what is left of this endpoint's budget
    /// ([`RecvHalf::set_budget`](crate::RecvHalf::set_budget)), or than the memory that the system gives. The message stays.
    /// It is tried again when mails of such messages are dropped, when the budget is raised, or when it is fetched by hand.
    #[error("rank {rank} sends {len} bytes, and the budget for announced messages has {left} left")]
    NoMemory {
        /// The sender.
        rank: u32,
        /// The length of its message in bytes, as announced.
        len: u64,
        /// What is left of the budget in bytes.
        left: u64,
    },
    /// The words of the mailbox, of this rank or to it, make no sense. Something wrote there that should not. Mailboxes of
    /// other ranks go on. [`RecvHalf::reset`](crate::RecvHalf::reset) repairs it.
    #[error("the mailbox of rank {0} is corrupt")]
    Corrupt(u32),
    /// This rank reset the mailbox ([`RecvHalf::reset`](crate::RecvHalf::reset)): all that it had not received is lost, and
    /// this message, too, unless it was received before. It is told once. What is sent from then on arrives as usual.
    ///
    /// It is told where something is sent to that rank: by the next send, or by one that waits for room, for an
    /// acknowledgement or for an announced message to be taken. A call that went through the mailbox ends in
    /// [`CallError::Unanswered`].
    /// *No receive tells it, and no event.* So a process that sends a plain message and then only receives does not learn
    /// that it was lost. If it must, it calls, or sends with [`SendTo::sync`](crate::SendTo::sync).
    #[error("rank {0} gave up all that it had not received, perhaps with this message")]
    Reset(u32),
    /// This endpoint no longer holds its rank.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a message was not sent.
///
/// ```
/// # use mailbox::{Config, Region, SendError};
/// # let region = Region::create_unnamed(Config::ranks(2).cells(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let end = loop {
///     match me.try_send(1, b"news") {
///         Ok(()) => {}
///         Err(error) => break error,
///     }
/// };
/// assert_eq!(end, SendError::Full(1)); // there will be room
/// drop(other);
/// // Nobody makes room any more.
/// assert!(me.send(1, b"news").is_err_and(|error| error.is_gone()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no room now in the mailbox of this rank, and the call does not wait: a `try_` call, or a message to oneself.
    /// For a loan there is none in the area of this rank, which is the caller's own. Nothing was sent.
    #[error("the mailbox of rank {0}, or its area for loans, is full")]
    Full(u32),
    /// The deadline passed before there was room at this rank, as for [`SendError::Full`], or before it had an announced
    /// message. Nothing was sent, or will be delivered, unless the last bytes of an announced message were on their way.
    #[error("rank {0} did not make room or take the message in time")]
    Timeout(u32),
    /// An [`Interrupter`](crate::Interrupter) ended the wait. Otherwise as [`SendError::Timeout`].
    #[error("interrupted")]
    Interrupted,
    /// The receiver ended before it made room, or before it had the whole of an announced message. The message is not
    /// delivered, unless the last bytes of an announced message were on their way.
    #[error("rank {rank} {} before it made room or had the whole message", if *.died { "died, or was replaced," } else { "left" })]
    Gone {
        /// The receiver.
        rank: u32,
        /// Whether it died or was replaced. Otherwise it left.
        died: bool,
    },
    /// The message is longer than the limit: of the region; of a mailbox, where the call does not wait; or of the area for
    /// loans.
    #[error("a message of {len} bytes is longer than the limit of {limit}")]
    TooLarge {
        /// Its length in bytes.
        len: u64,
        /// The longest that goes, in bytes.
        limit: u64,
    },
    /// This rank refused the announced message, or the rest of it.
    #[error("rank {0} refused the message")]
    Refused(u32),
    /// The endpoint, or the mailbox, does not work.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Why a call has no answer, or another than one.
///
/// ```
/// # use mailbox::{CallError, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let question = me.to(1).start_call(b"how much?")?;
/// server.recv()?.refuse(b"closed")?;
/// match question.wait() {
///     Ok(answer) => println!("{} bytes", answer.len()),
///     Err(CallError::Refused(why)) => assert_eq!(why, b"closed"), // it was there, and said no
///     Err(error) if error.is_gone() => println!("perhaps it was carried out, perhaps not"),
///     Err(error) => return Err(error.into()),
/// }
/// # assert_eq!(me.to(1).start_call(b"")?.wait_within(mailbox::Deadline::Now).err(), Some(CallError::Timeout(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The request was not sent, for this reason. The server has not seen it, except perhaps after [`Broken::Reset`].
    #[error("the request was not sent: {0}")]
    Request(SendError),
    /// The server answered that it failed. These bytes say how.
    #[error("the server refused the request")]
    Refused(Vec<u8>),
    /// The server will not answer. Unless it dropped the call, it may have carried it out.
    #[error("rank {rank} {end}")]
    Unanswered {
        /// The server.
        rank: u32,
        /// Why not.
        end: End,
    },
    /// The deadline passed before the answer of the server, this rank, came. The server may still carry the call out.
    #[error("rank {0} did not answer in time")]
    Timeout(u32),
    /// An [`Interrupter`](crate::Interrupter) ended the wait. Otherwise as [`CallError::Timeout`].
    #[error("interrupted")]
    Interrupted,
    /// The server, this rank, waits for its own mail to be received first: for room in its mailbox to this rank, for its
    /// announced message to be taken, or for an acknowledgement. Receive its mail. The call goes on. A call that does not
    /// wait is not told.
    #[error("rank {0} waits for its mail to be received")]
    Held(u32),
    /// The endpoint, or the mailbox, does not work. After [`Broken::NoSpace`] the answer stays where it is, and the call
    /// goes on.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Why a server does not answer a call.
///
/// ```
/// # use mailbox::{CallError, Config, End, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let question = me.to(1).start_call(b"how much?")?;
/// drop(server.recv()?); // without an answer
/// match question.wait().unwrap_err() {
///     CallError::Unanswered { end: End::Dropped, .. } => println!("it does not know this question"),
///     error => panic!("{error}"), // it left or died, and may have carried the call out
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It dropped the call, or its answer was taken before.
    Dropped,
    /// It left.
    Left,
    /// It died, or was replaced.
    Died,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            End::Dropped => "dropped the call without an answer",
            End::Left => "left without an answer",
            End::Died => "died, or was replaced, without an answer",
        })
    }
}

/// Why a call was not answered.
///
/// ```
/// # use mailbox::{Config, Region, ReplyError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.send(0, b"hello")?;
/// let mail = me.recv()?;
/// match mail.reply(b"and to you") {
///     Err(ReplyError::NotACall(rank)) => println!("rank {rank} waits for no answer"),
///     Err(error) if error.is_gone() => println!("nobody waits any more"),
///     sent => sent?,
/// }
/// # other.send(0, b"again")?;
/// # assert_eq!(me.recv()?.reply(b""), Err(ReplyError::NotACall(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The mail, which is of this rank, is not a call. Unless it is handed back, it is acknowledged.
    #[error("the mail of rank {0} is not a call")]
    NotACall(u32),
    /// The answer was not sent, for the same reasons as a message to the caller.
    #[error("the answer was not sent: {0}")]
    Send(#[from] SendError),
}

/// Why what was sent was not given up.
///
/// ```
/// # use mailbox::{Config, DiscardError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// me.send(1, b"news")?;
/// match me.discard(1) {
///     Ok(count) => println!("nobody will have {count} messages"),
///     Err(DiscardError::Present(rank)) => println!("rank {rank} will receive them itself"),
///     Err(error) => return Err(error.into()),
/// }
/// # assert_eq!(me.discard(1), Err(DiscardError::Present(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DiscardError {
    /// This rank is there. Or another process, which removed or closed the region at that moment, kept this one from
    /// finding out.
    #[error("rank {0} is there")]
    Present(u32),
    /// The endpoint, or the mailbox, does not work.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Why no message was received.
///
/// ```
/// # use mailbox::{Config, Region, RecvError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # use std::time::Duration;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let mail = me.from(1).within(Duration::from_millis(1)).recv();
/// assert!(mail.is_err_and(|error| error.is_timeout()));
/// drop(other);
/// match me.from(1).recv() {
///     Err(RecvError::Gone { rank, died: false }) => println!("rank {rank} has left"),
///     Err(RecvError::Gone { rank, died: true }) => println!("rank {rank} must be started again"),
///     Err(error) => return Err(error.into()),
///     Ok(mail) => println!("{} bytes", mail.len()),
/// }
/// # assert_eq!(me.from(1).recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The deadline passed before there was mail.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// This rank has ended, and there is no more mail from it.
    #[error("rank {rank} {}", if *.died { "is dead" } else { "has left" })]
    Gone {
        /// The sender.
        rank: u32,
        /// Whether it died. Otherwise it left.
        died: bool,
    },
    /// Mails of this rank that this endpoint holds keep its next one from coming. They fill its mailbox, or it waits until
    /// the oldest is acknowledged, or one of them is being [fetched](crate::Arrival). Drop them. A receive from anyone
    /// returns it once, and goes on.
    #[error("mails of rank {0} that are held keep its next from coming")]
    Held(u32),
    /// Mail of this rank that the receive does not take fills its mailbox, or takes what its sender needs for more. So what the
    /// receive waits for cannot come. Receive that mail, or have it moved out of the way
    /// ([`RecvHalf::set_unread_budget`](crate::RecvHalf::set_unread_budget)). A receive from anyone returns it once, and goes on.
    #[error("{unread} mails of rank {rank} that are not received keep others from coming")]
    Crowded {
        /// The sender.
        rank: u32,
        /// How many mails of it are unread.
        unread: usize,
    },
    /// The next mail is longer than the buffer for it, or its length is not that of the value that was to be received. It stays
    /// where it is.
    #[error(
        "the next mail of rank {rank} has {len} bytes: too many for the buffer, or not those of the value; it stays unread"
    )]
    Misfit {
        /// The sender.
        rank: u32,
        /// The mail's length in bytes.
        len: u64,
    },
    /// The endpoint, or the mailbox, does not work. A receive from anyone returns it once for each mailbox, and the others
    /// go on.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Why no more of an announced message was [fetched](crate::Arrival).
///
/// ```
/// # use mailbox::{Config, FetchError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let sending = other.to(0).announce(vec![7; 4 << 20])?;
/// me.set_by_hand(true);
/// let mut arrival = me.recv()?.fetch();
/// drop(sending); // its sender has something better to say
/// match arrival.fetch(&mut [0; 64]) {
///     Err(FetchError::Cut(rank)) => println!("rank {rank} gave it up: what follows arrives as usual"),
///     Err(error) if error.is_gone() => println!("nothing follows: {error}"),
///     fetched => println!("{} bytes", fetched?),
/// }
/// # assert_eq!(arrival.fetch(&mut [0; 64]), Err(FetchError::Cut(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The deadline passed before this rank sent more of it. It goes on.
    #[error("rank {0} sent no more of its message in time")]
    Timeout(u32),
    /// An [`Interrupter`](crate::Interrupter) ended the wait. It goes on.
    #[error("interrupted")]
    Interrupted,
    /// This rank has ended, and no more of its message comes.
    #[error("rank {rank} {} before all of its message was fetched", if *.died { "died" } else { "left" })]
    Gone {
        /// The sender.
        rank: u32,
        /// Whether it died. Otherwise it left.
        died: bool,
    },
    /// This rank gave the message up, or has a successor. What follows arrives as usual.
    #[error("rank {0} gave up a message before all of it was fetched")]
    Cut(u32),
    /// Another message of this rank is under way. This one can be fetched when that is done.
    #[error("another message of rank {0} is being fetched")]
    Held(u32),
    /// The endpoint, or the mailbox, does not work.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Why a mail was not read as a value.
///
/// ```
/// # use mailbox::{Config, Region, SizeError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.send(0, b"abc")?;
/// let mail = me.recv()?; // of three bytes
/// assert_eq!(mail.value::<u64>(), Err(SizeError { len: 3, size: 8 }));
/// assert_eq!(mail.value::<u64>().unwrap_err().to_string(), "the mail has 3 bytes, the type 8");
/// assert_eq!(mail.value::<[u8; 3]>()?, *b"abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("the mail has {len} bytes, the type {size}")]
pub struct SizeError {
    /// The mail's length in bytes.
    pub len: usize,
    /// The type's size in bytes.
    pub size: usize,
}
