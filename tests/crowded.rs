//! Unread mail that receives by tag leave fills mailboxes: it is moved out of the way, or told.
#![cfg(not(loom))]

mod common;

use common::{GUARD, SHORT, Scratch, join, kill_endpoint, pattern, wait_until};
use mailbox::{Config, Deadline, Endpoint, Mail, RecvError, RecvFrom, Region};
use std::thread;

const ARENA: u64 = 8192;
/// Some of these fill the arena long before they fill the cells.
const LARGE: usize = 1000;
/// What a message that is moved costs in addition to its bytes.
const ENTRY: u64 = 128;
const PLENTY: u64 = 1 << 30;

fn region(ranks: u32, cells: u32) -> (Scratch, Region) {
    let scratch = Scratch::new();
    let config = Config::ranks(ranks).cells(cells).arena(ARENA).loans(8 << 20).max_message(64 << 20);
    let region = scratch.create(config);
    (scratch, region)
}

fn two(cells: u32) -> (Scratch, [Endpoint; 2]) {
    let (scratch, region) = region(2, cells);
    (scratch, join(&region, [0, 1]))
}

fn send(from: &Endpoint, tag: u32, number: u64) {
    from.to(1).tag(tag).within(GUARD).send(&number.to_ne_bytes()).expect("room");
}

fn now(from: RecvFrom<'_>) -> Mail<'_> {
    from.within(Deadline::Now).recv().expect("mail")
}

/// What a receive says that finds nothing.
fn told(from: RecvFrom<'_>) -> Option<RecvError> {
    from.within(GUARD).recv().map(|mail| mail.to_vec()).err()
}

fn crowded(unread: usize) -> Option<RecvError> {
    Some(RecvError::Crowded { rank: 0, unread })
}

#[test]
fn what_is_wanted_comes_though_a_hundred_thousand_others_lie_before_it() {
    const COUNT: u64 = 100_000;
    for source in [Some(0), None] {
        let (_scratch, [a, b]) = two(64);
        b.set_unread_budget(PLENTY);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                (0..COUNT).for_each(|number| send(&a, 1, number));
                send(&a, 2, 7);
                a
            });
            let from = source.map_or(b.from_any(), |rank| b.from(rank));
            assert_eq!(from.tag(2).within(GUARD).recv().expect("mail").value(), Ok(7_u64));
            for number in 0..COUNT {
                // With this tag, or with any.
                let from = if number % 3 == 0 { from } else { from.tag(1) };
                assert_eq!(now(from).value(), Ok(number));
            }
            let _a = sender.join().expect("a thread");
            assert!(b.try_recv().expect("a sender").is_none());
        });
    }
}

#[test]
fn without_a_budget_it_is_told_and_all_are_there_in_order() {
    for cells in [2, 64] {
        let (_scratch, [a, b]) = two(cells);
        let cells = u64::from(cells);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                (0..cells + 5).for_each(|number| send(&a, 1, number));
                send(&a, 2, 7);
                a
            });
            for _ in 0..3 {
                assert_eq!(told(b.from(0).tag(2)), crowded(cells as usize));
            }
            assert_eq!(b.from(0).tag(2).try_recv().err(), crowded(cells as usize));
            // From anyone once.
            assert_eq!(told(b.from_any().tag(2)), crowded(cells as usize));
            assert_eq!(b.from_any().tag(2).within(SHORT).recv().err(), Some(RecvError::Timeout));
            for number in 0..cells + 5 {
                let mail = b.from(0).within(GUARD).recv().expect("mail");
                assert_eq!((mail.value(), mail.tag(), mail.redelivered()), (Ok(number), 1, 0));
            }
            assert_eq!(b.from(0).tag(2).within(GUARD).recv().expect("mail").value(), Ok(7_u64));
            sender.join().expect("a thread");
        });
    }
}

#[test]
fn a_budget_that_is_too_small_moves_what_fits_and_then_it_is_told() {
    const FIT: u64 = 10;
    let (_scratch, [a, b]) = two(16);
    b.set_unread_budget(FIT * (ENTRY + 8) + ENTRY);
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            (0..50).for_each(|number| send(&a, 1, number));
            send(&a, 2, 7);
            a
        });
        assert_eq!(told(b.from(0).tag(2)), crowded(16 + FIT as usize));
        assert_eq!(told(b.from(0).tag(2)), crowded(16 + FIT as usize), "and again");
        // What is received gives its part back.
        for number in 0..5u64 {
            assert_eq!(now(b.from(0).tag(1)).value(), Ok(number));
        }
        assert_eq!(told(b.from(0).tag(2)), crowded(16 + FIT as usize));
        b.set_unread_budget(PLENTY);
        assert_eq!(b.from(0).tag(2).within(GUARD).recv().expect("mail").value(), Ok(7_u64));
        (5..50u64).for_each(|number| assert_eq!(now(b.from(0)).value(), Ok(number)));
        sender.join().expect("a thread");
    });
}

