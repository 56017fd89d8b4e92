//! Batches: what is held back is seen in order, all at once or earlier, and nobody waits for it for ever.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, mail, puppet};
use common::{GUARD, SHORT, Scratch, pattern};
use mailbox::lab::abi::{INLINE, PoolLayout};
use mailbox::{Batch, Config, Deadline, Endpoint, RecvError, SendError, Wait};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Read;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        puppet::perform(&region);
    }
}

const ARENA: u64 = 4096;

fn endpoints<const N: usize>(cells: u32) -> (Scratch, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(N as u32).cells(cells).arena(ARENA));
    let endpoints = std::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"));
    (scratch, endpoints)
}

fn expect_nothing(me: &Endpoint) {
    assert!(me.try_recv().is_ok_and(|mail| mail.is_none()));
}

fn expect(me: &Endpoint, messages: impl IntoIterator<Item = u8>) {
    for message in messages {
        assert_eq!(me.try_recv().unwrap().expect("mail").to_vec(), [message]);
    }
    expect_nothing(me);
}

/// Messages in the mailbox from 0 to 1 whose acknowledgement the sender was not told of.
fn unread(me: &Endpoint) -> u64 {
    me.region().inspect().mailboxes.first().map_or(0, |mailbox| mailbox.unread)
}

// --- Sending -----------------------------------------------------------------------------------------------

#[test]
fn nothing_is_seen_before_the_end_and_then_all_of_it_in_order() {
    let (_scratch, [a, b]) = endpoints(64);
    for _ in 0..20 {
        let batch = a.batch();
        for message in 0..5 {
            a.send(1, &[message]).expect("room");
            let mut loan = a.loan(60).expect("room");
            loan.write_at(0, &[100 + message]);
            loan.commit(1).send(1).expect("room");
            drop(a.loan(60).expect("room"));
            expect_nothing(&b);
        }
        drop(batch);
        expect(&b, (0..5).flat_map(|message| [message, 100 + message]));
    }
}

#[test]
fn payloads_in_the_arena_are_held_back_as_well() {
    let (_scratch, [a, b]) = endpoints(64);
    for round in 0..20 {
        let batch = a.batch();
        for at in 0..3 {
            a.send(1, &pattern(200, round + at)).expect("room");
        }
        expect_nothing(&b);
        drop(batch);
        for at in 0..3 {
            assert_eq!(b.try_recv().unwrap().expect("mail").to_vec(), pattern(200, round + at));
        }
    }
}

#[test]
fn a_quarter_of_the_mailbox_is_seen_at_once() {
    for cells in [4, 16, 64] {
        let (_scratch, [a, b]) = endpoints(cells);
        let _batch = a.batch();
        for _ in 0..5 {
            for message in 1..cells as u8 / 4 {
                a.send(1, &[message]).expect("room");
                expect_nothing(&b);
            }
            a.send(1, &[0]).expect("room");
            expect(&b, (1..cells as u8 / 4).chain([0]));
        }
    }
}

#[test]
fn a_call_that_would_wait_or_finds_nothing_shows_what_is_held_back() {
    let (_scratch, [a, b, c]) = endpoints(64);
    type Call = fn(&Endpoint);
    let calls: [(&str, Call); 6] = [
        ("try_recv", |a| assert!(a.try_recv().is_ok_and(|mail| mail.is_none()))),
        ("recv_timeout", |a| assert_eq!(a.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout))),
        ("recv_from_timeout", |a| assert_eq!(a.from(2).within(SHORT).recv().err(), Some(RecvError::Timeout))),
        ("try_send", |a| assert_eq!(a.try_send(2, b"x"), Err(SendError::Full(2)))),
        ("send_timeout", |a| assert_eq!(a.to(2).within(SHORT).send(b"x"), Err(SendError::Timeout(2)))),
        ("an announced one", |a| {
            assert_eq!(a.to(2).within(SHORT).send(&pattern(3000, 0)), Err(SendError::Timeout(2)))
        }),
    ];
    while a.try_send(2, b"fill").is_ok() {}
    for (what, call) in calls {
        let batch = a.batch();
        a.send(1, b"!").expect("room");
        expect_nothing(&b);
        call(&a);
        assert_eq!(
            b.try_recv().map(|mail| mail.map(|mail| mail.to_vec())),
            Ok(Some(b"!".to_vec())),
            "{what}"
        );
        drop(batch);
    }
    drop(c);
}

