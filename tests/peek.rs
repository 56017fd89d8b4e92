//! A look at the next message, which stays.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::{GUARD, join, left, recv, region};
use mailbox::{RecvFrom, Source};
use std::thread;

#[test]
fn what_was_looked_at_is_taken_next() {
    let (_scratch, region) = region(4);
    let [me, a, b, c] = join(&region, [0, 1, 2, 3]);
    assert_eq!(me.from_any().peek(), Ok(None));
    let mut dice = Dice(number("PEEK_SEED", 3));
    // More than a turn, in cells and beside them.
    for number in 0..200u64 {
        for other in [&a, &b, &c] {
            let len = [8, 48, 49, 300][dice.below(4) as usize];
            let mut bytes = vec![0; len];
            bytes[..8].copy_from_slice(&number.to_ne_bytes());
            // A full mailbox is no matter here.
            let _ = other.try_send(0, &bytes);
        }
    }
    let mut seen = 0;
    loop {
        let source = match dice.below(4) {
            0 => Source::Rank(1 + dice.below(3) as u32),
            _ => Source::Anyone,
        };
        let mut next = None;
        for _ in 0..dice.below(3) {
            next = me.from(source).peek().expect("a look");
            assert_eq!(me.from(source).peek(), Ok(next));
        }
        let Ok(Some(mail)) = me.from(source).try_recv() else {
            assert_eq!(next, None);
            if source == Source::Anyone {
                break;
            }
            continue;
        };
        seen += 1;
        assert_eq!(mail.redelivered(), 0);
        if let Some(next) = next {
            let is = (mail.from(), mail.len() as u64, mail.seq(), mail.epoch(), mail.is_call());
            assert_eq!((next.from, next.len, next.seq, next.epoch, next.is_call), is);
        }
    }
    let unread: u64 = region.inspect().mailboxes.iter().map(|mailbox| mailbox.unread).sum();
    assert!(seen > 100 && unread == 0, "{seen}, {unread}");
}

#[test]
fn a_look_tells_no_end_and_an_announcement_by_its_length() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    me.set_by_hand(true);
    let sending = a.to(0).announce([7; 3000]).expect("room");
    let next = me.from(1).peek().expect("a look").expect("an announcement");
    assert_eq!((next.len, next.is_call), (3000, false));
    assert_eq!(me.from_any().within(GUARD).recv().expect("the same").announced(), Some(3000));
    drop(sending);
    drop(a);
    assert_eq!(me.from(1).peek(), Ok(None));
    assert_eq!(me.from_any().peek(), Ok(None));
    assert!(me.from(9).peek().is_err());
    assert_eq!(recv(&me), Err(left(1)));
}

#[test]
fn what_a_look_has_shown_is_received_and_nothing_else() {
    let (_scratch, region) = region(3);
    let [me, peer, other] = join(&region, [0, 1, 2]);
    for (tag, text) in [(1, "a"), (2, "b"), (1, "c")] {
        peer.to(0).tag(tag).send(text.as_bytes()).expect("room");
    }
    other.send(0, &[7; 500]).expect("room");
    let look = |from: RecvFrom<'_>| from.peek().expect("no error").expect("a message");
    let shown = [look(me.from(1).tag(2)), look(me.from(2)), look(me.from(1))];
    let tags_and_lengths = shown.map(|envelope| (envelope.from, envelope.tag, envelope.len));
    assert_eq!(tags_and_lengths, [(1, 2, 1), (2, 0, 500), (1, 1, 1)]);
    for (envelope, text) in shown.iter().zip([vec![b'b'], vec![7; 500], vec![b'a']]) {
        let mail = me.from_any().recv_peeked(envelope).expect("no error").expect("it is there");
        assert_eq!((mail.to_vec(), mail.redelivered()), (text, 0));
        assert!(me.from_any().recv_peeked(envelope).expect("no error").is_none(), "it is held");
        drop(mail);
        assert!(me.from_any().recv_peeked(envelope).expect("no error").is_none(), "it is received");
    }
    assert_eq!(me.recv().expect("mail").to_vec(), b"c");
}

#[test]
fn a_call_and_a_large_message_that_a_look_has_shown_are_received() {
    let (_scratch, region) = region(2);
    let [me, peer] = join(&region, [0, 1]);
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            peer.to(0).tag(3).send(&vec![5; 2 << 20]).expect("received");
            peer.call(0, b"question").expect("an answer").to_vec()
        });
        for is_call in [false, true] {
            let seen = loop {
                if let Some(seen) = me.from(1).peek().expect("no error") {
                    break seen;
                }
                thread::yield_now();
            };
            let mail = me.from_any().recv_peeked(&seen).expect("no error").expect("it is there");
            assert_eq!((mail.is_call(), mail.len()), (is_call, if is_call { 8 } else { 2 << 20 }));
            if is_call {
                mail.reply(b"answer").expect("a caller");
            }
        }
        assert_eq!(peer.join().expect("a thread"), b"answer");
    });
}
