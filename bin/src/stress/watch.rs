//! Finds processes that make no progress.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

/// A look that comes later than this says that the machine is slow, not the ranks.
const LATE: Duration = Duration::from_millis(100);

/// The beats of those that are to go on: each counts the calls that have returned, and is the largest number where
/// none is made.
pub struct Watch<'a> {
    beats: Vec<Beat<'a>>,
    patience: Duration,
    looked: Instant,
}

struct Beat<'a> {
    word: &'a AtomicU64,
    seen: u64,
    since: Instant,
}

impl<'a> Watch<'a> {
    /// Of those that begin. `patience` is how long a call may take that could end: its peers, itself among them, go on
    /// sending and receiving, or are found dead; or it is given a time.
    pub fn new(words: impl IntoIterator<Item = &'a AtomicU64>, patience: Duration) -> Self {
        let now = Instant::now();
        let beat = |word: &'a AtomicU64| Beat { word, seen: word.load(Acquire), since: now };
        Self { beats: words.into_iter().map(beat).collect(), patience, looked: now }
    }

    /// Which is stuck, if one is; told once for each time that its patience is over. `longest` is the longest time
    /// without progress.
    pub fn look(&mut self, longest: &mut Duration) -> Option<usize> {
        let now = Instant::now();
        let late = now - self.looked;
        self.looked = now;
        let mut stuck = None;
        for (at, beat) in self.beats.iter_mut().enumerate() {
            if late > LATE {
                beat.since += late;
            }
            let seen = beat.word.load(Acquire);
            let silence = now.saturating_duration_since(beat.since);
            if seen != beat.seen || seen == u64::MAX {
                (beat.seen, beat.since) = (seen, now);
                continue;
            }
            *longest = silence.max(*longest);
            if silence > self.patience {
                beat.since = now;
                stuck = Some(at);
            }
        }
        stuck
    }
}
