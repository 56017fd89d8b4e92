//! Announced messages: one life to one life, whole or not at all, in the order that their receiver wants.
#![cfg(not(loom))]

mod common;

use common::{GUARD, SHORT, Scratch, pattern};
use mailbox::{Broken, Config, Deadline, Endpoint, FetchError, RecvError, SendError};
use std::io::Read;
use std::mem::forget;
use std::thread;
use std::time::Duration;

const ARENA: u64 = 16 << 10;
const LONG: usize = 1 << 20;

fn pair(cells: u32) -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(cells).arena(ARENA));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (scratch, a, b)
}

#[test]
fn messages_around_every_boundary_arrive() {
    for cells in [2, 4, 64] {
        let (_scratch, a, b) = pair(cells);
        let ring = 256 << 10;
        let sizes: Vec<usize> = [ARENA as usize / 2, 32 << 10, ring, ring + (32 << 10), 2 * ring]
            .iter()
            .flat_map(|border| [-1, 0, 1, 7, 8, 9].map(|more| border.strict_add_signed(more)))
            .chain([10, 1_000_003, 0])
            .collect();
        thread::scope(|scope| {
            let sizes = &sizes;
            scope.spawn(move || {
                for (seed, size) in sizes.iter().enumerate() {
                    a.send(1, &pattern(*size, seed)).expect("a receiver");
                }
            });
            for (seed, size) in sizes.iter().enumerate() {
                let mail = b.recv().expect("mail");
                assert_eq!((mail.from(), mail.len(), mail.seq()), (0, *size, seed as u64));
                assert!(mail.to_vec() == pattern(*size, seed), "{size} bytes");
            }
        });
    }
}

#[test]
fn thirty_two_of_ten_mebibytes_are_received_in_reverse() {
    const COUNT: usize = 32;
    const SIZE: usize = 10 << 20;
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let sender = thread::spawn(move || {
        let bytes = pattern(SIZE + COUNT, 0);
        let mut all: Vec<_> =
            (0..COUNT).map(|at| a.to(1).announce(&bytes[at..at + SIZE]).expect("a receiver")).collect();
        for small in 0..COUNT as u64 {
            a.send(1, &small.to_ne_bytes()).expect("a receiver");
        }
        all.iter_mut().try_for_each(|sending| sending.wait())
    });
    b.set_by_hand(true);
    let mut mails: Vec<_> =
        (0..COUNT).map(|_| b.from_any().within(GUARD).recv().expect("an announcement")).collect();
    assert!(mails.iter().all(|mail| mail.announced() == Some(SIZE as u64) && mail.is_empty()));
    let bytes = pattern(SIZE + COUNT, 0);
    let mut buffer = vec![0; SIZE];
    for at in (0..COUNT).rev() {
        let mut arrival = mails.pop().expect("one for each").fetch();
        arrival.read_exact(&mut buffer).expect("all of it");
        assert!(buffer == bytes[at..at + SIZE], "message {at}");
        // Small ones go on in between.
        let small = b.from_any().within(GUARD).recv().expect("a small one");
        assert_eq!(small.value(), Ok((COUNT - 1 - at) as u64));
    }
    assert_eq!(sender.join().expect("no panic"), Ok(()));
    assert_eq!(b.try_recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
}

#[test]
fn what_is_dropped_is_refused_and_what_is_given_up_never_comes() {
    let (_scratch, a, b) = pair(64);
    b.set_by_hand(true);
    let mut sendings: Vec<_> =
        (0..4).map(|seed| a.to(1).announce(pattern(LONG, seed)).expect("a receiver")).collect();
    let mails: Vec<_> = (0..4).map(|_| b.try_recv().unwrap().expect("an announcement")).collect();
    let mut mails = mails.into_iter();
    // One is dropped, one given up after its announcement was received.
    drop(mails.next());
    assert_eq!(sendings[0].is_received(), Err(SendError::Refused(1)));
    assert_eq!(sendings[0].wait(), Err(SendError::Refused(1)), "said again");
    drop(sendings.remove(1));
    let mut arrival = mails.next().expect("the second").fetch();
    assert_eq!(arrival.fetch_within(&mut [0; 8], GUARD), Err(FetchError::Cut(0)));
    drop(arrival);
    // One is refused in the middle of it, and one given up there.
    let mut buffer = vec![0; 1000];
    let mut begin = |mail: mailbox::Mail<'_>, sending: &mut mailbox::Sending<'_>| {
        let mut arrival = mail.fetch();
        assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
        assert_eq!(sending.is_received(), Ok(false));
        assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Ok(1000));
        (arrival.left(), arrival.refuse()).0
    };
    assert_eq!(begin(mails.next().expect("the third"), &mut sendings[1]), LONG as u64 - 1000);
    assert_eq!(sendings[1].is_received(), Err(SendError::Refused(1)));
    let mut arrival = mails.next().expect("the fourth").fetch();
    assert_eq!(arrival.fetch_within(&mut [0; 8], Deadline::Now), Err(FetchError::Timeout(0)));
    assert_eq!(sendings[2].is_received(), Ok(false));
    assert_eq!(arrival.fetch_within(&mut [0; 8], Deadline::Now), Ok(8));
    drop(sendings);
    let mut rest = Vec::new();
    assert!(arrival.read_to_end(&mut rest).is_err());
    drop(arrival);
    // Whole ones follow, and another announced one.
    a.send(1, b"next").expect("room");
    assert_eq!(b.recv().expect("mail").to_vec(), b"next");
    let mut sending = a.to(1).announce(b"short").expect("a receiver");
    let mut arrival = b.recv().expect("an announcement").fetch();
    assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    assert_eq!(sending.is_received(), Ok(false));
    assert_eq!(
        (arrival.fetch_within(&mut buffer, Deadline::Now), &buffer[..5]),
        (Ok(5), b"short".as_slice())
    );
    drop(arrival);
    assert_eq!(sending.wait(), Ok(()));
}

