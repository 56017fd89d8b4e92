//! A token that goes round.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::Endpoint;
use std::time::{Duration, Instant};

const RANKS: u32 = 8;
/// The token of the last lap.
const END: u64 = u64::MAX;

/// Shows eight processes that pass a token on.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    show(&format!("\n4. A token that goes round a ring of {RANKS} processes"))?;
    let part = |rank| format!("pass --rank {rank} --seconds {}", pace.ring);
    processes.play(RANKS, &(0..RANKS).map(part).collect::<Vec<_>>())
}

#[derive(Args)]
pub struct Pass {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rank: u32,
    #[arg(long)]
    seconds: f64,
}

impl Pass {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(self.rank)?;
        if self.rank == 0 { self.lead(&me) } else { self.follow(&me) }
    }

    fn follow(&self, me: &Endpoint) -> Result<(), Failure> {
        loop {
            let hops = self.take(me)?;
            self.give(me, if hops == END { END } else { hops + 1 })?;
            if hops == END {
                return Ok(());
            }
        }
    }

    fn lead(&self, me: &Endpoint) -> Result<(), Failure> {
        // Not counted: on the first lap some have yet to join.
        self.lap(me, 0)?;
        let start = Instant::now();
        let (mut laps, mut hops) = (0, 0);
        while start.elapsed() < Duration::from_secs_f64(self.seconds) {
            hops = self.lap(me, hops)?;
            laps += 1;
        }
        let taken = start.elapsed();
        self.give(me, END)?;
        self.take(me)?;
        if hops != laps * u64::from(RANKS) {
            return Err(self.place.failure(format_args!("{laps} laps, but {hops} hops")));
        }
        let hop = Duration::from_secs_f64(taken.as_secs_f64() / hops as f64);
        let rate = hops as f64 / taken.as_secs_f64();
        show(&format!("{laps} laps in {}, {rate:.0} hops/s, {} a hop", time(taken), time(hop)))
    }

    fn lap(&self, me: &Endpoint, hops: u64) -> Result<u64, Failure> {
        self.give(me, hops + 1)?;
        self.take(me)
    }

    fn give(&self, me: &Endpoint, token: u64) -> Result<(), Failure> {
        let next = (self.rank + 1) % RANKS;
        me.send(next, &token.to_ne_bytes()).map_err(|error| self.place.failure(error))
    }

    fn take(&self, me: &Endpoint) -> Result<u64, Failure> {
        let previous = (self.rank + RANKS - 1) % RANKS;
        let mail = me.from(previous).recv().map_err(|error| self.place.failure(error))?;
        mail.value().map_err(|error| self.place.failure(error))
    }
}
