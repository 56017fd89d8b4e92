//! Calls: requests that want answers.
#![cfg(not(loom))]

mod common;
#[path = "calls/credits.rs"]
mod credits;
#[path = "calls/ends.rs"]
mod ends;
#[path = "calls/garbage.rs"]
mod garbage;

use common::wire::Wire;
use common::{GUARD, ON_EVENTS, Scratch, kill_endpoint, pattern, wait_until};
use mailbox::lab::abi::{CREDITS, Kind, RETURN_CELLS};
use mailbox::lab::memory::Lane;
use mailbox::lab::ring::{Producer, Slack};
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{
    Broken, CallError, Config, Deadline, End, Endpoint, Mail, RecvError, ReplyError, SendError, Status,
    Unanswered, Wait,
};
use std::collections::VecDeque;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const SERVER: u32 = 1;
const SHORT: Duration = Duration::from_millis(20);
/// Bytes of a request that does not fit the line.
const LONG: usize = 1000;

/// A region, and the endpoints of its first two ranks.
fn pair(config: Config) -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(config);
    let [caller, server] = [0, SERVER].map(|rank| region.join(rank).expect("a free rank"));
    (scratch, caller, server)
}

/// Answers calls beside the test until the caller leaves.
fn serve(server: Endpoint, answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || {
        loop {
            match server.from_any().within(GUARD).recv() {
                Ok(call) => {
                    assert!(call.is_call());
                    let answer = answer(&call.to_vec());
                    call.reply(&answer).expect("an answer");
                }
                Err(RecvError::Gone { died: false, .. }) => return,
                Err(error) => panic!("{error}"),
            }
        }
    })
}

#[test]
fn a_call_is_answered_whatever_its_length() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let server = serve(server, |request| {
        let (len, rest) = request.split_first_chunk().expect("a length");
        [rest, &pattern(u32::from_ne_bytes(*len) as usize, 3)].concat()
    });
    for request in [0, 1, 43, 44, 45, 60, 5000] {
        for answer in [0, 1, 4, 48, 49, 64, 4096, 100_000] {
            let rest = pattern(request, answer);
            let reply = caller.call(SERVER, &[&(answer as u32).to_ne_bytes(), &rest[..]].concat());
            let reply = reply.expect("an answer");
            assert!(*reply == [rest, pattern(answer, 3)].concat(), "{request} {answer}");
        }
    }
    drop(caller);
    server.join().expect("a server");
}

#[test]
fn however_both_wait_each_call_has_its_answer() {
    // One thread of a process may choose events.
    let ways = [Wait::Spin, Wait::Adaptive, Wait::Block].map(|how| (how, how));
    for how in ways.into_iter().chain([(ON_EVENTS, Wait::Block), (Wait::Block, ON_EVENTS)]) {
        let (_scratch, caller, server) = pair(Config::ranks(2));
        caller.set_wait(how.0);
        server.set_wait(how.1);
        let server = serve(server, <[u8]>::to_vec);
        for number in 0..200_u64 {
            let mut request = vec![0; if number % 3 == 0 { LONG } else { 48 }];
            request[..8].copy_from_slice(&number.to_ne_bytes());
            assert_eq!(*caller.call(SERVER, &request).expect("an answer"), request, "{how:?}");
        }
        drop(caller);
        server.join().expect("a server");
    }
}