#[test]
fn one_at_a_time_is_fetched() {
    let (_scratch, a, b) = pair(64);
    b.set_by_hand(true);
    let _sendings: Vec<_> =
        (0..2).map(|seed| a.to(1).announce(pattern(LONG, seed)).expect("a receiver")).collect();
    let (first, second) = (b.recv().expect("one"), b.recv().expect("another"));
    let (mut first, mut second) = (first.fetch(), second.fetch());
    let mut buffer = [0; 8];
    assert_eq!(first.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    assert_eq!(second.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Held(0)));
    drop(first);
    assert_eq!(second.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    // One that is not fetched by hand would have to wait, too.
    b.set_by_hand(false);
    let _third = a.to(1).announce(pattern(LONG, 3)).expect("a receiver");
    assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Held(0)));
    drop(second);
    assert_eq!(b.from(0).within(Duration::ZERO).recv().err(), Some(RecvError::Timeout));
}

#[test]
fn a_buffer_is_filled_without_memory_in_between_or_the_mail_stays() {
    let (_scratch, a, b) = pair(64);
    b.set_budget(0);
    let message = &pattern(LONG, 1);
    thread::scope(|scope| {
        scope.spawn(move || {
            a.send(1, message).expect("a receiver");
            a.send(1, b"small").expect("room");
            a.send(1, &[]).expect("room");
        });
        let mut buffer = vec![0; LONG + 8];
        let too_small = Err(RecvError::Misfit { rank: 0, len: LONG as u64 });
        for _ in 0..2 {
            assert_eq!(b.from(0).within(GUARD).recv_into(&mut buffer[..LONG - 1]), too_small);
        }
        assert_eq!(b.from(0).within(GUARD).recv_into(&mut buffer), Ok((0, LONG)));
        assert!(buffer[..LONG] == *message);
        assert_eq!(b.from(0).recv_into(&mut buffer[..4]), Err(RecvError::Misfit { rank: 0, len: 5 }));
        assert_eq!((b.from(0).recv_into(&mut buffer), &buffer[..5]), (Ok((0, 5)), b"small".as_slice()));
        assert_eq!(b.from(0).recv_into(&mut []), Ok((0, 0)));
        assert_eq!(b.from(2).within(Duration::ZERO).recv_into(&mut buffer), Err(RecvError::Timeout));
    });
}

#[test]
fn an_announced_message_of_no_bytes_is_received() {
    let (_scratch, a, b) = pair(8);
    for by_hand in [false, true] {
        b.set_by_hand(by_hand);
        let mut sending = a.to(1).announce([]).expect("a receiver");
        let mail = loop {
            match b.try_recv() {
                Ok(Some(mail)) => break mail,
                told => assert!(told.is_ok(), "{told:?}"),
            }
        };
        assert_eq!(mail.announced(), by_hand.then_some(0));
        let mut arrival = mail.fetch();
        assert_eq!(arrival.fetch(&mut [0; 8]), Ok(0));
        drop(arrival);
        assert_eq!(sending.is_received(), Ok(true));
    }
}

