//! A rank as all processes see it: which process holds it, and what that process sleeps on.
//!
//! A rank is a seat. A process *claims* it, and begins its next *life*; the *epoch* counts them. The life ends when the process
//! leaves, or dies. Mail is for the seat, and outlives all of this.
//!
//! | file | what is in it |
//! |---|---|
//! | `registry` | the rank table: to claim and to leave, who lives, who was found dead |
//! | `bell` | the word that a rank sleeps on, and how a peer wakes it; why no wake-up is lost |
//! | `bell/order` | which of the two, sleeper or ringer, pays for the order of their accesses |
//! | `source` | which sender a receive takes mail of |
//!
//! **Who writes what.** The process that holds the rank's lock writes the rank's record ([`abi::Rank`](crate::abi::Rank)). Peers write
//! there, too: they clear bits of the bell and set its events; senders set their bit in `opened`; a peer that finds the
//! holder dead writes `found_dead` and `processors`. The count of `changes` belongs to all.
//!
//! **What waits.** Nothing here does. A claim that does not get the lock at once returns `None`. [`fall_asleep`] sets the bits,
//! with a barrier or a fence; `wait::drive` then looks once more, and sleeps.
//!
//! **Before you change it:**
//! - Only the kernel knows whether a holder lives, by the lock (I5). Words say that somebody has joined, left, or seems dead; the
//!   last is a reason to ask, and no answer.
//! - A claim stores `life` after label and modes, and a leave after the last mail. A process that sees it sees all that came before.
//! - What changes a life is stored first, then counted in `changes`, and only then is anybody rung, who then finds it.
//! - Nobody stores a bell's word as a whole: each process sets and clears single bits.

mod bell;
mod registry;
mod source;

pub use bell::*;
pub use registry::*;
pub use source::Source;
