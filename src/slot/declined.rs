//! What a rank says of groups that it could not begin with: in its record, because a slot may have no memory.

use crate::abi::DECLINED;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;

/// The rank of these words could not begin with this group in this slot. It says so before it rings the other members.
pub fn decline(words: &[AtomicU64; DECLINED], slot: u32, group: u64) {
    words[slot as usize % DECLINED].store(group, Relaxed);
}

/// Whether the rank of these words says so. Never of 0, which is no group.
pub fn has_declined(words: &[AtomicU64; DECLINED], slot: u32, group: u64) -> bool {
    group != 0 && words[slot as usize % DECLINED].load(Relaxed) == group
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::abi::MAX_GROUPS;

    #[test]
    fn each_slot_has_a_word_of_its_own() {
        let words = core::array::from_fn(|_| AtomicU64::new(0));
        let group = |slot: u32| 1 << 63 | u64::from(slot);
        assert!((0..MAX_GROUPS).all(|slot| !has_declined(&words, slot, 0)), "0 is no group");
        (0..MAX_GROUPS).for_each(|slot| decline(&words, slot, group(slot)));
        assert!((0..MAX_GROUPS).all(|slot| has_declined(&words, slot, group(slot))));
        assert!(!has_declined(&words, 1, group(2)));
    }
}
