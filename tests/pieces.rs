//! Messages above half the arena as mails: assembled, left unread, or in pieces; and those that no honest
//! sender sends.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, SHORT, Scratch, memory, pattern};
use mailbox::lab::abi::Kind;
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Config, Endpoint, Mail, RecvError};
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
    /// A message in fragments of these lengths.
    fn train(&self, message: &[u8], lens: &[usize]) {
        self.wire.first(message.len() as u64);
        let mut rest = message;
        for len in lens {
            let part;
            (part, rest) = rest.split_at(*len);
            self.wire.push(if rest.is_empty() { Kind::Last } else { Kind::More }, part);
        }
    }

    fn next(&self) -> Mail<'_> {
        self.b.try_recv().expect("mail")
    }

    fn expect_nothing(&self) {
        assert_eq!(self.b.try_recv().err(), Some(RecvError::Empty));
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
        scene.train(&message, &[100, 57, 51, 48]);
        let mail = scene.next();
        assert_eq!((mail.from(), mail.len(), mail.is_empty(), mail.piece()), (0, 256, false, None));
        assert_eq!(mail.to_vec(), message);
        #[expect(unsafe_code, reason = "what is tested")]
        // SAFETY: the bytes are this process' own.
        let slice = unsafe { mail.as_slice() };
        assert_eq!(slice, message);
        for offset in [0, 1, 99, 100, 157, 255, 256, 257, usize::MAX] {
            for room in [0, 1, 8, 256, 400] {
                let mut buffer = vec![0; room];
                let count = mail.copy_from(offset, &mut buffer);
                assert_eq!(count, 256_usize.saturating_sub(offset).min(room));
                assert_eq!(buffer[..count], message[offset.min(256)..][..count]);
            }
        }
        assert_eq!(mail.read::<[u8; 256]>().expect("256 bytes")[..], message);
        assert_eq!(mail.read::<u64>().err().map(|error| error.len), Some(256));
        assert_eq!(scene.unread(), 0, "acknowledged already");
        assert_eq!(mail.into_vec(), message);
        scene.expect_nothing();
    }
}

#[test]
fn assembled_mails_are_held_side_by_side() {
    let scene = scene();
    let messages: Vec<_> = (0..5).map(|seed| pattern(100 + seed, seed)).collect();
    messages.iter().for_each(|message| scene.train(message, &[60, message.len() - 60]));
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
        scene.train(&message, &[60, 40]);
        scene.wire.push(Kind::Whole, b"after");
        scene.next().leave();
        assert_eq!(scene.b.try_recv_from(0).expect("mail").to_vec(), message);
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
    scene.train(&first, &[60, 40]);
    scene.wire.push(Kind::Whole, b"three");
    scene.train(&second, &[60, 30]);
    let expected = [b"one", b"two", first.as_slice(), b"three", second.as_slice()];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 1, 2, 0]] {
        let mut mails: Vec<_> = (0..5).map(|_| Some(scene.next())).collect();
        scene.expect_nothing();
        for at in order {
            mails[at].take().expect("each once").leave();
        }
    }
    for message in expected {
        assert_eq!(scene.next().to_vec(), message);
    }
    scene.expect_nothing();
}

#[test]
fn a_mail_that_is_left_does_not_end_a_train_that_came_after_it() {
    for pieces in [false, true] {
        let scene = scene();
        scene.b.set_pieces(pieces);
        scene.wire.push(Kind::Whole, b"before");
        let before = scene.next();
        scene.wire.first(100);
        scene.wire.push(Kind::More, &[1; 60]);
        if pieces {
            assert_eq!(scene.next().len(), 60);
        } else {
            scene.expect_nothing();
        }
        before.leave();
        assert_eq!(scene.next().to_vec(), b"before");
        scene.wire.push(Kind::Last, &[2; 40]);
        let rest = if pieces { vec![2; 40] } else { [vec![1; 60], vec![2; 40]].concat() };
        assert_eq!(scene.next().to_vec(), rest);
        assert_eq!(scene.drops(), 0);
    }
}

