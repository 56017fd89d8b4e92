//! What a receive by tag takes, and what it leaves, of each kind of message.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, SHORT, Scratch, join, kill_endpoint, left, pattern};
use mailbox::lab::abi::{Envelope, Kind, Location};
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Broken, Config, Deadline, Endpoint, Event, Mail, RecvError, RecvFrom, Sending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

const ARENA: u64 = 8192;
/// Announced, in a few pieces.
const LONG: usize = 3 << 18;

fn region(ranks: u32, cells: u32) -> (Scratch, mailbox::Region) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).cells(cells).arena(ARENA).loans(1 << 20));
    (scratch, region)
}

fn two(cells: u32) -> (Scratch, [Endpoint; 2]) {
    let (scratch, region) = region(2, cells);
    (scratch, join(&region, [0, 1]))
}

/// The mail that is there now.
fn now(from: RecvFrom<'_>) -> Mail<'_> {
    from.within(Deadline::Now).recv().expect("mail")
}

/// What the mail says that is there now.
fn take(from: RecvFrom<'_>) -> u64 {
    now(from).value().expect("a number")
}

fn nothing(from: RecvFrom<'_>) {
    let taken = from.try_recv().map(|mail| mail.map(|mail| (mail.tag(), mail.to_vec())));
    assert_eq!(taken, Ok(None));
}

fn send(from: &Endpoint, to: u32, tag: u32, number: u64) {
    from.to(to).tag(tag).try_send(&number.to_ne_bytes()).expect("room");
}

/// Announces a long message, and has its receiver begin to take it in.
fn begin<'a>(sender: &'a Endpoint, receiver: &Endpoint, tag: u32) -> Sending<'a> {
    let mut sending = sender.to(receiver.rank()).tag(tag).announce(pattern(LONG, 1)).expect("room");
    nothing(receiver.from_any().tag(tag));
    assert_eq!(sending.is_received(), Ok(false));
    nothing(receiver.from_any().tag(tag));
    sending
}

/// Takes in all of it.
fn finish(sending: &mut Sending<'_>, from: RecvFrom<'_>) {
    let mail = loop {
        let _ = sending.is_received();
        if let Some(mail) = from.try_recv().expect("a sender") {
            break mail;
        }
    };
    assert!(mail.to_vec() == pattern(LONG, 1), "{} bytes", mail.len());
    drop(mail);
    assert_eq!(sending.is_received(), Ok(true));
}

#[test]
fn nothing_overtakes_an_announced_message_of_its_kind_though_others_looked_beyond_it() {
    // The one behind it was passed over while it was taken in, or before.
    for early in [false, true] {
        let (_scratch, [a, b]) = two(64);
        let mut sending = a.to(1).tag(5).announce(pattern(LONG, 1)).expect("room");
        if early {
            send(&a, 1, 5, 1);
            nothing(b.from(0).tag(7));
        }
        nothing(b.from(0).tag(5));
        assert_eq!(sending.is_received(), Ok(false));
        nothing(b.from(0).tag(5));
        if !early {
            send(&a, 1, 5, 1);
            nothing(b.from(0).tag(7));
        }
        for from in [b.from(0), b.from_any(), b.from(0).tag(5), b.from_any().tag_masked(1, 1)] {
            nothing(from);
            assert_eq!(from.peek(), Ok(None));
            assert!(from.drain().next().expect("sound").is_none());
        }
        finish(&mut sending, b.from(0));
        assert_eq!(take(b.from(0)), 1);
    }
}

#[test]
fn another_kind_overtakes_an_announced_message() {
    let (_scratch, [a, b]) = two(64);
    let mut sending = begin(&a, &b, 5);
    send(&a, 1, 6, 1);
    a.loan(8).expect("room").commit(8).tag(6).send(1).expect("room");
    a.to(1).tag(6).try_send(&pattern(1000, 1)).expect("room");
    assert_eq!(take(b.from(0).tag(6)), 1);
    assert_eq!(now(b.from_any().tag(6)).len(), 8);
    assert_eq!(now(b.from_any().tag(6)).to_vec(), pattern(1000, 1));
    finish(&mut sending, b.from(0));
}

