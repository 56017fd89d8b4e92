//! Several messages sent by one call: as by single sends in a batch.
#![cfg(not(loom))]

mod common;

use common::numbers::{bytes, endpoints, given, panics, send, stop, unread};
use common::{GUARD, SHORT, pattern};
use mailbox::lab::abi::MAIL;
use mailbox::{Broken, Deadline, Lost, SendEachError, SendError, Wait};
use std::cell::{Cell, RefCell};
use std::thread;

#[test]
fn messages_are_held_back_up_to_a_quarter() {
    let (_scratch, [a, b]) = endpoints(64);
    let watched = bytes(0..50).enumerate().inspect(|(at, _)| {
        let seen = a.region().inspect().mailboxes.first().map_or(0, |mailbox| mailbox.unread);
        assert_eq!(seen, *at as u64 / 16 * 16);
    });
    assert_eq!(a.to(1).send_each(watched.map(|(_, message)| message)), Ok(50));
    assert_eq!(given(&b), Vec::from_iter(0..50));
    // Longer ones, by their bytes.
    let watched = (0..5).map(|seed| pattern(1000, seed)).enumerate().inspect(|(at, _)| {
        assert_eq!(a.region().inspect().mailboxes[0].unread, *at as u64 / 2 * 2);
    });
    assert_eq!(a.to(1).send_each(watched.map(|(_, message)| message)), Ok(5));
    b.drain().for_each(|_| {}).expect("sound");
    // The bytes of earlier ones do not count.
    let watched = [8, 1000, 1000, 1000].map(|len| pattern(len, 0)).into_iter().enumerate();
    let watched = watched.inspect(|(at, _)| {
        assert_eq!(a.region().inspect().mailboxes[0].unread, *at as u64 / 3 * 3);
    });
    assert_eq!(a.to(1).send_each(watched.map(|(_, message)| message)), Ok(4));
    b.drain().for_each(|_| {}).expect("sound");
    // In a batch they are a part of it.
    let batch = a.batch();
    send(&a, 1, 0..5);
    assert!(b.try_recv().expect("sound").is_none());
    drop(batch);
    assert_eq!(given(&b), Vec::from_iter(0..5));
    send(&a, 1, [7]);
    assert_eq!(given(&b), [7], "and no batch is left");
}

#[test]
fn who_sleeps_is_rung_for_each_quarter_and_at_the_end() {
    for (cells, quarter) in [(2, 1), (4, 1), (64, 16)] {
        let (scratch, [a, b]) = endpoints(cells);
        // At the end: a whole quarter, a part of one.
        for count in [quarter, quarter / 2 + 1, u64::from(cells), u64::from(cells) - 1] {
            scratch.seem_asleep(1, MAIL);
            let watched = bytes(0..count).enumerate().inspect(|(at, _)| {
                let is_due = *at > 0 && (*at as u64).is_multiple_of(quarter);
                assert_eq!(scratch.receiver_sleeps(1), !is_due, "{cells} {count} {at}");
                scratch.seem_asleep(1, MAIL);
            });
            assert_eq!(a.to(1).send_each(watched.map(|(_, message)| message)), Ok(count as usize));
            assert!(!scratch.receiver_sleeps(1), "{cells} {count}");
            assert_eq!(given(&b), Vec::from_iter(0..count));
        }
    }
}

#[test]
fn who_stops_it_says_how_many_were_sent() {
    for cells in [2, 4, 64] {
        let (_scratch, [a, b]) = endpoints(cells);
        let sent = u64::from(cells) as usize;
        for (deadline, error) in [(Deadline::Now, SendError::Full(1)), (SHORT.into(), SendError::Timeout(1))]
        {
            let stopped = a.to(1).within(deadline).send_each(bytes(0..100));
            assert_eq!(stopped, Err(SendEachError { sent, error }));
            assert_eq!(given(&b), Vec::from_iter(0..u64::from(cells)));
        }
        send(&a, 1, 0..u64::from(cells));
        drop(b);
        let stopped = a.to(1).within(GUARD).send_each(bytes(0..100));
        assert_eq!(stopped, Err(SendEachError { sent: 0, error: SendError::Gone { rank: 1, died: false } }));
    }
    let (_scratch, [a, b]) = endpoints(64);
    let large = a.region().max_message() as usize + 1;
    let stopped = a.to(1).send_each([vec![1; 8], vec![2; 100], vec![3; large], vec![4]]);
    assert!(matches!(stopped, Err(SendEachError { sent: 2, error: SendError::TooLarge { .. } })));
    let mut lens = vec![];
    b.drain().for_each(|message| lens.push(message.len())).expect("sound");
    assert_eq!(lens, [8, 100], "what was sent stays sent");
    for to in [2, u32::MAX] {
        let none = SendError::Broken(Broken::NoSuchRank { rank: to, ranks: 2 });
        assert_eq!(a.to(to).send_each([[0; 8]; 0]), Err(SendEachError { sent: 0, error: none }));
    }
    assert_eq!(a.to(1).send_each([[0; 8]; 0]), Ok(0));
    assert!(b.try_recv().expect("sound").is_none());
}

