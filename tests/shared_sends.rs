//! What several threads send through one endpoint, and wait for.
#![cfg(not(loom))]

mod common;

use common::crew::{HOWS, join, shared};
use common::{GUARD, SHORT, die, pattern, wait_until};
use mailbox::lab::abi::CREDITS;
use mailbox::{Deadline, FetchError, Mail, RecvError, SendError, Shared, Status, Wait};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::thread;

// --- Until they are acknowledged ---------------------------------------------------------------------------

#[test]
fn each_thread_waits_for_its_own_acknowledgement() {
    for how in HOWS {
        // In the cell, and in the arena.
        for len in [8, 3000] {
            let (_scratch, me, [other]) = shared(16, how);
            thread::scope(|scope| {
                let mut senders: BTreeMap<u8, _> = (0..4)
                    .map(|number| {
                        let me = &me;
                        (number, scope.spawn(move || me.to(1).sync().tag(7).send(&vec![number; len])))
                    })
                    .collect();
                let mut mails: Vec<Mail<'_>> =
                    (0..4).map(|_| other.from(0).within(GUARD).recv().expect("mail")).collect();
                while let Some(mail) = mails.pop() {
                    let bytes = mail.to_vec();
                    assert_eq!((bytes.len(), mail.tag()), (len, 7));
                    let sender = senders.remove(&bytes[0]).expect("each comes once");
                    assert!(!sender.is_finished() && senders.values().all(|sender| !sender.is_finished()));
                    mail.ack();
                    assert_eq!(sender.join().unwrap(), Ok(()), "{how:?}");
                }
            });
        }
    }
}

#[test]
fn more_messages_than_may_be_under_way_wait_for_each_other() {
    let (scratch, me, [other]) = shared(256, Wait::Block);
    thread::scope(|scope| {
        for number in 0..CREDITS + 16 {
            let me = &me;
            scope.spawn(move || me.to(1).sync().send(&number.to_ne_bytes()).expect("a receiver"));
        }
        scratch.wait_until_sender_sleeps(0);
        wait_until("as many are under way as may be", || {
            other.region().inspect().mailboxes.iter().any(|mailbox| mailbox.unread == CREDITS as u64)
        });
        for _ in 0..CREDITS + 16 {
            other.from(0).within(GUARD).recv().expect("mail").ack();
        }
    });
}

#[test]
fn a_message_that_nobody_acknowledges_in_time_stays_sent() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    let to = me.to(1).sync();
    assert_eq!(to.try_send(b"now"), Err(SendError::Timeout(1)));
    assert_eq!(to.within(SHORT).send(b"soon"), Err(SendError::Timeout(1)));
    assert_eq!(other.recv().expect("mail").to_vec(), b"now");
    assert_eq!(other.recv().expect("mail").to_vec(), b"soon");
    // What was given up keeps no later one from being sent.
    for _ in 0..3 * CREDITS {
        assert_eq!(to.try_send(b"and so on"), Err(SendError::Timeout(1)));
        other.recv().expect("mail").ack();
    }
}

#[test]
fn a_thread_acknowledges_what_another_one_sends_to_their_own_rank() {
    for how in HOWS {
        let (_scratch, me, []) = shared(16, how);
        thread::scope(|scope| {
            for number in 0..3u64 {
                let me = &me;
                scope.spawn(move || me.to(0).sync().within(GUARD).send_value(&number).expect("received"));
            }
            (0..3).for_each(|_| me.from(0).within(GUARD).recv().expect("mail").ack());
        });
    }
}

#[test]
fn threads_that_wait_for_an_acknowledgement_are_told_of_the_death_of_their_receiver() {
    for how in HOWS {
        let (_scratch, me, [dying]) = shared(16, how);
        let mut sending = me.to(1).announce(pattern(3 << 20, 1)).expect("room");
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| me.to(1).sync().send(b"held")))
                .chain([scope.spawn(|| me.to(1).send(&pattern(3 << 20, 0))), scope.spawn(|| sending.wait())])
                .collect();
            wait_until("all are sent", || {
                dying.region().inspect().mailboxes.iter().any(|mailbox| mailbox.unread == 5)
            });
            die(dying);
            for thread in waiting {
                assert_eq!(thread.join().unwrap(), Err(SendError::Gone { rank: 1, died: true }), "{how:?}");
            }
        });
        assert_eq!(sending.is_received(), Err(SendError::Gone { rank: 1, died: true }), "each time");
    }
}

// --- Announced ---------------------------------------------------------------------------------------------

const LONG: usize = 3 << 20;

