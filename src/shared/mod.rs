//! One endpoint, used by several threads.
//!
//! A call looks under a lock, does one step of what it wants, and lets go of everything before it waits: each hold of the
//! lock begins and ends between two operations of the endpoint, as if one thread did one after the other. `wait::crew`
//! does the waiting.
#![cfg(not(loom))]

mod asking;
mod events;
mod exchange;
mod from;
mod handle;
mod iter;
mod joint;
mod loan;
mod mail;
mod receiving;
mod replying;
mod sending;
mod settings;
mod synchronous;
mod to;
mod typed;
mod under_way;

pub use events::SharedUntilAlone;
pub use from::SharedFrom;
pub use handle::Shared;
pub use iter::SharedIter;
pub use loan::{OwnedBlock, OwnedLoan};
pub use mail::OwnedMail;
pub use to::SharedTo;
pub use under_way::OwnedSending;