#[test]
fn a_left_message_that_was_assembled_is_nobodys_after_its_receiver() {
    let Scene { wire, b, _a, scratch } = scene();
    wire.first(100);
    wire.push(Kind::More, &[1; 60]);
    wire.push(Kind::Last, &[1; 40]);
    wire.push(Kind::Whole, b"after");
    b.recv().expect("mail").leave();
    drop(b);
    let b = scratch.open().join(1).expect("a free rank");
    assert_eq!(b.recv().expect("mail").to_vec(), b"after");
}

// --- Pieces ------------------------------------------------------------------------------------------------

#[test]
fn pieces_add_up_and_say_where_they_lie() {
    let scene = scene();
    scene.b.set_pieces(true);
    let message = pattern(1000, 2);
    for seed in 0..3 {
        scene.wire.push(Kind::Whole, &[seed]);
        scene.train(&message, &[400, 1, 551, 48]);
        let whole = scene.next();
        assert_eq!((whole.piece(), whole.to_vec()), (None, vec![seed]));
        drop(whole);
        let mut bytes = Vec::new();
        for is_last in [false, false, false, true] {
            let mail = scene.next();
            let piece = mail.piece().expect("a piece");
            assert_eq!((piece.offset, piece.total, piece.is_last), (bytes.len() as u64, 1000, is_last));
            let mut end = [0; 8];
            let count = mail.copy_from(mail.len() - 1, &mut end);
            assert_eq!(end[..count], message[bytes.len() + mail.len() - 1..][..1]);
            bytes.extend(mail.into_vec());
        }
        assert_eq!(bytes, message);
        scene.expect_nothing();
        assert_eq!(scene.unread(), 0);
    }
}

#[test]
fn pieces_are_held_and_left_as_mails_are() {
    let scene = scene();
    scene.b.set_pieces(true);
    let message = pattern(200, 2);
    scene.train(&message, &[100, 60, 40]);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut pieces: Vec<_> = (0..3).map(|_| Some(scene.next())).collect();
        assert_eq!(scene.unread(), 3);
        for at in order {
            pieces[at].take().expect("each once").leave();
        }
    }
    let pieces: Vec<_> = (0..3).map(|_| scene.next()).collect();
    for (mail, (offset, len)) in pieces.iter().zip([(0, 100), (100, 60), (160, 40)]) {
        assert_eq!(mail.piece().map(|piece| piece.offset), Some(offset as u64));
        assert_eq!(mail.to_vec(), message[offset..offset + len]);
    }
    drop(pieces);
    scene.expect_nothing();
    assert_eq!(scene.unread(), 0);
}

#[test]
fn who_takes_pieces_is_told_once_that_the_rest_will_not_come() {
    for next in [Kind::Cut, Kind::Whole, Kind::First] {
        let scene = scene();
        scene.b.set_pieces(true);
        scene.wire.first(100);
        scene.wire.push(Kind::More, &[1; 60]);
        assert!(scene.next().piece().is_some_and(|piece| !piece.is_last));
        match next {
            Kind::Cut => scene.wire.push(Kind::Cut, b""),
            Kind::First => scene.train(&[7; 60], &[60]),
            _ => scene.wire.push(Kind::Whole, &[7; 60]),
        }
        assert_eq!(scene.b.try_recv().err(), Some(RecvError::Cut(0)), "{next:?}");
        if next != Kind::Cut {
            assert_eq!(scene.next().to_vec(), [7; 60]);
        }
        scene.expect_nothing();
        assert_eq!(scene.drops(), 1);
    }
}

#[test]
fn who_had_no_piece_is_not_told_that_there_will_be_none() {
    let scene = scene();
    scene.b.set_pieces(true);
    scene.wire.first(100);
    scene.wire.push(Kind::Cut, b"");
    scene.expect_nothing();
    scene.wire.first(100);
    scene.wire.push(Kind::Whole, b"next");
    assert_eq!(scene.next().to_vec(), b"next");
    assert_eq!(scene.drops(), 2);
}