#[test]
fn announced_messages_go_on_while_their_sender_waits_for_mail() {
    let (_scratch, a, b) = pair(8);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mail = b.recv().expect("mail");
            assert!(mail.into_vec() == pattern(LONG, 2));
            b.send(0, b"thanks").expect("room");
        });
        let _sending = a.to(1).announce(pattern(LONG, 2)).expect("a receiver");
        assert_eq!(a.from_any().within(GUARD).recv().expect("mail").to_vec(), b"thanks");
    });
}

#[test]
fn a_handler_that_panics_sees_the_announcement_again_or_refuses_what_it_began_with() {
    let (_scratch, a, b) = pair(8);
    b.set_by_hand(true);
    let mut sending = a.to(1).announce(pattern(LONG, 2)).expect("a receiver");
    let panicked = thread::scope(|scope| {
        let b = &b;
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = scope;
            let _arrival = b.recv().expect("an announcement").fetch();
            std::panic::resume_unwind(Box::new(()));
        }))
    });
    assert!(panicked.is_err());
    assert_eq!(sending.is_received(), Ok(false));
    let mail = b.try_recv().unwrap().expect("again");
    assert!(mail.redelivered() == 1 && mail.announced() == Some(LONG as u64));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut arrival = mail.fetch();
        assert_eq!(arrival.fetch_within(&mut [0; 8], Deadline::Now), Err(FetchError::Timeout(0)));
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert_eq!(sending.is_received(), Err(SendError::Refused(1)));
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn sixty_four_are_announced_and_one_more_waits() {
    let (_scratch, a, b) = pair(128);
    let mut sendings: Vec<_> = (0..64).map(|seed| a.to(1).announce([seed; 3]).expect("a receiver")).collect();
    assert_eq!(a.to(1).within(Deadline::Now).announce([7]).err(), Some(SendError::Full(1)));
    assert_eq!(a.to(1).within(Duration::ZERO).send(&pattern(LONG, 1)), Err(SendError::Timeout(1)));
    b.set_by_hand(true);
    drop(b.recv().expect("an announcement"));
    assert_eq!(sendings[0].is_received(), Err(SendError::Refused(1)));
    let _more = a.to(1).within(Deadline::Now).announce([7]).expect("room for one");
    assert_eq!(a.to(1).within(Deadline::Now).announce([7]).err(), Some(SendError::Full(1)));
}

#[test]
fn what_was_announced_to_one_life_is_no_later_ones() {
    let (scratch, a, b) = pair(64);
    let mut sending = a.to(1).announce(pattern(100, 1)).expect("a receiver");
    drop(b);
    let b = scratch.open().join(1).expect("free");
    // It asks before the sender knows.
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    assert_eq!(sending.is_received(), Err(SendError::Gone { rank: 1, died: true }));
    for _ in 0..2 {
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        // No mail; the end of the life before, once.
        assert!(!matches!(a.try_recv(), Ok(Some(_))));
    }
    a.send(1, b"next").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"next");
}

#[test]
fn a_successor_does_not_wait_for_what_its_predecessor_had() {
    let (scratch, a, b) = pair(64);
    a.send(1, b"held").expect("room");
    let _first = a.to(1).announce(pattern(100, 1)).expect("a receiver");
    let mut second = a.to(1).announce(pattern(100, 2)).expect("a receiver");
    b.set_by_hand(true);
    forget(b.recv().expect("mail"));
    let mut arrival = b.recv().expect("an announcement").fetch();
    let mut buffer = [0; 200];
    assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    assert_eq!(second.is_received(), Ok(false));
    assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Ok(100));
    drop(arrival);
    let mut arrival = b.recv().expect("an announcement").fetch();
    assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    forget(arrival);
    drop(b);
    let b = scratch.open().join(1).expect("free");
    assert_eq!(b.try_recv().unwrap().expect("again").to_vec(), b"held");
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()), "it asks for the first, perhaps");
    assert_eq!(second.is_received(), Err(SendError::Gone { rank: 1, died: true }));
    a.send(1, b"after").expect("room");
    assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"after");
}

