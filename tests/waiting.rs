//! Waiting: every strategy delivers, times out, can be interrupted; a sleeper sleeps, and is woken.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, mail, puppet, strategy};
use common::{Child, GUARD, ON_EVENTS, SHORT, Scratch, command, reply, wait_until};
use mailbox::lab::abi::{Bells, MAIL, ROOM, Rank};
use mailbox::{Config, Endpoint, RecvError, Region, SendError, Wait};
use std::fs;
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "worker" => work(&region),
        Some((role, region)) if role == "looker" => look_and_join(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const STRATEGIES: [Wait; 4] = [Wait::Spin, Wait::Adaptive, Wait::Block, ON_EVENTS];
const PINGER: u32 = 0;
const ECHOER: u32 = 1;
const SINK: u32 = 0;

/// In a second process: the one command says who it is.
fn work(region: &str) {
    let region = Region::open(region).expect("a region");
    let command = command().expect("work");
    let words: Vec<&str> = command.split(' ').collect();
    let join = |rank: u32, how: &str| {
        let me = region.join(rank).expect("a free rank");
        me.set_wait(strategy(how));
        me
    };
    match *words {
        ["ping", how, rounds] => ping(&join(PINGER, how), rounds.parse().expect("a number")),
        ["echo", how] => echo(&join(ECHOER, how)),
        ["echo-without-barriers", how] => {
            let me = join(ECHOER, how);
            common::forbid_barriers();
            echo(&me);
        }
        ["flood", how, rank, count] => {
            let me = join(rank.parse().expect("a rank"), how);
            for number in 0..count.parse::<u64>().expect("a number") {
                me.send(SINK, &number.to_ne_bytes()).expect("to be sent");
            }
        }
        ["drain", how, senders] => return drain(&join(SINK, how), senders.parse().expect("a number")),
        _ => panic!("{command}"),
    }
    reply("ok");
}

fn ping(me: &Endpoint, rounds: u64) {
    for round in 0..rounds {
        me.send(ECHOER, &round.to_ne_bytes()).expect("to be sent");
        let echo = loop {
            match me.recv() {
                Err(RecvError::Gone { rank: ECHOER, died: true }) => {} // One that was killed before this round.
                echo => break echo.expect("an echo"),
            }
        };
        assert_eq!(echo.value(), Ok(round));
    }
}

fn echo(me: &Endpoint) {
    loop {
        match me.from(PINGER).recv() {
            Ok(mail) => me.send(PINGER, &mail.to_vec()).expect("to be sent"),
            Err(RecvError::Gone { died: false, .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Receives until everybody has left, all in order; answers how many that were.
fn drain(me: &Endpoint, mut senders: usize) {
    let mut next = [0u64; 16];
    while senders > 0 {
        match me.recv() {
            Ok(mail) => {
                let next = &mut next[mail.from() as usize];
                assert_eq!((mail.value(), mail.seq()), (Ok(*next), *next));
                *next += 1;
            }
            Err(RecvError::Gone { died: false, .. }) => senders -= 1,
            Err(error) => panic!("{error}"),
        }
    }
    reply(&next.iter().sum::<u64>().to_string());
}

/// Processes do their work, and end.
fn finish(workers: &mut [(Child, String)]) {
    for (worker, command) in &mut *workers {
        worker.starts(command);
    }
    for (worker, command) in workers {
        assert_eq!(worker.answer(), "ok", "{command}");
    }
}

/// `rounds` messages to and fro, which takes as many sleeps and wake-ups of each side as its strategy has.
fn play(pinger: &str, echoer: &str, rounds: u32) {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(2).arena(128));
    // The echoer's `recv_from` waits for a rank that has not joined yet.
    finish(&mut [
        (Child::start("worker", &region), format!("echo {echoer}")),
        (Child::start("worker", &region), format!("ping {pinger} {rounds}")),
    ]);
}

#[test]
fn spinners_talk() {
    play("spin", "spin", 2000);
}

#[test]
fn adaptive_waiters_talk() {
    play("adaptive", "adaptive", 10_000);
}

#[test]
fn sleepers_talk_and_no_wake_up_is_lost() {
    // Lost wake-ups would be made up for by the naps' end, 75 ms each: 25 minutes.
    play("block", "block", 20_000);
}

#[test]
fn sleepers_on_events_talk_and_no_wake_up_is_lost() {
    // Naps that had to end by themselves would take ten minutes.
    play("event", "event", 10_000);
}

#[test]
fn a_peer_that_has_not_chosen_events_gets_through_to_one_that_has() {
    // The one on its event notices at the end of a nap.
    play("event", "block", 20);
    play("adaptive", "event", 20);
}

#[test]
fn strategies_mix() {
    play("spin", "block", 2000);
    play("block", "adaptive", 2000);
}

#[test]
fn senders_that_sleep_for_room_and_a_receiver_that_sleeps_for_mail_wake_each_other() {
    meet("block", 10_000);
}

#[test]
fn the_same_on_events() {
    // Naps that had to end by themselves would take two minutes.
    meet("event", 20_000);
}

fn meet(how: &str, count: u32) {
    let region = Scratch::new();
    region.create(Config::ranks(5).cells(2).arena(128));
    let mut sink = Child::start("worker", &region);
    sink.starts(&format!("drain {how} 4"));
    let flood = |rank| (Child::start("worker", &region), format!("flood {how} {rank} {count}"));
    finish(&mut [flood(1), flood(2), flood(3), flood(4)]);
    assert_eq!(sink.answer(), (4 * count).to_string());
}

/// Rank 0 of a new region whose mailbox to rank 1 is full.
fn full(cells: u32) -> (Scratch, Endpoint) {
    let region = Scratch::new();
    let me = region.create(Config::ranks(2).cells(cells).arena(1024)).join(0).expect("a free rank");
    while me.try_send(1, b"fill").is_ok() {}
    (region, me)
}

#[test]
fn timeouts_end_waits_and_not_too_early() {
    let (_region, me) = full(4);
    for how in STRATEGIES {
        me.set_wait(how);
        let outlasts = |call: &dyn Fn()| {
            let start = Instant::now();
            call();
            assert!(start.elapsed() >= SHORT, "{how:?}");
        };
        outlasts(&|| assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout)));
        outlasts(&|| assert_eq!(me.from(1).within(SHORT).recv().err(), Some(RecvError::Timeout)));
        outlasts(&|| assert_eq!(me.to(1).within(SHORT).send(b"x").err(), Some(SendError::Timeout(1))));
        outlasts(&|| assert_eq!(me.to(1).within(SHORT).sync().send(b"x").err(), Some(SendError::Timeout(1))));
        assert_eq!(me.from_any().within(Duration::ZERO).recv().err(), Some(RecvError::Timeout));
        assert_eq!(me.to(1).within(Duration::ZERO).send(b"x").err(), Some(SendError::Timeout(1)));
    }
}

#[test]
fn a_timeout_beyond_all_time_is_none() {
    let (_region, me) = full(4);
    me.send(0, b"a").expect("room");
    assert_eq!(me.from_any().within(Duration::MAX).recv().expect("mail").to_vec(), b"a");
    me.interrupter().interrupt();
    assert_eq!(me.from_any().within(Duration::MAX).recv().err(), Some(RecvError::Interrupted));
}

#[test]
fn one_free_cell_is_room_for_whoever_waits() {
    for how in ["spin", "adaptive", "block", "event"] {
        for command in ["send_patiently 1 x", "send 1 x"] {
            let region = Scratch::new();
            region.create(Config::ranks(2).cells(64).arena(1024));
            let (mut me, mut peer) = (puppet(&region), puppet(&region));
            assert_eq!(me.does("join 0"), "ok");
            assert_eq!(peer.does("join 1"), "ok");
            assert_eq!(me.does(&format!("wait {how}")), "ok");
            assert_eq!(me.does("fill 1"), "64");
            me.starts(command);
            if how != "spin" {
                region.wait_until_sender_sleeps(0);
            }
            assert_eq!(peer.does("recv"), mail(0, 1, 0, "fill"));
            assert_eq!(me.answer(), "ok", "{how}, {command}");
        }
    }
}

#[test]
fn an_interrupter_ends_a_wait_in_another_thread() {
    for how in STRATEGIES {
        let (region, me) = full(4);
        me.set_wait(how);
        let interrupter = me.interrupter();
        thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                let received = me.from_any().within(GUARD).recv().err();
                let sent = me.to(1).within(GUARD).send(b"x").err();
                (received, sent, me.from_any().within(SHORT).recv().err())
            });
            // An interrupt is not lost, whether the thread is asleep or not.
            if how == Wait::Block {
                region.wait_until_receiver_sleeps(0);
                interrupter.interrupt();
                region.wait_until_sender_sleeps(0);
                interrupter.interrupt();
            } else {
                wait_until("both waits are interrupted", || {
                    interrupter.interrupt();
                    waiter.is_finished()
                });
            }
            let (received, sent, after) = waiter.join().expect("a thread");
            assert_eq!(received, Some(RecvError::Interrupted), "{how:?}");
            assert_eq!(sent, Some(SendError::Interrupted), "{how:?}");
            let expected = if how == Wait::Block { RecvError::Timeout } else { RecvError::Interrupted };
            assert_eq!(after, Some(expected), "{how:?}");
        });
    }
}

