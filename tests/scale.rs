//! A thousand ranks, and a hundred thousand lives.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{Child, GUARD, Scratch, command, memory, reply};
use mailbox::{Config, Endpoint, RecvError, Region, Wait};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    if let Some((role, region)) = common::role() {
        match role.as_str() {
            "crowd" => crowd(&region),
            "lives" => lives(&region),
            _ => puppet::perform(&region),
        }
    }
}

const RANKS: u32 = 1024;
const PROCESSES: u32 = 4;
const EACH: u32 = RANKS / PROCESSES;

/// In a second process: many ranks of one region. The first command says which.
fn crowd(region: &str) {
    let region = Region::open(region).expect("a region");
    let first: u32 = command().expect("a rank").parse().expect("a number");
    let before = memory("RssAnon");
    let all: Vec<Endpoint> = (first..first + EACH).map(|rank| region.join(rank).expect("free")).collect();
    reply(&(memory("RssAnon").saturating_sub(before) / EACH as usize).to_string());
    while let Some(command) = command() {
        let words: Vec<&str> = command.split(' ').collect();
        let number = |word: &str| word.parse::<u32>().expect("a number");
        let of = |rank: &str| &all[(number(rank) - first) as usize];
        match *words {
            ["send", from, to] => of(from).send(number(to), from.as_bytes()).expect("room"),
            ["recv", to, from] => {
                let mail = of(to).recv().expect("mail");
                assert_eq!((mail.from(), mail.to_vec()), (number(from), from.as_bytes().to_vec()));
            }
            ["all", to] => {
                for me in &all {
                    me.send(number(to), &me.rank().to_ne_bytes()).expect("room");
                }
            }
            _ => panic!("{command}"),
        }
        reply("ok");
    }
}

#[test]
fn a_thousand_ranks_join_from_a_few_processes_and_cost_little_until_they_speak() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(RANKS).cells(2).arena(128));
    let mut crowds: Vec<Child> = (0..PROCESSES).map(|_| Child::start("crowd", &scratch)).collect();
    for (at, crowd) in (0..).zip(&mut crowds) {
        crowd.starts(&(at * EACH).to_string());
    }
    for crowd in &mut crowds {
        let each: usize = crowd.answer().parse().expect("a number");
        assert!(each < 16 << 10, "{each} bytes of private memory for each");
    }
    assert!(region.inspect().ranks.iter().all(|rank| rank.status == mailbox::Status::Live));
    assert!(region.inspect().mailboxes.is_empty());
    // Once round, and within a process.
    let ring = [0, 255, 256, 700, 1023, 1022, 64, 63];
    for (at, from) in ring.iter().enumerate() {
        let to = ring[(at + 1) % ring.len()];
        assert_eq!(crowds[(from / EACH) as usize].does(&format!("send {from} {to}")), "ok");
        assert_eq!(crowds[(to / EACH) as usize].does(&format!("recv {to} {from}")), "ok");
    }
    assert_eq!(region.inspect().mailboxes.len(), ring.len());
}

#[test]
fn of_a_thousand_that_spoke_once_each_is_heard_beside_one_that_never_stops() {
    const OTHERS: u32 = 200;
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(RANKS).cells(64).arena(128));
    let me = region.join(0).expect("free");
    let busy = region.join(1).expect("free");
    // Ranks that come, speak and go: this process has no descriptors for all at once.
    let speak = |rank: u32| region.join(rank).expect("free").send(0, b"hello").expect("room");
    (2..RANKS).for_each(speak);
    let mut heard = 0;
    while heard < 2 * (RANKS - 2) {
        match me.recv() {
            Ok(mail) => assert_eq!(mail.to_vec(), b"hello"),
            Err(error) => assert!(matches!(error, mailbox::RecvError::Gone { died: false, .. }), "{error}"),
        }
        heard += 1;
    }
    let fill = || while busy.try_send(0, b"x").is_ok() {};
    for _ in 0..200 {
        fill();
        for _ in 0..64 {
            assert_eq!(me.try_recv().unwrap().expect("mail").from(), 1);
        }
    }
    // Now and then one of the others speaks again: all are quiet by now.
    for rank in (2..RANKS).step_by((RANKS / OTHERS) as usize) {
        let other = region.join(rank).expect("free");
        other.send(0, b"again").expect("room");
        let mut before = 0;
        loop {
            fill();
            let mail = match me.recv() {
                // Of the one before.
                Err(RecvError::Gone { died: false, .. }) => continue,
                mail => mail.expect("mail"),
            };
            if mail.from() == rank {
                assert_eq!(mail.to_vec(), b"again");
                break;
            }
            before += 1;
            assert!(before <= 8 * RANKS, "rank {rank} is not heard");
        }
        drop(other);
    }
    // And all of them at once.
    (2..RANKS).for_each(speak);
    let mut missing = RANKS - 2;
    let mut before = 0;
    while missing > 0 {
        fill();
        match me.recv() {
            Ok(mail) if mail.from() == 1 => before += 1,
            Ok(_) => missing -= 1,
            Err(error) => assert!(matches!(error, mailbox::RecvError::Gone { died: false, .. }), "{error}"),
        }
        assert!(before <= 16 * RANKS + 32 * RANKS, "{missing} are not heard");
    }
}

