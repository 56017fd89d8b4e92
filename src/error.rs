//! One small enum per verb, and one of what may befall any of them.
//!
//! So a `match` on what a call returns has only cases that can happen to that call.
//!
//! | file | verbs |
//! |---|---|
//! | `message` | send, receive, call, answer, discard; [`SizeError`] |
//! | `comm` | requests, communicators, operations of all members |
//! | `topic`, `select` | topics; waits for several things |
//! | `region` | configure, create, open, remove, join, leave; [`Lost`] |
//! | `place` | where the region is that an error is about |
//! | `kind` | conversions between them, and to `std::io::Error`; `is_timeout`, `is_gone` |
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
//! - What a peer writes that makes no sense is [`Broken::Corrupt`], with its rank. It concerns the mailboxes with that rank only.
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
