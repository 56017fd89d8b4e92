//! What a panic leaves behind: mail in hand comes again, marked, and what was done stays done.
#![cfg(not(loom))]

mod common;

use common::wire::geometry;
use common::{Child, GUARD, Scratch, command, pattern, reply, role};
use mailbox::{CallError, Config, Deadline, End, Endpoint, Mail, RecvError};
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

const ARENA: u64 = 4096;

fn two() -> (Scratch, [Endpoint; 2]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(ARENA));
    (scratch, [0, 1].map(|rank| region.join(rank).expect("free")))
}

/// Runs what ends in a panic.
fn panics(work: impl FnOnce()) {
    let quiet = || std::panic::resume_unwind(Box::new("on purpose"));
    let result = catch_unwind(AssertUnwindSafe(|| {
        work();
        quiet();
    }));
    assert!(result.is_err());
}

/// Panics with this mail in hand.
fn drop_in_panic(mail: Mail<'_>) {
    panics(move || {
        let _mail = mail;
        std::panic::resume_unwind(Box::new("on purpose"));
    });
}

/// Does this while a panic unwinds.
fn while_unwinding(work: impl FnMut()) {
    struct Finally<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Finally<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    panics(|| {
        let _finally = Finally(work);
        std::panic::resume_unwind(Box::new("on purpose"));
    });
}

#[test]
fn a_mail_in_hand_comes_again_and_can_be_acknowledged() {
    // In its cell, in the arena, and announced.
    for len in [5, 1000, 5000] {
        let (scratch, [a, b]) = two();
        let message = pattern(len, 1);
        thread::scope(|scope| {
            let sent = message.as_slice();
            let sender = scope.spawn(move || {
                a.to(1).within(GUARD).send(sent).expect("taken");
                a.send(1, b"next").expect("room");
                a
            });
            for attempt in 0..3 {
                let mail = b.from_any().within(GUARD).recv().expect("mail");
                assert_eq!((mail.to_vec(), mail.redelivered()), (message.clone(), attempt));
                drop_in_panic(mail);
            }
            drop(b.from_any().within(GUARD).recv().expect("mail"));
            let next = b.from_any().within(GUARD).recv().expect("mail");
            assert_eq!((next.to_vec(), next.redelivered()), (b"next".to_vec(), 0));
            drop(next);
            let _a = sender.join().expect("a thread");
            assert_eq!(scratch.open().inspect().mailboxes[0].unread, 0, "all is acknowledged");
        });
    }
}

#[test]
fn a_call_in_hand_comes_again_and_is_answered() {
    // On the line, and through the mailbox.
    for len in [5, 100] {
        let (_scratch, [a, b]) = two();
        let call = a.to(1).within(Deadline::Now).start_call(&pattern(len, 1)).expect("room");
        for attempt in 0..3 {
            let mail = b.recv().expect("a call");
            assert_eq!((mail.is_call(), mail.redelivered()), (true, attempt));
            drop_in_panic(mail);
        }
        assert!(matches!(call.try_wait(), Ok(None)), "nobody has dropped it");
        b.recv().expect("a call").reply(b"done").expect("room");
        assert_eq!(*call.wait_within(GUARD).expect("an answer"), *b"done");
        let next = a.to(1).within(Deadline::Now).start_call(&pattern(len, 2)).expect("room");
        let mail = b.recv().expect("a call");
        assert_eq!(mail.redelivered(), 0, "another one");
        drop(mail);
        assert_eq!(next.wait_within(GUARD).err(), Some(CallError::Unanswered { rank: 1, end: End::Dropped }));
    }
}

#[test]
fn a_call_that_is_answered_while_a_panic_unwinds_does_not_come_again() {
    for len in [5, 100] {
        for answer in [5, 100] {
            let (_scratch, [a, b]) = two();
            let call = a.to(1).within(Deadline::Now).start_call(&pattern(len, 1)).expect("room");
            while_unwinding(|| {
                b.try_recv().unwrap().expect("a call").reply(&pattern(answer, 2)).expect("room")
            });
            assert_eq!(*call.wait_within(GUARD).expect("an answer"), pattern(answer, 2));
            assert!(b.try_recv().is_ok_and(|mail| mail.is_none()), "{len} {answer}");
        }
    }
}

