//! One thread waits for several things: it is told which is ready, and what then is done finds it.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, ON_EVENTS, SHORT, Scratch, die, endpoints, left};
use mailbox::lab::abi::Kind;
use mailbox::{
    Broken, CallError, Config, Deadline, Endpoint, Lost, Policy, RecvError, RequestError, Select,
    SelectError, SendError, Wait,
};
use std::time::{Duration, Instant};
use std::{fs, thread};

const STRATEGIES: [Wait; 4] = [Wait::Adaptive, Wait::Block, Wait::Spin, ON_EVENTS];

/// Small mailboxes.
fn of<const N: usize>() -> [Endpoint; N] {
    endpoints(Config::ranks(N as u32).cells(4).arena(1024).topics(2).value(64))
}

fn fill(me: &Endpoint, to: u32) {
    while me.try_send(to, b"fill").is_ok() {}
}

#[test]
fn each_kind_of_arm_is_told_when_it_is_ready_and_not_before() {
    let [me, peer, full] = of();
    let topic = me.region().topic("speed").expect("room");
    let mut publisher = topic.publish_latest(&peer, 8).expect("nobody else does");
    let mut value = topic.latest(&me).expect("a reader");
    let stream = me.region().topic("track").expect("room");
    let mut stream_publisher = stream.publisher(&peer).expect("nobody else does");
    let mut subscriber = stream.subscriber(&me, Policy::every()).expect("a reader");
    fill(&me, 2);
    let call = me.to(1).start_call(b"?").expect("room");
    let send = me.to(2).start(b"started");
    let receive = me.from(1).tag(5).start();

    let mut select = Select::new();
    let mail = select.recv(me.from(1).tag(4));
    let room = select.send(me.to(2), 8);
    let answer = select.call(&call);
    let sent = select.request(&send);
    let received = select.request(&receive);
    let changed = select.latest(&value);
    let streamed = select.subscriber(&subscriber);
    assert_eq!(select.try_wait(), Ok(None));
    assert_eq!(select.wait(SHORT), Err(SelectError::Timeout));
    assert!(SelectError::Timeout.is_timeout());
    let mut is = |arm| {
        assert_eq!((select.wait(GUARD), select.try_wait()), (Ok(arm), Ok(again(arm))), "{arm}");
        fn again(arm: usize) -> Option<usize> {
            // What is over is told once.
            (![2, 3, 4].contains(&arm)).then_some(arm)
        }
    };
    assert_eq!([mail, room, answer, sent, received, changed, streamed], [0, 1, 2, 3, 4, 5, 6]);

    peer.to(0).tag(4).send(b"mail").expect("room");
    is(mail);
    assert_eq!(me.from(1).tag(4).try_recv().expect("sound").expect("mail").to_vec(), b"mail");
    peer.to(0).tag(5).send(b"mail").expect("room");
    is(received);
    assert_eq!(receive.wait().expect("sound").expect("mail").to_vec(), b"mail");
    peer.try_recv().expect("sound").expect("a call").reply(b"!").expect("room");
    is(answer);
    assert_eq!(call.try_wait().expect("sound").as_deref(), Some(&b"!"[..]));
    publisher.publish_value(&1.5).expect("it fits");
    is(changed);
    assert_eq!(value.value(), Ok(Some(1.5)));
    for len in [8, 60] {
        stream_publisher.publish(&vec![5; len]).expect("room");
        is(streamed);
        assert_eq!(subscriber.try_recv().expect("sound").expect("it was told").len(), len);
    }
    // The first takes what was started, the next gives room to others.
    drop(full.recv().expect("mail"));
    is(sent);
    assert_eq!(send.wait().map(|mail| mail.is_none()), Ok(true));
    drop(full.recv().expect("mail"));
    is(room);
    me.try_send(2, b"12345678").expect("room");
    assert_eq!(select.try_wait(), Ok(None));
}

