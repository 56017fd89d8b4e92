//! Whose end a receive from anyone tells: that of each rank which was there while this endpoint was, spoken to or not.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::wire::{Wire, geometry};
use common::{
    Child, GUARD, SHORT, Scratch, command, die, filter_calls, join, recv, recv_nothing, region, reply, role,
    statement,
};
use mailbox::lab::abi::{Bells, Control, Header, Identity, MAIL, Rank};
use mailbox::lab::os::COMPLETES;
use mailbox::{Broken, Deadline, Endpoint, FetchError, RecvError, Region};
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn error(me: &Endpoint) -> RecvError {
    recv(me).expect_err("no mail")
}

// --- A pool of workers -------------------------------------------------------------------------------------

/// A master, whose worker is rank 1, and which gave that a job.
fn master(crash: &str) -> RecvError {
    let (scratch, region) = region(3);
    let [me] = join(&region, [0]);
    let mut worker = Child::start("worker", &scratch);
    me.send(1, crash.as_bytes()).expect("room");
    worker.starts("work");
    thread::scope(|scope| {
        // It ends by itself; its process is waited for.
        scope.spawn(move || worker.finish());
        error(&me)
    })
}

#[test]
fn a_worker_that_dies_before_its_first_answer_is_told_to_a_master_that_receives_from_anyone() {
    for crash in ["exit", "abort", "panic", "kill"] {
        assert_eq!(master(crash), RecvError::Gone { rank: 1, died: true }, "{crash}");
    }
}

#[test]
fn a_worker_that_leaves_before_its_first_answer_is_told_too() {
    assert_eq!(master("leave"), RecvError::Gone { rank: 1, died: false });
}

#[test]
fn second_process() {
    let Some((role, region)) = role() else { return };
    if role != "worker" {
        return puppet::perform(&region);
    }
    let region = Region::open(region.as_str()).expect("a region");
    let me = region.join(1).expect("free");
    assert_eq!(command().as_deref(), Some("work"));
    let crash = me.from(0).recv().expect("a job").to_vec();
    match crash.as_slice() {
        b"exit" => std::process::exit(3),
        b"abort" => {
            // Without a core.
            common::end_quietly();
            std::process::abort()
        }
        b"panic" => std::panic::resume_unwind(Box::new("on purpose")),
        b"kill" => common::kill_oneself(),
        _ => {}
    }
    drop(me);
    reply("left");
}

// --- Ranks that were there -----------------------------------------------------------------------------------------

#[test]
fn each_end_is_told_once() {
    let (_scratch, region) = region(4);
    let [me, a, b] = join(&region, [0, 1, 2]);
    drop(a);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
    drop(b);
    assert_eq!(error(&me), RecvError::Gone { rank: 2, died: false });
    recv_nothing(&me);
    // One that came later.
    drop(region.join(3).expect("free"));
    assert_eq!(error(&me), RecvError::Gone { rank: 3, died: false });
    recv_nothing(&me);
}

#[test]
fn an_end_from_before_is_not_told_unless_there_is_mail() {
    let (_scratch, region) = region(4);
    let [silent, speaker] = join(&region, [1, 2]);
    speaker.send(0, b"before").expect("room");
    drop((silent, speaker));
    let [me] = join(&region, [0]);
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"before");
    assert_eq!(error(&me), RecvError::Gone { rank: 2, died: false });
    recv_nothing(&me);
}

#[test]
fn the_end_of_one_that_spoke_is_told_after_its_last_mail_and_once() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    recv_nothing(&me);
    a.send(0, b"the first and last").expect("room");
    drop(a);
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"the first and last");
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
}

#[test]
fn the_end_of_a_life_that_was_followed_at_once_is_told_as_what_it_was() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    drop(a);
    let [b] = join(&region, [1]);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
    die(b);
    let [c] = join(&region, [1]);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: true });
    recv_nothing(&me);
    c.send(0, b"alive").expect("room");
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"alive");
    drop(c);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
}

#[test]
fn the_end_of_a_life_is_not_told_otherwise_while_another_process_joins() {
    let (scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    drop(a);
    let [b] = join(&region, [1]);
    // What the next to join writes first.
    let former = offset_of!(Rank, identity) + offset_of!(Identity, former);
    scratch.patch(geometry(&scratch).rank(1) + former as u64, &(b.epoch() << 1).to_ne_bytes());
    recv_nothing(&me);
    drop(b);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
}

#[test]
fn the_ends_of_those_that_had_come_before_are_told() {
    let (_scratch, region) = region(4);
    let [a, b] = join(&region, [1, 2]);
    let [me] = join(&region, [0]);
    b.send(0, b"spoke").expect("room");
    drop((a, b));
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"spoke");
    let mut told = [error(&me), error(&me)];
    told.sort_by_key(|error| format!("{error:?}"));
    assert_eq!(told, [RecvError::Gone { rank: 1, died: false }, RecvError::Gone { rank: 2, died: false }]);
    recv_nothing(&me);
}

