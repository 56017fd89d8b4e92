//! What `ls` and `stat` show.

use crate::program::{Name, file_of, mbox, mbox_reading};
use mailbox::Region;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;

fn page(region: &str) -> String {
    String::from_utf8(mbox(["stat", region]).succeeds()).expect("UTF-8")
}

#[test]
fn stat_tells_people_and_programs_what_is_there() {
    let region = Name::create(&["--ranks", "5", "--cells", "64", "--arena", "8K", "--protocol", "7"]);
    let send = ["send", &region, "--as", "2", "--to", "4", "--lines", "--protocol", "7"];
    mbox_reading(&send, file_of(b"a\nbb\nccc\n")).succeeds();

    let stat = region.stat();
    let pid = stat["joined"][0]["pid"].clone();
    assert!(pid.as_u64() > Some(1));
    // It begins up to 31 lines behind the beginning of its pages.
    let cells: u64 = 31 * 128 + 5 * 128 + 64 * 64 + 128 * 64;
    let cells = cells.next_multiple_of(4096);
    // Nine chunks and three runs of them, as long as the longest whole message.
    // They begin half a page behind the beginning of theirs.
    let arena: u64 = 2048 + 9 * 1024 + 3 * 4096;
    let ring = (2048_u64 + (256 << 10)).next_multiple_of(4096);
    let mailboxes = 25 * (cells + 2 * arena.next_multiple_of(4096) + ring);
    let loans = 5 * ((64 << 20) + 4096);
    let groups = 32 * 5 * (384 + 32 * 128 + (1 << 20) + 4096);
    // The lines of 1024 messages and of 5 readers, and the payloads half a page behind the beginning of theirs.
    let stream = (5 * 128 + 64 * 1024_u64).next_multiple_of(4096) + (4 << 20) + 4096;
    let topics = 64 * (640 + 4 * 4096 + 4096 + stream);
    let size = 4096 + 2 * 4096 + mailboxes + loans + groups + topics;
    let expected = json!({
        "name": &*region,
        "owner": region.path().metadata().expect("a region").uid(),
        "protocol": 7,
        "cells": 64,
        "arena": 8 << 10,
        "loans": 64 << 20,
        "groups": 32,
        "topics": 64,
        "value": 4096,
        "stream": 4 << 20,
        "max_message": 1 << 30,
        "eager_limit": 4 << 10,
        "size": size,
        // Nothing went that does not fit a cell.
        "memory": 4096 + 2 * 4096 + cells,
        "ranks": 5,
        "live": 0,
        "unread": 3,
        "joined": [{
            "rank": 2,
            "status": "left",
            "epoch": 1,
            "pid": pid,
            "label": "",
            "receiver_awaits": null,
            "sender_awaits": null,
            "sleeps": 0,
        }],
        "mailboxes": [{
            "from": 2,
            "to": 4,
            "messages": 3,
            "bytes": 6,
            "unread": 3,
            "tags": { "0": 3 },
            "full": 0,
            "sleeps": 0,
            "mail_wakes": 0,
            "credit_wakes": 0,
            "drops": 0,
        }],
    });
    assert_eq!(stat, expected);

    let page = page(&region);
    for part in [
        "protocol 7",
        "64 cells, arena of 8 KiB, messages up to 1 GiB, above 4 KiB announced",
        "5, of which 4 never joined",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(has_row(&page, &format!("2 left 1 {pid} 0")), "{page}");
    assert!(has_row(&page, "2 4 3 6 B 3 0 0 0 0 0"), "{page}");
}

#[test]
fn stat_tells_how_many_messages_of_each_tag_are_unread() {
    let region = Name::create(&["--ranks", "2"]);
    let send = |tag: &str, text: &[u8]| {
        let send = ["send", &region, "--as", "0", "--to", "1", "--lines", "--tag", tag];
        mbox_reading(&send, file_of(text)).succeeds();
    };
    send("0", b"untagged\n");
    assert!(!page(&region).contains("tag"), "there are none to tell apart");
    send("7", b"one\ntwo\nthree\n");
    send("0xffffffff", b"four\n");
    assert_eq!(region.stat()["mailboxes"][0]["tags"], json!({ "0": 1, "7": 3, "4294967295": 1 }));
    let page = page(&region);
    for row in ["from to tag unread", "0 1 7 3", "0 1 0 1", "0 1 4294967295 1"] {
        assert!(has_row(&page, row), "{row}: {page}");
    }
}

/// Whether one of the lines has these words.
fn has_row(page: &str, words: &str) -> bool {
    page.lines().any(|line| line.split_whitespace().eq(words.split(' ')))
}

#[test]
fn stat_tells_what_each_rank_waits_for() {
    let region = Name::create(&["--ranks", "5", "--arena", "256K"]);
    let _anyone = mbox(["recv", &region, "--as", "0"]);
    let mut one = mbox(["recv", &region, "--as", "1", "--from", "3"]);
    let mut full = mbox_reading(&["send", &region, "--as", "2", "--to", "4"], file_of(&vec![7; 1 << 20]));
    let opened = Region::open(&*region).expect("the region");
    let _awake = opened.join(3).expect("a rank");
    let asleep = |stat: &Value| {
        let asleep = |rank: usize, what: &str| stat["joined"][rank][what] != Value::Null;
        stat["live"] == 4
            && asleep(0, "receiver_awaits")
            && asleep(1, "receiver_awaits")
            && asleep(2, "sender_awaits")
    };
    region.wait_until(asleep);

    let stat = region.stat();
    let awaits = |rank: usize| {
        let rank = &stat["joined"][rank];
        assert!(rank["sleeps"].as_u64().is_some());
        (rank["receiver_awaits"].clone(), rank["sender_awaits"].clone())
    };
    assert_eq!(awaits(0), (json!("anyone"), Value::Null));
    assert_eq!(awaits(1), (json!(3), Value::Null));
    assert_eq!(awaits(2), (Value::Null, json!(4)));
    assert_eq!(awaits(3), (Value::Null, Value::Null));
    assert_eq!(stat["joined"][1]["sleeps"], 1);
    let mailbox = &stat["mailboxes"][0];
    assert_eq!((&mailbox["messages"], &mailbox["bytes"]), (&json!(4), &json!(256 << 10)));
    assert_eq!((&mailbox["full"], &mailbox["sleeps"]), (&json!(1), &json!(1)));

    let page = self::page(&region);
    let row = |rank: usize, doing: &str, sleeps: u32| {
        let pid = &stat["joined"][rank]["pid"];
        assert!(has_row(&page, &format!("{rank} live 1 {pid} {doing} {sleeps}")), "{page}");
    };
    row(0, "asleep for anyone", 1);
    row(1, "asleep for mail of 3", 1);
    row(2, "asleep for room at 4", 0);
    row(3, "awake", 0);
    assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");

    // The dead wait for nothing.
    one.kill();
    full.kill();
    region.wait_for(1, "dead");
    region.wait_for(2, "dead");
    let stat = region.stat();
    for rank in [1, 2] {
        let rank = &stat["joined"][rank];
        assert_eq!((&rank["receiver_awaits"], &rank["sender_awaits"]), (&Value::Null, &Value::Null));
    }
    let page = self::page(&region);
    for (rank, sleeps) in [(1, 1), (2, 0)] {
        let pid = &stat["joined"][rank]["pid"];
        assert!(has_row(&page, &format!("{rank} dead 1 {pid} {sleeps}")), "{page}");
    }
    // Nor do their successors, which are awake.
    let _successor = opened.join(1).expect("the rank of the dead");
    let stat = region.stat();
    assert_eq!(
        (&stat["joined"][1]["epoch"], &stat["joined"][1]["receiver_awaits"]),
        (&json!(2), &Value::Null)
    );
}

#[test]
fn columns_are_aligned() {
    let region = Name::create(&["--ranks", "12"]);
    for rank in ["0", "11"] {
        let input = file_of(&vec![b'x'; rank.len() * 10_000]);
        mbox_reading(&["send", &region, "--as", rank, "--to", "5"], input).succeeds();
    }
    let label = "l".repeat(48);
    drop(Region::open(&*region).expect("the region").join_as(&label).expect("a rank"));
    let page = page(&region);
    let tables: Vec<Vec<&str>> = page.split("\n\n").skip(1).map(|table| table.lines().collect()).collect();
    // Numbers end where their headings do.
    let ends = |line: &str, words: usize| {
        let ends = line.char_indices().filter(|(at, letter)| {
            *letter != ' ' && line[at + letter.len_utf8()..].chars().next().is_none_or(|next| next == ' ')
        });
        ends.map(|(at, _)| at).take(words).collect::<Vec<_>>()
    };
    let [ranks, mailboxes] = &tables[..] else { panic!("{page}") };
    for row in &ranks[1..] {
        assert_eq!(ends(row, 1), ends(ranks[0], 1), "{page}");
        assert!(row.chars().count() <= 100, "{page}");
    }
    assert!(page.contains(&format!("  {}…\n", "l".repeat(39))), "{page}");
    for row in &mailboxes[1..] {
        assert_eq!(ends(row, 3), ends(mailboxes[0], 3), "{page}");
        assert_eq!(row.len(), mailboxes[0].len(), "{page}");
    }
}

#[test]
fn stat_takes_no_memory() {
    let region = Name::create(&["--ranks", "256"]);
    mbox_reading(&["send", &region, "--as", "3", "--to", "200"], file_of(b"x")).succeeds();
    let before = region.stat()["memory"].clone();
    page(&region);
    mbox(["ls"]).succeeds();
    assert_eq!(region.stat()["memory"], before);
}

#[test]
fn the_living_and_the_dead_are_told_apart() {
    let region = Name::create(&["--ranks", "3"]);
    let _alive = mbox(["recv", &region, "--as", "0"]);
    let mut killed = mbox(["recv", &region, "--as", "1"]);
    region.wait_for(0, "live");
    region.wait_for(1, "live");
    assert_eq!(region.stat()["live"], 2);
    killed.kill();
    region.wait_for(1, "dead");
    assert_eq!(region.stat()["live"], 1);
}

#[test]
fn ls_lists_regions() {
    let (one, other) = (Name::create(&["--ranks", "2"]), Name::create(&["--ranks", "3", "--protocol", "9"]));
    let _alive = mbox(["recv", &one, "--as", "0"]);
    one.wait_for(0, "live");
    let list: Value = serde_json::from_slice(&mbox(["ls", "--json"]).succeeds()).expect("JSON");
    let list = list.as_array().expect("an array");
    let owner = one.path().metadata().expect("a region").uid();
    let named = |name: &Name| list.iter().find(|entry| entry["name"] == **name).expect("its region");
    assert_eq!(
        *named(&one),
        json!({
            "name": &*one, "owner": owner, "ranks": 2, "live": 1, "state": "live", "unread": 0, "memory": 8 << 10
        })
    );
    assert_eq!(
        *named(&other),
        json!({
            "name": &*other, "owner": owner, "ranks": 3, "live": 0, "state": "idle", "unread": 0, "memory": 8 << 10
        })
    );
    let table = String::from_utf8(mbox(["ls"]).succeeds()).expect("UTF-8");
    let row = |name: &Name, rest: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let row = table.lines().map(words).find(|row| row[0] == **name).expect("its row");
        // Its owner's name may be any.
        assert_eq!(row[2..].join(" "), rest, "{table}");
    };
    row(&one, "2 1 live 0 8 KiB");
    row(&other, "3 0 idle 0 8 KiB");
}

