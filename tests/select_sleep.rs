//! A thread that sleeps for several things is woken for each of them, and sleeps in one system call.
#![cfg(all(target_os = "linux", not(loom)))]

mod common;

use common::{GUARD, Scratch, wait_until};
use mailbox::{CollectiveError, Comm, Config, Endpoint, Policy, Region, Select, SelectError, Wait};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// If naps had to end by themselves this many would take longer than the guard.
const TIMES: u32 = 1500;

fn of(ranks: u32) -> (Scratch, Region) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).cells(4).arena(1024).topics(2).value(64));
    (scratch, region)
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("free")
}

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn each_kind_of_arm_wakes_a_sleeper() {
    let ((scratch, region), (other_scratch, other_region)) = (of(3), of(2));
    let (me, peer, full) = (join(&region, 0), join(&region, 1), join(&region, 2));
    let (other, its) = (join(&other_region, 0), join(&other_region, 1));
    me.set_wait(Wait::Block);
    let topic = region.topic("speed").expect("room");
    let mut publisher = topic.publish_latest(&peer, 8).expect("nobody else does");
    let stream = region.topic("track").expect("room");
    let mut stream_publisher = stream.publisher(&peer).expect("nobody else does");
    let (told, start) = (AtomicU32::new(0), Instant::now());
    while me.try_send(2, b"fill").is_ok() {}
    // A call on the line and one through the mailbox are rung for in other ways.
    let sleeper = |me: &Endpoint, other: &Endpoint| {
        let mut value = topic.latest(me).expect("a reader");
        let mut select = Select::new();
        let mail = select.recv(me.from_any().tag(1));
        let elsewhere = select.recv(other.from_any());
        let room = select.send(me.to(2), 4);
        let changed = select.latest(&value);
        let mut subscriber = stream.subscriber(me, Policy::every()).expect("a reader");
        let streamed = select.subscriber(&subscriber);
        for time in 0..TIMES {
            let call = (time % 5 == 4).then(|| me.to(1).start_call(b"?").expect("room"));
            let answer = call.as_ref().map(|call| select.call(call));
            let request = (time % 7 == 6).then(|| me.from(1).tag(2).start());
            let received = request.as_ref().map(|request| select.request(request));
            let arm = select.wait(GUARD).expect("it comes");
            if Some(arm) == answer {
                assert!(call.expect("a call").try_wait().expect("sound").is_some(), "{time}");
                received.inspect(|arm| select.remove(*arm));
            } else if Some(arm) == received {
                assert!(request.expect("a request").wait().expect("sound").is_some(), "{time}");
            } else if arm == mail {
                drop(me.from_any().tag(1).try_recv().expect("sound").expect("mail"));
            } else if arm == elsewhere {
                drop(other.try_recv().expect("sound").expect("mail"));
            } else if arm == streamed {
                assert!(subscriber.try_recv().expect("sound").is_some());
            } else if arm == room {
                me.try_send(2, b"fill").expect("room");
            } else {
                assert_eq!(arm, changed);
                assert!(value.value::<u64>().is_ok_and(|value| value.is_some()));
            }
            told.fetch_add(1, Relaxed);
        }
    };
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let (me, other) = (me, other);
            sleeper(&me, &other);
        });
        for time in 0..TIMES {
            wait_until("it sleeps for all", || {
                scratch.receiver_sleeps(0) && scratch.sender_sleeps(0) && other_scratch.receiver_sleeps(0)
                    || sleeper.is_finished()
            });
            match time {
                _ if time % 5 == 4 => {
                    let call = peer.from(0).within(GUARD).recv().expect("a call");
                    call.reply(b"!").expect("room");
                }
                _ if time % 7 == 6 => peer.to(0).tag(2).send(b"x").expect("room"),
                _ => match time % 9 % 5 {
                    0 => peer.to(0).tag(1).send(b"x").expect("room"),
                    1 => its.send(0, b"x").expect("room"),
                    2 => drop(full.recv().expect("mail")),
                    3 => stream_publisher.publish_value(&time).expect("room"),
                    _ => publisher.publish_value(&time_of(time)).expect("it fits"),
                },
            }
            wait_until("it was told", || told.load(Relaxed) > time || sleeper.is_finished());
        }
        sleeper.join().expect("a thread");
    });
    assert!(start.elapsed() < GUARD);
}

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn the_end_of_an_operation_of_all_members_wakes_a_sleeper() {
    const ROUNDS: u64 = 20;
    let (scratch, region) = of(2);
    let (me, other) = (join(&region, 0), join(&region, 1));
    me.set_wait(Wait::Block);
    let told = AtomicU32::new(0);
    let sleeper = |me: &Endpoint| {
        let comm = Comm::world(me).expect("both");
        let mut select = Select::new();
        let mail = select.recv(me.from_any());
        for round in 0..=ROUNDS {
            let sum = comm.start_all_reduce(vec![round], |one, other| one + other);
            let done = select.collective(&sum);
            assert_eq!(select.try_wait(), Ok(None), "{round}");
            assert_eq!(select.wait(GUARD), Ok(done), "{round}");
            told.fetch_add(1, Relaxed);
            match sum.wait() {
                Ok(sum) => assert_eq!(sum, [3 * round]),
                Err(error) => {
                    assert_eq!((error, round), (CollectiveError::Gone { rank: 1, died: false }, ROUNDS))
                }
            }
            assert_ne!(select.try_wait(), Ok(Some(done)), "it is told once");
        }
        select.remove(mail);
        assert_eq!(select.try_wait(), Err(SelectError::Empty));
    };
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let me = me;
            sleeper(&me);
        });
        let comm = Comm::world(&other).expect("both");
        let sleeps = || wait_until("it sleeps", || scratch.receiver_sleeps(0) || sleeper.is_finished());
        for round in 0..ROUNDS {
            sleeps();
            let mut mine = [2 * round];
            comm.all_reduce(&mut mine, |one, other| one + other).expect("both take part");
            wait_until("it was told", || u64::from(told.load(Relaxed)) > round || sleeper.is_finished());
        }
        sleeps();
        drop(comm);
        drop(other);
        sleeper.join().expect("a thread");
    });
}

