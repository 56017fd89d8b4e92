//! The parts that both halves of an endpoint, the receiving and the sending one, share.
#![cfg(not(loom))]

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
