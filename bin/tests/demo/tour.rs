//! The tour, whole and broken off.

use crate::program::{Demo, End, broken_pipe, full_device, nothing_is_left, players};
use kit::{SIGHUP, SIGINT, SIGKILL, SIGTERM, signal, wait_until};

#[test]
fn it_shows_a_figure_for_each_step_and_leaves_nothing() {
    let demo = Demo::start(&["--quick"]);
    let pid = demo.pid();
    demo.shows("1. ");
    demo.shows("     rank 1 is told: rank 0 has left");
    demo.shows("2. ");
    assert!(demo.line().expect("a head").ends_with(" p99      p50"));
    for what in
        ["one cache line, bounced", "a call, in one", "two cache lines, bounced", "two messages, in two"]
    {
        let line = demo.line().expect("a figure");
        assert!(line.starts_with(&format!("     {what} ")) && line.ends_with(" ×"), "{line}");
    }
    demo.shows("3. ");
    assert!(demo.line().expect("a figure").contains(" M/s "));
    assert!(demo.line().expect("a figure").contains(" GB/s "));
    demo.shows("4. ");
    assert!(demo.line().expect("a figure").ends_with(" a hop"));
    demo.shows("5. ");
    demo.shows("     asleep for ");
    demo.shows("     from send to awake: ");
    demo.shows("6. ");
    for what in ["     64 MiB messages", "     64 KiB messages"] {
        let line = demo.line().expect("a figure");
        assert!(line.starts_with(what) && line.contains(" GB/s "), "{line}");
    }
    demo.shows("     ratio ");
    demo.shows("7. ");
    let process = |line: &str| line.split_whitespace().nth(1).map(|id| id.trim_end_matches(',').to_owned());
    let (writer, reader) = (demo.line().expect("a writer"), demo.line().expect("a reader"));
    assert!(writer.contains(" wrote 1000 messages of 128 B in "), "{writer}");
    assert!(reader.contains(", started after its end, read 1000 messages as written in "), "{reader}");
    assert_ne!(process(&writer), process(&reader));
    demo.shows("8. ");
    assert!(demo.line().expect("a figure").contains(" M/s "));
    let shares = demo.line().expect("shares");
    let (_, rest) = shares.split_once("each sender got ").expect("shares");
    let (share, _) = rest.split_once(" of an equal share").expect("shares");
    let (least, most) = share.split_once(" to ").expect("two shares");
    let [least, most] = [least, most].map(|share| share.parse::<f64>().expect("a number"));
    assert!((0.0..=1.0).contains(&least) && (1.0..=8.0).contains(&most), "{shares}");
    demo.shows(&format!("{} is as it was", mailbox::lab::os::shm_folder().display()));
    assert_eq!(demo.line(), None);
    demo.succeeds();
    nothing_is_left("tour", pid);
}

/// Ends a tour with a signal at the step whose heading begins so.
fn interrupted(args: &[&str], step: &str, signal: i32, code: i32) {
    let demo = Demo::start(args);
    let pid = demo.pid();
    demo.shows(step);
    wait_until("processes have started", || !players("tour", pid).is_empty());
    demo.signal(signal);
    assert_eq!(demo.end(), End { code: Some(code), complaints: String::new() });
    nothing_is_left("tour", pid);
}

#[test]
fn an_interrupt_leaves_nothing() {
    interrupted(&[], "2. ", SIGINT, 130);
    interrupted(&["--quick"], "3. ", SIGINT, 130);
    interrupted(&["--quick"], "4. ", SIGINT, 130);
}

#[test]
fn an_interrupt_of_the_later_steps_leaves_nothing() {
    interrupted(&["--quick"], "6. ", SIGINT, 130);
    interrupted(&["--quick"], "8. ", SIGINT, 130);
}

#[test]
fn an_interrupt_while_there_is_a_file_leaves_nothing() {
    let demo = Demo::start(&["--quick"]);
    let pid = demo.pid();
    demo.shows("7. ");
    demo.signal(SIGINT);
    assert_eq!(demo.end(), End { code: Some(130), complaints: String::new() });
    nothing_is_left("tour", pid);
}

#[test]
#[cfg_attr(portable, ignore = "named regions lie in that folder, too")]
fn a_region_in_a_file_takes_a_folder() {
    let demo = Demo::start_with_temporary(&["--quick"], "/nowhere");
    let pid = demo.pid();
    demo.shows("7. ");
    let End { code, complaints } = demo.end();
    assert_eq!(code, Some(1));
    assert!(complaints.starts_with("mbox-demo: /nowhere/mbox-demo-tour-"), "{complaints}");
    assert!(complaints.ends_with("-files: No such file or directory (os error 2)\n"), "{complaints}");
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    nothing_is_left("tour", pid);
}

#[test]
fn other_signals_leave_nothing_either() {
    interrupted(&[], "2. ", SIGTERM, 143);
    interrupted(&[], "2. ", SIGHUP, 129);
}

#[test]
fn a_killed_process_ends_the_tour() {
    let demo = Demo::start(&[]);
    let pid = demo.pid();
    demo.shows("2. ");
    wait_until("a process has started", || !players("tour", pid).is_empty());
    signal(players("tour", pid)[0], SIGKILL);
    let End { code, complaints } = demo.end();
    assert_eq!(code, Some(1));
    assert!(complaints.starts_with("mbox-demo: the process for \"bounce "), "{complaints}");
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    nothing_is_left("tour", pid);
}

#[test]
fn a_killed_rank_of_the_ring_ends_the_tour() {
    let demo = Demo::start(&["--quick"]);
    let pid = demo.pid();
    demo.shows("4. ");
    wait_until("all processes have started", || players("tour", pid).len() == 8);
    signal(players("tour", pid)[3], SIGKILL);
    let End { code, complaints } = demo.end();
    assert_eq!(code, Some(1));
    assert!(complaints.starts_with("mbox-demo: the process for \"pass "), "{complaints}");
    assert!(complaints.contains("signal: 9"), "{complaints}");
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    nothing_is_left("tour", pid);
}

#[test]
fn nobody_reads_it() {
    let demo = Demo::launch(&["--quick"], broken_pipe());
    let pid = demo.pid();
    demo.fails("standard output: Broken pipe (os error 32)");
    nothing_is_left("tour", pid);
    let demo = Demo::launch(&["--quick"], full_device());
    let pid = demo.pid();
    demo.fails("standard output: No space left on device (os error 28)");
    nothing_is_left("tour", pid);
}

#[test]
fn its_reader_goes_away() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let demo = Demo::launch(&["--quick"], writer);
    let pid = demo.pid();
    std::io::Read::read_exact(&mut reader, &mut [0; 1]).expect("a first line");
    drop(reader);
    demo.fails("standard output: Broken pipe (os error 32)");
    nothing_is_left("tour", pid);
}

#[test]
fn a_command_line_without_sense_is_told_on_one_line() {
    let End { code, complaints } = Demo::start(&["--slow"]).end();
    assert_eq!(code, Some(2));
    assert_eq!(complaints, "mbox-demo: unexpected argument '--slow' found; see: mbox-demo --help\n");
}

#[test]
fn without_an_output_it_does_not_begin() {
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", "exec \"$0\" --quick >&-", env!("CARGO_BIN_EXE_mbox-demo")]).output();
    let output = output.expect("a shell");
    let complaint = "mbox-demo: standard output: Bad file descriptor (os error 9)\n";
    assert_eq!((output.status.code(), &*output.stderr), (Some(1), complaint.as_bytes()));
}