#[test]
fn an_announced_message_goes_behind_what_is_held_back() {
    let (_scratch, [a, b]) = endpoints(64);
    let long = pattern(3 * ARENA as usize, 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            let a = a;
            let _batch = a.batch();
            a.send(1, b"before").expect("room");
            a.send(1, &long).expect("a receiver");
            a.send(1, b"after").expect("room");
        });
        let b = b;
        for message in [b"before", long.as_slice(), b"after"] {
            assert_eq!(b.recv().expect("mail").to_vec(), message);
        }
    });
}

#[test]
fn a_full_mailbox_in_a_batch_is_emptied() {
    for (cells, len) in [(2, 1), (4, 1), (64, 1), (64, 1000), (2, 2000)] {
        let (_scratch, [a, b]) = endpoints(cells);
        thread::scope(|scope| {
            scope.spawn(|| {
                let a = a;
                let _batch = a.batch();
                (0..1000).for_each(|seed| a.send(1, &pattern(len, seed)).expect("a receiver"));
            });
            let b = b;
            let _batch = b.batch();
            for seed in 0..1000 {
                assert_eq!(b.recv().expect("mail").to_vec(), pattern(len, seed));
            }
        });
    }
}

#[test]
fn a_batch_in_a_batch_is_part_of_it() {
    let (_scratch, [a, b]) = endpoints(64);
    let outer = a.batch();
    a.send(1, &[0]).expect("room");
    let inner = a.batch();
    a.send(1, &[1]).expect("room");
    drop(inner);
    a.send(1, &[2]).expect("room");
    expect_nothing(&b);
    let other = a.batch();
    drop(outer);
    a.send(1, &[3]).expect("room");
    expect_nothing(&b);
    drop(other);
    expect(&b, 0..4);
    a.send(1, &[9]).expect("room");
    expect(&b, [9]);
}

#[test]
fn a_batch_is_for_all_peers() {
    let (_scratch, [a, b, c]) = endpoints(64);
    for _ in 0..5 {
        let batch = a.batch();
        for message in 0..9 {
            a.send(1, &[message]).expect("room");
            a.send(2, &[100 + message]).expect("room");
            a.send(0, &[200 + message]).expect("room");
        }
        expect_nothing(&b);
        expect_nothing(&c);
        drop(batch);
        expect(&b, 0..9);
        expect(&c, 100..109);
        expect(&a, 200..209);
    }
}

// --- Receiving ---------------------------------------------------------------------------------------------

#[test]
fn one_acknowledgement_serves_all_that_a_batch_received() {
    let (_scratch, [a, b]) = endpoints(64);
    for _ in 0..10 {
        (0..15).for_each(|message| a.send(1, &[message]).expect("room"));
        let batch = b.batch();
        (0..15).for_each(|message| assert_eq!(b.try_recv().unwrap().expect("mail").to_vec(), [message]));
        assert_eq!(unread(&a), 15);
        drop(batch);
        assert_eq!(unread(&a), 0);
    }
}

#[test]
fn a_quarter_of_the_mailbox_is_acknowledged_at_once() {
    let (_scratch, [a, b]) = endpoints(64);
    (0..64).for_each(|message| a.send(1, &[message]).expect("room"));
    let _batch = b.batch();
    for taken in 1..=64 {
        drop(b.try_recv().unwrap().expect("mail"));
        assert_eq!(unread(&a), 64 - taken / 16 * 16);
    }
}

/// Bytes of a message of which the arena takes eight.
const LARGE: usize = ARENA as usize / 8;

#[test]
fn a_quarter_of_the_arena_is_seen_at_once() {
    let (_scratch, [a, b]) = endpoints(64);
    let _batch = a.batch();
    for sent in 1..=5 {
        a.send(1, &[7; LARGE]).expect("room");
        assert_eq!(unread(&a), sent / 2 * 2);
    }
    drop(b);
}

#[test]
fn a_quarter_of_the_arena_is_acknowledged_at_once() {
    let (_scratch, [a, b]) = endpoints(64);
    (0..8).for_each(|message| a.send(1, &[message; LARGE]).expect("room"));
    let _batch = b.batch();
    for taken in 1..=8 {
        drop(b.try_recv().unwrap().expect("mail"));
        assert_eq!(unread(&a), 8 - taken / 2 * 2);
    }
}

