//! Private memory for announced messages: a budget, and what does not fit stays where it is.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, SHORT, Scratch, die, pattern};
use mailbox::lab::abi::Kind;
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Broken, Config, Deadline, Endpoint, RecvError, Source};
use std::io::Read;
use std::thread;

const ARENA: u64 = 4096;
const LEN: usize = 100_000;

fn three(config: Config) -> (Scratch, [Endpoint; 3]) {
    let scratch = Scratch::new();
    let region = scratch.create(config.arena(ARENA));
    (scratch, [0, 1, 2].map(|rank| region.join(rank).expect("free")))
}

fn told(me: &Endpoint, source: Option<u32>) -> RecvError {
    let result = match source {
        Some(rank) => me.from(rank).within(GUARD).recv(),
        None => me.from_any().within(GUARD).recv(),
    };
    result.map(|mail| mail.to_vec().len()).expect_err("an error")
}

/// Announces a message of so many bytes; how many arrive.
fn arrives(me: &Endpoint, wire: &Wire, len: usize) -> usize {
    wire.announce(&vec![1; len]);
    for _ in 0..100 {
        assert!(me.try_recv().is_ok_and(|mail| mail.is_none()));
        if wire.serve() {
            break;
        }
    }
    me.from_any().within(GUARD).recv().expect("mail").len()
}

#[test]
fn a_message_that_does_not_fit_is_told_and_arrives_once_it_does() {
    let (_scratch, [a, b, c]) = three(Config::ranks(3));
    b.set_budget(LEN as u64 - 1);
    thread::scope(|scope| {
        let sender = scope.spawn(move || (a.to(1).within(GUARD).send(&pattern(LEN, 1)), a).0);
        let lacking = RecvError::Broken(Broken::NoMemory { rank: 0, len: LEN as u64, left: LEN as u64 - 1 });
        assert_eq!(told(&b, None), lacking);
        assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "once");
        assert_eq!([told(&b, Some(0)), told(&b, Some(0))], [lacking, lacking], "each time");
        c.send(1, b"another's").expect("room");
        assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"another's");
        b.set_budget(LEN as u64);
        assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), pattern(LEN, 1));
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn what_does_not_fit_is_fetched_by_hand() {
    for source in [Source::Anyone, Source::Rank(0)] {
        let (_scratch, [a, b, _c]) = three(Config::ranks(3));
        b.set_budget(0);
        thread::scope(|scope| {
            let sender = scope.spawn(move || (a.to(1).within(GUARD).send(&pattern(LEN, 1)), a).0);
            assert!(matches!(told(&b, None), RecvError::Broken(Broken::NoMemory { .. })));
            assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
            b.set_by_hand(true);
            let mut bytes = Vec::new();
            let mail = b.from(source).within(GUARD).recv().expect("an announcement");
            assert!(mail.fetch().read_to_end(&mut bytes).is_ok());
            assert!(bytes == pattern(LEN, 1));
            assert_eq!(sender.join().expect("a thread"), Ok(()));
        });
    }
}

#[test]
fn a_call_comes_after_the_mail_before_it_though_memory_is_lacking_for_that() {
    let (_scratch, [a, b, _c]) = three(Config::ranks(3));
    b.set_budget(10);
    let sending = a.to(1).announce(pattern(LEN, 1)).expect("room");
    a.send(1, b"before").expect("room");
    let _call = a.to(1).within(Deadline::Now).start_call(b"call").expect("room");
    assert!(matches!(told(&b, None), RecvError::Broken(Broken::NoMemory { .. })));
    assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "neither comes before it");
    drop(sending);
    b.set_budget(LEN as u64);
    let next = || b.from_any().within(GUARD).recv().expect("mail").to_vec();
    assert_eq!([next(), next()], [b"before".to_vec(), b"call".to_vec()]);
}

