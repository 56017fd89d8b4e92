//! What an endpoint does: messages of every size, mails, order, fairness, joining.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::wire::geometry;
use common::{Child, SHORT, Scratch, reply};
use mailbox::lab::abi::Geometry;
use mailbox::{
    Broken, Config, Endpoint, JoinError, Mail, RecvError, Region, SendError, SizeError, Source, Status,
};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use std::time::Instant;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "many" => join_every_rank(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const ARENA: u64 = 64 << 10;

/// Endpoints of ranks `0..N` of a new region.
fn endpoints<const N: usize>(cells: u32) -> (Scratch, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(N as u32).cells(cells).arena(ARENA));
    let endpoints = std::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"));
    (scratch, endpoints)
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + seed * 7) as u8).collect()
}

fn texts<const N: usize>(mails: &[Mail<'_>; N]) -> [String; N] {
    std::array::from_fn(|at| String::from_utf8(mails[at].to_vec()).expect("text"))
}

// --- Messages ----------------------------------------------------------------------------------------------

#[test]
fn messages_of_every_size_arrive() {
    let (_scratch, [a, b]) = endpoints(16);
    let limit = a.region().eager_limit() as usize;
    assert_eq!(limit as u64, ARENA / 2);
    for (seq, len) in (0..).zip([0, 1, 7, 8, 47, 48, 49, 63, 64, 65, 4096, limit - 1, limit, 0, limit]) {
        let bytes = pattern(len, seq as usize);
        a.send(1, &bytes).expect("room");
        let mail = b.recv().expect("mail");
        assert_eq!((mail.from(), mail.seq(), mail.epoch()), (0, seq, 1));
        assert_eq!((mail.len(), mail.is_empty()), (len, len == 0));
        assert!(mail.to_vec() == bytes, "{len} bytes");
    }
}

#[test]
fn messages_of_all_sizes_share_a_mailbox() {
    let (_scratch, [a, b]) = endpoints(16);
    let (mut sent, mut received) = (0, 0);
    let size = |seq: usize| seq * 997 % 9000;
    while received < 3000 {
        if a.try_send(1, &pattern(size(sent), sent)).is_ok() {
            sent += 1;
        } else {
            for _ in 0..received % 5 + 1 {
                let Ok(Some(mail)) = b.try_recv() else { break };
                assert!(mail.to_vec() == pattern(size(received), received), "message {received}");
                received += 1;
            }
        }
    }
}

#[test]
fn what_nobody_waits_for_is_at_most_half_the_arena() {
    let (_scratch, [a, b]) = endpoints(4);
    let limit = ARENA / 2;
    let bytes = pattern(limit as usize + 1, 0);
    let refused = Some(SendError::TooLarge { len: limit + 1, limit });
    assert_eq!(a.try_send(1, &bytes).err(), refused);
    assert_eq!(a.send(0, &bytes).err(), refused, "to oneself");
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn a_message_above_the_limit_is_refused_with_the_limit() {
    for (max_message, arena, whole) in [(100, 1 << 20, 100), (1 << 20, 1 << 20, 1 << 19), (1000, 128, 64)] {
        let scratch = Scratch::new();
        let config = Config::ranks(1).cells(2).arena(arena).max_message(max_message);
        let me = scratch.create(config).join(0).expect("a free rank");
        assert_eq!((me.region().max_message(), me.region().eager_limit()), (max_message, whole));
        assert_eq!(me.send(0, &pattern(whole as usize, 1)), Ok(()));
        let above = me.send(0, &pattern(max_message as usize + 1, 1));
        assert_eq!(above, Err(SendError::TooLarge { len: max_message + 1, limit: max_message }));
    }
}

#[test]
fn there_are_no_other_ranks_than_the_regions() {
    let (_scratch, [a, _b]) = endpoints(4);
    for rank in [2, 3, 1024, u32::MAX] {
        assert_eq!(a.send(rank, b"x").err(), Some(SendError::Broken(Broken::NoSuchRank { rank, ranks: 2 })));
        assert_eq!(a.from(rank).recv().err(), Some(RecvError::Broken(Broken::NoSuchRank { rank, ranks: 2 })));
        assert_eq!(
            a.from(Source::Rank(rank)).try_recv().err(),
            Some(RecvError::Broken(Broken::NoSuchRank { rank, ranks: 2 }))
        );
        assert_eq!(a.region().status(rank), None);
    }
}

#[test]
fn oneself_is_a_peer_that_never_waits() {
    let (_scratch, [a, b]) = endpoints(4);
    for round in 0..10 {
        let bytes = pattern(round * 100, round);
        a.send(0, &bytes).expect("room");
        let mail = a.recv().expect("mail");
        assert_eq!((mail.from(), mail.to_vec()), (0, bytes));
    }
    // Nobody else could make room, or send.
    while a.try_send(0, b"x").is_ok() {}
    assert_eq!(a.send(0, b"x").err(), Some(SendError::Full(0)));
    assert_eq!(a.to(0).within(common::GUARD).send(b"x").err(), Some(SendError::Full(0)));
    while a.try_recv().is_ok_and(|mail| mail.is_some()) {}
    assert_eq!(a.from(0).recv().err(), Some(RecvError::Broken(Broken::Oneself)));
    assert_eq!(a.from(0).within(common::GUARD).recv().err(), Some(RecvError::Broken(Broken::Oneself)));
    drop(b);
    let (_scratch, [alone]) = endpoints(4);
    assert_eq!(alone.recv().err(), Some(RecvError::Broken(Broken::Oneself)));
}

// --- Mails -------------------------------------------------------------------------------------------------

#[test]
fn a_mail_is_copied_in_whole_or_part() {
    let (_scratch, [a, b]) = endpoints(4);
    for len in [0, 1, 10, 48, 49, 100] {
        let bytes = pattern(len, 3);
        a.send(1, &bytes).expect("room");
        let mail = b.recv().expect("mail");
        for room in [0, 1, len / 2, len, len + 9] {
            let mut buffer = vec![0xEE; room];
            let count = mail.copy_to(&mut buffer);
            assert_eq!(count, room.min(len));
            assert_eq!(buffer[..count], bytes[..count]);
            assert!(buffer[count..].iter().all(|byte| *byte == 0xEE), "nothing beyond");
            for offset in [0, 1, 7, 8, 9, len, len + 1, usize::MAX] {
                let mut buffer = vec![0xEE; room];
                let count = mail.read_at(offset, &mut buffer);
                assert_eq!(count, len.saturating_sub(offset).min(room));
                assert_eq!(buffer[..count], bytes[offset.min(len)..][..count]);
            }
        }
    }
}

#[test]
fn a_mail_is_read_as_a_value_of_its_size() {
    let (_scratch, [a, b]) = endpoints(4);
    a.send(1, &0x0102_0304_0506_0708_u64.to_ne_bytes()).expect("room");
    let mail = b.recv().expect("mail");
    assert_eq!(mail.value(), Ok(0x0102_0304_0506_0708_u64));
    assert_eq!(mail.value::<[u8; 8]>().map(u64::from_ne_bytes), Ok(0x0102_0304_0506_0708));
    assert_eq!(mail.value::<u32>(), Err(SizeError { len: 8, size: 4 }));
    assert_eq!(mail.value::<[u64; 9]>(), Err(SizeError { len: 8, size: 72 }));
    drop(mail);
    let values: [u64; 9] = std::array::from_fn(|at| at as u64 * 7);
    a.send(1, bytemuck::bytes_of(&values)).expect("room");
    assert_eq!(b.recv().expect("mail").value(), Ok(values));
    a.send(1, b"").expect("room");
    assert_eq!(b.recv().expect("mail").value::<()>(), Ok(()));
}

#[test]
fn a_mail_that_is_left_is_the_next_again() {
    let (_scratch, [a, b]) = endpoints(4);
    for text in ["a", "b", "c"] {
        a.send(1, text.as_bytes()).expect("room");
    }
    for _ in 0..3 {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.seq(), mail.to_vec()), (0, b"a".to_vec()));
        mail.requeue();
    }
    let mails = [b.recv(), b.recv(), b.recv()].map(|mail| mail.expect("mail"));
    assert_eq!(texts(&mails), ["a", "b", "c"]);
    let [first, second, third] = mails;
    drop(second);
    third.requeue();
    assert_eq!(b.recv().expect("mail").to_vec(), b"c", "while an older one is held");
    first.requeue();
    assert_eq!(b.recv().expect("mail").to_vec(), b"a");
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    assert_eq!(a.region().inspect().mailboxes[0].unread, 0);
}

