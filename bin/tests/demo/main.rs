//! The binary `mbox-demo`, watched and disturbed.

mod kit;

mod pingpong;
mod tour;
