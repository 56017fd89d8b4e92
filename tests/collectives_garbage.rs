//! Operations of all members while slots are overwritten: each returns a result or an error, in time.
//!
//! `GARBAGE_SEED` says with which numbers.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::members;
use common::wire::geometry;
use common::{GUARD, SHORT, Scratch};
use mailbox::lab::abi::{DEPTH, Decision, Geometry, MAX_GROUPS, RoundLine, SlotLines, SlotState, WINDOW};
use mailbox::{Broken, CollectiveError, Comm, CommError, Config, Endpoint};
use std::mem::offset_of;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const RANKS: u32 = 3;
const GROUPS: u32 = 4;

fn config() -> Config {
    Config::ranks(RANKS).cells(16).groups(GROUPS)
}

/// Does this as each of the ranks.
fn with_members(scratch: &Scratch, does: impl Fn(&Endpoint) + Sync) {
    let region = scratch.create(config());
    thread::scope(|scope| {
        for rank in 0..RANKS {
            let (region, does) = (&region, &does);
            scope.spawn(move || does(&region.join(rank).expect("a free rank")));
        }
    });
}

#[test]
fn a_decision_for_a_slot_that_is_none_or_is_in_use_makes_no_group() {
    // None that there is; one that there is not, for several reasons; one in use.
    for slot in [u64::MAX, MAX_GROUPS.into(), (MAX_GROUPS - 1).into(), GROUPS.into(), 1] {
        let scratch = Scratch::new();
        let meeting = Barrier::new(RANKS as usize);
        with_members(&scratch, |me| {
            let comm = Comm::world_within(me, GUARD).expect("all are there");
            let other = comm.dup().expect("a slot");
            meeting.wait();
            if me.rank() == 0 {
                // Rank 0 decides without asking: all are in.
                let decision = geometry(&scratch).slot(0, 0) + offset_of!(SlotLines, decision) as u64;
                let words = [(offset_of!(Decision, slot), slot), (offset_of!(Decision, members), 7)];
                let words = words.into_iter().chain([(offset_of!(Decision, answers), 1)]);
                for (at, word) in words {
                    scratch.patch(decision + at as u64, &word.to_ne_bytes());
                }
            }
            meeting.wait();
            if me.rank() != 0 {
                assert_eq!(comm.shrink().err(), Some(CommError::NoContext), "slot {slot}");
            }
            let mut sum = [1];
            other.all_reduce(&mut sum, |one: u8, other| one + other).expect("a group that is left alone");
            assert_eq!(sum, [3]);
        });
    }
}

#[test]
fn a_length_for_which_nobody_has_memory_is_an_error() {
    // More than there is; more than can be; and such that the sum is beyond all numbers.
    for (len, is_started) in
        [1 << 47, 1 << 63, u64::MAX].into_iter().flat_map(|len| [(len, false), (len, true)])
    {
        let scratch = Scratch::new();
        let region = scratch.create(config().max_message(u64::MAX));
        members::with_members(&region, |_, comm| {
            let me = comm.rank();
            if me == 0 {
                // As a member tells how long its part is.
                comm.all_gather(&[len], &mut [0; RANKS as usize]).expect("all are there");
                let given_up = comm.barrier();
                let is_so = |rank| given_up == Err(CollectiveError::GivenUp { rank });
                assert!(is_so(1) || is_so(2), "{len}: {given_up:?}");
            } else {
                let no_space = CollectiveError::Broken(Broken::NoSpace(me));
                let result = match is_started {
                    true => comm.start_all_gather_varied(vec![1u8]).wait(),
                    false => comm.all_gather_varied(&[1u8]),
                };
                assert_eq!(result.err(), Some(no_space), "{len}");
            }
        });
    }
}

