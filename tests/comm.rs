//! Communicators of all ranks.
#![cfg(not(loom))]

mod common;

use common::{GUARD, die};
use mailbox::{
    Broken, Comm, CommError, Config, Deadline, Endpoint, MailboxReport, RecvError, Region, Request,
    RequestError, SendError,
};
use std::array;
use std::thread;
use std::time::Duration;

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks).cells(16)).expect("a region")
}

fn endpoints<const N: usize>(region: &Region) -> [Endpoint; N] {
    array::from_fn(|rank| region.join(rank as u32).expect("a free rank"))
}

fn world(endpoint: &Endpoint) -> Comm<'_> {
    Comm::world_within(endpoint, GUARD).expect("all are there")
}

/// Each of these ranks does this in a thread of its own.
fn each<const N: usize>(endpoints: [Endpoint; N], does: impl Fn(&Endpoint) + Sync) -> [Endpoint; N] {
    let does = &does;
    thread::scope(|scope| {
        let threads = endpoints.map(|endpoint| {
            scope.spawn(move || {
                does(&endpoint);
                endpoint
            })
        });
        threads.map(|thread| thread.join().expect("a thread"))
    })
}

#[test]
fn all_ranks_exchange_messages() {
    each(endpoints::<5>(&region(5)), |me| {
        let comm = world(me);
        let (rank, size) = (comm.rank(), comm.size());
        assert_eq!((rank, size), (me.rank(), 5));
        for to in 0..size {
            comm.to(to).expect("it is there").tag(rank).send_value(&(rank * 10 + to)).expect("room");
        }
        for from in (0..size).rev() {
            let from_one = comm.from(from).expect("a member").tag(from).within(GUARD);
            assert_eq!(from_one.recv_value::<u32>(), Ok(from * 10 + rank));
        }
        assert!(comm.from_any().try_recv().expect("no error").is_none());
    });
}

#[test]
fn a_wildcard_takes_nothing_of_another_context() {
    let [me, peer] = endpoints::<2>(&region(2));
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let comm = world(&peer);
            comm.to(0).expect("it is there").send(b"inside").expect("room");
            peer.send(0, b"outside").expect("room");
            peer.call(0, b"question").expect("an answer").to_vec()
        });
        let comm = world(&me);
        // The first is left, and so is the call behind it.
        assert_eq!(me.from_any().within(GUARD).recv().expect("mail").to_vec(), b"outside");
        let call = me.recv().expect("a call");
        assert!(call.is_call());
        assert!(me.try_recv().expect("no error").is_none());
        call.reply(b"answer").expect("a caller");
        assert_eq!(comm.from_any().within(GUARD).recv().expect("mail").to_vec(), b"inside");
        assert_eq!(peer.join().expect("a thread"), b"answer");
    });
}

#[test]
fn who_is_missing_is_told_and_a_later_attempt_finds_all() {
    let region = region(4);
    let [zero, one] = endpoints::<2>(&region);
    let soon = || Deadline::from(Duration::from_millis(50));
    thread::scope(|scope| {
        let one = scope.spawn(move || {
            let missing = Comm::world_within(&one, soon()).err();
            assert_eq!(missing, Some(CommError::Missing { missing: 2, others: 1 }));
            assert_eq!(world(&one).size(), 4);
        });
        let missing = Comm::world_within(&zero, Duration::from_millis(300)).err();
        assert_eq!(missing, Some(CommError::Missing { missing: 2, others: 1 }));
        let late = [2, 3].map(|rank| region.join(rank).expect("a free rank"));
        let late = late.map(|endpoint| scope.spawn(move || assert_eq!(world(&endpoint).size(), 4)));
        let comm = world(&zero);
        assert_eq!(comm.size(), 4);
        one.join().expect("a thread");
        late.into_iter().for_each(|thread| thread.join().expect("a thread"));
        // What was said twice is not left.
        let unread = |mailbox: &MailboxReport| mailbox.to == 0 && mailbox.unread > 0;
        assert!(!zero.region().inspect().mailboxes.iter().any(unread), "what was said twice");
    });
}

