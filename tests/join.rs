//! Joining: as one of some ranks, under a label, and when others come, go and close.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{GUARD, SHORT, Scratch, place, wait_until};
use mailbox::lab::os::Lock;
use mailbox::{Broken, Config, Endpoint, JoinError, JoinOptions, Region, RemoveError, Status, WaitError};
use std::fs::{self, File};
use std::ops::Bound;
use std::thread;
use std::time::Instant;

const SMALL: Config = Config::ranks(4).cells(8).arena(1024);
/// Every lock of a region.
const ALL_LOCKS: u32 = 2 + 1024;

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        puppet::perform(&region);
    }
}

fn region() -> (Scratch, Region) {
    let scratch = Scratch::new();
    let region = scratch.create(SMALL);
    (scratch, region)
}

fn as_one_of(options: JoinOptions<'_>, region: &Region) -> u32 {
    options.join(region).expect("a free rank").rank()
}

// --- Ranks -------------------------------------------------------------------------------------------------

#[test]
fn a_rank_is_one_of_those_asked_for() {
    let (_scratch, region) = region();
    let any = JoinOptions::new();
    let others = any.ranks(1..).join(&region).expect("a free rank");
    assert_eq!(others.rank(), 1);
    assert_eq!(as_one_of(any.ranks(2..=2), &region), 2);
    assert_eq!(as_one_of(any.ranks(..), &region), 0);
    assert_eq!(as_one_of(any.ranks((Bound::Excluded(2), Bound::Unbounded)), &region), 3);
    // As far as there are any.
    assert_eq!(as_one_of(any.ranks(3..100), &region), 3);
    assert_eq!(
        any.ranks(1..2).join(&region).err(),
        Some(JoinError::Full { ranks: 1 }),
        "though others could be had"
    );
    let none = JoinError::Broken(Broken::NoSuchRank { rank: 1, ranks: region.ranks() });
    assert_eq!(any.ranks(1..1).join(&region).err(), Some(none));
    let none = Some(JoinError::Broken(Broken::NoSuchRank { rank: 4, ranks: 4 }));
    assert_eq!(any.ranks(4..).join(&region).err(), none);
    drop(others);
    assert_eq!(as_one_of(any.ranks(1..2), &region), 1);
}

#[test]
fn a_label_is_looked_for_among_the_ranks_asked_for() {
    let (_scratch, region) = region();
    let bob = JoinOptions::new().label("bob");
    let me = bob.ranks(2..3).join(&region).expect("a free rank");
    // Wherever its bearer lives.
    assert_eq!(bob.ranks(0..2).join(&region).err(), Some(JoinError::Taken { rank: 2 }));
    drop(me);
    assert_eq!(as_one_of(bob.ranks(1..), &region), 2);
    let me = bob.ranks(..2).join(&region).expect("a free rank");
    assert_eq!((me.rank(), region.find("bob")), (0, Some(0)));
    drop(me);
    let me = bob.ranks(2..).join(&region).expect("its rank");
    assert_eq!((me.rank(), region.find("bob")), (2, Some(2)), "who is there comes first");
}

#[test]
fn a_rank_says_its_label() {
    let (_scratch, region) = region();
    assert_eq!((region.label(0), region.label(4)), (None, None));
    let me = region.join_as("Zoë").expect("a free rank");
    assert_eq!(region.label(me.rank()).as_deref(), Some("Zoë"));
    drop(me);
    assert_eq!(region.label(0).as_deref(), Some("Zoë"), "it need not live");
    drop(region.join(0).expect("a free rank"));
    assert_eq!(region.label(0), None);
}

// --- Unread mail -------------------------------------------------------------------------------------------

/// Has a message lie unread at `rank`.
fn post(region: &Region, rank: u32) -> Endpoint {
    let sender = region.join(3).expect("a free rank");
    sender.send(rank, b"for your eyes only").expect("room");
    sender
}

#[test]
fn nobody_is_given_the_unread_mail_of_another_label() {
    let (_scratch, region) = region();
    let bob = region.join_as("bob").expect("a free rank");
    assert_eq!(bob.rank(), 0);
    let sender = post(&region, 0);
    drop(bob);
    let others = JoinOptions::new().ranks(..3);
    let [carl, anyone] =
        [others.label("carl"), others].map(|options| options.join(&region).expect("a free rank"));
    assert_eq!((carl.rank(), anyone.rank()), (1, 2));
    // Nothing else is free.
    let unread = Some(JoinError::Unread { rank: 0 });
    assert_eq!(others.label("dora").join(&region).err(), unread);
    assert_eq!(others.join(&region).err(), unread);
    let bob = region.join_as("bob").expect("its rank");
    assert_eq!(bob.recv().expect("mail").to_vec(), b"for your eyes only");
    drop(bob);
    assert_eq!(as_one_of(others.label("dora"), &region), 0, "it has read everything");
    // Joining by number takes the rank in any case.
    sender.send(0, b"x").expect("room");
    assert_eq!(others.join(&region).err(), unread);
    let me = region.join(0).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"x");
}