#[test]
fn a_mail_that_is_left_is_there_for_the_successor() {
    let (scratch, [a, b]) = endpoints(4);
    for text in ["a", "b", "c"] {
        a.send(1, text.as_bytes()).expect("room");
    }
    assert_eq!(b.recv().expect("mail").to_vec(), b"a");
    b.recv().expect("mail").requeue();
    drop(b);
    let b = scratch.open().join(1).expect("a free rank");
    assert_eq!(b.epoch(), 2);
    for (seq, text) in [(1, "b"), (2, "c")] {
        let mail = b.recv().expect("mail");
        assert_eq!((mail.seq(), mail.epoch(), mail.to_vec()), (seq, 1, text.into()));
    }
}

#[test]
fn mails_are_dropped_in_any_order() {
    const ORDERS: [[usize; 4]; 6] =
        [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 3, 1], [1, 2, 3, 0], [0, 3, 1, 2]];
    let (_scratch, [a, b]) = endpoints(4);
    for order in ORDERS {
        for at in 0..4 {
            a.try_send(1, &pattern(100, at)).expect("room");
        }
        assert_eq!(a.try_send(1, b"x").err(), Some(SendError::Full(1)));
        let mut mails: [_; 4] = std::array::from_fn(|_| Some(b.try_recv().unwrap().expect("mail")));
        assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Held(0)));
        for (count, drops) in order.into_iter().enumerate() {
            for (at, mail) in mails.iter().enumerate().filter_map(|(at, mail)| Some((at, mail.as_ref()?))) {
                assert!(mail.to_vec() == pattern(100, at), "intact after {count} of {order:?}");
            }
            mails[drops] = None;
            // Room is given back in order: up to the oldest that is held.
            let held = 4 - mails.iter().take_while(|mail| mail.is_none()).count() as u64;
            assert_eq!(a.region().inspect().mailboxes[0].unread, held, "{order:?}");
        }
    }
}

