//! What comes from one rank in a torture.

use super::ledger::{Ledger, Reader};
use super::parcel::Parcels;
use super::server::Again;

/// Messages from one rank.
pub struct Line<'a> {
    pub ledger: Ledger<'a>,
    pub reader: Reader<'a>,
    pub parcels: Parcels,
    /// The places of mails that were given back before anything was made of them.
    pub untouched: Vec<u64>,
    /// The calls that were in hand in a panic and have not come again.
    pub calls: Vec<Again>,
    /// Whether such a call may take room in the mailbox.
    pub is_blocked: bool,
    /// Whether the last message was received by tag: calls may lie unread before it.
    pub was_by_tag: bool,
    pub has_ended: bool,
}

impl<'a> Line<'a> {
    /// Messages that are written down in this ledger.
    pub fn new(ledger: Ledger<'a>, parcels: Parcels) -> Self {
        Self {
            ledger,
            reader: Reader::new(ledger),
            parcels,
            untouched: vec![],
            calls: vec![],
            is_blocked: false,
            was_by_tag: false,
            has_ended: false,
        }
    }
}
