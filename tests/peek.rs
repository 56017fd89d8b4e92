//! A look at the next message, which stays.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::{GUARD, join, left, recv, region};
use mailbox::Source;

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
