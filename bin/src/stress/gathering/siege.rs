//! `mbox-demo torture --chaos --collectives`: processes that act together while their slots are overwritten.

use super::register::{Count, Register};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::common::progress;
use crate::stress::journal::Journal;
use crate::stress::violations::check;
use crate::stress::watch::Watch;
use mailbox::Config;
use serde::Serialize;
use std::fmt::{Display, Formatter, Result as Fmt};
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long all may take to meet in the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Overwrites so many words of the slots of so many ranks, and reports.
pub struct Siege {
    pub writes: u64,
    pub ranks: u32,
    pub seed: u64,
    /// How long a call may take.
    pub patience: Duration,
    pub json: bool,
}

/// What came of it; all from `failed` on must be zero.
#[derive(Debug, Serialize)]
struct Outcome {
    ranks: u32,
    seed: u64,
    seconds: f64,
    writes: u64,
    /// Operations of a rank with the right result, with a wrong one, and calls that ended in an error.
    right: u64,
    wrong: u64,
    errors: u64,
    longest_silence_ms: u64,
    /// Processes that ended by themselves, and not well.
    failed: u64,
    /// Calls that took longer than they may, and ranks that did not meet in the end.
    stuck: u64,
    left_behind: u64,
    /// The first of these.
    first_fault: Option<String>,
}

impl Siege {
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("torture")?;
        let journal = Journal::new(Register::words(self.ranks))?;
        let register = Register::new(&journal, self.ranks);
        let mut outcome = Outcome {
            ranks: self.ranks,
            seed: self.seed,
            seconds: 0.0,
            writes: 0,
            right: 0,
            wrong: 0,
            errors: 0,
            longest_silence_ms: 0,
            failed: 0,
            stuck: 0,
            left_behind: 0,
            first_fault: None,
        };
        let begin = Instant::now();
        let ended = self.play(&processes, &journal, &register, &mut outcome);
        outcome.seconds = begin.elapsed().as_secs_f64();
        outcome.writes = register.writes().load(Acquire);
        outcome.right = register.total(Count::Tasks);
        outcome.wrong = register.total(Count::Wrong);
        outcome.errors = register.total(Count::GivenUp);
        outcome.failed = ended.is_err().into();
        // What was stuck comes before that.
        let failure = ended.err().map(|failure| failure.to_string());
        outcome.first_fault = outcome.first_fault.or(failure);
        let left = processes.leave();
        outcome.left_behind = left.is_err().into();
        if self.json {
            show(&serde_json::to_string(&outcome).expect("numbers and text"))?;
        } else {
            show(&outcome.to_string())?;
        }
        left?;
        let again = format_args!(
            "mbox-demo torture --chaos --collectives --writes {} --ranks {} --seed {}",
            self.writes, self.ranks, self.seed
        );
        let all = outcome.failed + outcome.stuck + outcome.left_behind;
        check(all, outcome.first_fault.as_deref(), again)
    }

    /// An error if a process did not end well.
    fn play(
        &self,
        processes: &Processes,
        journal: &Journal,
        register: &Register<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Self { writes, ranks, seed, .. } = *self;
        // Few, so that what is overwritten is mostly in use.
        let region = processes.region(Config::ranks(ranks).cells(16).groups(6))?;
        let terms = format!("--ranks {ranks} --seed {seed} --journal {}", journal.path());
        for rank in 0..ranks {
            register.rest(rank);
            processes.enter(&region, &format!("defender --rank {rank} {terms}"))?;
        }
        let mut watch = Watch::new((0..ranks).map(|rank| register.beat(rank)), self.patience);
        let mut longest = Duration::ZERO;
        let mut look = || {
            thread::sleep(LOOK);
            if let Some(rank) = watch.look(&mut longest) {
                outcome.stuck += 1;
                let call = register.current(rank as u32);
                outcome.first_fault.get_or_insert_with(|| format!("rank {rank} is stuck in {call}"));
            }
            outcome.longest_silence_ms = longest.as_millis() as u64;
            processes.have_ended()
        };
        processes.enter(&region, &format!("intruder --writes {writes} {terms}"))?;
        let bar = progress::bar(writes, "words");
        while register.writes().load(Acquire) < writes {
            bar.set_position(register.writes().load(Acquire));
            look()?;
        }
        bar.finish_and_clear();
        register.end();
        let end = Instant::now();
        while !look()? {
            if end.elapsed() > PATIENCE {
                return Err(Failure::new("not all meet in the end, although nobody overwrites anything"));
            }
        }
        Ok(())
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Fmt {
        let Self { ranks, seed, seconds, .. } = self;
        writeln!(f, "{ranks} ranks that act together, seed {seed}, {seconds:.1} s")?;
        writeln!(f, "words overwritten         {:>12}", self.writes)?;
        writeln!(f, "right results, by rank    {:>12}", self.right)?;
        writeln!(f, "wrong results             {:>12}", self.wrong)?;
        writeln!(f, "errors                    {:>12}", self.errors)?;
        writeln!(f, "longest silence           {:>12} ms", self.longest_silence_ms)?;
        writeln!(f, "violations:")?;
        writeln!(f, "  failed                  {:>12}", self.failed)?;
        writeln!(f, "  stuck                   {:>12}", self.stuck)?;
        write!(f, "  left behind             {:>12}", self.left_behind)
    }
}
