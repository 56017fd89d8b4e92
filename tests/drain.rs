//! Drains: all that is there, in order, acknowledged a row at a time, and nothing is lost however they end.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{Child, GUARD, Scratch, command, pattern, reply, role};
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Broken, Config, Deadline, Endpoint, RecvError};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Messages after which a sender is told at the latest.
const ROW: u64 = 16;
/// Mails of a sender's turn.
const TURN: usize = 32;

fn ranks(ranks: u32, cells: u32) -> (Scratch, Vec<Endpoint>) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).cells(cells).arena(8192));
    let all = (0..ranks).map(|rank| region.join(rank).expect("free")).collect();
    (scratch, all)
}

fn two(cells: u32) -> (Scratch, [Endpoint; 2]) {
    let (scratch, all) = ranks(2, cells);
    (scratch, all.try_into().unwrap_or_else(|_| unreachable!()))
}

fn send(from: &Endpoint, to: u32, numbers: impl IntoIterator<Item = u64>) {
    numbers.into_iter().for_each(|number| from.send(to, &number.to_ne_bytes()).expect("room"));
}

/// All that a drain from `source` gives, as numbers.
fn drained(me: &Endpoint, source: Option<u32>) -> Vec<u64> {
    let mut drain = match source {
        None => me.drain(),
        Some(rank) => me.from(rank).drain(),
    };
    let mut numbers = vec![];
    while let Some(message) = drain.next().expect("sound") {
        numbers.push(message.value().expect("a number"));
    }
    numbers
}

/// Messages in the mailbox from 0 to 1 that their sender takes for unread.
fn unread(scratch: &Scratch) -> u64 {
    scratch.open().inspect().mailboxes[0].unread
}

#[test]
fn messages_of_all_sizes_come_in_order_and_once() {
    for source in [None, Some(0)] {
        let (scratch, [a, b]) = two(64);
        let lens = [0, 5, 8, 47, 48, 49, 100, 1000];
        for round in 0..50 {
            for (at, len) in lens.into_iter().enumerate() {
                a.send(1, &pattern(len, round + at)).expect("room");
            }
            let mut drain = if source.is_none() { b.drain() } else { b.from(0).drain() };
            for (at, len) in lens.into_iter().enumerate() {
                let message = drain.next().expect("sound").expect("it was sent");
                assert_eq!((message.from(), message.epoch(), message.redelivered()), (0, 1, 0));
                assert_eq!(message.seq(), (round * lens.len() + at) as u64);
                assert_eq!((message.len(), message.to_vec()), (len, pattern(len, round + at)));
            }
            assert!(drain.next().expect("sound").is_none());
            assert_eq!(unread(&scratch), 0, "a drain that finds nothing has told its sender of all");
        }
    }
}

#[test]
fn senders_are_told_after_a_block_at_the_latest_and_of_all_at_the_end() {
    let (scratch, [a, b]) = two(256);
    send(&a, 1, 0..100);
    let mut drain = b.drain();
    for taken in 1..=50 {
        assert!(drain.next().expect("sound").is_some());
        let told = 100 - unread(&scratch);
        assert!(told < taken && told + ROW >= taken, "{told} of {taken}");
    }
    drop(drain);
    assert_eq!(unread(&scratch), 50);
    assert_eq!(drained(&b, None), Vec::from_iter(50..100));
}

#[test]
fn what_lies_in_the_arena_gives_its_room_back_at_once() {
    let (scratch, [a, b]) = two(256);
    (0..5).for_each(|seed| a.send(1, &pattern(1000, seed)).expect("room"));
    let mut drain = b.drain();
    for taken in 0..5 {
        assert!(drain.next().expect("sound").is_some());
        assert_eq!(unread(&scratch), 5 - taken, "all but the one in hand");
    }
}