#[test]
fn a_mail_stays_intact_while_later_ones_come_and_go() {
    let (_scratch, [a, b]) = endpoints(8);
    a.send(1, &pattern(500, 0)).expect("room");
    let held = b.recv().expect("mail");
    for round in 1..8 {
        a.try_send(1, &pattern(500, round)).expect("room");
        assert!(b.recv().expect("mail").to_vec() == pattern(500, round));
    }
    assert_eq!(a.try_send(1, b"x").err(), Some(SendError::Full(1)), "the oldest is held");
    assert!(held.to_vec() == pattern(500, 0));
    drop(held);
    assert_eq!(a.try_send(1, b"x"), Ok(()));
}

// --- Order and fairness ------------------------------------------------------------------------------------

#[test]
fn one_can_receive_from_one_rank_and_find_the_others_mail_later() {
    let (_scratch, [a, b, c]) = endpoints(8);
    for text in ["1", "2"] {
        b.send(0, text.as_bytes()).expect("room");
        c.send(0, text.as_bytes()).expect("room");
    }
    for text in ["1", "2"] {
        let mail = a.from(2).recv().expect("mail");
        assert_eq!((mail.from(), mail.to_vec()), (2, text.into()));
    }
    assert!(a.from(2).try_recv().is_ok_and(|mail| mail.is_none()));
    for text in ["1", "2"] {
        let mail = a.from_any().recv().expect("mail");
        assert_eq!((mail.from(), mail.to_vec()), (1, text.into()));
    }
}

/// The most mails in a row of one sender while another's wait, as documented.
const BURST: usize = 32;

/// How many in a row each sender had, in the order in which they came.
fn runs(senders: impl Iterator<Item = u32>) -> Vec<(u32, usize)> {
    let mut runs: Vec<(u32, usize)> = Vec::new();
    for from in senders {
        match runs.last_mut() {
            Some((last, count)) if *last == from => *count += 1,
            _ => runs.push((from, 1)),
        }
    }
    runs
}

#[test]
fn senders_with_full_mailboxes_take_turns_of_32() {
    let (_scratch, [me, a, b, c]) = endpoints(256);
    for sender in [&a, &b, &c] {
        while sender.try_send(0, b"x").is_ok() {}
    }
    let next = || me.try_recv().unwrap().expect("mail").from();
    let runs = runs((0..3 * 256).map(|_| next()));
    assert_eq!(runs.len(), 3 * 256 / BURST);
    assert!(runs.iter().all(|(_, count)| *count == BURST), "{runs:?}");
    assert!(runs.windows(3).all(|three| three.iter().map(|(from, _)| from).sum::<u32>() == 1 + 2 + 3));
}

