//! A stream.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::Wait;

/// Shows how much goes one way.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    show("\n3. A one-way stream with default settings; payload written and read")?;
    for bytes in [8, 64 << 10] {
        processes.play(2, &[format!("stream --bytes {bytes} --seconds {}", pace.stream)])?;
    }
    Ok(())
}

#[derive(Args)]
pub struct Stream {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    bytes: usize,
    #[arg(long)]
    seconds: f64,
}

impl Stream {
    pub fn run(&self) -> Result<(), Failure> {
        measure::pin(0);
        // How many messages fill the time is not known before: each run tells for one that is longer.
        let mut stream = self.stream(1000)?;
        for share in [0.01, 0.1, 1.0] {
            let messages = stream.rate() * self.seconds * share;
            stream = self.stream((messages as u64).max(1000))?;
        }
        let size =
            if self.bytes < 1024 { format!("{} B", self.bytes) } else { format!("{} KiB", self.bytes >> 10) };
        let rate = format!("{:.2} M/s", stream.rate() / 1e6);
        let bandwidth = format!("{:.2} GB/s", stream.bandwidth() / 1e9);
        let (count, time) = (stream.messages, stream.time.as_secs_f64());
        show(&format!("{size:>6} messages{rate:>16}{bandwidth:>14}   ({count} in {time:.1} s)"))
    }

    fn stream(&self, messages: u64) -> Result<measure::Stream, Failure> {
        let stream = measure::stream_in(&self.place.region, self.bytes, messages, Wait::default());
        stream.map_err(|error| self.place.failure(error))
    }
}
