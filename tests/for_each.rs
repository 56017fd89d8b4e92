//! Drains into a function: it is given what single steps give, and nothing is lost however it ends.
#![cfg(not(loom))]

mod common;

use common::numbers::{bytes, endpoints, given, panics, send, stop, unread};
use common::wire::Wire;
use common::{GUARD, SHORT, pattern, wait_until};
use mailbox::lab::abi::ROOM;
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Broken, Deadline, Lost, RecvError, Wait};
use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::thread;

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
    for cells in [32, 64, 128, 256] {
        let (scratch, [a, b]) = endpoints(cells);
        let (cells, mut taken) = (u64::from(cells), 0);
        send(&a, 1, 0..cells);
        let batch = b.batch();
        b.drain()
            .for_each(|_| {
                taken += 1;
                let told = cells - unread(&scratch);
                assert!(told == 0 || taken > cells / 4, "{told} of {taken}");
                // It looks at the end of a row.
                assert!(told + cells / 4 + 16 >= taken, "{told} of {taken}");
            })
            .expect("sound");
        drop(batch);
        assert_eq!((taken, unread(&scratch)), (cells, 0));
    }
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
    let order = |steps: bool, is_again: bool| {
        let (_scratch, all) = endpoints::<4>(256);
        (1..4).for_each(|rank| send(&all[rank], 0, 0..200));
        if is_again {
            // It counts twice in its sender's turn, so that does not end with a row.
            all[0].recv().expect("mail").requeue();
        }
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
    for is_again in [false, true] {
        let of_function = order(false, is_again);
        assert_eq!(of_function.len(), 600);
        assert!(of_function == order(true, is_again));
    }
}

#[test]
fn what_a_filter_leaves_stays_in_its_place() {
    // In the middle of a row, and at its end; before what it leaves is passed over, and after that.
    for (every, tags) in [2, 3, 16, 17, 30].into_iter().flat_map(|every| [(every, [1, 0]), (every, [0, 1])]) {
        let (scratch, [a, b]) = endpoints(128);
        let wire = Wire::new(&scratch, 0, 1);
        // More than a lap.
        for round in 0..4 {
            for number in 0..100u64 {
                let tag = u32::from(number % every == every - 1);
                a.to(1).tag(tag).send(&number.to_ne_bytes()).expect("room");
            }
            for tag in tags {
                let mut numbers = vec![];
                b.from(0)
                    .tag(tag)
                    .drain()
                    .for_each(|message| {
                        let head = wire.mailbox.mail.consumer.head.load(Relaxed);
                        assert!(head <= message.seq(), "what is in hand is acknowledged");
                        numbers.push(message.value::<u64>().expect("a number"));
                    })
                    .expect("sound");
                let expected = (0..100).filter(|number| u32::from(number % every == every - 1) == tag);
                assert!(expected.eq(numbers), "{every} {tag} {round}");
            }
            assert_eq!(unread(&scratch), 0);
        }
    }
}

