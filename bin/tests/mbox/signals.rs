//! A process that is asked to end leaves first.

use crate::program::{MBOX, Name, Process, feed, file_of, mbox, mbox_reading};
use crate::program::{mbox_through_shell, mbox_writing};
use kit::{SIGHUP, SIGINT, SIGTERM, signal, wait_until};
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

#[test]
fn a_receiver_that_waits_leaves() {
    let region = Name::create(&["--ranks", "3"]);
    mbox_reading(&["send", &region, "--as", "0", "--to", "2", "--lines"], file_of(b"1\n2\n3\n")).succeeds();
    for number in SIGNALS {
        let receiver = mbox(["recv", &region, "--as", "1"]);
        region.wait_until(|stat| !stat["joined"][1]["receiver_awaits"].is_null());
        receiver.signal(number);
        assert_eq!(receiver.ends_by(number), b"");
        assert_eq!(
            (region.stat()["joined"][1]["status"].as_str(), region.state().as_str()),
            (Some("left"), "idle")
        );
    }
    assert_eq!(mbox(["recv", &region, "--as", "2", "--lines"]).succeeds(), b"1\n2\n3\n");
}

#[test]
fn a_receiver_that_nobody_reads_leaves_its_mail() {
    let region = Name::create(&["--ranks", "2", "--arena", "256K"]);
    let input: Vec<u8> = (0..100_000_u32).flat_map(|at| at.to_ne_bytes()).collect();
    let mut receiver = mbox_writing(&["recv", &region, "--as", "1"], Stdio::piped());
    let output = receiver.output();
    let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(&input));
    // The pipe is full: the receiver waits for its reader.
    region.wait_until(|stat| stat["mailboxes"][0]["unread"].as_u64() >= Some(3));
    thread::sleep(Duration::from_millis(50));
    receiver.signal(SIGTERM);
    receiver.ends_by(SIGTERM);
    region.wait_for(1, "left");
    drop(output);
    drop(sender);
    assert!(region.stat()["mailboxes"][0]["unread"].as_u64() >= Some(3));
}

#[test]
fn the_same_signal_to_a_process_and_its_group_is_one_request() {
    let region = Name::create(&["--ranks", "2"]);
    for _ in 0..20 {
        let receiver = mbox(["recv", &region, "--as", "1"]);
        region.wait_for(1, "live");
        (0..3).for_each(|_| receiver.signal(SIGINT));
        // It may have ended before the last came.
        receiver.ends_by(SIGINT);
        assert_eq!(region.stat()["joined"][0]["status"], "left");
    }
}

#[test]
fn a_sender_that_is_interrupted_does_not_leave_as_if_that_were_all() {
    for number in SIGNALS {
        let region = Name::create(&["--ranks", "2"]);
        let mut sender =
            mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
        let mut input = sender.input();
        feed(&mut input, b"half of it\n");
        region.wait_for_unread(1);
        sender.signal(number);
        sender.ends_by(number);
        let output = mbox(["recv", &region, "--as", "1", "--lines"]).fails(&format!(
            "region {:?}: rank 0 died before the end of its input; what it had sent is written; send it again",
            &*region
        ));
        assert_eq!(output, b"half of it\n");
    }
}

#[test]
fn a_sender_that_waits_for_room_can_be_interrupted() {
    let region = Name::create(&["--ranks", "2", "--arena", "256K"]);
    let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(&vec![7; 1 << 20]));
    region.wait_until(|stat| !stat["joined"][0]["sender_awaits"].is_null());
    sender.signal(SIGINT);
    sender.ends_by(SIGINT);
    // In the middle of a message, too.
    let region = Name::create(&["--ranks", "2", "--arena", "256K"]);
    let sender =
        mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(&vec![7; 1 << 20]));
    region.wait_until(|stat| !stat["joined"][0]["sender_awaits"].is_null());
    sender.signal(SIGINT);
    sender.ends_by(SIGINT);
}

#[test]
fn a_region_in_a_file_is_closed_by_a_signal() {
    let region = Name::file().created(&["--ranks", "2"]);
    let boot = || {
        let header = fs::read(region.path()).expect("a region");
        u64::from_ne_bytes(header[8 * 8..9 * 8].try_into().expect("a word"))
    };
    let receiver = mbox(["recv", &region, "--as", "1"]);
    region.wait_for(1, "live");
    assert_ne!(boot(), 0);
    receiver.signal(SIGTERM);
    receiver.ends_by(SIGTERM);
    assert_eq!(boot(), 0);
    // A sender counts as dead, but what it sent outlives a reboot.
    let mut sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    feed(&mut input, b"line\n");
    region.wait_for_unread(1);
    sender.signal(SIGTERM);
    sender.ends_by(SIGTERM);
    assert_eq!(boot(), 0);
    assert_eq!(region.stat()["mailboxes"][0]["unread"], 1);
}

#[test]
fn what_it_was_told_to_ignore_it_ignores() {
    let region = Name::create(&["--ranks", "2"]);
    let receiver = mbox_through_shell(&["recv", &region, "--as", "1"], "");
    region.wait_for(1, "live");
    receiver.signal(SIGHUP);
    receiver.ends_by(SIGHUP);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", MBOX, "recv", &region, "--as", "1"]);
    let receiver = Process::start(command.stdin(Stdio::null()));
    region.wait_for(1, "live");
    receiver.signal(SIGHUP);
    mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(b"still here")).succeeds();
    assert_eq!(receiver.succeeds(), b"still here");
}

/// Starts `mbox` as the first process of a PID namespace; `None` if that is not possible. And its process id outside.
fn as_init(args: &[&str], input: impl Into<Stdio>) -> Option<(Process, u32)> {
    let isolated = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-fp", "--kill-child", MBOX]).args(args);
        command
    };
    let tried = isolated(&["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot make a PID namespace");
        return None;
    }
    let process = Process::start(isolated(args).stdin(input));
    let children = format!("/proc/{0}/task/{0}/children", process.id());
    let mut child = None;
    wait_until("it has a child", || {
        let listed = fs::read_to_string(&children).expect("the children of a process");
        child = listed.split_whitespace().next().map(|child| child.parse().expect("a number"));
        child.is_some()
    });
    Some((process, child?))
}

#[test]
fn the_first_process_of_a_container_leaves_too() {
    let region = Name::create(&["--ranks", "2"]);
    for number in SIGNALS {
        let args = ["recv", &region, "--as", "1"];
        let Some((receiver, child)) = as_init(&args, Stdio::null()) else { return };
        region.wait_until(|stat| !stat["joined"][0]["receiver_awaits"].is_null());
        signal(child, number);
        let finished = receiver.finish();
        assert_eq!((finished.complaints.as_str(), finished.status.code()), ("", Some(128 + number)));
        assert_eq!(region.stat()["joined"][0]["status"], "left");
    }
    let args = ["send", &region, "--as", "0", "--to", "1"];
    let Some((mut sender, child)) = as_init(&args, Stdio::piped()) else { return };
    let _input = sender.input();
    region.wait_for(0, "live");
    // Not before it hears signals, which it does before it joins.
    signal(child, SIGTERM);
    assert_eq!(sender.finish().status.code(), Some(128 + SIGTERM));
    region.wait_for(0, "dead");
}
