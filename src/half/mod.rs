//! What both halves of an endpoint, the receiving and the sending one, are made of.
#![cfg(not(loom))]

mod budget;
mod by_rank;
mod fragments;
mod holder;
mod interrupter;
mod member;

pub use by_rank::Peers;
pub use fragments::{Piece, Train, cut};
pub use interrupter::Interrupter;
pub use member::Member;
