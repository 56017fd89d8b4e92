//! Values and slices of plain data, sent and received.
#![cfg(not(loom))]

mod common;

use bytemuck::{Pod, Zeroable};
use common::{GUARD, Scratch};
use mailbox::{Config, Deadline, Endpoint, RecvError, SendError};
use std::thread;

const ARENA: u64 = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Order {
    price: f64,
    count: u32,
    kind: u32,
}

const ORDER: Order = Order { price: 7.25, count: 100, kind: 3 };

fn pair() -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(64).arena(ARENA));
    let [a, b] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    (scratch, a, b)
}

#[test]
fn a_value_arrives_with_its_tag() {
    let (_scratch, a, b) = pair();
    a.to(1).tag(7).send_value(&ORDER).expect("room");
    let mail = b.recv().expect("mail");
    assert_eq!((mail.tag(), mail.len(), mail.value()), (7, 16, Ok(ORDER)));
    mail.ack();
    a.to(1).send_value(&ORDER).expect("room");
    a.to(1).send_value(&[ORDER; 32]).expect("room");
    assert_eq!(b.from(0).within(GUARD).recv_value(), Ok(ORDER));
    assert_eq!(b.from_any().within(GUARD).recv_value(), Ok([ORDER; 32]));
    assert_eq!(b.from(0).within(Deadline::Now).recv_value::<u8>(), Err(RecvError::Timeout));
    // All of them are acknowledged: the cells are free.
    for number in 0..1000u64 {
        a.to(1).within(Deadline::Now).send_value(&number).expect("room");
        assert_eq!(b.from(0).within(GUARD).recv_value(), Ok(number));
    }
}

#[test]
fn a_slice_arrives_in_front_of_a_longer_one() {
    let (_scratch, a, b) = pair();
    for count in [0, 1, 3, 16, 50] {
        let orders: Vec<_> = (0..count).map(|count| Order { count, ..ORDER }).collect();
        a.to(1).send_slice(&orders).expect("room");
        let mut buffer = [Order::zeroed(); 50];
        assert_eq!(b.from_any().within(GUARD).recv_into_slice(&mut buffer), Ok((0, count as usize)));
        assert_eq!(buffer[..count as usize], orders);
        assert!(buffer[count as usize..].iter().all(|order| *order == Order::zeroed()));
    }
}

#[test]
fn what_does_not_fit_stays_and_is_received_next() {
    let (_scratch, a, b) = pair();
    // In the cell, and in the arena.
    for len in [9u64, 300] {
        a.send(1, &vec![7; len as usize]).expect("room");
        a.send(1, b"next").expect("room");
        let misfit = RecvError::Misfit { rank: 0, len };
        let me = b.from(0).within(GUARD);
        for _ in 0..2 {
            assert_eq!(me.recv_value::<u64>(), Err(misfit), "shorter or longer");
            assert_eq!(me.recv_value::<[u64; 2]>(), Err(misfit));
            assert_eq!(me.recv_value::<[u8; 512]>(), Err(misfit));
            assert_eq!(me.recv_into_slice(&mut [0u64; 100]), Err(misfit), "bytes beyond the last");
            assert_eq!(me.recv_into_slice(&mut vec![0u8; len as usize - 1]), Err(misfit), "too many");
            assert_eq!(me.recv_into(&mut vec![0u8; len as usize - 1]), Err(misfit));
        }
        let mail = me.recv().expect("mail");
        assert_eq!((mail.to_vec(), mail.redelivered()), (vec![7; len as usize], 0));
        mail.ack();
        assert_eq!(me.recv_value(), Ok(*b"next"));
    }
}

#[test]
fn values_of_no_bytes_are_messages_without_bytes() {
    let (_scratch, a, b) = pair();
    a.to(1).send_value(&()).expect("room");
    a.to(1).send_slice(&[(); 5]).expect("room");
    a.send(1, b"x").expect("room");
    assert_eq!(b.from(0).within(GUARD).recv_value(), Ok(()));
    assert_eq!(b.from(0).within(GUARD).recv_into_slice(&mut [(); 9]), Ok((0, 0)));
    let misfit = RecvError::Misfit { rank: 0, len: 1 };
    assert_eq!(b.from(0).within(GUARD).recv_value::<()>(), Err(misfit));
    assert_eq!(b.from(0).within(GUARD).recv_into_slice(&mut [(); 9]), Err(misfit));
    assert_eq!(b.from(0).within(GUARD).recv_value(), Ok(*b"x"));
}

/// Above the eager limit, taken in as a whole or fetched by hand.
#[test]
fn long_ones_go_like_any() {
    const COUNT: usize = 100_000;
    for is_by_hand in [false, true] {
        let (_scratch, a, b) = pair();
        b.set_by_hand(is_by_hand);
        let sender = thread::spawn(move || {
            let numbers: Vec<u64> = (0..COUNT as u64).collect();
            a.to(1).send_slice(&numbers).expect("a receiver");
            a.to(1).send_value(&[9u8; 4096]).expect("a receiver");
            a.to(1).send_value(&[8u8; 4096])
        });
        let me = b.from(0).within(GUARD);
        let misfit = RecvError::Misfit { rank: 0, len: 8 * COUNT as u64 };
        let mut numbers = vec![0u64; COUNT];
        assert_eq!(me.recv_into_slice(&mut numbers[1..]), Err(misfit));
        assert_eq!(me.recv_value::<u64>(), Err(misfit));
        assert_eq!(me.recv_value::<()>(), Err(misfit));
        assert_eq!(me.recv_into_slice(&mut numbers), Ok((0, COUNT)));
        assert!((0..).zip(&numbers).all(|(at, number)| at == *number));
        assert_eq!(me.recv_value(), Ok([9u8; 4096]));
        // It is refused, and its sender is told.
        let mail = me.recv().expect("mail");
        assert_eq!(mail.announced(), is_by_hand.then_some(4096));
        drop(mail);
        let told = sender.join().expect("no panic");
        assert_eq!(told, if is_by_hand { Err(SendError::Refused(1)) } else { Ok(()) });
    }
}
