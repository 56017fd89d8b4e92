//! Each arm that is ready has its turn, whatever the others have.
#![cfg(not(loom))]

mod common;

use common::{GUARD, endpoints, kill_endpoint};
use mailbox::{CallError, Config, Endpoint, RecvError, Select, SendError};
use std::time::{Duration, Instant};

/// An arm that stays ready is told at the latest when each other one was told so often: its mail may wait for a turn of another
/// sender, and two arms may have turns with one mail.
const MOST: usize = 2 * 33 + 2;
const FILTERS: u32 = 64;
/// After this it is time to ask the kernel about deaths.
const PAUSE: Duration = Duration::from_millis(80);

fn of<const N: usize>() -> [Endpoint; N] {
    endpoints(Config::ranks(N as u32).cells(256).topics(1).value(64))
}

#[test]
fn an_arm_that_is_ready_is_told_whatever_the_others_have_and_whether_or_not_it_is_received() {
    for receives in [true, false] {
        let ([me, busy, quiet], [other, its]) = (of(), of());
        let topic = me.region().topic("speed").expect("room");
        let mut publisher = topic.publish_latest(&quiet, 8).expect("nobody else does");
        publisher.publish_value(&1u64).expect("it fits");
        let value = topic.latest(&me).expect("a reader");
        quiet.to(0).tag(7).send(b"stays").expect("room");
        its.send(0, b"stays").expect("room");

        let mut select = Select::new();
        let flood = select.recv(me.from_any().tag(1));
        let others = [
            select.recv(me.from_any().tag(7)),
            select.recv(me.from(2)),
            select.send(me.to(2), 8),
            select.latest(&value),
            select.every(Duration::from_nanos(1)),
            select.recv(other.from_any()),
        ];
        let mut since = [0; 6];
        for _ in 0..2000 {
            while busy.to(0).tag(1).try_send(b"flood").is_ok() {}
            let arm = select.wait(GUARD).expect("all are ready");
            since.iter_mut().for_each(|count| *count += 1);
            match others.iter().position(|other| *other == arm) {
                Some(at) => since[at] = 0,
                None if receives => drop(me.from_any().tag(1).try_recv().expect("sound").expect("mail")),
                None => assert_eq!(arm, flood),
            }
            assert!(since.iter().all(|count| *count <= MOST * others.len()), "{receives}: {since:?}");
        }
    }
}

#[test]
fn one_that_is_made_anew_for_each_wait_starves_nobody() {
    let [me, peer] = of();
    peer.to(0).tag(1).send(b"stays").expect("room");
    peer.to(0).tag(2).send(b"stays").expect("room");
    let mut told = [0; 3];
    for _ in 0..2000 {
        let mut select = Select::new();
        select.recv(me.from_any().tag(1));
        select.send(me.to(1), 8);
        select.every(Duration::ZERO);
        told[select.wait(GUARD).expect("all are ready")] += 1;
    }
    assert!(told.iter().all(|count| *count > 100), "{told:?}");
}

/// Mail that is always there, and is received so that a wait never finds its sender's turn to be over: 32 mails of each.
struct Flood<'a> {
    me: &'a Endpoint,
    sender: &'a Endpoint,
}

impl Flood<'_> {
    const TURN: usize = 32;

    fn begin(&self) {
        self.fill();
        self.receive(5);
    }

    fn fill(&self) {
        while self.sender.to(0).tag(1).try_send(b"flood").is_ok() {}
    }

    fn receive(&self, count: usize) {
        (0..count).for_each(|_| drop(self.me.from_any().tag(1).try_recv().expect("sound").expect("mail")));
    }
}

#[test]
fn mail_that_says_each_time_which_arm_is_told_hides_no_other_arm() {
    let [me, sender] = of();
    let flood = Flood { me: &me, sender: &sender };
    flood.begin();
    let mut select = Select::new();
    let (mail, room) = (select.recv(me.from_any().tag(1)), select.send(me.to(1), 8));
    select.recv(me.from_any().tag(2));
    let mut since = 0;
    for _ in 0..1000 {
        flood.fill();
        let arm = select.wait(GUARD).expect("both are ready");
        since = if arm == room { 0 } else { since + 1 };
        // The third is not ready, but has turns with the mail of the first.
        assert!([mail, room].contains(&arm) && since <= 2 * MOST, "{arm}, {since}");
        flood.receive(Flood::TURN);
    }
}