#[test]
fn a_call_that_would_wait_or_finds_nothing_acknowledges() {
    let (_scratch, [a, b]) = endpoints(64);
    while b.try_send(0, b"fill").is_ok() {}
    type Call = fn(&Endpoint);
    let calls: [(&str, Call); 4] = [
        ("try_recv", |b| assert!(b.try_recv().is_ok_and(|mail| mail.is_none()))),
        ("recv_timeout", |b| assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout))),
        ("try_send", |b| assert_eq!(b.try_send(0, b"x"), Err(SendError::Full(0)))),
        ("send_timeout", |b| assert_eq!(b.to(0).within(SHORT).send(b"x"), Err(SendError::Timeout(0)))),
    ];
    for (what, call) in calls {
        a.send(1, b"x").expect("room");
        let _batch = b.batch();
        let unread = || {
            let inspection = a.region().inspect();
            let mailbox = inspection.mailboxes.into_iter().find(|mailbox| mailbox.to == 1);
            mailbox.expect("a mailbox").unread
        };
        drop(b.try_recv().unwrap().expect("mail"));
        assert_eq!(unread(), 1);
        call(&b);
        assert_eq!(unread(), 0, "{what}");
    }
}

#[test]
fn the_sender_of_an_announced_message_does_not_wait_for_its_receivers_batch() {
    for by_hand in [false, true] {
        let (_scratch, [a, b]) = endpoints(64);
        b.set_by_hand(by_hand);
        thread::scope(|scope| {
            let sender = scope.spawn(move || a.to(1).within(GUARD).send(&pattern(3 * ARENA as usize, 1)));
            let b = b;
            let _batch = b.batch();
            let mut bytes = Vec::new();
            assert!(b.recv().expect("mail").fetch().read_to_end(&mut bytes).is_ok());
            assert_eq!(sender.join().expect("a thread"), Ok(()));
        });
    }
}

#[test]
fn mails_that_outlive_the_batch_are_acknowledged_when_they_are_dropped() {
    let (_scratch, [a, b]) = endpoints(64);
    (0..3).for_each(|message| a.send(1, &[message]).expect("room"));
    let batch = b.batch();
    let [first, second, third] = [b.recv(), b.recv(), b.recv()].map(|mail| mail.expect("mail"));
    drop(second);
    drop(batch);
    assert_eq!(unread(&a), 3);
    drop(first);
    assert_eq!(unread(&a), 1);
    drop(third);
    assert_eq!(unread(&a), 0);
}

// --- Both --------------------------------------------------------------------------------------------------

#[test]
fn two_that_talk_in_batches_do_not_wait_for_each_other() {
    for how in [Wait::Adaptive, Wait::Block] {
        for cells in [2, 64] {
            let (_scratch, [a, b]) = endpoints(cells);
            a.set_wait(how);
            b.set_wait(how);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let b = b;
                    let _batch = b.batch();
                    for round in 0..500u32 {
                        assert_eq!(b.recv().expect("mail").value(), Ok(round));
                        b.send(0, &round.to_ne_bytes()).expect("room");
                    }
                });
                let a = a;
                let _batch = a.batch();
                for round in 0..500u32 {
                    a.send(1, &round.to_ne_bytes()).expect("room");
                    assert_eq!(a.recv().expect("mail").value(), Ok(round));
                }
            });
        }
    }
}

#[test]
fn halves_batch_each_for_itself() {
    let (_scratch, [a, b]) = endpoints(64);
    let (sender, receiver) = a.into_split();
    let batch = sender.batch();
    sender.send(1, &[1]).expect("room");
    b.send(0, &[2]).expect("room");
    expect_nothing(&b);
    drop(receiver.try_recv().unwrap().expect("mail"));
    assert_eq!(unread(&b), 0, "the receiver is in no batch");
    assert!(receiver.try_recv().is_ok_and(|mail| mail.is_none()));
    expect_nothing(&b);
    drop(batch);
    expect(&b, [1]);
    let batch = receiver.batch();
    b.send(0, &[3]).expect("room");
    drop(receiver.try_recv().unwrap().expect("mail"));
    sender.send(1, &[4]).expect("room");
    expect(&b, [4]);
    assert_eq!(unread(&b), 1);
    drop(batch);
    assert_eq!(unread(&b), 0);
}

// --- Ends --------------------------------------------------------------------------------------------------

