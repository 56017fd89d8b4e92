//! The end of a stay: closing a file with no more than what was there at the join, being told what came of it, and
//! others who wait meanwhile.
#![cfg(not(loom))]

mod common;

use common::{Child, Scratch, become_user, is_root, place, reply};
use mailbox::lab::abi::{BOOT, FAILED, LABELS, SETTLED};
use mailbox::lab::os;
use mailbox::{CloseError, Config, Endpoint, JoinError, JoinOptions, Region};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const SMALL: Config = Config::ranks(3).cells(4).arena(1024).groups(0);

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "another user" => leave_as_another_user(&region),
        Some((role, region)) if role == "no descriptors" => leave_without_descriptors(&region),
        Some((_, region)) => join_as_another_user(&region),
        None => {}
    }
}

fn word(scratch: &Scratch, at: usize) -> u64 {
    u64::from_ne_bytes(scratch.peek(8 * at as u64))
}

/// Leaves in the way that `close` says, and tells whether it worked.
fn said(me: Endpoint) -> String {
    format!("{:?}", me.close())
}

/// Has somebody else come, send, change, let a third join, and leave; the file is closed and the mail there.
fn expect_clean(role: &str, scratch: &Scratch) {
    let mut child = Child::start(role, scratch);
    assert_eq!(child.answer(), "joined another");
    assert_eq!((child.answer(), child.answer()), ("Ok(())".into(), "Ok(())".into()));
    assert_ne!(word(scratch, BOOT), 0, "one more is in it");
    child.does("leave");
    assert_eq!(word(scratch, BOOT), 0, "closed");
    let me = scratch.open().join(1).expect("a free rank");
    for (from, text) in [(0, b"a"), (2, b"b")] {
        assert_eq!(me.from(from).try_recv().unwrap().expect("mail").to_vec(), text);
    }
}

/// Comes, and goes after `change`: through `close`, and at last by a drop.
fn come_and_go<T>(name: &str, change: impl FnOnce() -> T) {
    let region = Region::open(place(name)).expect("a region");
    let [first, last] = [0, 2].map(|rank| region.join(rank).expect("a free rank"));
    first.send(1, b"a").expect("room");
    let kept = change();
    let another = region.join(1);
    reply(if another.is_ok() { "joined another" } else { "joined no other" });
    last.send(1, b"b").expect("room");
    reply(&another.map_or_else(|error| format!("{error:?}"), said));
    reply(&said(first));
    // Its command is read, and its answer given, with what there was before.
    let command = common::command();
    drop(last);
    drop(kept);
    reply(&command.unwrap_or_default());
}

#[test]
fn a_file_is_closed_by_one_who_may_not_open_it_any_more() {
    if !is_root() {
        eprintln!("skipped: only root becomes another user");
        return;
    }
    expect_clean("another user", &{
        let scratch = Scratch::file();
        scratch.create(SMALL);
        scratch
    });
}

fn leave_as_another_user(name: &str) {
    come_and_go(name, || become_user(65534));
}

#[test]
fn a_file_is_closed_by_one_who_has_no_descriptor_left() {
    let scratch = Scratch::file();
    scratch.create(SMALL);
    expect_clean("no descriptors", &scratch);
}

fn leave_without_descriptors(name: &str) {
    come_and_go(name, || {
        limit_descriptors(64);
        let all: Vec<OwnedFd> = std::iter::from_fn(|| File::open("/dev/null").ok().map(Into::into)).collect();
        assert!((1..64).contains(&all.len()));
        all
    });
}

fn limit_descriptors(count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: `limit` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(result, 0, "setrlimit");
}

#[test]
fn who_opened_a_region_joins_it_as_another_user() {
    if !is_root() {
        eprintln!("skipped: only root becomes another user");
        return;
    }
    for scratch in [Scratch::new(), Scratch::file()] {
        scratch.create(SMALL);
        let mut child = Child::start("join", &scratch);
        assert_eq!(child.answer(), "Ok(1)", "{}", scratch.name());
        // Where it takes a new descriptor, it says why there is none.
        let told = if cfg!(portable) { "Ok(2)" } else { "Err(System(Denied))" };
        assert_eq!(child.answer(), told, "{}", scratch.name());
    }
}

fn join_as_another_user(name: &str) {
    let region = Region::open(place(name)).expect("a region");
    become_user(65534);
    let join = || reply(&format!("{:?}", region.join(0).map(|me| me.epoch())));
    join();
    match common::fork() {
        0 => {
            join();
            common::exit_at_once();
        }
        process => common::wait_for(process),
    }
}

#[test]
fn closing_says_what_came_of_it() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let region = scratch.create(SMALL);
        let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
        assert_eq!(a.close(), Ok(()), "the other is still there");
        assert_eq!(b.close(), Ok(()));
    }
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    assert_eq!(region.join(0).expect("a free rank").close(), Ok(()));
    assert_eq!(word(&scratch, BOOT), 0);
    // A disk that failed in this boot: what is on it may lack something.
    let me = region.join(0).expect("a free rank");
    let boot = os::boot_id().expect("a boot");
    scratch.patch(8 * FAILED as u64, &boot.to_ne_bytes());
    assert_eq!(me.close(), Err(CloseError::Failed));
    assert_eq!(word(&scratch, BOOT), boot | SETTLED);
    scratch.patch(8 * FAILED as u64, &[0; 8]);
    let me = region.join(0).expect("a free rank");
    fs::remove_file(scratch.path()).expect("a file");
    assert_eq!(me.close(), Err(CloseError::Removed));
}

#[test]
fn a_file_is_closed_though_somebody_fails_to_join_under_a_label() {
    let scratch = Scratch::in_memory();
    let region = scratch.create(Config::ranks(1).cells(4).arena(1024));
    // Mail for a rank that was left under another label: nobody joins it under "b".
    let a = region.join_as("a").expect("free");
    a.send(0, b"mail").expect("room");
    drop(a);
    let word = || u64::from_ne_bytes(scratch.peek::<8>(8 * BOOT as u64));
    assert_eq!(word(), 0, "closed");
    let stop = AtomicBool::new(false);
    let mut open = 0;
    thread::scope(|scope| {
        let other = scratch.open();
        let stop = &stop;
        let joiner = scope.spawn(move || {
            let mut tries = 0u64;
            while !stop.load(Ordering::Relaxed) {
                match JoinOptions::new().label("b").join(&other) {
                    Ok(_) => panic!("joined"),
                    Err(JoinError::Unread { .. } | JoinError::Full { .. } | JoinError::Closing) => tries += 1,
                    Err(error) => panic!("{error:?}"),
                }
            }
            tries
        });
        for _ in 0..300 {
            let me = loop {
                match region.join_as("a") {
                    Ok(me) => break me,
                    Err(_) => thread::yield_now(),
                }
            };
            assert_eq!(me.close(), Ok(()));
            if word() != 0 {
                open += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
        eprintln!("{} tries to join", joiner.join().expect("a thread"));
    });
    assert_eq!(open, 0, "times that nobody closed it");
}

#[test]
fn a_file_is_closed_while_somebody_looks_for_a_label() {
    let scratch = Scratch::in_memory();
    let region = scratch.create(Config::ranks(1).cells(4).arena(1024));
    let me = region.join(0).expect("a free rank");
    let file = File::options().read(true).write(true).open(scratch.path()).expect("a region");
    let _labels = os::Lock::take(&file, LABELS, 1).expect("a lock").expect("a free one");
    assert_eq!(me.close(), Ok(()));
    assert_eq!(u64::from_ne_bytes(scratch.peek::<8>(8 * BOOT as u64)), 0, "closed, as nobody is in it");
}
