//! Launches that a test can find all processes of.

use crate::program::{MBOX, Process, command};
use kit::{happens, wait_until};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// The environment variable that all processes of a launch have.
const MARK: &str = "MAILBOX_TEST_LAUNCH";

/// The program that a rank can be: it sends a line to the next rank, and prints what it receives.
pub fn exchange() -> String {
    let folder = env::current_exe().expect("this test");
    let program: PathBuf = folder.with_file_name("../examples/launched");
    program.into_os_string().into_string().expect("a path of letters")
}

/// A launch whose processes are known by a variable in their environment.
pub struct Launch(String);

impl Launch {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Marks the processes of a command.
    pub fn mark<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(MARK, &self.0)
    }

    /// Starts `mbox run` with these arguments.
    pub fn run(&self, args: &[&str]) -> Process {
        Process::start(self.mark(&mut command([&["run"], args].concat())))
    }

    /// Starts `mbox run` with these arguments as the first process of a session, as one is in a container.
    pub fn run_in_a_session(&self, args: &[&str]) -> Process {
        let mut setsid = Command::new("setsid");
        setsid.args([MBOX, "run"]).args(args).stdin(Stdio::null());
        Process::start(self.mark(&mut setsid))
    }

    /// All its processes that have not ended.
    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("{MARK}={}", self.0).into_bytes();
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_marked = |process: &u32| {
            // One that has ended meanwhile has none.
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark)
        };
        numbers.filter(is_marked).collect()
    }

    /// Waits until so many run a program of this name.
    pub fn wait_for(&self, count: usize, program: &str) -> Vec<u32> {
        let mut found = vec![];
        let is_so = happens(|| {
            found = self.processes();
            found.retain(|process| name(*process) == program);
            found.len() == count
        });
        assert!(is_so, "{found:?} run {program}");
        found
    }

    /// Waits until none of its processes is left.
    #[track_caller]
    pub fn is_gone(&self) {
        wait_until("all processes of a launch are gone", || self.processes().is_empty());
    }
}

/// The name of the program that a process runs.
fn name(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// The fields of `/proc/N/stat` behind the name of the program: state, parent, group.
pub fn facts(process: u32) -> Option<(String, u32, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.into(), fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The lines of a text, sorted.
pub fn sorted(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8(text.to_vec()).expect("UTF-8");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