#[test]
fn messages_of_any_length_come_in_order_while_their_receiver_takes_them() {
    for cells in [2, 16, 64] {
        let (_scratch, [a, b]) = endpoints(cells);
        a.set_wait(Wait::Block);
        b.set_wait(Wait::Block);
        let len = |seed: usize| [8, 8, 8, 0, 48, 49, 8, 500, 8, 8, 3, 20_000][seed % 12];
        thread::scope(|scope| {
            scope.spawn(move || {
                let sent = a.to(1).within(GUARD).send_each((0..600).map(|seed| pattern(len(seed), seed)));
                assert_eq!(sent, Ok(600));
                // An end is told, too.
                assert_eq!(a.from(1).within(GUARD).recv().expect("mail").len(), 0);
            });
            let mut seed = 0;
            while seed < 600 {
                let mail = b.from(0).within(GUARD).recv().expect("mail");
                assert!(mail.to_vec() == pattern(len(seed), seed), "{seed}");
                drop(mail);
                seed += 1;
                b.from(0)
                    .drain()
                    .for_each(|message| {
                        assert!(message.to_vec() == pattern(len(seed), seed), "{seed}");
                        seed += 1;
                    })
                    .expect("sound");
            }
            b.send(0, b"").expect("room");
        });
    }
}

#[test]
fn a_panic_of_the_messages_publishes_those_before_it() {
    let (_scratch, [a, b]) = endpoints(256);
    for count in [0, 1, 2, 40, 70] {
        let messages = bytes(0..).enumerate().inspect(|(at, _)| {
            if *at == count {
                stop();
            }
        });
        panics(|| _ = a.to(1).send_each(messages.map(|(_, message)| message)));
        assert_eq!(given(&b), Vec::from_iter(0..count as u64));
        send(&a, 1, [1]);
        assert_eq!(given(&b), [1], "no batch is left open");
    }
}

#[test]
fn messages_that_send_themselves_come_after_what_they_sent() {
    let (_scratch, [a, b, c]) = endpoints(64);
    let (sent, seen) = (RefCell::new(vec![]), RefCell::new(vec![]));
    let notes = |numbers: &[u64]| sent.borrow_mut().extend_from_slice(numbers);
    let messages = (0..200u64).map(|at| {
        let first = at * 10;
        match at % 5 {
            // To the same rank, alone and several; to another; what publishes all; in a batch.
            0 => {
                a.send(1, &(first + 1).to_ne_bytes()).expect("room");
                notes(&[first + 1]);
            }
            1 => {
                assert_eq!(a.to(1).send_each(bytes([first + 1, first + 2])), Ok(2));
                notes(&[first + 1, first + 2]);
            }
            2 => a.send(2, &first.to_ne_bytes()).expect("room"),
            3 => assert!(a.try_recv().expect("sound").is_none()),
            _ => {
                let _batch = a.batch();
                a.send(1, &(first + 1).to_ne_bytes()).expect("room");
                notes(&[first + 1]);
            }
        }
        if at % 7 == 6 {
            // Nothing is held back any more.
            assert!(a.try_recv().expect("sound").is_none());
            seen.borrow_mut().extend(given(&b));
            assert_eq!(*seen.borrow(), *sent.borrow());
        }
        notes(&[first]);
        first.to_ne_bytes()
    });
    assert_eq!(a.to(1).send_each(messages), Ok(200));
    seen.borrow_mut().extend(given(&b));
    assert_eq!(seen, sent);
    assert_eq!(given(&c), Vec::from_iter((0..40).map(|round| 20 + 50 * round)));
}

