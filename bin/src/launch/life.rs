//! A rank's process, from its start to its end.

use super::fate::Fate;
use super::group::Group;
use super::guard::Guard;
use super::lines::Lines;
use super::plan::Plan;
use super::system;
use mailbox::{MAILBOX_RANK, Region};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getpid, getppid, setpgid, setrlimit};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Instant;

/// The environment variable that tells a process how many ranks there are.
const MAILBOX_RANKS: &str = "MAILBOX_RANKS";

/// A rank's process, and what it writes.
pub struct Life {
    pub group: Group,
    pub output: Lines,
    pub complaints: Lines,
    /// How its leader ended, and when.
    pub fate: Option<(Fate, Instant)>,
}

/// What a life begins with.
pub struct Birth<'a> {
    pub rank: u32,
    pub plan: &'a Plan,
    pub region: &'a Region,
    pub guard: &'a Guard,
    pub input: Stdio,
    /// The processor that it is bound to.
    pub processor: Option<usize>,
    /// The limit of open files that it is to have, if that is not its parent's.
    pub files: Option<Rlimit>,
    /// What its lines on standard output and on standard error begin with.
    pub labels: [String; 2],
}

impl Life {
    /// Starts the process; what it returns beside it is its standard input, if that is a pipe.
    pub fn begin(birth: Birth<'_>) -> io::Result<(Self, Option<ChildStdin>)> {
        let program = birth.plan.program(birth.rank);
        let mut command = Command::new(&program.name);
        command.args(&program.args);
        command.env(MAILBOX_RANK, birth.rank.to_string());
        command.env(MAILBOX_RANKS, birth.plan.ranks().to_string());
        command.stdin(birth.input).stdout(Stdio::piped()).stderr(Stdio::piped());
        birth.region.hand_to(&mut command).map_err(io::Error::other)?;
        let (launcher, processor, files) = (getpid(), birth.processor, birth.files);
        let enlist = birth.guard.enlist()?;
        let prepare = move || {
            prepare(launcher, &enlist)?;
            processor.map_or(Ok(()), system::bind)?;
            files.map_or(Ok(()), |files| setrlimit(Resource::Nofile, files)).map_err(io::Error::from)
        };
        // SAFETY: the closure makes system calls. It allocates nothing, not even for an error.
        #[expect(unsafe_code, reason = "runs between fork and exec")]
        unsafe {
            command.pre_exec(prepare);
        }
        let mut child = command.spawn()?;
        let number = Pid::from_child(&child);
        let missing = || io::Error::from(Errno::BADF);
        let [output, complaints] = birth.labels;
        let output = Lines::of(child.stdout.take().ok_or_else(missing)?, output)?;
        let complaints = Lines::of(child.stderr.take().ok_or_else(missing)?, complaints)?;
        Ok((Self { group: Group(number), output, complaints, fate: None }, child.stdin.take()))
    }
}

/// Has the process end with its launcher.
fn prepare(launcher: Pid, enlist: &impl Fn() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    setpgid(None, None)?;
    // From here on the guard ends it.
    enlist()?;
    system::die_with_parent()?;
    // If the parent has ended before that, the kernel says nothing.
    if getppid() == Some(launcher) { Ok(()) } else { Err(Errno::SRCH) }
}
