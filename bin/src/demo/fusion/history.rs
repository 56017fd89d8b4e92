//! What was measured lately.

use super::reading::Reading;
use std::collections::VecDeque;

/// How many readings are kept: more than a second of them, even of the fastest sensor.
const KEPT: usize = 500;

/// The last readings of a sensor, oldest first.
#[derive(Default)]
pub struct History(VecDeque<Reading>);

impl History {
    pub fn add(&mut self, reading: Reading) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(reading);
    }

    /// The one that is nearest to a time.
    pub fn nearest(&self, time: u64) -> Option<&Reading> {
        self.0.iter().min_by_key(|reading| reading.time.abs_diff(time))
    }

    /// The mean of those between two times, or else of the one that is nearest to them.
    pub fn mean(&self, one: u64, other: u64) -> Option<f64> {
        let (first, last) = (one.min(other), one.max(other));
        let between = self.0.iter().filter(|reading| (first..=last).contains(&reading.time));
        let (count, sum) = between.fold((0, 0.0), |(count, sum), reading| (count + 1, sum + reading.value));
        match count {
            0 => Some(self.nearest(first + (last - first) / 2)?.value),
            count => Some(sum / f64::from(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(times: impl IntoIterator<Item = u64>) -> History {
        let mut history = History::default();
        times
            .into_iter()
            .for_each(|time| history.add(Reading { time, number: 0, value: time as f64, sensor: 0 }));
        history
    }

    #[test]
    fn the_nearest_may_be_before_or_after() {
        let history = history([10, 20, 30]);
        let nearest = [0, 14, 16, 24, 26, 99].map(|time| history.nearest(time).expect("three").time);
        assert_eq!(nearest, [10, 10, 20, 20, 30, 30]);
        assert_eq!(History::default().nearest(5), None);
    }

    #[test]
    fn the_mean_is_of_those_between_in_either_direction() {
        let history = history([10, 20, 30, 70]);
        assert_eq!(history.mean(15, 30), Some(25.0));
        assert_eq!(history.mean(30, 15), Some(25.0));
        assert_eq!(history.mean(40, 45), Some(30.0), "none is between");
        assert_eq!(History::default().mean(1, 2), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let history = history(0..2 * KEPT as u64);
        assert_eq!(history.nearest(0).map(|reading| reading.time), Some(KEPT as u64));
    }
}