#[test]
fn an_end_from_before_is_not_told_once_there_is_a_successor() {
    let (_scratch, region) = region(2);
    let [a] = join(&region, [1]);
    a.send(0, b"of the first life").expect("room");
    drop(a);
    let [me] = join(&region, [0]);
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"of the first life");
    let [b] = join(&region, [1]);
    recv_nothing(&me);
    drop(b);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
}

#[test]
fn the_end_of_a_successor_is_told_though_it_is_followed_at_once() {
    let (_scratch, region) = region(2);
    let [a] = join(&region, [1]);
    a.send(0, b"of the first life").expect("room");
    drop(a);
    let [me] = join(&region, [0]);
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"of the first life");
    let [b] = join(&region, [1]);
    recv_nothing(&me);
    drop(b);
    let [_c] = join(&region, [1]);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
}

#[test]
fn of_ends_that_follow_each_other_between_two_looks_the_last_is_told() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    drop(a);
    for _ in 0..3 {
        drop(region.join(1).expect("free"));
    }
    let [_last] = join(&region, [1]);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
    recv_nothing(&me);
}

#[test]
fn who_fetches_a_message_whose_sender_died_is_told_though_its_successor_is_silent() {
    for has_successor in [true, false] {
        let (_scratch, region) = region(3);
        let [me, a, _b] = join(&region, [0, 1, 2]);
        me.set_by_hand(true);
        std::mem::forget(a.to(0).announce([7; 100]).expect("room"));
        let mut arrival = me.from_any().within(GUARD).recv().expect("an announcement").fetch();
        assert_eq!(arrival.fetch_within(&mut [0; 8], Deadline::Now), Err(FetchError::Timeout(1)));
        die(a);
        let _successor = has_successor.then(|| join(&region, [1]));
        let told = if has_successor { FetchError::Cut(1) } else { FetchError::Gone { rank: 1, died: true } };
        assert_eq!(arrival.fetch_within(&mut [0; 8], GUARD), Err(told));
        assert_eq!(arrival.fetch_within(&mut [0; 8], GUARD), Err(FetchError::Cut(1)), "said again");
        drop(arrival);
        assert_eq!(error(&me), RecvError::Gone { rank: 1, died: true });
    }
}

#[test]
fn mail_behind_an_announced_message_whose_sender_ended_comes_before_its_end() {
    for (by_hand, begun) in [(false, false), (false, true), (true, true)] {
        let (_scratch, region) = region(2);
        let [me, a] = join(&region, [0, 1]);
        me.set_by_hand(by_hand);
        std::mem::forget(a.to(0).announce([7; 100]).expect("room"));
        a.send(0, b"behind it").expect("room");
        let mail = if begun { me.try_recv().ok().flatten() } else { None };
        assert_eq!(mail.is_some(), by_hand);
        drop(a);
        assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"behind it");
        drop(mail);
        assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
        assert_eq!(region.inspect().mailboxes.iter().map(|mailbox| mailbox.unread).sum::<u64>(), 0);
    }
}

