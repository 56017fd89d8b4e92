//! `mbox dead`

use super::access::Access;
use super::number;
use super::preview::preview;
use super::recording::of_file;
use super::remedy::{joining, leave, quoted};
use super::span;
use super::standard::{Output, print};
use super::stat::json;
use super::table::Table;
use crate::common::failure::Failure;
use clap::{Args, Subcommand};
use mailbox_patterns::delivery::{DeadError, DeadLetter, DeadLetters, OutboxError};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How many bytes of a letter are shown in a list.
const SHOWN: usize = 32;

const MORE: &str = "\
A dead-letter box is a folder, with a file for each message that was not handled. Programs fill it: see the module delivery of \
mailbox-patterns. A letter that was garbled is told in a line, and the others go on.

Examples:
  mbox dead ls ./dead
  mbox dead show ./dead 1-0-e1-7
  mbox dead retry ./dead demo --as 2 1-0-e1-7
  mbox dead drop ./dead 1-0-e1-7 1-0-e1-8";

/// Look at messages that could not be handled, send them again, or drop them
#[derive(Args)]
#[command(after_help = MORE)]
pub struct Dead {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the letters: from whom, to whom, how often tried, why not handled
    Ls(Ls),
    /// Write the bytes of a letter to standard output
    Show(Show),
    /// Send letters again, and take them out of the box
    Retry(Retry),
    /// Take letters out of the box for good
    Drop(Drop),
}

#[derive(Args)]
struct Ls {
    /// The folder
    folder: PathBuf,
    /// Print a JSON array of objects
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Show {
    /// The folder
    folder: PathBuf,
    /// The letter's name
    name: String,
}

#[derive(Args)]
#[command(after_help = "\
A message that came from an outbox is handled once, whenever mbox is killed; mbox waits until its receiver has handled it. If that \
does not happen in time, the letter stays in the box, and goes with the next retry as the same rank. Another message is sent as it \
was, and may be there twice if mbox is killed.")]
struct Retry {
    /// The folder
    folder: PathBuf,
    #[command(flatten)]
    access: Access,
    /// The letters' names
    #[arg(required = true)]
    names: Vec<String>,
    /// The rank to join as
    #[arg(long = "as", value_name = "R", value_parser = number::rank)]
    me: u32,
    /// The rank to send to [default: the one that the letter was for]
    #[arg(long, value_name = "R", value_parser = number::rank)]
    to: Option<u32>,
    /// How long to wait for each letter: 5, 500ms, 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span::parse)]
    timeout: Duration,
}

#[derive(Args)]
struct Drop {
    /// The folder
    folder: PathBuf,
    /// The letters' names
    #[arg(required = true)]
    names: Vec<String>,
}

/// What scripts read: names here stay.
#[derive(Serialize)]
struct Entry {
    name: String,
    from: u32,
    to: u32,
    tag: u32,
    attempts: u32,
    /// Seconds since 1970.
    when: u64,
    reason: String,
    bytes: usize,
    #[serde(skip)]
    begin: String,
}

impl Dead {
    /// Does it.
    pub fn run(&self) -> Result<(), Failure> {
        match &self.what {
            What::Ls(ls) => ls.run(),
            What::Show(show) => show.run(),
            What::Retry(retry) => retry.run(),
            What::Drop(drop) => drop.run(),
        }
    }
}

impl Ls {
    fn run(&self) -> Result<(), Failure> {
        let dead = look(&self.folder)?;
        let (mut entries, mut damaged) = (vec![], vec![]);
        // One at a time: all letters together may be longer than the memory.
        for name in dead.names().map_err(failure)? {
            match dead.letter(&name) {
                Ok(letter) => entries.push(Entry::of(name, letter)),
                // Another process has dropped it meanwhile.
                Err(DeadError::NoSuchLetter { .. }) => {}
                Err(error) => damaged.push(failure(error)),
            }
        }
        print(&if self.json { json(&entries) } else { table(&entries) })?;
        Failure::all(damaged)
    }
}

impl Entry {
    fn of(name: String, letter: DeadLetter) -> Self {
        let when = letter.when.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let DeadLetter { from, to, tag, attempts, reason, body, .. } = letter;
        let begin = preview(&body[..body.len().min(SHOWN)], body.len() as u64).to_string();
        Self { name, from, to, tag, attempts, when, reason, bytes: body.len(), begin }
    }
}

fn table(entries: &[Entry]) -> String {
    let mut table = Table::new(&["<name", "from", "to", "tag", "tried", "bytes", "<begins with", "<reason"]);
    for entry in entries {
        let Entry { name, from, to, tag, attempts, reason, bytes, begin, .. } = entry;
        let numbers =
            [u64::from(*from), u64::from(*to), u64::from(*tag), u64::from(*attempts), *bytes as u64];
        let numbers = numbers.map(|number| number.to_string());
        // A reason stays on its line.
        let words = [begin.clone(), reason.escape_debug().to_string()];
        table.add([name.clone()].into_iter().chain(numbers).chain(words));
    }
    table.text()
}

impl Show {
    fn run(&self) -> Result<(), Failure> {
        let letter = look(&self.folder)?.letter(&self.name).map_err(failure)?;
        Output::open()?.write_all(&letter.body)
    }
}

impl Retry {
    fn run(&self) -> Result<(), Failure> {
        let dead = look(&self.folder)?;
        // None is sent if one is not there.
        self.names.iter().try_for_each(|name| dead.letter(name).map(std::mem::drop)).map_err(failure)?;
        let access = &self.access;
        let me = access.open()?.join(self.me).map_err(|error| joining(&access.name, error))?;
        let retry = |name: &String| {
            let sent = dead.retry(name, &me, self.to, self.timeout);
            sent.err().map(|error| self.failure(&error))
        };
        let failures: Vec<Failure> = self.names.iter().filter_map(retry).collect();
        leave(&access.name, me)?;
        Failure::all(failures)
    }

    fn failure(&self, error: &DeadError) -> Failure {
        let failure = Failure::new(error);
        let DeadError::Unsent { error, .. } = error else { return failure };
        let to = match error {
            OutboxError::Away { rank, .. } => rank,
            OutboxError::Undelivered { to, .. } => to,
            _ => return failure,
        };
        failure.hint(&format!(
            "it stays in the box: see that rank {to} receives, and retry it as rank {}",
            self.me
        ))
    }
}

impl Drop {
    fn run(&self) -> Result<(), Failure> {
        let dead = look(&self.folder)?;
        Failure::all(self.names.iter().filter_map(|name| dead.drop_letter(name).err().map(failure)))
    }
}

fn look(folder: &Path) -> Result<DeadLetters, Failure> {
    DeadLetters::look(folder).map_err(|error| match error {
        DeadError::Io { error, .. } => {
            of_file(folder, error).hint("a dead-letter box is a folder that a program fills")
        }
        error => failure(error),
    })
}

fn failure(error: DeadError) -> Failure {
    let hint = match &error {
        DeadError::NoSuchLetter { path, .. } => {
            format!("list those that there are with: mbox dead ls {}", quoted(&path.to_string_lossy()))
        }
        _ => String::new(),
    };
    Failure::new(error).hint(&hint)
}
