//! Messages whose senders wait until they are acknowledged.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, Scratch, kill_endpoint, pattern, wait_until};
use mailbox::lab::abi::{CREDITS, CallId, Kind};
use mailbox::lab::ring::{Producer, Slack};
use mailbox::{Broken, Config, Deadline, Endpoint, RecvError, SendError, Wait};
use std::panic;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, SeqCst};
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

fn pair(config: Config) -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(config);
    let [a, b] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    (scratch, a, b)
}

#[test]
fn it_is_sent_when_its_mail_was_dropped_and_no_sooner() {
    for how in [Wait::Spin, Wait::Adaptive, Wait::Block] {
        // In the cell, in the arena, and announced.
        for len in [0, 48, 49, 512, 5000] {
            let (_scratch, a, b) = pair(Config::ranks(2).arena(1024));
            a.set_wait(how);
            b.set_wait(how);
            let is_dropped = AtomicBool::new(false);
            thread::scope(|scope| {
                let is_dropped = &is_dropped;
                scope.spawn(move || {
                    let mail = b.recv().expect("mail");
                    assert_eq!(mail.to_vec(), pattern(len, 1));
                    // What is assembled is acknowledged when it was taken.
                    if len <= 512 {
                        thread::sleep(SHORT);
                    }
                    is_dropped.store(true, SeqCst);
                    drop(mail);
                    b.recv().expect("the next").to_vec()
                });
                a.to(1).sync().send(&pattern(len, 1)).expect("it is received");
                assert!(len > 512 || is_dropped.load(SeqCst), "{how:?} {len}");
                a.send(1, b"next").expect("room");
            });
        }
    }
}

#[test]
fn each_half_does_so_too() {
    let (_scratch, a, b) = pair(Config::ranks(2));
    let (sender, _receiver) = a.into_split();
    let (_sender, receiver) = b.into_split();
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..100u8).for_each(|number| assert_eq!(receiver.recv().expect("mail").to_vec(), [number]))
        });
        (0..100u8).for_each(|number| sender.to(1).sync().send(&[number]).expect("it is received"));
    });
}

#[test]
fn it_comes_in_its_place_and_ends_a_drain() {
    let (_scratch, a, b) = pair(Config::ranks(2));
    a.send(1, b"before").expect("room");
    assert_eq!(a.to(1).within(SHORT).sync().send(b"sync"), Err(SendError::Timeout(1)));
    a.send(1, b"after").expect("room");
    {
        let mut drain = b.drain();
        assert_eq!(drain.next().expect("no error").expect("a message").to_vec(), b"before");
        assert!(drain.next().expect("no error").is_none(), "a receive gives it");
    }
    for _ in 0..2 {
        let mail = b.try_recv().unwrap().expect("mail");
        assert!(!mail.is_call());
        assert_eq!(mail.to_vec(), b"sync");
        mail.requeue();
    }
    assert_eq!(b.try_recv().unwrap().expect("mail").to_vec(), b"sync");
    assert_eq!(b.try_recv().unwrap().expect("mail").to_vec(), b"after");
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn one_that_was_given_up_stays_sent_and_keeps_its_place_among_those_under_way() {
    let (_scratch, a, b) = pair(Config::ranks(2));
    let give_up = || a.to(1).within(Duration::ZERO).sync().send(b"?");
    for _ in 0..CREDITS {
        assert_eq!(give_up(), Err(SendError::Timeout(1)));
    }
    assert_eq!(give_up(), Err(SendError::Timeout(1)), "not sent");
    let at_once = a.to(1).within(Deadline::Now).sync().send(b"?");
    assert_eq!(at_once, Err(SendError::Full(1)), "nor without a wait");
    let call = a.to(1).within(Deadline::Now).start_call(&[0; 100]).map(drop);
    assert_eq!(call.unwrap_err(), mailbox::CallError::Request(SendError::Full(1)));
    for _ in 0..CREDITS {
        drop(b.try_recv().unwrap().expect("mail"));
    }
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()), "the last one was not sent");
    thread::scope(|scope| {
        scope.spawn(move || {
            drop(b.recv().expect("mail"));
            b
        });
        a.to(1).sync().send(b"again").expect("it is received");
    });
}