fn time_of(time: u32) -> u64 {
    u64::from(time)
}

/// What a tracer sees of the system calls of a sleeper.
#[cfg(target_arch = "x86_64")]
mod traced {
    use super::*;
    use common::{exit_at_once, fork, status_of};
    use std::mem::offset_of;

    const ROUNDS: usize = 100;
    /// What tells the begin and the end: a call that nothing else makes.
    const MARK: i64 = libc::SYS_getppid;

    #[cfg(target_env = "musl")]
    type Request = libc::c_int;
    #[cfg(not(target_env = "musl"))]
    type Request = libc::c_uint;

    fn trace(request: Request, process: i32) -> i64 {
        let number = offset_of!(libc::user, regs) + offset_of!(libc::user_regs_struct, orig_rax);
        // SAFETY: neither request reads or writes this process' memory.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::ptrace(request, process, if request == libc::PTRACE_PEEKUSER { number } else { 0 }, 0)
        }
    }

    fn stop() {
        // SAFETY: no pointers.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::raise(libc::SIGSTOP);
        }
    }

    fn mark() {
        // SAFETY: no pointers.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::syscall(MARK);
        }
    }

    /// In the child: waits so many times for mail of any of these, and for room where there is none.
    fn sleep(regions: &[Region], has_room: bool) {
        let all: Vec<Endpoint> = regions.iter().map(|region| join(region, 0)).collect();
        all.iter().for_each(|me| me.set_wait(Wait::Block));
        let mut select = Select::new();
        all.iter().for_each(|me| _ = select.recv(me.from_any()));
        if has_room {
            while all[0].try_send(1, b"fill").is_ok() {}
            select.send(all[0].to(1), 8);
        }
        stop();
        for _ in 0..ROUNDS {
            mark();
            let arm = select.wait(GUARD).expect("mail");
            mark();
            drop(all[arm].try_recv().expect("sound").expect("mail"));
        }
        exit_at_once();
    }

    /// The system calls of all waits of such a sleeper. `None` if this process may not trace another.
    fn calls(count: usize, has_room: bool) -> Option<Vec<i64>> {
        let regions: Vec<(Scratch, Region)> = (0..count).map(|_| of(2)).collect();
        let peers: Vec<Endpoint> = regions.iter().map(|(_, region)| join(region, 1)).collect();
        let process = fork();
        if process == 0 {
            if trace(libc::PTRACE_TRACEME, 0) != 0 {
                exit_at_once();
            }
            let regions: Vec<Region> = regions.iter().map(|(_, region)| region.clone()).collect();
            sleep(&regions, has_room);
        }
        if !libc::WIFSTOPPED(status_of(process)) {
            return None;
        }
        let (mut calls, mut is_within, mut is_entry, mut call, mut sent) = (vec![], false, false, MARK, 0);
        loop {
            assert_eq!(trace(libc::PTRACE_SYSCALL, process), 0);
            if is_entry && is_within && is_sleep(call) && sent < ROUNDS {
                // It is about to sleep, or sleeps.
                peers[sent % count].try_send(0, b"wake up").expect("room");
                sent += 1;
            }
            let status = status_of(process);
            if libc::WIFEXITED(status) {
                break;
            }
            assert_eq!(libc::WSTOPSIG(status), libc::SIGTRAP, "{status:#x}");
            is_entry = !is_entry;
            call = trace(libc::PTRACE_PEEKUSER, process);
            if is_entry && call == MARK {
                is_within = !is_within;
            } else if is_entry && is_within {
                calls.push(call);
            }
        }
        Some(calls)
    }

    fn is_sleep(call: i64) -> bool {
        [libc::SYS_futex, libc::SYS_futex_waitv].contains(&call)
    }

    #[test]
    #[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
    fn a_wake_up_costs_one_system_call_and_at_most_one_barrier() {
        for (regions, has_room, sleep) in [
            (1, false, libc::SYS_futex),
            (1, true, libc::SYS_futex),
            (2, false, libc::SYS_futex_waitv),
            (3, true, libc::SYS_futex_waitv),
        ] {
            let Some(calls) = calls(regions, has_room) else {
                eprintln!("skipped: this process may not trace others (ptrace)");
                return;
            };
            let count = |number| calls.iter().filter(|call| **call == number).count();
            let sleeps = count(sleep);
            // A nap may end while this process was not run, and then it asks the kernel who lives.
            assert!((ROUNDS..ROUNDS + ROUNDS / 4).contains(&sleeps), "{sleeps} sleeps");
            assert!(count(libc::SYS_membarrier) <= sleeps, "{calls:?}");
            let others = calls.iter().filter(|call| **call != sleep && **call != libc::SYS_membarrier);
            let others: Vec<_> = others.collect();
            assert!(others.len() < ROUNDS / 2, "{others:?}");
        }
    }
}

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn an_arm_that_was_removed_is_not_slept_for() {
    let (scratch, region) = of(2);
    let (me, peer) = (join(&region, 0), join(&region, 1));
    me.set_wait(Wait::Block);
    let sleeper = thread::spawn(move || {
        let mut select = Select::new();
        let room = select.send(me.to(1), 4);
        let mail = select.recv(me.from(1));
        select.remove(room);
        assert_eq!(select.wait(GUARD), Ok(mail));
    });
    scratch.wait_until_receiver_sleeps(0);
    assert!(!scratch.sender_sleeps(0));
    peer.send(0, b"mail").expect("room");
    sleeper.join().expect("it was woken");
}
