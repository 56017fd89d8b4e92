//! Operations of all members, and agreements on the next group, that members come late to, give up, or leave undone.
#![cfg(not(loom))]

mod common;

use common::members::{with_members, world};
use common::operations::{LONG, add, take_part};
use common::{GUARD, SHORT, die, exit_with, fork, kill_endpoint, status_of};
use mailbox::{CollectiveError, Comm, CommError, Config, Deadline, Region};
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// A member has given up a barrier. The others may have found its part of it; the next one ends in this error, for all and for
/// ever.
fn ends_with(comm: &Comm<'_>, error: CollectiveError) {
    let first = comm.barrier();
    assert!(first == Ok(()) || first == Err(error), "{first:?}");
    assert_eq!([comm.barrier(), comm.barrier()], [Err(error); 2]);
}

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks).cells(16)).expect("a region")
}

#[test]
fn a_member_that_does_not_come_is_named() {
    let region = region(3);
    let meeting = Barrier::new(3);
    with_members(&region, |_, comm| {
        let me = comm.rank();
        // A request goes on after its time.
        if me == 2 {
            meeting.wait();
            comm.barrier().unwrap();
        } else {
            let mut request = comm.start_barrier();
            let missing = Err(CollectiveError::Missing { missing: 2, others: 0 });
            assert_eq!(request.wait_within(SHORT), missing);
            assert_eq!(request.wait_within(Deadline::Now), missing);
            meeting.wait();
            assert_eq!(request.wait_within(GUARD), Ok(vec![]));
            let taken = Err(CollectiveError::GivenUp { rank: me });
            assert_eq!(request.wait_within(GUARD), taken, "its result was taken");
        }
        comm.barrier().unwrap();
        // An operation that has a time does not.
        if me == 0 {
            comm.set_timeout(Some(SHORT));
            let missing = CollectiveError::Missing { missing: 1, others: 1 };
            assert_eq!(comm.barrier(), Err(missing));
        }
        meeting.wait();
        ends_with(&comm, CollectiveError::GivenUp { rank: 0 });
        // Those that are left are all of them.
        comm.set_timeout(None);
        assert_eq!(comm.shrink().unwrap().size(), 3);
    });
}

#[test]
fn an_interrupter_ends_the_wait_and_the_group() {
    let meeting = Barrier::new(3);
    with_members(&region(3), |me, comm| {
        if me.rank() == 0 {
            let interrupter = me.interrupter();
            let done = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        interrupter.interrupt();
                        thread::sleep(Duration::from_millis(1));
                    }
                });
                let mut request = comm.start_barrier();
                assert_eq!(request.wait_within(GUARD), Err(CollectiveError::Interrupted));
                // It goes on.
                assert!(!request.test());
                drop(request);
                done.store(true, SeqCst);
            });
            meeting.wait();
        } else {
            meeting.wait();
        }
        ends_with(&comm, CollectiveError::GivenUp { rank: 0 });
    });
    let meeting = Barrier::new(2);
    with_members(&region(2), |me, comm| {
        if me.rank() == 1 {
            let interrupter = me.interrupter();
            thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(20));
                    interrupter.interrupt();
                });
                assert_eq!(comm.barrier(), Err(CollectiveError::Interrupted));
            });
            meeting.wait();
        } else {
            meeting.wait();
        }
        ends_with(&comm, CollectiveError::GivenUp { rank: 1 });
    });
}

#[test]
fn a_request_that_is_dropped_too_early_is_told_to_all() {
    let meeting = Barrier::new(3);
    with_members(&region(3), |_, comm| {
        let me = comm.rank();
        // One that is over may be dropped.
        let mut request = comm.start_all_reduce(vec![1], add);
        while !request.test() {
            thread::yield_now();
        }
        drop(request);
        let another = comm.dup().unwrap();
        meeting.wait();
        if me == 2 {
            drop(comm.start_all_gather(vec![me; LONG]));
        }
        let before = comm.start_all_gather(vec![me; LONG]);
        let result = before.wait();
        assert_eq!(result, Err(CollectiveError::GivenUp { rank: 2 }));
        assert_eq!(comm.barrier(), Err(CollectiveError::GivenUp { rank: 2 }));
        take_part(&another, "all_reduce", LONG).unwrap();
    });
}

