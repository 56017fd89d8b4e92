//! What passes through the loop.

use bytemuck::{Pod, Zeroable};

/// What the sensor measured.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Sample {
    /// Of the tick.
    pub number: u64,
    /// When it was measured, in nanoseconds of the machine's clock.
    pub time: u64,
    pub angle: f64,
    pub speed: f64,
}

/// What the controller makes of it.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Command {
    /// Those of the sample.
    pub number: u64,
    pub time: u64,
    pub push: f64,
}
