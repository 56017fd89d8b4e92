//! What `mbox run` starts, and how it ends.

use crate::launch::{Launch, exchange, facts, sorted};
use crate::program::{MBOX, Process, command, mbox};
use kit::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, try_signal, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, process, thread};

/// A stop from the terminal, and a signal without a meaning of its own.
const SIGTSTP: i32 = 20;
const SIGUSR1: i32 = 10;

/// `mbox run` with these arguments, and nothing left of it.
#[track_caller]
fn run(args: &[&str]) -> crate::program::Finished {
    let launch = Launch::new();
    let finished = launch.run(args).finish();
    assert!(launch.processes().is_empty(), "left by {args:?}");
    finished
}

/// `mbox run` with these arguments succeeds without a complaint. Its lines, sorted.
#[track_caller]
fn succeeds(args: &[&str]) -> Vec<String> {
    let finished = run(args);
    assert_eq!((finished.complaints.as_str(), finished.status.code()), ("", Some(0)), "{args:?}");
    sorted(&finished.output)
}

/// `mbox run` with these arguments ends with that status after these lines. Its output.
#[track_caller]
fn fails(args: &[&str], status: i32, lines: &[&str]) -> Vec<String> {
    let finished = run(args);
    let lines: String = lines.iter().map(|line| format!("mbox: {line}\n")).collect();
    assert_eq!((finished.complaints, finished.status.code()), (lines, Some(status)), "{args:?}");
    sorted(&finished.output)
}

/// A file that is not there; it is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(what: &str) -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{what}-{}", process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn ranks_exchange_messages() {
    let lines = succeeds(&["-n", "3", &exchange()]);
    let line = |rank: u32| format!("[{rank}] rank {rank} of 3 receives: hello {rank}");
    assert_eq!(lines, [line(0), line(1), line(2)]);
}

#[test]
fn several_programs_share_the_ranks() {
    let tell = "echo $0 $1 is $MAILBOX_RANK of $MAILBOX_RANKS";
    let lines = succeeds(&["-n", "2", "sh", "-c", tell, "a", "x", ":", "-n1", "sh", "-c", tell, "b", "-n"]);
    assert_eq!(lines, ["[0] a x is 0 of 3", "[1] a x is 1 of 3", "[2] b -n is 2 of 3"]);
    // Without a number, a program among several is one rank.
    let lines = succeeds(&["sh", "-c", tell, "a", ":", "sh", "-c", tell, "b"]);
    assert_eq!(lines, ["[0] a is 0 of 2", "[1] b is 1 of 2"]);
}

#[test]
fn a_program_runs_on_every_processor() {
    let count = thread::available_parallelism().expect("processors").get();
    assert_eq!(succeeds(&["echo"]).len(), count);
}

#[test]
fn a_rank_that_fails_ends_the_others() {
    let script = "[ $MAILBOX_RANK = 1 ] || exec sleep 600; exit 3";
    let line = "rank 1 (\"sh\") failed with exit status 3";
    fails(&["-n", "3", "--grace", "50ms", "sh", "-c", script], 3, &[line]);
    let script = "[ $MAILBOX_RANK = 1 ] || exec sleep 600; kill -9 $$";
    let line = "rank 1 (\"sh\") was ended by signal 9 (SIGKILL)";
    fails(&["-n", "3", "--grace", "50ms", "sh", "-c", script], 128 + 9, &[line]);
    // One that ends well does not.
    let script = "[ $MAILBOX_RANK = 1 ] && exit; sleep 0.3; echo late";
    assert_eq!(succeeds(&["-n", "2", "--grace", "0", "sh", "-c", script]), ["[0] late"]);
}

