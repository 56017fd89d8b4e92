//! How a process waits for another.

#[cfg(not(loom))]
mod crowd;
mod strategy;

#[cfg(not(loom))]
pub use crowd::{Crowd, Processors};
pub use strategy::Waiter;
