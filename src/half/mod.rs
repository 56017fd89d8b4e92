//! The parts that both halves of an endpoint, the receiving and the sending one, share.
//!
//! Each half has a [`Member`]: its rank, its way of waiting, and what it holds back. Both members refer to one `Holder`, which has
//! the claim of the rank. The rank is left when the second of them lets go of it.
//!
//! | file | what is in it |
//! |---|---|
//! | `member`, `holder`, `other` | the share of one half; what both hold; how one depends on the other: split, reunited, dropped |
//! | `watch`, `interrupter` | when a half asks the kernel who lives; what ends its wait from outside |
//! | `claim`, `no_pages` | room in a lane, with memory from the system; the error if there is none |
//! | `starving` | what a sender that waits tells its receiver (I10) |
//! | `budget`, `spare`, `bytes`, `queue`, `by_rank` | private memory: limits, buffers kept for later, few or many bytes, tables |
//!
//! **Who writes what.** A member writes in its own rank's record: its bit and its mode of the bell, whom it waits for, how often
//! it slept ([`abi::Rank`](crate::abi::Rank)). In the records of others it rings, and reports a death. Of a mailbox, only `starved` is
//! written here; all else is written by [`crate::send`] and [`crate::receive`].
//!
//! **What waits.** Nothing here. A [`Member`] is the `Waiter` with which `wait::drive` waits: it says how, and on which bit.
//!
//! **Before you change it:**
//! - The halves may be in two threads. So each has a bit and a mode of the bell, and batches, of its own; what they share is in
//!   the `Holder`, and is atomic or set once.
//! - [`Member::check`] comes before each write to the segment: a forked child, and a process whose rank another has, write nothing.
//! - A half that parts lets go of the holder first, and rings the other half then, which must find itself alone. A half that
//!   does ([`Member::finds_alone`]) looks once more before it acts on that.
// A model check has the receiving side only.
#![cfg_attr(loom, allow(dead_code, unused_imports))]

mod budget;
mod by_rank;
mod bytes;
mod claim;
mod holder;
mod interrupter;
mod member;
mod no_pages;
mod other;
mod queue;
mod spare;
mod starving;
mod watch;

pub use by_rank::ByRank;
pub use bytes::Bytes;
pub use interrupter::Interrupter;
pub use member::Member;
pub use no_pages::no_pages;
pub use queue::Queue;
pub use spare::Spare;
pub use starving::{Starving, end_starving};
