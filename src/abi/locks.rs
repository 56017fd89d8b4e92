//! The locks of a region: which byte of its file, or which word, belongs to which lock.

use super::MAX_RANKS;

/// Held by a process that looks for a label. It is apart from the other locks, so that a process that removes or
/// closes the region does not wait for one that only looks.
pub const LABELS: u32 = 0;
/// Held by a process that creates, removes or closes the region, or that keeps others from a rank for a moment. The
/// locks of the ranks follow.
pub const GATE: u32 = 1;
/// The gate and the locks of all ranks.
pub const GATE_AND_RANKS: u32 = 1 + MAX_RANKS;
/// All locks, including those of other versions of the layout.
pub const ALL_LOCKS: u32 = 2 + MAX_RANKS;
const FIRST_RANK: u32 = 2;

/// The lock of `rank`.
pub const fn lock_byte(rank: u32) -> u32 {
    FIRST_RANK + rank
}
