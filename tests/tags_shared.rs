//! Several threads of one rank that each receive by a tag of their own.
#![cfg(not(loom))]

mod common;

use common::{GUARD, SHORT, Scratch, pattern, wait_until};
use mailbox::{Config, Endpoint, RecvError, Shared, Wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const ARENA: u64 = 8192;
const LONG: usize = 3 << 18;
const HOWS: [Wait; 3] = [Wait::Adaptive, Wait::Block, Wait::Spin];

/// Rank 0, shared, with this budget for unread mail, and the others of a new region.
fn shared<const N: usize>(cells: u32, how: Wait, unread: u64) -> (Scratch, Shared, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(N as u32 + 1).cells(cells).arena(ARENA).max_message(8 << 20));
    let me = region.join(0).expect("free");
    me.set_wait(how);
    me.set_unread_budget(unread);
    let others = std::array::from_fn(|at| region.join(at as u32 + 1).expect("free"));
    (scratch, me.into_shared(), others)
}

#[test]
fn each_thread_gets_its_own_in_order_and_nobody_elses() {
    const THREADS: u32 = 4;
    const EACH: u64 = 2000;
    for (how, unread) in HOWS.into_iter().flat_map(|how| [(how, 1 << 30), (how, 0)]) {
        let (_scratch, me, others) = shared::<2>(16, how, unread);
        thread::scope(|scope| {
            for other in others {
                scope.spawn(move || {
                    for number in 0..EACH {
                        for tag in 0..THREADS {
                            // Some lie in the arena.
                            let mut bytes = vec![0; if number % 7 == 0 { 500 } else { 8 }];
                            bytes[..8].copy_from_slice(&number.to_ne_bytes());
                            other.to(0).tag(tag).within(GUARD).send(&bytes).expect("room");
                        }
                    }
                    // Its end is told when all was received.
                    other.from(0).within(GUARD).recv().map(drop).expect("mail");
                });
            }
            let receivers: Vec<_> = (0..THREADS)
                .map(|tag| {
                    let me = me.clone();
                    scope.spawn(move || {
                        let mut next = [0; 2];
                        while next != [EACH; 2] {
                            let mail = me.from_any().tag(tag).within(GUARD).recv();
                            let mail = mail.unwrap_or_else(|error| panic!("{how:?} {tag} {next:?}: {error}"));
                            let next = &mut next[mail.from() as usize - 1];
                            let number = u64::from_ne_bytes(mail.to_vec()[..8].try_into().expect("a number"));
                            assert_eq!(number, *next, "{how:?} of {tag}");
                            *next += 1;
                        }
                    })
                })
                .collect();
            receivers.into_iter().for_each(|thread| thread.join().expect("a thread"));
            (1..=2).for_each(|rank| me.send(rank, b"done").expect("room"));
        });
    }
}

#[test]
fn a_thread_that_sleeps_is_woken_for_what_another_passed_over() {
    // If each of them took a nap, that would take longer than a guard.
    const ROUNDS: u64 = 2000;
    for how in [Wait::Block, Wait::Adaptive] {
        let (scratch, me, [other]) = shared::<1>(64, how, 0);
        let guard = Instant::now() + GUARD;
        thread::scope(|scope| {
            for tag in 1..=2 {
                let me = me.clone();
                scope.spawn(move || {
                    for round in (0..ROUNDS).filter(|round| round % 2 + 1 == u64::from(tag)) {
                        let mail = me.from_any().tag(tag).within(guard).recv().expect("mail");
                        assert_eq!(mail.value(), Ok(round), "{how:?}");
                        me.send(1, b"got it").expect("room");
                    }
                });
            }
            // One more, which does not wait, looks beyond all.
            let (passing, is_over) = (me.clone(), Arc::new(AtomicBool::new(false)));
            let over = is_over.clone();
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    assert!(passing.from(1).tag(9).try_recv().expect("a sender").is_none());
                    thread::yield_now();
                }
            });
            scratch.wait_until_receiver_sleeps(0);
            for round in 0..ROUNDS {
                other.to(0).tag(1 + (round % 2) as u32).send(&round.to_ne_bytes()).expect("room");
                drop(other.from(0).within(guard).recv().expect("mail"));
            }
            is_over.store(true, Relaxed);
        });
    }
}

