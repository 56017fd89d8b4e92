//! `mbox`: regions and their mailboxes from the command line.

use super::standard::print;
use super::{clean::Clean, create::Create, ls::Ls, recv::Recv, rm::Rm, run::Run, send::Send, stat::Stat};
use super::{dead::Dead, publish::Publish, record::Record, replay::Replay};
use super::{subscribe::Subscribe, tap::Tap, topics::Topics};
use crate::common::failure::Failure;
use crate::common::output::{MBOX, tell};
use crate::common::usage;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Error, Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mbox create demo --ranks 2
  mbox recv demo --as 1 > copy &
  mbox send demo --as 0 --to 1 < file
  mbox stat demo
  mbox tap demo
  mbox sub demo prices --lines --wait &
  mbox pub demo prices --lines < prices
  mbox rm demo
  mbox run -n 2 ./program

A NAME without a slash names a region in memory. A NAME with a slash is the path of a file that holds the region: \
./demo, /var/lib/demo. Such a region outlives its processes, and a reboot.

Exit status: 0 for success, 1 for a failure, 2 for a wrong command line. send, recv, pub, sub and run have more, see: \
mbox recv --help. Each failure is one line on standard error.";

/// Passes messages between processes over shared memory
#[derive(Parser)]
#[command(name = "mbox", version, after_help = EXAMPLES, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Create),
    Ls(Ls),
    Stat(Stat),
    Rm(Rm),
    Clean(Clean),
    Send(Send),
    Recv(Recv),
    Pub(Publish),
    Sub(Subscribe),
    Topics(Topics),
    Tap(Tap),
    Record(Record),
    Replay(Replay),
    Dead(Dead),
    Run(Run),
}

impl Command {
    fn run(&self) -> Result<(), Failure> {
        match self {
            Command::Create(create) => create.run(),
            Command::Ls(ls) => ls.run(),
            Command::Stat(stat) => stat.run(),
            Command::Rm(rm) => rm.run(),
            Command::Clean(clean) => clean.run(),
            Command::Send(send) => send.run(),
            Command::Recv(recv) => recv.run(),
            Command::Pub(publish) => publish.run(),
            Command::Sub(subscribe) => subscribe.run(),
            Command::Topics(topics) => topics.run(),
            Command::Tap(tap) => tap.run(),
            Command::Record(record) => record.run(),
            Command::Replay(replay) => replay.run(),
            Command::Dead(dead) => dead.run(),
            Command::Run(run) => run.run(),
        }
    }
}

/// The program.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => match cli.command.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => tell(MBOX, &failure),
        },
        Err(error) => usage::tell::<Cli>(MBOX, &error, print, direction),
    }
}

/// Where a file goes that was given as an argument, and how the number of ranks is said.
fn direction(error: &Error, command: Option<&str>) -> Option<&'static str> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_word = error.kind() == ErrorKind::UnknownArgument && !argument.starts_with('-');
    match command {
        Some("send") if is_word => Some("to send a file, redirect standard input: < FILE"),
        Some("run") if is_number_of_ranks(error, argument) => Some("say how many ranks with: -n N"),
        Some("recv") if is_word => Some("to receive into a file, redirect standard output: > FILE"),
        _ => None,
    }
}

/// Whether the argument is one that launchers of MPI have for it: `-np`, `--np`, `--n`.
fn is_number_of_ranks(error: &Error, argument: &str) -> bool {
    let is_np =
        matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if value == "p");
    matches!(argument, "--np" | "--n") || argument.starts_with("-n ") && is_np
}