#[test]
fn the_others_have_time_to_end_by_themselves() {
    let script = "[ $MAILBOX_RANK = 1 ] && exit 3; sleep 0.3; echo done";
    let line = "rank 1 (\"sh\") failed with exit status 3";
    let output = fails(&["-n", "2", "--grace", "10m", "sh", "-c", script], 3, &[line]);
    assert_eq!(output, ["[0] done"]);
    // Then they are asked.
    let script = "[ $MAILBOX_RANK = 1 ] && { sleep 0.3; exit 3; }
        exec 2> /dev/null; trap 'echo asked; exit 0' TERM; while :; do sleep 0.01; done";
    let output = fails(&["-n", "2", "--grace", "1s", "sh", "-c", script], 3, &[line]);
    assert_eq!(output, ["[0] asked"]);
    // One that is stopped, too.
    let script = "[ $MAILBOX_RANK = 1 ] && { sleep 0.3; exit 3; }
        exec 2> /dev/null; trap 'echo asked; exit 0' TERM; kill -STOP $$; while :; do sleep 0.01; done";
    let output = fails(&["-n", "2", "--grace", "1s", "sh", "-c", script], 3, &[line]);
    assert_eq!(output, ["[0] asked"]);
    // And then killed.
    let script = "[ $MAILBOX_RANK = 1 ] && exit 3; trap '' TERM; while :; do sleep 0.01; done";
    fails(&["-n", "2", "--grace", "50ms", "sh", "-c", script], 3, &[line]);
}

#[test]
fn a_launch_can_go_on_without_a_rank() {
    let script = "case $MAILBOX_RANK in 0) exit 3;; 1) sleep 0.2; exit 4;; 2) sleep 0.4; echo alone; esac";
    let lines = ["rank 0 (\"sh\") failed with exit status 3", "rank 1 (\"sh\") failed with exit status 4"];
    let output = fails(&["-n", "3", "--keep-going", "--grace", "0", "sh", "-c", script], 3, &lines);
    assert_eq!(output, ["[2] alone"]);
}

#[test]
fn a_rank_that_fails_is_started_again_as_a_new_life() {
    let again =
        |count| format!("rank 0 (\"sh\") failed with exit status 3; it is started again, {count} of 2");
    let script = format!("{}; exit 3", exchange());
    let args = ["-n", "1", "--restart", "2", "--stat", "sh", "-c", &script];
    let finished = run(&args);
    assert_eq!(finished.status.code(), Some(3));
    assert_eq!(sorted(&finished.output), ["[0] rank 0 of 1 receives: hello 0"; 3]);
    let lines: Vec<&str> = finished.complaints.lines().collect();
    assert_eq!(lines[..2], [again(1), again(2)].map(|line| format!("mbox: {line}")));
    assert_eq!(lines[2], "mbox: rank 0 (\"sh\") failed with exit status 3");
    assert_eq!(
        lines[3],
        "region    without a name, of user 0 (root), protocol 0".replace("0 (root)", &user())
    );
    let epoch = lines.iter().find(|line| line.starts_with("   0  left")).expect("a rank");
    assert_eq!(epoch.split_whitespace().nth(2), Some("3"));
    // One that succeeds the second time did not fail.
    let scratch = Scratch::new("again");
    let script = format!("[ -e {0} ] && exit; touch {0}; exit 3", scratch.path());
    fails(&["-n", "1", "--restart", "2", "sh", "-c", &script], 0, &[&again(1)]);
}

/// This user as `mbox stat` shows it.
fn user() -> String {
    let region = crate::program::Name::create(&["--ranks", "1"]);
    let text = String::from_utf8(mbox(["stat", &region]).succeeds()).expect("UTF-8");
    let user = text.split_once("of user ").expect("a user").1;
    user.split_once(", protocol").expect("a protocol").0.to_owned()
}

#[test]
fn after_a_time_all_are_ended() {
    let lines = ["100 ms are over; all ranks are ended"];
    fails(&["-n", "2", "--timeout", "0.1", "sleep", "600"], 124, &lines);
    let deaf = "trap '' TERM; while :; do sleep 0.01; done";
    fails(&["-n", "2", "--timeout", "0.1", "--grace", "50ms", "sh", "-c", deaf], 124, &lines);
    assert_eq!(succeeds(&["-n", "1", "--timeout", "1h", "echo", "in time"]), ["[0] in time"]);
}

#[test]
fn what_cannot_be_started() {
    let line = "rank 1 (\"./no such\") cannot be started: No such file or directory (os error 2)";
    fails(&["-n", "1", "sleep", "600", ":", "./no such", ":", "sleep", "600"], 127, &[line]);
    let line = "rank 0 (\"no such\") cannot be started: No such file or directory (os error 2); it is in no folder of PATH";
    fails(&["-n", "1", "no such"], 127, &[line]);
    let line = "rank 0 (\"/dev/null\") cannot be started: Permission denied (os error 13)";
    fails(&["-n", "2", "/dev/null"], 126, &[line]);
}