#[test]
fn room_is_made_for_a_thread_while_another_one_sleeps_for_all() {
    const COUNT: u64 = 20_000;
    for how in [Wait::Block, Wait::Adaptive] {
        let (scratch, me, [other, silent]) = shared::<2>(16, how, 1 << 30);
        let guard = Instant::now() + GUARD;
        thread::scope(|scope| {
            let leader = me.clone();
            scope.spawn(move || leader.from(2).tag(5).within(guard).recv().map(drop).expect("mail"));
            scratch.wait_until_receiver_sleeps(0);
            scope.spawn(move || {
                (0..COUNT).for_each(|number| {
                    other.to(0).tag(1).within(guard).send(&number.to_ne_bytes()).expect("room");
                });
                other.to(0).tag(2).within(guard).send(b"wanted first").expect("room");
                other.from(0).within(guard).recv().map(drop).expect("mail");
            });
            assert_eq!(me.from(1).tag(2).within(guard).recv().expect("mail").to_vec(), b"wanted first");
            (0..COUNT).for_each(|number| assert_eq!(me.from(1).recv().expect("mail").value(), Ok(number)));
            silent.to(0).tag(5).send(b"").expect("room");
            me.send(1, b"done").expect("room");
        });
    }
}

#[test]
fn an_announced_message_that_waits_for_that_of_another_thread_comes_in_time() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared::<1>(64, how, 0);
        thread::scope(|scope| {
            let receivers: Vec<_> = (0..4)
                .map(|tag| {
                    let me = me.clone();
                    scope.spawn(move || {
                        for round in 0..10 {
                            let mail = me.from(1).tag(tag).within(GUARD).recv().expect("mail");
                            assert!(mail.to_vec() == pattern(LONG, round + tag as usize), "{how:?}");
                        }
                    })
                })
                .collect();
            scope.spawn(move || {
                for round in 0..10 {
                    let mut sendings: Vec<_> = (0..4)
                        .map(|tag| other.to(0).tag(tag).announce(pattern(LONG, round + tag as usize)))
                        .map(|sending| sending.expect("room"))
                        .collect();
                    sendings.iter_mut().for_each(|sending| sending.wait_within(GUARD).expect("a receiver"));
                }
                // Until they have it all.
                other.from(0).within(GUARD).recv().map(drop).expect("mail");
            });
            receivers.into_iter().for_each(|thread| thread.join().expect("a thread"));
            me.send(1, b"done").expect("room");
        });
    }
}

#[test]
fn one_thread_takes_all_and_others_their_own() {
    const EACH: u64 = 2000;
    for how in HOWS {
        let (_scratch, me, [other]) = shared::<1>(64, how, 1 << 30);
        let received = AtomicU64::new(0);
        thread::scope(|scope| {
            for tag in [None, Some(1), Some(2), None, Some(2)] {
                let (me, received) = (me.clone(), &received);
                scope.spawn(move || {
                    while received.load(Relaxed) < EACH {
                        let from = tag.map_or(me.from_any(), |tag| me.from_any().tag(tag));
                        match from.within(Duration::from_millis(20)).recv() {
                            Ok(mail) => {
                                assert!(tag.is_none_or(|_| mail.len() == 8));
                                received.fetch_add(1, Relaxed);
                            }
                            Err(error) => assert_eq!(error, RecvError::Timeout),
                        }
                    }
                });
            }
            (0..EACH).for_each(|number| {
                other.to(0).tag((number % 4) as u32).within(GUARD).send(&number.to_ne_bytes()).expect("room");
            });
            wait_until("all are received", || received.load(Relaxed) == EACH);
        });
    }
}

#[test]
fn what_one_thread_leaves_is_for_others() {
    for source in [Some(1), None] {
        let (_scratch, me, [other]) = shared::<1>(16, Wait::Adaptive, 0);
        (0..16u64).for_each(|number| other.to(0).tag(1).send(&number.to_ne_bytes()).expect("room"));
        let from = source.map_or(me.from_any(), |rank| me.from(rank)).tag(2);
        assert_eq!(from.within(SHORT).recv().err(), Some(RecvError::Timeout));
        assert!(from.try_recv().expect("a sender").is_none());
        (0..16u64).for_each(|number| assert_eq!(me.recv().expect("mail").value(), Ok(number)));
    }
}
