//! The program `mbox-demo`: what mailbox does, to be watched.

pub mod cli;
pub mod gateway;
pub mod part;
pub mod pingpong;
pub mod tour;
