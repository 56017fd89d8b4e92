//! Announced messages as mails: assembled, and left unread; and those that no honest sender sends.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, Scratch, memory, pattern};
use mailbox::lab::abi::Kind;
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Broken, Config, Deadline, Endpoint, FetchError, Mail, RecvError};
use std::thread;

const ARENA: u64 = 4096;
const CELLS: u32 = 64;

/// A receiver, rank 1, and a wire to it from rank 0, whose holder lives and is silent.
struct Scene {
    wire: Wire,
    b: Endpoint,
    _a: Endpoint,
    scratch: Scratch,
}

fn scene() -> Scene {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(CELLS).arena(ARENA));
    let wire = Wire::new(&scratch, 0, 1);
    Scene { wire, b: region.join(1).expect("free"), _a: region.join(0).expect("free"), scratch }
}

impl Scene {
    /// The next mail, the bytes of which the wire sends as they are wanted.
    fn next(&self) -> Mail<'_> {
        for _ in 0..1000 {
            match self.b.try_recv() {
                Ok(Some(mail)) => return mail,
                told => assert!(told.is_ok(), "{told:?}"),
            }
            self.wire.serve();
        }
        panic!("no mail");
    }

    fn expect_nothing(&self) {
        assert!(self.b.try_recv().is_ok_and(|mail| mail.is_none()));
    }

    fn drops(&self) -> u64 {
        self.scratch.open().inspect().mailboxes[0].drops
    }

    fn unread(&self) -> u64 {
        self.scratch.open().inspect().mailboxes[0].unread
    }
}

// --- Assembled ---------------------------------------------------------------------------------------------

#[test]
fn an_assembled_mail_is_read_in_every_way() {
    let scene = scene();
    let message = pattern(256, 1);
    for _ in 0..2 {
        scene.wire.announce(&message);
        let mail = scene.next();
        assert_eq!((mail.from(), mail.len(), mail.is_empty(), mail.announced()), (0, 256, false, None));
        assert_eq!(mail.to_vec(), message);
        #[expect(unsafe_code, reason = "what is tested")]
        // SAFETY: the bytes are this process' own.
        let slice = unsafe { mail.as_slice() };
        assert_eq!(slice, message);
        for offset in [0, 1, 99, 100, 157, 255, 256, 257, usize::MAX] {
            for room in [0, 1, 8, 256, 400] {
                let mut buffer = vec![0; room];
                let count = mail.read_at(offset, &mut buffer);
                assert_eq!(count, 256_usize.saturating_sub(offset).min(room));
                assert_eq!(buffer[..count], message[offset.min(256)..][..count]);
            }
        }
        assert_eq!(mail.value::<[u8; 256]>().expect("256 bytes")[..], message);
        assert_eq!(mail.value::<u64>().err().map(|error| error.len), Some(256));
        assert_eq!(scene.unread(), 0, "acknowledged already");
        assert_eq!(mail.into_vec(), message);
        scene.expect_nothing();
    }
}

#[test]
fn assembled_mails_are_held_side_by_side() {
    let scene = scene();
    let messages: Vec<_> = (0..5).map(|seed| pattern(100 + seed, seed)).collect();
    messages.iter().for_each(|message| scene.wire.announce(message));
    let mut mails: Vec<_> = messages.iter().map(|_| scene.next()).collect();
    drop(mails.remove(1));
    assert_eq!(mails.remove(2).into_vec(), messages[3]);
    for (mail, at) in mails.into_iter().zip([0, 2, 4]) {
        assert_eq!(mail.into_vec(), messages[at]);
    }
}

#[test]
fn an_assembled_mail_that_is_left_is_the_next_again() {
    let scene = scene();
    let message = pattern(100, 3);
    for _ in 0..3 {
        scene.wire.announce(&message);
        scene.wire.push(Kind::Whole, b"after");
        scene.next().requeue();
        assert_eq!(scene.next().to_vec(), message);
        assert_eq!(scene.next().to_vec(), b"after");
        scene.expect_nothing();
    }
}

#[test]
fn mails_of_both_kinds_that_are_left_come_again_in_order() {
    let scene = scene();
    let (first, second) = (pattern(100, 3), pattern(90, 4));
    scene.wire.push(Kind::Whole, b"one");
    scene.wire.push(Kind::Whole, b"two");
    scene.wire.announce(&first);
    scene.wire.push(Kind::Whole, b"three");
    scene.wire.announce(&second);
    let expected = [b"one", b"two", first.as_slice(), b"three", second.as_slice()];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 1, 2, 0]] {
        let mut mails: Vec<_> = (0..5).map(|_| Some(scene.next())).collect();
        scene.expect_nothing();
        for at in order {
            mails[at].take().expect("each once").requeue();
        }
    }
    for message in expected {
        assert_eq!(scene.next().to_vec(), message);
    }
    scene.expect_nothing();
}

