//! Standard streams that are closed, that do not block, or that nobody reads any more.

use crate::program::{Name, feed, file_of, mbox, mbox_reading, mbox_through_shell, mbox_writing};
use kit::SIGPIPE;
use rustix::fs::{OFlags, fcntl_setfl};
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::thread;

const NO_OUTPUT: &str = "standard output: Bad file descriptor (os error 9)";
const NO_INPUT: &str = "standard input: Bad file descriptor (os error 9)";

fn send(region: &str, input: &[u8]) {
    mbox_reading(&["send", region, "--as", "0", "--to", "1", "--lines"], file_of(input)).succeeds();
}

#[test]
fn without_an_output_no_mail_is_taken() {
    let region = Name::create(&["--ranks", "2"]);
    send(&region, b"precious\n");
    for closed in [">&-", "1</dev/null"] {
        for lines in [&[][..], &["--lines"]] {
            let args = [&["recv", &region, "--as", "1"], lines].concat();
            mbox_through_shell(&args, closed).fails(NO_OUTPUT);
        }
    }
    assert_eq!((&region.stat()["mailboxes"][0]["unread"], region.state().as_str()), (&1.into(), "idle"));
    assert_eq!(mbox(["recv", &region, "--as", "1", "--lines"]).succeeds(), b"precious\n");
}

#[test]
fn without_an_input_nothing_is_sent() {
    let region = Name::create(&["--ranks", "2"]);
    for closed in ["<&-", "0>/dev/null"] {
        for lines in [&[][..], &["--lines"]] {
            let args = [&["send", &region, "--as", "0", "--to", "1"], lines].concat();
            mbox_through_shell(&args, closed).fails(NO_INPUT);
        }
    }
    assert_eq!(region.stat()["joined"].as_array().map(Vec::len), Some(0));
}

#[test]
fn what_cannot_be_told_is_not_done() {
    let region = Name::create(&["--ranks", "2"]);
    for args in [
        &["ls"][..],
        &["ls", "--json"],
        &["stat", &region],
        &["clean", &region],
        &["--help"],
        &["recv", "--help"],
        &["--version"],
    ] {
        mbox_through_shell(args, ">&-").fails(NO_OUTPUT);
    }
    assert!(region.exists());
}

#[test]
fn null_devices_are_streams_like_others() {
    let region = Name::create(&["--ranks", "2"]);
    // As daemons and other languages open them.
    for null in ["</dev/null >/dev/null", "<>/dev/null 1<>/dev/null"] {
        mbox_through_shell(&["send", &region, "--as", "0", "--to", "1"], null).succeeds();
        mbox_through_shell(&["recv", &region, "--as", "1"], null).succeeds();
        mbox_through_shell(&["ls"], null).succeeds();
    }
}

#[test]
fn an_output_that_does_not_block_is_waited_for() {
    let input: Vec<u8> = (0..4_000_000_u32).flat_map(|at| at.to_ne_bytes()).collect();
    let region = Name::create(&["--ranks", "2", "--arena", "256K"]);
    let (mut reader, writer) = io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a pipe");
    let receiver = mbox_writing(&["recv", &region, "--as", "1"], writer);
    let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(&input));
    // The pipe is full by then, and so is the mailbox.
    region.wait_until(|stat| stat["mailboxes"][0]["sleeps"].as_u64() > Some(0));
    let mut output = Vec::new();
    reader.read_to_end(&mut output).expect("a pipe");
    assert!(output == input, "{} bytes came out of {}", output.len(), input.len());
    receiver.succeeds();
    sender.succeeds();
}

#[test]
fn an_input_that_does_not_block_is_waited_for() {
    for lines in [&[][..], &["--lines"]] {
        let region = Name::create(&["--ranks", "2"]);
        let (reader, mut writer) = io::pipe().expect("a pipe");
        fcntl_setfl(&reader, OFlags::NONBLOCK).expect("a pipe");
        let sender = mbox_reading(&[&["send", &region, "--as", "0", "--to", "1"], lines].concat(), reader);
        let receiver = mbox([&["recv", &region, "--as", "1"], lines].concat());
        region.wait_for(0, "live");
        let input: Vec<u8> = (0..30_000).flat_map(|at| format!("line {at}\n").into_bytes()).collect();
        for (at, part) in input.chunks(100_000).enumerate() {
            writer.write_all(part).expect("it reads");
            region.wait_until(|stat| stat["mailboxes"][0]["messages"].as_u64() > Some(at as u64));
        }
        drop(writer);
        sender.succeeds();
        assert!(receiver.succeeds() == input);
    }
}

#[test]
fn a_receiver_whose_reader_has_gone_ends_at_once() {
    let region = Name::create(&["--ranks", "2"]);
    let mut sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    let mut receiver = mbox_writing(&["recv", &region, "--as", "1", "--lines"], Stdio::piped());
    let mut output = receiver.output();
    feed(&mut input, b"one\n");
    let mut line = [0; 4];
    output.read_exact(&mut line).expect("a line");
    drop(output);
    // Nothing is sent meanwhile.
    assert_eq!(receiver.ends_by(SIGPIPE), b"");
    region.wait_for(1, "left");
    feed(&mut input, b"two\n");
    drop(input);
    sender.succeeds();
    assert_eq!(mbox(["recv", &region, "--as", "1", "--lines"]).succeeds(), b"two\n");
}

#[test]
fn no_reader_no_mail() {
    let region = Name::create(&["--ranks", "2"]);
    send(&region, &b"line\n".repeat(500));
    mbox_writing(&["recv", &region, "--as", "1", "--lines"], crate::program::broken_pipe()).ends_by(SIGPIPE);
    assert_eq!(region.stat()["mailboxes"][0]["unread"], 500);
}

#[test]
fn a_socket_is_written_to() {
    let input = b"some bytes\n".repeat(50_000);
    let region = Name::create(&["--ranks", "2"]);
    let (mut here, there) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(&input));
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        here.read_to_end(&mut output).expect("a socket");
        output
    });
    mbox_writing(&["recv", &region, "--as", "1"], std::os::fd::OwnedFd::from(there)).succeeds();
    assert!(reader.join().expect("a reader") == input);
    sender.succeeds();
}
