//! Seeds out of seeds.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// Mixes two numbers to one.
pub fn mix(one: u64, other: u64) -> u64 {
    Xoshiro256PlusPlus::seed_from_u64(one ^ other.rotate_left(32)).next_u64()
}
