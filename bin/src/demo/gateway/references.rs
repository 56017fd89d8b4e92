//! What questions and answers take on this machine when two processes do nothing else.

use crate::common::chart;
use crate::common::failure::Failure;
use crate::common::output::time;
use mailbox::Wait;
use measure::Times;
use measure::processors;
use std::time::{Duration, Instant};

/// Round trips between two looks at the clock: few, for where two processes that spin share a processor, each takes
/// two time slices.
const ROUNDS: u32 = 1600;
const ROUNDS_ALONE: u32 = 160;
const TIME: Duration = Duration::from_millis(300);
const BYTES: usize = 48;
/// Rows of the drawing.
const ROWS: i32 = 20;

/// What is compared with.
#[derive(Default)]
pub struct References {
    line: Times,
    call: Times,
    trip: Times,
}

impl References {
    /// Measures them once more, in this region that nobody is in. The caller has a single thread.
    pub fn measure(&mut self, region: &str) -> Result<(), Failure> {
        let rounds = if processors() == 1 { ROUNDS_ALONE } else { ROUNDS };
        let failure = |error| Failure::of_region(region, error);
        measure::pin(0);
        let start = Instant::now();
        // In turn, so that all have the same weather.
        while start.elapsed() < TIME {
            self.line.merge(&measure::one_line(rounds).map_err(Failure::new)?);
            self.call.merge(&measure::calls_in(region, BYTES, rounds, Wait::Spin).map_err(failure)?);
            self.trip.merge(&measure::round_trip_in(region, BYTES, rounds, Wait::Spin).map_err(failure)?);
        }
        measure::unpin();
        Ok(())
    }

    fn all(&self) -> [(&'static str, &'static str, &Times); 3] {
        [
            ("line", "a cache line, bounced by two processes", &self.line),
            ("call", "a call, two processes alone, 48 bytes each way", &self.call),
            ("trip", "two messages, the same", &self.trip),
        ]
    }

    /// The distribution drawn, with these beside it, and what their names mean below.
    pub fn draw(&self, times: &Times) -> Vec<String> {
        let marks: [(&str, Duration); 3] = self.all().map(|(name, _, times)| (name, times.quantile(0.5)));
        let mut lines = chart::draw(times, &marks, ROWS);
        lines.push(chart::quantiles(times));
        for (name, what, times) in self.all() {
            lines.push(format!("◂ {name}  {what:<47}  p50 {}", time(times.quantile(0.5))));
        }
        lines
    }
}
