//! `mbox`: regions and their mailboxes from the command line.

mod mbox {
    pub mod access;
    pub mod account;
    pub mod batch;
    pub mod clean;
    pub mod create;
    pub mod failure;
    pub mod framing;
    pub mod ls;
    pub mod number;
    pub mod recv;
    pub mod remedy;
    pub mod rm;
    pub mod send;
    pub mod senders;
    pub mod size;
    pub mod span;
    pub mod standard;
    pub mod stat;
    pub mod stop;
    pub mod table;
    pub mod usage;
}

mod closed;
mod place;
mod signals;

use clap::{Parser, Subcommand};
use mbox::{clean::Clean, create::Create, failure::Failure, ls::Ls, recv::Recv, rm::Rm, send::Send};
use mbox::{stat::Stat, usage};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mbox create demo --ranks 2
  mbox recv demo --as 1 > copy &
  mbox send demo --as 0 --to 1 < file
  mbox stat demo
  mbox rm demo

A NAME is that of a region in memory. With a slash in it, it is the path of a region in a file, which outlives its \
processes and a reboot: ./demo, /var/lib/demo.

Exit status: 0 if all was done, 1 if not, 2 if the command line makes no sense. Those of send and recv say more: \
mbox recv --help. What went wrong is one line on standard error.";

/// Passes messages between processes over shared memory
#[derive(Parser)]
#[command(name = "mbox", version, after_help = EXAMPLES, max_term_width = 100)]
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
        }
    }
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => match cli.command.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.tell(),
        },
        Err(error) => usage::tell::<Cli>(&error),
    }
}
