//! Cells that concern a call, on the short path.

use super::Producer;
use crate::abi::{Envelope, Kind, Location};

impl Producer {
    /// Whether [`Producer::push_numbered`] finds room.
    #[inline(always)]
    pub fn may_push(&self) -> bool {
        self.room.covers(self.tail.get())
    }

    /// Like [`Producer::push_small`], for a cell of this kind that concerns a call. It is published.
    #[inline(always)]
    pub fn push_numbered(&self, kind: Kind, number: u64, bytes: &[u8]) -> bool {
        self.push_described(bytes, Envelope::numbered(number, 0, kind, Location::Inline(0)).pack(), false)
    }
}
