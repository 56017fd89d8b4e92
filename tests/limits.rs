//! What the system refuses: errors that say so, no signal, and nothing left behind.
#![cfg(not(loom))]

mod common;

use common::{Child, Scratch, reply};
use mailbox::{Config, Region, SendError};
use std::fs;
use std::process::Command;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "cramped" => send_what_does_not_fit(&region),
        _ => {}
    }
}

/// Runs `role` after `prepare` in namespaces of its own, made with these options of `unshare`; says so if that is not
/// possible. Whether it was.
fn play_apart(options: &[&str], prepare: &str, role: &str, region: &Scratch) -> bool {
    let unshare: Vec<&str> = ["unshare"].iter().chain(options).copied().collect();
    let tried = Command::new("unshare").args(options).args(["sh", "-c", prepare]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: unshare {options:?} sh -c {prepare:?}");
        return false;
    }
    let script = format!("{prepare} && exec \"$0\" \"$@\"");
    let wrapper: Vec<&str> = unshare.into_iter().chain(["sh", "-c", &script]).collect();
    let mut child = Child::start_under(&wrapper, role, region);
    assert_eq!(child.answer(), "ok");
    child.finish();
    true
}

// --- Room --------------------------------------------------------------------------------------------------

#[test]
#[cfg_attr(portable, ignore = "an arena is not reserved apart")]
fn an_arena_that_does_not_fit_takes_nothing() {
    play_apart(&["-m"], "mount -t tmpfs -o size=160m none /dev/shm", "cramped", &Scratch::new());
}

fn send_what_does_not_fit(name: &str) {
    let region = Region::create(name, Config::ranks(2).cells(4).arena(200 << 20)).expect("room for a table");
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, b"small").expect("room");
    let before = region.inspect().memory;
    for _ in 0..3 {
        assert_eq!(a.send(1, &[7; 100]), Err(SendError::NoSpace));
        assert_eq!(region.inspect().memory, before, "the room is left to others");
    }
    assert_eq!(b.recv().expect("mail").to_vec(), b"small");
    drop((a, b));
    assert_eq!(Region::remove(name), Ok(()));
    // In more than one piece.
    let region = Region::create(name, Config::ranks(2).cells(4).arena(130 << 20)).expect("room for a table");
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, &[7; 100]).expect("room");
    assert!(region.inspect().memory > 130 << 20);
    assert_eq!(b.recv().expect("mail").to_vec(), [7; 100]);
    drop((a, b));
    assert_eq!(Region::remove(name), Ok(()));
    assert_eq!(fs::read_dir("/dev/shm").expect("a folder").count(), 0, "nothing is left behind");
    reply("ok");
}
