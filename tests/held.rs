//! Mails that their receiver holds keep a sender from sending: the receiver that waits for more of it is told.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{Child, GUARD, SHORT, Scratch, command, pattern, reply, role, wait_until};
use mailbox::lab::abi::{MAIL, Starved};
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{CallError, Config, Deadline, Endpoint, Mail, RecvError, Region, SendError, Wait};
use std::io::Read;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const ARENA: u64 = 64 << 10;
/// Some of these fill the arena long before they fill the cells.
const LARGE: usize = 10 << 10;

/// Ranks 0 and 1 of a region with a small arena and many cells, and rank 2.
fn three() -> (Scratch, [Endpoint; 3]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).arena(ARENA));
    (scratch, [0, 1, 2].map(|rank| region.join(rank).expect("free")))
}

/// Sends that many messages to rank 1.
fn stream(a: &Endpoint, messages: usize) -> Result<(), SendError> {
    (0..messages).try_for_each(|number| a.to(1).within(GUARD).send(&pattern(LARGE, number)))
}

#[test]
fn one_held_mail_that_keeps_the_arena_full_is_told_to_who_waits_for_that_sender() {
    let (_scratch, [a, b, _c]) = three();
    thread::scope(|scope| {
        let sender = scope.spawn(move || (stream(&a, 20), a).0);
        let held = b.recv().expect("mail");
        let mut received = 1;
        loop {
            match b.from(0).within(GUARD).recv() {
                Ok(mail) => assert_eq!(mail.to_vec(), pattern(LARGE, received)),
                Err(error) => break assert_eq!(error, RecvError::Held(0)),
            }
            received += 1;
        }
        assert!(received < 20, "the held mail is in the way");
        assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Held(0)), "each time");
        drop(held);
        for number in received..20 {
            assert_eq!(b.from(0).within(GUARD).recv().expect("mail").to_vec(), pattern(LARGE, number));
        }
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn who_receives_from_anyone_is_told_once_and_hears_of_others_all_the_same() {
    let (_scratch, [a, b, c]) = three();
    thread::scope(|scope| {
        let sender = scope.spawn(move || (stream(&a, 20), a).0);
        let held = b.recv().expect("mail");
        let told = loop {
            match b.from_any().within(GUARD).recv() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(told, RecvError::Held(0));
        assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "once");
        c.send(1, b"another's").expect("room");
        assert_eq!(b.from_any().within(GUARD).recv().expect("mail").to_vec(), b"another's");
        drop(held);
        while !sender.is_finished() {
            let _ = b.from_any().within(SHORT).recv();
        }
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

/// The word in which `from` says to `to` that it waits.
fn said(wire: &Wire) -> u64 {
    wire.mailbox.mail.producer.starved.load(Relaxed)
}

fn wait_until_starved(wire: &Wire) {
    wait_until("a sender says that it waits", || said(wire) != 0);
}

/// What there is to receive, which is kept.
fn take_all(me: &Endpoint) -> Vec<Mail<'_>> {
    std::iter::from_fn(|| me.from(0).try_recv().ok().flatten()).collect()
}

#[test]
fn who_never_waits_is_told_at_once() {
    for how in [Wait::Adaptive, Wait::Block, Wait::Spin] {
        let (scratch, [a, b, _c]) = three();
        let wire = Wire::new(&scratch, 0, 1);
        a.set_wait(how);
        thread::scope(|scope| {
            let sender = scope.spawn(move || (stream(&a, 20), a).0);
            wait_until_starved(&wire);
            let held = take_all(&b);
            assert!(!held.is_empty());
            assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Held(0)), "{how:?}");
            assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Held(0)), "each time");
            assert_eq!(b.try_recv().err(), Some(RecvError::Held(0)), "from anyone, too");
            assert!(b.try_recv().is_ok_and(|mail| mail.is_none()), "once");
            drop(held);
            while !sender.is_finished() {
                let _ = b.from_any().within(SHORT).recv();
            }
            assert_eq!(sender.join().expect("a thread"), Ok(()));
            assert_eq!(said(&wire), 0, "it waits no more");
        });
    }
}

