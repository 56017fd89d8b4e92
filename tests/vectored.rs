//! Messages that are sent in pieces: what arrives is the pieces, one after the other.
#![cfg(not(loom))]

mod common;

use common::{GUARD, Scratch, pattern};
use mailbox::{Config, Deadline, Endpoint, SendError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::io::IoSlice;
use std::thread;

const ARENA: usize = 2048;
/// The longest message that lies whole.
const WHOLE: usize = ARENA / 2;
/// Bytes of the ring that longer ones go through.
const RING: usize = 256 << 10;

fn pair() -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(64).arena(ARENA as u64).max_message(4 * RING as u64));
    let [a, b] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    assert_eq!(region.eager_limit(), WHOLE as u64);
    (scratch, a, b)
}

/// How the pieces of a message are sent.
type Send<'a> = dyn Fn(&Message, &[IoSlice<'_>]) -> Result<(), SendError> + 'a;

#[derive(Debug, Clone, Copy)]
enum How {
    Plain,
    Sync,
    Batch,
}

#[derive(Debug, Clone)]
struct Message {
    len: usize,
    /// Where it is cut.
    cuts: Vec<Index>,
    tag: u32,
    how: How,
}

/// Lengths about those at which a message goes another way.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..70usize,
        4 => WHOLE - 20..WHOLE + 20,
        1 => 0..2 * WHOLE,
        1 => RING - 20..RING + 20,
        1 => 0..3 * RING,
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let how = prop_oneof![Just(How::Plain), Just(How::Sync), Just(How::Batch)];
    (length(), vec(any::<Index>(), 0..8), any::<u32>(), how).prop_map(|(len, cuts, tag, how)| Message {
        len,
        cuts,
        tag,
        how,
    })
}

/// The pieces of `bytes`, cut there; some may be empty.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<IoSlice<'a>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| IoSlice::new(&bytes[ends[0]..ends[1]])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn any_split_of_any_bytes_arrives_as_the_whole(
        messages in vec(message(), 1..12),
        is_shared in any::<bool>(),
    ) {
        let (_scratch, a, b) = pair();
        let sent = messages.clone();
        let sender = thread::spawn(move || {
            let send_all = |send: &Send<'_>| {
                for (seed, message) in sent.iter().enumerate() {
                    let bytes = pattern(message.len, seed);
                    send(message, &pieces(&bytes, &message.cuts)).expect("a receiver");
                }
            };
            if is_shared {
                let a = a.into_shared();
                send_all(&|message, pieces| a.to(1).tag(message.tag).send_vectored(pieces));
            } else {
                send_all(&|message, pieces| {
                    let to = a.to(1).tag(message.tag);
                    match message.how {
                        How::Plain => to.send_vectored(pieces),
                        How::Sync => to.sync().send_vectored(pieces),
                        How::Batch => {
                            let _batch = a.batch();
                            a.send(1, b"before")?;
                            to.send_vectored(pieces)
                        }
                    }
                });
            }
        });
        for (seed, Message { len, tag, how, .. }) in messages.iter().enumerate() {
            if !is_shared && matches!(how, How::Batch) {
                prop_assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"before");
            }
            let mail = b.from_any().within(GUARD).recv().expect("mail");
            prop_assert_eq!((mail.len(), mail.tag()), (*len, *tag));
            prop_assert!(mail.to_vec() == pattern(*len, seed), "{} bytes", len);
        }
        sender.join().expect("no panic");
    }
}

#[test]
fn pieces_of_one_byte_each_arrive() {
    let (_scratch, a, b) = pair();
    let lengths = [0, 1, 48, 49, WHOLE, WHOLE + 1, RING + 100];
    let sender = thread::spawn(move || {
        for len in lengths {
            let bytes = pattern(len, 3);
            let pieces: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
            a.to(1).send_vectored(&pieces).expect("a receiver");
        }
    });
    for len in lengths {
        let mail = b.from_any().within(GUARD).recv().expect("mail");
        assert!(mail.to_vec() == pattern(len, 3), "{len} bytes");
    }
    sender.join().expect("no panic");
}

#[test]
fn limits_are_those_of_the_sum() {
    let (_scratch, a, b) = pair();
    let half = vec![1; 2 * RING];
    let too_long = [IoSlice::new(&half), IoSlice::new(&half), IoSlice::new(b"x")];
    let too_large = SendError::TooLarge { len: 4 * RING as u64 + 1, limit: 4 * RING as u64 };
    assert_eq!(a.to(1).send_vectored(&too_long), Err(too_large));
    assert_eq!(a.to(1).sync().send_vectored(&too_long), Err(too_large));
    // One that is not waited for lies whole.
    let pieces = [IoSlice::new(&half[..WHOLE]), IoSlice::new(b"x")];
    let too_large = SendError::TooLarge { len: WHOLE as u64 + 1, limit: WHOLE as u64 };
    let now = a.to(1).within(Deadline::Now);
    assert_eq!(now.send_vectored(&pieces), Err(too_large));
    let full = (0..).find_map(|_| now.send_vectored(&pieces[..1]).err());
    assert_eq!(full, Some(SendError::Full(1)));
    let sent = a.into_shared();
    assert_eq!(sent.to(1).within(Deadline::Now).send_vectored(&pieces), Err(too_large));
    drop(b);
}

/// A rank that sends itself what takes a receiver would wait for itself.
#[test]
fn to_oneself_above_the_eager_limit_is_an_error_at_once() {
    let (_scratch, a, _b) = pair();
    let bytes = [7; WHOLE + 1];
    let too_large = Err(SendError::TooLarge { len: WHOLE as u64 + 1, limit: WHOLE as u64 });
    assert_eq!(a.send(0, &bytes), too_large);
    assert_eq!(a.to(0).sync().send(&bytes), too_large);
    assert_eq!(
        a.to(0).tag(1).within(GUARD).send_vectored(&[&bytes[..1], &bytes[1..]].map(IoSlice::new)),
        too_large
    );
    assert_eq!(a.to(0).announce(bytes).err(), too_large.err());
    // Up to the limit it is mail like any.
    a.to(0).tag(5).send_vectored(&[&bytes[..1], &bytes[2..]].map(IoSlice::new)).expect("room");
    let mail = a.recv().expect("mail");
    assert_eq!((mail.from(), mail.len(), mail.tag()), (0, WHOLE, 5));
}

#[test]
fn to_oneself_above_it_it_goes_if_another_thread_has_the_other_half() {
    let (_scratch, a, _b) = pair();
    let (sender, receiver) = a.into_split();
    let receiving = thread::spawn(move || {
        let mail = receiver.from(0).within(GUARD).recv().expect("mail");
        mail.to_vec()
    });
    let bytes = pattern(3 * WHOLE, 1);
    let pieces: Vec<_> = bytes.chunks(WHOLE - 1).map(IoSlice::new).collect();
    sender.to(0).within(GUARD).send_vectored(&pieces).expect("a receiver");
    assert!(receiving.join().expect("no panic") == bytes);
}
