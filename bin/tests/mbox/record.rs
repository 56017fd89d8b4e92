//! What passed is recorded, and sent again.

use crate::program::{Name, Process, file_of, mbox, mbox_reading};
use kit::{SIGINT, SIGTERM, wait_until};
use mailbox::{Policy, Region};
use std::fs;
use std::time::{Duration, Instant};

/// Bytes of the header of a recording.
const HEADER: usize = 32;

fn send(region: &str, from: &str, to: &str, more: &[&str], text: &[u8]) {
    let args = [&["send", region, "--as", from, "--to", to, "--lines"], more].concat();
    mbox_reading(&args, file_of(text)).succeeds();
}

fn received(region: &str, rank: &str, more: &[&str]) -> Vec<u8> {
    mbox([&["recv", region, "--as", rank, "--lines", "--no-wait"], more].concat()).succeeds()
}

/// Starts a recorder in a file that is not there.
fn recorder(region: &str, file: &Name, more: &[&str]) -> Process {
    mbox([&["record", region, file], more].concat())
}

fn wait_for_bytes(file: &Name, bytes: u64) {
    wait_until("so much was recorded", || fs::metadata(file.path()).is_ok_and(|file| file.len() >= bytes));
}

/// How it ended after it was asked to.
#[track_caller]
fn told(process: Process) -> String {
    let finished = process.finish();
    assert!(finished.status.success(), "{}{}", finished.status, finished.complaints);
    finished.complaints
}

/// A recording of three messages.
fn recorded() -> Name {
    let (region, file) = (Name::create(&["--ranks", "3"]), Name::file());
    send(&region, "0", "2", &["--tag", "7"], b"one\n");
    send(&region, "1", "2", &[], b"two\nthree\n");
    let recorder = recorder(&region, &file, &["--timeout", "0.1"]);
    assert_eq!(told(recorder), format!("mbox: file {:?}: 3 messages recorded, 0 missed\n", file.path()));
    file
}

#[test]
fn mail_is_recorded_and_sent_again() {
    let (region, file) = (Name::create(&["--ranks", "3"]), Name::file());
    let recorder = recorder(&region, &file, &[]);
    send(&region, "0", "2", &["--tag", "7"], b"one\n");
    send(&region, "1", "2", &[], b"two\nthree\n");
    let long = [b'x'; 5000];
    send(&region, "0", "1", &[], &[&long[..], b"\n"].concat());
    wait_for_bytes(&file, 5000);
    recorder.signal(SIGINT);
    assert_eq!(told(recorder), format!("mbox: file {:?}: 4 messages recorded, 0 missed\n", file.path()));

    for place in [Name::new(), Name::file()] {
        let again = place.created(&["--ranks", "3"]);
        mbox(["replay", &file, &again, "--fast"]).succeeds();
        let stat = again.stat();
        let tags: Vec<_> =
            stat["mailboxes"].as_array().expect("mailboxes").iter().map(|one| &one["tags"]).collect();
        assert_eq!(
            tags,
            [&serde_json::json!({"0": 1}), &serde_json::json!({"7": 1}), &serde_json::json!({"0": 2})]
        );
        assert_eq!(received(&again, "2", &["--from", "0"]), b"one\n");
        assert_eq!(received(&again, "2", &["--from", "1"]), b"two\nthree\n");
        assert_eq!(received(&again, "1", &[]), [&long[..], b"\n"].concat());
    }
}

#[test]
fn one_rank_may_send_all_of_it() {
    let (file, again) = (recorded(), Name::create(&["--ranks", "4"]));
    mbox(["replay", &file, &again, "--as", "3", "--fast"]).succeeds();
    let stat = again.stat();
    assert_eq!((&stat["mailboxes"][0]["from"], &stat["mailboxes"][0]["messages"]), (&3.into(), &3.into()));
    assert_eq!(received(&again, "2", &["--tag", "7"]), b"one\n");
}

