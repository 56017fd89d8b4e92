//! What `inspect` counts and says of who waits for whom; it takes nothing for looking.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{SHORT, Scratch, pattern, wait_until};
use mailbox::{
    Config, Deadline, Endpoint, Inspection, MailboxReport, RankReport, RecvError, Region, SendError, Source,
};
use mailbox::{Status, Wait};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        puppet::perform(&region);
    }
}

const ARENA: u64 = 1024;

fn pair(cells: u32) -> (Scratch, Region, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(cells).arena(ARENA));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (scratch, region, a, b)
}

/// The mailbox from 0 to 1.
fn mailbox(region: &Region) -> MailboxReport {
    let mailboxes = region.inspect().mailboxes;
    mailboxes.into_iter().find(|mailbox| (mailbox.from, mailbox.to) == (0, 1)).expect("a mailbox in use")
}

fn rank(region: &Region, rank: usize) -> RankReport {
    region.inspect().ranks.swap_remove(rank)
}

#[test]
fn messages_and_their_bytes_are_counted() {
    let (_scratch, region, a, b) = pair(64);
    assert!(region.inspect().mailboxes.is_empty());
    let mut bytes = 0;
    for (at, len) in [0, 1, 48, 49, 300].into_iter().enumerate() {
        if at % 2 == 0 {
            a.send(1, &pattern(len, at)).expect("room");
        } else {
            a.loan(len).and_then(|loan| loan.commit(len).send(1)).expect("room");
        }
        drop(a.loan(len).expect("room"));
        bytes += len as u64;
        let seen = mailbox(&region);
        assert_eq!((seen.messages, seen.bytes, seen.unread), (at as u64 + 1, bytes, at as u64 + 1));
    }
    drop(b.recv().expect("mail"));
    let held = b.recv().expect("mail");
    let seen = mailbox(&region);
    assert_eq!((seen.messages, seen.bytes, seen.unread), (5, bytes, 4), "a held one is unread");
    drop(held);
    b.recv().expect("mail").requeue();
    assert_eq!(mailbox(&region).unread, 3);
    assert_eq!((seen.full, seen.drops), (0, 0));
}

#[test]
fn messages_that_wait_are_counted_wherever_in_its_mailbox_the_oldest_is() {
    for cells in [2, 64, 256] {
        let (_scratch, region, a, b) = pair(cells);
        for _ in 0..cells + 3 {
            while a.try_send(1, b"x").is_ok() {}
            assert_eq!(mailbox(&region).unread, u64::from(cells));
            drop(b.recv().expect("mail"));
            assert_eq!(mailbox(&region).unread, u64::from(cells) - 1);
        }
    }
}

#[test]
fn bytes_are_right_after_each_message_and_each_life() {
    for cells in [2, 16, 64, 1024] {
        let (_scratch, region, mut a, b) = pair(cells);
        let mut bytes = 0;
        for number in 0..200 {
            let len = number % 300;
            a.send(1, &pattern(len, number)).expect("room");
            bytes += len as u64;
            assert_eq!(mailbox(&region).bytes, bytes, "message {number} through {cells} cells");
            if number % 70 == 69 {
                drop(a);
                a = region.join(0).expect("free");
            }
            drop(b.recv().expect("mail"));
        }
    }
}