#[test]
fn a_function_that_panics_ends_the_group_and_not_in_wrong_values() {
    for ranks in [2, 3] {
        with_members(&region(ranks), |_, comm| {
            let caught = comm.dup().unwrap();
            let me = comm.rank();
            let fail = |one: u32, other: u32| if me == 1 { panic!("on purpose") } else { add(one, other) };
            let panicked = catch_unwind(AssertUnwindSafe(|| comm.all_reduce(&mut [me; 3], fail)));
            assert_eq!(panicked.is_err(), me == 1);
            assert_eq!(comm.barrier(), Err(CollectiveError::GivenUp { rank: 1 }));
            // In what was started: it is not carried on with half of a result.
            let mut count = 0;
            let fail = move |one: u32, other: u32| {
                count += 1;
                if me == 1 && count == 2 { panic!("on purpose") } else { add(one, other) }
            };
            let mut request = None;
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                request = Some(caught.start_all_reduce(vec![me + 1; 3], fail));
                request.as_mut().map(|request| request.wait_within(GUARD))
            }));
            assert_eq!(panicked.is_err(), me == 1);
            if let Some(request) = request.filter(|_| me == 1) {
                assert_eq!(request.wait(), Err(CollectiveError::GivenUp { rank: 1 }));
            }
            assert_eq!(caught.barrier(), Err(CollectiveError::GivenUp { rank: 1 }));
        });
    }
}

#[test]
fn a_function_that_panics_as_an_operation_is_started_ends_the_group_too() {
    let started = &Barrier::new(2);
    with_members(&region(2), |_, comm| {
        if comm.rank() == 0 {
            let request = comm.start_all_reduce(vec![1_u32], add);
            started.wait();
            // The other has said what it had.
            let _ = request.wait();
        } else {
            // What the other has is there.
            started.wait();
            let fail = |_: u32, _: u32| panic!("on purpose");
            let panicked = catch_unwind(AssertUnwindSafe(|| comm.start_all_reduce(vec![1_u32], fail).test()));
            assert!(panicked.is_err());
        }
        assert_eq!(comm.barrier(), Err(CollectiveError::GivenUp { rank: 1 }));
    });
}

#[test]
fn no_slot_for_one_more_is_told_to_all() {
    let region = Region::create_unnamed(Config::ranks(3).groups(2)).expect("a region");
    with_members(&region, |_, comm| {
        let second = comm.dup().unwrap();
        assert_eq!(comm.dup().err(), Some(CommError::NoContext));
        assert_eq!(comm.split(Some(0), 0).err(), Some(CommError::NoContext));
        assert_eq!(comm.shrink().err(), Some(CommError::NoContext));
        // As often as it is asked.
        assert_eq!(second.shrink().err(), Some(CommError::NoContext));
        comm.barrier().unwrap();
        drop(second);
        comm.barrier().unwrap();
        take_part(&comm.shrink().unwrap(), "all_reduce", 3).unwrap();
    });
}

#[test]
fn those_that_are_left_of_a_group_with_a_replaced_member_go_on() {
    let region = region(3);
    let [zero, one, two] = common::join(&region, [0, 1, 2]);
    let [met, replaced, parted] = &[3; 3].map(Barrier::new);
    thread::scope(|scope| {
        let threads = [zero, two].map(|me| {
            scope.spawn(move || {
                let comm = world(&me);
                comm.barrier().unwrap();
                met.wait();
                replaced.wait();
                let gone = CollectiveError::Gone { rank: 1, died: true };
                assert_eq!(comm.barrier(), Err(gone));
                let rest = comm.shrink().unwrap();
                assert_eq!((rest.size(), rest.rank_of(1)), (2, Ok(2)));
                let new = world(&me);
                take_part(&rest, "all_reduce", LONG).unwrap();
                take_part(&new, "all_to_all", LONG / 4).unwrap();
                // Shrunk, the former one is without that rank, and the new one with it.
                assert_eq!(comm.shrink().unwrap().size(), 2);
                assert_eq!(new.shrink().unwrap().size(), 3);
                parted.wait();
            })
        });
        let comm = world(&one);
        comm.barrier().unwrap();
        met.wait();
        drop(comm);
        die(one);
        let one = region.join(1).expect("a free rank");
        replaced.wait();
        let new = world(&one);
        take_part(&new, "all_to_all", LONG / 4).unwrap();
        assert_eq!(new.shrink().unwrap().size(), 3);
        parted.wait();
        threads.into_iter().for_each(|thread| thread.join().expect("a member"));
    });
}

/// What a member has said it could use is not used for something else before those that are left have agreed.
#[test]
fn an_agreement_that_was_given_up_is_taken_up_again() {
    let meeting = Barrier::new(3);
    with_members(&region(3), |_, comm| {
        let me = comm.rank();
        let pair = comm.split(Some(me.min(1)), 0).unwrap().unwrap();
        if me > 0 {
            comm.set_timeout(Some(SHORT));
            let missing = comm.shrink().err();
            assert!(missing.is_some_and(|missing| missing.is_timeout()), "{missing:?}");
            comm.set_timeout(None);
        }
        meeting.wait();
        // Rank 0 knows nothing of this one.
        let third = (me > 0).then(|| pair.dup().ok()).flatten();
        meeting.wait();
        let rest = comm.shrink().unwrap();
        for _ in 0..3 {
            take_part(&rest, "all_reduce", 3).unwrap();
            if let Some(third) = &third {
                take_part(third, "all_gather", 3).unwrap();
            }
        }
    });
}

