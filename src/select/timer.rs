//! Times that a thread waits for.

use core::time::Duration;
use std::time::Instant;

/// A time, once or again and again.
#[derive(Clone, Copy)]
pub struct Timer {
    /// When it is due; `None` beyond the range of the clock.
    next: Option<Instant>,
    period: Option<Duration>,
}

impl Timer {
    pub fn once(time: Instant) -> Self {
        Self { next: Some(time), period: None }
    }

    /// First one period from `now` on.
    pub fn every(period: Duration, now: Instant) -> Self {
        Self { next: now.checked_add(period), period: Some(period) }
    }

    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// It was told at `now`. The times that passed since it was due are left out, and the others stay as they were. Returns
    /// whether it comes again.
    pub fn tell(&mut self, now: Instant) -> bool {
        let (Some(period), Some(due)) = (self.period, self.next) else { return false };
        let late = now.saturating_duration_since(due).as_nanos();
        let left_out = late.checked_rem(period.as_nanos()).map_or(0, |since| late - since);
        let passed = Duration::from_nanos(u64::try_from(left_out).unwrap_or(u64::MAX));
        self.next = due.checked_add(passed).and_then(|last| last.checked_add(period));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(10);

    #[test]
    fn an_interval_keeps_its_times_and_leaves_out_those_that_have_passed() {
        let start = Instant::now();
        let mut timer = Timer::every(PERIOD, start);
        assert!(!timer.is_due(start) && timer.is_due(start + PERIOD));
        for (told, next) in [(10, 20), (20, 30), (39, 40), (40, 50), (99, 100), (137, 140)] {
            let told = start + Duration::from_millis(told);
            assert!(timer.is_due(told) && timer.tell(told) && !timer.is_due(told));
            assert_eq!(timer.next(), Some(start + Duration::from_millis(next)));
        }
    }

    #[test]
    fn what_no_clock_shows_is_never_due_and_no_time_at_all_is_always() {
        let now = Instant::now();
        let mut never = Timer::every(Duration::MAX, now);
        assert!(!never.is_due(now + Duration::from_secs(1 << 40)));
        assert!(never.tell(now) || !never.is_due(now));
        let mut always = Timer::every(Duration::ZERO, now);
        for _ in 0..3 {
            assert!(always.is_due(now) && always.tell(now));
        }
        let mut once = Timer::once(now);
        assert!(once.is_due(now) && !once.tell(now));
    }
}
