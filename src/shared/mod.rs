//! One endpoint, used by several threads.
//!
//! A call looks under a lock, does one step of what it wants, and lets go of everything before it waits: each hold of the
//! lock begins and ends between two operations of the endpoint, as if one thread did one after the other. `wait::crew`
//! does the waiting.
//!
//! | what | files |
//! |---|---|
//! | what each thread has, and the lock behind it | `handle`: [`Shared`], `Handle` |
//! | what lies under the lock: the endpoint, and which thread has taken which mail | `joint`: `Joint`; `What` a thread waits for |
//! | how to send and receive: to or from whom, how long, with which tag | `to`, `from`, `typed`, `settings` |
//! | the calls, each as a closure that looks | `sending`, `synchronous`, `asking`, `receiving`, `exchange`, `replying`, `events`, `iter` |
//! | what goes to any thread, and keeps the rank | `mail`, `under_way`, `loan` |
//!
//! **Who writes what.** The same words as an endpoint ([`crate::endpoint`]): the lock makes one writer of all threads. The bytes
//! of a loan are written without it, because only the thread that has the loan reaches them.
//!
//! **What waits.** `Handle::wait` alone waits for a peer. All else waits for the lock at most, whose holder does not wait.
//!
//! **Before you change it:**
//! - What a call keeps from one look to the next are numbers (such as [`PausedCall`](crate::call::PausedCall)), and no references.
//! - A slot that was claimed is filled, and mail that was found is taken, under the same hold of the lock.
//! - What may bring another thread what it waits for goes through `Handle::stir`, not `Handle::with`: no peer rings for it.
//! - A mail that a thread takes is noted (`Joint::note_taken`), and once more when it is done with. `Held` is told by these notes.
//! - Each call first checks that it is in the process that joined: in a forked child the lock may be held for ever.
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