#[test]
fn a_call_comes_after_the_mail_before_it() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(64));
    for request in [8, LONG] {
        for _ in 0..3 {
            let batch = caller.batch();
            for number in 0..40_u8 {
                caller.send(SERVER, &[number]).expect("room");
            }
            let call =
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
            drop(batch);
            caller.try_send(SERVER, b"after").expect("room");
            for number in 0..40 {
                let mail = server.try_recv().unwrap().expect("mail");
                assert!(!mail.is_call() && mail.to_vec() == [number]);
            }
            let (mut calls, mut mails) = (0, 0);
            for _ in 0..2 {
                let mail = server.try_recv().unwrap().expect("the call, and what was sent after it");
                if mail.is_call() {
                    calls += 1;
                    assert_eq!(mail.to_vec(), pattern(request, 0));
                    mail.reply(b"done").expect("an answer");
                } else {
                    mails += 1;
                }
            }
            assert_eq!((calls, mails), (1, 1));
            assert_eq!(call.try_wait().expect("an answer").as_deref(), Some(&b"done"[..]));
            assert!(matches!(call.try_wait(), Err(CallError::Unanswered { end: End::Dropped, .. })));
        }
    }
}

#[test]
fn a_call_comes_after_mail_that_was_left() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(64));
    caller.send(SERVER, b"mail").expect("room");
    server.try_recv().unwrap().expect("mail").requeue();
    for request in [8, LONG] {
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
        let mail = server.try_recv().unwrap().expect("mail");
        assert!(!mail.is_call(), "{request}");
        mail.requeue();
        drop(call);
    }
    assert_eq!(server.try_recv().unwrap().expect("mail").to_vec(), b"mail");
    (0..2).for_each(|_| drop(server.try_recv().unwrap().expect("a call that was given up")));
}

#[test]
fn many_calls_at_once_are_answered_in_any_order() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let calls: Vec<_> = (0..20_u8)
        .map(|number| {
            let len = if number % 4 == 3 { LONG } else { 1 };
            caller.to(SERVER).within(Deadline::Now).start_call(&vec![number; len]).expect("room")
        })
        .collect();
    let mut mails: Vec<_> = (0..20).map(|_| server.try_recv().unwrap().expect("a call")).collect();
    assert!(matches!(server.try_recv(), Ok(None)));
    mails.rotate_left(7);
    for mail in mails.into_iter().rev() {
        let number = mail.to_vec()[0];
        let len = if number % 3 == 2 { LONG } else { 1 };
        mail.reply(&vec![number; len]).expect("an answer");
    }
    for (call, number) in calls.into_iter().zip(0..) {
        let reply = call.wait().expect("an answer").into_vec();
        assert!(reply.iter().all(|byte| *byte == number), "{number}");
        assert_eq!(reply.len(), if number % 3 == 2 { LONG } else { 1 });
    }
}

#[test]
fn an_answer_may_be_an_error_or_none() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        for answer in [3, LONG] {
            let call =
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
            assert_eq!(call.try_wait().expect("no error").as_deref(), None);
            server.try_recv().unwrap().expect("the call").refuse(&pattern(answer, 1)).expect("an answer");
            assert_eq!(call.wait().unwrap_err(), CallError::Refused(pattern(answer, 1)));
        }
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
        drop(server.try_recv().unwrap().expect("the call"));
        assert_eq!(call.wait().unwrap_err(), CallError::Unanswered { rank: SERVER, end: End::Dropped });
    }
}

#[test]
fn a_late_answer_is_never_that_of_another_call() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        for answer in [8, LONG] {
            for number in 0..5_u8 {
                assert_eq!(
                    caller.to(SERVER).within(SHORT).call(&vec![number; request]).unwrap_err(),
                    CallError::Timeout(SERVER)
                );
                let late = server.try_recv().unwrap().expect("the call that was given up");
                let next = caller
                    .to(SERVER)
                    .within(Deadline::Now)
                    .start_call(&vec![number + 100; request])
                    .expect("room");
                late.reply(&vec![number; answer]).expect("nobody minds");
                assert_eq!(next.try_wait().expect("no error").as_deref(), None);
                let mail = server.try_recv().unwrap().expect("the next call");
                assert_eq!(mail.to_vec(), vec![number + 100; request]);
                mail.reply(&vec![number + 100; answer]).expect("an answer");
                assert_eq!(*next.wait().expect("an answer"), vec![number + 100; answer]);
            }
        }
    }
    assert!(matches!(caller.try_recv(), Ok(None)), "late answers are no mail");
}

