//! Message passing between the processes of one machine, through one shared memory segment.
//!
//! A [`Region`] is a named segment, a file, or memory without a name. It holds a mailbox for every ordered pair
//! of *ranks*: a ring with one writer and one reader. A process joins a region as a rank and holds an
//! [`Endpoint`] from then on, with which it sends bytes and [`Draft`]s, and receives [`Mail`].
//!
//! What lies where is drawn in [`lab::abi`].
//!
//! A *mail* is a received message, still in its mailbox; dropping it acknowledges it. An *epoch* is how often a
//! rank has been joined.
//!
//! | to | there is |
//! |---|---|
//! | make a region, open it, take it away | [`Region`], [`Config`], [`Place`], [`OpenOptions`] |
//! | take part, wait for others to | [`Region::join`], [`Region::join_any`], [`Region::join_as`]; [`JoinOptions`]; [`Region::wait_for`] |
//! | send, or write in place | [`Endpoint::send`], [`Endpoint::reserve`] |
//! | write once for several receivers | [`Endpoint::loan`]; [`Block::send`] |
//! | receive, from anyone or one rank | [`Endpoint::recv`], [`Endpoint::recv_from`] |
//! | ask, and get an answer | [`Endpoint::call`], [`Endpoint::try_call`]; [`Mail::reply`] |
//! | send and receive large messages | the same; without waiting: [`Endpoint::announce`]; in parts: [`Endpoint::set_by_hand`], [`Mail::fetch`] |
//! | send and receive many small ones | [`Endpoint::batch`], [`Endpoint::drain`] |
//! | leave, and know whether a file was closed | [`Endpoint::close`] |
//! | send in one thread, receive in another | [`Endpoint::split`] |
//! | choose how to wait, end a wait | [`Endpoint::set_wait`], [`Endpoint::interrupter`] |
//! | see who lives, and what goes on | [`Region::status`], [`Region::inspect`] |
//!
//! Calls that begin with `try_` never wait; those that end in `_timeout` wait no longer than that; the others
//! wait as long as it makes sense.
//!
//! # Example
//!
//! ```
//! use mailbox::{Config, Region};
//! # let name = format!("doc-lib-{}", std::process::id());
//! # let prices = name.as_str();
//!
//! // One process
//! let region = Region::create(prices, Config::ranks(2))?;
//! let me = region.join(0)?;
//! me.send(1, b"hello")?;
//!
//! // Another, unrelated
//! let other = Region::open(prices)?.join(1)?;
//! let mail = other.recv()?; // from anyone, in order for each sender, fair between senders
//! assert_eq!((mail.from(), mail.to_vec()), (0, b"hello".to_vec()));
//! other.send(mail.from(), b"and to you")?; // while still holding it
//! # assert_eq!(me.recv()?.to_vec(), b"and to you");
//! # drop(mail);
//! # drop((me, other));
//! # Region::remove_at(prices)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - From one rank to another messages arrive in order and without a gap. An acknowledged one is never seen
//!   again; one that is not is there for the receiving rank's next holder, whoever died.
//! - But one above half the arena ([`Region::max_whole`], 1 MiB by default) is announced, and goes when its receiver
//!   wants it: it is received at most once, by one holder of the rank, and its sender is told if that one ended before.
//! - A call is carried out at most once, in one life of its server, and its answer is nobody else's: neither that of
//!   a call that was given up, nor after a restart. Who calls a server that ends is told.
//! - Sending and receiving are lock-free. A message of up to 48 bytes costs a cache line, no fence, no locked
//!   instruction and no system call as long as nobody sleeps, and a fence while its receiver sleeps often. Joining takes a kernel lock, which is how the
//!   others learn of a death.
//! - Whoever waits for a rank that ended is told: `PeerLeft`, or `PeerDead`, after the last mail. No timeout is
//!   involved: a stopped process is alive.
//! - Nothing that a peer writes into the segment makes this process read or write outside it, panic, or loop
//!   for ever. [`Wait::Event`] trusts peers with more; only unsafe code can choose it.
//! - Nothing is taken from the system for mailboxes that were never used; where there is too little memory
//!   it is an error, not a signal.
//!
//! # Trade-offs
//!
//! - Memory for a mailbox is taken at its first message and kept: by default 272 KiB, in a region of many ranks 80
//!   KiB, and as much more as messages above 48 bytes were ever under way at once, some 5 MiB at most. An endpoint takes
//!   1 KiB of private memory, and less than 1.6 KiB more for each peer and direction, the first 8 bytes a rank besides.
//! - A receiver that does not acknowledge stops its sender, one mailbox later.
//! - An endpoint is for one thread at a time, and so is each of its halves. A program with more threads joins
//!   as more ranks.
//! - What a [`Batch`] holds back nobody sees before it ends, unless its holder waits or holds back much.
//! - A process that makes a named segment or a file shorter ends its users; an unnamed region is safe from
//!   that.
//! - A forked child has its parent's regions but not its ranks. `mlockall` locks what is used of the regions
//!   that are opened after it, and takes every page of those that are open, unless `MCL_ONFAULT` is set.
//! - All of this is for 64-bit Linux. Other Unixes have a path of their own, which lacks some of it; it has been run on
//!   Linux only.

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "mailbox needs a target with pointers of 64 bits: a region may be larger than 32 bits can address"
);

mod abi;
mod call;
mod config;
mod endpoint;
mod error;
mod half;
mod memory;
mod os;
mod pool;
mod rank;
mod receive;
mod region;
mod ring;
mod segment;
mod send;
mod sync;
mod wait;

pub mod lab;

/// What [`Message::read`] takes its bound from, so that a program needs no dependency of its own.
pub use bytemuck;
pub use config::{Config, Reserve};
pub use error::*;
pub use os::TrustedEvents;
pub use rank::{Source, Status, Wait};

// A model check has no segment, and nothing that stands on it.
#[cfg(not(loom))]
pub use {
    call::{Call, Reply},
    endpoint::{
        Arrival, Batch, Block, Drain, Endpoint, JoinOptions, Loan, Mail, Message, Receiver, Sender, Sending,
        Unanswered,
    },
    half::Interrupter,
    region::{Inspection, MAILBOX_FD, MailboxReport, OpenOptions, RankReport, Region, View},
    segment::{Leftover, LeftoverKind, Listed, Place},
    send::Draft,
};
