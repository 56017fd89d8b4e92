//! How a process waits for another.
//!
//! Room for a message, a receive, a call and an announced message are *operations*. An operation looks whether it has
//! something to do and does it in steps. [`drive()`] waits for it: it polls first, then yields, then sleeps. (Threads that share an
//! endpoint do so in their [`Crew`].) Before the first wait, it publishes what batches hold back. A call that does not
//! wait is the same operation with the deadline `Now`: one thorough look, one check, no wait. `pace` has the tuning
//! constants, and says where others are.
//!
//! [`Select`](crate::Select) is the same driver with a waiter that is several halves ([`Together`]) and an operation that
//! looks at each arm in turn (`select`). It polls as the least eager of them would, and sleeps on all bells. An
//! interrupter of any of them ends it. *What it finds stays:* a whole message or a call is left as it is. For
//! anything else, the operation must take it to know whether a receive would return it; it puts that back unseen. What a
//! receive from anyone returns only once (an end, corruption, held mails) is kept in private memory, one word for each
//! endpoint, until the next receive from anyone returns it.

mod crew;
mod crowd;
mod deadline;
mod drive;
mod looks;
pub mod pace;
mod strategy;
mod together;

pub use crew::{Common, Crew, Found, Look};
pub use crowd::{Crowd, Processors};
pub use deadline::Deadline;
pub use drive::{Interrupted, Operation, Step, Waiter, drive, look_soon};
pub use looks::Looks;
pub use strategy::wait;
pub use together::Together;