#[test]
fn a_call_that_was_left_comes_again_and_one_only() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
        for _ in 0..3 {
            server.try_recv().unwrap().expect("the call").requeue();
        }
        let mail = server.try_recv().unwrap().expect("the call");
        assert!(matches!(server.try_recv(), Ok(None)), "it is held");
        mail.reply(b"once").expect("an answer");
        assert_eq!(*call.wait().expect("an answer"), *b"once");
        assert!(matches!(server.try_recv(), Ok(None)));
    }
}

#[test]
fn unread_mail_keeps_no_answer_from_coming() {
    for request in [8, LONG / 2] {
        for answer in [8, LONG / 2] {
            // So much that no cell, or no arena, is left.
            for (mails, len) in [(64, 1), (2, 512)] {
                let (_scratch, caller, server) = pair(Config::ranks(2).cells(64).arena(1024));
                let call =
                    caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
                (0..mails).for_each(|number| server.send(0, &vec![number; len]).expect("room"));
                assert_eq!(server.try_send(0, &vec![0; len]), Err(SendError::Full(0)));
                server
                    .try_recv()
                    .unwrap()
                    .expect("the call")
                    .reply_within(&pattern(answer, 1), Deadline::Now)
                    .expect("room");
                assert_eq!(*call.wait().expect("an answer"), pattern(answer, 1));
                for number in 0..mails {
                    assert_eq!(
                        caller.try_recv().unwrap().expect("mail").to_vec(),
                        vec![number; len],
                        "in order"
                    );
                }
                assert!(matches!(caller.try_recv(), Ok(None)));
            }
        }
    }
}

#[test]
fn an_answer_does_not_wait_for_an_announced_message() {
    for by_hand in [false, true] {
        let (_scratch, caller, server) = pair(Config::ranks(2).arena(1024));
        caller.set_by_hand(by_hand);
        // No memory for it.
        caller.set_budget(0);
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG / 2, 0)).expect("room");
        let mail = server.try_recv().unwrap().expect("the call");
        let _sending = server.to(0).announce(pattern(5000, 0)).expect("room");
        mail.reply_within(&pattern(100, 1), Deadline::Now).expect("room");
        assert_eq!(*call.wait().expect("an answer"), pattern(100, 1));
        // What was there is there.
        let told = caller.try_recv().map(|mail| mail.map(|mail| mail.announced().is_some()));
        assert!(matches!(told, Ok(Some(true)) | Err(RecvError::Broken(Broken::NoMemory { .. }))), "{told:?}");
    }
}

#[test]
fn corruption_of_the_mail_keeps_no_answer_from_coming() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    server.send(0, b"mail").expect("room");
    Wire::new(&scratch, SERVER, 0).mailbox.mail.cells.at(0).stamp.store(77, Relaxed);
    for request in [8, LONG] {
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
        server.try_recv().unwrap().expect("the call").reply(&pattern(LONG, 1)).expect("room");
        assert_eq!(*call.wait().expect("an answer"), pattern(LONG, 1));
    }
    assert!(matches!(caller.try_recv(), Err(RecvError::Broken(Broken::Corrupt(SERVER)))));
}

#[test]
fn an_answer_that_a_receive_comes_upon_is_kept() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
        server.try_recv().unwrap().expect("the call").reply(&pattern(LONG, 1)).expect("room");
        server.send(0, b"mail").expect("room");
        assert_eq!(caller.try_recv().unwrap().expect("mail").to_vec(), b"mail");
        assert_eq!(*call.wait().expect("an answer"), pattern(LONG, 1));
    }
}

