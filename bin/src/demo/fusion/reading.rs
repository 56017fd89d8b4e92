//! What a sensor measures of a body that swings to and fro, and when.

use bytemuck::{Pod, Zeroable};
use measure::clock;
use std::time::Duration;

/// Metres to each side of the middle.
const REACH: f64 = 5.0;
/// Bytes that are written and read together.
const PIECE: usize = 4096;

/// The front of each message of a sensor. The rest is filled with the last byte of its number.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Reading {
    /// When it was measured, in nanoseconds of the machine's clock.
    pub time: u64,
    /// Of the message, in its stream.
    pub number: u64,
    /// Metres, or metres a second.
    pub value: f64,
    /// The number of the process that measured it.
    pub sensor: u64,
}

impl Reading {
    /// The rest of its message: pieces that are alike, and where each begins.
    pub fn rest(&self, len: usize) -> impl Iterator<Item = (usize, usize)> {
        (size_of::<Self>()..len).step_by(PIECE).map(move |at| (at, PIECE.min(len - at)))
    }

    /// What such a piece has in it.
    pub fn piece(&self) -> [u8; PIECE] {
        [self.number as u8; PIECE]
    }

    /// How old it is.
    pub fn age(&self) -> Duration {
        age(self.time)
    }
}

/// Now, in nanoseconds.
pub fn now() -> u64 {
    clock().as_nanos() as u64
}

/// The time since then.
pub fn age(time: u64) -> Duration {
    Duration::from_nanos(now().saturating_sub(time))
}

/// Where the body is at a time.
pub fn position(time: u64) -> f64 {
    REACH * (time as f64 * 1e-9).sin()
}

/// How fast it is.
pub fn speed(time: u64) -> f64 {
    REACH * (time as f64 * 1e-9).cos()
}