#[test]
fn a_batch_holds_back_what_a_drain_acknowledges() {
    let (scratch, [a, b]) = two(256);
    send(&a, 1, 0..40);
    let batch = b.batch();
    assert_eq!(drained(&b, None).len(), 40);
    drop(batch);
    assert_eq!(unread(&scratch), 0);
    send(&a, 1, 0..40);
    let batch = b.batch();
    let mut drain = b.drain();
    (0..30).for_each(|_| assert!(drain.next().expect("sound").is_some()));
    drop(drain);
    assert_eq!(unread(&scratch), 40);
    drop(batch);
    assert_eq!(unread(&scratch), 10);
}

#[test]
fn a_stream_through_a_small_mailbox_comes_whole() {
    const COUNT: u64 = 20_000;
    for cells in [2, 16, 64] {
        let (_scratch, [a, b]) = two(cells);
        thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..COUNT {
                    // A row of singles, then a batch.
                    let batch = (number / 10 % 2 == 0).then(|| a.batch());
                    a.to(1).within(GUARD).send(&number.to_ne_bytes()).expect("room");
                    drop(batch);
                }
                // Not before all is received: an end would be told.
                assert_eq!(a.from_any().within(GUARD).recv().expect("mail").len(), 0);
            });
            let mut next = 0;
            while next < COUNT {
                assert_eq!(b.from_any().within(GUARD).recv().expect("mail").value(), Ok(next));
                next += 1;
                for number in drained(&b, if next % 2 == 0 { None } else { Some(0) }) {
                    assert_eq!(number, next);
                    next += 1;
                }
            }
            b.send(0, b"").expect("room");
        });
    }
}

#[test]
fn receives_in_a_drain_go_on_with_what_is_next() {
    let (scratch, [a, b]) = two(256);
    send(&a, 1, 0..50);
    let mut drain = b.drain();
    let mut held = vec![];
    for round in 0..10 {
        let first = drain.next().expect("sound").expect("sent").value::<u64>();
        assert_eq!(first, Ok(3 * round));
        let mail = b.recv().expect("mail");
        assert_eq!(mail.value(), Ok(3 * round + 1));
        held.push(mail);
        assert_eq!(b.from(0).drain().next().expect("sound").expect("sent").value(), Ok(3 * round + 2));
    }
    drop(drain);
    assert_eq!(unread(&scratch), 49, "the second one is held");
    held.remove(0).ack();
    assert_eq!(unread(&scratch), 46);
    held.clear();
    assert_eq!(unread(&scratch), 20);
    assert_eq!(drained(&b, None), Vec::from_iter(30..50));
}

#[test]
fn who_waits_in_a_drain_tells_first_what_it_is_done_with() {
    let (_scratch, [a, b]) = two(4);
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            (0..8u64).for_each(|number| a.to(1).within(GUARD).send(&number.to_ne_bytes()).expect("room"));
            a
        });
        assert_eq!(b.recv().expect("mail").value(), Ok(0_u64));
        while b.region().inspect().mailboxes[0].unread < 4 {
            thread::yield_now();
        }
        let mut drain = b.drain();
        (1..5u64).for_each(|number| {
            assert_eq!(drain.next().expect("sound").expect("sent").value(), Ok(number));
        });
        // One is in hand, three are done with, and the sender waits for their room.
        for number in 5..8u64 {
            assert_eq!(b.from(0).within(GUARD).recv().expect("mail").value(), Ok(number));
        }
        drop(drain);
        sender.join().expect("a thread");
    });
}

#[test]
fn a_message_in_hand_can_keep_its_sender_from_sending() {
    let (_scratch, [a, b]) = two(2);
    send(&a, 1, 0..2);
    let mail = b.recv().expect("mail");
    let mut drain = b.drain();
    assert!(drain.next().expect("sound").is_some());
    assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Held(0)));
    drop(drain);
    drop(mail);
    send(&a, 1, 2..4);
    assert_eq!(drained(&b, None), [2, 3]);
}

