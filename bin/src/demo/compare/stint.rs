//! Doing something again and again for a time.

use super::outcome::Outcome;
use measure::{Times, clock};
use std::time::{Duration, Instant};

/// One in so many is timed, so that reading the clock does not show in their rate.
const SAMPLED: u64 = 32;

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
    let (since, begin) = (clock(), Instant::now());
    loop {
        let start = Instant::now();
        step(count)?;
        let end = Instant::now();
        count += 1;
        times.add((end - start).saturating_sub(look));
        if end - begin >= time {
            return Ok(Score { count, span: [since, clock()], times });
        }
        for _ in 1..SAMPLED {
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
        assert_eq!(score.times.count(), score.count.div_ceil(SAMPLED));
        assert!(score.span[1] - score.span[0] >= Duration::from_millis(3));
    }

    #[test]
    fn the_first_failure_ends_it() {
        let failed =
            run(Duration::from_secs(60), |number| if number < 40 { Ok(()) } else { Err("no".into()) });
        assert!(failed.is_err());
    }
}
