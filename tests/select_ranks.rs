//! One thread that serves several ranks: it is told which of them has something, and nothing is lost on the way.
#![cfg(not(loom))]

mod common;

use common::dice::Dice;
use common::puppet::{self, puppet};
use common::wire::Wire;
use common::{Child, GUARD, ON_EVENTS, SHORT, Scratch, command, processor_time, reply, wait_any, wait_until};
use mailbox::lab::abi::{Kind, MAIL, ROOM};
use mailbox::lab::os;
use mailbox::{Config, Endpoint, RecvError, Region, Select, SelectError, Wait};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use std::{array, fs};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "sender" => send_to_random_ones(&region),
        Some((role, region)) if role == "idler" => idle(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const STRATEGIES: [Wait; 4] = [Wait::Adaptive, Wait::Block, Wait::Spin, ON_EVENTS];

/// An unnamed region of so many ranks, all of which are held here.
fn endpoints<const N: usize>() -> [Endpoint; N] {
    common::endpoints(Config::ranks(N as u32).cells(64))
}

/// The same in a region with a name.
fn named<const N: usize>() -> (Scratch, [Endpoint; N]) {
    first_of(N as u32)
}

/// The same, of which other ranks are not held.
fn first_of<const N: usize>(ranks: u32) -> (Scratch, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).cells(4).arena(128));
    (scratch, array::from_fn(|rank| region.join(rank as u32).expect("a free rank")))
}

/// Waits until one has something; it is bound to.
#[track_caller]
fn next(endpoints: &[&Endpoint]) -> usize {
    wait_any(endpoints, GUARD).expect("no interrupter").expect("something comes")
}

/// Whether none of them has anything.
#[track_caller]
fn is_silent(endpoints: &[&Endpoint]) -> bool {
    wait_any(endpoints, Duration::ZERO).expect("no interrupter").is_none()
}

// --- Three ranks of two regions ----------------------------------------------------------------------------

const SENDERS: u64 = 3;
const EACH: u64 = 3000;

/// In a second process: messages to the ranks 0 and 1 of one region and to rank 0 of another, in an order of its own; each
/// says which it is for its receiver.
fn send_to_random_ones(first: &str) {
    let told = command().expect("work");
    let [second, sender] = told.split(' ').collect::<Vec<_>>().try_into().expect("two words");
    let sender: u32 = sender.parse().expect("a number");
    let first = Region::open(first).expect("a region").join(2 + sender).expect("a free rank");
    let second = Region::open(second).expect("a region").join(2 + sender).expect("a free rank");
    reply("joined");
    command();
    let (mut dice, mut sent) = (Dice(u64::from(sender)), [0u64; 3]);
    for _ in 0..EACH {
        let to = dice.below(3) as usize;
        // Some do not lie in their cells.
        let mut bytes = vec![0; 8 + 90 * dice.below(2) as usize];
        bytes[..8].copy_from_slice(&sent[to].to_ne_bytes());
        sent[to] += 1;
        let (endpoint, rank) = if to < 2 { (&first, to as u32) } else { (&second, 0) };
        endpoint.send(rank, &bytes).expect("to be sent");
    }
    reply(&sent.map(|count| count.to_string()).join(" "));
}

#[test]
fn three_ranks_of_two_regions_are_served_by_one_thread() {
    for how in STRATEGIES {
        let regions = [Scratch::new(), Scratch::new()];
        let config = Config::ranks(2 + SENDERS as u32).cells(16).arena(4096);
        let opened = regions.each_ref().map(|region| region.create(config));
        let mut senders: Vec<Child> = (0..SENDERS).map(|_| Child::start("sender", &regions[0])).collect();
        for (sender, number) in senders.iter_mut().zip(0..) {
            assert_eq!(sender.does(&format!("{} {number}", regions[1].name())), "joined");
        }
        let served = [(0, 0), (0, 1), (1, 0)].map(|(region, rank): (usize, u32)| {
            let me = opened[region].join(rank).expect("a free rank");
            me.set_wait(how);
            me
        });
        senders.iter_mut().for_each(|sender| sender.starts("go"));

        let mut received = [[0u64; SENDERS as usize]; 3];
        let mut ends = 0;
        while ends < 3 * SENDERS {
            let at = next(&served.each_ref());
            match served[at].recv() {
                Ok(mail) => {
                    let count = &mut received[at][mail.from() as usize - 2];
                    let number = u64::from_ne_bytes(mail.to_vec()[..8].try_into().expect("8 bytes"));
                    assert_eq!((number, mail.redelivered()), (*count, 0), "{how:?}");
                    *count += 1;
                }
                Err(RecvError::Gone { rank, died: false }) if rank >= 2 => ends += 1,
                Err(error) => panic!("{how:?}: {error}"),
            }
        }
        for (sender, number) in senders.iter_mut().zip(0..) {
            let sent = received.map(|of| of[number as usize].to_string()).join(" ");
            assert_eq!(sender.answer(), sent, "{how:?}");
        }
    }
}

