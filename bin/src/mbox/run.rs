//! `mbox run`

use super::sizes::{Sizes, impossible};
use super::{account, number, span, stat};
use crate::common::failure::Failure;
use crate::common::output::advise;
use crate::launch::guard::Guard;
use crate::launch::launcher::Launcher;
use crate::launch::plan::{Plan, Program};
use clap::{Args, Parser};
use mailbox::{CreateError, Region};
use std::ffi::OsString;
use std::thread;
use std::time::Duration;

const EXAMPLES: &str = "\
A program calls Region::from_env()?.join_env()? to join. The environment tells:
  MAILBOX_FD     the descriptor of the region, which has no name
  MAILBOX_RANK   the rank, from 0
  MAILBOX_RANKS  how many ranks there are

Standard output and error come line by line, each with its rank; lines longer
than 64 KiB come in pieces. Rank 0 reads standard input.

If a rank fails, the others have time to end by themselves; then they are sent
SIGTERM, and after the same time SIGKILL. SIGINT, SIGTERM, SIGHUP, SIGQUIT,
SIGUSR1, SIGUSR2, SIGTSTP and SIGCONT are passed on to all ranks. If SIGINT,
SIGTERM or SIGQUIT comes again after a second or more, all are killed.

Each rank leads a process group, which is killed when the rank ends, or when
mbox run itself is killed. What leaves that group (setsid, setpgid, a shell with
job control) is not ended.

Exit status: that of the first rank that failed, or 128 and the signal that
ended it; 124 after --timeout; 126 if a program cannot be executed, 127 if there
is none; 1 for other failures, 2 for a wrong command line.

Examples:
  mbox run -n 4 ./program --its-option
  mbox run -n 1 ./server : -n 3 ./client
  mbox run -n 2 --restart 3 --timeout 1m ./program";

/// Run programs as the ranks of a new region, and end them together
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    #[command(flatten)]
    first: Part,
    /// Go on with the other ranks when one has failed
    #[arg(long)]
    keep_going: bool,
    /// Start a rank that fails again, at most N times. It joins as a new life
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    restart: u32,
    /// How long ranks have to end: 5, 0.5, 500ms, 2m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = span::parse)]
    grace: Duration,
    /// End all ranks after this time
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
    /// Give each rank a processor, in turn of those that mbox may use
    #[arg(long)]
    bind: bool,
    /// Write lines as they are
    #[arg(long)]
    no_label: bool,
    /// Which rank reads standard input: 0 or none
    #[arg(long, value_name = "RANK", default_value = "0", value_parser = ["0", "none"])]
    stdin: String,
    /// Print what mbox stat shows to standard error at the end
    #[arg(long)]
    stat: bool,
    #[command(flatten)]
    sizes: Sizes,
}

/// A program, and how many ranks run it.
#[derive(Args)]
struct Part {
    /// How many ranks run the program [default: one for each processor; with several programs, 1]
    #[arg(short, value_name = "N", value_parser = number::ranks)]
    n: Option<u32>,
    /// A program and its arguments. A lone `:` comes before the next program, which may have an -n of its own
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// A program behind a colon.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Next {
    #[command(flatten)]
    part: Part,
}

impl Run {
    /// Runs all.
    pub fn run(&self) -> Result<(), Failure> {
        let plan = self.plan()?;
        // Before there is anything that it would keep open.
        let guard = Guard::start().map_err(|error| Failure::new(format_args!("guard: {error}")))?;
        let created = Region::create_unnamed(self.sizes.config(plan.ranks()));
        let region = created.map_err(|error| match error {
            CreateError::Config(error) => impossible(error, "run"),
            error => Failure::new(format_args!("the region: {error}")),
        })?;
        let ended = Launcher::new(&plan, &region, guard)?.run();
        if self.stat {
            let seen = region.inspect();
            advise(&stat::page("without a name", account::me(), region.eager_limit(), &seen));
        }
        ended
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let programs = self.programs()?;
        let plan = Plan {
            programs,
            restarts: self.restart,
            keeps_going: self.keep_going,
            grace: self.grace,
            timeout: self.timeout,
            binds: self.bind,
            labels: !self.no_label,
            reads: self.stdin == "0",
        };
        number::ranks(&plan.ranks().to_string()).map_err(|error| Failure::usage(error).hint(SEE))?;
        Ok(plan)
    }

    fn programs(&self) -> Result<Vec<Program>, Failure> {
        let mut parts = self.first.command.split(|word| word == ":");
        let first = parts.next().unwrap_or_default();
        let others: Vec<Next> = parts.map(next).collect::<Result<_, _>>()?;
        let processors = || thread::available_parallelism().map_or(1, |count| count.get() as u32);
        let default = if others.is_empty() { processors } else { || 1 };
        let others = others.iter().map(|next| (next.part.n, &next.part.command[..]));
        let all = [(self.first.n, first)].into_iter().chain(others);
        all.map(|(ranks, command)| {
            let (name, args) = command.split_first().ok_or_else(|| Failure::usage(MISSING).hint(SEE))?;
            Ok(Program { name: name.clone(), args: args.to_vec(), ranks: ranks.unwrap_or_else(default) })
        })
        .collect()
    }
}

const MISSING: &str = "a program is missing beside `:`";
const SEE: &str = "see: mbox run --help";

/// Reads what is behind a colon.
fn next(words: &[OsString]) -> Result<Next, Failure> {
    if words.is_empty() {
        return Err(Failure::usage(MISSING).hint(SEE));
    }
    Next::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Failure::usage(format_args!("behind `:`: {line}")).hint(SEE)
    })
}