#[test]
fn a_forgotten_batch_ends_with_its_endpoint() {
    let (_scratch, [a, b]) = endpoints(64);
    std::mem::forget(a.batch());
    b.send(0, &[7]).expect("room");
    drop(a.recv().expect("mail"));
    a.send(1, &[1]).expect("room");
    expect_nothing(&b);
    assert_eq!(unread(&b), 1);
    drop(a);
    assert_eq!(b.try_recv().unwrap().expect("mail").to_vec(), [1]);
    assert_eq!(b.try_recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
    assert_eq!(unread(&b), 0);
    // So does that of a half.
    let (_scratch, [a, b]) = endpoints(64);
    let (sender, receiver) = a.into_split();
    std::mem::forget((sender.batch(), receiver.batch()));
    sender.send(1, &[1]).expect("room");
    b.send(0, &[7]).expect("room");
    drop(receiver.recv().expect("mail"));
    drop(sender);
    expect(&b, [1]);
    assert_eq!(unread(&b), 1);
    drop(receiver);
    assert_eq!(unread(&b), 0);
}

#[test]
fn a_panic_in_a_batch_ends_it() {
    let (_scratch, [a, b]) = endpoints(64);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let _batch = a.batch();
        a.send(1, &[1]).expect("room");
        panic::resume_unwind(Box::new(()));
    }));
    assert!(result.is_err());
    expect(&b, [1]);
    a.send(1, &[2]).expect("room");
    expect(&b, [2]);
}

#[test]
fn what_a_dead_sender_held_back_was_never_sent_and_its_successor_goes_on() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(64).arena(ARENA));
    let (mut sender, mut receiver) = (puppet(&region), puppet(&region));
    assert_eq!(receiver.does("join 1"), "ok");
    for life in 1..4 {
        for command in ["join 0", "send 1 seen", "batch", "send 1 held", "send 1 held", "send 1 held"] {
            assert_eq!(sender.does(command), "ok");
        }
        sender.kill();
        assert_eq!(receiver.does("recv 0"), mail(0, life, life - 1, "seen"));
        assert_eq!(receiver.does("recv 0"), "Gone { rank: 0, died: true }");
        sender = puppet(&region);
    }
    assert_eq!(sender.does("join 0"), "ok");
    assert_eq!(sender.does("send 1 last"), "ok");
    assert_eq!(receiver.does("recv 0"), mail(0, 4, 3, "last"));
}

#[test]
fn what_a_dead_receiver_had_not_told_of_comes_again() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(64).arena(ARENA));
    let (mut sender, mut receiver) = (puppet(&region), puppet(&region));
    assert_eq!(sender.does("join 0"), "ok");
    for text in ["a", "b", "c", "d"] {
        assert_eq!(sender.does(&format!("send 1 {text}")), "ok");
    }
    assert_eq!(receiver.does("join 1"), "ok");
    assert_eq!(receiver.does("recv"), mail(0, 1, 0, "a"));
    assert_eq!(receiver.does("batch"), "ok");
    assert_eq!(receiver.does("recv"), mail(0, 1, 1, "b"));
    assert_eq!(receiver.does("recv"), mail(0, 1, 2, "c"));
    receiver.kill();
    receiver = puppet(&region);
    assert_eq!(receiver.does("join 1"), "ok");
    for (seq, text) in [(1, "b"), (2, "c"), (3, "d")] {
        assert_eq!(receiver.does("recv"), mail(0, 1, seq, text));
    }
    assert_eq!(receiver.does("try_recv"), "Empty");
}

// --- Against an oracle -------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Step {
    Send(Index),
    Lend(Index),
    /// Several by one call, of these lengths.
    SendEach(Vec<Index>),
    Receive,
    /// All that is there, by a function.
    Drain,
    /// One more batch of the sender's, or of the receiver's.
    Begin(bool),
    End(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<Index>().prop_map(Step::Send),
        2 => any::<Index>().prop_map(Step::Lend),
        2 => vec(any::<Index>(), 0..20).prop_map(Step::SendEach),
        6 => Just(Step::Receive),
        1 => Just(Step::Drain),
        1 => any::<bool>().prop_map(Step::Begin),
        1 => any::<bool>().prop_map(Step::End),
    ]
}

/// What was sent, and how many of it must be seen.
#[derive(Default)]
struct Oracle {
    sent: VecDeque<Vec<u8>>,
    seen: usize,
    /// Bytes of the arena in those that need not be.
    held: usize,
}

