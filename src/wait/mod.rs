//! How a process waits for another.

#[cfg(not(loom))]
mod crowd;
mod deadline;
mod drive;
pub mod pace;
mod strategy;

#[cfg(not(loom))]
pub use crowd::{Crowd, Processors};
pub use deadline::Deadline;
pub use drive::{Interrupted, Operation, Step, Waiter, drive, look_soon};
pub use strategy::wait;
