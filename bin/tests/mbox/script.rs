//! What scripts need: so many messages, so much time, other separators, and a status that says how it went.

use crate::program::{Name, Process, command, feed, file_of, mbox, mbox_reading, mbox_writing};
use kit::SIGPIPE;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn send(region: &str, from: &str, input: &[u8]) {
    mbox_reading(&["send", region, "--as", from, "--to", "1", "--lines"], file_of(input)).succeeds();
}

fn recv(region: &str, options: &[&str]) -> Process {
    mbox([&["recv", region, "--as", "1"], options].concat())
}

/// `recv` ends with status 3 and says so.
#[track_caller]
fn too_few(process: Process, region: &str, why: &str) -> Vec<u8> {
    process.fails_with(3, &format!("region {region:?}: {why}"))
}

#[test]
fn so_many_messages_are_taken_and_no_more() {
    let region = Name::create(&["--ranks", "3"]);
    send(&region, "0", b"1\n2\n3\n4\n5\n");
    assert_eq!(recv(&region, &["--lines", "--count", "2"]).succeeds(), b"1\n2\n");
    assert_eq!(region.stat()["mailboxes"][0]["unread"], 3);
    assert_eq!(recv(&region, &["--lines", "--count", "1"]).succeeds(), b"3\n");
    assert_eq!(recv(&region, &["--lines", "--count", "2"]).succeeds(), b"4\n5\n");
    // A message that is not there yet is waited for, though the one that sent the others has left.
    let receiver = recv(&region, &["--lines", "--count", "2"]);
    region.wait_until(|stat| !stat["joined"][1]["receiver_awaits"].is_null());
    let mut sender = mbox_reading(&["send", &region, "--as", "2", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    feed(&mut input, b"6\n");
    region.wait_until(|stat| stat["mailboxes"][1]["messages"] == 1);
    feed(&mut input, b"7\n8\n");
    assert_eq!(receiver.succeeds(), b"6\n7\n");
    assert_eq!(recv(&region, &["--lines", "--count", "1"]).succeeds(), b"8\n");
}

#[test]
fn a_message_in_pieces_counts_as_one() {
    let region = Name::create(&["--ranks", "2", "--arena", "256K"]);
    let input = [vec![b'l'; 600_000], b"\nsmall\n".to_vec()].concat();
    let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(&input));
    assert!(recv(&region, &["--lines", "--count", "1"]).succeeds() == input[..=600_000]);
    assert_eq!(recv(&region, &["--lines", "--count", "1"]).succeeds(), b"small\n");
    sender.succeeds();
}

#[test]
fn too_few_messages_have_a_status_of_their_own() {
    let region = Name::create(&["--ranks", "2"]);
    let none = "no message for rank 1: nothing came for 0.05 s";
    assert_eq!(too_few(recv(&region, &["--timeout", "50ms"]), &region, none), b"");
    let none = "no message for rank 1: there are no more messages";
    assert_eq!(too_few(recv(&region, &["--no-wait"]), &region, none), b"");
    let mut sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    feed(&mut input, b"1\n2\n");
    region.wait_for_unread(2);
    let few = "2 of 5 messages for rank 1: nothing came for 0.05 s";
    let output = too_few(recv(&region, &["--lines", "--count", "5", "--timeout", "0.05"]), &region, few);
    assert_eq!(output, b"1\n2\n");
    feed(&mut input, b"3\n");
    region.wait_for_unread(1);
    let few = "1 of 2 messages for rank 1: there are no more messages";
    assert_eq!(too_few(recv(&region, &["--lines", "--count", "2", "--no-wait"]), &region, few), b"3\n");
    feed(&mut input, b"4\n");
    drop(input);
    sender.succeeds();
    let few = "1 of 2 messages for rank 1: every sender has left";
    assert_eq!(too_few(recv(&region, &["--lines", "--count", "2"]), &region, few), b"4\n");
}

#[test]
fn what_is_there_is_enough_without_a_count() {
    let region = Name::create(&["--ranks", "2"]);
    for option in [&["--no-wait"][..], &["--timeout", "50ms"], &["--timeout", "0"]] {
        let mut sender =
            mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
        let mut input = sender.input();
        feed(&mut input, b"1\n2\n");
        region.wait_for_unread(2);
        // Its sender lives.
        assert_eq!(recv(&region, &[option, &["--lines"]].concat()).succeeds(), b"1\n2\n");
        drop(input);
        sender.succeeds();
    }
}

#[test]
fn a_receiver_that_does_not_wait_hears_of_a_death() {
    let region = Name::create(&["--ranks", "2"]);
    let mut sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    feed(&mut input, b"1\n");
    region.wait_for_unread(1);
    sender.kill();
    let output = recv(&region, &["--no-wait", "--lines"]).fails(&format!(
        "region {:?}: rank 0 died before the end of its input; what it had sent is written; send it again",
        &*region
    ));
    assert_eq!(output, b"1\n");
}

#[test]
fn time_begins_again_with_each_message() {
    let region = Name::create(&["--ranks", "2"]);
    let mut sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    let mut receiver =
        mbox_writing(&["recv", &region, "--as", "1", "--lines", "--timeout", "20"], Stdio::piped());
    let output = receiver.lines();
    for line in ["first", "second"] {
        feed(&mut input, format!("{line}\n").as_bytes());
        assert_eq!(output.next().as_deref(), Some(line));
    }
    drop(input);
    sender.succeeds();
    receiver.succeeds();
}

#[test]
fn a_nul_separates_messages_that_have_newlines() {
    let region = Name::create(&["--ranks", "2"]);
    for (input, output) in [(&b"a\nb\0\0c\0"[..], &b"a\nb\0\0c\0"[..]), (b"no end", b"no end\0"), (b"", b"")]
    {
        mbox_reading(&["send", &region, "--as", "0", "--to", "1", "-0"], file_of(input)).succeeds();
        assert_eq!(recv(&region, &["--null"]).succeeds(), output);
    }
    let small = Name::create(&["--ranks", "2", "--max-message", "4"]);
    mbox_reading(&["send", &small, "--as", "0", "--to", "1", "-0"], file_of(b"four\0fives\0")).fails(
        &format!(
            "region {:?}: message 2 is larger than the limit of 4 bytes; omit --null, or create the region \
         with a larger --max-message",
            &*small
        ),
    );
}

#[test]
fn the_sender_is_written_before_each_message() {
    let region = Name::create(&["--ranks", "4", "--arena", "256K"]);
    send(&region, "0", b"one\n\n");
    send(&region, "3", b"two\n");
    let mut lines: Vec<String> = recv(&region, &["--lines", "--with-sender"])
        .succeeds()
        .lines()
        .map(|line| line.expect("UTF-8"))
        .collect();
    lines.sort();
    assert_eq!(lines, ["0\t", "0\tone", "3\ttwo"]);
    // Once for a message in pieces, too, and for one that is written in parts.
    for len in [100_000, 131_072, 131_071, 600_000] {
        let input = [vec![b'l'; len], vec![0]].concat();
        let sender = mbox_reading(&["send", &region, "--as", "2", "--to", "1", "-0"], file_of(&input));
        assert!(recv(&region, &["-0", "--with-sender"]).succeeds() == [b"2\t", &input[..]].concat());
        sender.succeeds();
    }
    recv(&region, &["--with-sender"]).fails_with(
        2,
        "--with-sender needs --lines or --null: a stream has no beginnings of messages; see: mbox recv --help",
    );
}

#[test]
fn a_reader_that_ends_early_costs_no_more_than_the_pipe_holds() {
    let region = Name::create(&["--ranks", "2"]);
    let input: Vec<u8> = (0..60_000).flat_map(|at| format!("{at:09}\n").into_bytes()).collect();
    let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(&input));
    let mut receiver = mbox_writing(&["recv", &region, "--as", "1", "--lines"], Stdio::piped());
    let mut output = BufReader::with_capacity(4096, receiver.output());
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert_eq!(line, "000000000\n");
    // The mailbox is full, and so is the pipe.
    region.wait_until(|stat| stat["mailboxes"][0]["sleeps"].as_u64() > Some(0));
    drop(output);
    receiver.ends_by(SIGPIPE);
    drop(sender);
    let rest = recv(&region, &["--lines", "--no-wait"]).finish();
    let rest = String::from_utf8(rest.output).expect("UTF-8");
    let first: usize = rest.lines().next().and_then(|line| line.parse().ok()).expect("a number");
    // A pipe of 64 KiB, what was read of it, and a batch that was written in part.
    assert!(first * 10 <= (64 << 10) + 4096 + (32 << 10), "{first}");
    assert!(rest.lines().zip(first..).all(|(line, number)| line.parse() == Ok(number)));
}