#[test]
fn a_command_line_that_makes_no_sense() {
    let see = "; see: mbox run --help";
    let missing = "a program is missing beside `:`; see: mbox run --help".to_owned();
    let cases = [
        (&["-n", "2"][..], format!("the following required arguments were not provided: <PROGRAM>...{see}")),
        (&["-n", "0", "true"], format!("invalid value '0' for '-n <N>': a region has 1 to 1024 ranks{see}")),
        (
            &["-np", "2", "true"],
            format!(
                "invalid value 'p' for '-n <N>': a region has 1 to 1024 ranks; say how many ranks with: -n N{see}"
            ),
        ),
        (
            &["--np", "2", "true"],
            format!("unexpected argument '--np' found; say how many ranks with: -n N{see}"),
        ),
        (&["true", ":"], missing.clone()),
        (&[":", "true"], missing),
        (
            &["true", ":", "-n", "x", "true"],
            format!("behind `:`: invalid value 'x' for '-n <N>': a region has 1 to 1024 ranks{see}"),
        ),
        (&["-n", "1024", "true", ":", "true"], format!("a region has 1 to 1024 ranks{see}")),
        (
            &["--stdin", "1", "true"],
            format!("invalid value '1' for '--stdin <RANK>' [possible values: 0, none]{see}"),
        ),
    ];
    for (args, line) in cases {
        fails(args, 2, &[&line]);
    }
}

#[test]
fn the_region_has_the_sizes_that_are_asked_for() {
    let finished = run(&["-n", "1", "--cells", "64", "--arena", "64K", "--stat", "true"]);
    assert!(finished.complaints.contains("mailbox   64 cells, arena of 64 KiB"), "{}", finished.complaints);
    let what = "--arena: the arena must be a multiple of 128 bytes, from 128 bytes to 1 TiB, not 1 bytes";
    fails(&["-n", "1", "--arena", "1", "true"], 2, &[&format!("{what}; see: mbox run --help")]);
}

#[test]
#[cfg(target_os = "linux")]
fn each_rank_can_have_a_processor() {
    let allowed = || "grep Cpus_allowed_list /proc/self/status | cut -f2";
    let lines = succeeds(&["-n", "4", "--bind", "sh", "-c", allowed()]);
    let processors: Vec<&str> = lines.iter().map(|line| &line[4..]).collect();
    let count = thread::available_parallelism().expect("processors").get();
    assert!(processors.iter().all(|processor| processor.parse::<u32>().is_ok()), "{lines:?}");
    for (at, processor) in processors.iter().enumerate() {
        for (other_at, other) in processors.iter().enumerate() {
            assert_eq!(processor == other, at % count == other_at % count, "{lines:?}");
        }
    }
}

#[test]
fn a_signal_that_asks_to_end_is_passed_on() {
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        let launch = Launch::new();
        // No core files.
        let line = "ulimit -c 0; exec \"$0\" run -n 2 sleep 600";
        let process = Process::start(launch.mark(Command::new("sh").args(["-c", line, MBOX])));
        launch.wait_for(2, "sleep");
        process.signal(signal);
        process.ends_by(signal);
        assert!(launch.processes().is_empty());
    }
}

#[test]
fn ranks_may_end_well_when_they_are_asked() {
    let launch = Launch::new();
    let script = "exec 2> /dev/null; trap 'echo bye; exit 0' TERM; trap 'echo hello' USR1; echo ready; while :; do sleep 0.01; done";
    let mut process = Process::uncollected(launch.mark(&mut command(["run", "-n", "2", "sh", "-c", script])));
    let lines = process.lines();
    let both = |line: &str| {
        let mut next = [lines.next().expect("a line"), lines.next().expect("a line")];
        next.sort();
        assert_eq!(next, [format!("[0] {line}"), format!("[1] {line}")]);
    };
    both("ready");
    process.signal(SIGUSR1);
    both("hello");
    process.signal(SIGTERM);
    both("bye");
    process.succeeds();
}

