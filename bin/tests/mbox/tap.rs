//! What passes is shown.

use crate::program::{Name, Process, command, file_of, mbox, mbox_reading};
use kit::{Lines, SIGINT, SIGTERM};
use serde_json::{Value, json};

/// The lines without their times.
fn lines(output: &[u8]) -> Vec<String> {
    let text = str::from_utf8(output).expect("UTF-8");
    let without_time = |line: &str| line.split_once("  ").expect("a time").1.to_owned();
    text.lines().map(without_time).collect()
}

fn send(region: &str, from: &str, to: &str, more: &[&str], text: &[u8]) {
    let args = [&["send", region, "--as", from, "--to", to], more].concat();
    mbox_reading(&args, file_of(text)).succeeds();
}

/// Starts a tap, and waits until it has shown the first line.
fn started(args: &[&str]) -> (Process, Lines, String) {
    let mut tap = Process::uncollected(&mut command(args));
    let lines = tap.lines();
    let first = lines.next().expect("a line");
    (tap, lines, first)
}

/// How a tap ended that was asked to.
fn told(tap: Process) -> String {
    let finished = tap.finish();
    assert!(finished.status.success(), "{} {}", finished.status, finished.complaints);
    finished.complaints
}

#[test]
fn what_is_unread_is_shown_and_then_what_comes() {
    for region in [Name::new(), Name::file()] {
        let region = region.created(&["--ranks", "3"]);
        send(&region, "0", "1", &["--lines"], b"one\ntwo\n");
        let (tap, output, first) = started(&["tap", &region]);
        send(&region, "0", "1", &["--lines", "--tag", "7"], b"three\n");
        send(&region, "2", "1", &["--null"], b"\x01\xff\0");
        let rest: Vec<String> = (0..3).map(|_| output.next().expect("a line")).collect();
        let all = [&[first][..], &rest].concat().join("\n");
        let expected =
            ["0 -> 1  #0  3 B  \"one\"", "0 -> 1  #1  3 B  \"two\"", "0 -> 1  #2  tag 7  5 B  \"three\""];
        assert_eq!(lines(all.as_bytes())[..3], expected);
        assert_eq!(lines(all.as_bytes())[3], "2 -> 1  #0  2 B  01ff");
        tap.signal(SIGINT);
        assert_eq!(told(tap), format!("mbox: region {:?}: 4 messages shown, 0 missed\n", &*region));
    }
}

#[test]
fn it_shows_what_is_asked_for() {
    let region = Name::create(&["--ranks", "3"]);
    send(&region, "0", "1", &["--lines"], b"one\n");
    send(&region, "0", "1", &["--lines", "--tag", "0x10"], b"two\n");
    send(&region, "0", "2", &["--lines"], b"three\n");
    send(&region, "2", "1", &["--lines"], b"four\n");
    let shown = |more: &[&str]| {
        let finished = mbox([&["tap", &region, "--timeout", "0.2"], more].concat()).finish();
        assert!(finished.status.success(), "{}", finished.complaints);
        lines(&finished.output)
    };
    assert_eq!(shown(&["--tag", "16"]), ["0 -> 1  #1  tag 16  3 B  \"two\""]);
    assert_eq!(shown(&["--from", "2"]), ["2 -> 1  #0  4 B  \"four\""]);
    assert_eq!(shown(&["--to", "2", "--bytes", "2"]), ["0 -> 2  #0  5 B  \"th\"…"]);
    assert_eq!(shown(&["--to", "1"]).len(), 3);
    assert_eq!(shown(&["--from", "0", "--count", "1"]).len(), 1);
    let too_few = format!("region {:?}: 1 of 2 messages: nothing came for 0.1 s", &*region);
    let args = ["tap", &region, "--from", "2", "--count", "2", "--timeout", "0.1"];
    assert_eq!(lines(&mbox(args).fails_with(3, &too_few)).len(), 1);
}

#[test]
fn scripts_read_objects() {
    let region = Name::create(&["--ranks", "2", "--arena", "8K"]);
    send(&region, "0", "1", &["--lines", "--tag", "3"], b"line\n");
    send(&region, "1", "0", &[], &[200; 100]);
    let finished = mbox(["tap", &region, "--json", "--timeout", "0.2", "--bytes", "3"]).finish();
    assert!(finished.status.success());
    let mut objects: Vec<Value> = str::from_utf8(&finished.output)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for object in &mut objects {
        assert!(object.as_object_mut().expect("an object").remove("at").is_some_and(|at| at.is_u64()));
    }
    objects.sort_by_key(|object| object["from"].as_u64());
    let first =
        json!({ "from": 0, "to": 1, "number": 0, "kind": "mail", "tag": 3, "bytes": 4, "text": "lin" });
    let second =
        json!({ "from": 1, "to": 0, "number": 0, "kind": "mail", "tag": 0, "bytes": 100, "hex": "c8c8c8" });
    assert_eq!(objects, [first, second]);
}

#[test]
fn what_is_shown_of_a_stream_was_sent_and_the_rest_is_counted() {
    let region = Name::create(&["--ranks", "3", "--cells", "64", "--arena", "64K"]);
    let count = 30_000;
    // Some fit a cell, some do not.
    let line = |number: u64| format!("{number}{}", "-".repeat((number % 7 * 20) as usize));
    let input: String = (0..count).map(|number| line(number) + "\n").collect();
    send(&region, "2", "0", &["--lines"], b"begin\n");
    let (tap, output, _) = started(&["tap", &region, "--json", "--bytes", "200"]);
    let receiver = mbox(["recv", &region, "--as", "1", "--lines"]);
    send(&region, "0", "1", &["--lines"], input.as_bytes());
    assert_eq!(receiver.succeeds().len(), input.len());
    let (mut next, mut shown) = (0, 0);
    while next < count {
        let seen: Value = serde_json::from_str(&output.next().expect("a line")).expect("JSON");
        assert_eq!(seen["number"], next);
        match seen["kind"].as_str() {
            Some("mail") => {
                assert_eq!(seen["text"], line(next));
                (next, shown) = (next + 1, shown + 1);
            }
            Some("missed") => next += seen["count"].as_u64().expect("a number"),
            _ => panic!("{seen}"),
        }
    }
    assert_eq!(next, count);
    tap.signal(SIGTERM);
    let missed = count - shown;
    let missed =
        if missed == 0 { "0 missed".into() } else { format!("{missed} missed: {missed} from 0 to 1") };
    let expected = format!("mbox: region {:?}: {} messages shown, {missed}\n", &*region, shown + 1);
    assert_eq!(told(tap), expected);
}

#[test]
fn what_cannot_be_tapped_is_told_in_a_line() {
    let region = Name::create(&["--ranks", "2"]);
    for option in ["--from", "--to"] {
        let line = format!("region {:?}: there is no rank 2: the region has ranks 0 to 1", &*region);
        mbox(["tap", &region, option, "2"]).fails(&line);
    }
    send(&region, "0", "1", &["--lines"], b"one\n");
    let (tap, _output, _) = started(&["tap", &region]);
    mbox(["rm", &region]).succeeds();
    tap.fails(&format!("region {:?}: the region was removed", &*region));
    let line = format!(
        "region {:?}: there is no such region; list the regions with: mbox ls; create it with: mbox create {} --ranks N",
        &*region, &*region
    );
    mbox(["tap", &region]).fails(&line);
}
