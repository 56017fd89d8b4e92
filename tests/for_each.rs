//! Drains into a function: it is given what single steps give, and nothing is lost however it ends.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, Scratch, pattern};
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Broken, Config, Deadline, Endpoint, RecvError};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

const ARENA: u64 = 8192;

fn endpoints<const N: usize>(cells: u32) -> (Scratch, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(N as u32).cells(cells).arena(ARENA));
    let endpoints = std::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"));
    (scratch, endpoints)
}

fn bytes(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = [u8; 8]> {
    numbers.into_iter().map(u64::to_ne_bytes)
}

fn send(from: &Endpoint, to: u32, numbers: impl IntoIterator<Item = u64>) {
    from.to(to).within(Deadline::Now).send_each(bytes(numbers)).expect("room");
}

/// All that a drain gives a function, as numbers.
fn given(me: &Endpoint) -> Vec<u64> {
    let mut numbers = vec![];
    me.drain().for_each(|message| numbers.push(message.value().expect("a number"))).expect("sound");
    numbers
}

/// Messages from rank 0 to rank 1 that their sender takes for unread.
fn unread(scratch: &Scratch) -> u64 {
    scratch.open().inspect().mailboxes[0].unread
}

fn panics(work: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
}

fn stop() -> ! {
    resume_unwind(Box::new("on purpose"))
}

#[test]
fn messages_of_all_lengths_come_in_order_and_once() {
    for lens in [&[8; 40][..], &[48; 40], &[0, 5, 8, 47, 48, 49, 100, 1000], &[8, 8, 8, 1000, 8, 8]] {
        let (scratch, [a, b]) = endpoints(64);
        for round in 0..20 {
            let messages: Vec<_> =
                lens.iter().enumerate().map(|(at, len)| pattern(*len, round + at)).collect();
            assert_eq!(a.to(1).tag(3).within(Deadline::Now).send_each(&messages), Ok(lens.len()));
            let mut seq = (round * lens.len()) as u64;
            let mut given = vec![];
            b.drain()
                .for_each(|message| {
                    assert_eq!((message.from(), message.seq(), message.tag()), (0, seq, 3));
                    assert_eq!((message.epoch(), message.redelivered()), (1, 0));
                    given.push(message.to_vec());
                    seq += 1;
                })
                .expect("sound");
            assert!(given == messages);
            assert_eq!(unread(&scratch), 0, "its sender is told of all");
        }
        let counted = a.region().inspect().mailboxes[0].bytes;
        assert_eq!(counted, 20 * lens.iter().map(|len| *len as u64).sum::<u64>());
    }
}

#[test]
fn senders_are_told_after_a_row_at_the_latest() {
    let (scratch, [a, b]) = endpoints(256);
    send(&a, 1, 0..100);
    let mut taken = 0;
    b.drain()
        .for_each(|_| {
            taken += 1;
            let told = 100 - unread(&scratch);
            assert!(told < taken && told + 16 >= taken, "{told} of {taken}");
        })
        .expect("sound");
    assert_eq!((taken, unread(&scratch)), (100, 0));
    // Not in a batch, except for each quarter.
    send(&a, 1, 0..100);
    let batch = b.batch();
    let mut taken = 0;
    b.drain()
        .for_each(|_| {
            taken += 1;
            let told = 100 - unread(&scratch);
            assert!(told == 0 || taken > 64, "{told} of {taken}");
        })
        .expect("sound");
    drop(batch);
    assert_eq!(unread(&scratch), 0);
}

#[test]
fn it_goes_on_after_single_steps() {
    let (scratch, [a, b]) = endpoints(256);
    for first in [1, 15, 16, 17, 40] {
        send(&a, 1, 0..60);
        let mut drain = b.drain();
        (0..first).for_each(|number: u64| {
            assert_eq!(drain.next().expect("sound").expect("sent").value(), Ok(number));
        });
        let mut next = first;
        drain
            .for_each(|message| {
                assert_eq!(message.value(), Ok(next));
                next += 1;
            })
            .expect("sound");
        assert_eq!((next, unread(&scratch)), (60, 0));
    }
}

#[test]
fn senders_have_the_turns_that_steps_give_them() {
    let order = |steps: bool| {
        let (_scratch, all) = endpoints::<4>(256);
        (1..4).for_each(|rank| send(&all[rank], 0, 0..200));
        let mut order = vec![];
        let mut drain = all[0].drain();
        if steps {
            while let Some(message) = drain.next().expect("sound") {
                order.push((message.from(), message.value::<u64>().expect("a number")));
            }
        } else {
            drain
                .for_each(|message| order.push((message.from(), message.value().expect("a number"))))
                .expect("sound");
        }
        order
    };
    let of_function = order(false);
    assert_eq!(of_function.len(), 600);
    assert!(of_function == order(true));
}

#[test]
fn what_a_filter_leaves_stays_in_its_place() {
    let (_scratch, [a, b]) = endpoints(256);
    // In the middle of a row, and at its end.
    for every in [2, 3, 16, 17] {
        for number in 0..100u64 {
            let tag = u32::from(number % every == every - 1);
            a.to(1).tag(tag).send(&number.to_ne_bytes()).expect("room");
        }
        for tag in [1, 0] {
            let mut numbers = vec![];
            b.from(0)
                .tag(tag)
                .drain()
                .for_each(|message| numbers.push(message.value::<u64>().expect("a number")))
                .expect("sound");
            let expected = (0..100).filter(|number| u32::from(number % every == every - 1) == tag);
            assert!(expected.eq(numbers), "{every} {tag}");
        }
    }
}

#[test]
fn a_function_may_receive_and_put_mail_back() {
    let (scratch, [a, b]) = endpoints(256);
    send(&a, 1, 0..90);
    let mut old = Some(b.recv().expect("mail"));
    let (mut held, mut order) = (vec![], vec![]);
    b.drain()
        .for_each(|message| {
            let number = message.value::<u64>().expect("a number");
            order.push(number);
            match number {
                // What is received is not given, and what comes after it is.
                10 => held.push(b.recv().expect("mail")),
                20 => assert_eq!(b.from(0).drain().next().expect("sound").expect("sent").value(), Ok(21_u64)),
                // It comes first, because it is older.
                30 => old.take().expect("it is held").requeue(),
                _ => {}
            }
        })
        .expect("sound");
    let mut expected: Vec<u64> = (1..=30).filter(|number| ![11, 21].contains(number)).collect();
    expected.extend([0]);
    expected.extend(31..90);
    assert_eq!(order, expected);
    assert_eq!(unread(&scratch), 79, "one is held");
    drop(held);
    assert_eq!(unread(&scratch), 0);
}

#[test]
fn a_panic_leaves_the_message_in_hand_unread() {
    // In the first row, at its end, in later ones; in the arena; by its tag.
    for (len, taken) in [(8, 1), (8, 2), (8, 16), (8, 17), (8, 18), (8, 33), (500, 1), (500, 5)] {
        for tag in [0, 7] {
            let (scratch, [a, b]) = endpoints(64);
            let count = if len == 8 { 40 } else { 10 };
            (0..count).for_each(|seed| a.to(1).tag(tag).send(&pattern(len, seed)).expect("room"));
            let given = Cell::new(0);
            panics(|| {
                _ = b.from(0).tag(tag).drain().for_each(|_| {
                    given.set(given.get() + 1);
                    if given.get() == taken {
                        stop();
                    }
                });
            });
            assert_eq!(unread(&scratch), (count + 1 - taken) as u64, "those before it are acknowledged");
            let mut left = vec![];
            b.from(0)
                .tag(tag)
                .drain()
                .for_each(|message| left.push((message.to_vec(), message.redelivered())))
                .expect("sound");
            let expected = (taken - 1..count).map(|seed| (pattern(len, seed), u32::from(seed == taken - 1)));
            assert!(left.into_iter().eq(expected), "{len} {taken} {tag}");
        }
    }
}

#[test]
fn it_ends_before_what_only_a_receive_gives() {
    // A call on its line, one through the mailbox.
    for len in [8, 100] {
        let (_scratch, [a, b]) = endpoints(64);
        send(&a, 1, 0..20);
        let call = a.to(1).within(Deadline::Now).start_call(&pattern(len, 1)).expect("room");
        send(&a, 1, 20..40);
        let (mut numbers, mut served) = (vec![], 0);
        while numbers.len() < 40 || served == 0 {
            numbers.extend(given(&b));
            match b.try_recv().expect("sound") {
                Some(mail) if mail.is_call() => {
                    assert!(numbers.len() >= 20, "it comes after what was sent before");
                    mail.reply(b"done").expect("room");
                    served += 1;
                }
                mail => numbers.extend(mail.map(|mail| mail.value::<u64>().expect("a number"))),
            }
        }
        assert_eq!((numbers, served), (Vec::from_iter(0..40), 1));
        assert_eq!(*call.wait_within(GUARD).expect("an answer"), *b"done");
    }
}

#[test]
fn who_waits_in_a_function_tells_first_what_the_drain_is_done_with() {
    let (_scratch, [a, b]) = endpoints(4);
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            assert_eq!(a.to(1).within(GUARD).send_each(bytes(0..8)), Ok(8));
            a
        });
        while b.region().inspect().mailboxes.first().is_none_or(|mailbox| mailbox.unread < 4) {
            thread::yield_now();
        }
        let mut last = 0;
        b.drain()
            .for_each(|message| {
                last = message.value::<u64>().expect("a number");
                if last == 3 {
                    // Three are done with, and the sender waits for their room.
                    for number in 4..7u64 {
                        assert_eq!(b.from(0).within(GUARD).recv().expect("mail").value(), Ok(number));
                    }
                }
            })
            .expect("sound");
        while last < 7 {
            last = b.from(0).within(GUARD).recv().expect("mail").value::<u64>().expect("a number");
        }
        sender.join().expect("a thread");
    });
}