// --- What ends a wait --------------------------------------------------------------------------------------

#[test]
fn a_deadline_ends_a_wait_and_no_endpoints_are_not_waited_for() {
    let [one, other] = endpoints();
    for how in STRATEGIES {
        one.set_wait(how);
        other.set_wait(how);
        let start = Instant::now();
        assert_eq!(wait_any(&[&one, &other], SHORT), Ok(None));
        assert!(start.elapsed() >= SHORT, "{how:?}");
        assert_eq!(wait_any(&[&one, &other], start), Ok(None));
    }
    assert_eq!(wait_any(&[], GUARD), Err(SelectError::Empty));
}

#[test]
fn an_interrupter_of_any_of_them_ends_a_wait() {
    for how in STRATEGIES {
        let (scratch, all) = named::<3>();
        all.iter().for_each(|me| me.set_wait(how));
        let interrupters = all.each_ref().map(Endpoint::interrupter);
        thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                let first = wait_any(&all.each_ref(), GUARD);
                (first, wait_any(&all.each_ref(), GUARD), wait_any(&all.each_ref(), SHORT))
            });
            for interrupter in [&interrupters[1], &interrupters[2]] {
                if how != Wait::Spin {
                    scratch.wait_until_receiver_sleeps(2);
                }
                interrupter.interrupt();
            }
            let interrupted = Err(SelectError::Interrupted);
            assert_eq!(waiter.join().expect("a thread"), (interrupted, interrupted, Ok(None)), "{how:?}");
        });
    }
}

#[test]
fn a_death_and_a_leave_end_a_wait() {
    let regions = [Scratch::new(), Scratch::new()];
    let [one, other] =
        regions.each_ref().map(|region| region.create(Config::ranks(2)).join(0).expect("free"));
    let mut peers = regions.each_ref().map(puppet);
    peers.iter_mut().for_each(|peer| assert_eq!(peer.does("join 1"), "ok"));
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let (regions, peers) = (&regions, &mut peers);
        scope.spawn(move || {
            regions[1].wait_until_receiver_sleeps(0);
            peers[1].kill();
            told.recv().expect("that was told");
            regions[0].wait_until_receiver_sleeps(0);
            peers[0].does("leave");
        });
        assert_eq!(next(&[&one, &other]), 1);
        assert_eq!(other.recv().err(), Some(RecvError::Gone { rank: 1, died: true }));
        tell.send(()).expect("a listener");
        assert_eq!(next(&[&one, &other]), 0);
        assert_eq!(one.recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
    });
    assert!(is_silent(&[&one, &other]));
}

#[test]
#[cfg_attr(portable, ignore = "closes a descriptor that holds a lock")]
fn a_rank_that_is_lost_is_an_error() {
    let region = Scratch::new();
    let [mut child, mut successor] = [(), ()].map(|()| puppet(&region));
    let other = region.create(Config::ranks(2)).join(1).expect("a free rank");
    assert_eq!(child.does("join 0"), "ok");
    assert_eq!(child.does("lose-lock"), "ok");
    assert_eq!(successor.does("join 0"), "ok");
    assert_eq!(child.does("wait_any"), "Err(Lost { arm: 0, lost: Rank })");
    drop(other);
}

// --- Sleep -------------------------------------------------------------------------------------------------

