//! A sleep that nobody ends: the sleeper polls, and its pauses grow with the time that it has slept.

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

/// A pause is this fraction of the time slept so far, so a sleeper sees the ring at most this fraction later.
const PARTS: u32 = 8;
/// The first pauses. Systems turn shorter ones into about this length.
const SHORTEST: Duration = Duration::from_micros(50);
/// The pauses of a long sleep. Each poll is a wake-up and takes about 20 µs of a processor.
const LONGEST: Duration = Duration::from_millis(5);

/// Pauses until `is_over`, at most for `time`, and at least once. `since` is when this sleep began, including earlier
/// naps.
pub fn pause_until(since: Instant, time: Duration, is_over: impl Fn() -> bool) {
    let end = Instant::now() + time;
    loop {
        let now = Instant::now();
        let left = end.saturating_duration_since(now);
        sleep(((now - since) / PARTS).clamp(SHORTEST, LONGEST).min(left));
        if left.is_zero() || is_over() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    const SHORT: Duration = Duration::from_millis(60);
    /// Looks in that time of a sleep that has just begun: 8 in 0.4 ms, each then an eighth later than the one
    /// before, up to 40 ms.
    const EARLY: u32 = 8 + 40 + 20 / 5 + 1;

    #[test]
    fn looks_become_rare() {
        let (start, looks) = (Instant::now(), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            false
        };
        pause_until(start, SHORT, look);
        assert!(start.elapsed() >= SHORT);
        assert!(looks.get() <= EARLY, "{looks:?}");
        // By now it sleeps for long, nap by nap.
        looks.set(0);
        pause_until(start, SHORT, look);
        assert!(looks.get() <= 1 + SHORT.as_millis() as u32 / 5, "{looks:?}");
    }

    #[test]
    fn what_is_over_at_once_is_not_a_loop_without_pauses() {
        let (start, mut naps) = (Instant::now(), 0);
        while start.elapsed() < SHORT {
            pause_until(start, SHORT, || true);
            naps += 1;
        }
        assert!(naps <= EARLY, "{naps} naps");
    }
}
