//! Threads of one rank that each send a message and receive one at the same time.
#![cfg(not(loom))]

mod common;

use common::crew::{HOWS, join, shared};
use common::{GUARD, SHORT, die, pattern, wait_until};
use mailbox::{Config, Deadline, FetchError, RecvError, Region, RequestError, SendError, Wait};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

#[test]
fn threads_of_two_ranks_exchange_messages_that_no_mailbox_holds() {
    for how in HOWS {
        for (len, rounds) in [(8, 200), (20 << 10, 40), (200 << 10, 5)] {
            let (_scratch, me, [other]) = shared(4, how);
            other.set_wait(how);
            let other = other.into_shared();
            thread::scope(|scope| {
                for tag in 0..3 {
                    for (here, to) in [(&me, 1), (&other, 0)] {
                        scope.spawn(move || {
                            for round in 0..rounds {
                                let mine = pattern(len, to as usize + round);
                                let from = here.from(to).tag(tag).within(GUARD);
                                let theirs = here.to(to).tag(tag).send_receive(mine, from).expect("both");
                                let is_theirs = theirs.to_vec() == pattern(len, 1 - to as usize + round);
                                assert!(is_theirs && theirs.tag() == tag, "{how:?} {len} {round}");
                            }
                        });
                    }
                }
            });
        }
    }
}

#[test]
fn each_of_many_exchanges_with_its_neighbours_in_a_ring() {
    for how in HOWS {
        let region = Region::create_unnamed(Config::ranks(4).cells(4).arena(64 << 10)).expect("a region");
        let ranks: Vec<_> = (0..4).map(|rank| join(&region, rank)).collect();
        thread::scope(|scope| {
            for me in ranks {
                me.set_wait(how);
                let (rank, me) = (me.rank(), me.into_shared());
                scope.spawn(move || {
                    for round in 0..20 {
                        let [left, right] = [(rank + 3) % 4, (rank + 1) % 4];
                        let mine = pattern(200 << 10, rank as usize + round);
                        let (len, from) = (100 << (round % 11), me.from(left).within(GUARD));
                        let theirs = me.to(right).send_receive(&mine[..len], from).expect("both");
                        assert!(theirs.to_vec() == pattern(200 << 10, left as usize + round)[..len]);
                    }
                });
            }
        });
    }
}

#[test]
fn a_death_ends_an_exchange_once_both_are_over() {
    for how in HOWS {
        for len in [8, 3 << 20] {
            let (_scratch, me, [dying, silent]) = shared(4, how);
            while me.try_send(1, b"fills it").is_ok() {}
            thread::scope(|scope| {
                let exchanging = scope
                    .spawn(|| me.to(1).send_receive(pattern(len, 1), me.from(2).within(GUARD)).map(drop));
                let listening =
                    scope.spawn(|| me.to(2).send_receive(b"heard", me.from(1).within(GUARD)).map(drop));
                die(dying);
                let gone = RecvError::Gone { rank: 1, died: true };
                assert_eq!(listening.join().unwrap(), Err(RequestError::Recv(gone)));
                // It waits for mail still.
                assert!(!exchanging.is_finished());
                silent.send(0, b"put back").expect("room");
                let gone = SendError::Gone { rank: 1, died: true };
                assert_eq!(exchanging.join().unwrap(), Err(RequestError::Send(gone)), "{how:?}");
            });
            assert_eq!(silent.recv().expect("mail").to_vec(), b"heard");
            let mail = me.from(2).within(GUARD).recv().expect("mail");
            assert_eq!((mail.to_vec(), mail.redelivered()), (b"put back".to_vec(), 0));
        }
    }
}

#[test]
fn what_is_not_done_in_time_is_given_up_and_put_back() {
    let (_scratch, me, [other]) = shared(4, Wait::Adaptive);
    other.set_by_hand(true);
    let exchange = |len, deadline: Deadline| {
        me.to(1).send_receive(pattern(len, 1), me.from(1).within(deadline)).map(drop)
    };
    // Nobody sends.
    assert_eq!(exchange(3 << 20, SHORT.into()), Err(RequestError::Timeout));
    assert_eq!(exchange(8, SHORT.into()), Err(RequestError::Timeout));
    assert_eq!(exchange(8, Deadline::Now), Err(RequestError::Timeout));
    let given_up = other.from(0).within(SHORT).recv().expect("mail");
    if given_up.announced().is_some() {
        assert_eq!(given_up.fetch().fetch(&mut [0; 8]), Err(FetchError::Cut(0)));
        (0..2).for_each(|_| assert_eq!(other.recv().expect("mail").to_vec(), pattern(8, 1)));
    } else {
        assert_eq!([given_up.to_vec(), other.recv().expect("mail").to_vec()], [pattern(8, 1), pattern(8, 1)]);
    }
    // Nobody receives.
    while me.try_send(1, b"fills it").is_ok() {}
    other.send(0, b"early").expect("room");
    assert_eq!(exchange(8, SHORT.into()), Err(RequestError::Timeout));
    me.interrupter().interrupt();
    assert_eq!(exchange(3 << 20, GUARD.into()), Err(RequestError::Interrupted));
    let mail = me.from(1).recv().expect("mail");
    assert_eq!((mail.to_vec(), mail.redelivered()), (b"early".to_vec(), 0));
}

#[test]
fn a_thread_that_sleeps_gets_what_an_exchange_puts_back() {
    let (scratch, me, [full, other]) = shared(4, Wait::Block);
    while me.try_send(1, b"fills it").is_ok() {}
    thread::scope(|scope| {
        let exchanging =
            scope.spawn(|| me.to(1).send_receive(b"no room", me.from(2).within(4 * SHORT)).map(drop));
        scratch.wait_until_sender_sleeps(0);
        other.send(0, b"for somebody").expect("room");
        let waiting = scope.spawn(|| me.from(2).within(GUARD).recv().map(|mail| mail.to_vec()));
        assert_eq!(exchanging.join().unwrap(), Err(RequestError::Timeout));
        assert_eq!(waiting.join().unwrap().expect("mail"), b"for somebody");
        drop(full);
    });
    wait_until("its mail is acknowledged", || other.try_send(0, b"").is_ok());
}

#[test]
fn a_builder_of_another_endpoint_is_refused_and_one_of_a_clone_is_not() {
    let (_scratch, me, [other]) = shared(4, Wait::Adaptive);
    let other = other.into_shared();
    other.send(0, b"theirs").expect("room");
    let clone = me.clone();
    assert_eq!(me.to(1).send_receive("mine", clone.from(1)).expect("both").to_vec(), b"theirs");
    let mixed = || me.to(1).send_receive("mine", other.from(0).within(Deadline::Now)).map(drop);
    assert!(catch_unwind(AssertUnwindSafe(mixed)).is_err());
    assert_eq!(other.recv().expect("mail").to_vec(), b"mine");
    assert!(other.try_recv().expect("a sender").is_none(), "nothing was sent");
}
