//! Doing something again and again for a time.

use super::outcome::Outcome;
use measure::{Times, clock};
use std::time::{Duration, Instant};

/// Of so many some are timed, so that reading the clock does not show in their rate.
const ROUND: u64 = 32;
/// What takes less than this is timed this many together, each as their mean: clocks have steps of up to some ten nanoseconds.
const SHORT: Duration = Duration::from_nanos(500);
const TOGETHER: u64 = 16;
/// How many are done first, to learn how long one takes.
const FIRST: u64 = 64;

/// How often it was done, in what time, and how long some of them took.
pub struct Score {
    pub count: u64,
    /// When it began, and ended, by the clock of the machine.
    pub span: [Duration; 2],
    pub times: Times,
}

/// Does `step`, which gets numbers from 0 on, until `time` is over.
pub fn run(time: Duration, mut step: impl FnMut(u64) -> Outcome<()>) -> Outcome<Score> {
    // What no time at all takes to be measured.
    let looks = (0..1000).map(|_| Instant::now().elapsed());
    let look = looks.min().unwrap_or_default();
    let mut times = Times::default();
    let mut count = 0;
    let mut least = Duration::MAX;
    let (since, begin) = (clock(), Instant::now());
    loop {
        let timed = if least < SHORT && count >= FIRST { TOGETHER } else { 1 };
        let start = Instant::now();
        for _ in 0..timed {
            step(count)?;
            count += 1;
        }
        let end = Instant::now();
        let taken = (end - start).saturating_sub(look);
        least = least.min(taken);
        // In tenths of a nanosecond. The first ones do not count, unless there are no others.
        if count > FIRST || end - begin >= time {
            times.add_entry(((taken.as_nanos() as u64 * 10 / timed).max(1), 1));
        }
        if end - begin >= time {
            return Ok(Score { count, span: [since, clock()], times });
        }
        let untimed = if count < FIRST { 0 } else { ROUND - timed };
        for _ in 0..untimed {
            step(count)?;
            count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_each_other_and_some_are_timed() {
        let mut next = 0;
        let score = run(Duration::from_millis(3), |number| {
            assert_eq!(number, next);
            next += 1;
            Ok(())
        })
        .expect("no step fails");
        assert_eq!(score.count, next);
        let rounds = (score.count - FIRST) / ROUND;
        assert!(
            (rounds..=rounds + 1).contains(&score.times.count()),
            "{} of {}",
            score.times.count(),
            score.count
        );
        assert!(score.times.quantile(0.5) > Duration::ZERO);
        assert!(score.span[1] - score.span[0] >= Duration::from_millis(3));
    }

    #[test]
    fn what_takes_longer_than_the_time_is_timed_too() {
        let slow = |_| {
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        let score = run(Duration::from_millis(1), slow).expect("no step fails");
        assert_eq!((score.count, score.times.count()), (1, 1));
    }

    #[test]
    fn the_first_failure_ends_it() {
        let failed =
            run(Duration::from_secs(60), |number| if number < 40 { Ok(()) } else { Err("no".into()) });
        assert!(failed.is_err());
    }
}
