//! The binary `mbox-demo`, watched and disturbed.

mod chaos;
mod compare;
mod control;
mod fusion;
mod game;
mod gateway;
mod gathering;
mod pingpong;
mod program;
mod publishing;
mod sharing;
mod soak;
mod torture;
mod tortures;
mod tour;