/// Others may have agreed with it meanwhile. They are told that it does not come.
#[test]
fn one_that_has_given_up_an_agreement_leaves_with_its_communicator() {
    let meeting = Barrier::new(3);
    with_members(&region(3), |_, comm| {
        let is_one = comm.rank() == 1;
        if is_one {
            comm.set_timeout(Some(SHORT));
            let missing = comm.shrink().err();
            assert!(missing.is_some_and(|missing| missing.is_timeout()), "{missing:?}");
        }
        meeting.wait();
        let rest = (!is_one).then(|| comm.shrink().unwrap());
        meeting.wait();
        drop(comm);
        let Some(rest) = rest else {
            // It stays in the region.
            meeting.wait();
            return;
        };
        assert_eq!(rest.size(), 3);
        assert_eq!(rest.barrier(), Err(CollectiveError::Gone { rank: 1, died: false }));
        let last = rest.shrink().unwrap();
        assert_eq!(last.size(), 2);
        take_part(&last, "all_reduce", 3).unwrap();
        meeting.wait();
    });
}

/// What was said to be free in an agreement is free again when its communicator is dropped, while others still have that.
#[test]
fn an_agreement_in_a_dropped_communicator_keeps_no_slots() {
    let meeting = Barrier::new(2);
    with_members(&region(2), |_, comm| {
        let other = comm.dup().unwrap();
        let mut comm = Some(comm);
        if other.rank() == 1 {
            let given_up = comm.take().unwrap();
            given_up.set_timeout(Some(SHORT));
            let missing = given_up.shrink().err();
            assert!(missing.is_some_and(|missing| missing.is_timeout()), "{missing:?}");
        }
        meeting.wait();
        take_part(&other.dup().unwrap(), "all_reduce", 3).unwrap();
        // The others go on without it.
        if let Some(comm) = comm {
            assert_eq!(comm.shrink().unwrap().size(), 1);
        }
        meeting.wait();
    });
}

/// What it would write belongs to its parent's part.
#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_carries_nothing_on() {
    let meeting = Barrier::new(2);
    with_members(&region(2), |_, comm| {
        if comm.rank() == 1 {
            meeting.wait();
            let request = comm.start_all_gather(vec![1u8]);
            meeting.wait();
            assert_eq!(request.wait(), Ok(vec![0, 1]));
            return;
        }
        let mut request = comm.start_all_gather(vec![0u8]);
        assert!(!request.test());
        meeting.wait();
        meeting.wait();
        let child = fork();
        if child == 0 {
            exit_with(i32::from(request.test() || request.test()));
        }
        assert_eq!(status_of(child), 0, "the child has taken what came");
        assert_eq!(request.wait_within(GUARD), Ok(vec![0, 1]));
    });
}

/// The successor may have written there.
#[test]
fn what_is_copied_while_a_successor_comes_counts_for_nothing() {
    let region = region(2);
    let [published, copying, replaced] = [(); 3].map(|()| Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let me = region.join(1).expect("free");
            let comm = world(&me);
            forget(comm.start_all_reduce(vec![1], |one, other| one + other));
            forget(comm);
            published.wait();
            copying.wait();
            kill_endpoint(me);
            let _successor = region.join(1).expect("free");
            replaced.wait();
        });
        let me = region.join(0).expect("free");
        let comm = world(&me);
        published.wait();
        let result = comm.all_reduce(&mut [1], |one, other| {
            copying.wait();
            replaced.wait();
            one + other
        });
        assert_eq!(result, Err(CollectiveError::Gone { rank: 1, died: true }));
    });
}

/// A communicator that was forgotten keeps nobody waiting.
#[test]
fn a_member_that_leaves_the_region_is_missed_by_name() {
    let region = region(3);
    let gone = CollectiveError::Gone { rank: 2, died: false };
    thread::scope(|scope| {
        for rank in 0..3 {
            let region = &region;
            scope.spawn(move || {
                let me = region.join(rank).expect("free");
                let comm = world(&me);
                match rank {
                    2 => forget(comm),
                    1 => assert_eq!(comm.barrier(), Err(gone)),
                    _ => assert_eq!(comm.start_barrier().wait(), Err(gone)),
                }
            });
        }
    });
}
