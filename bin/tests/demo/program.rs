//! The program under test, and what it leaves.

use kit::{Child, Collected, Lines, SIGABRT, SIGINT, SIGKILL, SIGTERM, signal, try_signal, wait_until};
use serde_json::Value;
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
        Self::of(Command::new(env!("CARGO_BIN_EXE_mbox-demo")).args(args).stdout(output))
    }

    /// With this folder for temporary files.
    pub fn start_with_temporary(args: &[&str], folder: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbox-demo"));
        Self::of(command.args(args).env("TMPDIR", folder).stdout(Stdio::piped()))
    }

    /// What a command starts that becomes this program.
    pub fn of(command: &mut Command) -> Self {
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

    /// All lines until it ends, which it must do well. Each has room on a terminal, and is plain text.
    pub fn shows_all(self) -> Vec<String> {
        let mut lines = vec![];
        while let Some(line) = self.line() {
            assert!(line.chars().count() <= 80 && !line.contains('\x1b'), "{line}");
            lines.push(line);
        }
        self.succeeds();
        lines
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

/// The process that was started with these arguments first, in the play of process `pid`, if there is one.
pub fn find_player(play: &str, pid: u32, part: &str) -> Option<u32> {
    let is_that = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(&format!(" part {part} --"))
    };
    players(play, pid).into_iter().find(is_that)
}

/// The same, which is there.
pub fn player(play: &str, pid: u32, part: &str) -> u32 {
    find_player(play, pid, part).unwrap_or_else(|| panic!("no {part}"))
}

/// A play failed, said of the process for `part` that it was killed, and left nothing.
pub fn is_told_to_be_killed(demo: Demo, play: &str, part: &str) {
    let pid = demo.pid();
    let end = demo.end();
    assert_eq!(end.code, Some(1));
    assert!(end.complaints.starts_with(&format!("mbox-demo: the process for \"{part}")), "{end:?}");
    assert!(end.complaints.contains(" failed, signal: 9"), "{end:?}");
    assert_eq!(end.complaints.lines().count(), 1, "{end:?}");
    nothing_is_left(play, pid);
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

/// The number in front of `what` in a line.
pub fn number_before(line: &str, what: &str) -> u64 {
    let before = line.split(what).next().expect("a number").trim_end();
    before
        .rsplit([' ', ';'])
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{line}"))
}

/// A number of a report.
pub fn number(report: &Value, field: &str) -> u64 {
    report[field].as_u64().unwrap_or_else(|| panic!("no {field} in {report}"))
}

/// A torture that never ends by itself fails if a process of it is ended by another signal than the one that it kills with.
pub fn tells_of_a_process_that_fails_by_itself(args: &[&str]) {
    let mut demo = Demo::start(args);
    let pid = demo.pid();
    wait_until("it ends", || {
        // Some end by themselves before the signal comes.
        if let Some(&player) = players("torture", pid).first() {
            try_signal(player, SIGABRT);
        }
        demo.has_ended()
    });
    let end = demo.end();
    assert_eq!(end.code, Some(1));
    assert!(end.complaints.contains(" failed, signal: 6"), "{end:?}");
    nothing_is_left("torture", pid);
}

/// A torture that never ends by itself is ended by a signal, and leaves nothing.
pub fn is_ended_by_a_signal(args: &[&str]) {
    let demo = Demo::start(args);
    let pid = demo.pid();
    wait_until("processes have started", || players("torture", pid).len() > 1);
    demo.signal(SIGTERM);
    assert_eq!(demo.end(), End { code: Some(128 + 15), complaints: String::new() });
    nothing_is_left("torture", pid);
}

/// Signals end these plays, and nothing of them is left.
pub fn ends_by_signals(play: &str, busy: impl Fn() -> (Demo, u32)) {
    for (number, code) in [(SIGINT, 130), (SIGTERM, 143)] {
        let (demo, pid) = busy();
        demo.signal(number);
        assert_eq!(demo.end(), End { code: Some(code), complaints: String::new() });
        nothing_is_left(play, pid);
    }
}

/// All `count` processes of a play end when the one that has started them is killed.
pub fn ends_with_its_parent(play: &str, count: usize, (demo, pid): (Demo, u32)) {
    assert_eq!(players(play, pid).len(), count);
    let regions: Vec<String> = mailbox::lab::os::shm_names().expect("a list");
    demo.signal(SIGKILL);
    wait_until("all have ended", || players(play, pid).is_empty());
    // A killed process cannot clean up. `mbox clean` does that, or here the test.
    for region in regions.iter().filter(|name| name.starts_with(&format!("mbox-demo-{play}-{pid}-"))) {
        fs::remove_file(mailbox::lab::os::shm_path(region)).expect("it is left");
    }
}

/// A play whose reader goes away, or whose output does not fit, ends with a line, and leaves nothing.
pub fn is_read_by_nobody(play: &str, args: &[&str]) {
    for (output, error) in [
        (Stdio::from(broken_pipe()), "Broken pipe (os error 32)"),
        (full_device().into(), "No space left on device (os error 28)"),
    ] {
        let demo = Demo::launch(&[&[play], args].concat(), output);
        let pid = demo.pid();
        demo.fails(&format!("standard output: {error}"));
        nothing_is_left(play, pid);
    }
}

/// Finds lines in their order: the next one that has something in it.
pub fn in_order<'l>(lines: &'l [String]) -> impl FnMut(&str) -> &'l String {
    let mut rest = lines.iter();
    move |what| {
        rest.find(|line| line.contains(what))
            .unwrap_or_else(|| panic!("no {what:?} in its place in {lines:#?}"))
    }
}