#[test]
fn a_call_comes_after_an_announced_message_that_was_sent_before_it() {
    for request in [8, 100] {
        let (_scratch, [a, b]) = two(64);
        let mut sending = begin(&a, &b, 5);
        let call = a.to(1).within(Deadline::Now).start_call(&vec![1; request]).expect("room");
        send(&a, 1, 6, 1);
        nothing(b.from(0).tag(7));
        nothing(b.from(0));
        nothing(b.from_any());
        finish(&mut sending, b.from(0));
        let mut numbers = 0;
        for _ in 0..2 {
            let mail = now(b.from(0));
            if mail.is_call() {
                mail.reply(b"yes").expect("a caller");
            } else {
                assert_eq!(mail.value(), Ok(1_u64));
                numbers += 1;
            }
        }
        assert_eq!((numbers, call.wait_within(GUARD).expect("an answer").to_vec()), (1, b"yes".to_vec()));
    }
}

#[test]
fn what_lacks_memory_keeps_nothing_back_that_comes_before_it() {
    let (_scratch, [a, b]) = two(64);
    b.set_budget(1000);
    send(&a, 1, 1, 1);
    let _sending = a.to(1).tag(2).announce(pattern(LONG, 1)).expect("room");
    send(&a, 1, 3, 3);
    let lacks = Some(RecvError::Broken(Broken::NoMemory { rank: 0, len: LONG as u64, left: 1000 }));
    assert_eq!(b.from_any().tag(2).try_recv().err(), lacks);
    nothing(b.from_any().tag(2));
    assert_eq!(take(b.from_any()), 1, "it came before");
    assert_eq!(take(b.from_any().tag(3)), 3);
    send(&a, 1, 3, 4);
    nothing(b.from_any());
    assert_eq!(b.from(0).try_recv().err(), lacks);
    assert_eq!(take(b.from(0).tag(3)), 4);
}

#[test]
fn only_what_was_handed_out_counts_as_redelivered() {
    let (_scratch, [a, b]) = two(64);
    (0..4).for_each(|number| send(&a, 1, number, number.into()));
    assert_eq!(b.from(0).tag(1).peek().expect("sound").map(|next| next.tag), Some(1));
    for count in 0..3 {
        let mail = now(b.from(0).tag(3));
        assert_eq!((mail.value(), mail.redelivered()), (Ok(3_u64), count));
        mail.requeue();
    }
    for number in [1, 0, 2] {
        let mail = now(b.from(0).tag(number));
        assert_eq!((mail.value(), mail.redelivered()), (Ok(u64::from(number)), 0), "nobody had it");
    }
    // What is moved out of the way is counted, too, once it was handed out.
    b.set_unread_budget(1 << 20);
    (0..63).for_each(|number| send(&a, 1, 1, number));
    nothing(b.from(0).tag(2));
    for number in 0..63u64 {
        for count in 0..3 {
            let mail = now(b.from(0).tag(1));
            assert_eq!((mail.value(), mail.redelivered()), (Ok(number), count));
            if count < 2 {
                mail.requeue();
            }
        }
        assert!(b.from(0).tag(2).peek().expect("sound").is_none());
    }
    assert_eq!(now(b.from(0)).redelivered(), 3);
}

#[test]
fn an_announced_message_that_was_passed_over_is_taken_in_after_another_one() {
    let (_scratch, [a, b]) = two(64);
    let mut first = a.to(1).tag(1).announce(pattern(LONG, 1)).expect("room");
    let mut second = a.to(1).tag(2).announce(pattern(LONG, 1)).expect("room");
    send(&a, 1, 3, 3);
    // So that messages up to this one may have been handed out.
    now(b.from(0).tag(3)).requeue();
    nothing(b.from(0).tag(1));
    nothing(b.from(0).tag(2));
    finish(&mut first, b.from(0).tag(1));
    finish(&mut second, b.from(0).tag(2));
    assert_eq!(take(b.from(0)), 3);
}

#[test]
fn what_is_fetched_by_hand_keeps_only_its_kind_back() {
    let (_scratch, [a, b]) = two(64);
    b.set_by_hand(true);
    let sendings = [1, 2].map(|tag| a.to(1).tag(tag).announce(pattern(LONG, 1)).expect("room"));
    let mut arrival = now(b.from(0).tag(1)).fetch();
    assert!(arrival.fetch_within(&mut [0; 8], SHORT).is_err(), "not before its sender waits");
    b.set_by_hand(false);
    // This one waits until the other was fetched.
    assert_eq!(b.from(0).tag(2).try_recv().err(), Some(RecvError::Held(0)));
    assert_eq!(b.from(0).tag(3).within(SHORT).recv().err(), Some(RecvError::Timeout));
    send(&a, 1, 3, 3);
    assert_eq!(take(b.from(0).tag(3)), 3);
    drop((arrival, sendings));
}

