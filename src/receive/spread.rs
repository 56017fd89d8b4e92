//! How the keys of a table are spread over it.
//!
//! A peer chooses the labels of its messages, so it must not be able to choose many that fall together. So the hash depends
//! on two numbers that no peer knows. It takes two multiplications: after one alone, some labels in a row fall together.
//!
//! Sixteen keys that differ in the same four bits only lie side by side, and a program often asks for keys in a row: tags that it
//! counts up, messages in their order. Spread singly, each of them would be in a line of its own, which may be far away.

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState;

/// How many keys lie side by side.
const NEAR: u64 = 16;

/// Makes the hashes of one table, in which keys lie side by side that differ in the four bits from `SHIFT` on.
#[derive(Clone)]
pub struct Spread<const SHIFT: u32> {
    seed: u64,
    factor: u64,
}

impl<const SHIFT: u32> Spread<SHIFT> {
    /// How many keys lie side by side.
    pub const NEAR: u64 = NEAR;

    /// The bits in which a key differs from its neighbours. Theirs are the hash without these bits, and the bits themselves.
    #[inline(always)]
    pub fn near(key: u64) -> u64 {
        key & (NEAR - 1) << SHIFT
    }
}

impl<const SHIFT: u32> Default for Spread<SHIFT> {
    fn default() -> Self {
        let random = RandomState::new();
        Self { seed: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl<const SHIFT: u32> BuildHasher for Spread<SHIFT> {
    type Hasher = Spreading<SHIFT>;

    fn build_hasher(&self) -> Spreading<SHIFT> {
        Spreading { hash: self.seed, factor: self.factor, near: 0 }
    }
}

/// A hash that is being made.
pub struct Spreading<const SHIFT: u32> {
    hash: u64,
    factor: u64,
    /// Which of its neighbours the key is.
    near: u64,
}

impl<const SHIFT: u32> Hasher for Spreading<SHIFT> {
    fn write_u64(&mut self, key: u64) {
        self.near = key >> SHIFT & (NEAR - 1);
        self.hash = self.mixed(self.hash ^ (key & !((NEAR - 1) << SHIFT)));
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        // A table takes the place from the lowest bits, and compares the highest before it looks at a key: both tell neighbours apart.
        self.mixed(self.hash) ^ self.near ^ self.near << 57
    }
}

impl<const SHIFT: u32> Spreading<SHIFT> {
    fn mixed(&self, value: u64) -> u64 {
        let product = u128::from(value) * u128::from(self.factor);
        product as u64 ^ (product >> 64) as u64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn keys_that_differ_in_any_bits_are_spread() {
        for shift in 0..52 {
            let spread = Spread::<32>::default();
            let mut places = [0; 256];
            (0..4096u64).for_each(|key| places[(spread.hash_one(key << shift) / NEAR) as usize % 256] += 1);
            // As many as sixteen groups of neighbours would make. Where there are 256 groups, so many meet once in 10 billion runs.
            assert!(places.iter().all(|count| *count < 256), "shifted by {shift}: {places:?}");
        }
    }

    #[test]
    fn neighbours_lie_side_by_side_and_have_hashes_of_their_own() {
        let spread = Spread::<32>::default();
        for group in 0..100u64 {
            let mut hashes: Vec<_> =
                (0..NEAR).map(|near| spread.hash_one(group << 40 | near << 32 | 7)).collect();
            assert!(hashes.iter().all(|hash| hash / NEAR % 4096 == hashes[0] / NEAR % 4096));
            hashes.iter_mut().for_each(|hash| *hash >>= 57);
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), NEAR as usize);
        }
    }

    #[test]
    fn what_falls_together_in_one_table_does_not_in_another() {
        let (one, other) = (Spread::<0>::default(), Spread::<0>::default());
        let place = |spread: &Spread<0>, key: u64| spread.hash_one(key) / NEAR % 256;
        let together: Vec<u64> =
            (0..1 << 14).map(|key| key * NEAR).filter(|key| place(&one, *key) == 0).collect();
        let most = (0..256).map(|at| together.iter().filter(|key| place(&other, **key) == at).count()).max();
        assert!(most < Some(together.len() / 4), "{most:?} of {}", together.len());
    }
}
