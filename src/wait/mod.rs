//! How a process waits for another.
//!
//! Room for a message, a receive, a call and an announced message are *operations*. An operation looks whether it has
//! something to do and does it in steps. [`drive()`] polls it, and is the only function that waits for a peer: it polls
//! first, then yields, then sleeps. Before the first wait, it publishes what batches hold back. A call that does not
//! wait is the same operation with the deadline `Now`: one thorough look, one check, no wait. `pace` has all tuning
//! constants, except for those of the bells' order and of pauses that nobody ends.

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
