//! Processes that add up their numbers, also when one of them has died.

use super::pace::Pace;
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::{CollectiveError, Comm};
use measure::Times;
use std::time::Instant;

const RANKS: u32 = 4;
/// The rank that dies.
const VICTIM: u32 = 2;

/// Shows four processes that add up what each has, and the three that go on.
pub fn watch(processes: &Processes, pace: &Pace) -> Result<(), Failure> {
    show(&format!("\n9. {RANKS} processes that add up their numbers; each of them gets the sum"))?;
    let part = |rank| format!("add --rank {rank} --sums {}", pace.sums);
    processes.play(RANKS, &(0..RANKS).map(part).collect::<Vec<_>>())
}

#[derive(Args)]
pub struct Add {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rank: u32,
    #[arg(long)]
    sums: u32,
}

impl Add {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(self.rank)?;
        let all = Comm::world(&me).map_err(|error| self.place.failure(error))?;
        let times = Times::of(self.sums, || self.add(&all))?;
        if self.rank == VICTIM {
            // Without a word to the others.
            std::mem::forget(all);
            me.abandon();
            return Ok(());
        }
        let start = Instant::now();
        let error = loop {
            // Some sums may still come to their end.
            if let Err(error) = sum(&all, self.rank) {
                break error;
            }
        };
        let told = start.elapsed();
        let rest = all.shrink().map_err(|error| self.place.failure(error))?;
        self.add(&rest)?;
        if self.rank > 0 {
            return Ok(());
        }
        let [median, worst] = [0.5, 0.99].map(|share| time(times.quantile(share)));
        show(&format!("{} sums of {RANKS} numbers: p50 {median}, p99 {worst}", self.sums))?;
        show(&format!("{error}: told after {}; the other {} go on", time(told), rest.size()))
    }

    /// Adds up the ranks of all members, and checks the sum.
    fn add(&self, comm: &Comm) -> Result<(), Failure> {
        let found = sum(comm, self.rank).map_err(|error| self.place.failure(error))?;
        let expected: u32 = (0..comm.size()).filter_map(|member| comm.rank_of(member).ok()).sum();
        if found == expected {
            return Ok(());
        }
        Err(self.place.failure(format_args!("the sum is {expected}, and rank {} got {found}", self.rank)))
    }
}

fn sum(comm: &Comm, value: u32) -> Result<u32, CollectiveError> {
    let mut sum = [value];
    comm.all_reduce(&mut sum, |one, other| one + other)?;
    Ok(sum[0])
}
