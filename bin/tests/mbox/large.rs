//! Messages that do not fit their mailbox.

use crate::program::{Name, feed, file_of, mbox, mbox_reading, mbox_writing};
use mailbox::{Config, Region, SendError};
use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// A region whose mailboxes are far smaller than these messages.
const SMALL: &[&str] = &["--ranks", "2", "--arena", "256K"];

/// Bytes without a newline, of which each part is told from the others.
fn text(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| b'!' + ((at * 31 + at / 251 + seed * 7) % 64) as u8).collect()
}

fn broke_off(region: &str) -> String {
    format!(
        "region {region:?}: rank 0 ended in the middle of a message; the written part is incomplete; \
         send it again"
    )
}

fn send_lines(region: &str) -> [&str; 7] {
    ["send", region, "--as", "0", "--to", "1", "--lines"]
}

fn recv_lines(region: &str) -> [&str; 5] {
    ["recv", region, "--as", "1", "--lines"]
}

/// The most memory that the process ever had, in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_line_of_300_megabytes_takes_no_memory_to_receive() {
    const PART: usize = 1 << 20;
    const PARTS: usize = 300;
    let region = Name::create(&["--ranks", "2"]);
    let mut receiver = mbox_writing(&recv_lines(&region), Stdio::piped());
    let mut output = receiver.output();
    let mut sender = mbox_reading(&send_lines(&region), Stdio::piped());
    let mut input = sender.input();
    let parts: Vec<Vec<u8>> = (0..7).map(|seed| text(PART, seed)).collect();
    let lent = parts.clone();
    let writer = thread::spawn(move || {
        for part in 0..PARTS {
            input.write_all(&lent[part % lent.len()]).expect("it reads");
        }
        input.write_all(b"\nnext\n").expect("it reads");
        input
    });
    let mut buffer = vec![0; PART];
    for part in 0..PARTS {
        output.read_exact(&mut buffer).expect("it writes");
        assert!(buffer == parts[part % parts.len()], "part {part}");
    }
    let mut rest = [0; 6];
    output.read_exact(&mut rest).expect("it writes");
    assert_eq!(&rest, b"\nnext\n");
    let memory = most_memory(receiver.id());
    assert!(memory < 20 << 10, "{memory} KiB");
    drop(writer.join().expect("it wrote"));
    sender.succeeds();
    receiver.succeeds();
}

#[test]
fn lines_of_all_lengths_arrive() {
    for arena in ["128", "1K", "256K", "2M"] {
        let region = Name::create(&["--ranks", "2", "--cells", "16", "--arena", arena]);
        let lengths = [0, 1, 48, 49, 64, 65, 512, 513, 65_536, 131_072, 131_073, 0, 1_048_577, 3_000_000, 5];
        let mut input = Vec::new();
        for (seed, length) in lengths.into_iter().enumerate() {
            input.extend(text(length, seed));
            input.push(b'\n');
        }
        let sender = mbox_reading(&send_lines(&region), file_of(&input));
        assert!(mbox(recv_lines(&region)).succeeds() == input, "arena of {arena}");
        sender.succeeds();
    }
}

#[test]
fn bytes_arrive_through_an_arena_that_is_smaller_than_what_is_read_at_once() {
    for arena in ["128", "1K", "200K"] {
        let arena = if arena == "200K" { "204800" } else { arena };
        let region = Name::create(&["--ranks", "2", "--arena", arena]);
        let input = text(1_000_003, 0);
        let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(&input));
        assert!(mbox(["recv", &region, "--as", "1"]).succeeds() == input);
        sender.succeeds();
    }
}

#[test]
fn lines_of_several_senders_do_not_mix() {
    let region = Name::create(&["--ranks", "4", "--arena", "1K"]);
    let line = |rank: u32| [vec![b'0' + rank as u8; 200_000], b"\n".to_vec()].concat();
    let senders: Vec<_> = [0, 2, 3]
        .map(|rank| {
            let input = line(rank).repeat(5);
            mbox_reading(
                &["send", &region, "--as", &rank.to_string(), "--to", "1", "--lines"],
                file_of(&input),
            )
        })
        .into();
    region.wait_until(|stat| stat["mailboxes"].as_array().is_some_and(|all| all.len() == 3));
    let output = mbox(recv_lines(&region)).succeeds();
    let lines: Vec<&[u8]> = output.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 15);
    for rank in [0, 2, 3] {
        assert_eq!(lines.iter().filter(|whole| **whole == line(rank)).count(), 5, "rank {rank}");
    }
    senders.into_iter().for_each(|sender| drop(sender.succeeds()));
}