#[test]
fn an_announced_message_counts_once_with_its_bytes() {
    let (_scratch, region, a, b) = pair(64);
    let lens = [513, 2000, 100_000, 10, 600];
    thread::scope(|scope| {
        scope.spawn(move || lens.map(|len| a.send(1, &pattern(len, 0)).expect("a receiver")));
        let b = b;
        for len in lens {
            assert_eq!(b.recv().expect("mail").len(), len);
        }
        assert_eq!(b.recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
    });
    let seen = mailbox(&region);
    assert_eq!((seen.messages, seen.bytes, seen.unread), (5, lens.iter().sum::<usize>() as u64, 0));
    assert_eq!(seen.drops, 0);
}

#[test]
fn a_message_that_was_given_up_counts_as_dropped() {
    let (_scratch, region, a, b) = pair(64);
    for count in 1..4 {
        assert_eq!(a.to(1).within(SHORT).send(&pattern(5000, 0)), Err(SendError::Timeout(1)));
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        let seen = mailbox(&region);
        assert_eq!((seen.messages, seen.drops, seen.unread), (count, count, 0));
    }
}

#[test]
fn a_full_mailbox_is_counted_each_time() {
    let (_scratch, region, a, _b) = pair(4);
    (0..4).for_each(|_| a.send(1, b"x").expect("room"));
    assert_eq!(mailbox(&region).full, 0);
    for count in 1..5 {
        assert_eq!(a.try_send(1, b"x"), Err(SendError::Full(1)));
        assert_eq!(mailbox(&region).full, count);
    }
    assert_eq!(a.to(1).within(Deadline::Now).send(b"x"), Err(SendError::Full(1)));
    assert_eq!(a.to(1).within(SHORT).send(b"x"), Err(SendError::Timeout(1)));
    let seen = mailbox(&region);
    assert_eq!((seen.full, seen.messages), (6, 4));
}

#[test]
fn sleeps_and_what_ended_them_are_counted_on_both_sides() {
    let (scratch, region, a, b) = pair(4);
    a.set_wait(Wait::Block);
    b.set_wait(Wait::Block);
    let counts = || {
        let seen = mailbox(&region);
        (seen.sleeps, seen.credit_wakes, rank(&region, 1).sleeps, seen.mail_wakes)
    };
    a.send(1, b"x").expect("room");
    drop(b.recv().expect("mail"));
    assert_eq!(counts(), (0, 0, 0, 0));
    let b = thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            drop(b.recv().expect("mail"));
            b
        });
        scratch.wait_until_receiver_sleeps(1);
        a.send(1, b"x").expect("room");
        receiver.join().expect("a thread")
    });
    assert_eq!(counts(), (0, 0, 1, 1));
    while a.try_send(1, b"x").is_ok() {}
    let a = thread::scope(|scope| {
        let sender = scope.spawn(move || {
            a.send(1, b"x").expect("room");
            a
        });
        scratch.wait_until_sender_sleeps(0);
        drop(b.recv().expect("mail"));
        sender.join().expect("a thread")
    });
    assert_eq!(counts(), (1, 1, 1, 1));
    // Whom nobody wakes has slept nevertheless.
    assert_eq!(a.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(rank(&region, 0).sleeps, 1);
    assert_eq!(counts(), (1, 1, 1, 1));
}

#[test]
fn it_says_for_whom_a_rank_waits_and_when_it_does_no_longer() {
    let (scratch, region, a, b) = pair(4);
    let awaits = || {
        let seen = rank(&region, 0);
        (seen.receiver_awaits, seen.sender_awaits)
    };
    a.set_wait(Wait::Block);
    assert_eq!(awaits(), (None, None));
    for source in [Source::Anyone, Source::Rank(0), Source::Rank(1)] {
        thread::scope(|scope| {
            let (sender, receiver) = scope
                .spawn(|| {
                    let (sender, receiver) = region.join(2).expect("free").into_split();
                    receiver.set_wait(Wait::Block);
                    (sender, receiver)
                })
                .join()
                .expect("a thread");
            scope.spawn(move || drop(receiver.from(source).recv().expect("mail")));
            scratch.wait_until_receiver_sleeps(2);
            wait_until("it says so", || rank(&region, 2).receiver_awaits == Some(source));
            assert_eq!(rank(&region, 2).sender_awaits, None);
            if source == Source::Rank(0) { a.send(2, b"x") } else { b.send(2, b"x") }.expect("room");
            wait_until("it is awake", || rank(&region, 2).receiver_awaits.is_none());
            drop(sender);
        });
        // The rank is left when both halves are gone.
        wait_until("it has left", || {
            region.status(2).is_some_and(|(status, _)| status == mailbox::Status::Left)
        });
    }
    while a.try_send(1, b"x").is_ok() {}
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            a.send(1, b"x").expect("room");
            a
        });
        scratch.wait_until_sender_sleeps(0);
        wait_until("it says so", || awaits() == (None, Some(Source::Rank(1))));
        drop(b.recv().expect("mail"));
        let _a = sender.join().expect("a thread");
        assert_eq!(awaits(), (None, None));
    });
}

#[test]
fn who_died_in_its_sleep_and_its_successor_wait_for_nobody() {
    for (command, is_sender) in [("recv", false), ("recv 1", false), ("send 1 x", true)] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).cells(4).arena(ARENA));
        let mut sleeper = puppet(&scratch);
        assert_eq!(sleeper.does("join 0"), "ok");
        assert_eq!(sleeper.does("fill 1"), "4");
        sleeper.starts(command);
        let awaits = || {
            let seen = rank(&region, 0);
            if is_sender { seen.sender_awaits } else { seen.receiver_awaits }
        };
        wait_until("it sleeps", || awaits().is_some());
        sleeper.kill();
        assert_eq!(awaits(), None, "{command}: dead");
        let _successor = region.join(0).expect("free");
        assert_eq!(awaits(), None, "{command}: its successor");
    }
}