/// If naps had to end by themselves this many would take longer than the guard.
const TIMES: u32 = 2000;

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn mail_for_any_of_them_wakes_a_sleeper() {
    let [(one, [first, to_first]), (two, [second, to_second])] = [named(), named()];
    first.set_wait(Wait::Block);
    let (had, start) = (AtomicU32::new(0), Instant::now());
    thread::scope(|scope| {
        let had = &had;
        let sleeper = scope.spawn(move || {
            for time in 0..TIMES {
                let all = [&first, &second];
                let at = next(&all);
                assert_eq!(at as u32, time % 2);
                drop(all[at].recv().expect("mail"));
                had.fetch_add(1, Relaxed);
            }
        });
        for time in 0..TIMES {
            wait_until("it sleeps for both", || one.receiver_sleeps(0) && two.receiver_sleeps(0));
            [&to_first, &to_second][time as usize % 2].send(0, b"x").expect("room");
            wait_until("it has it", || sleeper.is_finished() || had.load(Relaxed) > time);
        }
        sleeper.join().expect("a thread");
    });
    assert!(start.elapsed() < GUARD);
}

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn a_half_that_sleeps_for_room_beside_it_is_woken() {
    let (scratch, [me, peer]) = named();
    let [other, _other_peer] = endpoints();
    while me.try_send(1, b"fill").is_ok() {}
    let (sender, receiver) = me.into_split();
    let (_, other_receiver) = other.into_split();
    sender.set_wait(Wait::Block);
    receiver.set_wait(Wait::Block);
    let interrupter = receiver.interrupter();
    let start = Instant::now();
    thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            let mut select = Select::new();
            for half in [&other_receiver, &receiver] {
                select.recv(half.from_any());
            }
            select.wait(2 * GUARD)
        });
        let sending = scope.spawn(move || (0..TIMES).try_for_each(|_| sender.send(1, b"x")));
        for _ in 0..TIMES {
            wait_until("both sleep", || {
                sending.is_finished() || scratch.sender_sleeps(0) && scratch.receiver_sleeps(0)
            });
            drop(peer.recv().expect("mail"));
        }
        assert_eq!(sending.join().expect("a thread"), Ok(()));
        interrupter.interrupt();
        assert_eq!(waiter.join().expect("a thread"), Err(SelectError::Interrupted));
    });
    assert!(start.elapsed() < GUARD);
}

/// A thread that sleeps in the kernel, and the number of the system call that it sleeps in.
struct Asleep<'scope>(libc::pid_t, ScopedJoinHandle<'scope, ()>);

impl Asleep<'_> {
    fn is_in(&self, call: libc::c_long) -> bool {
        let state = fs::read_to_string(format!("/proc/self/task/{}/syscall", self.0)).unwrap_or_default();
        state.split(' ').next() == Some(&call.to_string())
    }
}

/// Starts a thread that does nothing but this, which sleeps.
fn asleep<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    sleep: impl FnOnce() + Send + 'scope,
) -> Asleep<'scope> {
    let (tell, told) = mpsc::channel();
    let thread = scope.spawn(move || {
        #[expect(unsafe_code, reason = "system call")]
        // SAFETY: no pointers.
        tell.send(unsafe { libc::gettid() }).expect("a listener");
        sleep();
    });
    Asleep(told.recv().expect("a number"), thread)
}

