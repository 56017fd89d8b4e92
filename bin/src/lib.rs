//! What the programs `mbox` and `mbox-demo` are made of.

mod common;
mod demo;
mod launch;
mod mbox;
mod record;
mod stress;

pub use crate::demo::cli::run as demo;
pub use crate::mbox::cli::run as mbox;