#[test]
fn unread_mail_of_no_label_is_for_those_without_one() {
    let (scratch, region) = region();
    let others = JoinOptions::new().ranks(0..1);
    // Mail for the first that comes.
    let sender = post(&region, 0);
    let mut worker = puppet(&scratch);
    assert_eq!(worker.does("join 0"), "ok");
    worker.kill();
    assert_eq!(region.status(0), Some((Status::Dead, 1)));
    assert_eq!(others.label("carl").join(&region).err(), Some(JoinError::Unread { rank: 0 }));
    let successor = others.join(&region).expect("a free rank");
    assert_eq!(successor.recv().expect("mail").to_vec(), b"for your eyes only");
    drop(successor);
    let carl = others.label("carl").join(&region).expect("a free rank");
    drop((carl, sender));
    assert_eq!(as_one_of(others, &region), 0);
}

#[test]
fn a_rank_that_nobody_held_is_anybodys() {
    let (_scratch, region) = region();
    let _sender = post(&region, 0);
    let me = JoinOptions::new().ranks(0..1).label("first").join(&region).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"for your eyes only");
}

// --- Waiting for somebody ----------------------------------------------------------------------------------

#[test]
fn one_who_comes_is_waited_for() {
    let (scratch, region) = region();
    assert_eq!(region.wait_for(1, SHORT), Err(WaitError::Timeout { rank: 1 }));
    assert_eq!(region.wait_for(4, GUARD), Err(WaitError::NoSuchRank { rank: 4, ranks: 4 }));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| region.wait_for(1, GUARD));
        let mut peer = puppet(&scratch);
        assert_eq!(peer.does("join 1"), "ok");
        assert_eq!(waiter.join().expect("a thread"), Ok(1));
        assert_eq!(region.wait_for(1, std::time::Duration::ZERO), Ok(1), "it is there");
        // One that has died, or left, is not.
        peer.kill();
        assert_eq!(region.wait_for(1, SHORT), Err(WaitError::Timeout { rank: 1 }));
        let waiter = scope.spawn(|| region.wait_for(1, std::time::Duration::MAX));
        drop(region.join(2).expect("a free rank"));
        let me = scratch.open().join(1).expect("a free rank");
        assert_eq!(waiter.join().expect("a thread"), Ok(2));
        drop(me);
        assert_eq!(region.wait_for(1, SHORT), Err(WaitError::Timeout { rank: 1 }));
    });
    let waits = WaitError::Timeout { rank: 1 }.to_string();
    assert_eq!(waits, "timed out: nobody has joined as rank 1");
}

#[test]
fn whoever_waits_for_somebody_is_told_that_nobody_can_come() {
    for remove in [
        (|scratch: &Scratch| assert_eq!(Region::remove_at(place(scratch.name())), Ok(()))) as fn(&Scratch),
        |scratch| fs::remove_file(scratch.path()).expect("a name"),
    ] {
        let (scratch, region) = region();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| region.wait_for(1, GUARD));
            remove(&scratch);
            assert_eq!(waiter.join().expect("a thread"), Err(WaitError::Removed { rank: 1 }));
        });
    }
}

// --- A slow disk -------------------------------------------------------------------------------------------

#[test]
fn a_region_that_is_closed_for_long_is_said_to_be() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    drop(region.join(1).expect("a free rank"));
    // One died, and seems alive while all locks are held.
    let mut dead = puppet(&scratch);
    assert_eq!(dead.does("join 2"), "ok");
    dead.kill();
    let file = File::options().read(true).write(true).open(scratch.path()).expect("a file");
    let locks = Lock::take(&file, 0, ALL_LOCKS).expect("locks").expect("free locks");
    let begin = Instant::now();
    let place = scratch.path();
    thread::scope(|scope| {
        let join = [
            |region: &Region| region.join(0).err(),
            |region: &Region| region.join(2).err(),
            |region: &Region| region.join_any().err(),
            |region: &Region| region.join_as("x").err(),
            |region: &Region| JoinOptions::new().ranks(2..3).join(region).err(),
        ];
        let joiners = join.map(|join| {
            let region = &region;
            scope.spawn(move || join(region))
        });
        let remover = scope.spawn(|| region.remove());
        let other = scope.spawn(|| Region::remove_at(&place));
        for joiner in joiners {
            assert_eq!(joiner.join().expect("a thread"), Some(JoinError::Closing));
        }
        assert_eq!(remover.join().expect("a thread"), Err(RemoveError::Closing(place.as_path().into())));
        assert_eq!(other.join().expect("a thread"), Err(RemoveError::Closing(place.as_path().into())));
    });
    assert!(begin.elapsed() < GUARD);
    assert_eq!(region.wait_for(2, SHORT), Err(WaitError::Timeout { rank: 2 }), "it is dead");
    drop(locks);
    wait_until("it can be joined", || region.join(2).is_ok());
    // A holder of a rank is not mistaken for a process that closes the region.
    let me = region.join(0).expect("a free rank");
    assert_eq!(region.join(0).err(), Some(JoinError::Taken { rank: 0 }));
    assert_eq!(region.remove(), Err(RemoveError::InUse(scratch.path().as_path().into())));
    drop(me);
}

#[test]
fn no_two_live_processes_bear_one_label() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(4096));
    drop(region.join_as("x").expect("free"));
    let b = JoinOptions::new().ranks(1..).label("x").join(&region).expect("free");
    assert_eq!(b.rank(), 1);
    let c = region.join_as("x").map(|me| me.rank());
    assert_eq!(c, Err(JoinError::Taken { rank: 1 }));
}