#[test]
fn a_mail_whose_bytes_are_taken_while_a_panic_unwinds_does_not_come_again() {
    for len in [5, 1000] {
        let (_scratch, [a, b]) = two();
        a.send(1, &pattern(len, 1)).expect("room");
        while_unwinding(|| assert_eq!(b.try_recv().unwrap().expect("mail").into_vec(), pattern(len, 1)));
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()), "{len}");
    }
}

#[test]
fn a_batch_settles_what_was_done_and_leaves_the_rest() {
    let (scratch, [a, b]) = two();
    (0..5u8).for_each(|number| a.send(1, &[number]).expect("room"));
    panics(|| {
        let _batch = b.batch();
        drop(b.recv().expect("mail"));
        drop(b.recv().expect("mail"));
        b.send(0, b"done with two").expect("room");
        let _in_hand = b.recv().expect("mail");
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert_eq!(scratch.open().inspect().mailboxes.iter().map(|mailbox| mailbox.unread).sum::<u64>(), 4);
    assert_eq!(a.try_recv().unwrap().expect("mail").to_vec(), b"done with two");
    for number in 2..5 {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![number], u32::from(number == 2)));
    }
}

#[test]
fn mails_in_hand_are_given_again_in_order() {
    let (_scratch, [a, b]) = two();
    (0..4u8).for_each(|number| a.send(1, &[number]).expect("room"));
    panics(|| {
        let _in_hand = [b.recv().expect("mail"), b.recv().expect("mail"), b.recv().expect("mail")];
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    for number in 0..4 {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![number], u32::from(number < 3)));
    }
}

/// Receives all there is as it is dropped.
struct Drains<'a>(&'a Endpoint, Vec<Vec<u8>>);

impl Drop for Drains<'_> {
    fn drop(&mut self) {
        while let Ok(Some(mail)) = self.0.try_recv() {
            self.1.push(mail.to_vec());
        }
        assert!(self.1.len() <= 2 * 3, "{:?}", self.1);
    }
}

#[test]
fn a_destructor_that_receives_until_nothing_is_left_comes_to_an_end() {
    for len in [5, 100] {
        let (_scratch, [a, b]) = two();
        a.send(1, &pattern(len, 0)).expect("room");
        a.send(1, &pattern(len, 1)).expect("room");
        let call = a.to(1).within(Deadline::Now).start_call(b"a question").expect("room");
        panics(|| {
            let _drains = Drains(&b, Vec::new());
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(call.wait_within(GUARD).err(), Some(CallError::Unanswered { rank: 1, end: End::Dropped }));
    }
}

#[test]
fn the_successor_of_who_panicked_has_the_mail_in_hand_marked() {
    let (_scratch, [a, b]) = two();
    let region = a.region().clone();
    a.send(1, b"in hand").expect("room");
    a.send(1, b"not yet received").expect("room");
    let died = thread::spawn(move || {
        let endpoint = b;
        let _mail = endpoint.recv().expect("mail");
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(died.join().is_err());
    assert_eq!(a.from(1).recv().err(), Some(RecvError::Gone { rank: 1, died: true }));
    let b = region.join(1).expect("free");
    let mail = b.recv().expect("mail");
    assert_eq!((mail.to_vec(), mail.redelivered()), (b"in hand".to_vec(), 1));
    drop(mail);
    assert_eq!(b.recv().expect("mail").to_vec(), b"not yet received");
}

// --- SeqSet across lives ------------------------------------------------------------------------------------

#[test]
fn who_leaves_cleanly_has_its_successor_marked_what_it_had_and_no_more() {
    let (_scratch, [a, b]) = two();
    let region = a.region().clone();
    (0..100u8).for_each(|number| a.send(1, &[number]).expect("room"));
    std::mem::forget(b.recv().expect("mail"));
    drop(b.recv().expect("mail"));
    b.recv().expect("mail").requeue();
    drop(b);
    let b = region.join(1).expect("free");
    for number in 0..100 {
        let mail = b.recv().expect("mail");
        // The second one, which was acknowledged behind one that was not, comes again, too.
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![number], u32::from(number < 3)));
    }
    a.send(1, b"new").expect("room");
    assert_eq!(b.recv().expect("mail").redelivered(), 0);
}

#[test]
fn who_is_killed_has_its_successor_marked_what_it_may_have_had() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(ARENA));
    let a = region.join(0).expect("free");
    (0..200u8).for_each(|number| a.send(1, &[number]).expect("room"));
    let mut child = Child::start("takes", &scratch);
    assert_eq!(child.does("hold 10"), "10");
    child.kill();
    let b = region.join(1).expect("free");
    let marks: Vec<bool> = (0..200u8)
        .map(|number| {
            let mail = b.recv().expect("mail");
            assert_eq!(mail.to_vec(), [number]);
            mail.redelivered() > 0
        })
        .collect();
    let marked = marks.iter().take_while(|mark| **mark).count();
    assert!((10..=42).contains(&marked), "{marked}");
    assert!(marks[marked..].iter().all(|mark| !mark), "one stretch");
}

