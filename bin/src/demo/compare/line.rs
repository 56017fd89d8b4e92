//! A word in cache lines of its own.

use bytemuck::Zeroable;
use std::sync::atomic::AtomicU64;

/// Two lines: processors fetch them in pairs.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Line(pub AtomicU64);