impl Oracle {
    /// A message was sent, in a batch, through a mailbox of this size.
    fn hold(&mut self, message: Vec<u8>, is_lent: bool, cells: usize, share: usize) {
        if message.len() > INLINE && !is_lent {
            self.held += message.len().next_multiple_of(64);
        }
        self.sent.push_back(message);
        if self.sent.len() - self.seen >= cells / 4 || self.held >= share / 4 {
            self.see_all();
        }
    }

    fn see_all(&mut self) {
        (self.seen, self.held) = (self.sent.len(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_is_batched_arrives_in_order_and_not_too_late(
        (bits, arena) in (1..=6u32, 1..=32u64),
        steps in vec(step(), 1..200),
    ) {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2).cells(1 << bits).arena(128 * arena));
        let share = PoolLayout::new(0, 1, 128 * arena, region.eager_limit()).bytes_of_share();
        let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
        let batches: [RefCell<Vec<Batch<'_>>>; 2] = Default::default();
        let mut oracle = Oracle::default();
        for (seed, step) in steps.iter().enumerate() {
            let is_batched = !batches[0].borrow().is_empty();
            match step {
                Step::Send(len) | Step::Lend(len) => {
                    let message = pattern(len.index(region.eager_limit() as usize + 1), seed);
                    let result = if matches!(step, Step::Send(_)) {
                        a.try_send(1, &message)
                    } else {
                        a.loan(message.len()).and_then(|mut loan| {
                            loan.write_at(0, &message);
                            loan.commit(message.len()).send_within(1, Deadline::Now)
                        })
                    };
                    match result {
                        Ok(()) => oracle.hold(message, matches!(step, Step::Lend(_)), 1 << bits, share as usize),
                        Err(error) if matches!(step, Step::Send(_)) => prop_assert_eq!(error, SendError::Full(1)),
                        // Its own area for loans may be full, too.
                        Err(error) => prop_assert!([0, 1].map(SendError::Full).contains(&error), "{}", error),
                    }
                    if result.is_err() || !is_batched {
                        oracle.see_all();
                    }
                }
                Step::SendEach(lens) => {
                    // Most are short.
                    let len = |at: &Index| match at.index(16) {
                        0 => at.index(region.eager_limit() as usize + 1),
                        _ => at.index(INLINE + 1),
                    };
                    let messages: Vec<_> = lens.iter().map(|at| pattern(len(at), seed)).collect();
                    let sent = match a.to(1).within(Deadline::Now).send_each(&messages) {
                        Ok(sent) => {
                            prop_assert_eq!(sent, messages.len());
                            sent
                        }
                        Err(stopped) => {
                            prop_assert_eq!(stopped.error, SendError::Full(1));
                            stopped.sent
                        }
                    };
                    let is_full = sent < messages.len();
                    messages.into_iter().take(sent).for_each(|message| oracle.hold(message, false, 1 << bits, share as usize));
                    if is_full || !is_batched {
                        oracle.see_all();
                    }
                }
                Step::Drain => {
                    let mut all = vec![];
                    prop_assert_eq!(b.drain().for_each(|message| all.push(message.to_vec())), Ok(()));
                    let seen: Vec<_> = oracle.sent.drain(..oracle.seen).collect();
                    oracle.seen = 0;
                    prop_assert!(all == seen);
                }
                Step::Receive => match b.try_recv() {
                    Ok(Some(mail)) => {
                        prop_assert!(oracle.seen > 0, "too early");
                        oracle.seen -= 1;
                        prop_assert_eq!(Some(mail.to_vec()), oracle.sent.pop_front());
                    }
                    told => prop_assert!(told.is_ok() && oracle.seen == 0, "{:?}", told),
                },
                Step::Begin(sender) => {
                    let endpoint = if *sender { &a } else { &b };
                    batches[usize::from(!sender)].borrow_mut().push(endpoint.batch());
                }
                Step::End(sender) => {
                    let is_last = batches[usize::from(!sender)].borrow_mut().pop().is_some()
                        && batches[usize::from(!sender)].borrow().is_empty();
                    if *sender && is_last {
                        oracle.see_all();
                    }
                }
            }
        }
        batches.iter().for_each(|batches| batches.borrow_mut().clear());
        for message in oracle.sent {
            prop_assert_eq!(b.try_recv().map(|mail| mail.map(|mail| mail.to_vec())), Ok(Some(message)));
        }
        prop_assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        prop_assert_eq!(region.inspect().mailboxes.first().map_or(0, |mailbox| mailbox.unread), 0);
    }
}