#[test]
fn an_announcement_that_is_left_beside_another_that_is_taken_in_is_no_hindrance() {
    let (_scratch, a, b) = pair(64);
    b.set_by_hand(true);
    let mut first = a.to(1).announce(pattern(100, 1)).expect("a receiver");
    let mut second = a.to(1).announce(pattern(100, 2)).expect("a receiver");
    let mail = b.recv().expect("an announcement");
    b.set_by_hand(false);
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    mail.requeue();
    // It comes before the other one, and is taken in after that.
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    assert_eq!(second.is_received(), Ok(false));
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    assert_eq!((first.is_received(), second.is_received()), (Ok(false), Ok(true)));
    let mail = b.try_recv().unwrap().expect("the first");
    assert_eq!((mail.to_vec(), mail.redelivered()), (pattern(100, 1), 1));
    let mail = b.try_recv().unwrap().expect("the second");
    assert_eq!((mail.to_vec(), mail.redelivered()), (pattern(100, 2), 0));
    assert_eq!(first.is_received(), Ok(true));
}

#[test]
fn a_message_that_cannot_be_received_to_a_buffer_now_stays() {
    let (_scratch, a, b) = pair(64);
    b.set_by_hand(true);
    let mut first = a.to(1).announce(pattern(100, 1)).expect("a receiver");
    let mut second = a.to(1).announce(pattern(100, 2)).expect("a receiver");
    let mut arrival = b.recv().expect("an announcement").fetch();
    let mut buffer = [0; 200];
    assert_eq!(arrival.fetch_within(&mut buffer, Deadline::Now), Err(FetchError::Timeout(0)));
    assert_eq!(b.from(0).recv_into(&mut buffer), Err(RecvError::Held(0)));
    drop(arrival);
    assert_eq!(first.is_received(), Err(SendError::Refused(1)));
    thread::scope(|scope| {
        let received = scope.spawn(move || b.from(0).within(GUARD).recv_into(&mut buffer));
        assert_eq!(second.wait_within(GUARD), Ok(()));
        assert_eq!(received.join().expect("a thread"), Ok((0, 100)));
    });
}

#[test]
fn a_receive_to_a_buffer_goes_on_when_the_message_is_given_up_meanwhile() {
    type Receive = fn(&Endpoint) -> Result<(u32, u64), RecvError>;
    let into = |b: &Endpoint| {
        let mut buffer = vec![0; LONG];
        let (rank, len) = b.from(0).within(GUARD).recv_into(&mut buffer)?;
        Ok((rank, u64::from_ne_bytes(buffer[..len].try_into().expect("a number"))))
    };
    let into_slice = |b: &Endpoint| {
        let mut numbers = vec![0u64; LONG / 8];
        let (rank, count) = b.from_any().within(GUARD).recv_into_slice(&mut numbers)?;
        assert_eq!(count, 1);
        Ok((rank, numbers[0]))
    };
    let value = |b: &Endpoint| b.from(0).within(GUARD).recv_value::<u64>().map(|value| (0, value));
    let cases: [(Receive, usize); 3] = [(into, LONG), (into_slice, LONG), (value, 8)];
    for (receive, len) in cases {
        let (scratch, a, b) = pair(64);
        b.set_by_hand(true);
        let sending = a.to(1).announce(pattern(len, 1)).expect("a receiver");
        thread::scope(|scope| {
            let received = scope.spawn(move || receive(&b));
            // It has asked for the message.
            scratch.wait_until_receiver_sleeps(1);
            drop(sending);
            a.to(1).send_value(&7u64).expect("room");
            assert_eq!(received.join().expect("a thread"), Ok((0, 7)));
        });
    }
}

#[test]
fn what_is_given_up_does_not_prolong_a_receive_to_a_buffer() {
    let (scratch, a, b) = pair(64);
    let sending = a.to(1).announce(pattern(LONG, 1)).expect("a receiver");
    thread::scope(|scope| {
        let received = scope.spawn(move || b.from(0).within(SHORT).recv_into(&mut vec![0; LONG]));
        scratch.wait_until_receiver_sleeps(1);
        drop(sending);
        assert_eq!(received.join().expect("a thread"), Err(RecvError::Timeout));
    });
}

#[test]
fn a_buffer_takes_what_the_budget_has_no_room_for() {
    let (_scratch, a, b) = pair(64);
    b.set_budget(0);
    thread::scope(|scope| {
        scope.spawn(move || a.to(1).within(GUARD).send(&pattern(LONG, 1)).expect("a receiver"));
        assert!(matches!(
            b.from_any().within(GUARD).recv().err(),
            Some(RecvError::Broken(Broken::NoMemory { .. }))
        ));
        assert_eq!(b.from_any().within(Duration::from_millis(50)).recv().err(), Some(RecvError::Timeout));
        let mut buffer = vec![0; LONG];
        assert_eq!(b.from_any().within(GUARD).recv_into(&mut buffer), Ok((0, LONG)));
        assert!(buffer == pattern(LONG, 1));
    });
}
