//! Message passing between the processes of one machine, through one shared memory segment.
//!
//! A [`Region`] is a named segment, a file, or memory without a name. It holds a mailbox for every ordered pair of *ranks*: a ring with one
//! writer and one reader. A process joins a region as a rank and holds an [`Endpoint`] from then on, with
//! which it sends [`Draft`]s and bytes, and receives [`Mail`].
//!
//! ```text
//!  region "prices", 3 ranks                   a mailbox
//! ┌────────┬───────┬───────┬───────┬───────┐ ┌──────────┬─────────────────────────┬──────────────┐
//! │ header │ ranks │ 0 → 0 │ 1 → 0 │ 2 → 0 │ │ head     │ cell cell cell … 64 B   │ arena        │
//! │        │       │ 0 → 1 │ 1 → 1 │ 2 → 1 │ │ receiver │ stamp, envelope,        │ larger       │
//! │        │       │ 0 → 2 │ 1 → 2 │ 2 → 2 │ │ writes   │ up to 48 bytes: sender  │ payloads     │
//! └────────┴───────┴───────┴───────┴───────┘ └──────────┴─────────────────────────┴──────────────┘
//! ```
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
//! # Region::remove(prices)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - From one rank to another messages arrive in order and without a gap. An acknowledged one is never seen
//!   again; one that is not is there for the receiving rank's next holder, whoever died.
//! - Sending and receiving are lock-free, and cost a cache line, no fence and no system call as long as
//!   nobody sleeps. Joining takes a kernel lock, which is how the others learn of a death.
//! - Whoever waits for a rank that ended is told: `PeerLeft`, or `PeerDead`, after the last mail.
//! - Nothing that a peer writes into the segment makes this process read or write outside it, panic, or loop
//!   for ever.
//! - Nothing is taken from the system for mailboxes that were never used; where there is too little memory
//!   it is an error, not a signal.
//!
//! # Trade-offs
//!
//! - Memory for a mailbox, 516 KiB by default, is taken at its first message and kept.
//! - A receiver that does not acknowledge stops its sender, one mailbox later.
//! - An endpoint is for one thread at a time; more threads join more ranks.
//! - A forked child has its parent's regions but not its ranks. `mlockall` takes every page of a region
//!   unless `MCL_ONFAULT` is set.

mod error;

// Under the endpoint; public for model checks, property tests and benchmarks. No promise covers them.
#[doc(hidden)]
pub mod bell;
#[doc(hidden)]
pub mod cell;
#[doc(hidden)]
pub mod layout;
#[doc(hidden)]
pub mod marks;
#[doc(hidden)]
pub mod memory;
#[doc(hidden)]
pub mod os;
#[doc(hidden)]
pub mod registry;
#[doc(hidden)]
pub mod ring;
#[doc(hidden)]
pub mod sync;

#[cfg(not(loom))]
mod backing;
#[cfg(not(loom))]
mod draft;
#[cfg(not(loom))]
mod endpoint;
#[cfg(not(loom))]
mod handover;
#[cfg(not(loom))]
mod inbox;
#[cfg(not(loom))]
mod mail;
#[cfg(not(loom))]
mod member;
#[cfg(not(loom))]
mod outbox;
#[cfg(not(loom))]
mod place;
#[cfg(not(loom))]
mod region;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod stay;

pub use bell::Wait;
pub use error::*;
pub use layout::{Config, Reserve};
pub use registry::Status;

#[cfg(not(loom))]
pub use {
    draft::Draft,
    endpoint::Endpoint,
    handover::MAILBOX_FD,
    inbox::Source,
    mail::Mail,
    member::Interrupter,
    place::Place,
    region::{Inspection, MailboxReport, OpenOptions, RankReport, Region},
};