#[test]
fn what_was_moved_gives_its_memory_back_however_it_ends() {
    const MESSAGES: u64 = 100;
    let (_scratch, [a, b]) = two(16);
    for end in 0..4 {
        // Exactly what is needed: nothing of the round before is left in it.
        b.set_unread_budget(MESSAGES * (ENTRY + 8));
        let mut sent = 0;
        while sent < MESSAGES {
            if a.to(1).tag(1).try_send(&sent.to_ne_bytes()).is_ok() {
                sent += 1;
            } else {
                assert!(b.from(0).tag(2).try_recv().expect("room is made").is_none(), "{end}: {sent}");
            }
        }
        match end {
            0 => (0..MESSAGES).for_each(|number| assert_eq!(now(b.from(0)).value(), Ok(number))),
            1 => {
                let mails: Vec<_> = (0..MESSAGES).map(|_| now(b.from(0).tag(1))).collect();
                mails.into_iter().rev().for_each(Mail::ack);
            }
            2 => (0..MESSAGES).for_each(|number| {
                now(b.from(0)).requeue();
                assert_eq!(now(b.from_any()).into_vec(), number.to_ne_bytes());
            }),
            _ => (0..MESSAGES).for_each(|_| {
                let batch = b.batch();
                drop(now(b.from(0)));
                drop(batch);
            }),
        }
        assert!(b.try_recv().expect("a sender").is_none());
    }
}

#[test]
fn a_reset_gives_the_memory_of_moved_mail_back() {
    let (_scratch, [a, mut b]) = two(16);
    for _ in 0..3 {
        b.set_unread_budget(100 * (ENTRY + 8));
        let mut sent = 0u64;
        while sent < 100 {
            match a.to(1).tag(1).try_send(&sent.to_ne_bytes()) {
                Ok(()) => sent += 1,
                Err(mailbox::SendError::Full(_)) => {
                    assert!(b.from(0).tag(2).try_recv().expect("room is made").is_none(), "{sent}");
                }
                Err(error) => panic!("{error}"),
            }
        }
        b.reset(0).expect("a mailbox");
        assert!(a.try_send(1, b"").is_err(), "it is told");
        assert!(b.try_recv().expect("a sender").is_none());
    }
}

#[test]
fn mail_that_fills_the_arena_is_moved_too() {
    for budget in [0, PLENTY] {
        let (_scratch, [a, b]) = two(1024);
        b.set_unread_budget(budget);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                for number in 0..100 {
                    a.to(1).tag(1).within(GUARD).send(&pattern(LARGE, number)).expect("room");
                }
                a.to(1).tag(2).within(GUARD).send(&pattern(LARGE, 100)).expect("room");
                a
            });
            let from = b.from(0).tag(2).within(GUARD);
            let mut next = 0;
            if budget == 0 {
                let Err(RecvError::Crowded { rank: 0, unread }) = from.recv() else {
                    panic!("the arena is full")
                };
                assert!((2..20).contains(&unread), "{unread}");
                while let Err(error) = from.recv() {
                    assert!(matches!(error, RecvError::Crowded { .. }), "{error}");
                    assert!(now(b.from(0)).to_vec() == pattern(LARGE, next));
                    next += 1;
                }
            } else {
                assert!(from.recv().expect("mail").to_vec() == pattern(LARGE, 100));
            }
            while next < 100 {
                let mail =
                    b.from(0).within(GUARD).recv().unwrap_or_else(|error| panic!("{budget} {next} {error}"));
                assert!(mail.to_vec() == pattern(LARGE, next));
                next += 1;
            }
            sender.join().expect("a thread");
        });
    }
}

#[test]
fn loans_keep_their_tags_and_bytes_when_they_are_moved() {
    let (_scratch, [a, b]) = two(16);
    b.set_unread_budget(PLENTY);
    for number in 0..32usize {
        let mut loan = a.loan(5000).expect("a loan");
        loan.write_at(0, &pattern(5000, number));
        let block = loan.commit(5000).tag(number as u32 + 5);
        if block.send_within(1, Deadline::Now).is_err() {
            assert!(b.from(0).tag(1).try_recv().expect("a sender").is_none());
            block.send_within(1, Deadline::Now).expect("room was made");
        }
    }
    for number in (0..32usize).rev() {
        let next = b.from(0).tag(number as u32 + 5).peek().expect("a sender").expect("a loan");
        let mail = now(b.from(0).tag(number as u32 + 5));
        assert!(mail.to_vec() == pattern(5000, number) && next.seq == mail.seq());
        assert_eq!((mail.tag(), mail.epoch(), next.tag), (number as u32 + 5, 1, number as u32 + 5));
    }
}

