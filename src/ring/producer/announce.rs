//! Announcements of messages.

use super::{Producer, Slot, stamp};
use crate::abi::{ANNOUNCEMENT, Kind, is_below};
use crate::sync::Ordering::Relaxed;

impl Producer {
    /// Announces a message of `len` bytes in `slot`, which is of [`ANNOUNCEMENT`] bytes, and publishes that.
    pub fn announce(&self, slot: &Slot, len: u64) {
        let cell = self.cell(slot.seq);
        self.advance(slot.seq, len as usize);
        cell.payload[0].store(0, Relaxed);
        cell.payload[1].store(len, Relaxed);
        self.describe(&Slot { kind: Kind::Announced, len: ANNOUNCEMENT, ..*slot });
        stamp(cell, slot.seq);
    }

    /// Says in the announcement `seq`, unless it is acknowledged, that its message does not come, or comes no more: the
    /// receiver, or a later one, looks there.
    pub fn retract(&self, seq: u64) {
        // The cell is not written again before this end sees that it is acknowledged.
        if !is_below(seq, self.head.get()) {
            self.cell(seq).payload[0].store(1, Relaxed);
        }
    }
}
