//! Processes that cannot outlive their test, and what they leave.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Only against hanging: nothing here takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A name for a region, which is gone when this is dropped.
pub struct Name(String);

impl Name {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(format!("mbox-demo-test-{}-{count}", std::process::id()))
    }

    pub fn exists(&self) -> bool {
        mailbox::lab::os::shm_path(&self.0).exists()
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(mailbox::lab::os::shm_path(&self.0));
    }
}

/// A running `mbox-demo`, killed when this is dropped.
pub struct Demo {
    child: Child,
    lines: Receiver<String>,
}

/// How it ended: its exit status (none if a signal ended it), and what it wrote to standard error.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub code: Option<i32>,
    pub complaints: String,
}

impl Demo {
    pub fn start(args: &[&str]) -> Self {
        Self::launch(args, Stdio::piped())
    }

    /// With this standard output.
    pub fn launch(args: &[&str], output: impl Into<Stdio>) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_mbox-demo")).args(args).stdout(output))
    }

    /// With this folder for temporary files.
    pub fn start_with_temporary(args: &[&str], folder: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbox-demo"));
        Self::spawn(command.args(args).env("TMPDIR", folder).stdout(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        measure::hear_signals();
        let mut child = command.spawn().expect("it starts");
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines() {
                    // Nobody listens any more if the test has failed.
                    let _ = sender.send(line.expect("UTF-8"));
                }
            });
        }
        Self { child, lines }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it shows; `None` after the last.
    pub fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line comes"),
        }
    }

    /// Waits for a line that begins so; those before it do not matter.
    pub fn shows(&self, beginning: &str) -> String {
        let mut shown = vec![];
        while let Some(line) = self.line() {
            if line.starts_with(beginning) {
                return line;
            }
            shown.push(line);
        }
        panic!("no line begins with {beginning:?}: {shown:?}");
    }

    pub fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits for its end.
    pub fn end(mut self) -> End {
        wait_until("it ends", || self.has_ended());
        let mut complaints = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut complaints).expect("UTF-8");
        End { code: self.child.wait().expect("a child").code(), complaints }
    }

    /// Waits for its end: it failed with this line.
    pub fn fails(self, line: &str) {
        assert_eq!(self.end(), End { code: Some(1), complaints: format!("mbox-demo: {line}\n") });
    }

    /// Waits for its end: it succeeded.
    pub fn succeeds(self) {
        assert_eq!(self.end(), End { code: Some(0), complaints: String::new() });
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal; the shell's own `kill` is everywhere.
pub fn signal(name: &str, pid: u32) {
    assert!(try_signal(name, pid));
}

/// As `signal`, to a process that may have ended; whether it was there.
pub fn try_signal(name: &str, pid: u32) -> bool {
    let kill = format!("kill -{name} {pid} 2>/dev/null");
    Command::new("sh").args(["-c", &kill]).status().expect("a shell").success()
}

/// Waits for what is bound to happen.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The writing end of a pipe that nobody reads.
pub fn broken_pipe() -> io::PipeWriter {
    io::pipe().expect("a pipe").1
}

pub fn full_device() -> fs::File {
    fs::File::options().write(true).open("/dev/full").expect("a device")
}

/// The processes that the play (the tour, the torture, …) of process `pid` has started and that still run.
pub fn players(play: &str, pid: u32) -> Vec<u32> {
    let region = format!("mbox-demo-{play}-{pid}-");
    let processes = fs::read_dir("/proc").expect("/proc");
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &u32| {
            // One that ends meanwhile is none.
            let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&region)
        })
        .collect()
}

/// Nothing is left of the play of process `pid`.
pub fn nothing_is_left(play: &str, pid: u32) {
    let region = format!("mbox-demo-{play}-{pid}-");
    let folders = fs::read_dir(std::env::temp_dir()).expect("a folder").filter_map(|entry| entry.ok());
    let left: Vec<_> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .chain(mailbox::lab::os::shm_names().expect("a list"))
        .filter(|name| name.starts_with(&region))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    // What a killed process started is killed in turn, a moment later.
    wait_until("all processes have ended", || players(play, pid).is_empty());
}
