//! Communicators of all ranks, while ranks come and go.
#![cfg(not(loom))]

mod common;

use common::members::with_members;
use common::{GUARD, die};
use mailbox::{Comm, CommError, Config, Deadline, Endpoint, Region};
use std::thread;
use std::time::Duration;

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks).cells(16)).expect("a region")
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// Makes a communicator, and has each member hear of each.
fn meet(endpoint: &Endpoint) {
    let comm = Comm::world_within(endpoint, GUARD).expect("all are there");
    for member in 0..comm.size() {
        comm.to(member).expect("it is there").within(GUARD).send(b"here").expect("room");
    }
    for member in 0..comm.size() {
        let mail = comm.from(member).expect("a member").within(GUARD).recv().expect("mail");
        assert_eq!(mail.to_vec(), b"here");
    }
}

fn all_meet(endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    thread::scope(|scope| {
        let each = |endpoint: Endpoint| {
            scope.spawn(move || {
                meet(&endpoint);
                endpoint
            })
        };
        let threads: Vec<_> = endpoints.into_iter().map(each).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    })
}

#[test]
fn one_that_gave_its_word_and_was_replaced_is_no_obstacle() {
    for dies in [false, true] {
        let region = region(3);
        let zero = join(&region, 0);
        thread::scope(|scope| {
            let zero = scope.spawn(move || {
                meet(&zero);
                zero
            });
            let gone = join(&region, 1);
            let soon = Duration::from_millis(50);
            assert!(matches!(Comm::world_within(&gone, soon), Err(CommError::Missing { .. })));
            if dies {
                die(gone)
            } else {
                drop(gone)
            }
            let one = join(&region, 1);
            let two = join(&region, 2);
            drop(all_meet(vec![one, two]));
            drop(zero.join().expect("a thread"));
        });
    }
}

#[test]
fn what_was_agreed_before_a_rank_came_back_counts_no_more() {
    let region = region(3);
    let [zero, one, two] = [0, 1, 2].map(|rank| join(&region, rank));
    let missing = Comm::world_within(&one, Duration::from_millis(1)).err();
    assert!(missing.is_some_and(|missing| missing.is_timeout()));
    // The others find its word.
    thread::scope(|scope| {
        let two = scope.spawn(move || drop(Comm::world_within(&two, GUARD).expect("all are there")));
        assert_eq!(Comm::world_within(&zero, GUARD).expect("all are there").size(), 3);
        two.join().expect("a thread");
    });
    let two = join(&region, 2);
    drop(all_meet(vec![zero, one, two]));
}

#[test]
fn a_region_of_one_rank_and_one_of_many_have_worlds() {
    for ranks in [1, 64] {
        let region = region(ranks);
        let endpoints = (0..ranks).map(|rank| join(&region, rank)).collect();
        drop(all_meet(all_meet(endpoints)));
    }
}

#[test]
fn a_deadline_that_has_passed_ends_it() {
    let region = region(2);
    let zero = join(&region, 0);
    let missing = CommError::Missing { missing: 1, others: 0 };
    assert_eq!(Comm::world_within(&zero, Deadline::Now).err(), Some(missing));
}

/// Contexts come again. Otherwise some of these would get what a former one was sent, and then no mailbox would have room.
#[test]
fn what_is_left_in_a_communicator_is_not_for_a_later_one() {
    with_members(&region(2), |me, comm| {
        for round in 0..300u32 {
            let dup = comm.dup().expect("a slot");
            let first = dup.from_any().try_recv().expect("no error").map(|mail| mail.value::<u32>());
            assert_eq!(first, None, "in round {round}");
            dup.barrier().expect("all are there");
            let batch = (round % 2 == 0).then(|| me.batch());
            if me.rank() == 0 {
                dup.to(1).expect("it is there").within(GUARD).send_value(&round).expect("room");
            }
            // Before the batch.
            drop(dup);
            drop(batch);
        }
        comm.barrier().expect("all are there");
    });
}