#[test]
fn ranks_outside_are_refused() {
    each(endpoints::<2>(&region(2)), |me| {
        let comm = world(me);
        let outside = CommError::Broken(Broken::NoSuchRank { rank: 2, ranks: 2 });
        assert_eq!(
            (comm.to(2).err(), comm.from(2).err(), comm.rank_of(2).err()),
            (Some(outside), Some(outside), Some(outside))
        );
        assert_eq!((comm.member(1), comm.member(7), comm.rank_of(1)), (Some(1), None, Ok(1)));
        let broken = RequestError::Broken(Broken::NoSuchRank { rank: 5, ranks: 2 });
        assert_eq!(comm.send_receive(0, Some(5), b"x", None).err(), Some(broken));
        assert_eq!(RequestError::from(outside), Broken::NoSuchRank { rank: 2, ranks: 2 }.into());
        assert_eq!(std::io::Error::from(outside).kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(outside.to_string(), "there is no member 2: the communicator has members 0 to 1");
    });
}

#[test]
fn a_member_that_ended_is_named_and_its_successor_is_no_member() {
    for dies in [false, true] {
        let region = region(3);
        let [zero, one, two] = endpoints::<3>(&region);
        thread::scope(|scope| {
            let ended = scope.spawn(move || {
                world(&two).to(0).expect("it is there").send(b"last").expect("room");
                if dies { die(two) } else { drop(two) }
            });
            let other = scope.spawn(move || {
                world(&one).to(0).expect("it is there").tag(5).send(b"go on").expect("room");
                one
            });
            let comm = world(&zero);
            let from = comm.from(2).expect("a member").within(GUARD);
            assert_eq!(from.recv().expect("its last message").to_vec(), b"last");
            ended.join().expect("a thread");
            let successor = region.join(2).expect("free");
            successor.send(0, b"of another life").expect("room");
            let died = RecvError::Gone { rank: 2, died: true };
            for _ in 0..2 {
                // One that was replaced counts as dead.
                assert_eq!(from.recv().err(), Some(died));
            }
            assert_eq!(comm.to(2).err(), Some(CommError::Gone { rank: 2, died: true }));
            assert_eq!(comm.from(1).expect("a member").recv().expect("mail").to_vec(), b"go on");
            // All that are there now make another one, and it has its own context.
            let one = other.join().expect("a thread");
            let others = [one, successor].map(|endpoint| {
                scope.spawn(move || {
                    world(&endpoint).to(0).expect("it is there").send(b"second").expect("room")
                })
            });
            let second = world(&zero);
            assert!(!matches!(comm.from_any().try_recv(), Ok(Some(_))), "it is not for this one");
            for member in [1, 2] {
                let from = second.from(member).expect("a member").within(GUARD);
                assert_eq!(from.recv().expect("mail").to_vec(), b"second");
            }
            others.into_iter().for_each(|thread| thread.join().expect("a thread"));
            assert_eq!(zero.from(2).recv().expect("mail").to_vec(), b"of another life");
        });
    }
}

#[test]
fn the_edge_of_a_grid_has_nobody_beside_it() {
    each(endpoints::<4>(&region(4)), |me| {
        let comm = world(me);
        let (rank, size) = (comm.rank(), comm.size());
        let (left, right) = (rank.checked_sub(1), Some(rank + 1).filter(|rank| *rank < size));
        for round in 0..50u32 {
            let mine = [rank, round].map(u32::to_ne_bytes).concat();
            let from_left = comm.send_receive(1, right, mine.clone(), left).expect("nobody ends");
            let from_right = comm.send_receive(2, left, mine, right).expect("nobody ends");
            assert_eq!(from_left.map(|mail| mail.value()), left.map(|rank| Ok([rank, round])));
            assert_eq!(from_right.map(|mail| mail.value()), right.map(|rank| Ok([rank, round])));
        }
    });
}

#[test]
fn a_wanted_message_is_not_kept_away_by_others() {
    let [me, peer] = endpoints::<2>(&region(2));
    const COUNT: u32 = 100_000;
    thread::scope(|scope| {
        scope.spawn(move || {
            let comm = world(&peer);
            let to = comm.to(0).expect("it is there");
            (0..COUNT).for_each(|number| to.tag(1).send_value(&number).expect("room"));
            to.tag(2).send(b"wanted first").expect("room");
        });
        let comm = world(&me);
        let from = comm.from(1).expect("a member").within(GUARD);
        assert_eq!(from.tag(2).recv().expect("mail").to_vec(), b"wanted first");
        (0..COUNT).for_each(|number| assert_eq!(from.recv_value::<u32>(), Ok(number)));
    });
}

#[test]
fn large_messages_from_anyone_are_received_in_any_order() {
    const LEN: usize = 10 << 20;
    each(endpoints::<3>(&region(3)), |me| {
        let comm = world(me);
        if comm.rank() > 0 {
            let to = comm.to(0).expect("it is there");
            let mut sent: Vec<Request<'_>> =
                (0..16u32).map(|tag| to.tag(tag * 2 + comm.rank()).start(vec![tag as u8; LEN])).collect();
            return Request::wait_all_within(&mut sent, GUARD).expect("all are received");
        }
        for tag in (1..33u32).rev() {
            let mail = comm.from_any().tag(tag).within(GUARD).recv().expect("mail");
            assert_eq!((mail.len(), mail.tag()), (LEN, tag));
        }
    });
}

#[test]
fn errors_say_what_happened() {
    let send = RequestError::from(CommError::from(SendError::Full(1)));
    assert_eq!(send, RequestError::Send(SendError::Full(1)));
    let missing = CommError::Missing { missing: 3, others: 2 };
    assert!(missing.is_timeout() && RequestError::from(missing).is_timeout());
    let gone = CommError::Gone { rank: 3, died: true };
    assert!(gone.is_gone() && RequestError::from(gone).is_gone());
    assert_eq!(gone.to_string(), "rank 3 died, or was replaced");
    assert_eq!(std::io::Error::from(gone).kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(std::io::Error::from(RequestError::Timeout).kind(), std::io::ErrorKind::TimedOut);
}