#[test]
fn who_insists_kills() {
    let launch = Launch::new();
    let script = "trap '' INT TERM HUP QUIT; exec sleep 600";
    let process = launch.run(&["-n", "2", "sh", "-c", script]);
    launch.wait_for(2, "sleep");
    let id = process.id();
    wait_until("it is killed", || {
        thread::sleep(Duration::from_millis(20));
        !try_signal(id, SIGINT) || facts(id).is_none_or(|(state, ..)| state == "Z")
    });
    process.ends_by(SIGINT);
    assert!(launch.processes().is_empty());
}

#[test]
fn ranks_stop_and_go_on_with_the_launcher() {
    let launch = Launch::new();
    let process = launch.run(&["-n", "2", "sleep", "600"]);
    let mut all = launch.wait_for(2, "sleep");
    all.push(process.id());
    let are = |stopped: bool| {
        let is = |process: &u32| facts(*process).expect("a process").0 == "T";
        all.iter().all(|process| is(process) == stopped)
    };
    process.signal(SIGTSTP);
    wait_until("all are stopped", || are(true));
    process.signal(SIGCONT);
    wait_until("all go on", || are(false));
    process.signal(SIGTERM);
    process.ends_by(SIGTERM);
}

/// Nobody could let it go on, and it would hear no other key.
#[test]
fn the_first_process_of_a_session_is_not_stopped_by_its_terminal() {
    let launch = Launch::new();
    let process = launch.run_in_a_session(&["-n", "2", "sleep", "600"]);
    launch.wait_for(2, "sleep");
    process.signal(SIGTSTP);
    process.signal(SIGINT);
    process.ends_by(SIGINT);
    assert!(launch.processes().is_empty());
}

#[test]
fn what_a_rank_started_ends_with_it() {
    let script = "sleep 600 & [ $MAILBOX_RANK = 0 ] && sh -c 'sleep 600 & sleep 600' & sleep 0.2; exit 0";
    assert!(succeeds(&["-n", "2", "sh", "-c", script]).is_empty());
    // With a life of the rank, too, not only with the launch.
    let scratch = Scratch::new("life");
    let script =
        "[ -e FILE ] && { kill -0 $(cat FILE) && exit 9; exit 0; }; sleep 600 & echo $! > FILE; exit 3";
    let script = format!("exec 2> /dev/null; {}", script.replace("FILE", scratch.path()));
    let line = "rank 0 (\"sh\") failed with exit status 3; it is started again, 1 of 1";
    fails(&["-n", "1", "--restart", "1", "sh", "-c", &script], 0, &[line]);
}

#[test]
fn more_ranks_than_a_process_may_have_files_open() {
    // The ranks keep the limit.
    let line = "ulimit -S -n 64; exec \"$0\" run -n 40 sh -c 'ulimit -S -n'";
    let output = Process::start(Command::new("sh").args(["-c", line, MBOX])).succeeds();
    let expected: Vec<String> = (0..40).map(|rank| format!("[{rank}] 64")).collect();
    let mut lines = sorted(&output);
    lines.sort_by_key(|line| line.len());
    assert_eq!(lines, expected);
    let line = "ulimit -n 64; exec \"$0\" run -n 40 sleep 600";
    let finished = Process::start(Command::new("sh").args(["-c", line, MBOX])).finish();
    let told = "cannot be started: Too many open files (os error 24)";
    assert!(finished.complaints.contains(told), "{}", finished.complaints);
    assert_eq!(finished.status.code(), Some(1));
}

#[test]
fn who_was_asked_to_end_is_not_started_again() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let launch = Launch::new();
        let process = launch.run(&["-n", "2", "--restart", "9", "sleep", "600"]);
        launch.wait_for(2, "sleep");
        process.signal(signal);
        process.ends_by(signal);
    }
    // However it ends.
    let launch = Launch::new();
    let script = "exec 2> /dev/null; trap 'exit 5' TERM; while :; do sleep 0.01; done";
    let process = launch.run(&["-n", "1", "--restart", "9", "sh", "-c", script]);
    wait_until("it waits", || launch.processes().len() == 4);
    process.signal(SIGTERM);
    process.fails_with(5, "rank 0 (\"sh\") failed with exit status 5");
}
