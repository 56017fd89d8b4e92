//! Round trips and calls.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::Wait;
use measure::Times;
use measure::processors;
use std::time::Instant;

/// Bytes each way: what a cell, or the line of a call, has room for.
const BYTES: usize = 48;

/// Shows how long a question and its answer take, as two messages and as a call, beside what the machine allows.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    let place = if processors() > 1 { "each on its own processor" } else { "on one processor" };
    show(&format!("\n2. A question and its answer, {BYTES} bytes each; both spin, {place}"))?;
    processes.play(2, &[format!("bounce --rounds {} --seconds {}", pace.rounds, pace.bounce)])
}

#[derive(Args)]
pub struct Bounce {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rounds: u32,
    #[arg(long)]
    seconds: f64,
}

impl Bounce {
    pub fn run(&self) -> Result<(), Failure> {
        measure::pin(0);
        let region = &self.place.region;
        let [mut one, mut call, mut two, mut messages] = [(); 4].map(|()| Times::default());
        let start = Instant::now();
        // In turn, so that all have the same weather.
        loop {
            one.merge(&measure::one_line(self.rounds).map_err(Failure::new)?);
            let calls = measure::calls_in(region, BYTES, self.rounds, Wait::Spin);
            call.merge(&calls.map_err(|error| self.place.failure(error))?);
            two.merge(&measure::two_lines(self.rounds).map_err(Failure::new)?);
            let trips = measure::round_trip_in(region, BYTES, self.rounds, Wait::Spin);
            messages.merge(&trips.map_err(|error| self.place.failure(error))?);
            if start.elapsed().as_secs_f64() >= self.seconds {
                break;
            }
        }
        show(&format!("{:<26}{:>10}{:>10}{:>9}", "", "p50", "p99", "p50"))?;
        line("one cache line, bounced", &one, &one)?;
        line("a call, in one", &call, &one)?;
        line("two cache lines, bounced", &two, &one)?;
        line("two messages, in two", &messages, &one)
    }
}

/// What something takes, and how often that of `limit`.
fn line(what: &str, times: &Times, limit: &Times) -> Result<(), Failure> {
    let [median, worst] = [0.5, 0.99].map(|share| time(times.quantile(share)));
    let ratio = times.quantile(0.5).as_secs_f64() / limit.quantile(0.5).as_secs_f64();
    show(&format!("{what:<26}{median:>10}{worst:>10}{ratio:>7.2} ×"))
}