#[test]
fn a_large_line_waits_for_a_receiver_after_one_that_ended() {
    let region = Name::create(SMALL);
    let input = [b"small\n".to_vec(), text(1 << 20, 0), b"\nlast\n".to_vec()].concat();
    for killed in [false, true] {
        if killed {
            let mut receiver = mbox(recv_lines(&region));
            region.wait_for(1, "live");
            receiver.kill();
            region.wait_for(1, "dead");
        } else {
            mbox_reading(&send_lines(&region), file_of(b"x\n")).succeeds();
            mbox(recv_lines(&region)).succeeds();
        }
        let sender = mbox_reading(&send_lines(&region), file_of(&input));
        region.wait_for_unread(1);
        // Long enough for more than one attempt, if there were any: none may be broken off.
        thread::sleep(Duration::from_millis(100));
        assert!(mbox(recv_lines(&region)).succeeds() == input);
        sender.succeeds();
    }
}

#[test]
fn a_sender_that_is_killed_in_the_middle_of_a_message() {
    for from in [&[][..], &["--from", "0"]] {
        let region = Name::create(SMALL);
        let mut receiver = mbox_writing(&[&recv_lines(&region)[..], from].concat(), Stdio::piped());
        let mut output = receiver.output();
        let line = text(4 << 20, 0);
        let input = [b"whole\n", &line[..], b"\n"].concat();
        let mut sender = mbox_reading(&send_lines(&region), file_of(&input));
        // The large one has begun to come, and is in the middle as long as nobody reads more.
        let mut written = vec![0; b"whole\n".len() + 1];
        output.read_exact(&mut written).expect("a pipe");
        region.wait_until(|stat| stat["mailboxes"][0]["sleeps"].as_u64() > Some(0));
        sender.kill();
        region.wait_for(0, "dead");
        output.read_to_end(&mut written).expect("a pipe");
        receiver.fails(&broke_off(&region));
        let part = written.strip_prefix(b"whole\n").and_then(|rest| rest.strip_suffix(b"\n"));
        let part = part.expect("a line that was whole, and one that was not");
        assert!(!part.is_empty() && part.len() < line.len() && line.starts_with(part), "{}", part.len());
        if from.is_empty() {
            // It was told: the next receiver waits for the next sender.
            let receiver = mbox(recv_lines(&region));
            mbox_reading(&send_lines(&region), file_of(b"again\n")).succeeds();
            assert_eq!(receiver.succeeds(), b"again\n");
        }
    }
}

#[test]
fn a_message_that_is_given_up_is_told_and_the_next_ones_follow() {
    let name = Name::new();
    let region = Region::create(&*name, Config::ranks(2).arena(256 << 10)).expect("a region");
    let me = region.join(0).expect("a rank");
    let mut receiver = mbox_writing(&recv_lines(&name), Stdio::piped());
    let mut output = receiver.output();
    let line = text(4 << 20, 0);
    // Nobody reads what the receiver writes: it stops in the middle.
    assert_eq!(me.to(1).within(Duration::from_millis(300)).send(&line), Err(SendError::Timeout(1)));
    me.send(1, b"next").expect("room");
    drop(me);
    let mut written = Vec::new();
    output.read_to_end(&mut written).expect("a pipe");
    receiver.fails(&broke_off(&name));
    let part = written.strip_suffix(b"\nnext\n").expect("the next message on its own line");
    assert!(!part.is_empty() && part.len() < line.len() && line.starts_with(part), "{}", part.len());
}

#[test]
fn a_receiver_that_ends_in_the_middle_of_a_message_fails_its_sender() {
    let region = Name::create(SMALL);
    let mut receiver = mbox_writing(&recv_lines(&region), Stdio::piped());
    let mut output = receiver.output();
    region.wait_for(1, "live");
    let sender = mbox_reading(&send_lines(&region), file_of(&[text(4 << 20, 0), b"\n".to_vec()].concat()));
    region.wait_until(|stat| stat["mailboxes"][0]["sleeps"].as_u64() > Some(0));
    // It has the beginning.
    output.read_exact(&mut [0]).expect("a byte");
    receiver.kill();
    sender.fails(&format!(
        "region {:?}: rank 1 died, or was replaced, before it made room or had the whole message; \
         not everything was sent; start both again",
        &*region
    ));
    // What is left of it is no message.
    let mut sender = mbox_reading(&send_lines(&region), Stdio::piped());
    let mut input = sender.input();
    feed(&mut input, b"again\n");
    region.wait_for(0, "live");
    let receiver = mbox(recv_lines(&region));
    region.wait_until(|stat| stat["mailboxes"][0]["unread"] == 0);
    drop(input);
    sender.succeeds();
    assert_eq!(receiver.succeeds(), b"again\n");
}

#[test]
fn a_large_line_to_oneself_has_nobody_to_take_it() {
    let region = Name::create(&["--ranks", "1", "--arena", "256K"]);
    let input = [text(200_000, 0), b"\n".to_vec()].concat();
    mbox_reading(&["send", &region, "--as", "0", "--to", "0", "--lines"], file_of(&input)).fails(&format!(
        "region {:?}: rank 0: a message of 200000 bytes is longer than the limit of 131072; only another process can receive it; \
         omit --lines or --null, or create the region with a larger --arena",
        &*region
    ));
}