#[test]
fn one_that_is_made_anew_for_each_wait_hides_no_other_arm_either() {
    // Left, or received.
    for receives in [0, 1, Flood::TURN] {
        let [me, sender] = of();
        let flood = Flood { me: &me, sender: &sender };
        flood.begin();
        let mut told = [0; 2];
        for _ in 0..5000 {
            flood.fill();
            let mut select = Select::new();
            select.recv(me.from_any().tag(1));
            select.send(me.to(1), 8);
            told[select.wait(GUARD).expect("both are ready")] += 1;
            flood.receive(receives);
        }
        // One in 66, if turns of looks and arms are as chance has it.
        assert!(told.iter().all(|count| *count > 20), "{receives}: {told:?}");
    }
}

#[test]
fn where_all_arms_receive_a_sender_waits_for_a_turn_of_another_and_no_longer() {
    // The longest turn.
    const MOST: usize = 256;
    // A receive from one rank looks at no others by itself.
    for from_one in [false, true] {
        let [me, busy, quiet] = of();
        let mut select = Select::new();
        let flood = select.recv(me.from_any().tag(1));
        let other = select.recv(me.from_any().tag(2));
        let source = if from_one { me.from(1) } else { me.from_any() };
        for _ in 0..20 {
            quiet.to(0).tag(2).send(b"x").expect("room");
            std::thread::sleep(PAUSE);
            let is_told = (0..=MOST).any(|_| {
                while busy.to(0).tag(1).try_send(b"flood").is_ok() {}
                let arm = select.wait(GUARD).expect("both are ready");
                if arm == flood {
                    drop(source.tag(1).try_recv().expect("sound").expect("mail"));
                }
                arm == other
            });
            assert!(is_told, "{from_one}: starved");
            drop(me.from_any().tag(2).try_recv().expect("sound").expect("mail"));
            // So that the turn that follows may be long.
            for _ in 0..1000 {
                while busy.to(0).tag(1).try_send(b"flood").is_ok() {}
                assert_eq!(select.wait(GUARD), Ok(flood));
                drop(source.tag(1).try_recv().expect("sound").expect("mail"));
            }
        }
    }
}

#[test]
fn mails_of_several_senders_that_are_not_received_keep_no_arm_from_being_told() {
    let [me, one, other] = of();
    let mut select = Select::new();
    let arms = [me.from(1).tag(1), me.from(2).tag(1), me.from_any().tag(2)].map(|from| select.recv(from));
    one.to(0).tag(1).send(b"stays").expect("room");
    other.to(0).tag(1).send(b"stays").expect("room");
    other.to(0).tag(2).send(b"stays").expect("room");
    let mut told = [0; 3];
    for _ in 0..300 {
        let arm = select.wait(GUARD).expect("all are ready");
        told[arms.iter().position(|one| *one == arm).expect("one of them")] += 1;
    }
    assert!(told.iter().all(|count| *count >= 90), "{told:?}");
}

#[test]
fn arms_that_take_the_same_mails_are_told_in_turn() {
    let [me, sender] = of();
    let mut select = Select::new();
    for _ in 0..2 {
        select.recv(me.from_any().tag(1));
        select.recv(me.from(1).tag(1));
        select.recv(me.from_any());
    }
    let mut told = [0; 6];
    for _ in 0..600 {
        sender.to(0).tag(1).send(b"x").expect("room");
        told[select.wait(GUARD).expect("mail")] += 1;
        drop(me.recv().expect("mail"));
    }
    assert!(told.iter().all(|count| (60..=140).contains(count)), "{told:?}");
}