#[test]
fn who_sleeps_is_rung_by_a_sender_that_waits() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(4));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (0..4).for_each(|_| a.send(1, b"mail").expect("room"));
    // As it is while somebody sleeps there who holds them.
    scratch.seem_asleep(1, MAIL);
    thread::scope(|scope| {
        let sender = scope.spawn(move || (a.to(1).within(GUARD).send(b"more"), a).0);
        wait_until("its bell is rung", || !scratch.receiver_sleeps(1));
        (0..5).for_each(|_| drop(b.from_any().within(GUARD).recv().expect("mail")));
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn a_receiver_that_sleeps_or_polls_when_its_sender_has_no_room_left_is_told() {
    for how in [Wait::Adaptive, Wait::Block, Wait::Spin] {
        for anyone in [false, true] {
            let scratch = Scratch::new();
            let region = scratch.create(Config::ranks(2));
            let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
            b.set_wait(how);
            a.send(1, b"held").expect("room");
            thread::scope(|scope| {
                let receiver = scope.spawn(move || {
                    let b = b;
                    let _held = b.recv().expect("mail");
                    let wait = || if anyone { b.recv() } else { b.from(0).recv() };
                    // It holds them, too.
                    let mut more = Vec::new();
                    loop {
                        match wait() {
                            Ok(mail) => more.push(mail),
                            Err(error) => return (error, more.len()),
                        }
                    }
                });
                if how == Wait::Block {
                    scratch.wait_until_receiver_sleeps(1);
                }
                (0..2).for_each(|_| a.send(1, b"more").expect("room"));
                a.to(1).within(GUARD).sync().send(b"waits").expect("its receiver is told");
                assert_eq!(receiver.join().expect("a thread"), (RecvError::Held(0), 3), "{how:?}");
            });
        }
    }
}

#[test]
fn who_never_waits_is_told_that_held_mails_fill_all_cells() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(2));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (0..2).for_each(|message| a.send(1, &[message]).expect("room"));
    let held = [b.recv().expect("mail"), b.recv().expect("mail")];
    assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Held(0)));
    let told: Vec<_> = (0..200).map(|_| b.try_recv().map(drop)).collect();
    assert_eq!(told.iter().filter(|told| **told == Err(RecvError::Held(0))).count(), 1, "once");
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 199);
    drop(held);
    assert!(b.from(0).try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn who_holds_an_announcement_and_waits_for_the_next_is_told() {
    let (_scratch, [a, b, _c]) = three();
    b.set_by_hand(true);
    let message = pattern(4 * ARENA as usize, 0);
    thread::scope(|scope| {
        let sent = message.as_slice();
        let sender = scope.spawn(move || (a.to(1).within(GUARD).send(sent), a).0);
        let held = b.recv().expect("an announcement");
        assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Held(0)));
        let mut bytes = Vec::new();
        assert!(held.fetch().read_to_end(&mut bytes).is_ok());
        assert!(bytes == message);
        assert_eq!(sender.join().expect("a thread"), Ok(()));
    });
}

#[test]
fn second_process() {
    let Some((_, region)) = role() else { return };
    let me = Region::open(region.as_str()).expect("a region").join(1).expect("free");
    reply("ready");
    while let Some(command) = command() {
        match command.as_str() {
            "fill" => while me.send(0, &[1; 200]).is_ok() {},
            "send" => me.send(0, b"before").expect("room"),
            "wait" => me.to(0).sync().send(b"wait for it").expect("it is acknowledged"),
            other => panic!("{other}"),
        }
        reply("done");
    }
}

