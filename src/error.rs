//! One small enum per verb, and one of what may befall any of them.
//!
//! So a `match` on what a call returns has only cases that can happen to that verb. (A verb that also does what another does has that
//! one's error within its own, with all of its cases: [`RemoveError`] has [`OpenError`].)
//!
//! | file | verbs |
//! |---|---|
//! | `message` | send, receive, fetch, call, answer, discard; [`SizeError`]; [`Broken`] |
//! | `comm` | requests, communicators, operations of all members |
//! | `topic`, `select` | topics; waits for several things |
//! | `region` | configure, create, open, hand to a child ([`HandError`]), remove, join, wait for a rank ([`WaitError`]), close; [`Lost`] |
//! | `place` | where the region is that an error is about |
//! | `cause` | for messages, and for [`WaitError`]: `is_timeout`, `is_gone`, and conversions between them |
//! | `kind` | for messages and regions: conversions to `std::io::Error` |
//!
//! The errors of `comm`, `topic` and `select` have all of that beside their types.
//!
//! ```text
//!  SendError  RecvError  CallError  …     what may happen to this verb: Full, Timeout, Gone, Held, …
//!      └──────────┴─────────┴── Broken    what may befall any of them
//!                                 └── Lost   this process has no rank any more
//!  CreateError  OpenError  JoinError  …   └── System: what the operating system refuses
//! ```
//!
//! **Rules.**
//! - An error that is about a rank, a place or a number names it, also in its text.
//! - What a peer writes in a mailbox that makes no sense is [`Broken::Corrupt`], with its rank. It concerns the mailboxes with
//!   that rank only.
//! - Nothing here reads a shared word, calls the system, or waits.
//! - A new variant has a text, and a kind, beside its type or in `kind`, for those who use `std::io::Error`.

mod cause;
mod comm;
mod each;
mod kind;
mod message;
mod place;
mod region;
mod select;
mod topic;

pub use comm::*;
pub use each::*;
pub use message::*;
pub use place::*;
pub use region::*;
pub use select::*;
pub use topic::*;