#[test]
fn a_call_that_cannot_be_answered_is_handed_back() {
    let (_scratch, caller, server) = pair(Config::ranks(2).arena(1024));
    type Answer = for<'a> fn(Mail<'a>, &[u8]) -> Result<(), Unanswered<Mail<'a>>>;
    let answers: [(SendError, Answer); 4] = [
        (SendError::Full(0), |mail, bytes| mail.reply_within(bytes, Deadline::Now)),
        (SendError::Timeout(0), |mail, bytes| mail.reply_within(bytes, SHORT)),
        (SendError::Timeout(0), |mail, bytes| mail.refuse_within(bytes, SHORT)),
        (SendError::TooLarge { len: 513, limit: 512 }, |mail, _| mail.reply_within(&[0; 513], Deadline::Now)),
    ];
    for (error, answer) in answers {
        let calls = [0; 3]
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(60, 0)).expect("room"));
        let [first, second, third] = [0; 3].map(|_| server.try_recv().unwrap().expect("a call"));
        // Both take all the room that there is for answers that do not fit a cell.
        for mail in [first, second] {
            mail.reply_within(&pattern(512, 1), Deadline::Now).expect("room");
        }
        let unanswered = answer(third, &pattern(512, 2)).expect_err("no room");
        assert_eq!(unanswered.error(), ReplyError::Send(error));
        assert_eq!(unanswered.to_string(), format!("the answer was not sent: {error}"));
        let call = unanswered.into_call();
        let [first, second, third] = calls;
        assert_eq!(third.try_wait().expect("no error").as_deref(), None);
        // That look took both in.
        call.reply_within(&pattern(512, 3), Deadline::Now).expect("room");
        assert_eq!(*third.wait().expect("an answer"), pattern(512, 3));
        for call in [second, first] {
            assert_eq!(*call.wait().expect("an answer"), pattern(512, 1));
        }
    }
    let call = caller.to(SERVER).within(Deadline::Now).start_call(b"short").expect("room");
    drop(
        server
            .try_recv()
            .unwrap()
            .expect("the call")
            .reply_within(&[0; 513], Deadline::Now)
            .expect_err("too long"),
    );
    assert_eq!(call.wait().unwrap_err(), CallError::Unanswered { rank: SERVER, end: End::Dropped });
}

#[test]
fn a_server_waits_for_the_room_of_earlier_answers_until_its_caller_looks_or_ends() {
    for how in [Wait::Spin, Wait::Adaptive, Wait::Block] {
        for ends in [false, true] {
            let (_scratch, caller, server) = pair(Config::ranks(2).arena(1024));
            server.set_wait(how);
            let calls = [0; 3]
                .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(60, 0)).expect("room"));
            let server = thread::spawn(move || {
                for _ in 0..3 {
                    server.recv().expect("a call").reply(&pattern(512, 1)).expect("room");
                }
                server
            });
            thread::sleep(SHORT);
            if ends {
                drop(calls);
                kill_endpoint(caller);
            } else {
                for call in calls {
                    assert_eq!(*call.wait().expect("an answer"), pattern(512, 1));
                }
            }
            drop(server.join().expect("a server"));
        }
    }
}

#[test]
fn who_could_only_wait_for_its_own_answers_is_told() {
    let (_scratch, me, _other) = pair(Config::ranks(2));
    (0..CREDITS)
        .for_each(|_| drop(me.to(0).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit")));
    let full = CallError::Request(SendError::Full(0));
    assert_eq!(me.call(0, &pattern(LONG, 0)).unwrap_err(), full);
}

#[test]
fn a_call_that_is_dropped_is_told_at_once() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    caller.send(SERVER, b"held").expect("room");
    let calls = [8, LONG, LONG]
        .map(|len| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(len, 0)).expect("room"));
    let _held = server.try_recv().unwrap().expect("mail");
    let mails: Vec<_> = (0..3).map(|_| server.try_recv().unwrap().expect("a call")).collect();
    drop(mails);
    for call in calls {
        assert_eq!(call.try_wait().unwrap_err(), CallError::Unanswered { rank: SERVER, end: End::Dropped });
    }
}