#[test]
fn ls_tells_the_stale_from_the_living() {
    let region = Name::create(&["--ranks", "3"]);
    let state = || region.state();
    assert_eq!(state(), "idle");
    mbox(["send", &region, "--as", "0", "--to", "0"]).succeeds();
    assert_eq!(state(), "idle");
    let (mut one, mut other) = (mbox(["recv", &region, "--as", "1"]), mbox(["recv", &region, "--as", "2"]));
    region.wait_for(1, "live");
    region.wait_for(2, "live");
    assert_eq!(state(), "live");
    one.kill();
    region.wait_for(1, "dead");
    assert_eq!(state(), "live");
    other.kill();
    region.wait_for(2, "dead");
    assert_eq!(state(), "stale");
    mbox(["rm", &region]).succeeds();
    assert!(!region.exists());
}

#[test]
fn a_label_cannot_drive_the_terminal() {
    let region = Name::create(&["--ranks", "2"]);
    let label = "quote\" and \u{1b}[31m red\n";
    drop(Region::open(&*region).expect("the region").join_as(label).expect("a rank"));
    assert_eq!(region.stat()["joined"][0]["label"], label);
    let page = page(&region);
    assert!(page.contains(r#"quote\" and \u{1b}[31m red\n"#), "{page}");
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn regions_are_created_as_asked() {
    let region = Name::create(&[
        "--ranks",
        "2",
        "--max-message",
        "1K",
        "--mode",
        "640",
        "--reserve",
        "--groups",
        "0",
        "--topics",
        "0",
    ]);
    let stat = region.stat();
    assert_eq!(stat["max_message"], 1 << 10);
    assert_eq!(stat["memory"], stat["size"]);
    use std::os::unix::fs::PermissionsExt;
    let mode = region.path().metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn rm_removes_what_it_can() {
    let (one, other, none) = (Name::create(&["--ranks", "2"]), Name::create(&["--ranks", "2"]), Name::new());
    mbox(["rm", &one, &none, &other])
        .fails(&format!("region {:?}: there is no such region; list the regions with: mbox ls", &*none));
    assert!(!one.exists() && !other.exists());
}
