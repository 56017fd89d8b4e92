//! Round trips.

use super::failure::Failure;
use super::output::{show, time};
use super::part::Where;
use super::stage::Stage;
use super::tour::Pace;
use clap::Args;
use mailbox::Wait;
use measure::Times;
use std::time::Instant;

/// Shows how long a round trip takes, beside what the machine allows.
pub fn watch(stage: &Stage, pace: &Pace) -> Result<(), Failure> {
    let place = if measure::processors() > 1 { "each on a processor of its own" } else { "on one processor" };
    show(&format!("\n2. A round trip of 8 bytes: both processes spin, {place}"))?;
    stage.play(2, &[format!("bounce --rounds {} --seconds {}", pace.rounds, pace.bounce)])
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
        let (mut raw, mut ours) = (Times::default(), Times::default());
        let start = Instant::now();
        // In turn, so that both have the same weather.
        loop {
            raw.merge(&measure::two_lines(self.rounds).map_err(Failure::new)?);
            let trips = measure::round_trip_in(&self.place.region, 8, self.rounds, Wait::Spin);
            ours.merge(&trips.map_err(|error| self.place.failure(error))?);
            if start.elapsed().as_secs_f64() >= self.seconds {
                break;
            }
        }
        let line =
            |what: &str, median: &str, worst: &str| show(&format!("{what:<26}{median:>10}{worst:>10}"));
        let quantiles = |times: &Times| [time(times.quantile(0.5)), time(times.quantile(0.99))];
        let ratio = |share| ours.quantile(share).as_secs_f64() / raw.quantile(share).as_secs_f64();
        let [raw_median, raw_worst] = quantiles(&raw);
        let [median, worst] = quantiles(&ours);
        line("", "p50", "p99")?;
        line("two cache lines, bounced", &raw_median, &raw_worst)?;
        line("mailbox", &median, &worst)?;
        line("ratio", &format!("{:.2}", ratio(0.5)), &format!("{:.2}", ratio(0.99)))
    }
}