#[test]
fn an_interrupt_wakes_a_sleeper() {
    wakes(Wait::Block);
}

#[test]
fn an_interrupt_wakes_a_sleeper_on_an_event() {
    wakes(ON_EVENTS);
}

fn wakes(how: Wait) {
    // If naps had to end by themselves this would take longer than the guard.
    const TIMES: u32 = 2000;
    let (region, me) = full(4);
    me.set_wait(how);
    let interrupter = me.interrupter();
    let woken = AtomicU32::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let woken = &woken;
        scope.spawn(move || {
            while me.from_any().within(GUARD).recv().err() == Some(RecvError::Interrupted)
                && woken.fetch_add(1, Ordering::Relaxed) + 1 < TIMES
            {}
        });
        for time in 1..=TIMES {
            region.wait_until_receiver_sleeps(0);
            interrupter.interrupt();
            wait_until("it was interrupted", || woken.load(Ordering::Relaxed) == time);
        }
    });
    assert!(start.elapsed() < GUARD);
}

#[test]
fn an_interrupt_before_a_wait_ends_it_once() {
    let (_region, me) = full(4);
    for how in STRATEGIES {
        me.set_wait(how);
        me.interrupter().interrupt();
        me.interrupter().interrupt();
        // Calls that do not wait do not use it up.
        assert!(me.try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(me.try_send(1, b"x").err(), Some(SendError::Full(1)));
        me.send(0, b"a").expect("room");
        assert_eq!(me.recv().expect("mail").to_vec(), b"a");
        assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Interrupted));
        assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        me.interrupter().interrupt();
        assert_eq!(me.to(1).within(SHORT).sync().send(b"x").err(), Some(SendError::Interrupted));
        assert_eq!(me.to(1).within(SHORT).send(b"x").err(), Some(SendError::Timeout(1)));
    }
}

