//! What an absent rank has not received can be given up: its room is free at once, and a successor gets all or nothing.
#![cfg(not(loom))]

mod common;

use common::{Child, GUARD, Scratch, command, kill_endpoint, pattern, reply, role};
use mailbox::{Broken, CallError, Config, Deadline, DiscardError, End, Endpoint, Region, SendError, Status};
use std::thread;

const CELLS: u32 = 8;

fn region() -> (Scratch, Region, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(CELLS).arena(4096));
    let me = region.join(0).expect("free");
    (scratch, region, me)
}

/// Sends until there is no room; how many.
fn fill(me: &Endpoint, len: usize) -> u64 {
    (0..).find(|number| me.try_send(1, &pattern(len, *number as usize)).is_err()).expect("an end")
}

#[test]
fn what_an_absent_rank_has_not_received_is_given_up() {
    for len in [8, 600] {
        for past in ["never joined", "left", "died"] {
            let (_scratch, region, me) = region();
            let mut received = 0;
            if past != "never joined" {
                let other = region.join(1).expect("free");
                me.send(1, b"received").expect("room");
                drop(other.recv().expect("mail"));
                me.send(1, b"in hand").expect("room");
                std::mem::forget(other.recv().expect("mail"));
                received = 2;
                if past == "left" { drop(other) } else { kill_endpoint(other) }
            }
            let status = region.status(1);
            for _ in 0..3 {
                let sent = fill(&me, len);
                assert!(sent > 1, "{past}");
                assert_eq!(me.discard(1), Ok(sent + u64::from(received == 2)), "{past}");
                received = 0;
                assert_eq!(me.discard(1), Ok(0), "{past}");
            }
            assert_eq!(region.status(1), status, "nobody sees anything of it");
            me.send(1, b"from then on").expect("room");
            let other = region.join(1).expect("free");
            let mail = other.from(0).within(GUARD).recv().expect("mail");
            assert_eq!((mail.to_vec(), mail.redelivered()), (b"from then on".to_vec(), 0));
            drop(mail);
            assert!(other.from(0).try_recv().is_ok_and(|mail| mail.is_none()));
            for number in 0..100 {
                me.to(1).within(GUARD).send(&pattern(len, number)).expect("room");
                assert_eq!(
                    other.from_any().within(GUARD).recv().expect("mail").to_vec(),
                    pattern(len, number)
                );
            }
        }
    }
}

#[test]
fn nothing_is_given_up_that_a_rank_which_is_there_may_receive() {
    let (_scratch, region, me) = region();
    assert_eq!(me.discard(1), Ok(0), "nothing was ever sent");
    assert_eq!(me.discard(3), Err(DiscardError::Broken(Broken::NoSuchRank { rank: 3, ranks: 3 })));
    let other = region.join(1).expect("free");
    (0..3u8).for_each(|number| me.send(1, &[number]).expect("room"));
    assert_eq!(me.discard(1), Err(DiscardError::Present(1)));
    me.send(0, b"to itself").expect("room");
    assert_eq!(me.discard(0), Err(DiscardError::Present(0)));
    let (sender, receiver) = me.into_split();
    assert_eq!(sender.discard(1), Err(DiscardError::Present(1)));
    (0..3u8).for_each(|number| assert_eq!(other.recv().expect("mail").to_vec(), [number]));
    drop(other);
    assert_eq!(sender.discard(1), Ok(0), "all was received");
    assert_eq!(receiver.from(0).recv().expect("mail").to_vec(), b"to itself");
}

