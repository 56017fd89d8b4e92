//! Rates, while they are measured.

use super::operator::Handled;
use super::plan::Plan;
use super::{Options, Rate, Rates, Report};
use std::time::{Duration, Instant};

/// Measures how fast the operators of a rank are.
pub struct Meter<'a> {
    rank: u32,
    plan: &'a Plan,
    options: &'a Options,
    begun: Instant,
    /// When the rates were shown, and what was handled before.
    shown: (Instant, Vec<(usize, Handled)>),
}

impl<'a> Meter<'a> {
    pub fn new(rank: u32, plan: &'a Plan, options: &'a Options) -> Self {
        let now = Instant::now();
        Self { rank, plan, options, begun: now, shown: (now, vec![]) }
    }

    fn rates(&self, now: &[(usize, Handled)], before: &[(usize, Handled)], time: Duration) -> Rates {
        let rate = |(op, handled): &(usize, Handled)| {
            let earlier =
                before.iter().find(|(other, _)| other == op).map_or(0, |(_, handled)| handled.records);
            Rate {
                operator: self.plan.specs[*op].name.clone(),
                records: handled.records,
                late: handled.late,
                // A graph that has gone back has handled fewer.
                per_second: handled.records.saturating_sub(earlier) as f64 / time.as_secs_f64().max(1e-9),
            }
        };
        Rates { rank: self.rank, operators: now.iter().map(rate).collect() }
    }

    /// Shows the rates, if it is time.
    pub fn show(&mut self, handled: impl FnOnce() -> Vec<(usize, Handled)>) {
        let Some((every, show)) = &self.options.rates else { return };
        let time = self.shown.0.elapsed();
        if time >= *every {
            let now = handled();
            show(&self.rates(&now, &self.shown.1, time));
            self.shown = (Instant::now(), now);
        }
    }

    /// What came of the run.
    pub fn report(&self, handled: &[(usize, Handled)], went_back: u32, checkpoint: u64) -> Report {
        Report { rates: self.rates(handled, &[], self.begun.elapsed()), went_back, checkpoint }
    }
}
