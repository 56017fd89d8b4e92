//! `mbox-demo soak`: messages for as long as one likes, all checked, in processes that must not grow.

use super::gauge::{Reading, read};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::common::progress;
use crate::stress::journal::{GROUP, Journal};
use clap::Args;
use mailbox::{Config, Reserve};
use serde::Serialize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(10);
/// How long no message may come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages after which everything was used once: each place of each mailbox between four ranks.
const WARM: u64 = 500_000;
/// Bytes of an arena: so few that this is true.
const ARENA: u64 = 16 << 10;

/// Send messages between all ranks and check each; check that memory and descriptors do not grow
#[derive(Args)]
pub struct Soak {
    /// How many messages all ranks send together
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000)]
    messages: u64,
    /// How many processes there are; each sends to all others
    #[arg(long, value_name = "R", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=64))]
    ranks: u32,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
}

/// What is reported.
#[derive(Serialize)]
struct Report {
    ranks: u32,
    messages: u64,
    seconds: f64,
    /// After the warm-up; none if there were too few messages for that.
    first: Option<Reading>,
    last: Reading,
}

impl Soak {
    /// Sends so many, and reports.
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("soak")?;
        // The parent's word, then a group for each rank.
        let journal = Journal::new(GROUP * (1 + self.ranks as usize))?;
        let report = self.soak(&processes, &journal)?;
        processes.leave()?;
        if self.json {
            show(&serde_json::to_string(&report).expect("numbers"))?;
        } else {
            report.show()?;
        }
        match report.first.and_then(|first| report.last.beyond(&first)) {
            None => Ok(()),
            Some(what) => Err(Failure::new(format_args!("{what} grew; see the report"))),
        }
    }

    fn soak(&self, processes: &Processes, journal: &Journal) -> Result<Report, Failure> {
        // At once: else as much of an arena is in memory as was ever under way, and that may be more the next day.
        let config = Config::ranks(self.ranks).arena(ARENA).loans(0).reserve(Reserve::AtCreation);
        let region = processes.region(config)?;
        let start = Instant::now();
        let enter = |rank| {
            let (messages, path) = (self.messages, journal.path());
            processes.enter(&region, &format!("soaker --rank {rank} --messages {messages} --journal {path}"))
        };
        let numbers: Vec<u32> = (0..self.ranks).map(enter).collect::<Result<_, _>>()?;
        let words = journal.words();
        let received = || words[GROUP..].iter().step_by(GROUP).map(|word| word.load(Acquire)).sum::<u64>();
        let bar = progress::bar(self.messages, "messages");
        let (mut first, mut count, mut since) = (None, 0, Instant::now());
        while count < self.messages {
            thread::sleep(LOOK);
            processes.have_ended()?;
            let before = std::mem::replace(&mut count, received());
            if before != count {
                since = Instant::now();
            } else if since.elapsed() > PATIENCE {
                return Err(Failure::new(format_args!(
                    "no message comes after {count}: mailbox is at fault, please report it"
                )));
            }
            if count >= WARM && first.is_none() {
                first = Some(read(&region, &numbers)?);
            }
            bar.set_position(count);
        }
        let seconds = start.elapsed().as_secs_f64();
        let last = read(&region, &numbers)?;
        words[0].store(1, Release);
        bar.finish_and_clear();
        while !processes.have_ended()? {
            thread::sleep(LOOK);
        }
        Ok(Report { ranks: self.ranks, messages: self.messages, seconds, first, last })
    }
}

impl Report {
    fn show(&self) -> Result<(), Failure> {
        let Self { ranks, messages, seconds, first, last } = self;
        let rate = *messages as f64 / seconds / 1e6;
        show(&format!(
            "{messages} messages between {ranks} ranks in {seconds:.1} s, {rate:.2} M/s: all in order"
        ))?;
        let warm = format!("after {WARM}");
        show(&format!("{:24}{warm:>16}{:>16}", "", "in the end"))?;
        let row = |what: &str, of: &dyn Fn(&Reading) -> u64| {
            let was = first.as_ref().map_or("-".into(), |first| of(first).to_string());
            show(&format!("{what:24}{was:>16}{:>16}", of(last)))
        };
        for rank in 0..*ranks as usize {
            row(&format!("rank {rank:<4} memory, KiB"), &|reading| reading.processes[rank].memory_kib)?;
            row("          descriptors", &|reading| reading.processes[rank].descriptors)?;
        }
        row("segment, KiB in memory", &|reading| reading.segment_kib)?;
        row("segment, KiB in all", &|reading| reading.length / 1024)
    }
}
