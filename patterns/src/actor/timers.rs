//! What is to be done later.

use super::System;
use core::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

/// What to do.
pub type Then = Box<dyn FnOnce(&mut System)>;

struct Timer {
    due: Instant,
    number: u64,
    then: Then,
}

impl Ord for Timer {
    /// The first is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}

/// All of it, by time.
#[derive(Default)]
pub struct Timers {
    all: BinaryHeap<Timer>,
    last: u64,
}

impl Timers {
    pub fn add(&mut self, due: Instant, then: Then) {
        self.last += 1;
        self.all.push(Timer { due, number: self.last, then });
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn first_due(&self) -> Option<Instant> {
        self.all.peek().map(|timer| timer.due)
    }

    pub fn next_due(&mut self, now: Instant) -> Option<Then> {
        let timer = self.all.peek().filter(|timer| timer.due <= now).is_some().then(|| self.all.pop())?;
        timer.map(|timer| timer.then)
    }

    /// The next one, whenever it is due.
    pub fn take(&mut self) -> Option<Then> {
        self.all.pop().map(|timer| timer.then)
    }
}