#[test]
fn room_for_a_long_message_is_no_room_for_a_short_one() {
    let [me, peer] = of();
    let mut select = Select::new();
    select.send(me.to(7), 8);
    assert_eq!(select.wait(GUARD), Ok(0), "no such rank: a send says so");
    let mut select = Select::new();
    let (short, long) = (select.send(me.to(1), 8), select.send(me.to(1), 400));
    let mut sent = 0;
    while me.try_send(1, &[0; 400]).is_ok() {
        sent += 1;
    }
    assert!((1..4).contains(&sent), "the arena is full, and cells are left");
    assert_eq!([(); 3].map(|()| select.wait(GUARD)), [Ok(short); 3]);
    (0..sent).for_each(|_| drop(peer.recv().expect("mail")));
    let mut both = [select.wait(GUARD), select.wait(GUARD)];
    both.sort_by_key(|arm| arm.unwrap_or_default());
    assert_eq!(both, [Ok(short), Ok(long)]);
}

#[test]
fn a_message_that_is_announced_comes_while_others_do() {
    let [me, peer, other] = of();
    let len = 8 << 20;
    thread::scope(|scope| {
        let sender = scope.spawn(move || peer.send(0, &vec![3; len]).map(|()| peer));
        let mut select = Select::new();
        let (long, short) = (select.recv(me.from(1)), select.recv(me.from(2)));
        let mut count = 0;
        loop {
            other.send(0, b"short").expect("room");
            match select.wait(GUARD).expect("one comes") {
                arm if arm == short => count += usize::from(me.from(2).try_recv().expect("sound").is_some()),
                arm => {
                    assert_eq!(arm, long);
                    break assert_eq!(
                        me.from(1).try_recv().expect("sound").map(|mail| mail.len()),
                        Some(len)
                    );
                }
            }
        }
        assert!(count > 0, "they did not wait for it");
        drop(sender.join().expect("a thread").expect("received"));
    });
}

// --- Times -------------------------------------------------------------------------------------------------

#[test]
fn times_are_told_in_time_and_once_each() {
    for how in STRATEGIES {
        let [me, peer] = of();
        me.set_wait(how);
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut select = Select::new();
        let mail = select.recv(me.from_any());
        let (late, soon) = (select.at(start + GUARD), select.at(start + ms(20)));
        assert_eq!(select.wait(Deadline::Never), Ok(soon));
        assert!(start.elapsed() >= ms(20));
        peer.send(0, b"x").expect("room");
        assert_eq!(select.wait(Deadline::Never), Ok(mail));
        drop(me.recv().expect("mail"));
        select.remove(late);
        assert_eq!(select.wait(ms(5)), Err(SelectError::Timeout), "each once");
        let start = Instant::now();
        let tick = select.every(ms(7));
        assert_eq!([(); 5].map(|()| select.wait(GUARD)), [Ok(tick); 5]);
        assert!(start.elapsed() >= ms(35), "{how:?}");
    }
}

#[test]
fn times_alone_are_waited_for_and_one_beyond_the_clock_is_not_told() {
    let mut select = Select::new();
    let start = Instant::now();
    let (never, soon) = (select.every(Duration::MAX), select.at(start + SHORT));
    assert_eq!(select.wait(Deadline::Never), Ok(soon));
    assert!(start.elapsed() >= SHORT);
    assert_eq!(select.wait(Duration::from_millis(1)), Err(SelectError::Timeout));
    select.remove(never);
    assert_eq!(select.wait(Deadline::Never), Err(SelectError::Empty));
}

