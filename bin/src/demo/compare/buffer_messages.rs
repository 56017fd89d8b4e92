//! The bounded buffer with messages: a mailbox is one.

use super::outcome::Outcome;
use super::rules::Item;
use mailbox::{Config, Endpoint};

/// A producer and a consumer, and a mailbox of 64 cells from one to the other.
pub const CONFIG: Config = Config::ranks(2).cells(64);

/// Sends an item; waits while the mailbox is full.
pub fn put(me: &Endpoint, to: u32, item: &Item) -> Outcome<()> {
    Ok(me.to(to).send_value(item)?)
}

/// Receives an item; waits while there is none.
pub fn take(me: &Endpoint, from: u32) -> Outcome<Item> {
    Ok(me.from(from).recv_value()?)
}
