//! What several threads receive through one endpoint: copied, looked at first, in loops.
#![cfg(not(loom))]

mod common;

use common::crew::{HOWS, join, shared};
use common::{GUARD, SHORT, Scratch, die, pattern};
use mailbox::{
    Broken, CallError, Config, Deadline, OwnedMail, RecvError, ReplyError, SendError, SizeError, Source, Wait,
};
use std::io::Read;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

// --- Copied ------------------------------------------------------------------------------------------------

#[test]
fn values_and_slices_arrive_from_thread_to_thread() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        let other = other.into_shared();
        thread::scope(|scope| {
            for tag in 1..4 {
                let (me, other) = (&me, &other);
                scope.spawn(move || {
                    for number in 0..300u64 {
                        me.to(1).tag(tag).within(GUARD).send_value(&number).expect("room");
                        me.to(1)
                            .tag(tag)
                            .within(GUARD)
                            .send_slice(&vec![tag; number as usize])
                            .expect("room");
                    }
                });
                scope.spawn(move || {
                    let from = other.from(0).tag(tag).within(GUARD);
                    for number in 0..300u64 {
                        assert_eq!(from.recv_value(), Ok(number), "{how:?}");
                        let mut values = [0u32; 300];
                        assert_eq!(from.recv_into_slice(&mut values), Ok((0, number as usize)));
                        let (sent, rest) = values.split_at(number as usize);
                        assert!(
                            sent.iter().all(|value| *value == tag) && rest.iter().all(|value| *value == 0)
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn what_does_not_fit_stays_and_is_received_next() {
    // Also what was announced.
    for len in [5, 3000, 3 << 20] {
        let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
        thread::scope(|scope| {
            scope.spawn(move || {
                other.send(0, &pattern(len, 1)).expect("room");
                other.send(0, b"next").expect("room");
            });
            let from = me.from(1).within(GUARD);
            let misfit = RecvError::Misfit { rank: 1, len: len as u64 };
            assert_eq!(from.recv_value::<u64>(), Err(misfit));
            assert_eq!(from.recv_into(&mut [0; 4]), Err(misfit));
            assert_eq!(from.recv_into_slice(&mut [0u16; 2]), Err(misfit));
            let mut buffer = vec![0; len + 3];
            assert_eq!(from.recv_into(&mut buffer), Ok((1, len)));
            assert!(buffer[..len] == pattern(len, 1));
            // It is acknowledged.
            let mail = from.recv().expect("mail");
            assert_eq!((mail.to_vec(), mail.redelivered()), (b"next".to_vec(), 0));
        });
    }
}

#[test]
fn values_of_no_size_and_those_that_are_cut_in_two() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    other.send(0, b"").expect("room");
    assert_eq!(me.from(1).recv_value::<()>(), Ok(()));
    other.send(0, b"").expect("room");
    assert_eq!(me.from(1).recv_into_slice::<()>(&mut [(); 3]), Ok((1, 0)));
    other.send(0, b"odd").expect("room");
    assert_eq!(me.from(1).recv_into_slice(&mut [0u16; 4]), Err(RecvError::Misfit { rank: 1, len: 3 }));
    assert_eq!(me.from(1).within(Deadline::Now).recv_into(&mut [0; 3]), Ok((1, 3)));
    assert_eq!(me.from(1).within(SHORT).recv_value::<u8>(), Err(RecvError::Timeout));
}

#[test]
fn a_message_that_does_not_fit_goes_to_a_thread_for_which_it_does() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        const EACH: usize = 300;
        let all = AtomicU64::new(0);
        thread::scope(|scope| {
            let (me, all) = (&me, &all);
            let receivers = [false, true].map(|numbers| {
                scope.spawn(move || {
                    while all.load(Relaxed) < 2 * EACH as u64 {
                        let from = me.from(1).within(SHORT);
                        let fits = match numbers {
                            true => from.recv_value::<u64>().map(drop),
                            false => from.recv_value::<[u8; 3]>().map(drop),
                        };
                        match fits {
                            Ok(()) => _ = all.fetch_add(1, Relaxed),
                            Err(RecvError::Misfit { rank: 1, .. }) => thread::yield_now(),
                            Err(error) => assert_eq!(error, RecvError::Timeout),
                        }
                    }
                })
            });
            for number in 0..EACH as u64 {
                other.to(0).within(GUARD).send_value(&number).expect("room");
                other.to(0).within(GUARD).send(b"odd").expect("room");
            }
            receivers.into_iter().for_each(|receiver| receiver.join().expect("a thread"));
        });
    }
}

// --- Mails -------------------------------------------------------------------------------------------------

#[test]
fn a_mail_is_read_in_parts_in_place_and_as_a_whole() {
    for len in [0, 40, 3000, 3 << 20] {
        let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
        thread::scope(|scope| {
            scope.spawn(move || other.to(0).tag(9).send(&pattern(len, 1)).expect("a receiver"));
            let mut mail = me.from(1).within(GUARD).recv().expect("mail");
            assert_eq!((mail.tag(), mail.len()), (9, len));
            let mut middle = [0; 30];
            let count = mail.read_at(10, &mut middle);
            assert_eq!(count, len.saturating_sub(10).min(30));
            assert_eq!(middle[..count], pattern(len, 1)[len.min(10)..][..count]);
            assert_eq!(mail.read_at(len + 1, &mut middle), 0);
            let (mut front, mut rest) = (vec![0; len / 2], vec![]);
            mail.read_exact(&mut front).expect("bytes");
            mail.read_to_end(&mut rest).expect("bytes");
            assert!([front, rest].concat() == pattern(len, 1));
            // SAFETY: nobody writes to it.
            #[expect(unsafe_code, reason = "it is read in place")]
            let is_same = unsafe { mail.as_slice() } == pattern(len, 1);
            assert!(is_same);
            assert!(thread::spawn(move || mail.into_vec()).join().unwrap() == pattern(len, 1));
        });
        assert!(me.from_any().within(GUARD).recv().is_err_and(|error| error.is_gone()), "it is acknowledged");
    }
}

#[test]
fn the_bytes_of_an_announced_message_that_are_taken_leave_the_budget_to_others() {
    const LEN: usize = 3 << 20;
    let (_scratch, me, [other]) = shared(16, Wait::Block);
    me.set_budget(LEN as u64);
    thread::scope(|scope| {
        scope.spawn(move || (0..3).for_each(|seed| other.send(0, &pattern(LEN, seed)).expect("a receiver")));
        let first = me.from(1).within(GUARD).recv().expect("mail");
        let none = RecvError::Broken(Broken::NoMemory { rank: 1, len: LEN as u64, left: 0 });
        assert_eq!(me.from(1).within(GUARD).recv().err(), Some(none));
        assert!(first.into_vec() == pattern(LEN, 0));
        let second = me.from(1).within(GUARD).recv().expect("mail");
        assert_eq!(me.from(1).within(GUARD).recv().err(), Some(none));
        me.set_budget(2 * LEN as u64);
        let third = me.from(1).within(GUARD).recv().expect("mail");
        assert!(second.to_vec() == pattern(LEN, 1) && third.to_vec() == pattern(LEN, 2));
    });
}

#[test]
fn a_call_that_is_not_answered_in_time_is_handed_back() {
    let (_scratch, server, [caller, other]) = shared(64, Wait::Adaptive);
    type Answer = fn(OwnedMail, &[u8], Deadline) -> Result<(), mailbox::Unanswered<OwnedMail>>;
    let ways: [(Answer, bool); 2] = [
        (|call, bytes, deadline| call.reply_within(bytes, deadline), true),
        (|call, bytes, deadline| call.refuse_within(bytes, deadline), false),
    ];
    for (answer, is_reply) in ways {
        let question = caller.to(0).start_call(b"?").expect("room");
        let call = server.from(1).within(GUARD).recv().expect("a call");
        let unanswered = answer(call, &[0; 2 << 20], Deadline::Now).expect_err("it is too long");
        assert!(matches!(unanswered.error(), ReplyError::Send(SendError::TooLarge { .. })));
        // In another thread, and in time.
        let done = thread::spawn(move || answer(unanswered.into_call(), b"short", SHORT.into()));
        assert!(done.join().unwrap().is_ok());
        match question.wait_within(GUARD) {
            Ok(answer) => assert!(is_reply && *answer == *b"short"),
            Err(error) => assert!(!is_reply && error == CallError::Refused(b"short".to_vec())),
        }
    }
    // These fill the room for answers.
    let calls: Vec<_> = (0..4).map(|_| caller.to(0).start_call(&[7; 100]).expect("room")).collect();
    let mut unanswered = vec![];
    for _ in &calls {
        let call = server.from(1).within(GUARD).recv().expect("a call");
        unanswered.extend(call.reply_within(&pattern(30 << 10, 3), Deadline::Now).err());
    }
    assert!(unanswered.iter().all(|one| one.error() == SendError::Full(1).into()) && !unanswered.is_empty());
    let last = unanswered.pop().expect("one").into_call().reply_within(&pattern(30 << 10, 3), SHORT);
    assert_eq!(
        last.map_err(|unanswered| unanswered.error()),
        Err(SendError::Timeout(1).into()),
        "and it is dropped"
    );
    drop(unanswered);
    let answers = calls.iter().map(|call| call.wait_within(GUARD));
    let (given, dropped): (Vec<_>, Vec<_>) = answers.partition(|answer| answer.is_ok());
    assert!(!given.is_empty() && !dropped.is_empty());
    other.send(0, b"no call").expect("room");
    let error = server.from(2).recv().expect("mail").reply_within(b"?", Deadline::Now).expect_err("no call");
    assert_eq!((error.error(), error.into_call().to_vec()), (ReplyError::NotACall(2), b"no call".to_vec()));
}

// --- Looked at first ---------------------------------------------------------------------------------------

#[test]
fn of_the_threads_that_have_seen_a_message_one_receives_it() {
    const THREADS: usize = 3;
    const COUNT: u64 = 300;
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        let (received, start) = (AtomicU64::new(0), Barrier::new(THREADS));
        thread::scope(|scope| {
            scope.spawn(move || {
                (0..COUNT).for_each(|number| other.to(0).within(GUARD).send_value(&number).expect("room"));
                other
            });
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    let guard = Instant::now() + GUARD;
                    while received.load(Relaxed) < COUNT {
                        assert!(Instant::now() < guard, "{how:?} {received:?}");
                        let Some(seen) = me.from_any().peek().expect("a sender") else { continue };
                        assert_eq!((seen.from, seen.len, seen.is_call), (1, 8, false));
                        thread::yield_now();
                        if let Some(mail) = me.from_any().recv_peeked(&seen).expect("a sender") {
                            assert_eq!((mail.value(), mail.redelivered()), (Ok(seen.seq), 0));
                            received.fetch_add(1, Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(received.into_inner(), COUNT);
    }
}

#[test]
fn a_look_leaves_a_message_to_a_thread_that_sleeps_for_it_and_one_that_is_held_is_not_shown() {
    let (scratch, me, [other]) = shared(16, Wait::Block);
    assert_eq!(me.from_any().peek(), Ok(None));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| me.from(1).tag(2).recv().map(|mail| mail.to_vec()));
        scratch.wait_until_receiver_sleeps(0);
        other.to(0).tag(1).send(b"not that").expect("room");
        let seen = me.from(1).peek().expect("a sender").expect("a message");
        assert_eq!((seen.tag, seen.epoch), (1, 1));
        let held = me.from(1).recv_peeked(&seen).expect("a sender").expect("mail");
        assert_eq!(me.from(1).peek(), Ok(None));
        other.to(0).tag(2).send(b"that").expect("room");
        assert_eq!(waiting.join().unwrap(), Ok(b"that".to_vec()));
        assert!(me.from(1).recv_peeked(&seen).expect("a sender").is_none(), "it is held");
        held.requeue();
        assert_eq!(me.from(Source::Rank(1)).recv().expect("mail").redelivered(), 1);
    });
    assert!(matches!(me.from(9).peek(), Err(RecvError::Broken(Broken::NoSuchRank { .. }))));
}

// --- In a loop ---------------------------------------------------------------------------------------------

#[test]
fn the_loop_of_each_thread_ends_with_the_sender_or_with_its_deadline() {
    for how in HOWS {
        let (_scratch, me, [leaving, dying]) = shared::<2>(16, how);
        for number in 0..10u64 {
            leaving.to(0).send_value(&number).expect("room");
            dying.to(0).send_value(&number).expect("room");
        }
        thread::scope(|scope| {
            let loops = [1, 1, 1, 2, 2].map(|rank| {
                let me = &me;
                scope.spawn(move || {
                    let mut iter = me.from(rank).within(GUARD).iter();
                    let mut sum = 0;
                    let last = loop {
                        match iter.next().expect("an item") {
                            Ok(mail) => sum += mail.value::<u64>().expect("a number"),
                            Err(error) => break error,
                        }
                    };
                    assert!(iter.next().is_none(), "it is over");
                    (rank, sum, last)
                })
            });
            drop(leaving);
            die(dying);
            let mut sums = [0; 3];
            for (rank, sum, last) in loops.map(|thread| thread.join().unwrap()) {
                assert_eq!(last, RecvError::Gone { rank, died: rank == 2 }, "{how:?}");
                sums[rank as usize] += sum;
            }
            assert_eq!(sums, [0, 45, 45]);
        });
        // From anyone ends are items.
        let mut ends: Vec<_> = me.from_any().within(SHORT).iter().map(|item| item.map(drop)).collect();
        assert_eq!(ends.pop(), Some(Err(RecvError::Timeout)));
        ends.sort_by_key(|end| format!("{end:?}"));
        let gone = |rank| Err(RecvError::Gone { rank, died: rank == 2 });
        assert_eq!(ends, [gone(1), gone(2)]);
    }
}

#[test]
fn a_size_that_is_not_that_of_a_value_is_told() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let (me, other) = (join(&region, 0).into_shared(), join(&region, 1));
    other.send(0, b"odd").expect("room");
    assert_eq!(me.recv().expect("mail").value::<u64>(), Err(SizeError { len: 3, size: 8 }));
}
