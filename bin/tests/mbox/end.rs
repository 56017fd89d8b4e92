//! A stream that is cut off does not look whole, and what was not written is not lost.

use crate::program::{Name, Process, broken_pipe, feed, file_of, mbox, mbox_reading, mbox_writing};
use kit::SIGPIPE;
use std::fs::File;
use std::process::Stdio;

const DEVICE_FULL: &str = "standard output: No space left on device (os error 28)";

/// A region whose mailboxes are far smaller than what is sent.
const SMALL: &[&str] = &["--ranks", "2", "--arena", "256K"];

fn sender(region: &str, input: impl Into<Stdio>) -> Process {
    mbox_reading(&["send", region, "--as", "0", "--to", "1"], input)
}

fn died(region: &str) -> String {
    format!(
        "region {region:?}: rank 0 died before the end of its input; what it had sent is written; send it again"
    )
}

#[test]
fn what_a_killed_sender_sent_is_written() {
    let region = Name::create(&["--ranks", "2"]);
    let mut sender = sender(&region, Stdio::piped());
    let mut input = sender.input();
    feed(&mut input, b"all that there was");
    region.wait_for_unread(1);
    sender.kill();
    assert_eq!(sender.finish().status.code(), None);
    let output = mbox(["recv", &region, "--as", "1"]).fails(&died(&region));
    assert_eq!(output, b"all that there was");
}

#[test]
fn a_receiver_that_waits_sees_its_sender_die() {
    for from in [&[][..], &["--from", "0"]] {
        let region = Name::create(&["--ranks", "2"]);
        let mut sender = sender(&region, Stdio::piped());
        let mut input = sender.input();
        feed(&mut input, b"begin\n");
        let args = [&["recv", &region, "--as", "1"], from].concat();
        let mut receiver = mbox_writing(&args, Stdio::piped());
        let output = receiver.lines();
        assert_eq!(output.next().as_deref(), Some("begin"));
        sender.kill();
        receiver.fails(&died(&region));
        assert_eq!(output.next(), None);
    }
}

#[test]
fn a_death_is_told_once() {
    let region = Name::create(&["--ranks", "2"]);
    let mut killed = sender(&region, Stdio::piped());
    let mut input = killed.input();
    feed(&mut input, b"x");
    region.wait_for_unread(1);
    killed.kill();
    mbox(["recv", &region, "--as", "1"]).fails(&died(&region));
    let receiver = mbox(["recv", &region, "--as", "1"]);
    sender(&region, file_of(b"again")).succeeds();
    assert_eq!(receiver.succeeds(), b"again");
}

#[test]
fn a_sender_that_cannot_read_on_does_not_leave_as_if_that_were_all() {
    let region = Name::create(&["--ranks", "2"]);
    let directory = File::open("/").expect("a directory");
    sender(&region, directory).fails("standard input: Is a directory (os error 21)");
    assert_eq!(mbox(["recv", &region, "--as", "1"]).fails(&died(&region)), b"");
}

#[test]
fn a_line_above_the_limit_is_told_with_its_number() {
    let region = Name::create(&["--ranks", "2", "--max-message", "512"]);
    let line = |len| "l".repeat(len) + "\n";
    let fits = line(512) + &line(0) + &line(511);
    let input = fits.clone() + &line(513);
    mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(input.as_bytes())).fails(
        &format!(
            "region {:?}: line 4 is larger than the limit of 512 bytes; omit --lines, or create the \
             region with a larger --max-message",
            &*region
        ),
    );
    let output = mbox(["recv", &region, "--as", "1", "--lines"]).fails(&died(&region));
    assert_eq!(output, fits.as_bytes());
}

#[test]
fn what_could_not_be_written_is_there_for_the_next_receiver() {
    // Small mails are gathered, large ones are passed through in pieces.
    let (small, large) = ("small\n".repeat(100), "l".repeat(300_000) + "\n");
    for (lines, input) in [
        (&[][..], small.clone() + &large),
        (&["--lines"], small.clone() + &large + &small),
        (&["--lines"], large.clone() + &small),
    ] {
        let region = Name::create(&["--ranks", "2", "--arena", "1M"]);
        let send = [&["send", &region, "--as", "0", "--to", "1"], lines].concat();
        let recv = [&["recv", &region, "--as", "1"], lines].concat();
        mbox_reading(&send, file_of(input.as_bytes())).succeeds();
        mbox_writing(&recv, broken_pipe()).ends_by(SIGPIPE);
        mbox_writing(&recv, File::options().write(true).open("/dev/full").expect("a device"))
            .fails(DEVICE_FULL);
        assert!(mbox(recv).succeeds() == input.as_bytes());
    }
}