#[test]
fn the_end_of_its_receiver_is_told_and_its_successor_has_it() {
    for (end, told) in [
        (drop as fn(_), SendError::Gone { rank: 1, died: false }),
        (kill_endpoint, SendError::Gone { rank: 1, died: true }),
    ] {
        let (scratch, a, b) = pair(Config::ranks(2));
        thread::scope(|scope| {
            scope.spawn(move || {
                // In hand, and not acknowledged.
                std::mem::forget(b.recv().expect("mail"));
                end(b);
            });
            assert_eq!(a.to(1).sync().send(b"late"), Err(told));
        });
        if told == (SendError::Gone { rank: 1, died: false }) {
            assert_eq!(a.to(1).sync().send(b"nobody"), Err(told), "nothing is sent");
        }
        let b = scratch.open().join(1).expect("a free rank");
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (b"late".to_vec(), 1));
        drop(mail);
        // That acknowledgement is of nothing that is waited for.
        thread::scope(|scope| {
            scope.spawn(move || {
                assert_eq!(b.recv().expect("mail").to_vec(), b"next");
                b
            });
            a.to(1).sync().send(b"next").expect("it is received");
        });
    }
}

#[test]
fn a_panic_acknowledges_nothing() {
    let (_scratch, a, b) = pair(Config::ranks(2));
    thread::scope(|scope| {
        scope.spawn(move || {
            let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                let _mail = b.recv().expect("mail");
                panic::resume_unwind(Box::new(()));
            }));
            assert!(result.is_err());
            assert_eq!(b.recv().expect("the same").redelivered(), 1);
            b
        });
        a.to(1).sync().send(b"twice").expect("it is received");
    });
}

#[test]
fn a_batch_holds_no_acknowledgement_back() {
    let (_scratch, a, b) = pair(Config::ranks(2));
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let batch = b.batch();
            drop(b.recv().expect("mail"));
            drop(b.from_any().within(GUARD).recv().expect("the next, while the batch is open"));
            drop(batch);
            b
        });
        a.to(1).sync().send(b"in a batch").expect("it is received");
        a.send(1, b"next").expect("room");
        drop(receiver.join().expect("a receiver"));
    });
}

#[test]
fn who_could_only_wait_for_itself_is_told() {
    let (_scratch, a, _b) = pair(Config::ranks(2));
    assert_eq!(a.to(0).sync().send(b"me"), Err(SendError::Full(0)));
    let (sender, receiver) = a.into_split();
    thread::scope(|scope| {
        scope.spawn(move || assert_eq!(receiver.recv().expect("mail").to_vec(), b"me"));
        sender.to(0).sync().send(b"me").expect("it is received");
    });
}

#[test]
fn a_half_that_is_left_alone_in_a_wait_for_the_other_is_told() {
    for how in [Wait::Spin, Wait::Adaptive, Wait::Block] {
        let (_scratch, a, _b) = pair(Config::ranks(2));
        a.set_wait(how);
        let (sender, receiver) = a.into_split();
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(SHORT);
                drop(receiver);
            });
            assert_eq!(sender.to(0).within(GUARD).sync().send(b"me"), Err(SendError::Full(0)));
        });
    }
}

#[test]
fn a_rank_that_nobody_has_joined_is_waited_for() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let a = region.join(0).expect("a free rank");
    assert_eq!(a.to(1).within(SHORT).sync().send(b"early"), Err(SendError::Timeout(1)));
    thread::scope(|scope| {
        let scratch = &scratch;
        scope.spawn(move || {
            let b = scratch.open().join(1).expect("a free rank");
            (0..2).for_each(|_| drop(b.recv().expect("mail")));
            wait_until("the sender has left", || {
                matches!(b.try_recv(), Err(RecvError::Gone { rank: 0, died: false }))
            });
        });
        a.to(1).sync().send(b"first").expect("it is received");
        drop(a);
    });
}