#[test]
#[cfg_attr(portable, ignore = "there are no futexes")]
fn a_sleeper_on_several_words_wakes_for_any_bit_and_takes_no_wake_up_from_its_neighbour() {
    let (word, unrung) = (AtomicU32::new(MAIL | ROOM), AtomicU32::new(MAIL));
    let (seen, now) = (MAIL | ROOM, Instant::now());
    thread::scope(|scope| {
        let any = || {
            assert!(os::sleep_on_any(&[(&unrung, MAIL), (&word, seen)], GUARD), "this kernel can");
        };
        let room = || os::sleep_on(&word, seen, ROOM, now, GUARD);
        let both_sleep = |several: &Asleep<'_>, one: &Asleep<'_>| {
            wait_until("both sleep", || several.is_in(libc::SYS_futex_waitv) && one.is_in(libc::SYS_futex));
        };
        // In either order of falling asleep.
        for several_first in [true, false] {
            let (several, one) = if several_first {
                let several = asleep(scope, any);
                wait_until("it sleeps", || several.is_in(libc::SYS_futex_waitv));
                (several, asleep(scope, room))
            } else {
                let one = asleep(scope, room);
                wait_until("it sleeps", || one.is_in(libc::SYS_futex));
                (asleep(scope, any), one)
            };
            both_sleep(&several, &one);
            // For mail: the other sleeps on.
            os::wake_on(&word, MAIL);
            several.1.join().expect("a thread");
            assert!(one.is_in(libc::SYS_futex));
            // For room: both wake, though one would do.
            let several = asleep(scope, any);
            both_sleep(&several, &one);
            os::wake_on(&word, ROOM);
            one.1.join().expect("a thread");
            several.1.join().expect("a thread");
        }
    });
    assert!(now.elapsed() < GUARD);
}

#[test]
#[cfg_attr(portable, ignore = "there are no futexes")]
fn nobody_falls_asleep_on_several_words_of_which_one_has_changed() {
    let words = [0, 1].map(AtomicU32::new);
    let start = Instant::now();
    for seen in [[1, 1], [0, 0]] {
        assert!(os::sleep_on_any(&[(&words[0], seen[0]), (&words[1], seen[1])], GUARD));
    }
    assert!(os::sleep_on_any(&[(&words[0], 0), (&words[1], 1)], Duration::from_millis(1)), "a nap");
    assert!(start.elapsed() < GUARD);
    let many: Vec<(&AtomicU32, u32)> = (0..129).map(|_| (&words[0], 0)).collect();
    assert!(os::sleep_on_any(&many[..128], Duration::from_millis(1)));
    assert!(!os::sleep_on_any(&many, GUARD), "more than the kernel takes");
}

#[test]
fn more_than_one_system_call_takes_are_served_as_well() {
    const COUNT: u32 = 200;
    let region = Region::create_unnamed(Config::ranks(COUNT + 1).cells(2).arena(128)).expect("a region");
    let all: Vec<Endpoint> = (0..COUNT).map(|rank| region.join(rank).expect("a free rank")).collect();
    let peer = region.join(COUNT).expect("a free rank");
    all[0].set_wait(Wait::Block);
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            let all: Vec<&Endpoint> = all.iter().collect();
            for round in 0..10 {
                let at = next(&all);
                let mail = all[at].recv().expect("mail");
                assert_eq!((at as u32, mail.value()), (round * 37 % COUNT, Ok(round)));
                all[at].send(COUNT, b"had it").expect("room");
            }
        });
        for round in 0..10u32 {
            peer.send(round * 37 % COUNT, &round.to_ne_bytes()).expect("room");
            assert_eq!(peer.recv().expect("an answer").from(), round * 37 % COUNT);
        }
        server.join().expect("a thread");
    });
}

/// In a second process: waits as two ranks, and answers how many microseconds of a processor that took.
fn idle(region: &str) {
    let region = Region::open(region).expect("a region");
    let [one, other] = [1, 2].map(|rank| region.join(rank).expect("a free rank"));
    one.set_wait(puppet::strategy(&command().expect("a strategy")));
    let before = processor_time();
    assert_eq!(next(&[&one, &other]), 1);
    reply(&(processor_time() - before).as_micros().to_string());
    command();
}

#[test]
fn a_sleeper_uses_no_processor() {
    for how in ["adaptive", "block", "event"] {
        let region = Scratch::new();
        let me = region.create(Config::ranks(3)).join(0).expect("a free rank");
        let mut sleeper = Child::start("idler", &region);
        sleeper.starts(how);
        wait_until("it sleeps", || region.receiver_sleeps(1) && region.receiver_sleeps(2));
        thread::sleep(Duration::from_secs(2));
        me.send(2, b"wake up").expect("room");
        let used: u64 = sleeper.answer().parse().expect("microseconds");
        // Of two seconds, in which it looks 400 times at most. A processor that others want makes each look slower.
        assert!(used < 300_000, "{how}: {used} us");
    }
}

// --- What is found stays -----------------------------------------------------------------------------------

