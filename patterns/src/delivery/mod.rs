//! Delivery.

mod frame;
mod id;
mod journal;
mod journal_error;
mod ledger;
mod seen;

pub use id::Id;
pub use journal::{Durability, Journal, Recovered};
pub use journal_error::JournalError;
pub use ledger::{Ledger, Replay};
pub use seen::Verdict;
