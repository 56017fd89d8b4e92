//! Many requests, rings of ranks that exchange long messages, and what a wait that timed out leaves.
#![cfg(not(loom))]

mod common;

use common::{GUARD, SHORT, endpoints, pattern};
use mailbox::{Comm, Config, Endpoint, Region, Request, RequestError};
use std::array;
use std::thread;

/// Each of these ranks does this in a thread of its own.
fn each<const N: usize>(endpoints: [Endpoint; N], does: impl Fn(&Endpoint) + Sync) {
    let does = &does;
    thread::scope(|scope| {
        for endpoint in endpoints {
            scope.spawn(move || does(&endpoint));
        }
    });
}

#[test]
fn a_hundred_thousand_requests_are_started_and_waited_for() {
    const EACH: u32 = 50_000;
    const TAGS: u32 = 3;
    each(endpoints::<2>(Config::ranks(2)), |me| {
        let other = 1 - me.rank();
        let receives = (0..EACH).map(|number| me.from(other).tag(number % TAGS).start());
        let mut requests: Vec<Request<'_>> = receives.collect();
        requests.extend((0..EACH).map(|number| me.to(other).tag(number % TAGS).start(number.to_ne_bytes())));
        Request::wait_all_within(&mut requests, GUARD).expect("all");
        for (number, request) in (0..EACH).zip(requests.drain(..EACH as usize)) {
            let mail = request.wait().expect("no error").expect("a mail");
            assert_eq!((mail.tag(), mail.value::<u32>()), (number % TAGS, Ok(number)));
        }
        requests.into_iter().for_each(|send| assert!(send.wait().expect("sent").is_none()));
    });
}

/// What a rank of a ring sends in this round.
fn long(rank: u32, round: u32) -> Vec<u8> {
    pattern((1 << 20) + 5, (rank * 10 + round) as usize)
}

#[test]
fn the_ranks_of_a_ring_exchange_long_messages() {
    const RANKS: u32 = 5;
    let region = Region::create_unnamed(Config::ranks(RANKS).cells(4).arena(4096)).expect("a region");
    let all: [Endpoint; RANKS as usize] = array::from_fn(|rank| region.join(rank as u32).expect("free"));
    each(all, |me| {
        let (left, right) = ((me.rank() + RANKS - 1) % RANKS, (me.rank() + 1) % RANKS);
        for round in 0..5 {
            let from = me.from(left).within(GUARD);
            let mail = me.to(right).send_receive(long(me.rank(), round), from).expect("mail");
            assert!(mail.to_vec() == long(left, round), "{round}");
        }
        let comm = Comm::world_within(me, GUARD).expect("all are there");
        for round in 5..10 {
            let mine = long(me.rank(), round);
            let mail = comm.send_receive(round, Some(right), mine, Some(left)).expect("nobody ends");
            assert!(mail.expect("there is somebody").to_vec() == long(left, round), "{round}");
        }
    });
}

#[test]
fn a_long_message_is_what_it_was_when_it_was_started() {
    const ROUNDS: u32 = 30;
    const AT_ONCE: u32 = 3;
    each(endpoints::<2>(Config::ranks(2)), |me| {
        if me.rank() == 1 {
            for number in 0..ROUNDS * AT_ONCE {
                let soon = me.from(0).try_recv().expect("nobody ends");
                // Now and then it takes nothing for a while, in the middle of a message, too.
                if number % 7 == 0 {
                    thread::sleep(SHORT / 20);
                }
                let mail = soon.map_or_else(|| me.from(0).within(GUARD).recv(), Ok).expect("mail");
                assert!(mail.to_vec() == long(0, number), "{number}");
            }
            return;
        }
        let mut buffer = vec![];
        for round in 0..ROUNDS {
            let mut sends = Vec::new();
            for number in round * AT_ONCE..(round + 1) * AT_ONCE {
                buffer.clone_from(&long(0, number));
                sends.push(me.to(1).start(&buffer[..]));
                buffer.fill(0);
            }
            Request::wait_all_within(&mut sends, GUARD).expect("all");
            sends.into_iter().for_each(|send| assert!(send.wait().expect("sent").is_none()));
        }
    });
}

#[test]
fn what_a_wait_leaves_that_timed_out_goes_on_and_comes_later() {
    for len in [8, 600, 5000, 3 << 20] {
        let [me, peer] = endpoints(Config::ranks(2).cells(4).arena(1024));
        let bytes = |number: usize| pattern(len, number);
        let mut sends: Vec<Request<'_>> = (0..9).map(|number| me.to(1).start(bytes(number))).collect();
        let mut receives: Vec<Request<'_>> = (0..9).map(|_| me.from(1).start()).collect();
        // One, all, and the first of them.
        assert_eq!(sends[8].wait_within(SHORT).err(), Some(RequestError::Timeout));
        assert_eq!(receives[8].wait_within(SHORT).err(), Some(RequestError::Timeout));
        assert_eq!(Request::wait_all_within(&mut sends, SHORT), Err(RequestError::Timeout));
        assert_eq!(Request::wait_all_within(&mut receives, SHORT), Err(RequestError::Timeout));
        assert_eq!(Request::wait_any_within(&mut receives, SHORT), Err(RequestError::Timeout));
        thread::scope(|scope| {
            let peer = scope.spawn(move || {
                for number in 0..9 {
                    let mail = peer.from(0).within(GUARD).recv().expect("mail");
                    assert!(mail.to_vec() == bytes(number), "{number} of {len} bytes");
                    peer.to(0).within(GUARD).send(&bytes(10 + number)).expect("room");
                }
                peer
            });
            // The second waits less than they take, or not; what it leaves goes on once more.
            while Request::wait_all_within(&mut sends, SHORT / 100) == Err(RequestError::Timeout) {}
            sends.into_iter().for_each(|send| assert!(send.wait().expect("sent").is_none()));
            Request::wait_all_within(&mut receives, GUARD).expect("all");
            for (number, receive) in receives.into_iter().enumerate() {
                let mail = receive.wait().expect("no error").expect("a mail");
                assert!(mail.to_vec() == bytes(10 + number), "{number} of {len} bytes");
            }
            drop(peer.join().expect("a thread"));
        });
    }
}