#[test]
fn a_lie_is_told_or_nobodys() {
    // An answer instead of an acknowledgement; a head that has passed without one.
    for lie in [
        |returns: &Producer, _: &Wire| {
            let slot = returns.claim(0, Slack::Any).expect("room");
            // What stands for the first message.
            returns.fill(&slot.numbered(Kind::Answer, 0), &[]);
        },
        |_: &Producer, wire: &Wire| {
            wire.mailbox.mail.consumer.head.store(1, std::sync::atomic::Ordering::Release);
        },
    ] {
        let (scratch, a, _b) = pair(Config::ranks(2));
        thread::scope(|scope| {
            let scratch = &scratch;
            scope.spawn(move || {
                let wire = Wire::new(scratch, 0, 1);
                let stamp = &wire.mailbox.mail.cells.at(0).stamp;
                wait_until("it is sent", || stamp.load(std::sync::atomic::Ordering::Acquire) == 1);
                lie(&Producer::recover(wire.mailbox.returns.clone(), 1).expect("a lane"), &wire);
            });
            assert_eq!(a.to(1).within(GUARD).sync().send(b"?"), Err(SendError::Broken(Broken::Corrupt(1))));
        });
    }
}

#[test]
fn an_acknowledgement_of_what_nobody_waits_for_is_ignored() {
    const DONE: u64 = 3;
    for is_given_up in [false, true] {
        let (scratch, a, b) = pair(Config::ranks(2));
        let b = thread::scope(|scope| {
            let receiver = scope.spawn(move || {
                (0..DONE).for_each(|_| drop(b.recv().expect("mail")));
                b
            });
            (0..DONE).for_each(|_| a.to(1).sync().send(b"done").expect("it is received"));
            receiver.join().expect("a receiver")
        });
        let mut under_way = DONE;
        if is_given_up {
            assert_eq!(a.to(1).within(Duration::ZERO).sync().send(b"given up"), Err(SendError::Timeout(1)));
            under_way += 1;
        }
        // Long finished, perhaps given up, never sent, and not of a message at all.
        let done = (0..under_way).chain(0..under_way);
        let never_sent = [under_way + 1, under_way + CREDITS as u64, 1 << 40, (1 << 47) - 1];
        let messages = done.chain(never_sent).map(CallId::of_message);
        let forged: Vec<_> = messages.chain([CallId::of_line(1)]).collect();
        thread::scope(|scope| {
            let (scratch, forged) = (&scratch, &forged);
            scope.spawn(move || {
                let wire = Wire::new(scratch, 0, 1);
                let stamp = &wire.mailbox.mail.cells.at(under_way).stamp;
                wait_until("it is sent", || stamp.load(Acquire) == under_way + 1);
                let returns = Producer::recover(wire.mailbox.returns.clone(), 1).expect("a lane");
                for id in forged {
                    let slot = returns.claim(0, Slack::Any).expect("room");
                    returns.fill(&slot.numbered(Kind::Ack, id.number()), &[]);
                }
                let head = &wire.mailbox.returns.consumer.head;
                wait_until("all were looked at", || head.load(Acquire) == DONE + forged.len() as u64);
                // A sender that was told a success is not told of this.
                kill_endpoint(b);
            });
            let told = a.to(1).within(GUARD).sync().send(b"?");
            assert_eq!(told, Err(SendError::Gone { rank: 1, died: true }));
        });
        // And nothing of it is left.
        let b = scratch.open().join(1).expect("a free rank");
        thread::scope(|scope| {
            scope.spawn(move || {
                while b.recv().expect("mail").to_vec() != b"next" {}
                b
            });
            a.to(1).sync().send(b"next").expect("it is received");
        });
    }
}
