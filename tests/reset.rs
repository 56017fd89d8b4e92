//! A mailbox that makes no sense starts again, and nobody else notices. Its ends may be doing anything meanwhile.
#![cfg(not(loom))]

mod common;

use common::wire::geometry;
use common::{GUARD, SHORT, Scratch};
use mailbox::lab::abi::{ConsumerLine, Geometry};
use mailbox::{
    Broken, CallError, Config, Deadline, End, Endpoint, Event, RecvError, Region, SendError, Source,
};
use std::mem::{forget, offset_of};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const ARENA: u64 = 1024;
const CONFIG: Config = Config::ranks(3).cells(8).arena(ARENA);

fn endpoints() -> (Scratch, Region, [Endpoint; 3]) {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let all = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    (scratch, region, all)
}

/// Overwrites the stamps of the mailbox from 0 to 1 with what nobody writes.
fn poison(scratch: &Scratch) {
    let cells = geometry(scratch).mailbox(0, 1) + Geometry::CELLS;
    (0..8).for_each(|cell| scratch.patch(cells + 64 * cell, &(1u64 << 50).to_ne_bytes()));
}

fn recv(me: &Endpoint) -> (u64, Vec<u8>) {
    let mail = me.from(0).within(GUARD).recv().expect("mail");
    (mail.seq(), mail.to_vec())
}

#[test]
fn a_mailbox_that_makes_no_sense_begins_anew_and_others_go_on() {
    let (scratch, _region, [a, mut b, c]) = endpoints();
    a.send(1, b"received").expect("room");
    assert_eq!(recv(&b).0, 0);
    for round in 0..20 {
        a.send(1, &vec![1; round * 12]).expect("room");
        c.send(1, b"from another").expect("room");
        poison(&scratch);
        assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
        assert_eq!(b.from(2).recv().expect("mail").to_vec(), b"from another");
        b.reset(0).expect("a rank");
        assert!(b.from(0).try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(a.send(1, b"lost").err(), Some(SendError::Broken(Broken::Reset(1))), "said");
        let len = round * 12;
        for _ in 0..3 {
            a.send(1, &vec![2; len]).expect("room");
            a.send(1, b"small").expect("room");
        }
        let seq = (round as u64 + 1) * 8 + 1 - 6;
        assert_eq!(recv(&b), (seq, vec![2; len]), "the numbers go on");
        (1..6).for_each(|ahead| assert_eq!(recv(&b).0, seq + ahead));
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    }
    assert_eq!(b.reset(3).err(), Some(RecvError::Broken(Broken::NoSuchRank { rank: 3, ranks: 3 })));
    b.reset(1).expect("nothing to give up");
}

#[test]
fn a_sender_that_sleeps_for_room_is_told_and_goes_on() {
    let (scratch, _region, [a, mut b, _c]) = endpoints();
    while a.try_send(1, b"x").is_ok() {}
    poison(&scratch);
    assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
    thread::scope(|scope| {
        let a = scope.spawn(move || {
            assert_eq!(a.send(1, b"x").err(), Some(SendError::Broken(Broken::Reset(1))));
            (0..40u8).for_each(|message| a.send(1, &[message]).expect("room"));
            a
        });
        scratch.wait_until_sender_sleeps(0);
        b.reset(0).expect("a rank");
        (0..40).for_each(|message| assert_eq!(recv(&b).1, [message]));
        drop(a.join().expect("a thread"));
    });
}

#[test]
fn no_receive_tells_a_reset_and_a_send_does() {
    let (_scratch, _region, [a, mut b, _c]) = endpoints();
    a.send(1, b"lost").expect("room");
    b.reset(0).expect("a rank");
    assert_eq!(a.from(1).within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert!((0..2).all(|_| matches!(a.next_event_within(SHORT), Ok(Event::Joined { .. }))));
    assert_eq!(a.next_event_within(SHORT).err(), Some(RecvError::Timeout));
    assert_eq!(a.send(1, b"told").err(), Some(SendError::Broken(Broken::Reset(1))));
}

#[test]
fn a_send_and_a_call_that_wait_for_an_answer_are_told_of_a_reset() {
    let answer_of_a_call = |a: &Endpoint| match a.call(1, &[1; 100]).err() {
        Some(CallError::Unanswered { rank: 1, end: End::Dropped }) => a.send(1, b"told").err(),
        other => panic!("{other:?}"),
    };
    for asks in [|a: &Endpoint| a.to(1).sync().send(b"lost").err(), answer_of_a_call] {
        let (_scratch, _region, [a, mut b, _c]) = endpoints();
        thread::scope(|scope| {
            let asker = scope.spawn(move || asks(&a));
            let mail = b.from(0).within(GUARD).recv().expect("mail");
            mail.requeue();
            b.reset(0).expect("a rank");
            assert_eq!(asker.join().expect("a thread"), Some(SendError::Broken(Broken::Reset(1))));
        });
    }
}

#[test]
fn a_batch_that_comes_upon_a_request_is_lost_and_told() {
    let (scratch, _region, [a, mut b, _c]) = endpoints();
    a.send(1, &[0; 100]).expect("room");
    let batch = a.batch();
    a.send(1, b"held back").expect("room");
    poison(&scratch);
    assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
    b.reset(0).expect("a rank");
    drop(batch);
    assert_eq!(a.send(1, b"told").err(), Some(SendError::Broken(Broken::Reset(1))));
    a.send(1, b"after").expect("room");
    assert_eq!(recv(&b).1, b"after");
}

#[test]
fn what_a_batch_holds_back_while_a_request_is_found_is_not_lost() {
    let (scratch, _region, [a, mut b, _c]) = endpoints();
    a.send(1, &[0; 512]).expect("room");
    a.send(1, &[0; 400]).expect("room");
    poison(&scratch);
    assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
    b.reset(0).expect("a rank");
    let batch = a.batch();
    a.send(1, b"held").expect("held back");
    assert_eq!(a.send(1, &[0; 300]).err(), Some(SendError::Broken(Broken::Reset(1))), "it looks for room");
    drop(batch);
    assert_eq!(recv(&b).1, b"held");
    a.send(1, b"after").expect("room");
    assert_eq!(recv(&b).1, b"after");
}

#[test]
fn an_announced_message_that_is_under_way_is_lost_and_its_sender_told() {
    for held in [false, true] {
        let (scratch, _region, [a, mut b, _c]) = endpoints();
        if held {
            a.send(1, b"x").expect("room");
            forget(b.recv().expect("mail"));
        }
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                assert_eq!(a.send(1, &[7; 10_000]).err(), Some(SendError::Broken(Broken::Reset(1))));
                a.send(1, &[8; 10_000]).expect("taken");
                a.send(1, b"after").expect("room");
            });
            scratch.wait_until_sender_sleeps(0);
            if !held {
                poison(&scratch);
                assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
            }
            b.reset(0).expect("a rank");
            assert_eq!(recv(&b).1, [8; 10_000]);
            assert_eq!(recv(&b).1, b"after");
            sender.join().expect("a thread");
        });
    }
}