#[test]
fn a_sender_that_never_stops_does_not_keep_others_waiting() {
    let (_scratch, [me, busy, rare]) = endpoints(64);
    for round in 0..20 {
        rare.send(0, b"please").expect("room");
        let mut before = 0;
        loop {
            while busy.try_send(0, b"x").is_ok() {}
            if me.recv().expect("mail").from() == rare.rank() {
                break;
            }
            before += 1;
            assert!(before <= BURST, "round {round}");
        }
    }
}

#[test]
fn a_sender_that_was_alone_for_long_has_a_longer_turn_only_if_its_mail_is_quick() {
    let (_scratch, [me, busy, rare]) = endpoints(1024);
    for (alone, work, most) in [(600, Duration::ZERO, 256), (300, Duration::from_millis(1), BURST)] {
        let take = || {
            while busy.try_send(0, b"x").is_ok() {}
            let from = me.recv().expect("mail").from();
            thread::sleep(work);
            from
        };
        (0..alone).for_each(|_| assert_eq!(take(), busy.rank()));
        rare.send(0, b"please").expect("room");
        let before = (0..).find(|_| take() == rare.rank()).expect("its mail");
        assert!(before <= most, "{before} after {work:?} for each");
    }
}

#[test]
fn eight_processes_are_served_in_turn_and_each_in_order() {
    let scratch = Scratch::new();
    let me = scratch.create(Config::ranks(9).cells(64).arena(1024)).join(0).expect("a free rank");
    let mut senders: Vec<Child> = (1..9).map(|_| puppet(&scratch)).collect();
    for (rank, sender) in (1..).zip(&mut senders) {
        assert_eq!(sender.does(&format!("join {rank}")), "ok");
        assert_eq!(sender.does("fill 0"), "64");
        sender.starts("send 0 last");
    }
    let mut next = [0; 9];
    let mut take = || {
        let mail = me.recv().expect("mail");
        let from = mail.from();
        assert_eq!(mail.seq(), next[from as usize], "in order");
        next[from as usize] += 1;
        from
    };
    let first = runs((0..8 * BURST).map(|_| take()));
    assert_eq!(first.len(), 8, "{first:?}");
    for _ in 0..8 * (65 - BURST) {
        take();
    }
    assert_eq!(next[1..], [65; 8]);
    for sender in &mut senders {
        assert_eq!(sender.answer(), "ok");
    }
}

#[test]
fn mails_that_are_left_keep_nobody_else_waiting() {
    let (_scratch, [me, a, c]) = endpoints(64);
    a.send(0, b"first").expect("room");
    a.send(0, b"second").expect("room");
    c.send(0, b"other").expect("room");
    let mut seen = [false; 3];
    for _ in 0..2 * BURST {
        let mail = me.recv().expect("mail");
        seen[mail.from() as usize] = true;
        mail.requeue();
    }
    assert_eq!(seen, [false, true, true]);
}

#[test]
fn mail_of_one_that_was_long_silent_is_found_however_short_the_time() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(300).cells(4).arena(ARENA));
    let all: Vec<Endpoint> = (0..300).map(|rank| region.join(rank).expect("free")).collect();
    let (me, others) = all.split_first().expect("some");
    for other in others {
        other.send(0, b"first").expect("room");
    }
    others.iter().for_each(|_| drop(me.recv().expect("mail")));
    // Until only a few are looked at each time.
    for _ in 0..200 {
        others[0].send(0, b"more").expect("room");
        assert_eq!(me.recv().expect("mail").from(), 1);
    }
    for other in others {
        other.send(0, b"again").expect("room");
        assert_eq!(me.from_any().within(Duration::ZERO).recv().expect("mail").from(), other.rank());
        other.send(0, b"again").expect("room");
        assert_eq!(me.try_recv().unwrap().expect("mail").from(), other.rank());
    }
}

// --- Joining -----------------------------------------------------------------------------------------------

