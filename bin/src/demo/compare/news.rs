//! What a worker tells the command that started it: a line of JSON on its standard output, at its end.

use super::stint::Score;
use crate::common::failure::Failure;
use crate::common::output::show;
use measure::Times;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub struct News {
    /// How often it did what it does, and in how many seconds.
    pub count: u64,
    pub seconds: f64,
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
            seconds: score.time.as_secs_f64(),
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

    /// How often a second.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.count as f64 / self.seconds } else { 0.0 }
    }
}

/// The times of all.
pub fn times<'a>(news: impl IntoIterator<Item = &'a News>) -> Times {
    let mut times = Times::default();
    news.into_iter().flat_map(|news| &news.times).for_each(|entry| times.add_entry(*entry));
    times
}