#[test]
fn announced_messages_go_on_while_any_thread_waits() {
    for how in HOWS {
        let (scratch, me, [other, silent]) = shared(16, how);
        let mut sendings: Vec<_> =
            (0..3).map(|seed| me.to(1).tag(5).announce(pattern(LONG, seed)).expect("room")).collect();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| me.from(2).recv().map(|mail| mail.to_vec()));
            if how == Wait::Block {
                scratch.wait_until_receiver_sleeps(0);
            }
            for seed in 0..3 {
                let mail = other.from(0).within(GUARD).recv().expect("mail");
                assert_eq!(mail.tag(), 5);
                assert!(mail.to_vec() == pattern(LONG, seed), "{how:?}");
            }
            silent.send(0, b"done").expect("room");
            assert_eq!(waiting.join().unwrap(), Ok(b"done".to_vec()));
        });
        assert!(sendings.iter_mut().all(|sending| sending.is_received() == Ok(true)));
        assert!(
            sendings.iter_mut().all(|sending| sending.wait() == Ok(()) && sending.to() == 1),
            "each time"
        );
    }
}

#[test]
fn an_announced_message_goes_on_while_a_thread_only_peeks() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    let mut sending = me.to(1).announce(pattern(LONG, 1)).expect("room");
    other.set_by_hand(true);
    let mut arrival = other.recv().expect("an announcement").fetch();
    let (mut bytes, mut buffer) = (vec![], vec![0; LONG]);
    assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    wait_until("all of it has come", || {
        assert_eq!(me.from_any().peek(), Ok(None));
        match arrival.fetch_within(&mut buffer, Deadline::Now) {
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error, FetchError::Timeout(0)),
        }
        bytes.len() == LONG
    });
    assert_eq!(bytes, pattern(LONG, 1));
    drop(arrival);
    assert_eq!(sending.wait(), Ok(()));
}

#[test]
fn each_thread_waits_for_its_own_announced_message() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|seed| {
                    let mut sending = me.to(1).announce(pattern(LONG, seed)).expect("room");
                    scope.spawn(move || sending.wait_within(GUARD))
                })
                .collect();
            for seed in 0..4 {
                let mail = other.from(0).within(GUARD).recv().expect("mail");
                assert!(mail.to_vec() == pattern(LONG, seed), "{how:?}");
            }
            senders.into_iter().for_each(|sender| assert_eq!(sender.join().unwrap(), Ok(()), "{how:?}"));
        });
    }
}

#[test]
fn a_thread_that_asks_again_and_again_sends_it_without_waiting() {
    let (_scratch, me, [other]) = shared(16, Wait::Block);
    let mut sending = me.to(1).announce(pattern(LONG, 3)).expect("room");
    assert_eq!(sending.is_received(), Ok(false));
    assert_eq!(sending.wait_within(SHORT), Err(SendError::Timeout(1)));
    thread::scope(|scope| {
        let receiving = scope.spawn(move || other.from(0).within(GUARD).recv().map(|mail| mail.to_vec()));
        wait_until("it is received", || sending.is_received().expect("a receiver"));
        assert!(receiving.join().unwrap().expect("mail") == pattern(LONG, 3));
    });
}

#[test]
fn an_announced_message_that_is_dropped_is_given_up_and_one_that_is_refused_says_so() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    other.set_by_hand(true);
    let [given_up, mut refused] = [me.to(1).announce(pattern(LONG, 1)), me.to(1).announce(pattern(LONG, 2))]
        .map(|sending| sending.expect("room"));
    let [first, second] = [other.recv().expect("mail"), other.recv().expect("mail")];
    assert_eq!([first.announced(), second.announced()], [Some(LONG as u64); 2]);
    drop(given_up);
    let mut arrival = first.fetch();
    assert_eq!(arrival.fetch(&mut [0; 64]), Err(FetchError::Cut(0)));
    drop((arrival, second));
    assert_eq!(refused.wait_within(GUARD), Err(SendError::Refused(1)));
    assert_eq!(refused.wait(), Err(SendError::Refused(1)), "each time");
}

#[test]
fn an_announced_message_keeps_the_rank_and_may_be_for_the_rank_itself() {
    let (scratch, me, []) = shared(16, Wait::Block);
    let region = scratch.open();
    let status = || region.status(0).map(|(status, _)| status);
    let mut sending = me.to(0).announce(pattern(LONG, 1)).expect("room");
    thread::scope(|scope| {
        scope.spawn(|| assert!(me.from(0).within(GUARD).recv().expect("mail").to_vec() == pattern(LONG, 1)));
        assert_eq!(sending.wait_within(GUARD), Ok(()));
    });
    drop(me);
    assert_eq!(status(), Some(Status::Live));
    drop(sending);
    assert_eq!(status(), Some(Status::Left));
}