#[test]
fn who_takes_whole_messages_is_not_told_of_those_that_will_not_come() {
    for next in [Kind::Cut, Kind::Whole, Kind::First] {
        let scene = scene();
        scene.wire.first(100);
        scene.wire.push(Kind::More, &[1; 60]);
        scene.expect_nothing();
        match next {
            Kind::Cut => scene.wire.push(Kind::Cut, b""),
            Kind::First => scene.train(&[7; 60], &[60]),
            _ => scene.wire.push(Kind::Whole, &[7; 60]),
        }
        if next != Kind::Cut {
            assert_eq!(scene.next().to_vec(), [7; 60]);
        }
        scene.expect_nothing();
        assert_eq!(scene.drops(), 1);
    }
}

#[test]
fn pieces_are_for_messages_that_begin_afterwards() {
    let scene = scene();
    scene.wire.first(100);
    scene.wire.push(Kind::More, &[1; 60]);
    scene.expect_nothing();
    scene.b.set_pieces(true);
    scene.wire.push(Kind::Last, &[2; 40]);
    assert_eq!(scene.next().to_vec(), [vec![1; 60], vec![2; 40]].concat());
    scene.train(&[3; 100], &[60, 40]);
    assert_eq!(scene.next().piece().map(|piece| piece.offset), Some(0));
    scene.b.set_pieces(false);
    assert_eq!(scene.next().piece().map(|piece| piece.offset), Some(60));
    scene.train(&[3; 100], &[60, 40]);
    assert_eq!(scene.next().to_vec(), [3; 100]);
}

#[test]
fn pieces_of_a_real_sender_take_no_memory_of_ones_own() {
    const LEN: usize = 32 << 20;
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(16).arena(1 << 16));
    let a = region.join(0).expect("free");
    thread::scope(|scope| {
        let b = region.join(1).expect("free");
        b.set_pieces(true);
        let message = pattern(LEN, 1);
        let expected = &message.clone();
        scope.spawn(move || a.send(1, &message).expect("a receiver"));
        let mut next = 0;
        let before = memory("RssAnon");
        while next < LEN {
            let mail = b.recv().expect("mail");
            #[expect(unsafe_code, reason = "as it would be done")]
            // SAFETY: the sender is honest.
            let bytes = unsafe { mail.as_slice() };
            assert_eq!(mail.piece().map(|piece| piece.offset), Some(next as u64));
            assert!(bytes == &expected[next..next + bytes.len()]);
            next += bytes.len();
        }
        assert!(memory("RssAnon") < before + LEN / 4);
    });
}

// --- What no honest sender sends ---------------------------------------------------------------------------

#[test]
fn what_is_claimed_takes_no_memory_before_it_arrives() {
    let scene = scene();
    let (space, before) = (memory("VmData"), memory("RssAnon"));
    for _ in 0..1000 {
        scene.wire.first(1 << 30);
        scene.wire.push(Kind::More, b"a few bytes");
        scene.expect_nothing();
    }
    assert!(memory("RssAnon") < before + (1 << 26), "a part of what one claims");
    assert!(memory("VmData") < space + (1 << 30) + (1 << 29), "what one claims, reserved once");
    assert_eq!(scene.drops(), 999);
}

#[test]
fn a_message_after_a_beginning_that_a_call_ended_with_ends_it() {
    let scene = scene();
    scene.wire.push(Kind::Whole, b"before");
    assert_eq!(scene.b.try_recv().expect("mail").to_vec(), b"before");
    scene.wire.first(100);
    assert_eq!(scene.b.try_recv().err(), Some(RecvError::Empty));
    scene.wire.push(Kind::Whole, b"after");
    assert_eq!(scene.b.try_recv().expect("mail").to_vec(), b"after");
    assert_eq!(scene.scratch.open().inspect().mailboxes[0].drops, 1);
}

