//! `mbox-demo`: what mailbox does, to be watched.

mod demo {
    pub mod book;
    pub mod bounce;
    pub mod bystander;
    pub mod caller;
    pub mod chaos;
    pub mod collector;
    pub mod crowd;
    pub mod damage;
    pub mod docket;
    pub mod failure;
    pub mod file;
    pub mod gateway;
    pub mod gauge;
    pub mod journal;
    pub mod large;
    pub mod ledger;
    pub mod mourner;
    pub mod obituary;
    pub mod output;
    pub mod parcel;
    pub mod part;
    pub mod ping;
    pub mod pong;
    pub mod poster;
    pub mod progress;
    pub mod request;
    pub mod ring;
    pub mod seat;
    pub mod server;
    pub mod sheet;
    pub mod sleep;
    pub mod soak;
    pub mod soaker;
    pub mod spared;
    pub mod stage;
    pub mod stream;
    pub mod talk;
    pub mod toll;
    pub mod torture;
    pub mod tour;
    pub mod usage;
    pub mod vandal;
    pub mod verb;
    pub mod victim;
    pub mod watch;
    pub mod whim;
}

mod closed;
mod place;
mod signals;

use clap::{Parser, Subcommand};
use demo::{
    failure::Failure, gateway::Gateway, part::Part, ping::Ping, pong::Pong, soak::Soak, torture::Torture,
    tour::Tour, usage,
};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Without a command: the tour, some 35 seconds; a few with --quick.

In two terminals, to watch one end (Ctrl-C, kill -9) and come back:
  mbox-demo ping
  mbox-demo pong";

/// Shows what message passing over shared memory does
#[derive(Parser)]
#[command(name = "mbox-demo", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    tour: Tour,
}

#[derive(Subcommand)]
enum Command {
    Ping(Ping),
    Pong(Pong),
    Gateway(Gateway),
    Torture(Torture),
    Soak(Soak),
    /// One process of the others
    #[command(subcommand, hide = true)]
    Part(Part),
}

impl Cli {
    fn run(&self) -> Result<(), Failure> {
        match &self.command {
            None => self.tour.run(),
            Some(Command::Ping(ping)) => ping.run(),
            Some(Command::Pong(pong)) => pong.run(),
            Some(Command::Gateway(gateway)) => gateway.run(),
            Some(Command::Torture(torture)) => torture.run(),
            Some(Command::Soak(soak)) => soak.run(),
            Some(Command::Part(part)) => part.run(),
        }
    }
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => match cli.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.tell(),
        },
        Err(error) => usage::tell(&error),
    }
}
