//! `mbox-demo`: what mailbox does, to be watched.

use super::compare::command::Compare;
use super::control::command::Control;
use super::fusion::command::Fusion;
use super::game::command::Game;
use super::gateway::command::Gateway;
use super::part::Part;
use super::pingpong::ping::Ping;
use super::pingpong::pong::Pong;
use super::tour::command::Tour;
use crate::common::failure::Failure;
use crate::common::output::{DEMO, show, tell};
use crate::common::usage;
use crate::stress::soak::command::Soak;
use crate::stress::torture::command::Torture;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Without a command, it shows the tour: about 35 seconds, or a few with --quick.

To watch one process end (Ctrl-C, kill -9) and come back, run these in two terminals:
  mbox-demo ping
  mbox-demo pong";

/// Shows message passing over shared memory
#[derive(Parser)]
#[command(name = "mbox-demo", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, max_term_width = 80)]
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
    Fusion(Fusion),
    Game(Game),
    Control(Control),
    Compare(Compare),
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
            Some(Command::Fusion(fusion)) => fusion.run(),
            Some(Command::Game(game)) => game.run(),
            Some(Command::Control(control)) => control.run(),
            Some(Command::Compare(compare)) => compare.run(),
            Some(Command::Torture(torture)) => torture.run(),
            Some(Command::Soak(soak)) => soak.run(),
            Some(Command::Part(part)) => part.run(),
        }
    }
}

/// The program.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => match cli.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => tell(DEMO, &failure),
        },
        Err(error) => usage::tell::<Cli>(DEMO, &error, |text| show(text.trim_end()), |_, _| None),
    }
}