#[test]
fn each_is_acknowledged_before_the_next_if_that_is_asked_for() {
    let (scratch, [a, b]) = endpoints(64);
    thread::scope(|scope| {
        scope.spawn(|| {
            let b = b;
            for number in 0..20u64 {
                assert_eq!(b.recv().expect("mail").value(), Ok(number));
            }
            assert_eq!(b.recv().expect("mail").len(), 0);
        });
        let checked = bytes(0..20).inspect(|_| {
            assert!(a.region().inspect().mailboxes.first().is_none_or(|mailbox| mailbox.unread == 0));
        });
        assert_eq!(a.to(1).within(GUARD).sync().send_each(checked), Ok(20));
        a.send(1, b"").expect("room");
    });
    drop(scratch);
}

#[test]
fn what_was_started_before_comes_first() {
    let (_scratch, [a, b]) = endpoints(4);
    send(&a, 1, 0..4);
    let started = a.to(1).start(4u64.to_ne_bytes());
    let stopped = a.to(1).within(Deadline::Now).send_each(bytes(5..9));
    assert_eq!(stopped, Err(SendEachError { sent: 0, error: SendError::Full(1) }));
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            (0..9u64).for_each(|number| assert_eq!(b.recv().expect("mail").value(), Ok(number)));
        });
        // One more is started by the messages themselves.
        let later = Cell::new(None);
        let messages = bytes([5, 6, 8]).inspect(|message| {
            if *message == 8u64.to_ne_bytes() {
                later.set(Some(a.to(1).start(7u64.to_ne_bytes())));
            }
        });
        assert_eq!(a.to(1).within(GUARD).send_each(messages), Ok(3));
        later.take().expect("it was started").wait().expect("sent");
        started.wait().expect("sent");
        receiver.join().expect("a thread");
    });
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_sends_nothing() {
    let (scratch, [a, _b]) = endpoints(64);
    send(&a, 1, 0..4);
    let child = common::fork();
    if child == 0 {
        let lost = SendEachError { sent: 0, error: SendError::Broken(Broken::Lost(Lost::Forked)) };
        let is_told = a.to(1).send_each([[7; 8]]) == Err(lost);
        common::exit_with(i32::from(!is_told));
    }
    assert_eq!(libc::WEXITSTATUS(common::status_of(child)), 0);
    assert_eq!(unread(&scratch), 4);
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn messages_that_fork_are_sent_by_the_parent_only() {
    // The first one, which begins to hold back; later ones; the first after a quarter.
    for (at, len) in [0, 1, 5, 16, 17].into_iter().flat_map(|at| [(at, 8), (at, 5), (at, 48)]) {
        let (scratch, [a, b]) = endpoints(64);
        send(&a, 1, 0..4);
        assert_eq!(given(&b), [0, 1, 2, 3]);
        let child = Cell::new(0);
        let messages = (0..20).map(|seed| {
            if seed == at {
                child.set(common::fork());
                // The parent waits until the child has ended.
                if child.get() > 0 {
                    assert_eq!(libc::WEXITSTATUS(common::status_of(child.get())), 0, "{at} {len}");
                }
            }
            pattern(len, seed + usize::from(seed >= at && child.get() == 0))
        });
        let outcome = a.to(1).send_each(messages);
        if child.get() == 0 {
            let lost = SendEachError { sent: at, error: SendError::Broken(Broken::Lost(Lost::Forked)) };
            common::exit_with(i32::from(outcome != Err(lost)));
        }
        assert_eq!((outcome, unread(&scratch)), (Ok(20), 20));
        let mut all = vec![];
        b.drain().for_each(|message| all.push(message.to_vec())).expect("sound");
        assert!(all == Vec::from_iter((0..20).map(|seed| pattern(len, seed))), "{at} {len}");
    }
}

#[test]
fn it_stops_where_its_receiver_begins_anew() {
    for cells in [2, 4, 64] {
        let (_scratch, [a, mut b]) = endpoints(cells);
        send(&a, 1, [0]);
        let messages = bytes(0..100).enumerate().inspect(|(at, _)| {
            if *at == 1 {
                b.reset(0).expect("a rank");
            }
        });
        let stopped = a.to(1).within(Deadline::Now).send_each(messages.map(|(_, message)| message));
        let lost = SendError::Broken(Broken::Reset(1));
        assert!(matches!(&stopped, Err(SendEachError { error, .. }) if *error == lost), "{stopped:?}");
        assert_eq!(given(&b), [], "what is lost is told before anything is sent: {cells}");
        send(&a, 1, [7]);
        assert_eq!(given(&b), [7]);
    }
}