#[test]
fn what_a_batch_holds_back_is_given_up() {
    let (_scratch, region, me) = region();
    let batch = me.batch();
    me.send(1, b"held back").expect("room");
    assert_eq!(me.discard(1), Ok(1));
    me.send(1, b"after it").expect("room");
    drop(batch);
    let other = region.join(1).expect("free");
    assert_eq!(other.recv().expect("mail").to_vec(), b"after it");
    assert!(other.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn a_call_that_is_given_up_says_so() {
    let (_scratch, region, me) = region();
    let on_line = me.to(1).within(Deadline::Now).start_call(b"on the line").expect("room");
    let call = me.to(1).within(Deadline::Now).start_call(b"in the mailbox").expect("room");
    assert_eq!(me.discard(1), Ok(1));
    assert_eq!(call.try_wait().map(drop), Err(CallError::Unanswered { rank: 1, end: End::Dropped }));
    let server = region.join(1).expect("free");
    server.recv().expect("a call").reply(b"yes").expect("room");
    assert_eq!(*on_line.wait_within(GUARD).expect("an answer"), *b"yes");
    assert!(server.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn a_successor_gives_up_what_its_predecessor_sent() {
    let (_scratch, region, me) = region();
    let sent = fill(&me, 600);
    kill_endpoint(me);
    let me = region.join(0).expect("free");
    assert_eq!(me.discard(1), Ok(sent));
    assert_eq!(fill(&me, 600), sent);
    kill_endpoint(me);
    // And one that knows nothing of it goes on from there.
    let me = region.join(0).expect("free");
    assert_eq!(me.try_send(1, &[0; 600]), Err(SendError::Full(1)));
    assert_eq!(me.discard(1), Ok(sent));
}

#[test]
fn a_reset_that_a_dead_receiver_asked_for_is_given_all_the_same() {
    let (_scratch, region, me) = region();
    let mut other = region.join(1).expect("free");
    me.send(1, b"lost").expect("room");
    other.try_recv().unwrap().expect("mail").requeue();
    other.reset(0).expect("a rank");
    kill_endpoint(other);
    assert_eq!(me.send(1, b"lost, too"), Err(SendError::Broken(Broken::Reset(1))));
    let sent = fill(&me, 8);
    assert_eq!(me.discard(1), Ok(sent));
    me.send(1, b"from then on").expect("room");
    let other = region.join(1).expect("free");
    assert_eq!(other.from_any().within(GUARD).recv().expect("mail").to_vec(), b"from then on");
    assert!(other.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn second_process() {
    let Some((role, region)) = role() else { return };
    let region = Region::open(region.as_str()).expect("a region");
    if role == "gives up" {
        let me = region.join(2).expect("free");
        reply("ready");
        loop {
            assert_eq!(fill(&me, 600), me.discard(1).expect("nobody is there"));
        }
    }
    while command().is_some() {
        // All of a round, in order, or nothing of it.
        let me = region.join(1).expect("nobody is there");
        let mut numbers = Vec::new();
        while let Ok(Some(mail)) = me.from(0).try_recv() {
            let bytes = mail.to_vec();
            let number = bytes[0];
            assert!(bytes.iter().all(|byte| *byte == number), "written while it was read");
            numbers.push(number);
        }
        drop(me);
        reply(&format!("{numbers:?}"));
    }
}

#[test]
fn who_joins_at_that_very_moment_gets_all_or_nothing() {
    let (scratch, region, me) = region();
    let mut other = Child::start("joins", &scratch);
    for round in 0..200u32 {
        let number = round as u8;
        (0..4).for_each(|_| me.send(1, &[number; 600]).expect("room"));
        other.starts("join");
        (0..round % 16 * 400).for_each(|_| std::hint::spin_loop());
        let given_up = loop {
            match me.discard(1) {
                Ok(given_up) => break given_up,
                // It comes and goes.
                Err(error) => assert_eq!(error, DiscardError::Present(1)),
            }
        };
        // It is written where that was.
        if given_up > 0 {
            (0..4).for_each(|_| me.send(1, &[255; 600]).expect("room"));
        }
        let had = other.answer();
        match given_up {
            0 => assert_eq!(had, format!("{:?}", [number; 4])),
            4 => {
                let mut numbers = had.trim_matches(['[', ']']).split(", ");
                assert!(numbers.all(|had| had.is_empty() || had == "255"), "{had}");
            }
            _ => panic!("{given_up}"),
        }
        // Messages of the second kind that came too late for it.
        let _ = me.discard(1);
    }
    assert_eq!(region.status(1).map(|(status, _)| status), Some(Status::Left));
}

#[test]
fn who_is_killed_while_it_gives_up_leaves_all_or_nothing() {
    let (scratch, region, _me) = region();
    for round in 0..20u32 {
        let mut other = Child::start("gives up", &scratch);
        assert_eq!(other.answer(), "ready");
        (0..round * 1000).for_each(|_| std::hint::spin_loop());
        other.kill();
        let receiver = region.join(1).expect("nobody holds its lock");
        let mut mails = Vec::new();
        while let Ok(Some(mail)) = receiver.from(2).try_recv() {
            // Each round begins again.
            assert_eq!(mail.to_vec(), pattern(600, mails.len()));
            mails.push(mail);
        }
    }
}

#[test]
fn who_joins_as_a_rank_that_died_is_not_told_that_somebody_has_it() {
    let (_scratch, region, me) = region();
    thread::scope(|scope| {
        let joining = scope.spawn(|| {
            (0..300).for_each(|_| kill_endpoint(region.join(1).expect("nobody is there")));
        });
        while !joining.is_finished() {
            let _ = me.try_send(1, b"news");
            assert!(matches!(me.discard(1), Ok(_) | Err(DiscardError::Present(1))));
        }
        joining.join().expect("a thread");
    });
}

#[test]
fn whoever_joins_another_rank_does_not_mind() {
    let (_scratch, region, me) = region();
    thread::scope(|scope| {
        let joining = scope.spawn(|| (0..200).for_each(|_| drop(region.join(2).expect("nobody else is it"))));
        while !joining.is_finished() {
            me.send(1, b"news").expect("room");
            assert_eq!(me.discard(1), Ok(1));
        }
        joining.join().expect("a thread");
    });
}

#[test]
fn an_announced_message_that_is_given_up_so_is_told() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let a = region.join(0).expect("free");
    let mut sending = a.to(1).announce([7; 100]).expect("room");
    assert_eq!(sending.is_received(), Ok(false));
    assert_eq!(a.discard(1), Ok(1));
    assert_eq!(sending.wait(), Err(SendError::Refused(1)));
    let b = region.join(1).expect("free");
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
}