#[test]
fn garbage_in_a_row_is_told_after_what_was_before_it() {
    for at in [0, 5, 15, 16, 17, 31, 32, 40] {
        for (stamp, envelope) in [(Some(u64::MAX), None), (Some(9), None), (None, Some(u64::MAX))] {
            let (scratch, [a, b]) = endpoints(64);
            send(&a, 1, 0..64);
            let wire = Wire::new(&scratch, 0, 1);
            let cell = wire.mailbox.mail.cells.at(at);
            stamp.inspect(|stamp| cell.stamp.store(*stamp, Relaxed));
            envelope.inspect(|envelope| cell.envelope.store(*envelope, Relaxed));
            let mut numbers = vec![];
            let told =
                b.from(0).drain().for_each(|message| numbers.push(message.value::<u64>().expect("a number")));
            assert_eq!(told, Err(RecvError::Broken(Broken::Corrupt(0))), "{at} {stamp:?}");
            assert_eq!(numbers, Vec::from_iter(0..at));
        }
    }
    // The envelope of the cell in hand changes: nobody looks at it again. That of the next one does: it is told.
    let (scratch, [a, b]) = endpoints(64);
    send(&a, 1, 0..40);
    let wire = Wire::new(&scratch, 0, 1);
    let mut taken = 0;
    let told = b.from(0).drain().for_each(|message| {
        assert_eq!(message.value(), Ok(taken));
        wire.mailbox.mail.cells.at(taken).envelope.store(u64::MAX, Relaxed);
        taken += 1;
        if taken == 16 {
            wire.mailbox.mail.cells.at(taken).envelope.store(u64::MAX, Relaxed);
        }
    });
    assert_eq!((taken, told), (16, Err(RecvError::Broken(Broken::Corrupt(0)))));
    assert_eq!(unread(&scratch), 24, "its sender is told of the row");
}
