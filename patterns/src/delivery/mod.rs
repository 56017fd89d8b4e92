//! Delivery.

mod consumer;
mod dead_error;
mod dead_letters;
mod delivery_error;
mod frame;
mod id;
mod job;
mod jobs;
mod journal;
mod journal_error;
mod ledger;
mod letter;
mod outbox;
mod outbox_error;
mod queue;
mod retry;
mod seen;
mod worker;

pub use consumer::{Consumer, Done};
pub use dead_error::DeadError;
pub use dead_letters::DeadLetters;
pub use delivery_error::DeliveryError;
pub use id::Id;
pub use job::Job;
pub use journal::{Durability, Journal, Recovered};
pub use journal_error::JournalError;
pub use ledger::{Ledger, Replay};
pub use letter::{DeadLetter, Letter};
pub use outbox::Outbox;
pub use outbox_error::OutboxError;
pub use queue::{Progress, Queue};
pub use retry::Retry;
pub use seen::Verdict;
pub use worker::Worker;
