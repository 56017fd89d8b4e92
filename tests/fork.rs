//! Forks: a rank belongs to one process, and dies with it no matter what its children do.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, mail, puppet};
use common::{Child, Scratch, command, end_within, exit_at_once, fork, kill, reply, wait_for, wait_until};
use mailbox::lab::abi::{MAIL, ROOM, Rank};
use mailbox::{Broken, Comm, Config, Deadline, Event, Lost, Policy, Region, Select, SendError, Status};
use std::fmt::Debug;
use std::fs;
use std::hint::spin_loop;
use std::io::IoSlice;
use std::mem::{ManuallyDrop, offset_of};
use std::os::unix::process::parent_id;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "holder" => hold_through_a_fork(&region),
        Some((role, region)) if role == "versed" => try_all_in_a_child(&region),
        Some((role, region)) if role == "busy" => fork_while_joining(&region),
        Some((role, region)) if role == "young" => fork_while_young(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

fn region() -> Scratch {
    let region = Scratch::new();
    region.create(Config::ranks(3).cells(4).arena(1024));
    region
}

/// A process that has joined as rank 0, and forked: the child answers.
fn forked(region: &Scratch) -> Child {
    let mut parent = puppet(region);
    assert_eq!(parent.does("join 0"), "ok");
    parent.forks();
    parent
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_does_not_inherit_the_endpoint() {
    let region = region();
    let mut process = forked(&region);
    for command in ["send 1 x", "try_send 1 x", "send_timeout 1 x", "recv", "try_recv 1", "recv_timeout"] {
        assert_eq!(process.does(command), "Lost(Forked)", "{command}");
    }
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_writes_nothing_into_its_parents_record() {
    let region = region();
    let mut process = puppet(&region);
    assert_eq!(process.does("join 0"), "ok");
    assert_eq!(process.does("interrupt"), "ok");
    process.forks();
    let bells = common::record(0) + offset_of!(Rank, bells) as u64;
    // As if the parent slept, and had chosen and asked for all that there is.
    let words = [MAIL | ROOM, u32::MAX, u32::MAX].map(u32::to_ne_bytes).concat();
    region.patch(bells, &words);
    for how in ["spin", "adaptive", "block", "event"] {
        assert_eq!(process.does(&format!("wait {how}")), "ok");
        for command in ["recv", "recv_timeout 1", "send 1 x", "send_timeout 1 x"] {
            assert_eq!(process.does(command), "Lost(Forked)", "{how}");
        }
        assert_eq!(process.does("interrupt now"), "ok");
        assert_eq!(region.peek::<12>(bells)[..], words, "{how}");
    }
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_that_drops_the_endpoint_does_not_make_its_parent_leave() {
    for end in ["leave", "unwind", "exit"] {
        let region = region();
        let mut process = forked(&region);
        if end != "exit" {
            assert_eq!(process.does(end), "ok");
        }
        assert_eq!(region.open().status(0), Some((Status::Live, 1)), "{end}");
        process.starts("exit");
        assert_eq!(process.answer(), "ended", "now the parent answers");
        assert_eq!(region.open().status(0), Some((Status::Live, 1)), "{end}");
        assert_eq!(process.does("send 0 a"), "ok");
        assert_eq!(process.does("recv"), mail(0, 1, 0, "a"));
    }
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_joins_through_the_region_it_inherits() {
    let region = region();
    let mut process = forked(&region);
    assert_eq!(process.does("join 0"), "Taken { rank: 0 }", "its parent lives");
    assert_eq!(process.does("join 1"), "ok");
    assert_eq!(process.does("send 0 hello"), "ok");
    assert_eq!(region.open().status(1), Some((Status::Live, 1)));
    process.starts("exit");
    assert_eq!(process.answer(), "ended");
    assert_eq!(process.does("recv"), mail(1, 1, 0, "hello"));
    assert_eq!(process.does("recv"), "Gone { rank: 1, died: true }");
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_that_lives_on_does_not_hold_its_dead_parents_rank() {
    let region = region();
    let mut process = forked(&region);
    process.kill();
    assert_eq!(region.open().status(0), Some((Status::Dead, 1)));
    assert_eq!(process.does("recv"), "Lost(Forked)", "the child lives");
    let mut peer = puppet(&region);
    assert_eq!(peer.does("join 1"), "ok");
    assert_eq!(peer.does("recv 0"), "Gone { rank: 0, died: true }");
    assert_eq!(process.does("join 0"), "ok", "and may be its parent's successor");
    assert_eq!(process.does("epoch"), "2");
    assert_eq!(process.does("send 1 hello"), "ok");
    assert_eq!(peer.does("recv 0"), mail(0, 2, 0, "hello"));
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_child_that_the_c_library_knows_nothing_of_holds_its_parents_rank_until_it_ends() {
    let region = region();
    let mut process = puppet(&region);
    assert_eq!(process.does("join 0"), "ok");
    process.clones();
    process.kill();
    // As `Endpoint` says: the kernel lets go of a lock with the last process that has its descriptor.
    let status = || region.open().status(0);
    assert_eq!(status(), Some((Status::Live, 1)));
    assert_eq!(process.does("recv"), "Lost(Forked)", "the child");
    drop(process);
    wait_until("the rank is free", || status() == Some((Status::Dead, 1)));
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_grandchild_does_not_inherit_either() {
    let region = region();
    let mut process = forked(&region);
    assert_eq!(process.does("join 1"), "ok");
    process.forks();
    assert_eq!(process.does("recv"), "Lost(Forked)");
    process.starts("exit");
    assert_eq!(process.answer(), "ended", "now the child answers");
    assert_eq!(process.does("send 0 x"), "ok");
    assert_eq!(region.open().status(1), Some((Status::Live, 1)));
}

#[test]
fn a_program_that_was_started_does_not_hold_the_rank_of_whoever_started_it() {
    let region = region();
    let mut process = puppet(&region);
    assert_eq!(process.does("join 0"), "ok");
    process.spawns();
    process.kill();
    // The kernel tells the parent of a new program a moment before it closes the descriptors.
    let region = region.open();
    wait_until("the rank is free", || region.status(0) == Some((Status::Dead, 1)));
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_neither_acknowledges_nor_commits() {
    let region = region();
    let mut holder = Child::start("holder", &region);
    assert_eq!(holder.answer(), "ok", "the child");
    assert_eq!(holder.answer(), "ok", "the parent");
}

/// Forks with a mail and a loan in hand.
fn hold_through_a_fork(region: &str) {
    let me = Region::open(region).expect("a region").join(0).expect("a free rank");
    me.send(0, b"a").expect("room");
    let mail = me.recv().expect("mail");
    let mut loan = me.loan(1).expect("room");
    loan.write_at(0, b"b");
    match fork() {
        0 => {
            loan.write_at(0, b"c");
            let sent = loan.commit(1).send(0);
            drop(mail);
            reply(match sent {
                Err(SendError::Broken(Broken::Lost(Lost::Forked))) => "ok",
                _ => "the child sent it",
            });
            exit_at_once();
        }
        child => wait_for(child),
    }
    assert_eq!(me.region().inspect().mailboxes[0].unread, 1, "not acknowledged, nothing sent");
    assert!(me.try_recv().is_ok_and(|mail| mail.is_none()));
    loan.commit(1).send(0).expect("the parent's rank");
    drop(mail);
    assert_eq!(me.recv().expect("mail").to_vec(), b"b");
    reply("ok");
    command();
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_can_do_nothing_with_what_it_inherits() {
    let scratch = Scratch::new();
    scratch.create(Config::ranks(3).cells(16));
    let mut process = Child::start("versed", &scratch);
    assert_eq!(process.answer(), "ok", "the child");
    assert_eq!(process.answer(), "ok", "the parent");
}

/// Forks with all that an endpoint can have under way. The child tries each verb, and then drops it all.
fn try_all_in_a_child(region: &str) {
    let places = [ManuallyDrop::new(Scratch::at(region)), ManuallyDrop::new(Scratch::new())];
    let contents = || places.each_ref().map(|place| fs::read(place.path()).expect("a segment"));
    let region = Region::open(region).expect("a region");
    let [me, other] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    let [speed, track] = ["speed", "track"].map(|name| region.topic(name).expect("room"));
    let mut latest_publisher = speed.publish_latest(&me, 64).expect("nobody else does");
    let mut publisher = track.publisher(&me).expect("nobody else does");
    let (mut latest, mut subscriber) =
        (speed.latest(&me).expect("a reader"), track.subscriber(&me, Policy::every()).expect("a reader"));
    latest.set_events(true);
    subscriber.set_events(true);
    latest_publisher.publish_value(&1u64).expect("it fits");
    publisher.publish(b"one").expect("room");
    let mut drafter = region.topic("draft").expect("room").publisher(&me).expect("nobody else does");
    let draft = drafter.draft(100).expect("room");
    let alone = places[1].create(Config::ranks(1)).join(0).expect("a free rank");
    let comm = Comm::world(&alone).expect("all are there");
    let (call, answered) =
        (me.to(1).start_call(b"?").expect("room"), me.to(1).start_call(b"?").expect("room"));
    let (mut request, mut sending) = (me.from(1).tag(9).start(), me.to(1).announce([1; 1000]).expect("room"));
    other.send(0, b"mail").expect("room");
    // The next event is that a topic has something.
    assert!(matches!(me.next_event(), Ok(Event::Joined { rank: 1, .. })));
    let before = contents();
    match fork() {
        0 => {
            end_within(10);
            let mut select = Select::new();
            select.recv(me.from_any());
            let mut done = String::new();
            macro_rules! lost {
                ($($verb:expr),* $(,)?) => { $(
                    let result = format!("{:?}", $verb);
                    if !result.contains("Forked") {
                        done.push_str(&format!("{}: {result}; ", stringify!($verb)));
                    }
                )* };
            }
            let mut buffer = [0; 8];
            lost![
                me.send(1, b"x"),
                me.to(1).tag(1).try_send(b"x"),
                me.to(1).sync().send(b"x"),
                me.to(1).send_vectored(&[IoSlice::new(b"x")]),
                me.to(1).send_value(&1u64),
                me.to(1).announce(b"x"),
                me.to(1).open(),
                me.to(1).start(b"x").wait(),
                me.to(1).call(b"x"),
                me.to(1).start_call(b"x"),
                call.wait(),
                answered.try_wait(),
                sending.wait(),
                request.wait_within(Deadline::Now),
                me.recv(),
                me.from(1).try_recv(),
                me.from(1).tag(1).recv(),
                me.from_any().recv_into(&mut buffer),
                me.from_any().recv_value::<u64>(),
                me.from_any().peek(),
                me.next_event(),
                me.drain().next(),
                me.from_any().start().wait(),
                me.discard(1),
                me.loan(8),
                latest_publisher.publish_value(&2u64),
                publisher.publish(b"two"),
                publisher.draft(8),
                // Values are read as before, also by those that hold no rank.
                latest.value::<u64>().and_then(|_| latest.wait(Deadline::Now)),
                subscriber.try_recv(),
                subscriber.recv_within(Deadline::Now),
                speed.publish_latest(&me, 64),
                track.subscriber(&me, Policy::skip()),
                comm.barrier(),
                comm.start_barrier().wait(),
                comm.dup(),
                Comm::world(&alone),
                select.try_wait(),
                select.wait(Deadline::Now),
            ];
            draft.publish(5);
            drop((select, comm, call, answered, sending, request, latest_publisher, publisher, latest));
            drop((drafter, subscriber));
            if contents() != before {
                done.push_str("it wrote something");
            }
            reply(if done.is_empty() { "ok" } else { &done });
            exit_at_once();
        }
        child => wait_for(child),
    }
    // The parent goes on.
    assert_eq!(me.from(1).recv().expect("mail").to_vec(), b"mail");
    assert_eq!(latest.value::<u64>(), Ok(Some(1)));
    assert_eq!(subscriber.try_recv().expect("sound").expect("one").to_vec(), b"one");
    latest_publisher.publish_value(&2u64).expect("it fits");
    publisher.publish(b"two").expect("room");
    for call in [call, answered] {
        other.from(0).recv().expect("a call").reply(b"!").expect("room");
        assert_eq!(call.wait().as_deref(), Ok(&b"!"[..]));
    }
    drop(comm);
    drop(alone);
    let [_, own] = places;
    drop(ManuallyDrop::into_inner(own));
    reply("ok");
    command();
}

#[test]
fn no_fork_catches_a_lock_that_is_just_being_taken() {
    let region = region();
    let mut busy = Child::start("busy", &region);
    assert_eq!(busy.answer(), "ok");
}

#[test]
fn no_program_that_is_being_started_holds_a_rank_that_was_left() {
    let scratch = region();
    let region = scratch.open();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                Command::new("true").status().expect("a program that does nothing");
            }
        });
        let joined = (0..20_000).try_for_each(|_| region.join(1).map(drop));
        done.store(true, Ordering::Relaxed);
        assert_eq!(joined, Ok(()));
    });
}

/// Joins and leaves again and again while another thread forks children that live on; not even for a moment
/// is the rank taken.
fn fork_while_joining(name: &str) {
    let region = Region::open(name).expect("a region");
    let done = AtomicBool::new(false);
    let parent = std::process::id();
    let mut children = Vec::new();
    thread::scope(|scope| {
        let joiner = scope.spawn(|| {
            let joined = (0..2000).try_for_each(|_| region.join(1).map(drop));
            done.store(true, Ordering::Relaxed);
            joined
        });
        while !done.load(Ordering::Relaxed) && children.len() < 200 {
            match fork() {
                0 => {
                    if common::locks() > 0 {
                        reply("a child has the lock");
                    }
                    while parent_id() == parent {
                        thread::sleep(Duration::from_millis(20));
                    }
                    exit_at_once();
                }
                child => children.push(child),
            }
        }
        let joined = joiner.join().expect("a thread");
        reply(&joined.map_or_else(|error| format!("{error:?}"), |()| "ok".to_string()));
    });
    children.into_iter().for_each(kill);
    command();
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_child_forked_in_its_parents_first_call_can_join() {
    let region = region();
    let mut young = Child::start("young", &region);
    for round in 0..ROUNDS {
        assert_eq!(young.answer(), "ok", "{round}");
    }
    // The region is not removed while a process still joins.
    assert_eq!(young.answer(), "that was all");
}

const ROUNDS: u32 = 150;

/// Forks processes that have not called anything yet, which fork in turn while a thread of theirs does.
fn fork_while_young(name: &str) {
    // In the later rounds the region is open, and joining it is the first call.
    let mut opened = None;
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            opened = Some(Region::open(name).expect("a region"));
        }
        let step = if opened.is_none() { Duration::from_micros(100) } else { Duration::from_micros(2) };
        let join = |rank| match &opened {
            Some(region) => region.join(rank).map(drop).map_err(|error| error.to_string()),
            None => Region::open(name)
                .map_err(|error| error.to_string())
                .and_then(|region| region.join(rank).map(drop).map_err(|error| error.to_string())),
        };
        match fork() {
            0 => {
                fork_while(|| join(1), step * (round % (ROUNDS / 2)), || join(0));
                exit_at_once();
            }
            child => wait_for(child),
        }
    }
    reply("that was all");
    command();
}

/// Calls `first` in a thread and forks a child a moment after it began, which replies whether `then` is true.
fn fork_while<E: Debug>(
    first: impl Fn() -> Result<(), E> + Sync,
    moment: Duration,
    then: impl Fn() -> Result<(), E>,
) {
    const PATIENCE: u32 = 5;
    end_within(2 * PATIENCE);
    let has_begun = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            has_begun.store(true, Ordering::Release);
            first().expect("its parent's call");
        });
        while !has_begun.load(Ordering::Acquire) {
            spin_loop();
        }
        let begin = Instant::now();
        while begin.elapsed() < moment {
            spin_loop();
        }
        match fork() {
            0 => {
                end_within(PATIENCE);
                reply(&then().map_or_else(|error| format!("{error:?}"), |()| "ok".to_string()));
                exit_at_once();
            }
            child => wait_for(child),
        }
    });
}
