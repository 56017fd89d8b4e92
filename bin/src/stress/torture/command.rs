//! `mbox-demo torture`: processes that talk while they are killed.

use super::book::Book;
use super::rack::{Rack, Terms};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::stress::chaos::run::Chaos;
use crate::stress::company::{self, Harm};
use crate::stress::gathering::host;
use crate::stress::journal::Journal;
use crate::stress::publishing::stage;
use crate::stress::sharing::office;
use clap::Args;
use measure::clock;
use std::time::Duration;

/// Kill processes at random while they send and call each other. Check that nothing is lost, torn, out of order,
/// repeated or stuck, and that each call gets its own answer and is carried out at most once. With --chaos, overwrite
/// their region instead, and check that no process ends or is stuck. With --collectives, they act together in
/// communicators: check that results are right and deaths are told, and that those that are left go on. With --topics,
/// they publish and read topics: check that what is read is whole, in order, and missed only as told. With --shared, several
/// threads of each share its endpoint, and processes are stopped and continued, too: check mails, calls and events
#[derive(Args)]
pub struct Torture {
    /// How many processes to kill
    #[arg(long, value_name = "N", default_value_t = 300, conflicts_with = "chaos")]
    kills: u64,
    /// Kill no process, but overwrite words of the region, of every kind
    #[arg(long)]
    chaos: bool,
    /// Have all processes carry out operations of communicators. With --chaos, overwrite only the slots of these
    #[arg(long, conflicts_with = "rate")]
    collectives: bool,
    /// Have all processes publish and read topics. With --chaos, overwrite only these
    #[arg(long, conflicts_with_all = ["rate", "collectives"])]
    topics: bool,
    /// Have several threads of each process share its endpoint
    #[arg(long, conflicts_with_all = ["rate", "collectives", "topics", "chaos"])]
    shared: bool,
    /// How many words to overwrite
    #[arg(long, value_name = "N", default_value_t = 10_000_000, requires = "chaos")]
    writes: u64,
    /// How many processes there are; each talks to all of them and to itself
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=64))]
    ranks: u32,
    /// Seed of the random choices; reported at the end if it is not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Kills a second
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "chaos", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Seconds after which a call that does not return counts as stuck
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
}

impl Torture {
    /// Kills so many, and reports.
    pub fn run(&self) -> Result<(), Failure> {
        let seed = self.seed.unwrap_or_else(|| clock().as_nanos() as u64 % 1_000_000);
        let &Self { kills, writes, ranks, json, .. } = self;
        let patience = self.patience();
        let harm = if self.chaos { Harm::Writes(writes) } else { Harm::Kills(kills) };
        let terms = company::Terms { harm, ranks, seed, patience, json };
        if self.shared {
            return office::run(terms);
        }
        match (self.topics, self.collectives, self.chaos) {
            (true, _, _) => return stage::run(terms),
            (_, true, _) => return host::run(terms),
            (_, _, true) => return Chaos { writes, ranks, seed, patience, json }.run(),
            _ => {}
        }
        let processes = Processes::new("torture")?;
        let journal = Journal::new(Book::words(self.ranks + 1))?;
        let terms = Terms { ranks: self.ranks, rate: self.rate, seed, patience: self.patience() };
        let mut rack = Rack::new(terms, &processes, &journal)?;
        let ended = rack.kill_all(self.kills).and_then(|()| rack.finish());
        let mut toll = rack.toll();
        drop(rack);
        let left = processes.leave();
        toll.left_behind = left.is_err().into();
        if self.json {
            show(&toll.to_json())?;
        } else {
            show(&toll.to_string())?;
        }
        ended?;
        left?;
        toll.check()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}