#[test]
fn of_many_filters_the_one_is_told_that_takes_the_next_mail() {
    let [me, one, other] = of();
    let mut select = Select::new();
    for tag in 0..FILTERS {
        assert_eq!(select.recv(me.from_any().tag(tag)), tag as usize);
    }
    for turn in 0..50 * FILTERS {
        let (tag, sender) = (turn * 37 % FILTERS, [&one, &other][turn as usize % 2]);
        sender.to(0).tag(tag).send(&vec![7; [8, 60, 5000][turn as usize % 3]]).expect("room");
        let arm =
            if turn % 3 == 0 { select.try_wait().map(|arm| arm.expect("mail")) } else { select.wait(GUARD) };
        assert_eq!(arm, Ok(tag as usize));
        assert_eq!(me.from_any().tag(tag).try_recv().expect("sound").expect("mail").tag(), tag);
    }
    assert_eq!(select.try_wait(), Ok(None));
}

#[test]
fn mail_that_no_arm_takes_hides_none() {
    let [me, peer] = of();
    let mut select = Select::new();
    let arms = [1, 4].map(|tag| select.recv(me.from_any().tag(tag)));
    let masked = select.recv(me.from(1).tag_masked(0x100, 0x100));
    for _ in 0..40 {
        // Between the tags that are wanted, as one filter for all of them sees it; and a call, which has no tag.
        for tag in [0, 5] {
            peer.to(0).tag(tag).send(b"unwanted").expect("room");
        }
        let call = peer.to(0).start_call(b"?").expect("room");
        assert_eq!(select.try_wait(), Ok(None));
        for (tag, arm) in [(1, arms[0]), (4, arms[1]), (0x1ff, masked)] {
            peer.to(0).tag(tag).send(b"wanted").expect("room");
            assert_eq!(select.wait(GUARD), Ok(arm));
            assert!(me.from_any().tag(tag).try_recv().expect("sound").is_some());
        }
        drop(call);
        assert!(me.try_recv().expect("sound").is_some());
    }
}

#[test]
fn a_call_is_told_to_an_arm_that_takes_every_tag() {
    let [me, peer] = of();
    let mut select = Select::new();
    select.recv(me.from(1).tag(1));
    let any = select.recv(me.from_any());
    for len in [8, 500] {
        let call = peer.to(0).start_call(&vec![1; len]).expect("room");
        assert_eq!(select.wait(GUARD), Ok(any));
        me.try_recv().expect("sound").expect("a call").reply(b"!").expect("room");
        assert!(call.try_wait().is_ok_and(|answer| answer.is_some()));
    }
}

#[test]
fn receives_that_were_started_come_first() {
    let [me, peer] = of();
    let started = me.from_any().tag(3).start();
    let mut select = Select::new();
    let arm = select.recv(me.from_any());
    peer.to(0).tag(3).send(b"to the request").expect("room");
    assert_eq!(select.try_wait(), Ok(None));
    let over = select.request(&started);
    peer.to(0).tag(3).send(b"to the arm").expect("room");
    let (mut started, mut told) = (Some(started), vec![]);
    for _ in 0..2 {
        told.push(select.wait(GUARD).expect("both are ready"));
        if told.last() == Some(&arm) {
            assert_eq!(me.try_recv().expect("sound").expect("mail").to_vec(), b"to the arm");
        } else {
            let started = started.take().expect("it is told once");
            assert_eq!(started.wait().expect("sound").expect("mail").to_vec(), b"to the request");
        }
    }
    told.sort();
    assert_eq!((told, select.try_wait()), (vec![arm, over], Ok(None)));
}

/// Ends an endpoint in one of two ways.
fn end(endpoint: Endpoint, died: bool) {
    if died { kill_endpoint(endpoint) } else { drop(endpoint) }
}

