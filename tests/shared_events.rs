//! Mail, and who comes and goes, as several threads of one rank are told.
#![cfg(not(loom))]

mod common;

use common::crew::{HOWS, shared};
use common::{GUARD, SHORT, die, wait_until};
use mailbox::lab::abi::{Control, Header};
use mailbox::{Broken, Deadline, Event, Lost, OwnedMail, RecvError, Region, Shared, Status, Wait};
use std::mem::offset_of;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const CHANGES: u64 = (offset_of!(Header, control) + offset_of!(Control, changes)) as u64;

/// An event, to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Mail(u32, u64, u64),
    Joined(u32, u64),
    Left(u32, u64),
    Died(u32, u64),
    Alone,
}

use Told::{Alone, Died, Joined, Left};

fn told(event: Result<Event<OwnedMail>, RecvError>) -> Option<Told> {
    Some(match event {
        Ok(Event::Mail(mail)) => Told::Mail(mail.from(), mail.epoch(), mail.value().expect("a number")),
        Ok(Event::Joined { rank, epoch }) => Joined(rank, epoch),
        Ok(Event::Left { rank, epoch }) => Left(rank, epoch),
        Ok(Event::Died { rank, epoch }) => Died(rank, epoch),
        Ok(Event::Alone) => Alone,
        Err(RecvError::Timeout) => return None,
        other => panic!("{other:?}"),
    })
}

fn next(me: &Shared) -> Told {
    told(me.next_event_within(GUARD)).expect("an event")
}

fn expect_nothing(me: &Shared) {
    (0..3).for_each(|_| assert_eq!(told(me.next_event_within(Deadline::Now)), None));
    assert_eq!(told(me.next_event_within(SHORT)), None);
}

fn free(region: &Region, rank: u32) -> mailbox::Endpoint {
    region.join(rank).expect("a free rank")
}

#[test]
fn each_event_is_told_once_to_one_of_the_threads() {
    const LIVES: std::ops::Range<u64> = 2..14;
    for how in HOWS {
        let (_scratch, me, others) = shared::<3>(16, how);
        let region = me.region().clone();
        drop(others);
        while next(&me) != Alone {}
        let (all, is_over) = (Mutex::new(vec![]), AtomicBool::new(false));
        let is_told = |event: &Told| all.lock().unwrap().contains(event);
        thread::scope(|scope| {
            let listeners = [(); 4].map(|()| {
                scope.spawn(|| {
                    while !is_over.load(Relaxed) {
                        let event = told(me.next_event_within(SHORT));
                        all.lock().unwrap().extend(event);
                    }
                })
            });
            let others = [1, 2, 3].map(|rank| {
                let (region, is_told) = (&region, &is_told);
                scope.spawn(move || {
                    for epoch in LIVES {
                        let other = free(region, rank);
                        // Lives that come and go between two looks are one.
                        wait_until("it is there", || is_told(&Joined(rank, epoch)));
                        (0..40).for_each(|number| {
                            other.to(0).within(GUARD).send_value(&(number as u64)).expect("room");
                        });
                        let end = if epoch % 2 == 0 { Died(rank, epoch) } else { Left(rank, epoch) };
                        if epoch % 2 == 0 {
                            die(other)
                        } else {
                            drop(other)
                        }
                        wait_until("it is gone", || is_told(&end));
                    }
                })
            });
            others.into_iter().for_each(|other| other.join().expect("a thread"));
            wait_until("nobody is left", || is_told(&Alone));
            is_over.store(true, Relaxed);
            listeners.into_iter().for_each(|listener| listener.join().expect("a thread"));
        });
        let mut all = all.into_inner().unwrap();
        all.retain(|event| *event != Alone);
        all.sort();
        let mut expected = vec![];
        for (rank, epoch) in (1..4).flat_map(|rank| LIVES.map(move |epoch| (rank, epoch))) {
            expected.extend([
                Joined(rank, epoch),
                if epoch % 2 == 0 { Died(rank, epoch) } else { Left(rank, epoch) },
            ]);
            expected.extend((0..40).map(|number| Told::Mail(rank, epoch, number)));
        }
        expected.sort();
        assert!(all == expected, "{how:?}: {all:?}");
    }
}