#[test]
fn a_mail_that_is_left_comes_again_though_memory_is_lacking_for_the_next_message() {
    let (_scratch, [a, b, _c]) = three(Config::ranks(3));
    b.set_budget(10);
    a.send(1, b"before").expect("room");
    let _sending = a.to(1).announce(pattern(LEN, 1)).expect("room");
    let before = b.from_any().within(GUARD).recv().expect("mail");
    assert!(matches!(told(&b, None), RecvError::Broken(Broken::NoMemory { .. })));
    assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    before.requeue();
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"before");
    assert!(
        matches!(told(&b, None), RecvError::Broken(Broken::NoMemory { .. })),
        "once more: what came before it did"
    );
}

#[test]
fn all_senders_share_it_and_mails_that_are_held_count() {
    let (_scratch, [a, b, c]) = three(Config::ranks(3));
    b.set_budget(LEN as u64 * 3 / 2);
    thread::scope(|scope| {
        let first = scope.spawn(move || (a.to(1).within(GUARD).send(&pattern(LEN, 1)), a));
        let held = b.from(0).within(GUARD).recv().expect("mail");
        let second = scope.spawn(move || (c.to(1).within(GUARD).send(&pattern(LEN, 2)), c));
        let lacking = RecvError::Broken(Broken::NoMemory { rank: 2, len: LEN as u64, left: LEN as u64 / 2 });
        assert_eq!([told(&b, Some(2)), told(&b, None)], [lacking, lacking]);
        drop(held);
        assert_eq!(b.from_any().within(GUARD).recv().expect("mail").into_vec(), pattern(LEN, 2));
        let (a, c) = (first.join().expect("a thread"), second.join().expect("a thread"));
        assert_eq!((a.0, c.0), (Ok(()), Ok(())));
    });
    // All is given back.
    let (_scratch, [a, b, _c]) = three(Config::ranks(3));
    b.set_budget(LEN as u64);
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..20).for_each(|seed| a.to(1).within(GUARD).send(&pattern(LEN, seed)).expect("taken"));
            a
        });
        for seed in 0..20 {
            let mail = b.from_any().within(GUARD).recv().expect("mail");
            assert!(if seed % 2 == 0 { mail.to_vec() } else { mail.into_vec() } == pattern(LEN, seed));
        }
    });
}

#[test]
fn what_is_cut_off_or_given_up_is_given_back() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).arena(ARENA));
    let wire = Wire::new(&scratch, 0, 1);
    let [_a, mut b, _c] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    b.set_budget(1000);
    for _ in 0..5 {
        let seq = wire.claim(1000);
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        wire.producer.retract(seq);
        wire.push(Kind::Whole, b"instead");
        assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"instead");
    }
    wire.claim(1000);
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    b.reset(0).expect("a rank");
    let other = Wire::new(&scratch, 2, 1);
    assert_eq!(arrives(&b, &other, 1000), 1000);
}

#[test]
fn what_a_sender_had_begun_that_died_is_given_back_though_its_successor_is_silent() {
    let (scratch, [me, a, b]) = three(Config::ranks(3));
    me.set_budget(1000);
    let wire = Wire::new(&scratch, 1, 0);
    wire.claim(1000);
    assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    die(a);
    let _successor = scratch.open().join(1).expect("free");
    assert_eq!(told(&me, None), RecvError::Gone { rank: 1, died: true });
    let other = Wire::new(&scratch, 2, 0);
    assert_eq!(arrives(&me, &other, 1000), 1000);
    drop(b);
}

#[test]
fn what_a_peer_announces_takes_no_memory_that_there_is_not() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).arena(ARENA).max_message(1 << 60));
    let wire = Wire::new(&scratch, 0, 1);
    let (_a, b, c) = [0, 1, 2].map(|rank| region.join(rank).expect("free")).into();
    wire.claim(1 << 59);
    assert_eq!(told(&b, None), RecvError::Broken(Broken::NoMemory { rank: 0, len: 1 << 59, left: 1 << 60 }));
    c.send(1, b"another's").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"another's");
}