#[test]
fn a_time_that_has_come_is_told_however_much_mail_there_is() {
    let [me, peer] = of();
    // Often, because a look at all arms may be due just then.
    for _ in 0..20 {
        let mut select = Select::new();
        let mail = select.recv(me.from_any());
        let time = Instant::now() + Duration::from_millis(2);
        let timer = select.at(time);
        let mut late = 0;
        loop {
            let _ = peer.try_send(0, b"flood");
            late += u32::from(time <= Instant::now());
            match select.wait(GUARD) {
                Ok(arm) if arm == timer => break,
                Ok(arm) => {
                    assert!(arm == mail && late < 2, "it has its turn next but one at the latest");
                    drop(me.try_recv().expect("sound").expect("mail"));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

// --- Ends and errors ---------------------------------------------------------------------------------------

#[test]
fn nothing_is_not_waited_for() {
    let mut select = Select::new();
    assert_eq!((select.try_wait(), select.wait(GUARD)), (Err(SelectError::Empty), Err(SelectError::Empty)));
    let [me, peer] = of();
    let arm = select.recv(me.from_any());
    assert_eq!(select.try_wait(), Ok(None));
    select.remove(arm);
    select.remove(arm);
    select.remove(99);
    assert_eq!(select.wait(GUARD), Err(SelectError::Empty));
    // A rank that is removed with its arm keeps nobody.
    drop(peer);
    let other = select.at(Instant::now());
    assert_eq!((other, select.wait(GUARD)), (1, Ok(1)));
    assert_eq!(select.wait(GUARD), Err(SelectError::Empty), "a time is told once");
}

#[test]
fn what_only_the_caller_itself_could_bring_is_not_waited_for() {
    let [me, _peer] = of();
    let mut select = Select::new();
    let own = select.recv(me.from(0));
    assert_eq!((select.try_wait(), select.wait(Deadline::Never)), (Ok(None), Err(SelectError::Empty)));
    me.send(0, b"mine").expect("room");
    assert_eq!(select.wait(Deadline::Never), Ok(own));
    fill(&me, 0);
    let room = select.send(me.to(0), 8);
    select.remove(own);
    assert_eq!((select.try_wait(), select.wait(Deadline::Never)), (Ok(None), Err(SelectError::Empty)));
    drop(me.recv().expect("mail"));
    assert_eq!(select.wait(Deadline::Never), Ok(room));
    // Beside something else that may come it keeps nobody.
    let [alone] = of();
    let mut select = Select::new();
    select.recv(alone.from_any());
    let time = select.at(Instant::now() + SHORT);
    assert_eq!(select.wait(Deadline::Never), Ok(time));
    let started = alone.from(0).start();
    let request = select.request(&started);
    assert_eq!(select.wait(Duration::from_millis(1)), Err(SelectError::Timeout));
    select.remove(0);
    assert_eq!(select.wait(Deadline::Never), Ok(request));
    let oneself = RequestError::Recv(RecvError::Broken(Broken::Oneself));
    assert_eq!(started.wait().err(), Some(oneself));
}

#[test]
fn an_arm_is_ready_when_its_peer_has_ended() {
    for how in STRATEGIES {
        for (is_killed, died) in [(false, false), (true, true)] {
            let [me, peer, other] = of();
            me.set_wait(how);
            fill(&me, 1);
            let call = me.to(1).start_call(b"?").err();
            assert_eq!(call, None.or(call.clone()));
            let line = me.to(2).start_call(b"?").expect("room");
            let mut select = Select::new();
            let arms = [select.recv(me.from(1)), select.recv(me.from_any().tag(9)), select.send(me.to(1), 8)];
            let unanswered = select.call(&line);
            assert_eq!(select.try_wait(), Ok(None));
            thread::scope(|scope| {
                scope.spawn(move || if is_killed { die(peer) } else { drop(peer) });
                let mut told = [false; 3];
                while told != [true; 3] {
                    let arm = select.wait(GUARD).expect("an end");
                    let at = arms.iter().position(|one| *one == arm).expect("one of them");
                    told[at] = true;
                    match at {
                        0 => assert_eq!(me.from(1).try_recv().err(), Some(RecvError::Gone { rank: 1, died })),
                        1 => assert_eq!(
                            me.from_any().tag(9).try_recv().err(),
                            Some(RecvError::Gone { rank: 1, died })
                        ),
                        _ => assert_eq!(me.try_send(1, b"x"), Err(SendError::Gone { rank: 1, died })),
                    }
                    if at != 1 {
                        // It says so each time.
                        select.remove(arm);
                    }
                }
            });
            assert_eq!(select.try_wait(), Ok(None), "an end is told to a receive from anyone once");
            thread::scope(|scope| {
                scope.spawn(move || if is_killed { die(other) } else { drop(other) });
                let mut told = [select.wait(GUARD), Ok(0)];
                if told[0] == Ok(arms[1]) {
                    drop(me.from_any().tag(9).try_recv());
                    told = [select.wait(GUARD), told[0]];
                }
                assert_eq!(told[0], Ok(unanswered), "{how:?}");
                assert!(matches!(line.try_wait(), Err(CallError::Unanswered { rank: 2, .. })));
            });
        }
    }
}

#[test]
fn an_interrupter_of_any_endpoint_ends_a_wait() {
    for how in STRATEGIES {
        let ([me, _peer], [other, _its]) = (of(), of());
        fill(&other, 1);
        [&me, &other].into_iter().for_each(|one| one.set_wait(how));
        let interrupters = [me.interrupter(), other.interrupter()];
        thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                let mut select = Select::new();
                select.recv(me.from_any());
                select.send(other.to(1), 8);
                let results = [select.wait(GUARD), select.wait(GUARD)];
                (results, select.wait(Duration::ZERO))
            });
            for one in &interrupters {
                thread::sleep(Duration::from_millis(20));
                one.interrupt();
            }
            let interrupted = Err(SelectError::Interrupted);
            assert_eq!(waiter.join().expect("a thread"), ([interrupted; 2], Err(SelectError::Timeout)));
        });
    }
}

#[test]
fn who_is_lost_is_said_with_an_arm_of_it() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let [me, _peer] = [0, 1].map(|rank| region.join(rank).expect("free"));
    let [other, _its] = of();
    let mut select = Select::new();
    let fine = select.recv(other.from_any());
    let lost = select.recv(me.from(1).tag(1));
    assert_eq!(select.wait(SHORT), Err(SelectError::Timeout));
    fs::remove_file(scratch.path()).expect("it is there");
    let removed = SelectError::Lost { arm: lost, lost: Lost::Removed };
    assert_eq!(select.wait(GUARD), Err(removed));
    assert_eq!(removed.to_string(), format!("arm 1: {}", Lost::Removed));
    _its.send(0, b"x").expect("room");
    assert_eq!(select.wait(GUARD), Ok(fine), "what is there comes first");
    drop(other.recv().expect("mail"));
    select.remove(lost);
    assert_eq!(select.wait(SHORT), Err(SelectError::Timeout), "the other goes on");
}