#[test]
fn it_takes_the_time_that_it_took() {
    let (region, file) = (Name::create(&["--ranks", "2"]), Name::file());
    let recorder = recorder(&region, &file, &[]);
    let pause = Duration::from_millis(200);
    send(&region, "0", "1", &[], b"first\n");
    wait_for_bytes(&file, HEADER as u64 + 1);
    std::thread::sleep(pause);
    send(&region, "0", "1", &[], b"second\n");
    wait_for_bytes(&file, HEADER as u64 + 60);
    recorder.signal(SIGTERM);
    told(recorder);
    let (again, start) = (Name::create(&["--ranks", "2"]), Instant::now());
    mbox(["replay", &file, &again]).succeeds();
    assert!(start.elapsed() >= pause);
    assert_eq!(received(&again, "1", &[]), b"first\nsecond\n");
}

#[test]
fn what_a_killed_recorder_wrote_is_sent_again() {
    let (region, file) = (Name::create(&["--ranks", "2"]), Name::file());
    let mut recorder = recorder(&region, &file, &[]);
    send(&region, "0", "1", &[], b"one\n");
    wait_for_bytes(&file, HEADER as u64 + 1);
    recorder.kill();
    let again = Name::create(&["--ranks", "2"]);
    let len = fs::metadata(file.path()).expect("a file").len();
    let line = format!(
        "file {:?}: the recording was cut: it is whole up to byte {len}; what comes before it was sent",
        file.path()
    );
    mbox(["replay", &file, &again, "--fast"]).fails(&line);
    assert_eq!(received(&again, "1", &[]), b"one\n");
}

#[test]
fn a_damaged_recording_is_sent_up_to_the_damage() {
    let file = recorded();
    let whole = fs::read(file.path()).expect("a recording");
    let second = HEADER + 12 + 9 + 14 + 3;
    let told = |what: &str| format!("file {:?}: {what}; what comes before it was sent", file.path());
    let replayed = |bytes: &[u8], line: &str| {
        let again = Name::create(&["--ranks", "3"]);
        fs::write(file.path(), bytes).expect("a file");
        mbox(["replay", &file, &again, "--fast"]).fails(line);
        let stat = again.stat();
        stat["unread"].as_u64().expect("a number")
    };
    let cut = told(&format!("the recording was cut: it is whole up to byte {second}"));
    assert_eq!(replayed(&whole[..second + 20], &cut), 1);
    let mut garbled = whole.clone();
    garbled[second + 20] ^= 1;
    let line = told(&format!("the recording is garbled: what begins at byte {second} is no record"));
    assert_eq!(replayed(&garbled, &line), 1);
    garbled[8] = 3;
    let line = format!(
        "file {:?}: the recording has version 3 of the format, and this program reads 1 to 2",
        file.path()
    );
    assert_eq!(replayed(&garbled, &line), 0);
    let line = format!("file {:?}: this is not a recording", file.path());
    assert_eq!(replayed(b"something else", &line), 0);
}

#[test]
fn what_cannot_be_done_is_told_in_a_line() {
    let (file, nothing) = (recorded(), Name::file());
    let region = Name::create(&["--ranks", "2"]);
    let line = format!(
        "file {:?}: No such file or directory (os error 2); make a recording with: mbox record NAME FILE",
        nothing.path()
    );
    mbox(["replay", &nothing, &region]).fails(&line);
    let missing = Name::new();
    let no_region = format!(
        "region {:?}: there is no such region; list the regions with: mbox ls; create it with: mbox create {} --ranks N",
        &*missing, &*missing
    );
    mbox(["replay", &file, &missing]).fails(&no_region);
    mbox(["record", &missing, &nothing]).fails(&no_region);
    assert!(!nothing.exists(), "no file for nothing");
    let line = format!(
        "region {:?}: there is no rank 2: the region has ranks 0 to 1; the recording is of a region with 3 ranks",
        &*region
    );
    mbox(["replay", &file, &region]).fails(&line);
    let line = format!("file {:?}: it is there already; choose another name", file.path());
    mbox(["record", &region, &file]).fails(&line);

    let taken = Name::create(&["--ranks", "3"]);
    let _receiver = mbox(["recv", &taken, "--as", "1"]);
    taken.wait_for(1, "live");
    let line = format!(
        "region {:?}: rank 1 is held by a live process; end it or join --as another; see by whom with: mbox stat {}",
        &*taken, &*taken
    );
    mbox(["replay", &file, &taken]).fails(&line);
    assert_eq!(taken.stat()["unread"], 0, "nothing was sent");
}