// --- On loan -----------------------------------------------------------------------------------------------

fn written(me: &Shared, len: usize, seed: usize) -> mailbox::OwnedLoan {
    loop {
        match me.loan(len) {
            Ok(mut loan) => {
                let bytes = pattern(len, seed);
                loan.write_at(len / 2, &bytes[len / 2..]);
                assert_eq!(loan.write(&bytes[..len / 2]).expect("it fits"), len / 2);
                assert_eq!((loan.written(), loan.len(), loan.is_empty()), (len / 2, len, false));
                return loan;
            }
            Err(error) => assert_eq!(error, SendError::Full(me.rank())),
        }
        thread::yield_now();
    }
}

#[test]
fn threads_write_in_place_and_send_to_several_and_the_memory_comes_back() {
    const LEN: usize = 128 << 10;
    const EACH: usize = 12;
    for how in HOWS {
        let (_scratch, me, others) = shared::<2>(4, how);
        thread::scope(|scope| {
            for other in others {
                scope.spawn(move || {
                    let mut next = [0; 4];
                    for _ in 0..4 * EACH {
                        let mail = other.from(0).within(GUARD).recv().expect("mail");
                        let next = &mut next[mail.tag() as usize];
                        assert!(mail.to_vec() == pattern(LEN, *next), "{how:?}");
                        *next += 1;
                    }
                });
            }
            for tag in 0..4 {
                let me = &me;
                scope.spawn(move || {
                    for seed in 0..EACH {
                        let block = written(me, LEN, seed).commit(LEN).tag(tag);
                        assert_eq!((block.len(), block.is_empty()), (LEN, false));
                        [1, 2].into_iter().for_each(|rank| block.send(rank).expect("room"));
                    }
                });
            }
        });
        // All of it.
        drop(me.loan(512 << 10).expect("free"));
        assert!(matches!(me.loan(600 << 10), Err(SendError::TooLarge { .. })));
    }
}

#[test]
fn a_block_waits_for_room_and_is_told_of_the_death_of_its_receiver() {
    let (scratch, me, [dying, other]) = shared(4, Wait::Block);
    let block = written(&me, 100, 1).commit(60);
    while block.send_within(1, Deadline::Now).is_ok() {}
    assert_eq!(block.send_within(1, Deadline::Now), Err(SendError::Full(1)));
    assert_eq!(block.send_within(1, SHORT), Err(SendError::Timeout(1)));
    thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| block.send(1)));
        scratch.wait_until_sender_sleeps(0);
        // Another thread sends it meanwhile.
        block.send(2).expect("room");
        let mut bytes = vec![];
        other.from(0).within(GUARD).recv().expect("mail").read_to_end(&mut bytes).expect("bytes");
        assert!(bytes == pattern(100, 1)[..60]);
        die(dying);
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Err(SendError::Gone { rank: 1, died: true }));
        }
    });
    // It may be the last that keeps the rank.
    let region = scratch.open();
    drop(me);
    assert_eq!(region.status(0).map(|(status, _)| status), Some(Status::Live));
    drop(block);
    assert_eq!(region.status(0).map(|(status, _)| status), Some(Status::Left));
    // What was not acknowledged stays as it is for the rank's next holder.
    let successor = join(&region, 0);
    drop(successor.loan(256 << 10).expect("the rest is free"));
}

#[test]
fn threads_that_open_a_mailbox_send_nothing() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    thread::scope(|scope| (0..3).for_each(|_| _ = scope.spawn(|| me.to(1).open().expect("memory"))));
    assert!(other.region().has_mailbox(0, 1) && other.try_recv().expect("nothing is wrong").is_none());
}

#[test]
fn a_thread_that_has_given_up_keeps_no_receiver_from_waiting() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        let long = vec![7; me.region().eager_limit() as usize];
        // The arena is full then, and most cells are free.
        while me.try_send(1, &long).is_ok() {}
        let mut held = vec![];
        while let Some(mail) = other.from(0).try_recv().expect("no error") {
            held.push(mail);
        }
        assert!(held.len() < 16);
        assert_eq!(me.to(1).within(SHORT).send(&long), Err(SendError::Timeout(1)));
        assert_eq!(other.from(0).within(SHORT).recv().map(drop), Err(RecvError::Timeout), "{how:?}");
    }
}