#[test]
fn who_says_that_its_part_is_longer_than_it_has_told_all_is_named() {
    for is_started in [false, true] {
        let scratch = Scratch::new();
        let region = scratch.create(config());
        members::with_members(&region, |_, comm| {
            if comm.rank() == 0 {
                // As a member tells how long its parts are, and the longest of them.
                comm.all_to_all(&[5u64; RANKS as usize], &mut [0; RANKS as usize]).expect("all are there");
                comm.all_reduce(&mut [4u64], u64::max).expect("all are there");
                // The others do not wait for each other.
                assert!(comm.barrier().is_err());
                return;
            }
            let parts = [&[1u8, 2, 3, 4][..]; RANKS as usize];
            let result = match is_started {
                true => comm.start_all_to_all_varied(&parts).wait(),
                false => comm.all_to_all_varied(&parts),
            };
            let error = result.expect_err("rank 0 has lied");
            assert_eq!(error, CollectiveError::Mismatch { rank: 0 });
            assert_eq!(comm.barrier(), Err(error), "and it stays so");
        });
    }
}

/// A word of a slot, and what is written there.
fn strike(scratch: &Scratch, geometry: &Geometry, dice: &mut Dice) {
    let (group, rank) = (dice.below(GROUPS.into()) as u32, dice.below(RANKS.into()) as u32);
    let slot = geometry.slot(group, rank);
    let line = offset_of!(SlotLines, lines) as u64 + dice.below(DEPTH) * size_of::<RoundLine>() as u64;
    let at = match dice.below(6) {
        0 => slot + 8 * dice.below(size_of::<SlotState>() as u64 / 8),
        1 => slot + offset_of!(SlotLines, decision) as u64 + 8 * dice.below(20),
        2 => slot + line,
        3 => slot + line + 8 * dice.below(3),
        4 => slot + 8 * dice.below(size_of::<SlotLines>() as u64 / 8),
        _ => geometry.window(group, rank) + 8 * dice.below(WINDOW / 8),
    };
    let old = u64::from_ne_bytes(scratch.peek(at));
    let word = match dice.below(6) {
        0 => old.wrapping_add(1 + dice.below(5)),
        1 => old.wrapping_sub(1),
        2 => old ^ 1 << dice.below(64),
        3 => dice.below(8),
        4 => u64::MAX << dice.below(64),
        _ => dice.next(),
    };
    scratch.patch(at, &word.to_ne_bytes());
}

#[test]
fn overwritten_slots_end_in_errors_or_wrong_values() {
    let seed = number("GARBAGE_SEED", 1);
    let scratch = Scratch::new();
    let (done, good, bad) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        with_members(&scratch, |me| {
            if me.rank() == 0 {
                let (scratch, over) = (&scratch, &over);
                scope.spawn(move || {
                    let (mut dice, geometry) = (Dice(seed), geometry(scratch));
                    while !over.load(SeqCst) {
                        strike(scratch, &geometry, &mut dice);
                        thread::sleep(Duration::from_micros(dice.below(100)));
                    }
                });
            }
            let mut dice = Dice(seed << 8 | u64::from(me.rank()));
            while !over.load(SeqCst) {
                let Ok(comm) = Comm::world_within(me, SHORT) else { continue };
                live(&comm, &mut dice, &good, &bad, 3);
                if done.fetch_add(1, SeqCst) > 200 {
                    over.store(true, SeqCst);
                }
            }
        });
    });
    println!("{good:?} operations were carried out, and {bad:?} were not");
    assert!(good.into_inner() > 100 && bad.into_inner() > 10);
}

/// Some operations, and some in groups that are made of this one.
fn live(comm: &Comm<'_>, dice: &mut Dice, good: &AtomicU32, bad: &AtomicU32, depth: u32) {
    comm.set_timeout(Some(Duration::from_millis(30)));
    for turn in 0..8 {
        let len = [0, 1, 20, 3000, 70_000][turn % 5];
        let (size, mut values) = (comm.size() as usize, vec![dice.next(); len]);
        let mut all = vec![0; len * size];
        let results = [
            comm.all_reduce(&mut values, u64::wrapping_add),
            comm.all_gather(&values, &mut all),
            comm.all_to_all_in_place(&mut all),
            comm.broadcast(0, &mut values),
            comm.scan(&mut values, |one, _| one),
            comm.start_reduce_scatter(all, u64::wrapping_add).wait_within(SHORT).map(drop),
        ];
        for result in results {
            if result.is_ok() { good } else { bad }.fetch_add(1, SeqCst);
        }
    }
    if depth == 0 {
        return;
    }
    let made = if dice.below(2) == 0 { comm.dup() } else { comm.shrink() };
    if let Ok(made) = made {
        live(&made, dice, good, bad, depth - 1);
    }
}