#[test]
fn what_a_row_is_done_with_is_acknowledged_once() {
    for rows in 1..4 {
        let (scratch, [a, b]) = endpoints(64);
        send(&a, 1, 0..rows * 16);
        // The next row is done with those before it, and is not for this one.
        a.send(1, &pattern(100, 0)).expect("room");
        let mut given = 0;
        b.drain().for_each(|_| given += 1).expect("sound");
        assert_eq!((given, unread(&scratch)), (rows * 16 + 1, 0));
        // Those that lie in the same cells later are not acknowledged with the one before them.
        send(&a, 1, [0]);
        for number in 0..128 {
            send(&a, 1, [number + 1]);
            assert_eq!(b.recv().expect("mail").value(), Ok(number));
            assert_eq!(unread(&scratch), 1, "after {rows} rows and {number}");
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
fn what_a_function_receives_it_is_not_given_again() {
    // In the first row, at its end, in later ones; then the row goes on or ends there.
    for at in [0, 1, 5, 14, 15, 16, 17, 31, 40, 58] {
        for what in ["holds", "drops", "requeues", "drains", "steps"] {
            let (scratch, [a, b]) = endpoints(256);
            send(&a, 1, 0..60);
            let (mut order, mut held) = (vec![], vec![]);
            b.drain()
                .for_each(|message| {
                    let number = message.value::<u64>().expect("a number");
                    order.push((number, message.redelivered()));
                    if number != at || order.len() as u64 != at + 1 {
                        return;
                    }
                    match what {
                        "holds" => held.push(b.recv().expect("mail")),
                        "drops" => assert_eq!(b.recv().expect("mail").value(), Ok(at + 1)),
                        "requeues" => b.recv().expect("mail").requeue(),
                        "drains" => b.drain().for_each(|_| {}).expect("sound"),
                        _ => {
                            let mut drain = b.drain();
                            assert_eq!(drain.next().expect("sound").expect("sent").value(), Ok(at + 1));
                        }
                    }
                    assert!(unread(&scratch) >= 60 - at, "what is in hand is not acknowledged");
                })
                .expect("sound");
            let is_given = |number: &u64| match what {
                "requeues" => true,
                "drains" => *number <= at,
                _ => *number != at + 1,
            };
            let again = |number| u32::from(what == "requeues" && number == at + 1);
            let expected = (0..60).filter(is_given).map(|number| (number, again(number)));
            assert!(order.into_iter().eq(expected), "{what} {at}");
            assert_eq!(unread(&scratch), if what == "holds" { 59 - at } else { 0 }, "{what} {at}");
            held.iter().for_each(|mail| assert_eq!(mail.value(), Ok(at + 1)));
            drop(held);
            assert_eq!(unread(&scratch), 0);
        }
    }
}

#[test]
fn after_a_panic_that_is_caught_the_next_drain_acknowledges_only_its_own() {
    let (scratch, [a, b]) = endpoints(64);
    send(&a, 1, 0..40);
    panics(|| {
        _ = b.drain().for_each(|message| {
            if message.value() == Ok(5_u64) {
                stop();
            }
        });
    });
    // These are held, so they stay unread whatever a drain does.
    let held = [5, 6, 7].map(|number: u64| {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.value(), mail.redelivered()), (Ok(number), u32::from(number == 5)));
        mail
    });
    let mut next = 8u64;
    b.drain()
        .for_each(|message| {
            assert_eq!(message.value(), Ok(next));
            next += 1;
        })
        .expect("sound");
    assert_eq!((next, unread(&scratch)), (40, 35));
    drop(held);
    assert_eq!(unread(&scratch), 0);
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_takes_no_more_than_a_row_and_tells_nobody() {
    for at in [0, 3, 15, 16, 20] {
        let (scratch, [a, b]) = endpoints(64);
        send(&a, 1, 0..40);
        let (mut taken, mut told, mut child) = (0, 0, 0);
        let outcome = b.drain().for_each(|_| {
            if taken == at {
                told = unread(&scratch);
                child = common::fork();
            }
            taken += 1;
            // The parent waits until the child has ended.
            if child > 0 && taken == at + 1 {
                assert_eq!(libc::WEXITSTATUS(common::status_of(child)), 0, "{at}");
                assert_eq!(unread(&scratch), told);
            }
        });
        if child == 0 {
            let is_told = outcome == Err(RecvError::Broken(Broken::Lost(Lost::Forked)));
            let is_row = taken == at / 16 * 16 + 16;
            common::exit_with(i32::from(!is_told) + 2 * i32::from(!is_row));
        }
        assert_eq!((outcome, taken, unread(&scratch)), (Ok(()), 40, 0));
    }
}

#[test]
fn a_panic_leaves_the_message_in_hand_unread() {
    // In the first row, at its end, in later ones; in the arena; by its tag.
    for (len, taken) in [(8, 1), (8, 2), (8, 16), (8, 17), (8, 18), (8, 33), (500, 1), (500, 5)] {
        for tag in [0, 7] {
            let (scratch, [a, b]) = endpoints(64);
            if tag > 0 {
                // The receiver keeps unread mail by its tag from now on: it asks for another one while some is unread.
                a.to(1).tag(1).send(b"").expect("room");
                (0..2).for_each(|_| assert!(b.from(0).tag(tag).try_recv().expect("sound").is_none()));
                assert!(b.from(0).tag(1).try_recv().expect("sound").is_some());
            }
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
fn what_was_in_hand_in_a_panic_is_found_by_its_own_tag() {
    // The first of its row, later ones, those of the next rows.
    for taken in [1, 2, 3, 15, 16, 17, 18, 19, 33] {
        for steps in [true, false] {
            let (_scratch, [a, b]) = endpoints(64);
            let tag_of = |number: u64| 1 + number as u32 % 3;
            // The receiver keeps unread mail by its tag from now on, as above.
            a.to(1).tag(9).send(b"").expect("room");
            (0..2).for_each(|_| assert!(b.from(0).tag(1).try_recv().expect("sound").is_none()));
            assert!(b.from(0).tag(9).try_recv().expect("sound").is_some());
            for number in 0..40u64 {
                a.to(1).tag(tag_of(number)).send(&number.to_ne_bytes()).expect("room");
            }
            panics(|| {
                let mut drain = b.drain();
                if steps {
                    (0..taken).for_each(|_| assert!(drain.next().expect("sound").is_some()));
                    stop();
                }
                _ = drain.for_each(|message| {
                    if message.value() == Ok(taken - 1) {
                        stop();
                    }
                });
            });
            let mail = b.from(0).tag(tag_of(taken - 1)).try_recv().expect("sound").expect("it was in hand");
            assert_eq!((mail.value(), mail.redelivered()), (Ok(taken - 1), 1), "{taken} {steps}");
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
fn a_successor_is_told_of_a_row_before_it_is_handed_out() {
    // The second of these ends with a row: no other one begins.
    for count in [10, 16, 40] {
        let (scratch, [a, b]) = endpoints(64);
        send(&a, 1, 0..count);
        let wire = Wire::new(&scratch, 0, 1);
        let handed = || wire.mailbox.mail.consumer.handed.load(Relaxed);
        b.drain().for_each(|message| assert!(handed() > message.seq())).expect("sound");
        assert!(handed() < count + 16 && (count != 16 || handed() == count), "{count} {}", handed());
    }
    // A longer one of which it is known that it has memory, the second here, begins no row.
    let (scratch, [a, b]) = endpoints(64);
    let wire = Wire::new(&scratch, 0, 1);
    let len = |at| if [3, 8].contains(&at) { 100 } else { 8 };
    (0..30).for_each(|at| a.send(1, &pattern(len(at), at)).expect("room"));
    b.drain()
        .for_each(|message| {
            let handed = wire.mailbox.mail.consumer.handed.load(Relaxed);
            let is_same_row = (3..19).contains(&message.seq());
            assert!(!is_same_row || handed == 19, "{} {handed}", message.seq());
        })
        .expect("sound");
}

#[test]
fn who_waits_for_room_is_rung_with_each_row_and_in_a_batch_with_a_quarter() {
    for (in_batch, due) in [(false, 16), (true, 64)] {
        let (scratch, [a, b]) = endpoints(256);
        send(&a, 1, 0..256);
        let batch = in_batch.then(|| b.batch());
        let mut taken = 0;
        b.drain()
            .for_each(|_| {
                taken += 1;
                if taken % due == 1 {
                    assert!(taken == 1 || !scratch.sender_sleeps(0), "nobody rang: {in_batch} {taken}");
                    scratch.seem_asleep(0, ROOM);
                }
                assert!(scratch.sender_sleeps(0), "rung too often: {in_batch} {taken}");
            })
            .expect("sound");
        drop(batch);
        assert!(taken == 256 && !scratch.sender_sleeps(0), "{in_batch}");
    }
}

#[test]
fn a_row_wakes_a_sender_that_sleeps_for_room() {
    let (_scratch, [a, b]) = endpoints(64);
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let a = a;
            a.set_wait(Wait::Block);
            for number in 0..80u64 {
                a.to(1).within(GUARD).send(&number.to_ne_bytes()).expect("room");
                sent.fetch_add(1, Relaxed);
            }
            a
        });
        wait_until("the mailbox is full", || sent.load(Relaxed) == 64);
        // It is asleep then, most likely.
        thread::sleep(SHORT);
        let mut taken = 0;
        while taken < 80 {
            b.drain()
                .for_each(|_| {
                    taken += 1;
                    if taken == 40 {
                        wait_until("there is room", || sent.load(Relaxed) > 64);
                    }
                })
                .expect("sound");
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
