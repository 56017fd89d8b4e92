//! A receiver asleep.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::{RecvError, Status};
use measure::{Times, clock, cpu_time};
use std::thread;
use std::time::Duration;

/// Shows what it costs to wait for mail, and to be woken by it.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    show("\n5. A sleeping receiver: blocked in recv, with default settings")?;
    let wake = format!("wake --seconds {} --wakes {}", pace.sleep, pace.wakes);
    processes.play(2, &["sleep".into(), wake])
}

#[derive(Args)]
pub struct Sleep {
    #[command(flatten)]
    place: Where,
}

impl Sleep {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(0)?;
        let (start, used) = (clock(), cpu_time());
        let mut latencies = Times::default();
        let mut longest = Duration::ZERO;
        loop {
            let latency = match me.from(1).recv() {
                Ok(mail) => {
                    let now = clock();
                    let sent: u64 = mail.value().map_err(|error| self.place.failure(error))?;
                    now.saturating_sub(Duration::from_nanos(sent))
                }
                Err(RecvError::Gone { died: false, .. }) => break,
                Err(error) => return Err(self.place.failure(error)),
            };
            if longest.is_zero() {
                let (slept, used) = (clock() - start, cpu_time() - used);
                let share = 100.0 * used.as_secs_f64() / slept.as_secs_f64();
                show(&format!("asleep for {}: {share:.2} % of a processor ({})", time(slept), time(used)))?;
            }
            longest = longest.max(latency);
            latencies.add(latency);
        }
        let median = time(latencies.quantile(0.5));
        show(&format!("from send to awake: p50 {median}, longest {}", time(longest)))
    }
}

#[derive(Args)]
pub struct Wake {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    seconds: f64,
    #[arg(long)]
    wakes: u32,
}

impl Wake {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(1)?;
        while me.region().status(0).is_none_or(|(status, _)| status != Status::Live) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_secs_f64(self.seconds));
        for _ in 0..self.wakes {
            let now = clock().as_nanos() as u64;
            me.send(0, &now.to_ne_bytes()).map_err(|error| self.place.failure(error))?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
