//! What the actuator counts of one way.

use super::message::Command;
use super::pendulum::State;
use super::timetable::Timetable;
use super::way::Way;
use measure::Times;
use std::time::Duration;

/// How the commands came, and how the plant stood.
pub struct Tally {
    pub way: Way,
    /// From the tick to its sample: no message is involved.
    pub lateness: Times,
    /// From sample to command.
    pub latency: Times,
    /// How far the time between two commands was from the period.
    pub jitter: Times,
    /// Commands that came before the next tick, and after it.
    pub in_time: u64,
    pub late: u64,
    /// How often the pendulum fell, and the largest angle.
    pub fell: u64,
    pub angle: f64,
    /// The number of the last command, and when it came.
    last: Option<(u64, Duration)>,
}

impl Tally {
    pub fn new(way: Way) -> Self {
        let [lateness, latency, jitter] = [(); 3].map(|()| Times::default());
        Self { way, lateness, latency, jitter, in_time: 0, late: 0, fell: 0, angle: 0.0, last: None }
    }

    /// A command came.
    pub fn note(&mut self, command: &Command, now: Duration, table: &Timetable) {
        let number = command.number;
        let last = self.last.replace((number, now));
        if !table.counts(number) || number >= table.ticks() {
            return;
        }
        let sampled = Duration::from_nanos(command.time);
        self.lateness.add(sampled.saturating_sub(table.time(number)));
        self.latency.add(now.saturating_sub(sampled));
        if now < table.deadline(number) {
            self.in_time += 1;
        } else {
            self.late += 1;
        }
        // Between two turns of a way is one of the other's.
        if let Some((_, before)) = last.filter(|(last, _)| table.turn(*last) == table.turn(number)) {
            self.jitter.add((now - before).abs_diff(table.period()));
        }
    }

    /// The plant is there now.
    pub fn look(&mut self, state: &State, fell: bool) {
        self.fell += u64::from(fell);
        self.angle = self.angle.max(state.angle.abs());
    }
}