#[test]
fn a_server_that_waits_for_its_caller_is_said_where_no_arm_receives() {
    let [me, server] = of();
    let call = me.to(1).start_call(b"?").expect("room");
    thread::scope(|scope| {
        let me = &me;
        let serving = scope.spawn(move || {
            (0..5).for_each(|_| server.send(0, b"first").expect("room"));
            server.recv().expect("a call").reply(b"!").expect("room");
        });
        let mut select = Select::new();
        let answer = select.call(&call);
        assert_eq!(select.wait(GUARD), Err(SelectError::Held(1)));
        assert_eq!(select.try_wait(), Ok(None), "who does not wait may receive meanwhile");
        let mail = select.recv(me.from(1));
        loop {
            match select.wait(GUARD).expect("either") {
                arm if arm == mail => drop(me.from(1).try_recv().expect("it lives").expect("mail")),
                arm => break assert_eq!(arm, answer),
            }
        }
        assert_eq!(call.try_wait().expect("an answer").as_deref(), Some(&b"!"[..]));
        serving.join().expect("a thread");
    });
}

#[test]
fn what_a_verb_says_once_is_left_to_it() {
    let [me, mut peer, other] = of();
    other.send(0, b"held").expect("room");
    let held = me.recv().expect("mail");
    // That the receiver gave up what it had not received.
    fill(&me, 1);
    peer.reset(0).expect("a rank");
    let mut select = Select::new();
    let room = select.send(me.to(1), 8);
    assert_eq!(select.wait(GUARD), Ok(room));
    assert_eq!(select.wait(GUARD), Ok(room));
    assert_eq!(me.try_send(1, b"x"), Err(SendError::Broken(Broken::Reset(1))));
    // That a mail that is held keeps its sender from sending.
    fill(&other, 0);
    while me.from(2).try_recv().is_ok_and(|mail| mail.map(std::mem::forget).is_some()) {}
    select.remove(room);
    let from_anyone = select.recv(me.from_any());
    thread::scope(|scope| {
        let sender = scope.spawn(move || other.to(0).within(GUARD).send(b"more").map(|()| other));
        assert_eq!(select.wait(GUARD), Ok(from_anyone));
        assert_eq!(select.wait(GUARD), Ok(from_anyone));
        assert_eq!(me.try_recv().err(), Some(RecvError::Held(2)));
        drop(held);
        drop(sender.join().expect("a thread").expect("room"));
    });
}

