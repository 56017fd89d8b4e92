//! What started sends and receives wait for, and what ends a wait for them.
#![cfg(not(loom))]

mod common;

use common::{GUARD, SHORT, endpoints};
use mailbox::{Broken, Config, Endpoint, Mail, RecvError, Region, Request, RequestError, SendError, Wait};
use std::array;
use std::mem::forget;
use std::sync::mpsc;
use std::thread;

fn pair() -> [Endpoint; 2] {
    endpoints(Config::ranks(2).cells(4).arena(1024))
}

#[test]
fn a_message_to_oneself_of_any_length_comes_however_one_waits() {
    for wait in [Wait::Adaptive, Wait::Block, Wait::Spin] {
        let [me, _peer] = pair();
        me.set_wait(wait);
        for len in [8, 600, 5000, 1 << 20] {
            let own = me.to(0).send_receive(vec![7; len], me.from(0).within(GUARD)).expect("mail");
            assert_eq!(own.len(), len);
        }
    }
}

#[test]
fn a_receive_from_oneself_is_in_vain_only_for_a_wait() {
    let [me] = endpoints(Config::ranks(1));
    for mut request in [me.from(0).start(), me.from_any().start()] {
        assert_eq!(request.test(), Ok(false));
        me.send(0, b"mine").expect("room");
        assert_eq!(request.test(), Ok(true));
        assert_eq!(request.wait().expect("no error").expect("a mail").to_vec(), b"mine");
    }
    let in_vain = RequestError::Recv(RecvError::Broken(Broken::Oneself));
    assert_eq!(me.from(0).start().wait().err(), Some(in_vain));
}

#[test]
fn a_send_behind_others_to_oneself_finds_no_room() {
    let [me, _peer] = pair();
    let started: Vec<Request<'_>> = (0..5u8).map(|number| me.to(0).start([number])).collect();
    assert_eq!(me.to(0).within(GUARD).send(b"later"), Err(SendError::Full(0)));
    drop(started);
}

#[test]
fn what_was_discarded_is_over() {
    let region = Region::create_unnamed(Config::ranks(2).arena(1024)).expect("a region");
    let me = region.join(0).expect("free");
    let mut announced = me.to(1).start(vec![0; 5000]);
    let mut sync = me.to(1).sync().start(b"sync");
    assert_eq!(me.discard(1), Ok(2));
    let refused = RequestError::Send(SendError::Refused(1));
    assert_eq!(announced.wait_within(GUARD).err(), Some(refused));
    let broken = RequestError::Send(SendError::Broken(Broken::Corrupt(1)));
    assert_eq!(sync.wait_within(GUARD).err(), Some(broken));
}

#[test]
fn a_batch_holds_nothing_back_that_goes_on_in_a_wait() {
    let [me, peer] = endpoints(Config::ranks(2).cells(64));
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            (0..65).for_each(|_| drop(peer.from(0).within(GUARD).recv().expect("mail")));
            peer.send(0, b"all").expect("room");
            peer
        });
        let _batch = me.batch();
        let mut requests: Vec<Request<'_>> = (0..65u8).map(|number| me.to(1).start([number])).collect();
        requests.push(me.from(1).start());
        Request::wait_all_within(&mut requests, GUARD).expect("an answer");
        drop(peer.join().expect("a thread"));
    });
}

#[test]
fn a_drain_leaves_its_next_message_to_a_receive_that_was_started_meanwhile() {
    let [me, peer] = endpoints(Config::ranks(2).cells(64));
    for number in 0..20u8 {
        peer.send(0, &[number]).expect("room");
    }
    let mut drain = me.from(1).drain();
    for number in 0..6u8 {
        assert_eq!(drain.next().expect("no error").expect("a message").to_vec(), [number]);
    }
    let started = me.from(1).start();
    assert_eq!(drain.next().expect("no error").expect("a message").to_vec(), [7]);
    drop(drain);
    assert_eq!(started.wait().expect("no error").expect("a mail").to_vec(), [6]);
}