#[test]
fn what_a_wait_finds_is_received_once() {
    let [me, peer, gone] = endpoints();
    // In its cell, in the arena, one whose sender waits for it, one that is announced, a call.
    peer.send(0, b"small").expect("room");
    peer.send(0, &[7; 100]).expect("room");
    drop(gone);
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            peer.to(0).sync().send(b"wait for it")?;
            peer.to(0).announce(vec![9; 1000])?.wait()?;
            let answer = peer.call(0, b"question")?.to_vec();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((answer, peer))
        });
        let mut told = vec![];
        while told.len() < 6 {
            assert_eq!(next(&[&me]), 0);
            assert_eq!(next(&[&me]), 0, "it is there still");
            match me.recv() {
                Ok(mail) if mail.is_call() => {
                    assert_eq!(mail.redelivered(), 0);
                    mail.reply(b"answer").expect("a caller");
                    told.push("call".to_string());
                }
                Ok(mail) => {
                    assert_eq!(mail.redelivered(), 0);
                    told.push(mail.to_vec().len().to_string());
                }
                Err(error) => told.push(error.to_string()),
            }
        }
        // The end of rank 1 could come before that of rank 2, so it comes after all the rest.
        let (answer, peer) = peer.join().expect("a thread").expect("an answer");
        assert_eq!(answer, b"answer");
        drop(peer);
        let end = told.iter().position(|what| *what == RecvError::Gone { rank: 2, died: false }.to_string());
        told.remove(end.expect("an end"));
        assert_eq!(told, ["5", "100", "11", "1000", "call"]);
    });
    assert_eq!(next(&[&me]), 0);
    assert_eq!(me.recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
    assert!(is_silent(&[&me]));
}

#[test]
fn mails_that_a_wait_has_found_count_once_in_a_turn() {
    let [me, one, other] = endpoints();
    for _ in 0..40 {
        // Not in its cell: the wait takes it to see what it is.
        one.send(0, &[1; 100]).expect("room");
        other.send(0, &[1; 100]).expect("room");
    }
    let senders: Vec<u32> = (0..80)
        .map(|_| {
            assert_eq!(next(&[&me]), 0);
            me.recv().expect("mail").from()
        })
        .collect();
    let turns: Vec<usize> = senders.chunk_by(|one, other| one == other).map(<[u32]>::len).collect();
    assert_eq!(turns, [32, 32, 8, 8]);
}

#[test]
fn an_end_that_only_a_wait_has_seen_is_told_to_a_successor() {
    let (scratch, [me, peer]) = named();
    let region = scratch.open();
    peer.send(0, b"x").expect("room");
    drop(me.recv().expect("mail"));
    drop(peer);
    assert_eq!(next(&[&me]), 0);
    drop(me);
    let me = region.join(0).expect("a free rank");
    assert_eq!(next(&[&me]), 0);
    assert_eq!(me.recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
    drop(me);
    let me = region.join(0).expect("a free rank");
    assert!(is_silent(&[&me]), "it was told");
}

#[test]
fn what_was_wrong_with_a_mailbox_is_forgotten_when_it_begins_anew() {
    let (scratch, [mut me]) = first_of(2);
    // No sender puts an answer there.
    Wire::new(&scratch, 1, 0).push(Kind::Answer, b"x");
    assert_eq!(next(&[&me]), 0);
    me.reset(1).expect("a rank");
    assert!(is_silent(&[&me]));
}

#[test]
fn what_is_held_back_is_published_and_what_is_announced_goes_on() {
    let (scratch, [me, peer]) = named();
    let [other, _other_peer] = endpoints();
    let batch = me.batch();
    me.send(1, b"held back").expect("room");
    let mut sending = me.to(1).announce(vec![5; 1000]).expect("room");
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(peer.recv().expect("mail").to_vec(), b"held back");
            assert_eq!(peer.recv().expect("mail").to_vec(), [5; 1000]);
            peer.send(0, b"had both").expect("room");
        });
        assert_eq!(next(&[&other, &me]), 1);
    });
    assert_eq!(me.recv().expect("mail").to_vec(), b"had both");
    sending.wait().expect("it has it");
    drop(batch);
    drop(scratch);
}