/// A second process of rank 1 that is stopped while it waits, and the reader of its mailbox to rank 0.
fn stopped<'a>(scratch: &Scratch, me: &'a Endpoint, commands: [&str; 2]) -> (Child, Vec<Mail<'a>>) {
    let wire = Wire::new(scratch, 1, 0);
    let mut sender = Child::start("sender", scratch);
    assert_eq!(sender.answer(), "ready");
    if commands[0] != "fill" {
        assert_eq!(sender.does(commands[0]), "done");
    }
    sender.starts(commands[1]);
    wait_until_starved(&wire);
    sender.stop();
    let held = std::iter::from_fn(|| me.from(1).try_recv().ok().flatten()).collect();
    (sender, held)
}

#[test]
fn a_sender_that_is_about_to_run_and_take_the_room_that_it_was_given_is_not_held_up() {
    let scratch = Scratch::new();
    // A quarter is two cells.
    let region = scratch.create(Config::ranks(2).cells(8));
    let me = region.join(0).expect("free");
    let (mut sender, mut held) = stopped(&scratch, &me, ["fill", "fill"]);
    assert_eq!(held.len(), 8);
    assert_eq!(me.from(1).try_recv().err(), Some(RecvError::Held(1)));
    held.remove(0).ack();
    for _ in 0..100 {
        assert!(me.from(1).try_recv().is_ok_and(|mail| mail.is_none()), "one cell is free");
        assert!(me.try_recv().is_ok_and(|mail| mail.is_none()));
    }
    sender.kill();
}

#[test]
fn a_sender_whose_message_is_acknowledged_is_not_held_up_by_one_before_it() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let me = region.join(0).expect("free");
    let (mut sender, mut held) = stopped(&scratch, &me, ["send", "wait"]);
    assert_eq!(held.len(), 2);
    assert_eq!(me.from(1).try_recv().err(), Some(RecvError::Held(1)));
    held.remove(1).ack();
    for _ in 0..100 {
        assert!(me.from(1).try_recv().is_ok_and(|mail| mail.is_none()), "it is about to go on");
    }
    sender.kill();
}

#[test]
fn the_word_of_a_life_that_is_over_is_not_its_successors() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(1024));
    let me = region.join(0).expect("free");
    let wire = Wire::new(&scratch, 1, 0);
    let (mut sender, held) = stopped(&scratch, &me, ["fill", "fill"]);
    sender.kill();
    assert_eq!(me.from(1).within(GUARD).recv().err(), Some(RecvError::Gone { rank: 1, died: true }));
    let successor = region.join(1).expect("free");
    let word = said(&wire);
    let oldest = held.first().expect("mail").seq();
    assert_eq!(Starved::unpack(word, oldest).map(|starved| starved.seq), Some(oldest), "nobody took it back");
    assert_eq!(me.from(1).within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(successor.try_send(0, &[1; 200]), Err(SendError::Full(0)));
    assert_eq!(said(&wire), 0, "a successor's own word");
}

#[test]
fn a_call_that_waits_does_not_wait_for_a_server_whose_other_half_has_no_room() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(4));
    let (caller, server) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let wire = Wire::new(&scratch, 1, 0);
    let (sender, receiver) = server.into_split();
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            (0..5).for_each(|_| sender.to(0).within(GUARD).send(b"mail").expect("room"));
            sender
        });
        wait_until_starved(&wire);
        let asleep = &scratch;
        let answering = scope.spawn(move || {
            let call = receiver.from_any().within(GUARD).recv().expect("a call");
            // The caller had all the time to be told.
            asleep.wait_until_receiver_sleeps(0);
            call.reply(b"yes").expect("an answer");
            receiver
        });
        caller.set_wait(Wait::Block);
        assert_eq!(caller.to(1).within(GUARD).call(b"?").map(|reply| reply.to_vec()), Ok(b"yes".to_vec()));
        (0..5).for_each(|_| drop(caller.recv().expect("mail")));
        drop((sending.join().expect("a thread"), answering.join().expect("a thread")));
    });
}