#[test]
fn a_request_outlives_either_side() {
    for (answered, receiver_ends, sender_ends) in
        (0..8).map(|bits| (bits & 1 == 1, bits & 2 == 2, bits & 4 == 4))
    {
        let (scratch, region, [mut a, mut b, _c]) = endpoints();
        (0..5).for_each(|_| a.send(1, &[9; 60]).expect("room"));
        poison(&scratch);
        assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
        b.reset(0).expect("a rank");
        if answered {
            assert_eq!(a.send(1, b"x").err(), Some(SendError::Broken(Broken::Reset(1))));
            a.send(1, b"first").expect("room");
        }
        if receiver_ends {
            drop(b);
            b = region.join(1).expect("free");
        }
        if sender_ends {
            drop(a);
            a = region.join(0).expect("free");
        }
        match a.send(1, b"second") {
            Ok(()) => assert!(answered || sender_ends),
            Err(error) => {
                assert_eq!((error, answered || sender_ends), (SendError::Broken(Broken::Reset(1)), false));
                a.send(1, b"second").expect("room");
            }
        }
        if answered {
            assert_eq!(recv(&b).1, b"first");
        }
        assert_eq!(recv(&b).1, b"second");
        assert!(b.from(0).try_recv().is_ok_and(|mail| mail.is_none()));
    }
}

#[test]
fn the_mail_of_a_receive_that_was_forgotten_is_given_up_too() {
    for ahead in 0..8 {
        let (_scratch, _region, [a, mut b, _c]) = endpoints();
        (0..ahead).for_each(|_| a.send(1, b"received").expect("room"));
        (0..ahead).for_each(|_| drop(b.recv().expect("mail")));
        a.send(1, b"lost").expect("room");
        forget(b.from(0).start());
        b.reset(0).expect("a rank");
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(a.send(1, b"lost, too").err(), Some(SendError::Broken(Broken::Reset(1))));
        // All that was forgotten is left unread.
        let b = b.into_shared();
        a.to(1).tag(1).send(b"left").expect("room");
        (0..7).for_each(|number| a.send(1, &[number]).expect("room"));
        let mut held = vec![];
        for number in 0..7 {
            held.push(b.from(0).tag(0).within(GUARD).recv().expect("mail"));
            assert_eq!(held[usize::from(number)].to_vec(), [number]);
        }
        // A look by another mask goes through all that is unread.
        assert!(b.from(0).tag_masked(0, 3).try_recv().is_ok_and(|mail| mail.is_none()), "each came once");
        drop(held);
        assert_eq!(b.recv().expect("mail").to_vec(), b"left");
        (0..8).for_each(|number| a.send(1, &[number]).expect("all room is free again"));
        (0..8).for_each(|number| assert_eq!(b.recv().expect("mail").to_vec(), [number]));
    }
}