#[test]
fn a_signal_handler_ends_a_wait() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(4).arena(128));
    let mut me = puppet(&region);
    assert_eq!(me.does("join 0"), "ok");
    assert_eq!(me.does("interrupt"), "ok");
    me.does("fill 1");
    for how in ["adaptive", "block", "event"] {
        me.does(&format!("wait {how}"));
        for command in ["recv", "recv 1"] {
            me.starts(command);
            region.wait_until_receiver_sleeps(0);
            me.signal(libc::SIGUSR1);
            assert_eq!(me.answer(), "Interrupted");
        }
        me.starts("send 1 x");
        region.wait_until_sender_sleeps(0);
        me.signal(libc::SIGUSR1);
        assert_eq!(me.answer(), "Interrupted");
    }
}

/// For two seconds, as the process' own accounting has it.
fn sleeps_without_a_processor(how: &str, command: &str) {
    let region = Scratch::new();
    let me = region.create(Config::ranks(2)).join(0).expect("a free rank");
    let mut sleeper = puppet(&region);
    assert_eq!(sleeper.does("join 1"), "ok");
    assert_eq!(sleeper.does(&format!("wait {how}")), "ok");
    sleeper.starts(command);
    region.wait_until_receiver_sleeps(1);
    thread::sleep(Duration::from_secs(2));
    (1..=3).for_each(|tag| me.to(1).tag(tag).send(b"wake up").expect("room"));
    let used: u64 = sleeper.answer().parse().expect("microseconds");
    // Of two seconds. A sleeper on an event wakes 400 times, others 40. A processor that others want makes each look slower.
    assert!(used < 300_000, "{used} us");
}

#[test]
fn an_adaptive_sleeper_uses_no_processor() {
    sleeps_without_a_processor("adaptive", "idle");
}

#[test]
fn a_blocked_sleeper_uses_no_processor() {
    sleeps_without_a_processor("block", "idle");
}