#[test]
fn a_death_is_told_beside_a_message_that_does_not_fit_and_whose_sender_has_left() {
    let (_scratch, [me, a, b]) = three(Config::ranks(3));
    me.set_budget(10);
    let sending = a.to(0).announce(pattern(LEN, 1)).expect("room");
    assert_eq!(told(&me, None), RecvError::Broken(Broken::NoMemory { rank: 1, len: LEN as u64, left: 10 }));
    std::mem::forget(sending);
    drop(a);
    die(b);
    assert_eq!(told(&me, None), RecvError::Gone { rank: 1, died: false }, "it comes no more");
    assert_eq!(told(&me, None), RecvError::Gone { rank: 2, died: true });
}

#[test]
fn mail_behind_a_message_that_does_not_fit_comes_once_its_sender_ended() {
    let (_scratch, [me, a, _b]) = three(Config::ranks(3));
    me.set_budget(10);
    let sending = a.to(0).announce(pattern(LEN, 1)).expect("room");
    a.send(0, b"behind it").expect("room");
    assert!(matches!(told(&me, None), RecvError::Broken(Broken::NoMemory { rank: 1, .. })));
    assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    std::mem::forget(sending);
    drop(a);
    assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"behind it");
    assert_eq!(told(&me, None), RecvError::Gone { rank: 1, died: false });
}

#[test]
fn what_a_mailbox_took_that_makes_no_sense_is_given_back_however_that_was_found() {
    for found_by in ["mail", "check"] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(3).arena(ARENA));
        let [a, b, c] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
        b.set_budget(LEN as u64);
        let wire = Wire::new(&scratch, 0, 1);
        wire.claim(LEN as u64);
        assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        match found_by {
            "check" => wire.mailbox.mail.consumer.reset_request.store(77, Relaxed),
            _ => {
                let id = wire.mailbox.transfer.wanting.id.load(Relaxed);
                wire.mailbox.transfer.serving.id.store(id, Relaxed);
                wire.mailbox.transfer.serving.produced.store(u64::MAX, Relaxed);
            }
        }
        assert_eq!(told(&b, None), RecvError::Broken(Broken::Corrupt(0)), "{found_by}");
        thread::scope(|scope| {
            scope.spawn(move || (c.to(1).within(GUARD).send(&pattern(LEN, 1)), c));
            assert_eq!(b.from_any().within(GUARD).recv().map(|mail| mail.len()), Ok(LEN), "{found_by}");
        });
        drop(a);
    }
}

#[test]
fn what_was_given_up_bars_nothing_though_no_memory_came_back() {
    let (_scratch, [a, b, _c]) = three(Config::ranks(3));
    b.set_budget(10);
    for source in [None, Some(0)] {
        let sending = a.to(1).announce(pattern(LEN, 1)).expect("room");
        a.send(1, b"behind it").expect("room");
        assert!(matches!(told(&b, None), RecvError::Broken(Broken::NoMemory { .. })));
        assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        drop(sending);
        let mail = match source {
            None => b.from_any().within(GUARD).recv(),
            Some(rank) => b.from(rank).within(GUARD).recv(),
        };
        assert_eq!(mail.expect("mail").to_vec(), b"behind it");
    }
}

#[test]
fn a_dead_senders_message_that_does_not_fit_keeps_nothing_from_a_receive_from_it() {
    let (_scratch, [a, b, _c]) = three(Config::ranks(3));
    b.set_budget(10);
    std::mem::forget(a.to(1).announce(pattern(LEN, 1)).expect("room"));
    a.send(1, b"behind it").expect("room");
    assert!(matches!(told(&b, Some(0)), RecvError::Broken(Broken::NoMemory { .. })));
    die(a);
    assert_eq!(b.from(0).within(GUARD).recv().expect("mail").to_vec(), b"behind it");
    assert_eq!(told(&b, Some(0)), RecvError::Gone { rank: 0, died: true });
}
