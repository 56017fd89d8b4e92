//! How far the three threads have come, and how they wake each other.

use crate::common::failure::Failure;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How often a thread looks that is not woken.
const LOOK: Duration = Duration::from_millis(1);
/// How long a round takes at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// The round that ends all.
const OVER: u64 = u64::MAX;

/// Rounds count from 1.
#[derive(Default)]
pub struct Rounds {
    /// How many of the two others wait for the first.
    ready: AtomicU64,
    high_may: AtomicU64,
    middle_may: AtomicU64,
    high_has: AtomicU64,
    middle_has: AtomicU64,
}

impl Rounds {
    /// High or middle waits for the first round.
    pub fn is_ready(&self) {
        self.ready.fetch_add(1, Release);
    }

    /// Waits until both do.
    pub fn await_ready(&self) -> Result<(), Failure> {
        wait_until(|| self.ready.load(Acquire) == 2)
    }

    /// Low has come to where high wants its value, and middle something else.
    pub fn call(&self, round: u64, high: &Thread, middle: &Thread) {
        // On their one processor high runs at once, and low goes on when high waits.
        self.high_may.store(round, Release);
        high.unpark();
        self.middle_may.store(round, Release);
        middle.unpark();
    }

    /// There are no more rounds.
    pub fn end(&self, high: &Thread, middle: &Thread) {
        self.call(OVER, high, middle);
    }

    /// High's turn; false after the last round.
    pub fn await_high(&self, round: u64) -> bool {
        wait(&self.high_may, round)
    }

    /// Middle's turn; false after the last round.
    pub fn await_middle(&self, round: u64) -> bool {
        wait(&self.middle_may, round)
    }

    pub fn high_is_done(&self, round: u64) {
        self.high_has.store(round, Release);
    }

    pub fn middle_is_done(&self, round: u64) {
        self.middle_has.store(round, Release);
    }

    /// Whether middle has computed in this round.
    pub fn has_computed(&self, round: u64) -> bool {
        self.middle_has.load(Acquire) >= round
    }

    /// Waits until both have done this round.
    pub fn await_both(&self, round: u64) -> Result<(), Failure> {
        wait_until(|| self.high_has.load(Acquire) >= round && self.has_computed(round))
    }
}

fn wait_until(is_so: impl Fn() -> bool) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > end {
            return Err(Failure::new("a thread does not come to its end"));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn wait(may: &AtomicU64, round: u64) -> bool {
    loop {
        match may.load(Acquire) {
            OVER => return false,
            now if now >= round => return true,
            _ => thread::park(),
        }
    }
}
