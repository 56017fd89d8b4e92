//! A process that was started for a part of a play.

use super::failure::Failure;
use measure::die_with_parent;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{env, process};

/// In the environment of a player: the number of the process that has started it.
const PARENT: &str = "MBOX_DEMO_PARENT";

/// A process, and what it was started to do.
pub struct Player {
    part: String,
    pub child: Child,
}

/// What starts a process for `part`.
pub fn command(part: &str, output: Stdio) -> Result<Command, Failure> {
    let mut command = Command::new(env::current_exe().map_err(cannot_start)?);
    command.arg("part").args(part.split_whitespace()).env(PARENT, process::id().to_string());
    command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped());
    // A Ctrl-C on the terminal is this process' to deal with.
    command.process_group(0);
    Ok(command)
}

/// Has this process, a player, end with the one that has started it.
pub fn end_with_parent() {
    die_with_parent();
    // That one may have been killed before, and then nothing would end this one.
    let parent = env::var(PARENT).ok().and_then(|number| number.parse().ok());
    if parent.is_some_and(|parent: u32| parent != parent_id()) {
        process::exit(1);
    }
}

pub fn cannot_start(error: io::Error) -> Failure {
    Failure::new(format_args!("cannot start a process: {error}"))
}

impl Player {
    pub fn start(part: &str, command: &mut Command) -> Result<Self, Failure> {
        Ok(Self { part: part.to_owned(), child: command.spawn().map_err(cannot_start)? })
    }

    /// That a signal has stopped it, and none let it go on, if that is so.
    pub fn stopped(&self) -> Option<Failure> {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), options).ok().flatten()?;
        Some(Failure::new(format_args!("the process for {:?} is stopped", self.part)))
    }

    /// Stops it, or has it go on.
    pub fn stop(&self, is_to_stop: bool) {
        let signal = if is_to_stop { Signal::STOP } else { Signal::CONT };
        // It was not waited for yet, so the number is its own. An error means that it has ended.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Why it failed.
    pub fn failure(&mut self, status: ExitStatus) -> Failure {
        let complaints = self.child.stderr.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines());
        // Without a line, the status has to do. A panic takes two.
        let lines = complaints.map_while(Result::ok).filter(|line| !line.trim().is_empty()).take(2);
        let line = lines.collect::<Vec<_>>().join(" ");
        let line = line.trim().trim_start_matches("mbox-demo: ");
        let separator = if line.is_empty() { "" } else { ": " };
        Failure::new(format_args!("the process for {:?} failed, {status}{separator}{line}", self.part))
    }
}
