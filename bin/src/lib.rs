//! What the programs `mbox` and `mbox-demo` are made of.

mod common;
mod demo;
mod mbox;
mod stress;

pub use demo::cli::run as demo;
pub use mbox::cli::run as mbox;