#[test]
fn who_is_killed_in_a_batch_has_its_successor_marked_what_it_had() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(ARENA).cells(16));
    let a = region.join(0).expect("free");
    (0..6u8).for_each(|number| a.send(1, &[number]).expect("room"));
    let mut child = Child::start("takes", &scratch);
    assert_eq!(child.does("batch"), "in it");
    child.kill();
    let b = region.join(1).expect("free");
    // What it acknowledged was not told to anybody. One it had left, and had again.
    for number in 0..5 {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![number], if number == 3 { 2 } else { 1 }));
    }
}

#[test]
fn what_was_sent_after_a_successor_had_looked_is_not_marked() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(ARENA));
    let a = region.join(0).expect("free");
    a.send(1, b"before").expect("room");
    let mut child = Child::start("takes", &scratch);
    assert_eq!(child.does("hold 1"), "1");
    child.kill();
    let b = region.join(1).expect("free");
    assert_eq!(b.recv().expect("mail").redelivered(), 1);
    (0..100u8).for_each(|number| a.send(1, &[number]).expect("room"));
    for number in 0..100 {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![number], 0));
    }
}

#[test]
fn what_was_never_received_is_not_marked_for_a_first_life() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(ARENA));
    let a = region.join(0).expect("free");
    (0..100u8).for_each(|number| a.send(1, &[number]).expect("room"));
    let b = region.join(1).expect("free");
    assert!((0..100).all(|_| b.recv().expect("mail").redelivered() == 0));
}

#[test]
fn a_message_that_kills_each_receiver_is_counted() {
    // In its cell, and in the arena; behind mail that was acknowledged, and behind mail that is held.
    for (len, acknowledged, held) in [(5, 0, 0), (1000, 3, 0), (5, 3, 2)] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).arena(1 << 16));
        let a = region.join(0).expect("free");
        (0..acknowledged + held).for_each(|_| a.send(1, b"harmless").expect("room"));
        let poison = pattern(len, 1);
        a.send(1, &poison).expect("room");
        a.send(1, b"behind it").expect("room");
        for life in 0..3 {
            let mut child = Child::start("takes", &scratch);
            if life == 0 {
                assert_eq!(child.does(&format!("acknowledge {acknowledged}")), "done");
            }
            // Of those that it does not end with no more is known than that they came before.
            let mut counts = vec![life.min(1); held];
            counts.push(life);
            assert_eq!(child.does(&format!("counts {}", held + 1)), format!("{counts:?}"));
            child.kill();
        }
        let b = region.join(1).expect("free");
        let _held: Vec<_> = (0..held).map(|_| b.recv().expect("mail")).collect();
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (poison, 3));
        drop(mail);
        assert!(b.recv().expect("mail").redelivered() <= 1, "nobody had it");
    }
}

