//! How often to try, and how long to wait in between.

use core::time::Duration;

/// How often a message is tried before it is a dead letter, and how long to wait before the next time: twice as long each time.
///
/// ```
/// use mailbox_patterns::delivery::Retry;
/// use std::time::Duration;
///
/// let retry = Retry::new(5).backoff(Duration::from_millis(10), Duration::from_millis(50));
/// let delays: Vec<_> = (1..5).map(|failed| retry.delay(failed).as_millis()).collect();
/// assert_eq!(delays, [10, 20, 40, 50]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    most: Duration,
}

impl Retry {
    /// So many attempts in all, at least one. Waits 10 ms after the first failure, and at most 10 s.
    pub const fn new(attempts: u32) -> Self {
        let attempts = if attempts == 0 { 1 } else { attempts };
        Self { attempts, first: Duration::from_millis(10), most: Duration::from_secs(10) }
    }

    /// Waits `first` after the first failure, twice as long after each further one, and at most `most`.
    #[must_use]
    pub const fn backoff(self, first: Duration, most: Duration) -> Self {
        Self { first, most, ..self }
    }

    /// How many attempts there are in all.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long to wait after so many failures.
    pub fn delay(&self, failed: u32) -> Duration {
        let factor = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }
}
