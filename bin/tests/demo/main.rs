//! The binary `mbox-demo`, watched and disturbed.

mod chaos;
mod gateway;
mod pingpong;
mod program;
mod soak;
mod torture;
mod tour;