#[test]
fn what_was_never_asked_says_so() {
    let (_scratch, caller, server) = pair(Config::ranks(3).arena(1024));
    let request = |error| Err::<(), _>(CallError::Request(error));
    assert_eq!(
        caller.call(3, b"").map(drop),
        request(SendError::Broken(Broken::NoSuchRank { rank: 3, ranks: 3 }))
    );
    assert_eq!(
        caller.call(SERVER, &[0; 513]).map(drop),
        request(SendError::TooLarge { len: 513, limit: 512 })
    );
    assert_eq!(caller.to(2).within(SHORT).call(b"").map(drop), Err(CallError::Timeout(2)), "it may yet join");
    assert_eq!(caller.call(0, b"").map(drop), Err(CallError::Broken(Broken::Oneself)));
    let wait = caller.interrupter();
    wait.interrupt();
    assert_eq!(caller.call(SERVER, b"").map(drop), Err(CallError::Interrupted));
    drop(server);
    assert_eq!(caller.call(SERVER, b"").map(drop), request(SendError::Gone { rank: SERVER, died: false }));
}

#[test]
fn a_full_mailbox_refuses_a_call_that_does_not_wait() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(4));
    let _line = caller.to(SERVER).within(Deadline::Now).start_call(b"on the line").expect("room");
    let calls: Vec<_> = (0..4)
        .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(b"in the mailbox").expect("room"))
        .collect();
    let full = CallError::Request(SendError::Full(SERVER));
    assert_eq!(caller.to(SERVER).within(Deadline::Now).start_call(b"").map(drop).unwrap_err(), full);
    assert_eq!(caller.to(SERVER).within(SHORT).call(b"").unwrap_err(), CallError::Timeout(SERVER));
    drop(calls);
    (0..5).for_each(|_| drop(server.try_recv().unwrap().expect("a call")));
    assert!(matches!(server.try_recv(), Ok(None)));
}

#[test]
fn a_rank_that_asks_itself_may_answer_itself() {
    let (_scratch, me, _other) = pair(Config::ranks(2));
    for len in [8, LONG] {
        let call = me.to(0).within(Deadline::Now).start_call(&pattern(len, 0)).expect("room");
        let mail = me.try_recv().unwrap().expect("the call");
        assert_eq!((mail.from(), mail.to_vec()), (0, pattern(len, 0)));
        mail.reply(&pattern(len, 1)).expect("room");
        assert_eq!(*call.wait().expect("an answer"), pattern(len, 1));
    }
}

#[test]
fn mail_is_no_call() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    caller.send(SERVER, b"mail").expect("room");
    assert_eq!(server.recv().expect("mail").reply(b"what?"), Err(ReplyError::NotACall(0)));
    assert!(matches!(server.try_recv(), Ok(None)), "it is acknowledged");
}

#[test]
fn a_half_answers_whatever_the_length() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let (_sender, receiver) = server.into_split();
    for request in [8, LONG] {
        for answer in [8, LONG] {
            let call =
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
            receiver.try_recv().unwrap().expect("the call").reply(&pattern(answer, 1)).expect("an answer");
            assert_eq!(*call.wait().expect("an answer"), pattern(answer, 1));
        }
    }
}

#[test]
fn callers_and_senders_have_their_turns() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(4).cells(64));
    let server = region.join(0).expect("a free rank");
    let busy: Vec<_> = (1..=3).map(|rank| region.join(rank).expect("a free rank")).collect();
    let call = |rank: usize| busy[rank - 1].to(0).within(Deadline::Now).start_call(b"call").expect("room");
    let mut calls = [call(1), call(2)];
    let mut served = [0; 4];
    for _ in 0..1000 {
        while busy[2].try_send(0, b"mail").is_ok() {}
        let mail = server.try_recv().unwrap().expect("something");
        let from = mail.from() as usize;
        served[from] += 1;
        if mail.is_call() {
            mail.reply(b"").expect("an answer");
            assert!(calls[from - 1].try_wait().expect("an answer").is_some());
            calls[from - 1] = call(from);
        }
    }
    assert!(served[1..].iter().all(|count| *count >= 200), "{served:?}");
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(8));
    for round in 0..100 {
        let calls: Vec<_> = (0..4)
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("room"))
            .collect();
        drop(calls);
        for _ in 0..4 {
            server.try_recv().unwrap().expect("a call").reply(&pattern(LONG, round)).expect("room");
        }
        assert!(matches!(caller.try_recv(), Ok(None)));
    }
    wait_until("it is idle", || matches!(server.try_recv(), Ok(None)));
}

