//! Chance that can be had again.

pub use kit::Dice;
use std::env;

/// A number from the environment: a seed, or how many.
pub fn number(word: &str, default: u64) -> u64 {
    env::var(word).map_or(default, |value| value.parse().expect("a number"))
}
