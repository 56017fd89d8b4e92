//! An announcement that was put back.

use super::Consumer;
use crate::abi::{Envelope, epoch_of};
use crate::ring::cell;
use crate::sync::Ordering::Relaxed;

impl Consumer {
    /// Whether the oldest message that was put back, an announcement, is over: its sender is done with it, or was in another
    /// life than its present one, which has this epoch.
    pub fn is_put_back_over(&self, epoch: u64) -> bool {
        let Some(seq) = self.next_unread() else { return true };
        let cell = cell(&self.lane, seq);
        let bits = Envelope::unpack(cell.envelope.load(Relaxed)).map(|envelope| envelope.epoch);
        cell.payload[0].load(Relaxed) != 0 || bits.is_none_or(|bits| epoch_of(bits, epoch) != epoch)
    }
}