#[test]
fn a_mail_that_is_left_comes_before_one_that_is_taken_in() {
    let scene = scene();
    scene.wire.push(Kind::Whole, b"before");
    let before = scene.next();
    scene.wire.announce(&pattern(100_000, 1));
    scene.expect_nothing();
    before.requeue();
    assert_eq!(scene.b.try_recv().unwrap().expect("mail").to_vec(), b"before");
    assert_eq!(scene.next().to_vec(), pattern(100_000, 1));
    assert_eq!(scene.drops(), 0);
}

#[test]
fn a_mail_that_is_left_within_a_row_of_a_drain_comes_before_the_rest_of_it() {
    let scene = scene();
    scene.wire.announce(&pattern(256, 1));
    let mail = scene.next();
    (0..20u8).for_each(|number| scene.wire.push(Kind::Whole, &[number]));
    let mut drain = scene.b.drain();
    for number in 0..3 {
        assert_eq!(drain.next().expect("sound").expect("it was sent").to_vec(), [number]);
    }
    mail.requeue();
    assert!(drain.next().expect("sound").is_none(), "a receive gives it");
    drop(drain);
    assert_eq!(scene.next().to_vec(), pattern(256, 1));
    assert_eq!(scene.next().to_vec(), [3]);
}

#[test]
fn what_follows_waits_and_others_mail_passes() {
    let scene = scene();
    let c = scene.scratch.open().join(2).expect("a free rank");
    scene.wire.announce(&pattern(100_000, 1));
    scene.wire.push(Kind::Whole, b"after");
    for round in 0..3u8 {
        c.send(1, &[round]).expect("room");
        let mail = scene.b.try_recv().unwrap().expect("mail");
        assert_eq!((mail.from(), mail.to_vec()), (2, vec![round]));
        scene.expect_nothing();
    }
    assert_eq!(scene.next().to_vec(), pattern(100_000, 1));
    assert_eq!(scene.next().to_vec(), b"after");
}

#[test]
fn a_receive_that_is_interrupted_goes_on_later() {
    let scene = scene();
    scene.wire.announce(&pattern(100, 1));
    scene.expect_nothing();
    scene.b.interrupter().interrupt();
    assert_eq!(scene.b.from_any().within(GUARD).recv().err(), Some(RecvError::Interrupted));
    assert_eq!(scene.next().to_vec(), pattern(100, 1));
}

#[test]
fn one_that_begins_as_a_whole_is_not_fetched_by_hand() {
    let scene = scene();
    scene.wire.announce(&pattern(100, 1));
    scene.wire.announce(&pattern(100, 2));
    scene.expect_nothing();
    scene.b.set_by_hand(true);
    assert_eq!(scene.next().to_vec(), pattern(100, 1));
    assert_eq!(scene.next().announced(), Some(100));
    scene.expect_nothing();
}

#[test]
fn a_left_message_that_was_assembled_is_nobodys_after_its_receiver() {
    let scene = scene();
    scene.wire.announce(&pattern(100, 1));
    scene.wire.push(Kind::Whole, b"after");
    scene.next().requeue();
    let Scene { b, _a, scratch, wire: _ } = scene;
    drop(b);
    let b = scratch.open().join(1).expect("a free rank");
    assert_eq!(b.recv().expect("mail").to_vec(), b"after");
}

#[test]
fn what_is_fetched_by_hand_takes_no_memory_of_ones_own() {
    const LEN: usize = 32 << 20;
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(16).arena(1 << 16));
    let a = region.join(0).expect("free");
    thread::scope(|scope| {
        let b = region.join(1).expect("free");
        b.set_by_hand(true);
        let message = pattern(LEN, 1);
        let expected = &message.clone();
        scope.spawn(move || a.send(1, &message).expect("a receiver"));
        let (mut next, mut buffer) = (0, vec![0; 1 << 16]);
        let before = memory("RssAnon");
        let mut arrival = b.recv().expect("an announcement").fetch();
        while next < LEN {
            let count = arrival.fetch(&mut buffer).expect("more");
            assert!(buffer[..count] == expected[next..next + count]);
            next += count;
        }
        assert_eq!(arrival.fetch(&mut buffer), Ok(0));
        assert!(memory("RssAnon") < before + LEN / 4);
    });
}