#[test]
fn a_death_is_told_by_the_next_below_that_sleeps_to_one_that_asks_about_few() {
    const WATCHER: u32 = 2 * EACH;
    const DYING: u32 = WATCHER + 1;
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(RANKS).cells(2).arena(128));
    // They are there, and wait for nothing.
    let mut crowds = [0, EACH].map(|first| (first, Child::start("crowd", &scratch)));
    for (first, crowd) in &mut crowds {
        crowd.starts(&first.to_string());
        crowd.answer();
    }
    let [me, watcher] = [RANKS - 1, WATCHER].map(|rank| region.join(rank).expect("free"));
    let mut dying = puppet(&scratch);
    assert_eq!(dying.does(&format!("join {DYING}")), "ok");
    me.set_wait(Wait::Block);
    watcher.set_wait(Wait::Block);
    let start = Instant::now();
    let interrupter = watcher.interrupter();
    thread::scope(|scope| {
        // It waits for somebody else.
        let watching = scope.spawn(move || watcher.from(0).within(GUARD).recv().map(|mail| mail.from()));
        let told = scope.spawn(move || me.from_any().within(GUARD).recv().map(|mail| mail.from()));
        [RANKS - 1, WATCHER].iter().for_each(|rank| scratch.wait_until_receiver_sleeps(*rank));
        dying.kill();
        assert_eq!(told.join().expect("a thread"), Err(RecvError::Gone { rank: DYING, died: true }));
        interrupter.interrupt();
        assert_eq!(watching.join().expect("a thread"), Err(RecvError::Interrupted));
    });
    // By itself it asks about eight a second.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_hundred_thousand_lives_leave_nothing_behind() {
    let scratch = Scratch::new();
    drop(scratch.create(Config::ranks(4).cells(4).arena(128)));
    // In a process of its own, of whose memory other tests take none.
    assert_eq!(Child::start("lives", &scratch).answer(), "ok");
}

/// In a second process: one life after the other.
fn lives(name: &str) {
    const LIVES: u64 = 100_000;
    let region = Region::open(name).expect("a region");
    let peer = region.join(1).expect("free");
    let live = |epoch: u64| {
        let me = region.join(0).expect("free");
        assert_eq!(me.epoch(), epoch);
        if epoch.is_multiple_of(10) {
            me.send(1, b"x").expect("room");
            drop(peer.from(0).recv().expect("mail"));
        }
    };
    (1..=LIVES / 10).for_each(live);
    let descriptors = || fs::read_dir("/proc/self/fd").expect("descriptors").count();
    let blocks = || mailbox::lab::os::shm_path(name).metadata().expect("a segment").blocks();
    let before = (memory("RssAnon"), descriptors(), blocks());
    (LIVES / 10 + 1..=LIVES).for_each(live);
    let after = (memory("RssAnon"), descriptors(), blocks());
    // Less than a word a life, and no descriptor.
    let is_clean = after.0 < before.0 + (256 << 10) && (after.1, after.2) == (before.1, before.2);
    reply(&if is_clean { "ok".to_string() } else { format!("{before:?}, then {after:?}") });
}