#[test]
fn a_call_that_waits_takes_in_the_answers_that_its_server_has_no_room_behind() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).arena(1024));
    let (caller, server) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let on_line = caller.to(1).within(Deadline::Now).start_call(b"last").expect("room");
    let calls: Vec<_> =
        (0..20).map(|_| caller.to(1).within(Deadline::Now).start_call(b"long").expect("room")).collect();
    thread::scope(|scope| {
        scope.spawn(move || {
            let last = server.recv().expect("a call");
            for number in 0..20 {
                let call = server.recv().expect("a call");
                assert_eq!(call.reply_within(&pattern(500, number), GUARD).map_err(|e| e.error()), Ok(()));
            }
            last.reply(b"done").expect("room");
        });
        assert_eq!(on_line.wait_within(GUARD).map(|reply| reply.to_vec()), Ok(b"done".to_vec()));
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.wait().map(|reply| reply.to_vec()), Ok(pattern(500, number)));
        }
    });
}

/// Messages to one rank that may wait for its answer.
const CREDITS: u64 = 64;

#[test]
fn announcements_that_are_held_keep_their_sender_from_the_next_one() {
    for how in [Wait::Adaptive, Wait::Block] {
        let (scratch, [a, b, _c]) = three();
        let wire = Wire::new(&scratch, 0, 1);
        a.set_wait(how);
        b.set_by_hand(true);
        let (tell, received) = mpsc::channel();
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                let announce = |number: u64| a.to(1).announce(pattern(100, number as usize));
                let sent: Result<Vec<_>, _> = (0..CREDITS + 3).map(announce).collect();
                // None of them is given up before it is received.
                received.recv().expect("that it was");
                drop(sent.expect("announced"));
                a
            });
            let mut held: Vec<_> = (0..CREDITS).map(|_| b.from(0).recv().expect("mail")).collect();
            // It waits for what nobody would do.
            assert_eq!(b.from(0).recv().err(), Some(RecvError::Held(0)), "{how:?}");
            for number in CREDITS..CREDITS + 3 {
                // Whichever it is.
                drop(held.swap_remove(number as usize % 5));
                held.push(b.from(0).recv().expect("mail"));
                assert_eq!(held.last().map(|mail| mail.seq()), Some(number));
                if number < CREDITS + 2 {
                    assert_eq!(b.recv().err(), Some(RecvError::Held(0)), "from anyone, for each");
                }
            }
            assert_eq!(said(&wire), 0, "it waits no more");
            tell.send(()).expect("a listener");
            let a = sender.join().expect("a thread");
            assert_eq!(b.from(0).try_recv().map(|mail| mail.is_none()), Ok(true));
            drop((held, a));
        });
    }
}

#[test]
fn calls_that_are_held_keep_their_caller_from_the_next_one() {
    let (scratch, [a, b, _c]) = three();
    let wire = Wire::new(&scratch, 0, 1);
    thread::scope(|scope| {
        let caller = scope.spawn(move || {
            // The first goes on the line, and has no credit.
            let ask = |_| a.to(1).start_call(b"?").expect("a credit");
            let calls: Vec<_> = (0..=CREDITS).map(ask).collect();
            drop(calls);
            let asked = a.to(1).within(GUARD).call(&[0; 100]).map(|reply| reply.to_vec());
            (asked, a)
        });
        let mut held: Vec<_> = (0..=CREDITS).map(|_| b.from(0).recv().expect("a call")).collect();
        assert_eq!(b.from(0).recv().err(), Some(RecvError::Held(0)));
        drop(held.swap_remove(7));
        let last = b.from(0).recv().expect("a call");
        assert_eq!(said(&wire), 0);
        last.reply(b"yes").expect("room");
        assert_eq!(caller.join().expect("a thread").0, Ok(b"yes".to_vec()));
    });
}