#[test]
fn one_whose_sender_waits_for_it_is_told_and_acknowledged_when_its_mail_is_dropped() {
    for (budget, source) in [(0, Some(0)), (0, None), (PLENTY, Some(0)), (PLENTY, None)] {
        let (_scratch, [a, b]) = two(64);
        b.set_unread_budget(budget);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                send(&a, 1, 1);
                a.to(1).tag(3).sync().within(GUARD).send(b"done with it?").expect("acknowledged");
                send(&a, 2, 2);
                a
            });
            let from = source.map_or(b.from_any(), |rank| b.from(rank));
            let Some(RecvError::Crowded { rank: 0, .. }) = told(from.tag(2)) else {
                panic!("its sender waits for it");
            };
            let mail = now(b.from(0).tag(3));
            assert_eq!(told(b.from(0).tag(2)), Some(RecvError::Held(0)));
            assert!(!sender.is_finished());
            drop(mail);
            assert_eq!(b.from(0).tag(2).within(GUARD).recv().expect("mail").value(), Ok(2_u64));
            assert_eq!(now(b.from(0)).value(), Ok(1_u64));
            sender.join().expect("a thread");
        });
    }
}

#[test]
fn a_call_in_the_way_stays_and_is_told() {
    let (_scratch, [a, b]) = two(16);
    b.set_unread_budget(PLENTY);
    let call = a.to(1).within(Deadline::Now).start_call(&[1; 100]).expect("room");
    (0..15).for_each(|number| send(&a, 1, number));
    for _ in 0..2 {
        assert_eq!(told(b.from(0).tag(2)), crowded(16));
    }
    now(b.from(0)).reply(b"yes").expect("a caller");
    assert_eq!(*call.wait_within(GUARD).expect("an answer"), *b"yes");
    assert!(b.from(0).tag(2).try_recv().expect("room is made").is_none());
    send(&a, 2, 7);
    assert_eq!(now(b.from(0).tag(2)).value(), Ok(7_u64));
    (0..15u64).for_each(|number| assert_eq!(now(b.from(0)).value(), Ok(number)));
}

#[test]
fn mail_that_is_held_in_the_way_is_held() {
    for budget in [0, PLENTY] {
        let (_scratch, [a, b]) = two(16);
        b.set_unread_budget(budget);
        (0..16).for_each(|number| send(&a, (number % 2) as u32, number));
        let held = now(b.from(0));
        assert_eq!(told(b.from(0).tag(2)), Some(RecvError::Held(0)));
        assert_eq!(told(b.from_any().tag(2)), Some(RecvError::Held(0)));
        assert_eq!(b.from_any().tag(2).within(SHORT).recv().err(), Some(RecvError::Timeout), "once");
        held.requeue();
        if budget == 0 {
            assert_eq!(told(b.from(0).tag(2)), crowded(16));
        } else {
            assert!(b.from(0).tag(2).try_recv().expect("room is made").is_none());
            send(&a, 2, 7);
            assert_eq!(now(b.from(0).tag(2)).value(), Ok(7_u64));
        }
        (0..16u64).for_each(|number| assert_eq!(now(b.from(0)).value(), Ok(number)));
    }
}

#[test]
fn one_that_receives_from_anyone_goes_on_with_others_and_hears_of_an_end() {
    let (_scratch, region) = region(3, 16);
    let [a, b, other] = join(&region, [0, 1, 2]);
    (0..16).for_each(|number| send(&a, 1, number));
    assert_eq!(told(b.from_any().tag(2)), crowded(16));
    other.to(1).tag(2).send(b"other's").expect("room");
    assert_eq!(now(b.from_any().tag(2)).to_vec(), b"other's");
    // Nothing more is in the way of one that has ended.
    kill_endpoint(a);
    let gone = Some(RecvError::Gone { rank: 0, died: true });
    assert_eq!((told(b.from(0).tag(2)), told(b.from_any().tag(2))), (gone, gone));
    (0..16u64).for_each(|number| assert_eq!(now(b.from_any()).value(), Ok(number)));
}

