//! How a process waits for another.

#[cfg(not(loom))]
mod crowd;
mod deadline;
mod drive;
#[cfg(not(loom))]
mod looks;
pub mod pace;
mod strategy;

#[cfg(not(loom))]
pub use crowd::{Crowd, Processors};
pub use deadline::Deadline;
pub use drive::{Interrupted, Operation, Step, Waiter, drive, look_soon};
#[cfg(not(loom))]
pub use looks::Looks;
pub use strategy::wait;