#[test]
fn a_mailbox_that_makes_no_sense_is_told_beside_mail_of_others() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(4).arena(1024));
    let [mut me, other] = [0, 2].map(|rank| region.join(rank).expect("free"));
    // No sender puts an answer there.
    Wire::new(&scratch, 1, 0).push(Kind::Answer, b"x");
    for _ in 0..2 {
        let mut select = Select::new();
        let (corrupt, fine) = (select.recv(me.from(1)), select.recv(me.from(2)));
        assert_eq!([(); 2].map(|()| select.wait(GUARD)), [Ok(corrupt); 2], "it says so each time");
        assert_eq!(me.from(1).try_recv().err(), Some(RecvError::Broken(Broken::Corrupt(1))));
        other.send(0, b"x").expect("room");
        let told = [(); 4].map(|()| select.wait(GUARD));
        assert!(told.contains(&Ok(corrupt)) && told.contains(&Ok(fine)), "{told:?}");
        drop(me.from(2).try_recv().expect("sound").expect("mail"));
    }
    me.reset(1).expect("a rank");
    let mut select = Select::new();
    (0..2).for_each(|tag| _ = select.recv(me.from(1).tag(tag)));
    assert_eq!(select.try_wait(), Ok(None));
}

#[test]
fn the_end_of_a_stream_comes_after_its_last_mail() {
    let [me, peer, other] = of();
    for tag in [1, 2, 1] {
        peer.to(0).tag(tag).send(b"x").expect("room");
    }
    drop((peer, other));
    let mut select = Select::new();
    let arms = [1, 2].map(|tag| select.recv(me.from(1).tag(tag)));
    let mut told = [0; 2];
    while told != [3, 2] {
        let arm = select.wait(GUARD).expect("mail or an end");
        match me.from(1).tag(1 + arm as u32).try_recv() {
            Ok(mail) => assert!(mail.is_some(), "{arm}"),
            Err(error) => {
                assert_eq!((error, told[arm]), (left(1), 2 - arm));
                select.remove(arms[arm]);
            }
        }
        told[arm] += 1;
    }
}

#[test]
fn there_is_no_room_before_what_was_started_has_it() {
    let [me, peer] = of();
    // Two fill the arena, and half of the cells.
    let long = [7; 512];
    while me.try_send(1, &long).is_ok() {}
    let started = me.to(1).start(long);
    let mut select = Select::new();
    let room = select.send(me.to(1), 8);
    assert_eq!((select.try_wait(), me.try_send(1, b"short")), (Ok(None), Err(SendError::Full(1))));
    drop(peer.recv().expect("mail"));
    assert_eq!((select.wait(GUARD), me.try_send(1, b"short")), (Ok(room), Ok(())));
    started.wait().expect("room");
}
