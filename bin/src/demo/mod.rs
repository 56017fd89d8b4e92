//! The program `mbox-demo`: what mailbox does, to be watched.

pub mod cli;
pub mod compare;
pub mod control;
pub mod fusion;
pub mod game;
pub mod gateway;
pub mod part;
pub mod pingpong;
pub mod tour;