/// Changes the tag of a message of one byte that is in its cell.
fn label(wire: &Wire, at: u64, tag: u32) {
    let envelope = Envelope { tag, context: 0, epoch: 1, kind: Kind::Whole, place: Location::Inline(1) };
    wire.mailbox.mail.cells.at(at).envelope.store(envelope.pack(), Relaxed);
}

#[test]
fn a_peer_that_changes_a_tag_of_what_lies_unread_keeps_nobody() {
    let (scratch, region) = region(3, 64);
    let [a, b, other] = join(&region, [0, 1, 2]);
    let wire = Wire::new(&scratch, 0, 1);
    (0..3).for_each(|number| wire.push(Kind::Whole, &[number]));
    send(&other, 1, 5, 7);
    (0..2).for_each(|_| nothing(b.from(0).tag(5)));
    let label = |at, tag| label(&wire, at, tag);
    // It was 0 when it was passed over, and the second one is as it was.
    label(1, 1);
    nothing(b.from(0).tag(1));
    label(0, 1);
    label(1, 0);
    assert_eq!(now(b.from(0).tag(0)).to_vec(), [1]);
    label(2, 3);
    nothing(b.from(0).tag(0));
    kill_endpoint(a);
    // What is in no table under its tag is found by a receive of all.
    assert_eq!(b.from(0).tag(0).within(GUARD).recv().err(), Some(RecvError::Gone { rank: 0, died: true }));
    assert_eq!(take(b.from_any().tag(5)), 7);
    assert_eq!([now(b.from(0)).to_vec(), now(b.from(0)).to_vec()], [[0], [2]]);
    assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Gone { rank: 0, died: true }));
}

#[test]
fn a_peer_that_changes_a_tag_of_what_is_put_back_again_and_again_keeps_nothing() {
    let (scratch, region) = region(2, 64);
    let [_a, b] = join(&region, [0, 1]);
    let wire = Wire::new(&scratch, 0, 1);
    (0..3).for_each(|number| wire.push(Kind::Whole, &[number]));
    nothing(b.from(0).tag(9));
    for tag in 10..500 {
        label(&wire, 0, tag);
        now(b.from(0)).requeue();
        if tag % 7 == 0 {
            now(b.from(0).tag(tag)).requeue();
            nothing(b.from(0).tag(tag - 1));
        }
    }
    for (tag, number) in [(0, 1), (499, 0), (0, 2)] {
        assert_eq!(now(b.from(0).tag(tag)).to_vec(), [number]);
    }
    nothing(b.from(0));
}

#[test]
fn the_end_of_one_rank_is_told_when_no_more_of_that_tag_is_there() {
    for die in [false, true] {
        let (_scratch, [a, b]) = two(64);
        send(&a, 1, 1, 10);
        send(&a, 1, 2, 20);
        send(&a, 1, 1, 11);
        if die {
            kill_endpoint(a)
        } else {
            drop(a)
        }
        let gone = Some(RecvError::Gone { rank: 0, died: die });
        assert_eq!([take(b.from(0).tag(1)), take(b.from(0).tag(1))], [10, 11]);
        for _ in 0..3 {
            assert_eq!(b.from(0).tag(1).within(GUARD).recv().err(), gone);
        }
        assert_eq!(take(b.from(0)), 20);
        assert_eq!(b.from(0).within(GUARD).recv().err(), gone);
    }
}

#[test]
fn an_end_is_told_once_from_anyone_whatever_lies_unread() {
    let (_scratch, region) = region(3, 64);
    let [a, b, other] = join(&region, [0, 1, 2]);
    send(&a, 1, 2, 20);
    drop(a);
    assert_eq!(b.from_any().tag(1).within(GUARD).recv().err(), Some(left(0)));
    assert_eq!(b.from_any().tag(1).within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(take(b.from_any()), 20);
    assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "it was told");
    // A pool that waits for results hears of a worker that never spoke.
    kill_endpoint(other);
    let died = RecvError::Gone { rank: 2, died: true };
    assert_eq!(b.from_any().tag(1).within(GUARD).recv().err(), Some(died));
    nothing(b.from_any());
}