#[test]
fn what_contradicts_itself_is_corrupt_and_others_go_on() {
    type Write = fn(&Wire);
    let writes: [(&str, Write); 9] = [
        ("above the limit", |wire| wire.first((1 << 30) + 1)),
        ("far above the limit", |wire| wire.first(u64::MAX)),
        ("more than announced", |wire| {
            wire.first(100);
            wire.push(Kind::More, &[0; 101]);
        }),
        ("all of it, and not the last", |wire| {
            wire.first(10);
            wire.push(Kind::More, &[0; 10]);
        }),
        ("nothing was announced", |wire| {
            wire.first(0);
            wire.push(Kind::More, b"");
        }),
        ("the last too early", |wire| {
            wire.first(100);
            wire.push(Kind::More, &[0; 60]);
            wire.push(Kind::Last, &[0; 39]);
        }),
        ("the last too long", |wire| {
            wire.first(100);
            wire.push(Kind::Last, &[0; 101]);
        }),
        ("a beginning that is no length", |wire| wire.push(Kind::First, b"1234567")),
        ("a kind that nobody knows", |wire| {
            wire.push(Kind::Whole, b"x");
            let cell = wire.mailbox.mail.cells.at(0);
            cell.envelope.store(cell.envelope.load(Relaxed) | 15 << 6, Relaxed);
        }),
    ];
    for (what, write) in writes {
        for pieces in [false, true] {
            let scene = scene();
            scene.b.set_pieces(pieces);
            let c = scene.scratch.open().join(2).expect("a free rank");
            write(&scene.wire);
            // Pieces before it are as good as any.
            let error = loop {
                match scene.b.recv_timeout(GUARD) {
                    Ok(mail) => assert!(pieces && mail.piece().is_some(), "{what}"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error, RecvError::Corrupt(0), "{what}");
            c.send(1, b"good").expect("room");
            assert_eq!(scene.b.recv().expect("mail").to_vec(), b"good", "{what}");
            assert_eq!(scene.b.try_recv_from(0).err(), Some(RecvError::Corrupt(0)), "{what}");
            scene.expect_nothing();
        }
    }
}

#[test]
fn fragments_without_a_beginning_are_dropped_and_counted_once() {
    let scene = scene();
    for round in 1..4 {
        scene.wire.push(Kind::More, &[0; 100]);
        scene.wire.push(Kind::More, b"");
        scene.wire.push(Kind::Last, b"end");
        scene.wire.push(Kind::Cut, b"");
        scene.wire.push(Kind::Whole, b"good");
        assert_eq!(scene.next().to_vec(), b"good");
        assert_eq!((scene.drops(), scene.unread()), (round, 0));
    }
}

#[test]
fn endless_fragments_without_a_beginning_keep_nobody_waiting_beyond_its_deadline() {
    let Scene { wire, b, _a, scratch } = scene();
    let region = scratch.open();
    let c = region.join(2).expect("a free rank");
    let is_over = &std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Relaxed) {
                let _ = wire.try_push(Kind::More, b"");
            }
        });
        // Ends the writer in a panic, too.
        struct Over<'a>(&'a std::sync::atomic::AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        let _over = Over(is_over);
        assert_eq!(b.recv_timeout(SHORT).err(), Some(RecvError::Timeout));
        assert_eq!(b.recv_from_timeout(0, SHORT).err(), Some(RecvError::Timeout));
        for _ in 0..1000 {
            assert_eq!(b.try_recv().err(), Some(RecvError::Empty));
        }
        c.send(1, b"good").expect("room");
        assert_eq!(b.recv().expect("mail").to_vec(), b"good", "from somebody else");
        b.interrupter().interrupt();
        assert_eq!(b.recv().err(), Some(RecvError::Interrupted));
    });
}