#[test]
fn a_recorder_ends_with_its_region() {
    let (region, file) = (Name::create(&["--ranks", "2"]), Name::file());
    let recorder = recorder(&region, &file, &[]);
    send(&region, "0", "1", &[], b"one\n");
    wait_for_bytes(&file, HEADER as u64 + 1);
    mbox(["rm", &region]).succeeds();
    recorder.fails(&format!("region {:?}: the region was removed", &*region));
    let again = Name::create(&["--ranks", "2"]);
    mbox(["replay", &file, &again, "--fast"]).succeeds();
    assert_eq!(received(&again, "1", &[]), b"one\n");
}

#[test]
fn a_topic_is_recorded_without_a_gap_and_published_again() {
    let (region, file) = (Name::create(&["--ranks", "3"]), Name::file());
    let opened = Region::open(&*region).expect("a region");
    let me = opened.join(0).expect("free");
    let mut publisher = opened.topic("prices").expect("a topic").publisher(&me).expect("nobody else does");
    publisher.publish(b"before").expect("room");
    let recorder = recorder(&region, &file, &["--topic", "prices", "--as", "2"]);
    let record = |len: u64| 36 + len;
    let first = HEADER as u64 + record(6);
    wait_for_bytes(&file, first);
    // More than the stream keeps.
    for number in 0..5000_u32 {
        publisher.publish(&number.to_ne_bytes()).expect("room");
    }
    wait_for_bytes(&file, first + 5000 * record(4));
    recorder.signal(SIGINT);
    assert_eq!(told(recorder), format!("mbox: file {:?}: 5001 messages recorded, 0 missed\n", file.path()));

    let again = Name::create(&["--ranks", "3"]);
    let opened = Region::open(&*again).expect("a region");
    let me = opened.join(1).expect("free");
    let topic = opened.topic("prices").expect("a topic");
    let mut subscriber = topic.subscriber(&me, Policy::every()).expect("a topic");
    let replay = mbox(["replay", &file, &again, "--fast"]);
    let mut next = || subscriber.recv_within(kit::PATIENCE).expect("a topic").expect("a message").to_vec();
    assert_eq!(next(), b"before");
    (0..5000_u32).for_each(|number| assert_eq!(next(), number.to_ne_bytes()));
    replay.succeeds();
}

#[test]
fn latest_values_are_recorded_and_published_again() {
    let (region, file) = (Name::create(&["--ranks", "3"]), Name::file());
    let opened = Region::open(&*region).expect("a region");
    let me = opened.join(0).expect("free");
    let topic = opened.topic("position").expect("a topic");
    let mut publisher = topic.publish_latest(&me, 100).expect("a topic");
    publisher.publish(b"before").expect("it fits");
    let line = format!(
        "region {:?}: topic \"position\": the topic is published as its latest value; record it with --latest",
        &*region
    );
    recorder(&region, &file, &["--topic", "position"]).fails(&line);
    let recorder = recorder(&region, &file, &["--topic", "position", "--latest"]);
    let record = |len: u64| HEADER as u64 + 38 + len;
    wait_for_bytes(&file, record(6));
    // It sleeps: nothing is missed.
    std::thread::sleep(Duration::from_millis(50));
    publisher.publish(b"one").expect("it fits");
    wait_for_bytes(&file, record(6) + 38 + 3);
    for number in 0..10_000_u32 {
        publisher.publish(&number.to_ne_bytes()).expect("it fits");
    }
    // Longer than what is made room for where the first is the longest.
    let last = [&[b'x'; 90][..], b"them"].concat();
    publisher.publish(&last).expect("it fits");
    wait_until("the last was recorded", || {
        fs::read(file.path()).is_ok_and(|bytes| bytes.windows(4).any(|some| some == b"them"))
    });
    recorder.signal(SIGINT);
    let line = told(recorder);
    let counts: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(counts[..], [recorded, missed] if recorded + missed == 10_003), "{line}");

    let again = Name::create(&["--ranks", "3"]);
    told(mbox(["replay", &file, &again, "--fast"]));
    let opened = Region::open(&*again).expect("a region");
    let me = opened.join(1).expect("free");
    let mut latest = opened.topic("position").expect("a topic").latest(&me).expect("a topic");
    assert_eq!(latest.bytes().expect("a value"), Some(&last[..]));
    assert_eq!(latest.number(), counts[0], "each that was recorded");
}