#[test]
fn events_and_loops_give_what_receives_by_tag_left() {
    let (_scratch, [a, b]) = two(64);
    assert!(matches!(b.next_event_within(GUARD), Ok(Event::Joined { rank: 0, .. })));
    (0..3).for_each(|number| send(&a, 1, 1, number));
    nothing(b.from_any().tag(2));
    assert_eq!(b.from_any().peek().expect("sound").map(|next| next.seq), Some(0));
    assert!(common::wait_any(&[&b], GUARD).expect("mail") == Some(0));
    assert!(matches!(b.next_event_within(GUARD), Ok(Event::Mail(mail)) if mail.value() == Ok(0_u64)));
    drop(a);
    assert_eq!(b.from_any().tag(2).within(GUARD).recv().err(), Some(left(0)));
    // It was told; and nobody is alone as long as there is mail.
    let numbers: Vec<u64> =
        b.until_alone().map(|mail| mail.expect("mail").value().expect("a number")).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_panic_leaves_a_mail_in_its_place() {
    let (_scratch, [a, b]) = two(64);
    (0..9).for_each(|number| send(&a, 1, (number % 3) as u32, number));
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _mail = now(b.from(0).tag(1));
        let _other = now(b.from_any().tag(2));
        resume_unwind(Box::new("on purpose"));
    }));
    assert!(result.is_err());
    assert_eq!([take(b.from(0)), take(b.from(0).tag(2)), take(b.from(0).tag(2))], [0, 2, 5]);
    assert_eq!([(); 4].map(|()| take(b.from_any())), [1, 3, 4, 6]);
}

#[test]
fn a_successor_has_all_that_was_left_in_order() {
    let (_scratch, region) = region(2, 64);
    let [a, b] = join(&region, [0, 1]);
    (0..20).for_each(|number| send(&a, 1, (number % 4) as u32, number));
    (0..5).for_each(|at| assert_eq!(take(b.from(0).tag(2)), 4 * at + 2));
    drop(b);
    // Room is given back in order: so what was taken from between comes again, and says so.
    let b = region.join(1).expect("free");
    for number in 0..20u64 {
        let mail = now(b.from(0));
        assert_eq!(mail.value(), Ok(number));
        assert_eq!(mail.redelivered(), u32::from(number <= 18), "{number}");
    }
    nothing(b.from(0));
}

#[test]
fn one_that_waits_by_tag_hears_of_deaths_and_is_interrupted_while_others_chatter() {
    let (_scratch, region) = region(4, 64);
    let [a, b, chatters, late] = join(&region, [0, 1, 2, 3]);
    b.set_unread_budget(1 << 30);
    let interrupter = b.interrupter();
    let (say, hear) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0.. {
                if hear.try_recv().is_ok() || chatters.to(1).tag(1).within(GUARD).send(&[0; 8]).is_err() {
                    return;
                }
                if number == 1000 {
                    interrupter.interrupt();
                }
            }
        });
        assert_eq!(b.from_any().tag(2).within(GUARD).recv().err(), Some(RecvError::Interrupted));
        kill_endpoint(a);
        let died = |rank| Some(RecvError::Gone { rank, died: true });
        assert_eq!(b.from_any().tag(2).within(GUARD).recv().err(), died(0));
        kill_endpoint(late);
        assert_eq!(b.from(3).tag(2).within(GUARD).recv().err(), died(3));
        assert_eq!(b.from_any().tag(2).within(GUARD).recv().err(), died(3));
        assert_eq!(
            b.from_any().tag(2).within(Duration::from_millis(5)).recv().err(),
            Some(RecvError::Timeout)
        );
        say.send(()).expect("it chatters");
        // It may be waiting for room.
        drop(b);
    });
}

#[test]
fn an_end_that_a_receive_by_tag_was_told_is_told_to_a_successor_after_what_was_left() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let [me, peer] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    peer.to(0).tag(1).send(b"left").expect("room");
    drop(peer);
    let gone = RecvError::Gone { rank: 1, died: false };
    assert_eq!(me.from_any().tag(2).recv().err(), Some(gone));
    drop(me);
    let me = region.join(0).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"left");
    assert_eq!(me.from_any().within(GUARD).recv().err(), Some(gone));
}

#[test]
fn a_small_message_that_is_longer_than_any_may_be_is_corrupt_also_when_it_was_passed_over() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(16).max_message(16));
    let [_a, b] = join(&region, [0, 1]);
    let wire = Wire::new(&scratch, 0, 1);
    (0..2).for_each(|number: u8| wire.push(Kind::Whole, &[number; 16]));
    wire.push(Kind::Whole, &[2; 48]);
    // They have tag 0. The second look finds none of those that were passed over.
    (1..3).for_each(|tag| nothing(b.from(0).tag(tag)));
    for number in 0..2 {
        assert_eq!(now(b.from(0).tag(0)).to_vec(), [number; 16]);
    }
    assert_eq!(b.from(0).tag(0).try_recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
}
