//! Many senders.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::Wait;
use std::time::Duration;

const SENDERS: u32 = 8;

/// Shows how much many senders give to one receiver, and how evenly it hears them.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    show("\n8. Eight sending processes and one receiver: 8 B messages, at full speed")?;
    processes.play(SENDERS + 1, &[format!("crowd --seconds {}", pace.crowd)])
}

#[derive(Args)]
pub struct Crowd {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    seconds: f64,
}

impl Crowd {
    pub fn run(&self) -> Result<(), Failure> {
        measure::pin(0);
        let time = Duration::from_secs_f64(self.seconds);
        let fan_in = measure::fan_in_for(&self.place.region, 8, time, Wait::default());
        let fan_in = fan_in.map_err(|error| self.place.failure(error))?;
        let count: u64 = fan_in.received.iter().sum();
        let (rate, seconds) = (fan_in.rate() / 1e6, fan_in.time.as_secs_f64());
        let [least, most] = fan_in.shares();
        show(&format!("all together{rate:>13.2} M/s   ({count} in {seconds:.1} s)"))?;
        show(&format!("each sender got {least:.2} to {most:.2} of an equal share"))
    }
}