#[test]
fn mail_comes_after_the_joining_of_its_sender() {
    for how in HOWS {
        let (_scratch, me, [mut other]) = shared(16, how);
        for epoch in [1u64, 3, 5] {
            other.to(0).send_value(&epoch).expect("room");
            assert_eq!([next(&me), next(&me)], [Joined(1, epoch), Told::Mail(1, epoch, epoch)], "{how:?}");
            drop(other);
            // A thread that is told of the end by a successor's mail is told of the joining, too.
            other = free(me.region(), 1);
            other.to(0).send_value(&0u64).expect("room");
            assert_eq!([next(&me), next(&me)], [Left(1, epoch), Joined(1, epoch + 1)], "{how:?}");
            assert_eq!(next(&me), Told::Mail(1, epoch + 1, 0));
            drop(other);
            assert_eq!([next(&me), next(&me)], [Left(1, epoch + 1), Alone]);
            other = free(me.region(), 1);
        }
    }
}

#[test]
fn what_a_receive_has_told_is_not_told_again() {
    for how in HOWS {
        let (_scratch, me, [leaving, dying]) = shared(16, how);
        let mut joined = [next(&me), next(&me)];
        joined.sort();
        assert_eq!(joined, [Joined(1, 1), Joined(2, 1)]);
        drop(leaving);
        assert_eq!(me.recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
        expect_nothing(&me);
        die(dying);
        assert_eq!(next(&me), Died(2, 1));
        assert_eq!(me.try_recv().map(drop), Ok(()));
        assert_eq!(next(&me), Alone);
        expect_nothing(&me);
    }
}

#[test]
fn a_thread_that_sleeps_for_events_is_told_that_nobody_is_left_though_another_was_told_of_the_end() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        assert_eq!(next(&me), Joined(1, 1));
        thread::scope(|scope| {
            let threads = [(); 2].map(|()| scope.spawn(|| me.recv().map(drop)));
            let listener = scope.spawn(|| {
                let first = next(&me);
                if first == Alone { Alone } else { next(&me) }
            });
            drop(other);
            assert_eq!(listener.join().unwrap(), Alone, "{how:?}");
            // One of these may have been told instead of it.
            (0..2).for_each(|_| me.send(0, b"enough").expect("room"));
            let ends = threads.map(|thread| thread.join().unwrap());
            assert!(ends.iter().filter(|end| end.is_err()).count() <= 1, "{ends:?}");
            ends.iter().filter(|end| end.is_err()).for_each(|_| drop(me.recv().expect("mail")));
        });
    }
}

#[test]
fn a_thread_that_follows_hears_who_comes_and_who_dies() {
    for how in HOWS {
        let (scratch, me, [silent, full]) = shared(4, how);
        while me.try_send(2, b"fills it").is_ok() {}
        assert!([next(&me), next(&me)].iter().all(|event| matches!(event, Joined(..))));
        thread::scope(|scope| {
            // This one leads.
            let leader = scope.spawn(|| me.to(2).within(GUARD).send(b"at last"));
            if how == Wait::Block {
                scratch.wait_until_sender_sleeps(0);
            }
            let listener = scope.spawn(|| [next(&me), next(&me), next(&me)]);
            die(silent);
            // It is told within a nap.
            wait_until("the rank is free", || {
                full.region().status(1).is_some_and(|(status, _)| status == Status::Dead)
            });
            thread::sleep(SHORT);
            let again = free(full.region(), 1);
            again.to(0).send_value(&7u64).expect("room");
            assert_eq!(listener.join().unwrap(), [Died(1, 1), Joined(1, 2), Told::Mail(1, 2, 7)], "{how:?}");
            let last = std::iter::repeat_with(|| full.from(0).within(GUARD).recv().expect("mail").to_vec());
            assert!(last.take(100).any(|bytes| bytes == b"at last"));
            assert_eq!(leader.join().unwrap(), Ok(()));
        });
    }
}

