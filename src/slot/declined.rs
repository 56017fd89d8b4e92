//! What a rank says of groups that it could not begin with: in its record, because a slot may have no memory.

use crate::abi::DECLINED;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;

/// The rank of these words could not begin with this group in this slot. It says so before it rings the other members.
pub fn decline(words: &[AtomicU64; DECLINED], slot: u32, group: u64) {
    words[slot as usize % DECLINED].store(group, Relaxed);
}

/// Whether the rank of these words says so.
pub fn has_declined(words: &[AtomicU64; DECLINED], slot: u32, group: u64) -> bool {
    words[slot as usize % DECLINED].load(Relaxed) == group
}
