//! Standard input comes out as standard output.

use crate::program::{Name, Process, feed, file_of, mbox, mbox_reading, mbox_writing};
use mailbox::Region;
use std::process::Stdio;
use std::{fs, iter};

fn send(region: &str, input: &[u8]) -> Process {
    mbox_reading(&["send", region, "--as", "0", "--to", "1"], file_of(input))
}

fn recv(region: &str) -> Process {
    mbox(["recv", region, "--as", "1"])
}

/// A region whose mailboxes are smaller than a program.
const SMALL: &[&str] = &["--ranks", "2", "--arena", "256K"];

/// Nothing, next to nothing, what just fits a message and what does not, and a program of some megabytes.
fn inputs() -> Vec<Vec<u8>> {
    let program = fs::read(std::env::current_exe().expect("this test")).expect("this test");
    assert!(program.len() > 1 << 20, "more than fits a mailbox of `SMALL`");
    vec![vec![], vec![b'x'], vec![0; 64 << 10], vec![255; (64 << 10) + 1], program]
}

fn text() -> Vec<u8> {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).expect("a text")
}

#[track_caller]
fn assert_same(output: &[u8], input: &[u8]) {
    // Megabytes are no message for people.
    assert!(output == input, "{} bytes came out of {}", output.len(), input.len());
}

#[test]
fn bytes_arrive_if_the_receiver_is_first() {
    for input in inputs() {
        let region = Name::create(&["--ranks", "2"]);
        let receiver = recv(&region);
        region.wait_for(1, "live");
        send(&region, &input).succeeds();
        assert_same(&receiver.succeeds(), &input);
    }
}

#[test]
fn bytes_arrive_if_the_sender_is_first() {
    for input in inputs() {
        let region = Name::create(SMALL);
        let sender = send(&region, &input);
        region.wait_for(0, if input.len() > 1 << 20 { "live" } else { "left" });
        assert_same(&recv(&region).succeeds(), &input);
        sender.succeeds();
    }
}

#[test]
fn one_region_serves_many_runs_whoever_is_first() {
    let region = Name::create(&["--ranks", "2"]);
    for round in 0..4 {
        for input in inputs() {
            let (sender, receiver) = if round % 2 == 0 {
                let receiver = recv(&region);
                (send(&region, &input), receiver)
            } else {
                (send(&region, &input), recv(&region))
            };
            assert_same(&receiver.succeeds(), &input);
            sender.succeeds();
        }
    }
}

#[test]
fn lines_arrive_as_messages() {
    for (input, count) in [(b"one\n\nthree\n".to_vec(), 3), (text(), 0)] {
        let region = Name::create(&["--ranks", "2", "--cells", "16"]);
        let sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(&input));
        if count > 0 {
            region.wait_for_unread(count);
        }
        let output = mbox(["recv", &region, "--as", "1", "--lines"]).succeeds();
        assert_same(&output, &input);
        sender.succeeds();
    }
}

#[test]
fn each_message_has_the_tag_that_was_asked_for() {
    let region = Name::create(&["--ranks", "2"]);
    let send = ["send", &region, "--as", "0", "--to", "1"];
    let forms: [(&[&str], u32); 5] = [
        (&[], 0),
        (&["--tag", "7"], 7),
        (&["--tag", "0xC0ffee", "--lines"], 0xC0_FFEE),
        (&["--tag", "0xffffffff", "--null"], u32::MAX),
        (&["--tag", "4294967295"], u32::MAX),
    ];
    for (options, tag) in forms {
        mbox_reading(&[&send, options].concat(), file_of(b"one\ntwo\n")).succeeds();
        let me = Region::open(&*region).expect("the region").join(1).expect("a free rank");
        let tags: Vec<u32> = iter::from_fn(|| me.try_recv().ok()?.map(|mail| mail.tag())).collect();
        assert_eq!(tags, vec![tag; 1 + usize::from(options.contains(&"--lines"))], "{options:?}");
    }
}

#[test]
fn messages_of_one_tag_are_received_and_the_others_stay() {
    let region = Name::create(&["--ranks", "2", "--cells", "4"]);
    for (tag, text) in [("2", "two\n"), ("1", "one\n"), ("1", "another one\n")] {
        let send = ["send", &region, "--as", "0", "--to", "1", "--lines", "--tag", tag];
        mbox_reading(&send, file_of(text.as_bytes())).succeeds();
    }
    let tagged = |tag| mbox(["recv", &region, "--as", "1", "--lines", "--tag", tag]);
    assert_same(&tagged("0x2").succeeds(), b"two\n");
    assert_same(&recv(&region).succeeds(), b"oneanother one");
    // What it leaves fills the mailbox.
    let full =
        mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(b"a\nb\nc\nd\ne\n"));
    region.wait_for(0, "live");
    let line = "4 mails of rank 0 that are not received keep others from coming; \
                receive them first: without --tag, or with their own";
    tagged("3").fails(&format!("region \"{}\": {line}", &*region));
    // The sender is told that its receiver has left.
    full.finish();
    assert_eq!(region.stat()["unread"], 4);
}

