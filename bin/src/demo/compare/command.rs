//! `mbox-demo compare`: the same jobs with shared memory and with messages.

use super::aspects;
use super::harm;
use super::picture::Canvas;
use super::report::Report;
use super::segment::Segment;
use super::sources;
use super::table;
use super::task::{BUFFERS, COUNTERS, GAMES, Task};
use super::trials::{SHARES, Trials, WORKERS};
use super::verdicts;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use clap::Args;
use measure::processors;
use std::path::PathBuf;
use std::time::Duration;

const HELP: &str = "\
With shared memory, processes map a segment of the crate shared_memory, and use the mutex and \
the event of raw_sync, or atomics. With messages they are ranks of a region of mailbox. All \
results are checked. Each wait for a mutex has a limit, for which raw_sync looks at the clock: \
that is in its figures. What takes less than 500 ns is timed 16 together.

Examples:
  mbox-demo compare --sources | less -S
  mbox-demo compare --svg compare.svg
  mbox-demo compare --json | jq .harm";

/// Do the same three jobs with shared memory and with messages. Puts both side by side: latency, throughput, workers, kills,
/// cache lines, consistency, and their sources
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Compare {
    /// Measure for S seconds in all
    #[arg(long, value_name = "S", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
    /// Draw the figures into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the sources of the jobs side by side, and measure nothing
    #[arg(long, conflicts_with_all = ["json", "svg", "seconds"])]
    sources: bool,
}

impl Compare {
    /// Does all jobs, and reports.
    pub fn run(&self) -> Result<(), Failure> {
        if self.sources {
            return sources::show_all();
        }
        let canvas = self.svg.as_deref().map(Canvas::open).transpose()?;
        let processes = Processes::new("compare")?;
        let report = self.measure(&processes)?;
        processes.leave()?;
        canvas.map_or(Ok(()), |canvas| canvas.paint(&report))?;
        if self.json { show(&report.to_json()) } else { table::show_all(&report) }
    }

    fn measure(&self, processes: &Processes) -> Result<Report, Failure> {
        let segment = &Segment::create(processes)?;
        let trials = Trials { processes, segment, time: Duration::from_secs(self.seconds) / SHARES };
        let mut jobs = vec![];
        for workers in WORKERS {
            for task in COUNTERS {
                jobs.push(trials.counter(task, workers)?);
            }
        }
        for task in BUFFERS {
            jobs.push(trials.buffer(task)?);
        }
        for task in GAMES {
            jobs.push(trials.game(task)?);
        }
        jobs.push(trials.hybrid()?);
        let litmus = [Task::LitmusRelaxed, Task::LitmusOrdered, Task::LitmusMessages];
        let mut report = Report {
            seconds: self.seconds,
            processors: processors(),
            aspects: vec![],
            jobs,
            verdicts: vec![],
            words: trials.words()?,
            litmus: litmus.into_iter().map(|task| trials.litmus(task)).collect::<Result<_, _>>()?,
            harm: harm::harm(processes, segment)?,
            sources: sources::all_lines(),
        };
        report.aspects = aspects::all(&report);
        report.verdicts = verdicts::all(&report);
        Ok(report)
    }
}
