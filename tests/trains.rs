//! Messages above half the arena: in fragments, one life to one life, and never more than arrived in memory.
#![cfg(not(loom))]

mod common;

use common::Scratch;
use mailbox::{Config, Endpoint, RecvError, SendError};
use std::thread;
use std::time::Duration;

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        common::puppet::perform(&region);
    }
}

const ARENA: u64 = 16 << 10;

fn pair(cells: u32) -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(cells).arena(ARENA));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (scratch, a, b)
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251 + seed * 7) as u8).collect()
}

#[test]
fn messages_around_every_boundary_arrive() {
    for cells in [2, 4, 64] {
        let (_scratch, a, b) = pair(cells);
        let quarter = ARENA as usize / 4;
        let sizes: Vec<usize> = [2, 3, 4, 5, 9, 40]
            .iter()
            .flat_map(|quarters| {
                [-1, 0, 1, 47, 48, 49].map(|more| (quarters * quarter).strict_add_signed(more))
            })
            .chain([10, 1_000_003, 0])
            .collect();
        thread::scope(|scope| {
            let sizes = &sizes;
            scope.spawn(move || {
                for (seed, size) in sizes.iter().enumerate() {
                    a.send(1, &pattern(*size, seed)).expect("a receiver");
                }
            });

            for (seed, size) in sizes.iter().enumerate() {
                let mail = b.recv().expect("mail");
                assert_eq!((mail.from(), mail.len()), (0, *size));
                assert!(mail.to_vec() == pattern(*size, seed), "{size} bytes");
            }
        });
    }
}

#[test]
fn a_train_waits_for_its_first_receiver() {
    for round in 0..20 {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).cells(64).arena(ARENA));
        let a = region.join(0).expect("free");
        let message = &pattern(ARENA as usize * 3, round);
        thread::scope(|scope| {
            let sender = scope.spawn(move || a.send(1, message));
            common::wait_until("it is full", || {
                region.inspect().mailboxes.first().is_some_and(|mailbox| mailbox.full > 0)
            });
            let b = region.join(1).expect("free");
            assert!(b.recv().expect("mail").to_vec() == *message);
            assert_eq!(sender.join().expect("no panic"), Ok(()));
        });
    }
}

#[test]
fn a_train_that_times_out_is_never_delivered() {
    let (_scratch, a, b) = pair(64);
    let message = pattern(ARENA as usize * 3, 1);
    let sent = a.send_timeout(1, &message, Duration::from_millis(1));
    assert_eq!(sent, Err(SendError::Timeout));
    assert_eq!(b.try_recv().err(), Some(RecvError::Empty));
    a.send(1, b"next").expect("room");
    assert_eq!(b.recv().expect("mail").to_vec(), b"next");
    assert_eq!(a.region().inspect().mailboxes[0].drops, 1);
}