// --- What no honest sender sends ---------------------------------------------------------------------------

#[test]
fn what_is_claimed_takes_no_memory_before_it_arrives() {
    let scene = scene();
    let (space, before) = (memory("VmData"), memory("RssAnon"));
    for _ in 0..1000 {
        let seq = scene.wire.claim(1 << 30);
        scene.expect_nothing();
        scene.wire.producer.retract(seq);
        scene.expect_nothing();
    }
    assert!(memory("RssAnon") < before + (1 << 26), "a part of what one claims");
    assert!(memory("VmData") < space + (1 << 30) + (1 << 29), "what one claims, reserved once");
    assert_eq!((scene.drops(), scene.unread()), (1000, 0));
}

#[test]
fn what_contradicts_itself_is_corrupt_and_others_go_on() {
    type Write = fn(&Wire);
    let serve = |wire: &Wire, produced: u64| {
        let wanted = wire.mailbox.transfer.wanting.id.load(Relaxed);
        wire.mailbox.transfer.serving.id.store(wanted, Relaxed);
        wire.mailbox.transfer.serving.produced.store(produced, Relaxed);
    };
    let writes: [(&str, Write, u64); 8] = [
        ("above the limit", |wire| _ = wire.claim((1 << 30) + 1), 0),
        ("far above the limit", |wire| _ = wire.claim(u64::MAX), 0),
        ("more than announced", |wire| _ = wire.claim(100), 101),
        ("more than the ring has", |wire| _ = wire.claim(1 << 20), (256 << 10) + 1),
        ("less than nothing", |wire| _ = wire.claim(100), u64::MAX),
        ("an announcement that is none", |wire| wire.push(Kind::Announced, b"1234567"), 0),
        ("one in the arena", |wire| wire.push(Kind::Announced, &[0; 100]), 0),
        (
            "a kind that nobody knows",
            |wire| {
                wire.push(Kind::Whole, b"x");
                let cell = wire.mailbox.mail.cells.at(0);
                cell.envelope.store(cell.envelope.load(Relaxed) | 15 << 6, Relaxed);
            },
            0,
        ),
    ];
    for (what, write, produced) in writes {
        for by_hand in [false, true] {
            let scene = scene();
            scene.b.set_by_hand(by_hand);
            let c = scene.scratch.open().join(2).expect("a free rank");
            write(&scene.wire);
            let error = loop {
                match scene.b.try_recv() {
                    Ok(Some(mail)) => {
                        assert!(by_hand && mail.announced().is_some(), "{what}");
                        let mut arrival = mail.fetch();
                        assert_eq!(
                            arrival.fetch_within(&mut [0; 8], Deadline::Now),
                            Err(FetchError::Timeout(0)),
                            "{what}"
                        );
                        serve(&scene.wire, produced);
                        match arrival.fetch_within(&mut [0; 8], Deadline::Now).expect_err(what) {
                            FetchError::Broken(broken) => break RecvError::from(broken),
                            other => panic!("{what}: {other}"),
                        }
                    }
                    Ok(None) => serve(&scene.wire, produced),
                    Err(error) => break error,
                }
            };
            assert_eq!(error, RecvError::Broken(Broken::Corrupt(0)), "{what}");
            c.send(1, b"good").expect("room");
            assert_eq!(scene.b.recv().expect("mail").to_vec(), b"good", "{what}");
            assert_eq!(
                scene.b.from(0).try_recv().err(),
                Some(RecvError::Broken(Broken::Corrupt(0))),
                "{what}"
            );
            scene.expect_nothing();
        }
    }
}

#[test]
fn a_receivers_words_that_make_no_sense_harm_that_receiver_alone() {
    let scene = scene();
    let (a, message) = (&scene._a, pattern(1 << 20, 1));
    // The wire's part is the receiver's here.
    let slot = &Wire::new(&scene.scratch, 0, 2).mailbox.transfer;
    let mut sending = a.to(2).announce(message.as_slice()).expect("a rank");
    for id in [1, 1 << 48 | 1, u64::MAX, 77, 0] {
        for consumed in [0, 1, 1 << 20, u64::MAX, 1 << 63] {
            slot.wanting.consumed.store(consumed, Relaxed);
            slot.wanting.id.store(id, Relaxed);
            assert_eq!(sending.is_received(), Ok(false));
        }
    }
    drop(sending);
    a.send(2, b"next").expect("room");
    let c = scene.scratch.open().join(2).expect("a free rank");
    assert_eq!(c.recv().expect("mail").to_vec(), b"next");
}
