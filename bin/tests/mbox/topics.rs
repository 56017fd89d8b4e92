//! Topics: published and read from the command line.

use crate::program::{Name, Process, feed, file_of, mbox, mbox_reading};
use kit::{SIGINT, happens};
use std::process::Stdio;

fn publish(region: &str, topic: &str, options: &[&str], input: &[u8]) -> Process {
    mbox_reading(&[&["pub", region, topic, "--lines"], options].concat(), file_of(input))
}

fn subscribe(region: &str, topic: &str, options: &[&str]) -> Process {
    mbox([&["sub", region, topic, "--lines", "--wait"], options].concat())
}

/// What `mbox topics --json` says.
fn topics(region: &str) -> serde_json::Value {
    serde_json::from_slice(&mbox(["topics", region, "--json"]).succeeds()).expect("JSON")
}

/// Waits until the first topic has a reader.
fn wait_for_reader(region: &str) {
    assert!(happens(|| topics(region)[0]["readers"][0]["rank"].is_u64()));
}

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

#[test]
fn a_reader_gets_every_message_until_the_publisher_ends() {
    for region in [Name::create(&["--ranks", "3"]), Name::file().created(&["--ranks", "3"])] {
        let (one, two) =
            (subscribe(&region, "log", &["--every"]), subscribe(&region, "log", &["--as", "2", "--every"]));
        assert!(happens(|| topics(&region)[0]["readers"]
            .as_array()
            .is_some_and(|readers| readers.len() == 2)));
        let input = numbers(20_000);
        publish(&region, "log", &[], &input).succeeds();
        assert!(one.succeeds() == input && two.succeeds() == input);
        let late = subscribe(&region, "log", &["--history", "3"]);
        assert_eq!(late.succeeds(), b"19997\n19998\n19999\n");
        assert_eq!(topics(&region)[0]["published"], 20_000);
    }
}

#[test]
fn bytes_go_as_they_are() {
    let region = Name::create(&["--ranks", "2", "--stream", "256K"]);
    let input: Vec<u8> = (0..300_000_u32).flat_map(|at| at.to_ne_bytes()).collect();
    let subscriber = mbox(["sub", &*region, "bytes", "--every", "--wait"]);
    wait_for_reader(&region);
    mbox_reading(&["pub", &region, "bytes"], file_of(&input)).succeeds();
    assert!(subscriber.succeeds() == input);
}

#[test]
fn a_reader_follows_one_publisher_after_the_other() {
    let region = Name::create(&["--ranks", "2"]);
    let mut subscriber = subscribe(&region, "log", &["--every", "--follow", "--count", "4"]);
    wait_for_reader(&region);
    publish(&region, "log", &[], b"a\nb\n").succeeds();
    publish(&region, "log", &[], b"c\nd\ne\n").succeeds();
    assert_eq!(subscriber.succeeds(), b"a\nb\nc\nd\n");
    subscriber = subscribe(&region, "log", &["--follow"]);
    wait_for_reader(&region);
    subscriber.signal(SIGINT);
    assert_eq!(subscriber.ends_by(SIGINT), b"");
    assert_eq!(topics(&region)[0]["readers"], serde_json::json!([]));
}

#[test]
fn the_latest_value_is_there_for_all() {
    let region = Name::create(&["--ranks", "3"]);
    publish(&region, "temperature", &["--latest"], b"1\n2\n3\n").succeeds();
    for _ in 0..2 {
        assert_eq!(subscribe(&region, "temperature", &["--latest"]).succeeds(), b"3\n");
    }
    let expected = serde_json::json!([{
        "name": "temperature", "kind": "latest", "publisher": null, "published": 3, "readers": []
    }]);
    assert_eq!(topics(&region), expected);
    let table = String::from_utf8(mbox(["topics", &*region]).succeeds()).expect("text");
    let row: Vec<&str> = table.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row, ["temperature", "latest", "3"]);
}

#[test]
fn a_publisher_goes_on_without_a_reader_that_was_killed() {
    let region = Name::create(&["--ranks", "2"]);
    let mut subscriber = subscribe(&region, "log", &["--every"]);
    wait_for_reader(&region);
    subscriber.kill();
    publish(&region, "log", &[], &numbers(5000)).succeeds();
}