#[test]
fn a_sender_waits_for_a_receiver_after_one_that_left() {
    let region = Name::create(SMALL);
    sender(&region, file_of(b"one")).succeeds();
    mbox(["recv", &region, "--as", "1"]).succeeds();
    let input = vec![7; 1 << 20];
    let sender = sender(&region, file_of(&input));
    region.wait_until(|stat| stat["mailboxes"][0]["unread"].as_u64() >= Some(3));
    assert!(mbox(["recv", &region, "--as", "1"]).succeeds() == input);
    sender.succeeds();
}

#[test]
fn a_sender_waits_for_a_receiver_after_one_that_died() {
    let region = Name::create(SMALL);
    let mut killed = mbox(["recv", &region, "--as", "1"]);
    region.wait_for(1, "live");
    killed.kill();
    region.wait_for(1, "dead");
    let input = vec![7; 1 << 20];
    let sender = sender(&region, file_of(&input));
    region.wait_until(|stat| stat["mailboxes"][0]["unread"].as_u64() >= Some(3));
    assert!(mbox(["recv", &region, "--as", "1"]).succeeds() == input);
    sender.succeeds();
}

/// A receiver that has joined and is stuck because nobody reads what it writes, and the end that could.
fn stuck_receiver(region: &Name) -> (Process, impl Sized) {
    let mut receiver = mbox_writing(&["recv", region, "--as", "1"], Stdio::piped());
    let output = receiver.output();
    region.wait_for(1, "live");
    (receiver, output)
}

#[test]
fn whoever_waits_in_a_region_that_is_removed_is_told() {
    let region = Name::create(SMALL);
    let (receiver, _output) = stuck_receiver(&region);
    let told = format!(
        "region {name:?}: the region was removed while it was in use; create it again with: mbox create {name} --ranks N; \
         where a logout did it, set RemoveIPC=no in logind.conf, or use a file",
        name = &*region
    );
    std::fs::remove_file(region.path()).expect("a name");
    receiver.fails(&told);
    mbox(["create", &region, "--ranks", "2", "--arena", "256K"]).succeeds();
    // It waits for a receiver to come.
    let sender = sender(&region, file_of(&vec![1; 1 << 20]));
    region.wait_until(|stat| stat["mailboxes"][0]["unread"].as_u64() >= Some(2));
    std::fs::remove_file(region.path()).expect("a name");
    sender.fails(&told);
}

#[test]
fn a_receiver_that_dies_half_way_fails_its_sender() {
    let region = Name::create(SMALL);
    let (mut receiver, _output) = stuck_receiver(&region);
    let sender = sender(&region, file_of(&vec![1; 1 << 20]));
    region.wait_until(|stat| stat["mailboxes"][0]["unread"].as_u64() >= Some(3));
    receiver.kill();
    sender.fails(&format!(
        "region {:?}: rank 1 died, or was replaced, before it made room or had the whole message; \
         not everything was sent; start both again",
        &*region
    ));
}

#[test]
fn a_receiver_that_leaves_half_way_fails_its_sender() {
    let region = Name::create(SMALL);
    let (receiver, output) = stuck_receiver(&region);
    let sender = sender(&region, file_of(&vec![1; 1 << 20]));
    region.wait_until(|stat| stat["mailboxes"][0]["unread"].as_u64() >= Some(3));
    drop(output);
    receiver.ends_by(SIGPIPE);
    sender.fails(&format!(
        "region {:?}: rank 1 left before it made room or had the whole message; \
         not everything was sent; start both again",
        &*region
    ));
}

#[test]
fn every_command_ends_as_others_do_when_nobody_reads() {
    let region = Name::create(&["--ranks", "2"]);
    let full = || File::options().write(true).open("/dev/full").expect("a device");
    for args in
        [&["ls"][..], &["ls", "--json"], &["stat", &region], &["stat", &region, "--json"], &["--help"]]
    {
        mbox_writing(args, broken_pipe()).ends_by(SIGPIPE);
        mbox_writing(args, full()).fails(DEVICE_FULL);
    }
}

#[test]
fn silence_on_standard_error_is_no_crash() {
    let mut command = crate::program::command(["stat", "/"]);
    let status = command.stderr(broken_pipe()).status().expect("it starts");
    assert_eq!(status.code(), Some(1));
}