#[test]
fn one_that_is_about_to_take_the_credit_that_it_was_given_is_not_held_up() {
    let (scratch, [a, b, _c]) = three();
    let wire = Wire::new(&scratch, 0, 1);
    b.set_by_hand(true);
    a.send(1, b"has no credit").expect("room");
    let announce = |number| a.to(1).announce(pattern(100, number)).expect("a credit");
    let sent: Vec<_> = (0..CREDITS as usize).map(announce).collect();
    let mut held = take_all(&b);
    let word = Starved { seq: CREDITS, is_any: true, epoch: 1, is_alone: true }.pack();
    wire.mailbox.mail.producer.starved.store(word, Relaxed);
    assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Held(0)));
    assert_eq!(b.to(0).within(GUARD).call(b"?").map(|_| ()).err(), Some(CallError::Held(0)));
    drop(held.swap_remove(9));
    for _ in 0..10 {
        assert_eq!(b.from(0).try_recv().map(|mail| mail.is_none()), Ok(true), "one has its answer");
        assert_eq!(b.try_recv().map(|mail| mail.is_none()), Ok(true));
    }
    drop((held, sent));
}

#[test]
fn whatever_a_sender_says_costs_its_receiver_an_error_at_most() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let wire = Wire::new(&scratch, 0, 1);
    a.send(1, b"held").expect("room");
    let held = b.recv().expect("mail");
    for word in (0..64).flat_map(|bit| [1 << bit, u64::MAX << bit, !(1 << bit), (1 << bit) | 1]) {
        wire.mailbox.mail.producer.starved.store(word, Relaxed);
        for told in [b.from(0).try_recv(), b.try_recv()] {
            assert!(matches!(told, Ok(None) | Err(RecvError::Held(0))), "{word:#x}: {told:?}");
        }
        let told = b.to(0).within(Duration::ZERO).call(b"?").map(|_| ()).err();
        assert!(
            [Some(CallError::Held(1)), Some(CallError::Timeout(0))].contains(&told),
            "{word:#x}: {told:?}"
        );
    }
    drop(held);
    a.send(1, b"more").expect("room");
    assert_eq!(b.try_recv().unwrap().expect("mail").to_vec(), b"more");
}

#[test]
fn nothing_keeps_a_sender_from_sending_that_was_killed_while_it_waited_for_room() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(4).arena(1024));
    let me = region.join(0).expect("free");
    let mut sender = Child::start("fill", &scratch);
    assert_eq!(sender.answer(), "ready");
    sender.starts("fill");
    scratch.wait_until_sender_sleeps(1);
    let mut held = vec![me.from_any().within(GUARD).recv().expect("mail")];
    sender.kill();
    let end = loop {
        match me.from_any().within(GUARD).recv() {
            Ok(mail) => held.push(mail),
            Err(error) => break error,
        }
    };
    assert_eq!(end, RecvError::Gone { rank: 1, died: true });
    assert_eq!(me.from_any().within(SHORT).recv().map(|mail| mail.len()), Err(RecvError::Timeout));
    assert_eq!(me.from_any().within(SHORT).recv().map(|mail| mail.len()), Err(RecvError::Timeout));
}

#[test]
fn nothing_keeps_a_sender_from_sending_that_has_left() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(2).arena(1024));
    let [me, a, _b] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    (0..2).for_each(|message| a.send(0, &[message]).expect("room"));
    let _held = [me.recv().expect("mail"), me.recv().expect("mail")];
    drop(a);
    assert_eq!(
        me.from_any().within(GUARD).recv().map(|mail| mail.len()),
        Err(RecvError::Gone { rank: 1, died: false })
    );
    assert_eq!(me.from_any().within(SHORT).recv().map(|mail| mail.len()), Err(RecvError::Timeout));
}

#[test]
fn a_sender_that_waits_for_another_reason_is_not_held_up() {
    let (_scratch, [a, b, _c]) = three();
    a.send(1, b"held").expect("room");
    let _held = b.recv().expect("mail");
    assert_eq!(b.from(0).within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(b.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
}