#[test]
fn a_blocked_wait_for_several_receives_uses_no_processor() {
    sleeps_without_a_processor("block", "idle together");
}

#[test]
fn a_sleeper_on_an_event_uses_no_processor() {
    sleeps_without_a_processor("event", "idle");
}

const MODE: usize = offset_of!(Rank, bells) + offset_of!(Bells, modes);
const BELL: usize = offset_of!(Rank, bells) + offset_of!(Bells, word);
/// Where an event is one of several bytes.
const EVENTS: usize = offset_of!(Rank, bells) + offset_of!(Bells, events);
/// The bits of a mode that ask for fences and for events.
const FENCE: u32 = 1;
const EVENT: u32 = 2;

fn mode(region: &Scratch, rank: u32) -> u32 {
    u32::from_ne_bytes(region.peek(common::record(rank) + MODE as u64))
}

#[test]
#[cfg_attr(portable, ignore = "both sides always fence")]
fn who_sleeps_often_asks_its_ringers_to_fence_and_later_no_more() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(4).arena(128));
    let mut echoer = Child::start("worker", &region);
    let me = region.open().join(PINGER).expect("a free rank");
    me.set_wait(Wait::Block);
    assert_eq!(mode(&region, PINGER) & FENCE, 0, "this system has barriers");
    echoer.starts("echo block");
    // The first sleeps of a second have barriers; nobody gets by with those for long.
    wait_until("it asks for fences", || {
        ping(&me, 200);
        mode(&region, PINGER) & mode(&region, ECHOER) & FENCE != 0
    });
    // A quiet second or two.
    let ask = |quiet: &dyn Fn()| {
        wait_until("it asks for no fences", || {
            quiet();
            mode(&region, PINGER) & FENCE == 0
        });
    };
    ask(&|| drop(me.from_any().within(SHORT).recv()));
    // The same for one that does not sleep any more.
    wait_until("it asks for fences", || {
        ping(&me, 200);
        mode(&region, PINGER) & FENCE != 0
    });
    me.set_wait(Wait::Spin);
    assert_ne!(mode(&region, PINGER) & FENCE, 0, "a choice does not change it");
    ask(&|| {
        thread::sleep(Duration::from_millis(10));
        ping(&me, 20);
    });
    ping(&me, 200);
}

#[test]
#[cfg_attr(portable, ignore = "both sides always fence")]
fn whoever_rings_for_nothing_makes_a_sleeper_send_no_more_barriers() {
    let region = Scratch::new();
    let opened = region.create(Config::ranks(3).cells(1 << 16).arena(128));
    let [me, awaited, other] = [0, 1, 2].map(|rank| opened.join(rank).expect("a free rank"));
    me.set_wait(Wait::Block);
    thread::scope(|scope| {
        let sleeper = scope.spawn(move || me.from(1).within(GUARD).recv().map(drop));
        let end = Instant::now() + GUARD;
        while mode(&region, 0) & FENCE == 0 {
            assert!(Instant::now() < end, "it asks for no fences");
            if region.receiver_sleeps(0) {
                other.try_send(0, b"look").expect("room");
            }
        }
        awaited.send(0, b"x").expect("room");
        assert_eq!(sleeper.join().expect("a thread"), Ok(()));
    });
}

#[test]
#[cfg_attr(portable, ignore = "both sides always fence")]
fn who_may_send_no_barriers_any_more_asks_its_ringers_to_fence() {
    let region = Scratch::new();
    let peer = region.create(Config::ranks(2).cells(4).arena(128)).join(PINGER).expect("a free rank");
    let mut echoer = Child::start("worker", &region);
    echoer.starts("echo-without-barriers block");
    wait_until("it has joined", || peer.region().status(ECHOER).is_some_and(|(_, epoch)| epoch == 1));
    region.wait_until_receiver_sleeps(ECHOER);
    wait_until("it asks for fences", || mode(&region, ECHOER) & FENCE != 0);
    // Naps that had to end by themselves would take twelve minutes.
    ping(&peer, 10_000);
    assert_ne!(mode(&region, ECHOER) & FENCE, 0, "for good");
    drop(peer);
    assert_eq!(echoer.answer(), "ok");
}

#[test]
#[cfg_attr(portable, ignore = "both sides always fence")]
fn a_process_is_registered_for_barriers_when_it_joins_and_no_sooner() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(4).arena(128));
    let mut looker = Child::start("looker", &region);
    match looker.answer().as_str() {
        "the system does not say" => {}
        answer => assert_eq!(answer, "no, then yes"),
    }
}

