//! What ranks of `mbox run` write and read.

use crate::launch::{Launch, facts, sorted};
use crate::program::{Finished, Process, command, file_of, mbox_through_shell};
use kit::{SIGPIPE, SIGTERM, wait_until};
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// The longest line that is not cut.
const LONGEST: usize = 64 << 10;

fn run(args: &[&str], input: impl Into<Stdio>) -> Finished {
    let launch = Launch::new();
    let mut command = command([&["run"], args].concat());
    let finished = Process::start(launch.mark(&mut command).stdin(input)).finish();
    assert!(launch.processes().is_empty());
    finished
}

#[test]
fn each_line_says_which_rank_wrote_it() {
    let script = "echo one; echo wrong >&2; printf 'two\\n\\nand a half'; printf unfinished >&2";
    let finished = run(&["-n", "1", "sh", "-c", script], Stdio::null());
    assert_eq!(String::from_utf8_lossy(&finished.output), "[0] one\n[0] two\n[0] \n[0] and a half\n");
    assert_eq!(finished.complaints, "[0] wrong\n[0] unfinished\n");
    let finished =
        run(&["-n", "2", "--no-label", "sh", "-c", "echo $MAILBOX_RANK; printf x >&2"], Stdio::null());
    assert_eq!(
        (sorted(&finished.output), finished.complaints.as_str()),
        (vec!["0".into(), "1".into()], "x\nx\n")
    );
}

#[test]
fn lines_stay_whole_and_in_order() {
    let count = 20_000;
    let script =
        format!("i=0; while [ $i -lt {count} ]; do i=$((i + 1)); echo line $i of $MAILBOX_RANK; done");
    let finished = run(&["-n", "3", "sh", "-c", &script], Stdio::null());
    let mut next = [1; 3];
    for line in String::from_utf8(finished.output).expect("UTF-8").lines() {
        let rank: usize = line[1..2].parse().expect("a rank");
        assert_eq!(line, format!("[{rank}] line {} of {rank}", next[rank]));
        next[rank] += 1;
    }
    assert_eq!(next, [count + 1; 3]);
}

#[test]
fn a_long_line_is_cut() {
    for (length, pieces) in [
        (LONGEST - 1, vec![LONGEST - 1]),
        (LONGEST, vec![LONGEST]),
        (LONGEST + 1, vec![LONGEST, 1]),
        (3 * LONGEST, vec![LONGEST; 3]),
    ] {
        for end in ["\\n", ""] {
            let script = format!("head -c {length} /dev/zero | tr '\\0' x; printf '{end}'");
            let finished = run(&["-n", "1", "sh", "-c", &script], Stdio::null());
            let lines = sorted(&finished.output);
            let mut found: Vec<usize> = lines.iter().map(|line| line.len() - "[0] ".len()).collect();
            found.sort_by_key(|length| usize::MAX - length);
            assert_eq!(found, pieces, "{length} {end}");
        }
    }
}

#[test]
fn rank_0_reads_standard_input() {
    let finished = run(&["-n", "3", "cat"], file_of(b"one\ntwo\n"));
    assert_eq!(String::from_utf8_lossy(&finished.output), "[0] one\n[0] two\n");
    let finished = run(&["-n", "3", "--stdin", "none", "cat"], file_of(b"one\n"));
    assert_eq!((finished.output, finished.status.code()), (vec![], Some(0)));
    mbox_through_shell(&["run", "-n", "2", "cat"], "<&-").succeeds();
    // What it does not read is there for the next.
    let script = "printf 'one\\ntwo\\n' | { \"$0\" run -n 1 sh -c 'read line; echo $line' && cat; }";
    let output = Process::start(Command::new("sh").args(["-c", script, crate::program::MBOX])).succeeds();
    assert_eq!(String::from_utf8_lossy(&output), "[0] one\ntwo\n");
}

#[test]
fn a_reader_that_goes_ends_the_ranks() {
    let launch = Launch::new();
    let mut process = Process::uncollected(launch.mark(&mut command(["run", "-n", "2", "yes"])));
    drop(process.output());
    process.ends_by(SIGPIPE);
    launch.is_gone();
}

#[test]
fn a_reader_that_does_not_read_holds_up_the_output_and_nothing_else() {
    let launch = Launch::new();
    let mut process = Process::uncollected(launch.mark(&mut command(["run", "-n", "2", "yes"])));
    let mut output = process.output();
    let ranks = launch.wait_for(2, "yes");
    wait_until("the ranks wait for a reader", || {
        let waits = |rank: &u32| {
            thread::sleep(Duration::from_millis(20));
            facts(*rank).is_some_and(|(state, ..)| state == "S")
        };
        ranks.iter().chain(&ranks).all(waits)
    });
    process.signal(SIGTERM);
    launch.wait_for(0, "yes");
    let mut rest = vec![];
    output.read_to_end(&mut rest).expect("a pipe");
    assert!(rest.starts_with(b"[") && rest.ends_with(b"y\n"));
    process.ends_by(SIGTERM);
}

#[test]
fn without_an_output_nothing_is_started() {
    let line = "standard output: Bad file descriptor (os error 9)";
    for closed in [">&-", "1</dev/null"] {
        mbox_through_shell(&["run", "-n", "2", "sh", "-c", "echo started >&2"], closed).fails(line);
    }
}

#[test]
fn without_standard_error_what_goes_there_is_lost() {
    mbox_through_shell(&["run", "-n", "2", "sh", "-c", "echo lost >&2"], "2>&-").succeeds();
    let line = "standard output: No space left on device (os error 28)";
    mbox_through_shell(&["run", "-n", "1", "--grace", "50ms", "yes"], "> /dev/full").fails(line);
}

/// What `mbox run` with these arguments shows on a terminal; `None` where there is no program that has one.
fn on_a_terminal(args: &str, input: Stdio, colour: Option<&str>) -> Option<String> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no program `script`");
        return None;
    }
    let line = format!("{} run {args}", crate::program::MBOX);
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(input);
    match colour {
        Some(value) => command.env("NO_COLOR", value),
        None => command.env_remove("NO_COLOR"),
    };
    let finished = Process::start(&mut command).finish();
    assert!(finished.status.success(), "{}", finished.complaints);
    Some(String::from_utf8(finished.output).expect("UTF-8").replace('\r', ""))
}

#[test]
fn labels_have_colours_on_a_terminal() {
    let coloured = "\x1b[32m[0]\x1b[0m x\n";
    for (colour, expected) in [(None, coloured), (Some(""), coloured), (Some("1"), "[0] x\n")] {
        let Some(shown) = on_a_terminal("-n 1 echo x", Stdio::null(), colour) else { return };
        assert_eq!(shown, expected);
    }
}

#[test]
fn what_is_typed_goes_to_rank_0() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut typed = &writer;
    std::io::Write::write_all(&mut typed, b"typed\n").expect("room");
    let Some(shown) = on_a_terminal("-n 2 sh -c 'read line; echo \"<$line>\"'", reader.into(), Some("1"))
    else {
        return;
    };
    assert!(shown.contains("[0] <typed>\n") && shown.contains("[1] <>\n"), "{shown}");
}