#[test]
fn one_deadline_is_for_several_receives() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(8).arena(1024));
    let (me, other) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    let deadline = Instant::now() + SHORT;
    other.send(0, b"one").expect("room");
    assert_eq!(me.from(1).within(deadline).recv().expect("mail").to_vec(), b"one");
    assert_eq!(me.from(1).within(deadline).recv().err(), Some(RecvError::Timeout));
    assert!(Instant::now() >= deadline);
    other.send(0, b"two").expect("room");
    assert_eq!(me.from_any().within(deadline).recv().expect("mail that is there").to_vec(), b"two");
}

#[test]
fn a_rank_is_joined_by_one_at_a_time() {
    let (scratch, [a, b]) = endpoints(4);
    let region = scratch.open();
    assert_eq!(region.join(0).err(), Some(JoinError::Taken { rank: 0 }));
    for rank in [2, 1024, u32::MAX] {
        assert_eq!(region.join(rank).err(), Some(JoinError::Broken(Broken::NoSuchRank { rank, ranks: 2 })));
    }
    let full = region.join_any().err();
    assert_eq!(full, Some(JoinError::Full { ranks: 2 }));
    let text = full.map(|error| error.to_string());
    assert_eq!(text.as_deref(), Some("every rank asked for is held by a live process (2 in all)"));
    drop(a);
    for epoch in 2..70 {
        let a = region.join(0).expect("a free rank");
        assert_eq!((a.rank(), a.epoch()), (0, epoch));
        assert_eq!(region.status(0), Some((Status::Live, epoch)));
        a.send(1, b"x").expect("room");
        assert_eq!(b.from(0).recv().expect("mail").epoch(), epoch);
        drop(a);
        assert_eq!(region.status(0), Some((Status::Left, epoch)));
    }
}

#[test]
fn an_endpoint_is_sent_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (_scratch, [a, b]) = endpoints(4);
    is_send(&a);
    let sender = thread::spawn(move || a.send(1, b"from a thread").map(|()| a.rank()));
    assert_eq!(sender.join().expect("a thread"), Ok(0));
    assert_eq!(b.recv().expect("mail").to_vec(), b"from a thread");
    assert_eq!(b.recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
}

#[test]
fn any_rank_is_rather_new_than_left_than_dead() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(4).cells(4).arena(1024));
    let mut dead = puppet(&scratch);
    assert_eq!(dead.does("join 0"), "ok");
    dead.kill();
    drop(region.join(1));
    let live = region.join(2).expect("a free rank");
    let any: Vec<Endpoint> = (0..3).map(|_| region.join_any().expect("a free rank")).collect();
    assert_eq!(any.iter().map(Endpoint::rank).collect::<Vec<_>>(), [3, 1, 0]);
    assert_eq!(region.join_any().err(), Some(JoinError::Full { ranks: 4 }));
    assert_eq!(region.join_as("x").err(), Some(JoinError::Full { ranks: 4 }));
    drop(live);
    assert_eq!(region.join_any().map(|endpoint| endpoint.rank()), Ok(2));
}

#[test]
fn a_label_finds_its_rank_again() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(4).arena(1024));
    assert_eq!(region.find("news"), None);
    let news = region.join_as("news").expect("a free rank");
    let other = region.join_as("news-2").expect("a free rank");
    assert_ne!(news.rank(), other.rank());
    assert_eq!((region.find("news"), region.find("news-2")), (Some(news.rank()), Some(other.rank())));
    assert_eq!(region.find("new"), None);
    assert_eq!(scratch.open().join_as("news").err(), Some(JoinError::Taken { rank: news.rank() }));
    let rank = news.rank();
    drop(news);
    assert_eq!(region.find("news"), Some(rank), "it need not live");
    let news = region.join_as("news").expect("a free rank");
    assert_eq!((news.rank(), news.epoch()), (rank, 2));
    drop(news);
    // Joining without the label removes it.
    drop(region.join(rank).expect("a free rank"));
    assert_eq!(region.find("news"), None);
    assert_eq!(region.inspect().ranks[other.rank() as usize].label, "news-2");
}

