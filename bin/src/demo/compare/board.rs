//! What lies in the segment.

use super::buffer_shared::Buffer;
use super::counter_shared::Counter;
use super::game_shared::Game;
use super::line::Line;
use super::litmus::Plane;
use super::lock::{LIMIT, LockPlace};
use super::outcome::Outcome;
use bytemuck::Zeroable;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

/// A place for each task. A play uses one of them at a time.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Board {
    pub gate: Gate,
    pub counter: Counter,
    /// From the first process to the second, and back.
    pub buffers: [Buffer; 2],
    pub game: Game,
    /// Words in the same line, and apart.
    pub together: [AtomicU64; 2],
    pub apart: [Line; 2],
    pub litmus: Plane,
    pub ruin: Ruin,
}

/// Where processes wait for each other.
#[derive(Zeroable)]
#[repr(C)]
pub struct Gate(Line);

/// Two words that are to be equal, and the mutex for them.
#[derive(Zeroable)]
#[repr(C)]
pub struct Ruin {
    pub mutex: LockPlace,
    pub words: [AtomicU64; 2],
    pub is_held: Line,
}

impl Board {
    /// Makes what is no plain word; once, before any process comes.
    pub fn furnish(&self) -> Outcome<()> {
        self.counter.furnish()?;
        self.buffers.iter().try_for_each(Buffer::furnish)?;
        self.game.furnish()?;
        self.ruin.mutex.furnish()
    }
}

impl Gate {
    /// Waits until so many have come.
    pub fn pass(&self, processes: u32) -> Outcome<()> {
        self.0.0.fetch_add(1, AcqRel);
        let end = Instant::now() + LIMIT;
        while self.0.0.load(Acquire) < u64::from(processes) {
            if Instant::now() > end {
                return Err("the other workers do not come: is one stopped?".into());
            }
            thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }
}

impl Ruin {
    /// Tells that the mutex is locked, and half of what it guards is written.
    pub fn tell(&self) {
        self.is_held.0.store(1, Release);
    }

    pub fn is_told(&self) -> bool {
        self.is_held.0.load(Acquire) == 1
    }
}