/// Fills the arena. The first of these keeps it full.
fn fill<'a>(me: &Endpoint, peer: &'a Endpoint) -> [Mail<'a>; 2] {
    (0..2).for_each(|_| me.send(1, &[1; 512]).expect("room"));
    array::from_fn(|_| peer.recv().expect("mail"))
}

#[test]
fn who_keeps_a_started_send_from_its_room_is_told_while_somebody_waits() {
    for (wait, receives) in
        [Wait::Adaptive, Wait::Block, Wait::Spin].map(|wait| [(wait, false), (wait, true)]).concat()
    {
        let [me, peer] = endpoints(Config::ranks(2).cells(64).arena(1024));
        me.set_wait(wait);
        let held = fill(&me, &peer);
        let me = thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                let mut request = me.to(1).start([2; 512]);
                if receives {
                    assert_eq!(me.recv().expect("mail").to_vec(), b"go on");
                }
                request.wait_within(GUARD).expect("room");
                drop(request);
                me
            });
            assert_eq!(
                peer.from(0).within(GUARD).recv().err(),
                Some(RecvError::Held(0)),
                "{wait:?} {receives}"
            );
            peer.send(0, b"go on").expect("room");
            drop(held);
            assert_eq!(peer.from(0).within(GUARD).recv().expect("mail").len(), 512);
            waiter.join().expect("a thread")
        });
        // While nobody waits, it is not said.
        let held = fill(&me, &peer);
        let mut request = me.to(1).start([2; 512]);
        assert_eq!(request.wait_within(SHORT).err(), Some(RequestError::Timeout));
        assert!(peer.from(0).try_recv().expect("it may send something else").is_none(), "{wait:?}");
        drop(held);
        request.wait().expect("room");
    }
}

#[test]
fn what_was_started_goes_on_at_once_in_a_wait_for_something_else() {
    const COUNT: usize = 4000;
    for wait in [Wait::Adaptive, Wait::Block] {
        let [me, peer] = pair();
        me.set_wait(wait);
        thread::scope(|scope| {
            let (start, started) = mpsc::channel();
            let peer = scope.spawn(move || {
                started.recv().expect("a word");
                (0..COUNT).for_each(|_| drop(peer.from(0).within(GUARD).recv().expect("mail")));
                peer.send(0, b"all").expect("room");
                peer
            });
            let started: Vec<Request<'_>> = (0..COUNT).map(|_| me.to(1).start(b"one")).collect();
            start.send(()).expect("a thread");
            assert_eq!(me.from(1).within(GUARD).recv().expect("mail").to_vec(), b"all");
            drop(started);
            // A long message comes in while the endpoint waits until its own is acknowledged.
            let peer = peer.join().expect("a thread");
            let peer = scope.spawn(move || {
                peer.to(0).within(GUARD).send(&[0; 100 << 20]).expect("received");
                drop(peer.from(0).within(GUARD).recv().expect("mail"));
                peer
            });
            let long = me.from(1).start();
            me.to(1).within(GUARD).sync().send(b"now").expect("acknowledged");
            assert_eq!(long.wait().expect("no error").expect("a mail").len(), 100 << 20);
            drop(peer.join().expect("a thread"));
        });
    }
}

#[test]
fn what_was_started_and_forgotten_ends_where_threads_share_the_endpoint() {
    let [me, peer] = pair();
    forget(me.from(1).start());
    for number in 0..6u8 {
        forget(me.to(1).start([number]));
    }
    let shared = me.into_shared();
    peer.send(0, b"for the threads").expect("room");
    assert_eq!(shared.from(1).within(GUARD).recv().expect("mail").to_vec(), b"for the threads");
    for number in 0..4u8 {
        assert_eq!(peer.recv().expect("mail").to_vec(), [number]);
    }
    shared.send(1, b"after").expect("room");
    assert_eq!(peer.recv().expect("mail").to_vec(), b"after");
}
