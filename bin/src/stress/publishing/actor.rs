//! One process of a play with topics: it publishes and reads in turn, until all have met in the end.

use super::player::{FRESH, NAMES, Player, VALUE};
use super::score::{Count, Score};
use crate::common::failure::Failure;
use crate::common::random::mix;
use crate::stress::journal::Journal;
use crate::stress::seat::Seat;
use clap::Args;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::fs;

/// Private memory that a process does not need, in KiB.
const MUCH: u64 = 64 << 10;

#[derive(Args)]
pub struct Actor {
    #[command(flatten)]
    seat: Seat,
    /// Words of the topics are overwritten: wrong messages and errors are counted, and all calls have a deadline
    #[arg(long)]
    lenient: bool,
}

impl Actor {
    pub fn run(&self) -> Result<(), Failure> {
        let Seat { place, rank, ranks, seed, .. } = &self.seat;
        let journal = Journal::open(&self.seat.journal)?;
        let score = Score::new(&journal, *ranks);
        score.rest(*rank);
        let me = place.join(*rank)?;
        score.count(*rank, Count::Lives, 1);
        let mut topics = vec![];
        for name in NAMES {
            topics.push(me.region().topic(name).map_err(|error| place.failure(error))?);
        }
        let random = &mut Xoshiro256PlusPlus::seed_from_u64(mix(mix(*seed, me.epoch()), u64::from(*rank)));
        let mut player = Player { rank: *rank, lenient: self.lenient, score, me: &me, topics };
        let failure = |what| place.failure(format_args!("rank {rank}: {what}"));
        while !player.score.is_over() {
            let done = match random.random_range(0..10) {
                0..=3 => player.publish(random.random_range(0..VALUE), random),
                4..=7 => player.read(random.random_range(0..VALUE), random),
                8 => player.publish_value(random),
                _ => player.read_value(random),
            };
            player.judge(done).map_err(failure)?;
        }
        // One publishes, and each of the others reads.
        let topic = if self.lenient { FRESH } else { 0 };
        player.lenient = false;
        let mut has_met = *rank == 0;
        while player.score.total(Count::Met) + 1 < u64::from(*ranks) {
            let before = player.score.get(*rank, Count::Read);
            let done = if *rank == 0 { player.publish(topic, random) } else { player.read(topic, random) };
            player.judge(done).map_err(failure)?;
            if !has_met && player.score.get(*rank, Count::Read) > before {
                has_met = true;
                player.score.count(*rank, Count::Met, 1);
            }
        }
        let memory = private_memory();
        if memory > MUCH { Err(failure(format!("it has {memory} KiB of private memory"))) } else { Ok(()) }
    }
}

/// Private memory of this process, in KiB; 0 where the system does not say.
fn private_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
