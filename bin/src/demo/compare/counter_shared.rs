//! The counter with shared memory: all add to the same word, under a mutex or atomically.

use super::line::Line;
use super::lock::{Lock, LockPlace};
use super::outcome::Outcome;
use bytemuck::Zeroable;
use std::sync::atomic::Ordering::Relaxed;

/// What the workers share. That each part has lines of its own is for the programmer to see to.
#[derive(Zeroable)]
#[repr(C)]
pub struct Counter {
    mutex: LockPlace,
    /// Only changed while the mutex is locked, if all keep to that.
    pub guarded: Line,
    pub atomic: Line,
}

/// One worker's way to the counter.
pub struct Adder<'a> {
    counter: &'a Counter,
    lock: Lock<'a>,
}

impl Counter {
    /// Once, before any worker comes.
    pub fn furnish(&self) -> Outcome<()> {
        self.mutex.furnish()
    }

    pub fn adder(&self) -> Outcome<Adder<'_>> {
        Ok(Adder { counter: self, lock: self.mutex.lock()? })
    }
}

impl Adder<'_> {
    /// Adds 1 under the mutex; the value then.
    pub fn add_guarded(&self) -> Outcome<u64> {
        let guarded = &self.counter.guarded.0;
        self.lock.with(|| {
            let value = guarded.load(Relaxed) + 1;
            guarded.store(value, Relaxed);
            value
        })
    }

    /// Adds 1 atomically; the value then.
    pub fn add_atomic(&self) -> u64 {
        self.counter.atomic.0.fetch_add(1, Relaxed) + 1
    }
}
