//! What is left of a communicator that was dropped, or that a member could not begin with.
#![cfg(not(loom))]

mod common;

use common::members::{with_members, world};
use common::{GUARD, Scratch};
use mailbox::{Broken, CollectiveError, CommError, Config, Request};
use std::mem::forget;
use std::sync::Barrier;
use std::thread;

/// Cells of a mailbox.
const CELLS: u32 = 16;

#[test]
fn what_was_started_and_forgotten_is_not_sent_after_the_communicator_was_dropped() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(CELLS));
    let [is_full, is_dropped, has_looked, is_over] = [(); 4].map(|()| Barrier::new(2));
    with_members(&region, |me, comm| {
        if comm.rank() == 0 {
            // The first ones find room.
            (0..2 * CELLS).for_each(|number| forget(comm.to(1).unwrap().start(number.to_ne_bytes())));
            is_full.wait();
            drop(comm);
            is_dropped.wait();
            has_looked.wait();
            // There is room now, and each call goes on with what was started.
            (0..100).for_each(|_| assert!(me.try_recv().unwrap().is_none()));
            is_full.wait();
            is_over.wait();
        } else {
            is_full.wait();
            is_dropped.wait();
            let receive =
                || comm.from(0).unwrap().try_recv().unwrap().map(|mail| mail.value::<u32>().unwrap());
            let found: Vec<u32> = std::iter::from_fn(receive).collect();
            assert_eq!(found, (0..found.len() as u32).collect::<Vec<_>>());
            assert!(!found.is_empty() && found.len() <= CELLS as usize, "{}", found.len());
            has_looked.wait();
            is_full.wait();
            assert_eq!(receive(), None, "it was dropped before");
            is_over.wait();
        }
    });
}

#[test]
fn what_was_to_be_received_and_was_forgotten_keeps_nothing_of_the_next_communicator() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(CELLS));
    thread::scope(|scope| {
        for rank in 0..2 {
            let region = &region;
            scope.spawn(move || {
                let me = region.join(rank).expect("a free rank");
                // Each that kept its mail would take a cell.
                for _ in 0..4 * CELLS {
                    let comm = world(&me);
                    if rank == 0 {
                        let mut receive = [comm.from(1).unwrap().start()];
                        Request::wait_all_within(&mut receive, GUARD).unwrap();
                        forget(receive);
                        forget(comm.from(1).unwrap().start());
                    } else {
                        comm.to(0).unwrap().within(GUARD).send(b"never read").unwrap();
                    }
                }
            });
        }
    });
}

/// From now on no system call of this thread takes memory for a file: it fails as on a full disk.
#[cfg(target_os = "linux")]
fn refuse_memory() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let refuses = libc::SECCOMP_RET_ERRNO | libc::ENOSPC as u32;
    let mut filter = [
        // The number of the system call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_fallocate as u32)
        },
        statement(libc::BPF_RET | libc::BPF_K, refuses),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    #[expect(unsafe_code, reason = "system calls")]
    // SAFETY: the program is there until the call returns, and has as many statements as it says.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program),
        ]
    };
    assert_eq!(results, [0, 0]);
}

#[cfg(not(target_os = "linux"))]
fn refuse_memory() {}

#[test]
#[cfg_attr(portable, ignore = "a slot without memory ends the process")]
fn a_member_that_has_no_memory_to_begin_is_named_to_the_others() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).groups(4));
    let end = Barrier::new(3);
    let no_space = Some(CommError::Collective(CollectiveError::Broken(Broken::NoSpace(1))));
    with_members(&region, |me, comm| {
        let is_short = comm.rank() == 1;
        if is_short {
            refuse_memory();
        }
        // More often than there are slots: each is free again.
        for round in 0..6 {
            let next = if round % 2 == 0 { comm.dup() } else { mailbox::Comm::world_within(me, GUARD) };
            if is_short {
                assert_eq!(next.err(), no_space);
                continue;
            }
            let next = next.expect("memory");
            // Only if nobody tells it.
            next.set_timeout(Some(GUARD));
            assert_eq!(next.barrier(), Err(CollectiveError::GivenUp { rank: 1 }));
            let left = next.shrink().expect("the others are there");
            assert_eq!(left.size(), 2);
            left.barrier().expect("both have memory");
        }
        end.wait();
    });
}
