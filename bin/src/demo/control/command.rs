//! `mbox-demo control`: a control loop in real time, through mailboxes and sockets in turn; and priority inversion.

use super::inversion;
use super::news::News;
use super::report::{InversionReport, Report};
use super::role::Role;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::place;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::{Config, Region, Reserve};
use measure::processors;

const HELP: &str = "\
Both loops run in the same processes and take turns, four times a second. Each side is pinned \
to a processor, with its memory locked and real-time priority (SCHED_FIFO), where the system \
permits that; otherwise it says so. A side with a processor of its own spins from 200 µs before \
a sample on; sides that share one sleep.";

/// Run a control loop 1000 times a second, through mailboxes and UNIX sockets in turn. Draws how long commands take. Shows priority
/// inversion with a lock, and none with mailboxes
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Control {
    /// Run each of both loops for S seconds
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Take R samples a second
    #[arg(long, value_name = "R", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: u64,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
}

impl Control {
    /// Runs both loops, then the three threads, and reports.
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("control")?;
        let mut report = self.run_loops(&processes)?;
        if !self.json {
            report.show_loops()?;
        }
        report.inversion = Some(invert(&processes)?);
        processes.leave()?;
        if self.json { show(&report.to_json()) } else { report.show_inversion() }
    }

    fn run_loops(&self, processes: &Processes) -> Result<Report, Failure> {
        let &Self { seconds, rate, .. } = self;
        let region = processes.region(small(Role::ALL.len() as u32))?;
        let view = Region::look(place(&region)).map_err(|error| Failure::of_region(&region, error))?;
        let region_bytes = view.inspect().size;
        let mut report =
            Report { rate, seconds, region_bytes, processors: processors(), ..Report::default() };
        let parts =
            Role::ALL.map(|role| format!("side --role {} --rate {rate} --seconds {seconds}", role.name()));
        processes.hear_out(&region, &parts, |line| {
            match News::hear(line)? {
                News::Side(side) => {
                    report.sides.push(side);
                    if report.sides.len() == parts.len() {
                        report.sort_sides();
                        if !self.json {
                            report.show_sides()?;
                        }
                    }
                }
                News::PageFaults(faults) => report.page_faults += faults,
                News::Loop(mut of) => {
                    if self.json {
                        of.drawing.clear();
                    }
                    report.loops.push(of);
                }
                News::Wait(_) | News::Refused(_) => {}
            }
            Ok(())
        })?;
        Ok(report)
    }
}

/// A region whose memory is all there, and no more than that: what locks its memory takes all of it.
fn small(ranks: u32) -> Config {
    Config::ranks(ranks)
        .cells(64)
        .arena(128)
        .max_message(48)
        .loans(0)
        .groups(0)
        .topics(1)
        .value(64)
        .stream(0)
        .reserve(Reserve::AtCreation)
}

/// Three threads in a process.
fn invert(processes: &Processes) -> Result<InversionReport, Failure> {
    let region = processes.region(small(inversion::RANKS))?;
    let (mut waits, mut refused) = (vec![], None);
    processes.hear_out(&region, &["inversion".to_owned()], |line| {
        match News::hear(line)? {
            News::Wait(wait) => waits.push(wait),
            News::Refused(why) => refused = Some(why),
            News::Side(_) | News::PageFaults(_) | News::Loop(_) => {}
        }
        Ok(())
    })?;
    Ok(refused.map_or(InversionReport::Waits(waits), InversionReport::Skipped))
}