#[test]
fn counters_go_on_with_successors() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(16).arena(ARENA));
    for life in 1..4 {
        let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
        a.send(1, b"12345").expect("room");
        drop(b.recv().expect("mail"));
        assert_eq!(a.to(1).within(SHORT).send(&pattern(5000, 0)), Err(SendError::Timeout(1)));
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(b.from(0).within(SHORT).recv().err(), Some(RecvError::Timeout));
        let seen = mailbox(&region);
        assert_eq!((seen.messages, seen.drops), (2 * life, life));
        assert!(seen.bytes >= 5 * life && seen.sleeps >= life);
        assert!(rank(&region, 1).sleeps >= life);
    }
}

#[test]
fn looking_takes_no_memory_however_many_mailboxes_there_are() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(256).cells(64).arena(ARENA));
    let a = region.join(0).expect("free");
    a.send(7, b"x").expect("room");
    let blocks = || scratch.path().metadata().expect("a segment").blocks();
    let before = blocks();
    let inspection = region.inspect();
    assert_eq!((inspection.mailboxes.len(), inspection.ranks.len()), (1, 256));
    let mailbox = &inspection.mailboxes[0];
    assert_eq!((mailbox.from, mailbox.to, mailbox.unread), (0, 7, 1));
    assert_eq!(inspection.memory, before * 512);
    assert_eq!(blocks(), before);
}

/// What is seen of a region now does not contradict itself, nor what was seen `before`.
fn assert_consistent(before: &Inspection, now: &Inspection) {
    let cells = u64::from(now.cells);
    for (before, now) in before.ranks.iter().zip(&now.ranks) {
        assert!(now.epoch >= before.epoch && now.sleeps >= before.sleeps, "{before:?} {now:?}");
    }
    for mailbox in &now.mailboxes {
        let joined = |rank: u32| now.ranks[rank as usize].status != Status::NeverJoined;
        assert!(joined(mailbox.from) && mailbox.unread <= cells, "{mailbox:?}");
    }
    for before in &before.mailboxes {
        let is_it = |now: &&MailboxReport| (now.from, now.to) == (before.from, before.to);
        let now = now.mailboxes.iter().find(is_it).expect("what was used stays so");
        let counts = |of: &MailboxReport| {
            [of.messages, of.bytes, of.full, of.sleeps, of.mail_wakes, of.credit_wakes, of.drops]
        };
        assert!(
            counts(before).iter().zip(counts(now)).all(|(before, now)| *before <= now),
            "{before:?} {now:?}"
        );
    }
}

/// Two processes talk, in `mix` of small and large messages and batches, while a third looks.
fn look_at_traffic(cells: u32, mix: impl Fn(&Endpoint, u64) -> Result<(), SendError> + Send) {
    let (_scratch, region, a, b) = pair(cells);
    let end = Instant::now() + Duration::from_millis(700);
    thread::scope(|scope| {
        scope.spawn(move || {
            let a = a;
            (0..)
                .take_while(|number| number % 64 != 0 || Instant::now() < end)
                .try_for_each(|number| mix(&a, number))
        });
        scope.spawn(move || {
            let b = b;
            while b.from(0).recv().is_ok() {}
        });
        let mut before = region.inspect();
        while Instant::now() < end {
            let now = region.inspect();
            assert_consistent(&before, &now);
            let taken = |seen: &Inspection| {
                let mailbox = seen.mailboxes.iter().find(|mailbox| mailbox.from == 0)?;
                Some(mailbox.messages.checked_sub(mailbox.unread).expect("what is unread was sent"))
            };
            assert!(taken(&before) <= taken(&now), "{before:?} {now:?}");
            before = now;
        }
    });
}

#[test]
fn what_is_seen_is_consistent_while_small_messages_go() {
    for cells in [4, 64, 1024] {
        look_at_traffic(cells, |a, _| a.send(1, b"small"));
    }
}

#[test]
fn what_is_seen_is_consistent_while_batches_go() {
    for cells in [16, 4096] {
        look_at_traffic(cells, |a, number| {
            let _batch = a.batch();
            (0..number % 40).try_for_each(|_| a.send(1, b"held back"))
        });
    }
}

#[test]
fn what_is_seen_is_consistent_while_announced_messages_go() {
    for cells in [8, 512] {
        look_at_traffic(cells, |a, number| match number % 4 {
            0 => a.send(1, &pattern(600 + number as usize % 3000, 0)),
            _ => a.send(1, &pattern(number as usize % 300, 0)),
        });
    }
}
