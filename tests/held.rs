//! Mails that their receiver holds keep a sender from sending: the receiver that waits for more of it is told.
#![cfg(not(loom))]

mod common;

use common::{Child, GUARD, SHORT, Scratch, pattern, reply, role, wait_until};
use mailbox::{Config, Endpoint, RecvError, Region, SendError};
use std::io::Read;
use std::thread;

const ARENA: u64 = 64 << 10;
/// Some of these fill the arena long before they fill the cells.
const LARGE: usize = 10 << 10;

/// Ranks 0 and 1 of a region with a small arena and many cells, and rank 2.
fn three() -> (Scratch, [Endpoint; 3]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).arena(ARENA));
    (scratch, [0, 1, 2].map(|rank| region.join(rank).expect("free")))
}

/// Sends that many messages to rank 1.
fn stream(a: &Endpoint, messages: usize) -> Result<(), SendError> {
    (0..messages).try_for_each(|number| a.send_timeout(1, &pattern(LARGE, number), GUARD))
}

#[test]
fn one_held_mail_that_keeps_the_arena_full_is_told_to_who_waits_for_that_sender() {
    let (_scratch, [a, b, _c]) = three();
    thread::scope(|scope| {
        let sender = scope.spawn(move || (stream(&a, 20), a).0);
        let held = b.recv().expect("mail");
        let mut received = 1;
        loop {
            match b.recv_from_timeout(0, GUARD) {
                Ok(mail) => assert_eq!(mail.to_vec(), pattern(LARGE, received)),
                Err(error) => break assert_eq!(error, RecvError::Held(0)),
            }
            received += 1;
        }
        assert!(received < 20, "the held mail is in the way");
        assert_eq!(b.recv_from_timeout(0, GUARD).err(), Some(RecvError::Held(0)), "each time");
        drop(held);
        for number in received..20 {
            assert_eq!(b.recv_from_timeout(0, GUARD).expect("mail").to_vec(), pattern(LARGE, number));
        }
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn who_receives_from_anyone_is_told_once_and_hears_of_others_all_the_same() {
    let (_scratch, [a, b, c]) = three();
    thread::scope(|scope| {
        let sender = scope.spawn(move || (stream(&a, 20), a).0);
        let held = b.recv().expect("mail");
        let told = loop {
            match b.recv_timeout(GUARD) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(told, RecvError::Held(0));
        assert_eq!(b.recv_timeout(SHORT).err(), Some(RecvError::Timeout), "once");
        c.send(1, b"another's").expect("room");
        assert_eq!(b.recv_timeout(GUARD).expect("mail").to_vec(), b"another's");
        drop(held);
        while !sender.is_finished() {
            let _ = b.recv_timeout(SHORT);
        }
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn who_never_waits_is_told_too() {
    for anyone in [false, true] {
        let (_scratch, [a, b, _c]) = three();
        thread::scope(|scope| {
            let sender = scope.spawn(move || (stream(&a, 20), a).0);
            let held = b.recv().expect("mail");
            let mut told = None;
            wait_until("a poller is told", || {
                let result = if anyone { b.try_recv() } else { b.try_recv_from(0) };
                told = result.err().filter(|error| *error != RecvError::Empty);
                told.is_some()
            });
            assert_eq!(told, Some(RecvError::Held(0)));
            drop(held);
            while !sender.is_finished() {
                let _ = b.recv_timeout(SHORT);
            }
            assert_eq!(sender.join().expect("a thread"), Ok(()));
        });
    }
}

#[test]
fn who_never_waits_is_told_that_held_mails_fill_all_cells() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(2));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (0..2).for_each(|message| a.send(1, &[message]).expect("room"));
    let held = [b.recv().expect("mail"), b.recv().expect("mail")];
    assert_eq!(b.try_recv_from(0).err(), Some(RecvError::Held(0)));
    let told: Vec<RecvError> = (0..200).filter_map(|_| b.try_recv().err()).collect();
    assert_eq!(told.iter().filter(|error| **error == RecvError::Held(0)).count(), 1, "once");
    assert_eq!(told.iter().filter(|error| **error == RecvError::Empty).count(), 199);
    drop(held);
    assert_eq!(b.try_recv_from(0).err(), Some(RecvError::Empty));
}

#[test]
fn who_holds_an_announcement_and_waits_for_the_next_is_told() {
    let (_scratch, [a, b, _c]) = three();
    b.set_by_hand(true);
    let message = pattern(4 * ARENA as usize, 0);
    thread::scope(|scope| {
        let sent = message.as_slice();
        let sender = scope.spawn(move || (a.send_timeout(1, sent, GUARD), a).0);
        let held = b.recv().expect("an announcement");
        assert_eq!(b.recv_from_timeout(0, GUARD).err(), Some(RecvError::Held(0)));
        let mut bytes = Vec::new();
        assert!(held.fetch().read_to_end(&mut bytes).is_ok());
        assert!(bytes == message);
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn second_process() {
    let Some((_, region)) = role() else { return };
    let me = Region::open(region.as_str()).expect("a region").join(1).expect("free");
    reply("ready");
    while me.send(0, &[1; 200]).is_ok() {}
}

#[test]
fn nothing_keeps_a_sender_from_sending_that_was_killed_while_it_waited_for_room() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(4).arena(1024));
    let me = region.join(0).expect("free");
    let mut sender = Child::start("fill", &scratch);
    assert_eq!(sender.answer(), "ready");
    scratch.wait_until_sender_sleeps(1);
    let mut held = vec![me.recv_timeout(GUARD).expect("mail")];
    sender.kill();
    let end = loop {
        match me.recv_timeout(GUARD) {
            Ok(mail) => held.push(mail),
            Err(error) => break error,
        }
    };
    assert_eq!(end, RecvError::PeerDead(1));
    assert_eq!(me.recv_timeout(SHORT).map(|mail| mail.len()), Err(RecvError::Timeout));
    assert_eq!(me.recv_timeout(SHORT).map(|mail| mail.len()), Err(RecvError::Timeout));
}

#[test]
fn nothing_keeps_a_sender_from_sending_that_has_left() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(2).arena(1024));
    let [me, a, _b] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    (0..2).for_each(|message| a.send(0, &[message]).expect("room"));
    let _held = [me.recv().expect("mail"), me.recv().expect("mail")];
    drop(a);
    assert_eq!(me.recv_timeout(GUARD).map(|mail| mail.len()), Err(RecvError::PeerLeft(1)));
    assert_eq!(me.recv_timeout(SHORT).map(|mail| mail.len()), Err(RecvError::Timeout));
}

#[test]
fn a_sender_that_waits_for_another_reason_is_not_held_up() {
    let (_scratch, [a, b, _c]) = three();
    a.send(1, b"held").expect("room");
    let _held = b.recv().expect("mail");
    assert_eq!(b.recv_from_timeout(0, SHORT).err(), Some(RecvError::Timeout));
    assert_eq!(b.recv_timeout(SHORT).err(), Some(RecvError::Timeout));
}