#[test]
fn what_is_left_is_counted_here_and_by_a_successor() {
    let (_scratch, [a, b]) = two();
    let region = a.region().clone();
    (0..100u8).for_each(|number| a.send(1, &[number]).expect("room"));
    for count in 0..5 {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![0], count));
        mail.requeue();
    }
    drop(b);
    let b = region.join(1).expect("free");
    let mail = b.recv().expect("mail");
    assert_eq!((mail.to_vec(), mail.redelivered()), (vec![0], 5));
    // Of more than so many no more is known than that they came before.
    let mut held: Vec<_> = (1..100).map(|_| b.recv().expect("mail")).collect();
    for count in 0..3 {
        assert!(held.iter().skip(60).all(|mail| (count.min(1)..=count).contains(&mail.redelivered())));
        assert!(held.iter().take(60).all(|mail| mail.redelivered() == count));
        held.drain(..).for_each(Mail::requeue);
        held = (1..100).map(|_| b.recv().expect("mail")).collect();
    }
    drop((mail, held));
    a.send(1, b"new").expect("room");
    assert_eq!(b.recv().expect("mail").redelivered(), 0);
}

#[test]
fn a_senseless_mark_means_nothing() {
    use mailbox::lab::abi::ConsumerLine;
    for garbage in [u64::MAX, 1 << 63, 1 << 40, 5000] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).arena(ARENA));
        let a = region.join(0).expect("free");
        (0..10u8).for_each(|number| a.send(1, &[number]).expect("room"));
        let geometry = geometry(&scratch);
        for word in [offset_of!(ConsumerLine, handed), offset_of!(ConsumerLine, redelivered)] {
            scratch.patch(geometry.mailbox(0, 1) + word as u64, &garbage.to_ne_bytes());
        }
        let b = region.join(1).expect("free");
        for number in 0..10 {
            let mail = b.recv().expect("mail");
            assert_eq!((mail.to_vec(), mail.redelivered()), (vec![number], 0), "{garbage:#x}");
        }
    }
}

#[test]
fn a_senseless_count_is_wrong_and_no_more() {
    use mailbox::lab::abi::ConsumerLine;
    for garbage in [u64::MAX, u64::MAX << 40, 1 << 40, (1 << 40) - 1] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).arena(ARENA));
        let a = region.join(0).expect("free");
        (0..10u8).for_each(|number| a.send(1, &[number]).expect("room"));
        let mut child = Child::start("takes", &scratch);
        assert_eq!(child.does("hold 1"), "1");
        child.kill();
        let geometry = geometry(&scratch);
        let word = geometry.mailbox(0, 1) + offset_of!(ConsumerLine, redelivered) as u64;
        scratch.patch(word, &garbage.to_ne_bytes());
        let b = region.join(1).expect("free");
        for number in 0..10 {
            let mail = b.recv().expect("mail");
            assert_eq!(mail.to_vec(), [number], "{garbage:#x}");
            assert!(number > 0 || mail.redelivered() > 0);
        }
    }
}

#[test]
fn second_process() {
    let Some((role, region)) = role() else { return };
    assert_eq!(role, "takes");
    let region = mailbox::Region::open(common::place(&region)).expect("a region");
    let me = region.join(1).expect("free");
    let mut held = Vec::new();
    while let Some(command) = command() {
        if command == "batch" {
            std::mem::forget(me.batch());
            (0..3).for_each(|_| drop(me.recv().expect("mail")));
            me.recv().expect("mail").requeue();
            held.extend((0..2).map(|_| me.recv().expect("mail")));
            reply("in it");
            continue;
        }
        if let Some(count) = command.strip_prefix("acknowledge ") {
            (0..count.parse().expect("a number")).for_each(|_| drop(me.recv().expect("mail")));
            reply("done");
            continue;
        }
        if let Some(count) = command.strip_prefix("counts ") {
            let first = held.len();
            held.extend((0..count.parse().expect("a number")).map(|_| me.recv().expect("mail")));
            let counts: Vec<_> = held[first..].iter().map(|mail| mail.redelivered()).collect();
            reply(&format!("{counts:?}"));
            continue;
        }
        let count: usize = command.strip_prefix("hold ").and_then(|n| n.parse().ok()).expect("hold N");
        held.extend((0..count).map(|_| me.recv().expect("mail")));
        reply(&held.len().to_string());
    }
}
