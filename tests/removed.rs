//! A region whose name is taken away while processes are in it, not by this library, which does not do that: each
//! of those who wait is told, for no other process will ever come.
#![cfg(not(loom))]

mod common;

use common::{GUARD, Scratch, wait_until};
use mailbox::{Broken, CallError, Config, Endpoint, JoinError, Lost, RecvError, Region, SendError, Wait};
use std::fs;
use std::thread;
use std::time::Duration;

/// Longer than a waiting endpoint lets pass until it looks again whether the name is there.
const BETWEEN_LOOKS: Duration = Duration::from_millis(60);

const SMALL: Config = Config::ranks(3).cells(4).arena(1024).groups(0);

#[test]
fn second_process() {}

/// Rank 0 and 1 are there, and live; the first of them does something that waits, while the name goes.
fn told<E: Send + PartialEq + std::fmt::Debug>(wait: impl Fn(&Endpoint) -> E + Copy + Send + Sync, error: E) {
    for scratch in [Scratch::new(), Scratch::file()] {
        for how in [Wait::Adaptive, Wait::Block] {
            let region = scratch.create(SMALL);
            let _peer = region.join(1).expect("a free rank");
            let me = region.join(0).expect("a free rank");
            me.set_wait(how);
            thread::scope(|scope| {
                let waiter = scope.spawn(move || {
                    let told = wait(&me);
                    (told, wait(&me))
                });
                wait_until("it sleeps", || scratch.receiver_sleeps(0) || scratch.sender_sleeps(0));
                fs::remove_file(scratch.path()).expect("a name");
                let told = waiter.join().expect("a thread that ends");
                assert_eq!((&told.0, &told.1), (&error, &error), "{}", scratch.name());
            });
            // A process that joined would be alone.
            assert_eq!(region.join(2).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        }
    }
}

#[test]
fn a_receiver_is_told_that_the_region_was_removed() {
    let error = RecvError::Broken(Broken::Lost(Lost::Removed));
    told(|me| me.from_any().within(GUARD).recv().map(drop).expect_err("no mail"), error);
    told(|me| me.from(1).within(GUARD).recv().map(drop).expect_err("no mail"), error);
}

#[test]
fn a_sender_is_told_that_the_region_was_removed() {
    told(
        |me| {
            let mut sent = (0..10).map(|_| me.to(1).within(GUARD).send(b"x"));
            sent.find_map(Result::err).expect("a full mailbox")
        },
        SendError::Broken(Broken::Lost(Lost::Removed)),
    );
    told(
        |me| me.to(1).within(GUARD).send(&[0; 5000]).expect_err("nobody takes it"),
        SendError::Broken(Broken::Lost(Lost::Removed)),
    );
}

#[test]
fn a_caller_is_told_that_the_region_was_removed() {
    told(
        |me| me.to(1).within(GUARD).call(b"x").map(drop).expect_err("no answer"),
        CallError::Broken(Broken::Lost(Lost::Removed)),
    );
}

#[test]
fn one_who_never_waits_is_told_that_the_region_was_removed() {
    let scratch = Scratch::new();
    let region = scratch.create(SMALL);
    let (me, peer) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    peer.send(0, b"before").expect("room");
    fs::remove_file(scratch.path()).expect("a name");
    // What was sent is there all the same.
    assert_eq!(me.try_recv().unwrap().expect("mail").to_vec(), b"before");
    wait_until("it is told", || me.try_recv().err() == Some(RecvError::Broken(Broken::Lost(Lost::Removed))));
    let send = || me.try_send(1, b"x").err();
    wait_until("it is told", || send() == Some(SendError::Broken(Broken::Lost(Lost::Removed))));
}

#[test]
fn what_there_is_room_for_is_sent_though_the_name_is_gone() {
    for how in [Wait::Adaptive, Wait::Block] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).cells(16).arena(1024));
        let [me, a] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
        a.set_wait(how);
        (0..16).for_each(|_| a.try_send(0, b"mail").expect("room"));
        // Less than a sender that waits takes at once.
        drop(me.try_recv().unwrap().expect("mail"));
        fs::remove_file(scratch.path()).expect("a name");
        thread::sleep(BETWEEN_LOOKS);
        assert_eq!(a.send(0, b"there is room for it"), Ok(()), "{how:?}");
        assert_eq!(a.send(0, b"none"), Err(SendError::Broken(Broken::Lost(Lost::Removed))), "{how:?}");
    }
}

#[test]
fn a_region_without_a_name_was_not_removed() {
    let region = Region::create_unnamed(SMALL).expect("a new region");
    let me = region.join(0).expect("a free rank");
    assert_eq!(me.from_any().within(common::SHORT).recv().map(drop), Err(RecvError::Timeout));
}

#[test]
fn one_name_of_two_is_enough() {
    let (scratch, other) = (Scratch::file(), Scratch::file());
    let region = scratch.create(SMALL);
    let me = region.join(0).expect("a free rank");
    fs::hard_link(scratch.path(), other.path()).expect("a second name");
    fs::remove_file(scratch.path()).expect("a name");
    assert_eq!(me.from_any().within(common::SHORT).recv().map(drop), Err(RecvError::Timeout));
    drop(me);
    // Closed, and whole, under the name that is left.
    assert_eq!(other.open().join(0).expect("a free rank").epoch(), 2);
}
