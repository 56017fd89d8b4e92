//! Announcements of messages.

use super::{Producer, Slot, stamp};
use crate::abi::{ANNOUNCEMENT, Kind, is_below};
use crate::sync::Ordering::Relaxed;

impl Producer {
    /// Announces a message of `len` bytes in `slot`, which has [`ANNOUNCEMENT`] bytes, and publishes the
    /// announcement.
    pub fn announce(&self, slot: &Slot, len: u64) {
        let cell = self.cell(slot.seq);
        self.advance(slot.seq, len as usize);
        cell.payload[0].store(0, Relaxed);
        cell.payload[1].store(len, Relaxed);
        self.describe(&Slot { kind: Kind::Announced, len: ANNOUNCEMENT, ..*slot });
        stamp(cell, slot.seq);
    }

    /// Marks the announcement `seq`, unless it is acknowledged: its message will not come, or not come any more. The
    /// receiver, or a later one, checks the mark.
    pub fn retract(&self, seq: u64) {
        // This end does not write the cell again before it has seen that it is acknowledged.
        if !is_below(seq, self.head.get()) {
            self.cell(seq).payload[0].store(1, Relaxed);
        }
    }
}