#[test]
fn it_ends_before_a_call_which_a_receive_gives() {
    // On the line, and through the mailbox.
    for len in [8, 100] {
        let (_scratch, [a, b]) = two(64);
        send(&a, 1, 0..20);
        let call = a.to(1).within(Deadline::Now).start_call(&pattern(len, 1)).expect("room");
        send(&a, 1, 20..40);
        let mut numbers = vec![];
        let mut served = 0;
        while numbers.len() < 40 || served == 0 {
            numbers.extend(drained(&b, None));
            if let Ok(Some(mail)) = b.try_recv() {
                if mail.is_call() {
                    assert_eq!(mail.to_vec(), pattern(len, 1));
                    assert!(numbers.len() >= 20, "it comes after what was sent before");
                    mail.reply(b"done").expect("room");
                    served += 1;
                } else {
                    numbers.push(mail.value().expect("a number"));
                }
            }
        }
        assert_eq!((numbers, served), (Vec::from_iter(0..40), 1));
        assert_eq!(*call.wait_within(GUARD).expect("an answer"), *b"done");
    }
}

#[test]
fn it_ends_before_an_announced_message_which_a_receive_gives() {
    for by_hand in [false, true] {
        let (_scratch, [a, b]) = two(64);
        b.set_by_hand(by_hand);
        let message = pattern(50_000, 1);
        thread::scope(|scope| {
            let long = message.as_slice();
            let sender = scope.spawn(move || {
                send(&a, 1, 0..20);
                a.to(1).within(GUARD).send(long).expect("taken");
                send(&a, 1, 20..40);
                a
            });
            let (mut numbers, mut bytes) = (vec![], vec![]);
            while numbers.len() < 40 {
                numbers.extend(drained(&b, None));
                if let Ok(Some(mail)) = b.try_recv() {
                    assert_eq!(mail.redelivered(), 0);
                    match mail.value() {
                        Ok(number) => numbers.push(number),
                        _ => assert!(mail.fetch().read_to_end(&mut bytes).is_ok()),
                    }
                }
            }
            assert!(bytes == message && numbers == Vec::from_iter(0..40));
            sender.join().expect("a thread");
        });
    }
}

#[test]
fn senders_have_their_turns() {
    let (_scratch, all) = ranks(4, 256);
    (1..4).for_each(|rank| send(&all[rank], 0, 0..200));
    let mut drain = all[0].drain();
    let mut left = [0, 200, 200, 200];
    let (mut last, mut row) = (0, 0);
    while let Some(message) = drain.next().expect("sound") {
        let from = message.from() as usize;
        row = if from == last { row + 1 } else { 1 };
        last = from;
        assert_eq!(message.value(), Ok(200 - left[from] as u64));
        left[from] -= 1;
        let others = (1..4).any(|other| other != from && left[other] > 0);
        assert!(row <= TURN || !others, "{row} of {from}");
    }
    assert_eq!(left, [0; 4]);
}

#[test]
fn a_panic_leaves_the_message_in_hand_unread() {
    // In the first row, at its end, in the next one; in the arena.
    for (len, taken) in [(8, 1), (8, 10), (8, 16), (8, 17), (8, 30), (500, 5)] {
        let (scratch, [a, b]) = two(64);
        let count = if len == 8 { 40 } else { 10 };
        (0..count).for_each(|seed| a.send(1, &pattern(len, seed)).expect("room"));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut drain = b.drain();
            (0..taken).for_each(|_| assert!(drain.next().expect("sound").is_some()));
            resume_unwind(Box::new("on purpose"));
        }));
        assert!(result.is_err());
        assert_eq!(unread(&scratch), (count + 1 - taken) as u64, "those before it are acknowledged");
        // By a drain again, and by a receive.
        let mut drain = b.drain();
        let again = drain.next().expect("sound").expect("it was in hand");
        assert_eq!((again.to_vec(), again.redelivered()), (pattern(len, taken - 1), 1));
        let next = drain.next().expect("sound").expect("it was sent");
        assert_eq!((next.to_vec(), next.redelivered()), (pattern(len, taken), 0));
        drop(drain);
        let next = b.recv().expect("mail");
        assert_eq!((next.to_vec(), next.redelivered()), (pattern(len, taken + 1), 0));
    }
}