/// In a second process, which has joined nothing yet.
fn look_and_join(region: &str) {
    let region = Region::open(region).expect("a region");
    drop(region.inspect());
    assert_eq!(region.status(0).map(|(_, epoch)| epoch), Some(0));
    let before = common::is_registered_for_barriers();
    let me = region.join(0).expect("a free rank");
    let after = common::is_registered_for_barriers();
    drop(me);
    reply(match (before, after) {
        (Some(false), Some(true)) => "no, then yes",
        (None, None) => "the system does not say",
        _ => "something else",
    });
    command();
}

#[test]
fn events_are_announced_while_they_are_chosen() {
    let region = Scratch::new();
    let me = region.create(Config::ranks(2)).join(0).expect("a free rank");
    let fences = mode(&region, 0);
    assert_eq!(fences & EVENT, 0);
    for _ in 0..2 {
        me.set_wait(ON_EVENTS);
        assert_eq!(mode(&region, 0), fences | EVENT);
        me.set_wait(Wait::Block);
        assert_eq!(mode(&region, 0), fences);
    }
    // A successor begins without.
    me.set_wait(ON_EVENTS);
    drop(me);
    let me = region.open().join(0).expect("a free rank");
    assert_eq!(mode(&region, 0), fences);
    drop(me);
}

#[test]
fn whoever_has_not_chosen_events_touches_nobodys() {
    let region = Scratch::new();
    let me = region.create(Config::ranks(2)).join(0).expect("a free rank");
    let at = |offset: usize| common::record(1) + offset as u64;
    let events = || region.peek::<8>(at(EVENTS));
    // Somebody says that it sleeps on an event. Memory of zeros is one, as luck has it.
    region.patch(at(MODE), &EVENT.to_ne_bytes());
    let untouched = events();
    for how in [Wait::Adaptive, Wait::Block, ON_EVENTS] {
        me.set_wait(how);
        region.patch(at(BELL), &MAIL.to_ne_bytes());
        me.send(1, b"x").expect("room");
        assert_eq!(region.peek(at(BELL)), [0; 4], "rung");
        assert_eq!(events() == untouched, how != ON_EVENTS, "{how:?}");
    }
}

#[test]
fn events_that_make_no_sense_hang_nobody() {
    // What could be there that is no event, or always set: a sleeper that trusts it loses a moment, not its life.
    for garbage in [0, 1, 2, 0xff] {
        let region = Scratch::new();
        let me = region.create(Config::ranks(2)).join(0).expect("a free rank");
        me.set_wait(ON_EVENTS);
        for rank in 0..2 {
            let at = |offset: usize| common::record(rank) + offset as u64;
            region.patch(at(MODE), &EVENT.to_ne_bytes());
            region.patch(at(EVENTS), &[garbage; 8]);
        }
        region.patch(common::record(1) + BELL as u64, &MAIL.to_ne_bytes());
        me.send(1, b"x").expect("room");
        assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "{garbage}");
    }
}

#[test]
fn whoever_chooses_events_has_them_prepared() {
    let region = Scratch::new();
    let me = region.create(Config::ranks(2)).join(0).expect("a free rank");
    let at = common::record(0) + EVENTS as u64;
    me.set_wait(ON_EVENTS);
    let prepared = region.peek::<2>(at);
    assert_ne!(prepared, [0; 2], "waiting uses it up");
    // What a predecessor has left, or somebody else.
    region.patch(at, &[0xff; 2]);
    me.set_wait(ON_EVENTS);
    assert_eq!(region.peek::<2>(at), prepared);
}

#[test]
fn a_successor_is_woken_though_a_sleeper_was_killed() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(2).arena(128));
    let mut sleeper = puppet(&region);
    assert_eq!(sleeper.does(&format!("join {ECHOER}")), "ok");
    assert_eq!(sleeper.does("wait event"), "ok");
    sleeper.starts("recv");
    region.wait_until_receiver_sleeps(ECHOER);
    sleeper.kill();
    // Neither a ringer that finds it asleep may wait for it, nor the successor: naps would take ten minutes.
    let mut pinger = Child::start("worker", &region);
    pinger.starts("ping event 10000");
    region.wait_until_receiver_sleeps(PINGER);
    let mut echoer = Child::start("worker", &region);
    echoer.starts("echo event");
    assert_eq!(pinger.answer(), "ok");
    assert_eq!(echoer.answer(), "ok");
}