/// Has the system refuse this thread room in files at this offset.
fn refuse_room_at(offset: u64) {
    filter_calls(&mut [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_fallocate as u32, 0, 3),
        // The low half of the third argument.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 16 + 2 * 8, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, offset as u32, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::ENOSPC as u32, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ]);
}

/// What a receiver is told, from anyone or this rank, once there is no memory for the mailbox from rank 1, which is said
/// to be open; after `end`.
fn told_without_memory(
    region: &Region,
    scratch: &Scratch,
    from: Option<u32>,
    end: impl FnOnce() + Send,
) -> Vec<Result<Vec<u8>, RecvError>> {
    let [me] = join(region, [0]);
    let _wire = Wire::new(scratch, 1, 0);
    let offset = geometry(scratch).pages(1, 0);
    let told = move || {
        refuse_room_at(offset);
        assert!(me.try_recv().is_ok_and(|mail| mail.is_none()));
        end();
        let recv = |_| match from {
            Some(rank) => me.from(rank).within(SHORT).recv(),
            None => me.from_any().within(SHORT).recv(),
        };
        (0..4).map(recv).map(|mail| mail.map(|mail| mail.to_vec())).collect()
    };
    thread::scope(|scope| scope.spawn(told).join().expect("a thread"))
}

#[test]
fn an_end_is_told_after_the_last_mail_though_another_mailbox_lacks_memory() {
    for from in [None, Some(2)] {
        let (scratch, region) = region(3);
        let [honest] = join(&region, [2]);
        let told = told_without_memory(&region, &scratch, from, || {
            honest.send(0, b"the last").expect("room");
            drop(honest);
        });
        assert_eq!(
            told[..2],
            [Ok(b"the last".to_vec()), Err(RecvError::Gone { rank: 2, died: false })],
            "{from:?}"
        );
        let then = from.map_or(RecvError::Timeout, |rank| RecvError::Gone { rank, died: false });
        assert_eq!(told[2..], [Err(then), Err(then)], "{from:?}");
    }
}

#[test]
fn no_end_is_told_before_mail_that_there_is_no_memory_for() {
    if !COMPLETES {
        return;
    }
    for from in [None, Some(1)] {
        let (scratch, region) = region(3);
        let [a] = join(&region, [1]);
        let told = told_without_memory(&region, &scratch, from, || drop(a));
        let then = from.map_or(RecvError::Timeout, |rank| RecvError::Broken(Broken::NoSpace(rank)));
        assert_eq!(told, [RecvError::Broken(Broken::NoSpace(1)), then, then, then].map(Err), "{from:?}");
    }
}

#[test]
fn lives_from_before_that_were_followed_are_no_news() {
    let (_scratch, region) = region(2);
    let [a] = join(&region, [1]);
    a.send(0, b"of the first life").expect("room");
    drop(a);
    let [me, b] = join(&region, [0, 1]);
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"of the first life");
    recv_nothing(&me);
    drop(b);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: false });
}

#[test]
fn a_receiver_that_left_had_been_told_and_its_successor_is_not() {
    let (_scratch, region) = region(3);
    let [me, a, b] = join(&region, [0, 1, 2]);
    a.send(0, b"x").expect("room");
    drop(me.from_any().within(GUARD).recv().expect("mail"));
    drop((a, b));
    let mut told = [error(&me), error(&me)];
    told.sort_by_key(|error| format!("{error:?}"));
    assert_eq!(told, [RecvError::Gone { rank: 1, died: false }, RecvError::Gone { rank: 2, died: false }]);
    drop(me);
    let [me] = join(&region, [0]);
    recv_nothing(&me);
}

#[test]
fn who_never_waits_is_told_of_every_leave_among_many() {
    const RANKS: u32 = 300;
    let (_scratch, region) = region(RANKS);
    let [me] = join(&region, [0]);
    let others: Vec<Endpoint> = (1..RANKS).map(|rank| region.join(rank).expect("free")).collect();
    drop(others);
    let mut told: Vec<u32> = Vec::new();
    common::wait_until("all ends are told", || {
        match me.try_recv() {
            Err(RecvError::Gone { rank, died: false }) => told.push(rank),
            other => assert!(matches!(other, Ok(None)), "{other:?}"),
        }
        told.len() as u32 == RANKS - 1
    });
    told.sort_unstable();
    assert!(told.into_iter().eq(1..RANKS));
}

// --- Which ranks are asked about ------------------------------------------------------------------------------------------

/// Another process, which has joined as this rank.
fn joined(scratch: &Scratch, rank: u32) -> Child {
    let mut process = puppet(scratch);
    assert_eq!(process.does(&format!("join {rank}")), "ok");
    process
}

#[test]
fn a_death_is_told_though_another_rank_rings_again_and_again() {
    let (scratch, region) = region(5);
    let [me, other] = join(&region, [0, 4]);
    let mut dying = joined(&scratch, 3);
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                other.try_send(0, b"chatter").expect("room");
                thread::sleep(Duration::from_millis(10));
            }
        });
        let told = scope.spawn(move || {
            let told = me.from(3).within(GUARD).recv().map(|mail| mail.to_vec());
            is_over.store(true, Ordering::Relaxed);
            told
        });
        scratch.wait_until_receiver_sleeps(0);
        dying.kill();
        assert_eq!(told.join().expect("a thread"), Err(RecvError::Gone { rank: 3, died: true }));
    });
}

#[test]
fn a_death_is_told_to_a_receiver_that_always_finds_mail() {
    let (scratch, region) = region(5);
    let [me, busy] = join(&region, [0, 4]);
    let mut dying = joined(&scratch, 3);
    let next = || {
        while busy.try_send(0, b"x").is_ok() {}
        me.from_any().within(GUARD).recv().map(|mail| mail.from())
    };
    (0..1000).for_each(|_| assert_eq!(next(), Ok(4)));
    dying.kill();
    let mut told = next();
    let start = Instant::now();
    while told.is_ok() && start.elapsed() < GUARD {
        told = next();
    }
    assert_eq!(told, Err(RecvError::Gone { rank: 3, died: true }));
    // Once.
    let start = Instant::now();
    while start.elapsed() < SHORT {
        assert_eq!(next(), Ok(4));
    }
}