// --- Lives -------------------------------------------------------------------------------------------------

#[test]
fn a_call_to_a_rank_that_was_never_joined_is_for_its_first_life() {
    for len in [8, LONG] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2));
        let caller = region.join(0).expect("a free rank");
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(len, 0)).expect("room");
        assert_eq!(call.wait_within(SHORT).unwrap_err(), CallError::Timeout(SERVER));
        let server = region.join(SERVER).expect("a free rank");
        server.try_recv().unwrap().expect("the call").reply(b"first").expect("room");
        assert_eq!(*call.wait().expect("an answer"), *b"first");
    }
}

#[test]
fn a_wait_for_the_answer_of_a_server_that_waits_for_its_caller_says_so() {
    type Send = fn(&Endpoint);
    let sends: [(Send, usize); 3] = [
        (|server| (0..65).for_each(|_| server.send(0, b"mail").expect("room")), 65),
        (|server| (0..3).for_each(|_| server.send(0, &[1; 512]).expect("room")), 3),
        (|server| server.send(0, &pattern(5000, 0)).expect("it is taken"), 1),
    ];
    for (send, mails) in sends {
        for request in [8, LONG / 2] {
            let (_scratch, caller, server) = pair(Config::ranks(2).cells(64).arena(1024));
            let call =
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
            let server = thread::spawn(move || {
                send(&server);
                server.recv().expect("the call").reply(b"done").expect("room");
                server
            });
            assert_eq!(call.wait_within(GUARD).unwrap_err(), CallError::Held(SERVER));
            assert!(matches!(call.try_wait(), Ok(None)), "who does not wait may receive meanwhile");
            (0..mails).for_each(|_| drop(caller.recv().expect("mail")));
            assert_eq!(*call.wait().expect("an answer"), *b"done");
            drop(server.join().expect("a server"));
        }
    }
    // One that waits for an acknowledgement, and spins.
    let (_scratch, caller, server) = pair(Config::ranks(2));
    server.set_wait(Wait::Spin);
    let call = caller.to(SERVER).within(Deadline::Now).start_call(b"?").expect("room");
    let server = thread::spawn(move || server.to(0).sync().send(b"mail").map(|()| server));
    assert_eq!(call.wait_within(GUARD).unwrap_err(), CallError::Held(SERVER));
    drop(caller.recv().expect("mail"));
    drop(server.join().expect("a server"));
}

#[test]
fn a_turn_is_of_calls_and_mail_together() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3));
    let [server, busy, other] = [0, 1, 2].map(|rank| region.join(rank).expect("a free rank"));
    busy.send(0, b"mail").expect("room");
    assert_eq!(server.try_recv().unwrap().expect("mail").from(), 1);
    other.send(0, b"waits").expect("room");
    let mut passed = 0;
    let mut calls = 0;
    loop {
        let call = (calls < 30).then(|| busy.to(0).within(Deadline::Now).start_call(b"call").expect("room"));
        if call.is_none() {
            while busy.try_send(0, b"mail").is_ok() {}
        }
        calls += 1;
        let mail = server.try_recv().unwrap().expect("something");
        if mail.from() == 2 {
            break;
        }
        passed += 1;
        if mail.is_call() {
            mail.reply(b"").expect("an answer");
        }
    }
    assert!(passed <= 32, "{passed}");
}
