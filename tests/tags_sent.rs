//! Each message carries the tag that its sender gave it, however it is sent.
#![cfg(not(loom))]

mod common;

use common::{GUARD, Scratch, pattern};
use mailbox::{Config, Deadline, Endpoint, SendError};
use std::thread::{self, JoinHandle};

const ARENA: u64 = 1024;
/// In the cell, in the arena, and announced.
const LENGTHS: [usize; 5] = [0, 48, 49, ARENA as usize / 2, ARENA as usize];
const TAGS: [u32; 5] = [0, 1, 0x8000_0000, 0x0001_0000, u32::MAX];

fn pair() -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(64).arena(ARENA).loans(1 << 20));
    let [a, b] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    (scratch, a, b)
}

/// Each tag with each length.
fn all() -> impl Iterator<Item = (usize, u32)> {
    LENGTHS.into_iter().flat_map(|len| TAGS.map(|tag| (len, tag)))
}

/// Sends them from another thread, which gives back the endpoint.
fn send_all<E: Send + 'static>(
    endpoint: E,
    send: fn(&E, u32, &[u8]) -> Result<(), SendError>,
) -> JoinHandle<E> {
    thread::spawn(move || {
        for (len, tag) in all() {
            send(&endpoint, tag, &pattern(len, tag as usize)).expect("a receiver");
        }
        endpoint
    })
}

/// All arrive in order, each with its tag.
fn expect_all(b: &Endpoint) {
    for (len, tag) in all() {
        let mail = b.from_any().within(GUARD).recv().expect("mail");
        assert_eq!((mail.tag(), mail.len()), (tag, len));
        assert!(mail.to_vec() == pattern(len, tag as usize), "{len} bytes");
    }
}

#[test]
fn a_message_of_any_length_carries_its_tag() {
    let (_scratch, a, b) = pair();
    let sender = send_all(a, |a, tag, bytes| a.to(1).tag(tag).send(bytes));
    expect_all(&b);
    let a = sender.join().expect("no panic");
    a.send(1, b"none").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").tag(), 0);
    // The last one is said.
    a.to(1).tag(1).tag(2).within(Deadline::Now).send(b"two").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").tag(), 2);
}

#[test]
fn synchronous_ones_do() {
    let (_scratch, a, b) = pair();
    let sender = send_all(a, |a, tag, bytes| a.to(1).sync().tag(tag).send(bytes));
    expect_all(&b);
    sender.join().expect("no panic");
}

#[test]
fn announced_ones_do_before_they_are_fetched_too() {
    let (_scratch, a, b) = pair();
    b.set_by_hand(true);
    let sendings: Vec<_> =
        TAGS.iter().map(|tag| a.to(1).tag(*tag).announce(pattern(5000, 1)).expect("room")).collect();
    let tags: Vec<_> =
        TAGS.iter().map(|_| b.from_any().within(GUARD).recv().expect("an announcement").tag()).collect();
    assert_eq!(tags, TAGS);
    drop(sendings);
}

#[test]
fn those_of_a_batch_do() {
    let (_scratch, a, b) = pair();
    // In cells and in the arena, which these do not fill.
    let some = [(0, 7), (8, 0), (48, u32::MAX), (8, 9), (64, 10), (8, 0)];
    for _ in 0..3 {
        let batch = a.batch();
        some.iter().for_each(|(len, tag)| a.to(1).tag(*tag).try_send(&vec![1; *len]).expect("room"));
        drop(batch);
        let mut drain = b.drain();
        for (len, tag) in some {
            let message = drain.next().expect("no error").expect("a message");
            assert_eq!((message.len(), message.tag()), (len, tag));
        }
    }
}

#[test]
fn loans_do() {
    let (_scratch, a, b) = pair();
    let block = a.loan(100).expect("a loan").commit(100);
    block.send(1).expect("room");
    let block = block.tag(7);
    block.send(1).expect("room");
    block.send_within(1, Deadline::Now).expect("room");
    block.tag(u32::MAX).send(1).expect("room");
    let tags = [(); 4].map(|()| b.from_any().within(GUARD).recv().expect("mail").tag());
    assert_eq!(tags, [0, 7, 7, u32::MAX]);
}

#[test]
fn each_half_and_a_shared_endpoint_do() {
    let (_scratch, a, b) = pair();
    let (sender, receiver) = a.into_split();
    sender.to(1).tag(3).send(b"half").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").tag(), 3);
    let shared = sender.reunite(receiver).expect("one endpoint").into_shared();
    let sender = send_all(shared, |shared, tag, bytes| shared.to(1).tag(tag).send(bytes));
    expect_all(&b);
    let shared = sender.join().expect("no panic");
    shared.to(1).tag(5).try_send(b"now").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").tag(), 5);
}

#[test]
fn a_call_carries_none() {
    let (_scratch, a, b) = pair();
    for request in [&b"on the line"[..], &[7; 100]] {
        let call = a.to(1).tag(9).start_call(request).expect("room");
        let mail = b.from_any().within(GUARD).recv().expect("a call");
        assert_eq!((mail.tag(), mail.is_call()), (0, true));
        mail.reply(b"yes").expect("a caller");
        assert_eq!(*call.wait().expect("an answer"), *b"yes");
    }
}

#[test]
fn a_message_that_comes_again_keeps_its_tag() {
    let (_scratch, a, b) = pair();
    [8, 100].into_iter().for_each(|len| a.to(1).tag(len as u32).send(&vec![1; len]).expect("room"));
    for _ in 0..2 {
        let mail = b.from_any().within(GUARD).recv().expect("mail");
        assert_eq!(mail.tag(), 8);
        mail.requeue();
    }
    // To another life of the receiver, too.
    let region = b.region().clone();
    drop(b);
    let b = region.join(1).expect("free");
    assert_eq!([(); 2].map(|()| b.from_any().within(GUARD).recv().expect("mail").tag()), [8, 100]);
}