const CHANGES: u64 = (offset_of!(Header, control) + offset_of!(Control, changes)) as u64;

fn changes(scratch: &Scratch) -> u64 {
    u64::from_ne_bytes(scratch.peek(CHANGES))
}

fn expect_nothing_at_once(me: &Endpoint) {
    for _ in 0..10 {
        assert_eq!(me.try_recv().map(|mail| mail.map(|mail| mail.to_vec())), Ok(None));
    }
}

#[test]
fn joining_and_leaving_are_counted_and_nobody_looks_at_lives_where_nothing_is() {
    let (scratch, region) = region(40);
    let [me, b] = join(&region, [0, 1]);
    let mut others: Vec<Endpoint> = (2..40).map(|rank| region.join(rank).expect("free")).collect();
    assert_eq!(changes(&scratch), 40);
    assert_eq!(me.try_recv().map(|mail| mail.map(|mail| mail.to_vec())), Ok(None));
    drop(others.pop());
    assert_eq!(changes(&scratch), 41);
    // A peer that overwrites the count withholds nothing: the next wait, however short, looks at all lives all the same.
    scratch.patch(CHANGES, &40u64.to_ne_bytes());
    expect_nothing_at_once(&me);
    assert_eq!(
        me.from_any().within(Duration::ZERO).recv().map(|mail| mail.to_vec()),
        Err(RecvError::Gone { rank: 39, died: false })
    );
    for garbage in [u64::MAX, 0, 1 << 40] {
        scratch.patch(CHANGES, &garbage.to_ne_bytes());
        expect_nothing_at_once(&me);
        recv_nothing(&me);
    }
    drop(b);
    assert_eq!(
        me.try_recv().map(|mail| mail.map(|mail| mail.to_vec())),
        Err(RecvError::Gone { rank: 1, died: false })
    );
}

#[test]
fn whoever_finds_a_death_tells_all_others() {
    let (scratch, region) = region(4);
    let [me, other] = join(&region, [0, 2]);
    let mut dying = joined(&scratch, 1);
    assert_eq!(other.try_recv().map(|mail| mail.map(|mail| mail.to_vec())), Ok(None));
    let before = changes(&scratch);
    let bell = common::record(3) + (offset_of!(Rank, bells) + offset_of!(Bells, word)) as u64;
    scratch.patch(bell, &MAIL.to_ne_bytes());
    dying.kill();
    for _ in 0..3 {
        assert_eq!(
            me.from(1).within(GUARD).recv().map(|mail| mail.to_vec()),
            Err(RecvError::Gone { rank: 1, died: true })
        );
        assert_eq!(changes(&scratch), before + 1, "once");
    }
    assert_eq!(scratch.peek(bell), [0; 4], "all are rung");
    // This one asks nobody of its own accord now.
    assert_eq!(
        other.try_recv().map(|mail| mail.map(|mail| mail.to_vec())),
        Err(RecvError::Gone { rank: 1, died: true })
    );
    recv_nothing(&other);
    // A successor lives.
    let [_successor] = join(&region, [1]);
    assert_eq!(me.from(1).within(SHORT).recv().map(|mail| mail.to_vec()), Err(RecvError::Timeout));
}

#[test]
fn whoever_says_that_another_died_is_not_believed() {
    let (scratch, region) = region(3);
    let [me, a, _b] = join(&region, [0, 1, 2]);
    let said_of = |rank| {
        let identity = common::record(rank) + offset_of!(Rank, identity) as u64;
        let life = scratch.peek::<8>(identity + offset_of!(Identity, life) as u64);
        scratch.patch(identity + offset_of!(Identity, found_dead) as u64, &life);
        scratch.patch(CHANGES, &u64::from(1000 + rank).to_ne_bytes());
    };
    for rank in [1, 2] {
        said_of(rank);
        expect_nothing_at_once(&me);
        recv_nothing(&me);
        assert_eq!(me.from(rank).within(SHORT).recv().map(|mail| mail.to_vec()), Err(RecvError::Timeout));
    }
    a.send(0, b"alive").expect("room");
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"alive");
    // That keeps its true end from nobody.
    die(a);
    assert_eq!(error(&me), RecvError::Gone { rank: 1, died: true });
    recv_nothing(&me);
}