/// Of a thread that waits for a moment, alone and beside one that waits for something else.
#[test]
fn a_short_wait_tells_a_death_that_nobody_has_found_and_a_joining_that_was_not_counted() {
    for how in HOWS {
        for time in [Duration::ZERO, Duration::from_millis(1)] {
            let (scratch, me, [other, silent]) = shared(16, how);
            drop(other);
            // What has ended before this one looked for the first time is no news.
            while told(me.next_event_within(SHORT)).is_some() {}
            let moment = || told(me.next_event_within(time));
            let mut come_and_go = |epoch| {
                let before = scratch.peek::<8>(CHANGES);
                let other = free(me.region(), 1);
                scratch.patch(CHANGES, &before);
                assert_eq!(moment(), Some(Joined(1, epoch)), "{how:?} {time:?}");
                die(other);
                assert_eq!(moment(), Some(Died(1, epoch)), "{how:?} {time:?}");
                assert_eq!(moment(), None);
            };
            (2..6).for_each(&mut come_and_go);
            thread::scope(|scope| {
                let waiting = scope.spawn(|| me.from(2).within(GUARD).recv().map(drop));
                thread::sleep(SHORT);
                (6..10).for_each(&mut come_and_go);
                silent.send(0, b"enough").expect("room");
                assert_eq!(waiting.join().unwrap(), Ok(()));
            });
        }
    }
}

#[test]
fn a_thread_that_holds_what_keeps_a_sender_waiting_is_told() {
    let (_scratch, me, [sender]) = shared(4, Wait::Block);
    assert_eq!(next(&me), Joined(1, 1));
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..10u64).for_each(|number| sender.to(0).within(GUARD).send_value(&number).expect("room"));
        });
        let Ok(Event::Mail(held)) = me.next_event_within(GUARD) else { panic!("mail was sent") };
        let error = loop {
            match me.next_event_within(GUARD) {
                Ok(Event::Mail(mail)) => mail.ack(),
                other => break other.map(drop),
            }
        };
        assert_eq!(error, Err(RecvError::Held(1)));
        drop(held);
        while next(&me) != Left(1, 1) {}
    });
}

// --- Until nobody is left ----------------------------------------------------------------------------------

#[test]
fn the_loops_of_all_threads_end_when_nobody_is_left() {
    const EACH: u64 = 200;
    for how in HOWS {
        let (_scratch, me, others) = shared::<3>(16, how);
        let (mails, sum) = (me.until_alone().within(GUARD), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..5 {
                let (mails, sum) = (mails.clone(), &sum);
                scope.spawn(move || {
                    for mail in mails {
                        sum.fetch_add(mail.expect("mail").value::<u64>().expect("a number"), Relaxed);
                    }
                });
            }
            for (at, other) in others.into_iter().enumerate() {
                scope.spawn(move || {
                    (0..EACH).for_each(|number| other.to(0).within(GUARD).send_value(&number).expect("room"));
                    if at == 1 { die(other) } else { drop(other) }
                });
            }
        });
        assert_eq!(sum.into_inner(), 3 * EACH * (EACH - 1) / 2, "{how:?}");
        // One that comes late ends, too; one that is made later waits.
        assert!(mails.clone().next().is_none());
        let mut later = me.until_alone().within(SHORT);
        assert_eq!(later.next().map(|item| item.map(drop)), Some(Err(RecvError::Timeout)));
        assert!(later.next().is_none());
    }
}

#[test]
fn a_loop_ends_though_a_thread_that_waits_for_events_was_told() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        assert_eq!(next(&me), Joined(1, 1));
        let mut mails = me.until_alone().within(GUARD);
        drop(other);
        assert_eq!([next(&me), next(&me)], [Left(1, 1), Alone]);
        assert!(mails.next().is_none(), "{how:?}");
    }
}

#[test]
fn a_loop_is_interrupted_and_ends_if_the_region_is_removed() {
    let (scratch, me, [_other]) = shared(16, Wait::Block);
    let mut mails = me.until_alone().within(GUARD);
    me.interrupter().interrupt();
    assert_eq!(mails.next().map(|item| item.map(drop)), Some(Err(RecvError::Interrupted)));
    assert!(me.send(0, b"mine").is_ok() && mails.next().is_some_and(|item| item.is_ok()));
    std::fs::remove_file(scratch.path()).expect("a region");
    let removed = RecvError::Broken(Broken::Lost(Lost::Removed));
    assert_eq!(mails.next().map(|item| item.map(drop)), Some(Err(removed)));
    assert!(mails.next().is_none());
}