#[test]
fn a_destructor_that_drains_while_its_thread_unwinds_comes_to_an_end() {
    struct Drains<'a>(&'a Endpoint, &'a std::cell::Cell<u32>);
    impl Drop for Drains<'_> {
        fn drop(&mut self) {
            loop {
                let mut drain = self.0.drain();
                if !matches!(drain.next(), Ok(Some(_))) {
                    return;
                }
                self.1.set(self.1.get() + 1);
            }
        }
    }
    let (_scratch, [a, b]) = two(64);
    send(&a, 1, 0..5);
    let count = std::cell::Cell::new(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _drains = Drains(&b, &count);
        resume_unwind(Box::new("on purpose"));
    }));
    assert!(result.is_err());
    assert!((5..=10).contains(&count.get()), "each once or twice: {}", count.get());
}

#[test]
fn garbage_in_a_block_is_told_after_what_was_before_it() {
    for stamp in [u64::MAX, 1 << 40, 9] {
        let (scratch, [a, b]) = two(64);
        send(&a, 1, 0..64);
        Wire::new(&scratch, 0, 1).mailbox.mail.cells.at(20).stamp.store(stamp, Relaxed);
        let mut drain = b.from(0).drain();
        for number in 0..20u64 {
            assert_eq!(drain.next().expect("sound").expect("sent").value(), Ok(number));
        }
        assert_eq!(drain.next().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
        assert_eq!(drain.next().err(), Some(RecvError::Broken(Broken::Corrupt(0))), "each time");
        drop(drain);
        assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
    }
    // One that is not written yet is no garbage.
    let (scratch, [a, b]) = two(64);
    send(&a, 1, 0..64);
    let wire = Wire::new(&scratch, 0, 1);
    let cell = wire.mailbox.mail.cells.at(20);
    cell.stamp.store(0, Relaxed);
    let mut drain = b.drain();
    (0..20).for_each(|_| assert!(drain.next().expect("sound").is_some()));
    assert!(drain.next().expect("sound").is_none());
    cell.stamp.store(21, Relaxed);
    assert_eq!(drain.next().expect("sound").expect("there").value(), Ok(20_u64));
}

#[test]
fn a_rank_that_does_not_exist_is_told() {
    let (_scratch, [_a, b]) = two(64);
    assert_eq!(
        b.from(7).drain().next().err(),
        Some(RecvError::Broken(Broken::NoSuchRank { rank: 7, ranks: 2 }))
    );
    assert!(b.from(0).drain().next().expect("sound").is_none());
}

#[test]
fn second_process() {
    let Some((_, region)) = role() else { return };
    let me = mailbox::Region::open(region.as_str()).expect("it is there").join(1).expect("free");
    let mut drain = me.drain();
    while let Some(command) = command() {
        let count: u64 = command.parse().expect("a number");
        let mut last = None;
        for _ in 0..count {
            last = drain.next().expect("sound").and_then(|message| message.value::<u64>().ok());
        }
        reply(&format!("{last:?}"));
    }
}

#[test]
fn a_successor_of_who_is_killed_in_a_drain_has_all_that_was_not_told_and_no_gap() {
    for taken in [1, 15, 16, 17, 33, 40] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).cells(256));
        let a = region.join(0).expect("free");
        send(&a, 1, 0..100);
        let mut child = Child::start("drains", &scratch);
        assert_eq!(child.does(&taken.to_string()), format!("Some({})", taken - 1));
        child.kill();
        let b = region.join(1).expect("free");
        let mut drain = b.drain();
        let first = drain.next().expect("sound").expect("mail");
        let (number, redelivered) = (first.value::<u64>().expect("a number"), first.redelivered() > 0);
        assert!(number < taken && number + ROW >= taken && redelivered, "{number} after {taken}");
        let mut next = number + 1;
        while let Some(message) = drain.next().expect("sound") {
            assert_eq!(message.value(), Ok(next));
            assert!(message.redelivered() > 0 || next >= taken, "{next} was handed out");
            next += 1;
        }
        assert_eq!(next, 100);
    }
}
