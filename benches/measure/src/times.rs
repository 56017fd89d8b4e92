//! What a measurement gives.

use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Round trips that are timed together, so that reading the clock does not show.
const BATCH: u32 = 16;
/// Those that take longer than this are timed one by one.
const LONG: Duration = Duration::from_micros(2);

/// A distribution of times.
pub struct Times {
    /// In tenths of a nanosecond, or the histogram would round a nanosecond away.
    tenths: Histogram<u64>,
}

impl Default for Times {
    fn default() -> Self {
        let longest = 10 * Duration::from_secs(100).as_nanos() as u64;
        Self { tenths: Histogram::new_with_max(longest, 3).expect("valid bounds") }
    }
}

impl Times {
    /// Times `rounds` calls of `step`, after a tenth as many that do not count: one by one, or 16 together, of
    /// which each counts as their mean, where reading the clock would show.
    pub fn of<E>(rounds: u32, mut step: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        let mut times = Self::default();
        let mut least = Duration::MAX;
        let mut last = Instant::now();
        for call in 1..=rounds / 10 {
            step()?;
            if call % BATCH == 0 {
                let now = Instant::now();
                least = least.min(now - last);
                last = now;
            }
        }
        // The shortest says how long one takes; other work may have come in between.
        let batch = if least > LONG * BATCH && least < Duration::MAX { 1 } else { BATCH };
        last = Instant::now();
        for _ in 0..rounds / BATCH * BATCH / batch {
            for _ in 0..batch {
                step()?;
            }
            let now = Instant::now();
            times.tenths.saturating_record((now - last).as_nanos() as u64 * 10 / u64::from(batch));
            last = now;
        }
        Ok(times)
    }

    /// Adds one time.
    pub fn add(&mut self, time: Duration) {
        self.tenths.saturating_record((time.as_nanos() as u64).saturating_mul(10));
    }

    /// Adds all of another distribution.
    pub fn merge(&mut self, other: &Self) {
        self.tenths.add(&other.tenths).expect("the same bounds");
    }

    /// The calls of `step` that [`Times::of`] makes for `rounds`.
    pub const fn calls(rounds: u32) -> u32 {
        rounds / 10 + rounds / BATCH * BATCH
    }

    /// All times, in tenths of a nanosecond as the histogram has them, and how many there are of each.
    pub fn entries(&self) -> impl Iterator<Item = (u64, u64)> {
        self.tenths.iter_recorded().map(|entry| (entry.value_iterated_to(), entry.count_at_value()))
    }

    /// Adds an entry of another distribution.
    pub fn add_entry(&mut self, (tenths, count): (u64, u64)) {
        self.tenths.saturating_record_n(tenths, count);
    }

    /// How many times there are.
    pub fn count(&self) -> u64 {
        self.tenths.len()
    }

    /// The time that this share of all, 0 to 1, does not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_secs_f64(self.tenths.value_at_quantile(share) as f64 / 10.0 * 1e-9)
    }
}
