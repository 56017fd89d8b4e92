//! What a worker tells the command that started it: a line of JSON on its standard output, at its end.

use super::stint::Score;
use crate::common::failure::Failure;
use crate::common::output::show;
use measure::Times;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub struct News {
    /// How often it did what it does.
    pub count: u64,
    /// When it began, and ended, in nanoseconds of the machine's clock.
    pub span: [u64; 2],
    /// How long that took: entries of a distribution.
    pub times: Vec<(u64, u64)>,
    /// What came of it, of which each task has its own.
    pub result: u64,
    /// What was not as it should be.
    pub faults: u64,
    /// The litmus test's rounds.
    pub missed: Vec<u64>,
}

impl News {
    pub fn of(score: &Score, faults: u64) -> Self {
        Self {
            count: score.count,
            span: score.span.map(|time| time.as_nanos() as u64),
            times: score.times.entries().collect(),
            faults,
            ..Self::default()
        }
    }

    pub fn tell(&self) -> Result<(), Failure> {
        show(&serde_json::to_string(self).expect("numbers"))
    }

    pub fn hear(line: &str) -> Result<Self, Failure> {
        serde_json::from_str(line)
            .map_err(|error| Failure::new(format_args!("a worker says {line:?}: {error}")))
    }
}

/// How often all together did it a second: from when the first began until the last ended.
pub fn rate<'a>(news: impl IntoIterator<Item = &'a News> + Clone) -> f64 {
    let spans = || news.clone().into_iter().map(|news| news.span);
    let begin = spans().map(|[begin, _]| begin).min().unwrap_or(0);
    let end = spans().map(|[_, end]| end).max().unwrap_or(0);
    let count: u64 = news.clone().into_iter().map(|news| news.count).sum();
    count as f64 * 1e9 / end.saturating_sub(begin).max(1) as f64
}

/// The times of all.
pub fn times<'a>(news: impl IntoIterator<Item = &'a News>) -> Times {
    let mut times = Times::default();
    news.into_iter().flat_map(|news| &news.times).for_each(|entry| times.add_entry(*entry));
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_whole_time() {
        let news = |count, span| News { count, span, ..News::default() };
        let all = [news(10, [1_000, 2_000]), news(30, [1_500, 3_000])];
        assert_eq!(rate(&all), 40.0 / 2e-6);
        assert_eq!(rate(&all[..1]), 10.0 / 1e-6);
        assert_eq!(rate(&[]), 0.0);
    }
}
