//! Communicators that are made of others.
#![cfg(not(loom))]

mod common;

use common::{GUARD, members};
use mailbox::{Broken, CollectiveError, Comm, CommError, Config, Deadline, Region, Source};
use std::cell::RefCell;
use std::sync::Barrier;
use std::thread;

/// Does this as each rank of a region of this kind.
fn with_members(config: Config, does: impl Fn(Comm<'_>) + Sync) {
    let region = Region::create_unnamed(config).expect("a region");
    members::with_members(&region, |_, comm| does(comm));
}

fn sum(comm: &Comm<'_>, value: u32) -> u32 {
    let mut values = [value];
    comm.all_reduce(&mut values, |one, other| one + other).unwrap();
    values[0]
}

#[test]
fn a_split_makes_a_group_of_each_colour_in_the_order_of_the_keys() {
    with_members(Config::ranks(5), |comm| {
        let me = comm.rank();
        let part = comm.split((me != 4).then_some(me % 2), -i64::from(me)).unwrap();
        let Some(part) = part else {
            assert_eq!(me, 4);
            comm.barrier().unwrap();
            return comm.barrier().unwrap();
        };
        assert_eq!((part.size(), part.rank()), (2, u32::from(me < 2)));
        assert_eq!(sum(&part, me), if me.is_multiple_of(2) { 2 } else { 4 });
        // Its mail is its own, and its members have numbers of their own.
        let other = 1 - part.rank();
        part.to(other).unwrap().send(&[me as u8]).unwrap();
        comm.barrier().unwrap();
        assert!(comm.from_any().try_recv().unwrap().is_none());
        let mail = part.from(other).unwrap().recv().unwrap();
        assert_eq!((part.member(mail.from()), mail.to_vec()), (Some(other), vec![(me ^ 2) as u8]));
        drop(mail);
        comm.barrier().unwrap();
    });
}

#[test]
fn a_group_is_created_of_those_that_are_named() {
    with_members(Config::ranks(4), |comm| {
        let me = comm.rank();
        assert_eq!(comm.create(&[1, 7]).err(), Some(Broken::NoSuchRank { rank: 7, ranks: 4 }.into()));
        let part = comm.create(&[3, 0, 2]).unwrap();
        assert_eq!(part.as_ref().map(Comm::rank), [Some(1), None, Some(2), Some(0)][me as usize]);
        if let Some(part) = part {
            assert_eq!(sum(&part, me), 5);
        }
        assert_eq!(sum(&comm, me), 6);
    });
}

#[test]
fn operations_of_two_groups_go_side_by_side() {
    with_members(Config::ranks(3), |comm| {
        let other = comm.dup().unwrap();
        let me = comm.rank();
        let (one, two) = (comm.start_all_reduce(vec![me; 70_000], |a, b| a + b), other.start_barrier());
        // In the other order.
        two.wait().unwrap();
        assert!(one.wait().unwrap() == vec![3; 70_000]);
        let many: Vec<_> = (0..9).map(|turn| comm.start_all_gather(vec![me * 10 + turn])).collect();
        assert_eq!(sum(&comm, 1), 3, "in its turn");
        for (turn, one) in many.into_iter().enumerate() {
            let turn = turn as u32;
            assert_eq!(one.wait().unwrap(), [turn, 10 + turn, 20 + turn]);
        }
    });
}

#[test]
fn slots_come_back_and_their_lack_is_told() {
    with_members(Config::ranks(2).groups(2), |comm| {
        for _ in 0..20 {
            let other = comm.dup().unwrap();
            assert_eq!(comm.dup().err(), Some(CommError::NoContext));
            assert_eq!(sum(&other, 2), 4);
            drop(other);
            // The other has dropped it, too.
            comm.barrier().unwrap();
        }
    });
    let region = Region::create_unnamed(Config::ranks(1).groups(0)).unwrap();
    let me = region.join(0).unwrap();
    assert_eq!(Comm::world(&me).err(), Some(CommError::NoContext));
}

#[test]
fn those_that_are_left_go_on() {
    with_members(Config::ranks(4), |comm| {
        let me = comm.rank();
        if me == 1 {
            comm.barrier().unwrap();
            return;
        }
        comm.barrier().unwrap();
        let gone = CollectiveError::Gone { rank: 1, died: false };
        assert_eq!(comm.barrier().err(), Some(gone));
        assert_eq!(comm.all_reduce(&mut [0], |a: u8, _| a).err(), Some(gone), "from now on");
        assert_eq!(comm.dup().err(), Some(CommError::Collective(gone)));
        let rest = comm.shrink().unwrap();
        assert_eq!((rest.size(), rest.rank()), (3, me.saturating_sub(1)));
        assert_eq!(sum(&rest, me), 5);
        let again = comm.shrink().unwrap();
        assert_eq!(sum(&again, 1), 3);
        drop(again);
        rest.barrier().unwrap();
    });
}

#[test]
fn what_others_do_instead_is_told_to_all() {
    with_members(Config::ranks(3), |comm| {
        let me = comm.rank();
        let result = match me {
            0 => comm.barrier(),
            1 => comm.all_reduce(&mut [1u64], |a, b| a + b),
            _ => comm.barrier(),
        };
        assert!(matches!(result, Err(CollectiveError::Mismatch { .. })), "{me}: {result:?}");
    });
    with_members(Config::ranks(2), |comm| {
        let mut values = vec![0u8; 5 + comm.rank() as usize];
        let result = comm.all_reduce(&mut values, |a, b| a + b);
        assert!(matches!(result, Err(CollectiveError::Mismatch { .. })), "{result:?}");
    });
}

#[test]
fn whom_a_member_waits_for_can_be_seen() {
    let region = Region::create_unnamed(Config::ranks(3)).unwrap();
    let [zero, one, two] = [0, 1, 2].map(|rank| region.join(rank).unwrap());
    thread::scope(|scope| {
        for me in [zero, one] {
            scope.spawn(move || Comm::world(&me).unwrap().barrier().unwrap());
        }
        let comm = Comm::world(&two).unwrap();
        let waits_for = |rank: usize| region.inspect().ranks[rank].receiver_awaits;
        // What one sees asleep may have come meanwhile: then it waits for the other, and does not say so again.
        let sleeps = |rank: usize| matches!(waits_for(rank), Some(Source::Rank(_)));
        while !(sleeps(0) && sleeps(1)) {
            thread::yield_now();
        }
        comm.barrier().unwrap();
    });
}

#[test]
fn a_communicator_may_be_dropped_while_values_are_combined() {
    let has_heard = Barrier::new(2);
    with_members(Config::ranks(2).groups(2), |comm| {
        // More often than there are slots: each is free again.
        for _ in 0..3 {
            let mut other = Some(comm.dup().unwrap());
            let (mut values, is_first) = ([1], comm.rank() == 0);
            let combine = |one, two| {
                if is_first {
                    drop(other.take());
                }
                one + two
            };
            comm.all_reduce(&mut values, combine).unwrap();
            assert_eq!((values, other.is_none()), ([2], is_first));
            // The first says it before its next call.
            let told = other.map(|other| {
                other.set_timeout(Some(GUARD));
                other.barrier()
            });
            has_heard.wait();
            let gone = Err(CollectiveError::Gone { rank: 0, died: false });
            assert_eq!(told, (!is_first).then_some(gone));
            comm.barrier().unwrap();
        }
    });
}

#[test]
fn a_communicator_may_be_dropped_while_values_of_what_was_started_are_combined() {
    thread_local! {
        static OTHER: RefCell<Option<Comm<'static>>> = const { RefCell::new(None) };
    }
    let region = Region::create_unnamed(Config::ranks(2).groups(2)).unwrap();
    thread::scope(|scope| {
        for rank in 0..2 {
            let region = &region;
            scope.spawn(move || {
                let me = Box::leak(Box::new(region.join(rank).unwrap()));
                let comm = members::world(me);
                for _ in 0..3 {
                    OTHER.set(Some(comm.dup().unwrap()));
                    let request = comm.start_all_reduce(vec![1], |one, two| {
                        drop(OTHER.take());
                        one + two
                    });
                    assert_eq!(request.wait(), Ok(vec![2]));
                    assert!(OTHER.with_borrow(Option::is_none));
                    comm.barrier().unwrap();
                }
            });
        }
    });
}

#[test]
fn what_a_function_wants_of_a_communicator_while_it_combines_is_an_error() {
    with_members(Config::ranks(2).groups(4), |comm| {
        let (other, third) = (comm.dup().unwrap(), comm.dup().unwrap());
        let mut started = third.start_all_reduce(vec![1], |one, two| one + two);
        let mine = CollectiveError::GivenUp { rank: comm.rank() };
        let mut values = [1];
        let combine = |one, two| {
            assert_eq!(other.barrier(), Err(mine));
            assert_eq!(other.start_barrier().wait(), Err(mine));
            assert_eq!(other.dup().err(), Some(CommError::Collective(mine)));
            assert_eq!(other.shrink().err(), Some(CommError::Collective(mine)));
            assert_eq!(Comm::world_within(other.endpoint(), GUARD).err(), Some(CommError::NoContext));
            assert!(started.test());
            assert_eq!(started.wait_within(Deadline::Now), Err(mine));
            one + two
        };
        comm.all_reduce(&mut values, combine).unwrap();
        assert_eq!(values, [2]);
        // What was started goes on, and the other is broken, for both.
        assert_eq!(started.wait_within(GUARD), Ok(vec![2]));
        let result = other.barrier();
        assert!(matches!(result, Err(CollectiveError::GivenUp { .. })), "{result:?}");
        comm.barrier().unwrap();
    });
}