#[test]
fn a_last_line_needs_no_newline() {
    let region = Name::create(&["--ranks", "2"]);
    mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(b"a\nb")).succeeds();
    assert_same(&mbox(["recv", &region, "--as", "1", "--lines"]).succeeds(), b"a\nb\n");
}

#[test]
fn a_line_is_written_before_the_next_is_sent() {
    let region = Name::create(&["--ranks", "2"]);
    let mut receiver = mbox_writing(&["recv", &region, "--as", "1", "--lines"], Stdio::piped());
    let output = receiver.lines();
    let mut sender = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = sender.input();
    for line in ["first", "", "third"] {
        feed(&mut input, format!("{line}\n").as_bytes());
        assert_eq!(output.next().as_deref(), Some(line));
    }
    drop(input);
    sender.succeeds();
    assert_eq!(output.next(), None);
    receiver.succeeds();
}

#[test]
fn a_message_may_be_larger_than_what_is_written_at_once() {
    let region = Name::create(&["--ranks", "2", "--arena", "2M"]);
    let mut input = vec![b'l'; 700_001];
    input.push(b'\n');
    mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(&input)).succeeds();
    assert_same(&mbox(["recv", &region, "--as", "1", "--lines"]).succeeds(), &input);
}

#[test]
fn several_senders_are_received_in_order_each() {
    let region = Name::create(&["--ranks", "3"]);
    for (rank, input) in [("0", "a1\na2\n"), ("2", "b1\nb2\n")] {
        mbox_reading(&["send", &region, "--as", rank, "--to", "1", "--lines"], file_of(input.as_bytes()))
            .succeeds();
    }
    let output =
        String::from_utf8(mbox(["recv", &region, "--as", "1", "--lines"]).succeeds()).expect("UTF-8");
    let of = |letter| output.lines().filter(|line| line.starts_with(letter)).collect::<Vec<_>>();
    assert_eq!((of('a'), of('b')), (vec!["a1", "a2"], vec!["b1", "b2"]));
    assert_eq!(output.lines().count(), 4);
}

#[test]
fn a_receiver_goes_on_until_the_last_sender_has_left() {
    let region = Name::create(&["--ranks", "3"]);
    let mut stays = mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], Stdio::piped());
    let mut input = stays.input();
    feed(&mut input, b"line\n");
    region.wait_for_unread(1);
    mbox_reading(&["send", &region, "--as", "2", "--to", "1", "--lines"], file_of(b"line\n")).succeeds();
    let mut receiver = mbox_writing(&["recv", &region, "--as", "1", "--lines"], Stdio::piped());
    let output = receiver.lines();
    assert_eq!((output.next().as_deref(), output.next().as_deref()), (Some("line"), Some("line")));
    feed(&mut input, b"last\n");
    assert_eq!(output.next().as_deref(), Some("last"));
    drop(input);
    stays.succeeds();
    assert_eq!(output.next(), None);
    receiver.succeeds();
}

#[test]
fn the_ends_of_those_that_send_to_others_are_none() {
    let region = Name::create(&["--ranks", "4"]);
    let receiver = mbox(["recv", &region, "--as", "1"]);
    region.wait_until(|stat| !stat["joined"][0]["receiver_awaits"].is_null());
    mbox_reading(&["send", &region, "--as", "2", "--to", "3"], file_of(b"for another")).succeeds();
    let mut killed = mbox_reading(&["send", &region, "--as", "3", "--to", "2"], Stdio::piped());
    region.wait_for(3, "live");
    killed.kill();
    region.wait_for(3, "dead");
    // Long enough to be told.
    std::thread::sleep(std::time::Duration::from_millis(200));
    mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(b"for this one")).succeeds();
    assert_same(&receiver.succeeds(), b"for this one");
}

#[test]
fn one_of_several_senders_can_be_chosen() {
    let region = Name::create(&["--ranks", "3"]);
    for (rank, input) in [("0", "zero"), ("2", "two")] {
        mbox_reading(&["send", &region, "--as", rank, "--to", "1"], file_of(input.as_bytes())).succeeds();
    }
    assert_same(&mbox(["recv", &region, "--as", "1", "--from", "2"]).succeeds(), b"two");
    assert_same(&mbox(["recv", &region, "--as", "1", "--from", "0"]).succeeds(), b"zero");
}

#[test]
fn a_rank_can_send_to_itself() {
    let region = Name::create(&["--ranks", "1"]);
    mbox_reading(&["send", &region, "--as", "0", "--to", "0"], file_of(b"note")).succeeds();
    assert_same(&mbox(["recv", &region, "--as", "0"]).succeeds(), b"note");
}
