//! What `ls` and `stat` show.

use crate::kit::{Name, file_of, mbox, mbox_reading};
use mailbox::Region;
use serde_json::{Value, json};

fn page(region: &str) -> String {
    String::from_utf8(mbox(["stat", region]).succeeds()).expect("UTF-8")
}

#[test]
fn stat_tells_people_and_programs_what_is_there() {
    let region = Name::create(&["--ranks", "5", "--cells", "64", "--arena", "8K", "--protocol", "7"]);
    let send = ["send", &region, "--as", "2", "--to", "4", "--lines", "--protocol", "7"];
    mbox_reading(&send, file_of(b"a\nb\nc\n")).succeeds();

    let stat = region.stat();
    let pid = stat["joined"][0]["pid"].clone();
    assert!(pid.as_u64() > Some(1));
    let mailbox: u64 = 3 * 128 + 8 * 64 + 64 * 64 + (8 << 10);
    let size = 4096 + 2 * 4096 + 25 * mailbox.next_multiple_of(4096);
    let expected = json!({
        "name": &*region,
        "protocol": 7,
        "cells": 64,
        "arena": 8 << 10,
        "max_message": 4 << 10,
        "size": size,
        "memory": 4096 + 2 * 4096 + mailbox.next_multiple_of(4096),
        "ranks": 5,
        "live": 0,
        "joined": [{ "rank": 2, "status": "left", "epoch": 1, "pid": pid, "label": "" }],
        "mailboxes": [{ "from": 2, "to": 4, "unread": 3 }],
    });
    assert_eq!(stat, expected);

    let page = page(&region);
    for part in ["protocol 7", "64 cells, arena of 8 KiB, messages up to 4 KiB", "5, of which 4 never joined"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let row = |words: &str| page.lines().any(|line| line.split_whitespace().eq(words.split(' ')));
    assert!(row(&format!("2 left 1 {pid}")), "{page}");
    assert!(row("2 4 3"), "{page}");
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
    let named = |name: &Name| list.iter().find(|entry| entry["name"] == **name).expect("its region");
    assert_eq!(*named(&one), json!({ "name": &*one, "ranks": 2, "live": 1, "memory": 8 << 10 }));
    assert_eq!(*named(&other), json!({ "name": &*other, "ranks": 3, "live": 0, "memory": 8 << 10 }));
    let table = String::from_utf8(mbox(["ls"]).succeeds()).expect("UTF-8");
    let row = format!("{} 3 0 8 KiB", &*other);
    assert!(table.lines().any(|line| line.split_whitespace().eq(row.split(' '))), "{table}");
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
    let region = Name::create(&["--ranks", "2", "--max-message", "1K", "--mode", "640", "--reserve"]);
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
        .fails(&format!("region {:?}: there is no such region; see which there are with: mbox ls", &*none));
    assert!(!one.exists() && !other.exists());
}