#[test]
fn a_request_that_nobody_made_is_found_out() {
    let (scratch, _region, [a, mut b, _c]) = endpoints();
    a.send(1, b"x").expect("room");
    assert_eq!(recv(&b).1, b"x");
    let word = geometry(&scratch).mailbox(0, 1) + offset_of!(ConsumerLine, reset_request) as u64;
    for forged in [1u64, 3, 5, u64::MAX] {
        scratch.patch(word, &forged.to_ne_bytes());
        while a.try_send(1, b"x").is_ok() {}
        let told = (0..200).find_map(|_| match b.from(0).within(SHORT).recv() {
            Ok(_) | Err(RecvError::Timeout) => None,
            Err(error) => Some(error),
        });
        assert_eq!(told, Some(RecvError::Broken(Broken::Corrupt(0))), "{forged}");
        b.reset(0).expect("a rank");
        while a.to(1).within(SHORT).send(b"y").is_err() {
            let _ = b.from(0).try_recv();
        }
        assert_eq!(recv(&b).1, b"y");
        while b.from(0).try_recv().is_ok_and(|mail| mail.is_some()) {}
    }
}

#[test]
fn a_request_that_somebody_overwrote_is_told_and_can_be_made_again() {
    let (scratch, _region, [a, mut b, _c]) = endpoints();
    a.send(1, b"x").expect("room");
    assert_eq!(recv(&b).1, b"x");
    let word = geometry(&scratch).mailbox(0, 1) + offset_of!(ConsumerLine, reset_request) as u64;
    // What takes the request back, and another request.
    for forged in [0u64, 4, 77] {
        b.reset(0).expect("a rank");
        scratch.patch(word, &forged.to_ne_bytes());
        let _ = a.try_send(1, b"nobody sees it");
        let told = |source, time| b.from(source).within(time).recv().map(|mail| mail.to_vec());
        assert_eq!(told(Source::Anyone, GUARD), Err(RecvError::Broken(Broken::Corrupt(0))), "{forged}");
        assert_eq!(told(Source::Anyone, SHORT), Err(RecvError::Timeout), "once");
        assert_eq!(told(Source::Rank(0), SHORT), Err(RecvError::Broken(Broken::Corrupt(0))), "each time");
        b.reset(0).expect("a rank");
        while a.to(1).within(SHORT).send(b"y").is_err() {
            let _ = b.from(0).try_recv();
        }
        assert_eq!(recv(&b).1, b"y");
    }
}

#[test]
fn a_call_that_was_left_is_marked_after_a_new_start() {
    let (_scratch, _region, [a, mut b, _c]) = endpoints();
    let _call = a.to(1).within(Deadline::Now).start_call(b"call").expect("room");
    b.try_recv().unwrap().expect("a call").requeue();
    b.reset(0).expect("a rank");
    assert_eq!(b.try_recv().unwrap().expect("a call").redelivered(), 1);
}

#[test]
fn order_and_at_most_once_hold_whenever_a_receiver_begins_anew() {
    let (_scratch, _region, [a, mut b, _c]) = endpoints();
    const MESSAGES: u64 = 20_000;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let is_over = &is_over;
        scope.spawn(move || {
            let mut told = 0;
            for number in 1..=MESSAGES {
                let len = [8, 8, 8, 100, 300, 8, 8, 2000][(number * 7919 % 8) as usize];
                let mut bytes = vec![number as u8; len];
                bytes[..8].copy_from_slice(&number.to_ne_bytes());
                let batch = (number % 5 == 0).then(|| a.batch());
                match a.to(1).within(GUARD).send(&bytes) {
                    Ok(()) => {}
                    Err(SendError::Broken(Broken::Reset(_))) => told += 1,
                    Err(error) => panic!("{error}"),
                }
                drop(batch);
            }
            is_over.store(true, Relaxed);
            assert!(told > 0);
        });
        let (mut last, mut received) = (0, 0);
        let mut seq = None;
        loop {
            let ended = is_over.load(Relaxed);
            match b.from(0).within(SHORT / 10).recv() {
                Ok(mail) => {
                    let bytes = mail.to_vec();
                    let number = u64::from_ne_bytes(bytes[..8].try_into().expect("a number"));
                    assert!(number > last, "{number} after {last}");
                    assert!(bytes[8..].iter().all(|byte| *byte == number as u8), "whole");
                    assert!(seq.is_none_or(|seq| mail.seq() > seq), "numbers go on");
                    (last, seq) = (number, Some(mail.seq()));
                    received += 1;
                }
                Err(RecvError::Timeout) if ended => break,
                Err(RecvError::Gone { rank: 0, died: false }) => break,
                Err(RecvError::Timeout) => {}
                Err(error) => panic!("{error}"),
            }
            if received % 37 == 36 {
                b.reset(0).expect("a rank");
                received += 1;
            }
        }
        assert!(received > MESSAGES / 20, "{received} of {MESSAGES}");
    });
}
