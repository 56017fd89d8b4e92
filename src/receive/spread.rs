//! How labels are spread over a table.
//!
//! A peer chooses the labels of its messages, so it must not be able to choose many that fall together. So the hash depends
//! on two numbers that no peer knows. It takes two multiplications: after one alone, some labels in a row fall together.

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState;

/// Makes the hashes of one table.
#[derive(Clone)]
pub struct Spread {
    seed: u64,
    factor: u64,
}

impl Default for Spread {
    fn default() -> Self {
        let random = RandomState::new();
        Self { seed: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading { hash: self.seed, factor: self.factor }
    }
}

/// A hash that is being made.
pub struct Spreading {
    hash: u64,
    factor: u64,
}

impl Hasher for Spreading {
    fn write_u64(&mut self, key: u64) {
        self.hash = self.mixed(self.hash ^ key);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.mixed(self.hash)
    }
}

impl Spreading {
    fn mixed(&self, value: u64) -> u64 {
        let product = u128::from(value) * u128::from(self.factor);
        product as u64 ^ (product >> 64) as u64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn labels_that_differ_in_any_bits_are_spread() {
        for shift in 0..56 {
            let spread = Spread::default();
            let mut places = [0; 256];
            (0..256u64).for_each(|key| places[spread.hash_one(key << shift) as usize % 256] += 1);
            // So many are never in one place by chance.
            assert!(places.iter().all(|count| *count < 20), "shifted by {shift}: {places:?}");
        }
    }

    #[test]
    fn what_falls_together_in_one_table_does_not_in_another() {
        let (one, other) = (Spread::default(), Spread::default());
        let place = |spread: &Spread, key: u64| spread.hash_one(key) % 256;
        let together: Vec<u64> = (0..1 << 14).filter(|key| place(&one, *key) == 0).collect();
        let most = (0..256).map(|at| together.iter().filter(|key| place(&other, **key) == at).count()).max();
        assert!(most < Some(together.len() / 4), "{most:?} of {}", together.len());
    }
}