#[test]
fn what_a_batch_held_back_is_moved_and_told() {
    for budget in [0, PLENTY] {
        let (_scratch, [a, b]) = two(16);
        b.set_unread_budget(budget);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                let batch = a.batch();
                (0..40).for_each(|number| send(&a, 1, number));
                send(&a, 2, 7);
                drop(batch);
                a
            });
            if budget == 0 {
                assert_eq!(told(b.from(0).tag(2)), crowded(16));
                let batch = b.batch();
                (0..40u64).for_each(|number| {
                    assert_eq!(b.from(0).tag(1).within(GUARD).recv().expect("mail").value(), Ok(number));
                });
                drop(batch);
            }
            assert_eq!(b.from(0).tag(2).within(GUARD).recv().expect("mail").value(), Ok(7_u64));
            if budget > 0 {
                (0..40u64).for_each(|number| assert_eq!(now(b.from(0)).value(), Ok(number)));
            }
            sender.join().expect("a thread");
        });
    }
}

#[test]
fn long_announced_messages_come_in_any_order_by_tag() {
    const EACH: u32 = 32;
    const LEN: usize = 10 << 20;
    let (_scratch, region) = region(3, 64);
    let [a, b, other] = join(&region, [0, 1, 2]);
    b.set_budget(3 * LEN as u64);
    let message = pattern(LEN, 1);
    thread::scope(|scope| {
        for sender in [a, other] {
            let message = message.as_slice();
            scope.spawn(move || {
                let announce = |tag: u32| {
                    let mut message = message.to_vec();
                    message[..4].copy_from_slice(&(tag * 10 + sender.rank()).to_ne_bytes());
                    sender.to(1).tag(tag).announce(message).expect("room")
                };
                let mut sendings: Vec<_> = (0..EACH / 2).map(announce).collect();
                sendings.iter_mut().for_each(|sending| sending.wait_within(GUARD).expect("a receiver"));
            });
        }
        for at in 0..EACH {
            let rank = at % 2 * 2;
            let tag = (at / 2 * 7 + rank) % (EACH / 2);
            let mail = b.from(rank).tag(tag).within(GUARD).recv();
            let mail = mail.unwrap_or_else(|error| panic!("{rank} {tag}: {error}"));
            let mut first = [0; 4];
            assert_eq!((mail.from(), mail.len(), mail.read_at(0, &mut first)), (rank, LEN, 4));
            assert_eq!(u32::from_ne_bytes(first), tag * 10 + rank);
            let mut rest = vec![0; LEN - 4];
            assert!(mail.read_at(4, &mut rest) == LEN - 4 && rest == message[4..]);
        }
    });
    assert!(b.from(0).tag(3).try_recv().err().is_some_and(|error| error.is_gone()));
}

#[test]
fn announced_messages_in_the_way_are_taken_in() {
    // Fewer than may be under way at once, and as many as there are cells.
    const COUNT: usize = 16;
    let (_scratch, [a, b]) = two(16);
    b.set_unread_budget(PLENTY);
    let mut sendings: Vec<_> = (0..COUNT)
        .map(|number| a.to(1).tag(1).within(Deadline::Now).announce(pattern(20_000, number)).expect("room"))
        .collect();
    assert!(a.to(1).tag(2).try_send(b"wanted first").is_err());
    wait_until("room is made", || {
        assert!(b.from(0).tag(2).try_recv().expect("a sender").is_none());
        sendings.iter_mut().for_each(|sending| assert!(sending.is_received().is_ok()));
        a.to(1).tag(2).try_send(b"wanted first").is_ok()
    });
    assert_eq!(now(b.from(0).tag(2)).to_vec(), b"wanted first");
    let mut received = 0;
    wait_until("all have come", || {
        sendings.iter_mut().for_each(|sending| assert!(sending.is_received().is_ok()));
        if let Some(mail) = b.from(0).try_recv().expect("a sender") {
            assert!(mail.to_vec() == pattern(20_000, received), "{received}");
            received += 1;
        }
        received == COUNT
    });
}

#[test]
fn an_announced_message_in_the_way_that_lacks_memory_is_told() {
    let (_scratch, [a, b]) = two(16);
    b.set_unread_budget(PLENTY);
    b.set_budget(1000);
    let sending = a.to(1).tag(1).announce(pattern(20_000, 1)).expect("room");
    (0..15).for_each(|number| send(&a, 3, number));
    for _ in 0..2 {
        assert_eq!(told(b.from(0).tag(2)), crowded(16));
    }
    assert_eq!(told(b.from_any().tag(2)), crowded(16));
    assert!(matches!(b.from(0).tag(1).try_recv().err(), Some(RecvError::Broken(_))));
    drop(sending);
    assert!(b.from(0).tag(2).try_recv().expect("it is given up").is_none());
    (0..15u64).for_each(|number| assert_eq!(now(b.from(0)).value(), Ok(number)));
}