#[test]
fn the_death_of_a_publisher_is_told() {
    let region = Name::create(&["--ranks", "2"]);
    let subscriber = subscribe(&region, "log", &["--as", "1"]);
    wait_for_reader(&region);
    let mut publisher = mbox_reading(&["pub", &region, "log", "--lines", "--as", "0"], Stdio::piped());
    let mut input = publisher.input();
    feed(&mut input, b"a\n");
    assert!(happens(|| topics(&region)[0]["published"] == 1));
    publisher.kill();
    let line = format!("region {:?}: rank 0, which published, has died", &*region);
    assert_eq!(subscriber.fails(&line), b"a\n");
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let region = Name::create(&["--ranks", "3", "--topics", "2", "--stream", "4K", "--value", "64"]);
    let fails = |process: Process, why: &str| process.fails(&format!("region {:?}: {why}", &*region));
    publish(&region, "log", &[], b"a\n").succeeds();
    publish(&region, "value", &["--latest"], b"a\n").succeeds();
    fails(
        publish(&region, "third", &[], b""),
        &format!(
            "the region has 2 topics already, and can have no more; none is freed before the region is removed: create it with more \
             --topics; see them with: mbox topics {}",
            &*region
        ),
    );
    fails(
        publish(&region, "", &[], b""),
        "topic \"\": a topic's name has 1 to 64 bytes and no NUL; this one has 0 bytes",
    );
    fails(
        publish(&region, "log", &["--latest"], b""),
        "topic \"log\": the topic is published as a stream; omit --latest",
    );
    fails(
        subscribe(&region, "value", &["--timeout", "1"]),
        "topic \"value\": the topic is published as its latest value; use --latest",
    );
    let long = [&[b'x'; 3000][..], b"\n"].concat();
    fails(
        publish(&region, "log", &[], &long),
        "topic \"log\": the value has 2049 bytes, and 2048 are expected; create the region with a larger --stream",
    );
    fails(
        publish(&region, "value", &["--latest"], &long),
        "topic \"value\": the value has 65 bytes, and 64 are expected; create the region with a larger --value",
    );
    let mut holder = mbox_reading(&["pub", &region, "log", "--as", "1", "--lines"], Stdio::piped());
    let _input = holder.input();
    assert!(happens(|| topics(&region)[0]["publisher"] == 1));
    fails(
        publish(&region, "log", &[], b""),
        &format!(
            "topic \"log\": rank 1 writes this topic; wait for its end, or end the process of rank 1; see which with: mbox stat {}",
            &*region
        ),
    );
    subscribe(&region, "log", &["--timeout", "50ms"])
        .fails_with(3, &format!("region {:?}: no message came", &*region));
    subscribe(&region, "log", &["--timeout", "50ms", "--history", "1", "--count", "2"])
        .fails_with(3, &format!("region {:?}: 1 of 2 messages came", &*region));
}

#[test]
fn a_topic_that_nobody_has_published_is_waited_for_only_where_that_is_asked_for() {
    let region = Name::create(&["--ranks", "3"]);
    let sub = |topic: &str, options: &[&str]| mbox([&["sub", &region, topic, "--lines"], options].concat());
    let line = |others: &str| {
        format!(
            "region {:?}: nobody has published topic \"lgo\", {others}; wait for it with --wait",
            &*region
        )
    };
    sub("lgo", &[]).fails(&line("nor any other"));
    publish(&region, "log", &[], b"a\n").succeeds();
    publish(&region, "temperature", &["--latest"], b"1\n").succeeds();
    sub("lgo", &["--latest"]).fails(&line("but log, temperature"));
    // None was made.
    assert_eq!(topics(&region).as_array().map(Vec::len), Some(2));
    assert_eq!(sub("log", &["--history", "1", "--count", "1"]).succeeds(), b"a\n");
    let waiting = sub("lgo", &["--wait"]);
    assert!(happens(|| topics(&region)[2]["readers"][0]["rank"].is_u64()));
    // One that waits for it publishes nothing.
    sub("lgo", &[]).fails(&line("but log, temperature"));
    publish(&region, "lgo", &[], b"b\n").succeeds();
    assert_eq!(waiting.succeeds(), b"b\n");
    for at in 0..12 {
        publish(&region, &format!("{at:02}"), &[], b"").succeeds();
    }
    sub("none", &[]).fails(&format!(
        "region {:?}: nobody has published topic \"none\", but 00, 01, 02, 03, 04, 05, 06, 07, 08, 09 and 5 more; wait for it with --wait",
        &*region
    ));
}
