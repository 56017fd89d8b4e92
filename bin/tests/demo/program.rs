//! The program under test, and what it leaves.

use kit::{Child, Collected, Lines, signal, wait_until};
use std::process::{Command, Stdio};
use std::{fs, io};

/// A running `mbox-demo`, killed when this is dropped.
pub struct Demo {
    child: Child,
    /// What it shows, if that is not given to another.
    lines: Option<Lines>,
    complaints: Collected,
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
        let mut child = Child::start(command.stdin(Stdio::null()).stderr(Stdio::piped()));
        let lines = child.output().map(Lines::of);
        let complaints = Collected::of(child.complaints().expect("a pipe"));
        Self { child, lines, complaints }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it shows; `None` after the last.
    pub fn line(&self) -> Option<String> {
        self.lines.as_ref()?.next()
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

    pub fn signal(&self, number: i32) {
        signal(self.pid(), number);
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.has_ended()
    }

    /// Waits for its end.
    pub fn end(mut self) -> End {
        let code = self.child.finish().code();
        End { code, complaints: self.complaints.text() }
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