#[test]
fn a_label_has_1_to_48_bytes_and_no_nul() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(1).cells(4).arena(1024));
    for bad in ["", "a\0b", "\0", &"x".repeat(49)] {
        assert_eq!(region.join_as(bad).err(), Some(JoinError::BadLabel { len: bad.len() }), "{bad:?}");
        assert_eq!(region.find(bad), None);
    }
    for (len, many) in [(0, "0 bytes"), (3, "3 bytes, with a NUL"), (49, "49 bytes")] {
        let text = JoinError::BadLabel { len }.to_string();
        assert_eq!(text, format!("a label has 1 to 48 bytes and no NUL; this one has {many}"));
    }
    for good in ["a", "ünïcode", &"x".repeat(48)] {
        drop(region.join_as(good).expect("a free rank"));
        assert_eq!(region.find(good), Some(0), "{good:?}");
    }
}

#[test]
fn no_two_share_a_label() {
    for _ in 0..100 {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(8).cells(4).arena(1024));
        let barrier = Barrier::new(4);
        let join = || {
            barrier.wait();
            region.join_as("one")
        };
        let joined: Vec<_> = thread::scope(|scope| {
            let joiners: Vec<_> = (0..4).map(|_| scope.spawn(join)).collect();
            joiners.into_iter().map(|joiner| joiner.join().expect("a thread")).collect()
        });
        assert_eq!(joined.iter().filter(|endpoint| endpoint.is_ok()).count(), 1);
        for error in joined.iter().filter_map(|endpoint| endpoint.as_ref().err()) {
            assert!(matches!(error, JoinError::Taken { .. }), "{error}");
        }
    }
}

#[test]
fn all_of_1024_ranks_join() {
    let scratch = Scratch::new();
    scratch.create(Config::ranks(1024).cells(2).arena(128));
    // A descriptor a rank.
    let mut many = Child::start_after("ulimit -S -n 4096", "many", &scratch);
    assert_eq!(many.answer(), "ok");
}

fn join_every_rank(name: &str) {
    let region = Region::open(name).expect("a region");
    let all: Vec<Endpoint> = (0..1024).map(|rank| region.join(rank).expect("a free rank")).collect();
    assert_eq!(region.join_any().err(), Some(JoinError::Full { ranks: 1024 }));
    for (from, to) in [(0, 1023), (1023, 0), (63, 64), (64, 63), (1023, 1023), (1022, 1023)] {
        all[from].send(to as u32, b"hello").expect("room");
        let mail = all[to].recv().expect("mail");
        assert_eq!((mail.from() as usize, mail.to_vec()), (from, b"hello".to_vec()));
    }
    // Mail of 1 023 senders, each once.
    for from in &all[1..] {
        from.send(0, &from.rank().to_ne_bytes()).expect("room");
    }
    let mut from: Vec<u32> =
        (1..1024).map(|_| all[0].recv().expect("mail").value().expect("a rank")).collect();
    from.sort_unstable();
    assert!(from.into_iter().eq(1..1024));
    reply("ok");
}

#[test]
fn a_mailbox_that_makes_no_sense_is_an_error_and_others_go_on() {
    let (scratch, [a, b]) = endpoints(4);
    b.send(1, b"x").expect("room");
    a.send(1, b"y").expect("room");
    // The stamp of the first cell from 0 to 1.
    let geometry = geometry(&scratch);
    scratch.patch(geometry.mailbox(0, 1) + Geometry::CELLS, &77u64.to_ne_bytes());
    let got = [b.try_recv(), b.try_recv(), b.try_recv()]
        .map(|result| result.map(|mail| mail.map(|mail| mail.to_vec())));
    assert!(got.contains(&Ok(Some(b"x".to_vec()))), "{got:?}");
    assert_eq!(
        got.iter().filter(|result| **result == Err(RecvError::Broken(Broken::Corrupt(0)))).count(),
        1,
        "told once"
    );
    assert_eq!(
        b.from(0).try_recv().err(),
        Some(RecvError::Broken(Broken::Corrupt(0))),
        "a process that asks is told"
    );
}

#[test]
fn whoever_holds_all_of_a_mailbox_and_waits_for_more_is_told() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(2));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (0..2).for_each(|message| a.send(1, &[message]).expect("room"));
    let held = [b.recv().expect("mail"), b.recv().expect("mail")];
    assert_eq!(b.from(0).recv().err(), Some(RecvError::Held(0)));
    assert_eq!(b.recv().err(), Some(RecvError::Held(0)));
    assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "once");
    drop(held);
    a.send(1, &[2]).expect("room");
    assert_eq!(b.recv().expect("mail").to_vec(), [2]);
}
