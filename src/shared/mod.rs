//! One endpoint, used by several threads.
//!
//! A call looks under a lock, does one step of what it wants, and lets go of everything before it waits: each hold of the
//! lock begins and ends between two operations of the endpoint, as if one thread did one after the other. `wait::crew`
//! does the waiting.
#![cfg(not(loom))]

mod asking;
mod from;
mod handle;
mod joint;
mod mail;
mod receiving;
mod replying;
mod sending;
mod to;

pub use from::SharedFrom;
pub use handle::Shared;
pub use mail::OwnedMail;
pub use to::SharedTo;
