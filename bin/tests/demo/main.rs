//! The binary `mbox-demo`, watched and disturbed.

mod kit;

mod pingpong;
mod soak;
mod torture;
mod tour;
