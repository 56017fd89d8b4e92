//! A large message.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::Wait;
use std::time::Instant;

const LARGE: usize = 64 << 20;
const SMALL: usize = 64 << 10;

/// Shows how fast a message goes that is far larger than its mailbox.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    show("\n6. A message of 64 MiB through a mailbox of 2 MiB: sent as it is received")?;
    processes.play(2, &[format!("large --messages {} --seconds {}", pace.messages, pace.large)])
}

#[derive(Args)]
pub struct Large {
    #[command(flatten)]
    place: Where,
    /// Large ones of a run, the first of which is not timed, and as many bytes in small ones.
    #[arg(long)]
    messages: u64,
    #[arg(long)]
    seconds: f64,
}

impl Large {
    pub fn run(&self) -> Result<(), Failure> {
        measure::pin(0);
        let region = &self.place.region;
        let failure = |error| self.place.failure(error);
        let (mut large, mut small) = (Vec::new(), Vec::new());
        let start = Instant::now();
        // In turn, so that both have the same weather.
        loop {
            let stream = measure::large_in(region, LARGE, self.messages, Wait::default()).map_err(failure)?;
            large.push(stream.bandwidth());
            let messages = self.messages * (LARGE / SMALL) as u64;
            let stream = measure::stream_in(region, SMALL, messages, Wait::default()).map_err(failure)?;
            small.push(stream.bandwidth());
            if start.elapsed().as_secs_f64() >= self.seconds {
                break;
            }
        }
        let runs =
            if large.len() == 1 { "one run".into() } else { format!("medians of {} runs", large.len()) };
        let [large, small] = [large, small].map(median);
        let gigabytes = |rate: f64| format!("{:.2} GB/s", rate / 1e9);
        let time = LARGE as f64 / large * 1e3;
        show(&format!("64 MiB messages{:>14}   {time:.1} ms each", gigabytes(large)))?;
        show(&format!("64 KiB messages{:>14}   {runs} each", gigabytes(small)))?;
        show(&format!("ratio{:>19.2}", large / small))
    }
}

/// The one in the middle of at least one.
fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