#[test]
fn sizes_are_accepted_as_stat_shows_them() {
    for (arena, max_message, bytes) in [
        ("2 MiB", "1 GiB", [2_u64 << 20, 1 << 30]),
        ("1.5M", "1000 B", [3 << 19, 1000]),
        ("64KiB", "4T", [64 << 10, 4 << 40]),
    ] {
        let region = Name::create(&["--ranks", "2", "--arena", arena, "--max-message", max_message]);
        let stat = region.stat();
        assert_eq!(
            [&stat["arena"], &stat["max_message"]],
            [&bytes[0].into(), &bytes[1].into()] as [&Value; 2]
        );
    }
}

#[test]
fn help_has_examples_and_fits_a_terminal() {
    for args in [
        &["--help"][..],
        &["create", "--help"],
        &["ls", "--help"],
        &["stat", "--help"],
        &["rm", "--help"],
        &["clean", "--help"],
        &["send", "--help"],
        &["recv", "--help"],
        &["run", "--help"],
    ] {
        let help = Process::start(command(args).env("COLUMNS", "80")).succeeds();
        let help = String::from_utf8(help).expect("UTF-8");
        assert!(help.contains("Examples:\n  mbox "), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
    let help = |name| String::from_utf8(mbox([name, "--help"]).succeeds()).expect("UTF-8");
    for status in ["  0    ", "  1    ", "  2    ", "  3    ", "  128 + N"] {
        assert!(help("recv").contains(status), "{status}");
    }
    let bare = mbox([""; 0]).finish();
    assert_eq!(bare.status.code(), Some(2));
    assert!(
        bare.output.is_empty() && bare.complaints.contains("Usage: mbox <COMMAND>"),
        "{}",
        bare.complaints
    );
}