#[test]
fn each_arm_is_told_of_an_end_while_another_always_has_mail() {
    for died in [true, false] {
        let [me, busy, one, server, other] = of();
        while me.try_send(2, b"fill").is_ok() {}
        let call = me.to(3).start_call(b"?").expect("room");
        let started = me.from(4).tag(2).start();
        let mut select = Select::new();
        let flood = select.recv(me.from_any().tag(1));
        let mut arms = vec![
            select.recv(me.from(2).tag(2)),
            select.send(me.to(2), 8),
            select.call(&call),
            select.request(&started),
        ];
        let start = Instant::now();
        let mut ending = Some([one, server, other]);
        while !arms.is_empty() && start.elapsed() < GUARD {
            while busy.to(0).tag(1).try_send(b"flood").is_ok() {}
            let arm = select.wait(GUARD).expect("mail");
            if arm == flood {
                // It tells of each end, too.
                let mail = me.from_any().tag(1).try_recv();
                assert!(matches!(mail, Ok(Some(_)) | Err(RecvError::Gone { .. })), "{mail:?}");
                if start.elapsed() > PAUSE
                    && let Some(ending) = ending.take()
                {
                    ending.into_iter().for_each(|endpoint| end(endpoint, died));
                }
                continue;
            }
            assert!(ending.is_none(), "{arm}: it is too early");
            match arm {
                1 => assert_eq!(me.from(2).tag(2).try_recv().err(), Some(RecvError::Gone { rank: 2, died })),
                2 => assert_eq!(me.try_send(2, b"x"), Err(SendError::Gone { rank: 2, died })),
                3 => assert!(matches!(call.try_wait(), Err(CallError::Unanswered { rank: 3, .. }))),
                _ => {}
            }
            arms.retain(|other| *other != arm);
            select.remove(arm);
        }
        assert_eq!(arms, [], "{died}");
        assert!(started.wait().is_err());
    }
}

#[test]
fn ends_that_are_not_received_are_told_in_turn_beside_what_is_always_there() {
    let [me, _live, one, other] = of();
    let mut select = Select::new();
    let room = select.send(me.to(1), 8);
    let ends = [me.from(2), me.from(3), me.from_any().tag(9)].map(|from| select.recv(from));
    [one, other].into_iter().for_each(kill_endpoint);
    let (start, mut told) = (Instant::now(), [0; 3]);
    while told.contains(&0) && start.elapsed() < GUARD {
        let arm = select.wait(GUARD).expect("room");
        match ends.iter().position(|end| *end == arm) {
            Some(at) => told[at] += 1,
            None => assert_eq!(arm, room),
        }
    }
    assert!(told.iter().all(|count| [1, 2].contains(count)), "{told:?}");
    for _ in 0..2 {
        assert!(matches!(me.from_any().tag(9).try_recv(), Err(RecvError::Gone { died: true, .. })));
    }
    assert!(me.from_any().tag(9).try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn an_end_that_no_arm_tells_neither_hides_the_next_mail_nor_is_lost() {
    let [me, peer, _other, gone] = of();
    let mut select = Select::new();
    let arms = [me.from(1).tag(1), me.from(1).tag(2), me.from(2).tag(1)].map(|from| select.recv(from));
    // A mail of each sender's turn, until that is over.
    let mut exchange = || {
        let tags = [1, 1, 1, 1, 2, 2, 2, 2];
        tags.iter().for_each(|tag| peer.to(0).tag(*tag).send(b"x").expect("room"));
        for tag in tags {
            assert_eq!(select.wait(GUARD), Ok(arms[tag as usize - 1]), "the next mail says so");
            drop(me.from(1).tag(tag).try_recv().expect("sound").expect("mail"));
        }
    };
    exchange();
    kill_endpoint(gone);
    for _ in 0..4 {
        std::thread::sleep(PAUSE);
        (0..20).for_each(|_| exchange());
    }
    assert_eq!(me.recv().err(), Some(RecvError::Gone { rank: 3, died: true }));
    assert!(me.try_recv().is_ok_and(|mail| mail.is_none()), "it is told once");
}

#[test]
fn arms_of_one_endpoint_that_receive_have_one_turn_together() {
    let [me, sender] = of();
    let flood = Flood { me: &me, sender: &sender };
    flood.begin();
    let mut select = Select::new();
    let mail = select.recv(me.from_any().tag(1));
    (0..4 * FILTERS).for_each(|tag| _ = select.recv(me.from_any().tag(100 + tag)));
    let rooms = [select.send(me.to(1), 8), select.send(me.to(1), 9)];
    let mut since = [0; 2];
    for _ in 0..1000 {
        flood.fill();
        let arm = select.wait(GUARD).expect("they are ready");
        since.iter_mut().for_each(|count| *count += 1);
        match rooms.iter().position(|room| *room == arm) {
            Some(at) => since[at] = 0,
            None => assert_eq!(arm, mail),
        }
        assert!(since.iter().all(|count| *count <= 2 * MOST), "{since:?}");
        flood.receive(Flood::TURN);
    }
}
