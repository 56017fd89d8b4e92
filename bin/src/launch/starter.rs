//! Starts ranks, again and again.

use super::guard::Guard;
use super::keyboard::Keyboard;
use super::life::{Birth, Life};
use super::plan::Plan;
use super::system;
use crate::common::failure::{End, Failure};
use crate::common::streams;
use mailbox::Region;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::termios::isatty;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

/// The exit status when a program cannot be executed, and when there is none: as shells have it.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
/// More files than a launcher has open beside the streams of its ranks.
const OTHERS: u64 = 64;

/// What ranks are started with.
pub struct Starter<'a> {
    plan: &'a Plan,
    region: &'a Region,
    /// Those that this process may use, if each rank has one.
    processors: Vec<usize>,
    /// Whether rank 0 has standard input.
    is_read: bool,
    /// How many files a rank may have open, if this process may have more.
    files: Option<Rlimit>,
    /// Carries it, if it is a terminal.
    pub keyboard: Option<Keyboard>,
}

impl<'a> Starter<'a> {
    /// Starts ranks of `plan` in `region`.
    pub fn new(plan: &'a Plan, region: &'a Region) -> Result<Self, Failure> {
        let processors = if plan.binds { system::processors() } else { Ok(vec![]) };
        let processors = processors.map_err(|error| Failure::new(format_args!("--bind: {error}")))?;
        let input = streams::input().ok().filter(|_| plan.reads);
        let is_read = input.is_some();
        let keyboard = input.filter(|input| isatty(input)).map(Keyboard::at);
        Ok(Self { plan, region, processors, is_read, files: allow_files(plan.ranks()), keyboard })
    }

    /// Starts a rank.
    pub fn start(&mut self, rank: u32, guard: &Guard, labels: [String; 2]) -> io::Result<Life> {
        let input = match &self.keyboard {
            _ if rank != 0 || !self.is_read => Stdio::null(),
            Some(_) => Stdio::piped(),
            None => Stdio::inherit(),
        };
        let turn = (rank as usize).checked_rem(self.processors.len());
        let processor = turn.map(|turn| self.processors[turn]);
        let (plan, region, files) = (self.plan, self.region, self.files);
        let (life, input) =
            Life::begin(Birth { rank, plan, region, guard, input, processor, files, labels })?;
        if let (Some(keyboard), Some(input)) = (&mut self.keyboard, input) {
            keyboard.connect(input)?;
        }
        Ok(life)
    }
}

/// Lets this process have a pipe open for each stream of so many ranks, as far as it may. The limit that it had, if that was
/// too low.
fn allow_files(ranks: u32) -> Option<Rlimit> {
    let limit = getrlimit(Resource::Nofile);
    limit.current.filter(|current| *current < 2 * u64::from(ranks) + OTHERS)?;
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok()?;
    Some(limit)
}

/// What to do about a program that is looked for in `PATH`, and is not there.
pub fn hint(program: &OsStr, error: &io::Error) -> String {
    let path = Path::new(program);
    let is_bare = path.components().count() == 1 && !program.as_bytes().contains(&b'/');
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) if is_bare && path.is_file() => format!("; say where it is: ./{}", path.display()),
        Some(Errno::NOENT) if is_bare => "; it is in no folder of PATH".into(),
        _ => String::new(),
    }
}

/// How the launch ends when a rank could not be started for this reason.
pub fn end(error: &io::Error) -> End {
    End::Status(match Errno::from_io_error(error) {
        Some(Errno::NOENT) => NOT_FOUND,
        Some(Errno::ACCESS | Errno::NOEXEC | Errno::ISDIR | Errno::NOTDIR) => NOT_EXECUTABLE,
        _ => 1,
    })
}
