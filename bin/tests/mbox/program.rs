//! The program under test, and regions that go away with their test.

use kit::{Child, Collected, Lines, happens};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub const MBOX: &str = env!("CARGO_BIN_EXE_mbox");

/// A name for a region. The region is removed on drop, no matter who created it.
pub struct Name(kit::Name);

impl Name {
    pub fn new() -> Self {
        Self(kit::Name::new())
    }

    /// The path of a file that is not there.
    pub fn file() -> Self {
        Self(kit::Name::file())
    }

    /// A region with these arguments to `mbox create`.
    pub fn create(args: &[&str]) -> Self {
        Self::new().created(args)
    }

    /// The region at this place, with these arguments to `mbox create`.
    pub fn created(self, args: &[&str]) -> Self {
        mbox(["create", &self].iter().chain(args)).succeeds();
        self
    }

    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    pub fn exists(&self) -> bool {
        self.0.exists()
    }

    /// What `mbox stat --json` says.
    pub fn stat(&self) -> serde_json::Value {
        let text = mbox(["stat", self, "--json"]).succeeds();
        serde_json::from_slice(&text).expect("stat --json writes JSON")
    }

    /// Waits until `mbox stat` says so.
    pub fn wait_until(&self, what: impl Fn(&serde_json::Value) -> bool) {
        let mut stat = serde_json::Value::Null;
        let is_so = happens(|| {
            stat = self.stat();
            what(&stat)
        });
        assert!(is_so, "still {stat}");
    }

    /// Waits until the mailbox from 0 to 1 holds so many messages.
    pub fn wait_for_unread(&self, count: u64) {
        self.wait_until(|stat| stat["mailboxes"][0]["unread"] == count);
    }

    /// What `mbox ls` says of it: `live`, `idle`, `stale`.
    pub fn state(&self) -> String {
        let list: serde_json::Value =
            serde_json::from_slice(&mbox(["ls", "--json"]).succeeds()).expect("JSON");
        let list = list.as_array().expect("an array");
        let entry = list.iter().find(|entry| entry["name"] == **self).expect("its region");
        entry["state"].as_str().expect("a word").to_owned()
    }

    /// Waits until `rank` is `live`, `left` or `dead`.
    pub fn wait_for(&self, rank: u32, status: &str) {
        self.wait_until(|stat| {
            let joined = stat["joined"].as_array().expect("an array");
            joined.iter().any(|entry| entry["rank"] == rank && entry["status"] == status)
        });
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// `mbox` with these arguments.
pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(MBOX);
    command.args(args).stdin(Stdio::null());
    command
}

/// Starts `mbox` with these arguments, nothing on its standard input.
pub fn mbox<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Process {
    Process::start(&mut command(args))
}

/// Starts `mbox` with these arguments and this standard input.
pub fn mbox_reading(args: &[&str], input: impl Into<Stdio>) -> Process {
    Process::start(command(args).stdin(input))
}

/// Starts `mbox` with these arguments and this standard output.
pub fn mbox_writing(args: &[&str], output: impl Into<Stdio>) -> Process {
    Process::launch(command(args).stdout(output))
}

/// Starts `mbox` with these arguments through a shell that changes its streams: `>&-`, say.
pub fn mbox_through_shell(args: &[&str], streams: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {streams}"), MBOX]).args(args).stdin(Stdio::null());
    Process::start(&mut command)
}

/// The writing end of a pipe that nobody reads.
pub fn broken_pipe() -> io::PipeWriter {
    io::pipe().expect("a pipe").1
}

/// A file with this content, to be read; it has no name.
pub fn file_of(bytes: &[u8]) -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("input-{}-{count}", std::process::id()));
    fs::write(&path, bytes).expect("a temporary file");
    let file = File::open(&path).expect("the temporary file");
    fs::remove_file(&path).expect("the temporary file");
    file
}

/// A running process, killed when this is dropped.
pub struct Process {
    child: Child,
    output: Option<Collected>,
    complaints: Option<Collected>,
}

/// How a process ended.
pub struct Finished {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    pub complaints: String,
}

impl Process {
    /// Starts it; what it writes is collected.
    pub fn start(command: &mut Command) -> Self {
        let mut process = Self::launch(command.stdout(Stdio::piped()));
        process.output = process.child.output().map(Collected::of);
        process
    }

    /// Starts it; what it writes to standard output can be read.
    pub fn uncollected(command: &mut Command) -> Self {
        Self::launch(command.stdout(Stdio::piped()))
    }

    fn launch(command: &mut Command) -> Self {
        let mut child = Child::start(command.stderr(Stdio::piped()));
        let complaints = child.complaints().map(Collected::of);
        Self { child, output: None, complaints }
    }

    /// The reading end of a piped standard output that is not collected.
    pub fn output(&mut self) -> ChildStdout {
        self.child.output().expect("a piped standard output")
    }

    /// A piped standard output that is not collected, line by line as it comes.
    pub fn lines(&mut self) -> Lines {
        Lines::of(self.output())
    }

    pub fn input(&mut self) -> ChildStdin {
        self.child.input().expect("a piped standard input")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it; a process that nobody has waited for may look alive.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Finished {
        let status = self.child.finish();
        let output = self.output.map(Collected::bytes).unwrap_or_default();
        let complaints = self.complaints.map(Collected::text).unwrap_or_default();
        Finished { status, output, complaints }
    }

    /// Waits for its end: it succeeded without a complaint. What it wrote.
    #[track_caller]
    pub fn succeeds(self) -> Vec<u8> {
        let finished = self.finish();
        assert_eq!(finished.complaints, "");
        assert!(finished.status.success(), "{}", finished.status);
        finished.output
    }

    /// Sends it a signal.
    pub fn signal(&self, number: i32) {
        self.child.signal(number);
    }

    /// Waits for its end: this signal ended it, without a complaint. What it wrote.
    #[track_caller]
    pub fn ends_by(self, signal: i32) -> Vec<u8> {
        let finished = self.finish();
        assert_eq!(finished.complaints, "");
        assert_eq!(finished.status.signal(), Some(signal), "{}", finished.status);
        finished.output
    }

    /// Waits for its end: it failed with exactly this line on standard error. What it wrote.
    #[track_caller]
    pub fn fails(self, line: &str) -> Vec<u8> {
        self.fails_with(1, line)
    }

    /// As `fails`, with this status.
    #[track_caller]
    pub fn fails_with(self, status: i32, line: &str) -> Vec<u8> {
        let finished = self.finish();
        assert_eq!(finished.complaints, format!("mbox: {line}\n"));
        assert_eq!(finished.status.code(), Some(status));
        finished.output
    }
}

/// Feeds `bytes` to a process and keeps its standard input open.
pub fn feed(input: &mut ChildStdin, bytes: &[u8]) {
    input.write_all(bytes).expect("it reads");
}

/// Runs a shell script where regions in memory are its own, with `mbox` as its `$0`; `None` if that is not possible.
pub fn alone(script: &str) -> Option<Process> {
    kit::alone(script).map(|mut command| Process::start(command.arg(MBOX).stdin(Stdio::null())))
}