#[test]
fn whoever_has_chosen_events_sleeps_on_one() {
    let region = Scratch::new();
    let me = region.create(Config::ranks(2)).join(0).expect("a free rank");
    me.set_wait(ON_EVENTS);
    let event = || region.peek::<2>(common::record(0) + EVENTS as u64);
    let untouched = event();
    thread::scope(|scope| {
        let interrupter = me.interrupter();
        let sleeper = scope.spawn(move || me.from_any().within(GUARD).recv().err());
        region.wait_until_receiver_sleeps(0);
        region.patch(common::record(0) + EVENTS as u64, &[1; 2]);
        wait_until("it has used the event up", || event() == untouched);
        interrupter.interrupt();
        assert_eq!(sleeper.join().expect("a thread"), Some(RecvError::Interrupted));
    });
}

// --- Two that sleep on one bell ----------------------------------------------------------------------------

#[test]
fn a_half_that_sleeps_no_more_leaves_the_other_asleep() {
    let (region, me) = full(4);
    let (sender, receiver) = me.into_split();
    sender.set_wait(Wait::Block);
    receiver.set_wait(Wait::Block);
    thread::scope(|scope| {
        let interrupter = sender.interrupter();
        let sleeper = scope.spawn(move || sender.to(1).within(GUARD).send(b"x").err());
        region.wait_until_sender_sleeps(0);
        assert_eq!(receiver.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        assert!(region.sender_sleeps(0) && !region.receiver_sleeps(0));
        interrupter.interrupt();
        assert_eq!(sleeper.join().expect("a thread"), Some(SendError::Interrupted));
    });
}

/// How often a thread of this process went to sleep.
fn sleeps_of(thread: libc::pid_t) -> u64 {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).expect("a thread");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a number")
}

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn mail_does_not_wake_a_half_that_sleeps_for_room() {
    const MAILS: u64 = 2000;
    let region = Scratch::new();
    let opened = region.create(Config::ranks(3).cells(4).arena(128));
    let [me, other] = [0, 2].map(|rank| opened.join(rank).expect("a free rank"));
    while me.try_send(1, b"fill").is_ok() {}
    let (sender, receiver) = me.into_split();
    sender.set_wait(Wait::Block);
    receiver.set_wait(Wait::Block);
    thread::scope(|scope| {
        let interrupter = sender.interrupter();
        let (tell, told) = mpsc::channel();
        let sleeper = scope.spawn(move || {
            #[expect(unsafe_code, reason = "system call")]
            // SAFETY: no pointers.
            tell.send(unsafe { libc::gettid() }).expect("a listener");
            sender.to(1).within(GUARD).send(b"x").err()
        });
        let thread = told.recv().expect("a number");
        region.wait_until_sender_sleeps(0);
        let reader = scope.spawn(move || {
            (0..MAILS).for_each(|_| drop(receiver.from(2).within(GUARD).recv().expect("mail")))
        });
        let before = sleeps_of(thread);
        for _ in 0..MAILS {
            region.wait_until_receiver_sleeps(0);
            other.send(0, b"mail").expect("room");
        }
        reader.join().expect("a thread");
        let sleeps = sleeps_of(thread) - before;
        interrupter.interrupt();
        assert_eq!(sleeper.join().expect("a thread"), Some(SendError::Interrupted));
        // Its naps, and where another half fell asleep or woke just before its system call.
        assert!(sleeps < MAILS / 4, "{sleeps} sleeps");
    });
}

#[test]
fn whoever_claims_a_rank_clears_the_sleep_of_its_former_life() {
    let region = Scratch::new();
    let opened = region.create(Config::ranks(2));
    let bell = common::record(0) + BELL as u64;
    // Somebody was killed asleep; and bits that mean nothing.
    region.patch(bell, &u32::MAX.to_ne_bytes());
    let me = opened.join(0).expect("a free rank");
    assert_eq!(u32::from_ne_bytes(region.peek(bell)), !(MAIL | ROOM));
    me.send(0, b"x").expect("room");
    assert_eq!(me.recv().expect("mail").to_vec(), b"x");
    // Nor do those keep it from being rung, or seem to be a sleep.
    assert!(!region.receiver_sleeps(0) && !region.sender_sleeps(0));
}
