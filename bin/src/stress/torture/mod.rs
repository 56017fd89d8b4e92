//! Processes that talk while they are killed.

pub mod book;
pub mod caller;
pub mod collector;
pub mod command;
pub mod docket;
mod drained;
mod fetched;
pub mod ledger;
pub mod line;
pub mod mourner;
pub mod obituary;
pub mod parcel;
pub mod poster;
pub mod rack;
mod received;
pub mod server;
pub mod toll;
pub mod verb;
pub mod victim;
