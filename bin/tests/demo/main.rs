//! The binary `mbox-demo`, watched and disturbed.

mod kit;

mod chaos;
mod gateway;
mod pingpong;
mod soak;
mod torture;
mod tour;
