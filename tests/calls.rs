//! Calls: requests that want answers.
#![cfg(not(loom))]

mod common;

use common::wire::Wire;
use common::{GUARD, ON_EVENTS, Scratch, pattern, wait_until};
use mailbox::lab::abi::{CallId, Kind};
use mailbox::lab::ring::Slack;
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{CallError, Config, Endpoint, RecvError, ReplyError, SendError, Source, Status, Wait};
use std::panic;
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
            match server.recv_timeout(GUARD) {
                Ok(call) => {
                    assert!(call.is_call());
                    let answer = answer(&call.to_vec());
                    call.reply(&answer).expect("an answer");
                }
                Err(RecvError::PeerLeft(_)) => return,
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
            let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
            drop(batch);
            caller.try_send(SERVER, b"after").expect("room");
            for number in 0..40 {
                let mail = server.try_recv().expect("mail");
                assert!(!mail.is_call() && mail.to_vec() == [number]);
            }
            let (mut calls, mut mails) = (0, 0);
            for _ in 0..2 {
                let mail = server.try_recv().expect("the call, and what was sent after it");
                if mail.is_call() {
                    calls += 1;
                    assert_eq!(mail.to_vec(), pattern(request, 0));
                    mail.reply(b"done").expect("an answer");
                } else {
                    mails += 1;
                }
            }
            assert_eq!((calls, mails), (1, 1));
            assert_eq!(call.try_reply().expect("an answer").as_deref(), Some(&b"done"[..]));
            assert!(matches!(call.try_reply(), Err(CallError::Over)));
        }
    }
}

#[test]
fn a_call_comes_after_mail_that_was_left_or_read_ahead() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(64));
    for reads_ahead in [false, true] {
        caller.send(SERVER, b"mail").expect("room");
        if reads_ahead {
            let own = server.try_call(0, &pattern(LONG, 0)).expect("room");
            caller.try_recv().expect("the server's call").reply(&pattern(LONG, 1)).expect("room");
            assert!(own.try_reply().expect("an answer").is_some());
        } else {
            server.try_recv().expect("mail").leave();
        }
        for request in [8, LONG] {
            let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
            let mail = server.try_recv().expect("mail");
            assert!(!mail.is_call(), "{reads_ahead} {request}");
            mail.leave();
            drop(call);
        }
        assert_eq!(server.try_recv().expect("mail").to_vec(), b"mail");
        (0..2).for_each(|_| drop(server.try_recv().expect("a call that was given up")));
    }
}

#[test]
fn many_calls_at_once_are_answered_in_any_order() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let calls: Vec<_> = (0..20_u8)
        .map(|number| {
            let len = if number % 4 == 3 { LONG } else { 1 };
            caller.try_call(SERVER, &vec![number; len]).expect("room")
        })
        .collect();
    let mut mails: Vec<_> = (0..20).map(|_| server.try_recv().expect("a call")).collect();
    assert!(matches!(server.try_recv(), Err(RecvError::Empty)));
    mails.rotate_left(7);
    for mail in mails.into_iter().rev() {
        let number = mail.to_vec()[0];
        let len = if number % 3 == 2 { LONG } else { 1 };
        mail.reply(&vec![number; len]).expect("an answer");
    }
    for (call, number) in calls.into_iter().zip(0..) {
        let reply = call.reply().expect("an answer").into_vec();
        assert!(reply.iter().all(|byte| *byte == number), "{number}");
        assert_eq!(reply.len(), if number % 3 == 2 { LONG } else { 1 });
    }
}

#[test]
fn an_answer_may_be_an_error_or_none() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        for answer in [3, LONG] {
            let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
            assert_eq!(call.try_reply().expect("no error").as_deref(), None);
            server.try_recv().expect("the call").refuse(&pattern(answer, 1)).expect("an answer");
            assert_eq!(call.reply().unwrap_err(), CallError::Refused(pattern(answer, 1)));
        }
        let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
        drop(server.try_recv().expect("the call"));
        assert_eq!(call.reply().unwrap_err(), CallError::Dropped);
    }
}

#[test]
fn a_late_answer_is_never_that_of_another_call() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        for answer in [8, LONG] {
            for number in 0..5_u8 {
                assert_eq!(
                    caller.call_timeout(SERVER, &vec![number; request], SHORT).unwrap_err(),
                    CallError::Timeout
                );
                let late = server.try_recv().expect("the call that was given up");
                let next = caller.try_call(SERVER, &vec![number + 100; request]).expect("room");
                late.reply(&vec![number; answer]).expect("nobody minds");
                assert_eq!(next.try_reply().expect("no error").as_deref(), None);
                let mail = server.try_recv().expect("the next call");
                assert_eq!(mail.to_vec(), vec![number + 100; request]);
                mail.reply(&vec![number + 100; answer]).expect("an answer");
                assert_eq!(*next.reply().expect("an answer"), vec![number + 100; answer]);
            }
        }
    }
    assert!(matches!(caller.try_recv(), Err(RecvError::Empty)), "late answers are no mail");
}

#[test]
fn a_call_that_was_left_comes_again_and_one_only() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
        for _ in 0..3 {
            server.try_recv().expect("the call").leave();
        }
        let mail = server.try_recv().expect("the call");
        assert!(matches!(server.try_recv(), Err(RecvError::Empty)), "it is held");
        mail.reply(b"once").expect("an answer");
        assert_eq!(*call.reply().expect("an answer"), *b"once");
        assert!(matches!(server.try_recv(), Err(RecvError::Empty)));
    }
}

#[test]
fn an_answer_comes_through_mail_that_stays_unread() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(64));
    for number in 0..50_u8 {
        server.send(0, &[number]).expect("room");
    }
    let call = caller.try_call(SERVER, &pattern(LONG, 0)).expect("room");
    server.try_recv().expect("the call").reply(&pattern(LONG, 1)).expect("room");
    server.send(0, &[50]).expect("room");
    assert_eq!(*call.reply().expect("an answer"), pattern(LONG, 1));
    for number in 0..=50 {
        assert_eq!(caller.try_recv().expect("mail").to_vec(), [number], "in order");
    }
    assert!(matches!(caller.try_recv(), Err(RecvError::Empty)));
}

#[test]
fn an_answer_that_a_receive_comes_upon_is_kept() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for request in [8, LONG] {
        let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
        server.try_recv().expect("the call").reply(&pattern(LONG, 1)).expect("room");
        server.send(0, b"mail").expect("room");
        assert_eq!(caller.try_recv().expect("mail").to_vec(), b"mail");
        assert_eq!(*call.reply().expect("an answer"), pattern(LONG, 1));
    }
}

#[test]
fn an_answer_behind_a_message_that_never_ends_comes_once_that_is_told() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(4));
    caller.set_pieces(true);
    let call = caller.try_call(SERVER, &pattern(LONG, 0)).expect("room");
    let mail = server.try_recv().expect("the call");
    // All four cells: there is none to say that it is given up.
    assert_eq!(server.send_timeout(0, &pattern(8 << 20, 0), SHORT), Err(SendError::Timeout));
    drop(caller.try_recv().expect("a piece"));
    mail.try_reply(b"done").expect("room");
    for _ in 0..2 {
        drop(caller.try_recv().expect("a piece"));
    }
    assert!(matches!(caller.try_recv(), Err(RecvError::Cut(SERVER))));
    assert_eq!(call.try_reply().unwrap_err(), CallError::Held);
    assert!(matches!(caller.try_recv(), Err(RecvError::Empty)));
    assert_eq!(*call.reply().expect("an answer"), *b"done");
}

#[test]
fn mail_that_fills_the_mailbox_bars_the_answer() {
    let (scratch, caller, server) = pair(Config::ranks(2).cells(4));
    for _ in 0..4 {
        server.send(0, b"mail").expect("room");
    }
    let call = caller.try_call(SERVER, &pattern(LONG, 0)).expect("room");
    let server = thread::spawn(move || {
        server.recv().expect("the call").reply(b"done").expect("room, once the caller makes some");
        server
    });
    scratch.wait_until_sender_sleeps(SERVER);
    assert_eq!(call.reply_timeout(GUARD).unwrap_err(), CallError::Held);
    for _ in 0..4 {
        drop(caller.recv().expect("mail"));
    }
    assert_eq!(*call.reply().expect("an answer"), *b"done");
    server.join().expect("a server");
}

#[test]
fn mail_before_a_message_in_fragments_bars_the_answer() {
    let (_scratch, caller, server) = pair(Config::ranks(2).arena(1024));
    server.send(0, b"mail").expect("room");
    let call = caller.try_call(SERVER, &pattern(LONG / 2, 0)).expect("room");
    let server = thread::spawn(move || {
        server.send(0, &pattern(5000, 0)).expect("it is taken");
        server.recv().expect("the call").reply(&pattern(100, 1)).expect("room");
        server
    });
    assert_eq!(call.reply_timeout(GUARD).unwrap_err(), CallError::Held);
    assert_eq!(caller.recv().expect("mail").to_vec(), b"mail");
    assert_eq!(caller.recv().expect("mail").to_vec(), pattern(5000, 0));
    assert_eq!(*call.reply().expect("an answer"), pattern(100, 1));
    server.join().expect("a server");
}

#[test]
fn a_server_need_not_wait_for_a_caller() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(4));
    while server.try_send(0, b"mail").is_ok() {}
    type Answer = fn(mailbox::Mail<'_>) -> Result<(), ReplyError>;
    let answers: [(SendError, Answer); 3] = [
        (SendError::Full, |mail| mail.try_reply(b"done")),
        (SendError::Timeout, |mail| mail.reply_timeout(b"done", SHORT)),
        (SendError::Timeout, |mail| mail.refuse_timeout(b"done", SHORT)),
    ];
    for (error, answer) in answers {
        let call = caller.try_call(SERVER, &pattern(LONG, 0)).expect("room");
        let result = answer(server.try_recv().expect("the call"));
        assert_eq!(result, Err(ReplyError::Send(error)));
        while server.try_send(0, b"more").is_ok() {}
        while caller.try_recv().is_ok() {}
        assert_eq!(call.reply().unwrap_err(), CallError::Dropped);
        while server.try_send(0, b"mail").is_ok() {}
    }
}

#[test]
fn what_was_never_asked_says_so() {
    let (_scratch, caller, server) = pair(Config::ranks(3).arena(1024));
    let request = |error| Err::<(), _>(CallError::Request(error));
    assert_eq!(caller.call(3, b"").map(drop), request(SendError::NoSuchRank { rank: 3, ranks: 3 }));
    assert_eq!(caller.call(SERVER, &[0; 513]).map(drop), request(SendError::TooLarge { limit: 512 }));
    let draft = caller.reserve(SERVER, 8).expect("room");
    assert_eq!(caller.call(SERVER, b"").map(drop), request(SendError::Drafting));
    drop(draft);
    assert_eq!(caller.call_timeout(2, b"", SHORT).map(drop), Err(CallError::Timeout), "it may yet join");
    assert_eq!(caller.call(0, b"").map(drop), Err(CallError::Oneself));
    let wait = caller.interrupter();
    wait.interrupt();
    assert_eq!(caller.call(SERVER, b"").map(drop), Err(CallError::Interrupted));
    drop(server);
    assert_eq!(caller.call(SERVER, b"").map(drop), request(SendError::PeerLeft(SERVER)));
}

#[test]
fn a_full_mailbox_refuses_a_call_that_does_not_wait() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(4));
    let _line = caller.try_call(SERVER, b"on the line").expect("room");
    let calls: Vec<_> = (0..4).map(|_| caller.try_call(SERVER, b"in the mailbox").expect("room")).collect();
    let full = CallError::Request(SendError::Full);
    assert_eq!(caller.try_call(SERVER, b"").map(drop).unwrap_err(), full);
    assert_eq!(caller.call_timeout(SERVER, b"", SHORT).unwrap_err(), CallError::Timeout);
    drop(calls);
    (0..5).for_each(|_| drop(server.try_recv().expect("a call")));
    assert!(matches!(server.try_recv(), Err(RecvError::Empty)));
}

#[test]
fn a_rank_that_asks_itself_may_answer_itself() {
    let (_scratch, me, _other) = pair(Config::ranks(2));
    for len in [8, LONG] {
        let call = me.try_call(0, &pattern(len, 0)).expect("room");
        let mail = me.try_recv().expect("the call");
        assert_eq!((mail.from(), mail.to_vec()), (0, pattern(len, 0)));
        mail.reply(&pattern(len, 1)).expect("room");
        assert_eq!(*call.reply().expect("an answer"), pattern(len, 1));
    }
}

#[test]
fn mail_is_no_call() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    caller.send(SERVER, b"mail").expect("room");
    assert_eq!(server.recv().expect("mail").reply(b"what?"), Err(ReplyError::NotACall));
    assert!(matches!(server.try_recv(), Err(RecvError::Empty)), "it is acknowledged");
}

#[test]
fn a_half_answers_what_came_on_the_line_and_fits_it() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let (_sender, receiver) = server.split();
    let call = caller.try_call(SERVER, b"short").expect("room");
    receiver.try_recv().expect("the call").reply(b"short, too").expect("an answer");
    assert_eq!(*call.reply().expect("an answer"), *b"short, too");
    for (request, answer) in [(8, LONG), (LONG, 8)] {
        let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
        let mail = receiver.try_recv().expect("the call");
        assert_eq!(mail.reply(&pattern(answer, 0)), Err(ReplyError::Split));
        assert_eq!(call.reply().unwrap_err(), CallError::Dropped);
    }
}

#[test]
fn callers_and_senders_have_their_turns() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(4).cells(64));
    let server = region.join(0).expect("a free rank");
    let busy: Vec<_> = (1..=3).map(|rank| region.join(rank).expect("a free rank")).collect();
    let call = |rank: usize| busy[rank - 1].try_call(0, b"call").expect("room");
    let mut calls = [call(1), call(2)];
    let mut served = [0; 4];
    for _ in 0..1000 {
        while busy[2].try_send(0, b"mail").is_ok() {}
        let mail = server.try_recv().expect("something");
        let from = mail.from() as usize;
        served[from] += 1;
        if mail.is_call() {
            mail.reply(b"").expect("an answer");
            assert!(calls[from - 1].try_reply().expect("an answer").is_some());
            calls[from - 1] = call(from);
        }
    }
    assert!(served[1..].iter().all(|count| *count >= 200), "{served:?}");
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(8));
    for round in 0..100 {
        let calls: Vec<_> =
            (0..4).map(|_| caller.try_call(SERVER, &pattern(LONG, 0)).expect("room")).collect();
        drop(calls);
        for _ in 0..4 {
            server.try_recv().expect("a call").reply(&pattern(LONG, round)).expect("room");
        }
        assert!(matches!(caller.try_recv(), Err(RecvError::Empty)));
    }
    wait_until("it is idle", || matches!(server.try_recv(), Err(RecvError::Empty)));
}

// --- Lives -------------------------------------------------------------------------------------------------

/// Ends an endpoint as a process does that dies.
fn kill(me: Endpoint) {
    let dying = thread::spawn(move || {
        let _me = me;
        // As `panic!`, but says nothing on standard error.
        panic::resume_unwind(Box::new(()));
    });
    assert!(dying.join().is_err());
}

#[test]
fn a_call_to_a_rank_that_was_never_joined_is_for_its_first_life() {
    for len in [8, LONG] {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(2));
        let caller = region.join(0).expect("a free rank");
        let call = caller.try_call(SERVER, &pattern(len, 0)).expect("room");
        assert_eq!(call.reply_timeout(SHORT).unwrap_err(), CallError::Timeout);
        let server = region.join(SERVER).expect("a free rank");
        server.try_recv().expect("the call").reply(b"first").expect("room");
        assert_eq!(*call.reply().expect("an answer"), *b"first");
    }
}

#[test]
fn the_end_of_a_server_ends_its_calls_and_no_successor_sees_them() {
    for len in [8, LONG] {
        for is_taken in [false, true] {
            for (end, told) in [(drop as fn(_), CallError::PeerLeft), (kill, CallError::PeerDead)] {
                for is_replaced in [false, true] {
                    let (scratch, caller, server) = pair(Config::ranks(2));
                    let call = caller.try_call(SERVER, &pattern(len, 0)).expect("room");
                    if is_taken {
                        std::mem::forget(server.try_recv().expect("the call"));
                    }
                    end(server);
                    let region = scratch.open();
                    let successor = is_replaced.then(|| region.join(SERVER).expect("a free rank"));
                    // A life that has a successor is not asked how it ended.
                    let told = if is_replaced { CallError::PeerDead } else { told.clone() };
                    assert_eq!(call.reply_timeout(GUARD).unwrap_err(), told);
                    let successor = successor.unwrap_or_else(|| region.join(SERVER).expect("a free rank"));
                    assert!(matches!(successor.try_recv(), Err(RecvError::Empty)), "it was for another");
                    for len in [8, LONG] {
                        let call = caller.try_call(SERVER, &pattern(len, 1)).expect("room");
                        let mail = successor.try_recv().expect("the next call");
                        assert_eq!(mail.to_vec(), pattern(len, 1));
                        mail.reply(b"next").expect("room");
                        assert_eq!(*call.reply().expect("an answer"), *b"next");
                    }
                }
            }
        }
    }
}

#[test]
fn an_answer_of_a_server_that_ended_is_there() {
    for len in [8, LONG] {
        for end in [drop as fn(_), kill] {
            let (_scratch, caller, server) = pair(Config::ranks(2));
            let call = caller.try_call(SERVER, &pattern(len, 0)).expect("room");
            server.try_recv().expect("the call").reply(b"last").expect("room");
            end(server);
            assert_eq!(*call.reply().expect("an answer"), *b"last");
        }
    }
}

#[test]
fn the_answer_to_a_caller_that_ended_is_nobodys() {
    for len in [8, LONG] {
        for end in [drop as fn(_), kill] {
            let (scratch, caller, server) = pair(Config::ranks(2));
            std::mem::forget(caller.try_call(SERVER, &pattern(len, 0)).expect("room"));
            let late = server.try_recv().expect("the call");
            end(caller);
            let successor = scratch.open().join(0).expect("a free rank");
            let call = successor.try_call(SERVER, &pattern(len, 1)).expect("room");
            late.reply(&pattern(len, 2)).expect("room");
            assert_eq!(call.try_reply().expect("no error").as_deref(), None);
            let mail = server.try_recv().expect("the next call");
            assert_eq!((mail.epoch(), mail.to_vec()), (2, pattern(len, 1)));
            mail.reply(b"mine").expect("room");
            assert_eq!(*call.reply().expect("an answer"), *b"mine");
            assert!(matches!(successor.try_recv(), Err(RecvError::Empty)));
        }
    }
}

#[test]
fn who_calls_a_rank_that_died_is_told() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    kill(server);
    assert_eq!(scratch.open().status(SERVER), Some((Status::Dead, 1)));
    for len in [8, LONG] {
        assert_eq!(caller.call(SERVER, &pattern(len, 0)).unwrap_err(), CallError::PeerDead);
    }
}

// --- Among mail -------------------------------------------------------------------------------------------

#[test]
fn who_only_calls_takes_a_new_start_too() {
    for request in [8, LONG] {
        let (_scratch, mut caller, server) = pair(Config::ranks(2));
        server.send(0, b"mail").expect("room");
        caller.reset(SERVER).expect("a request");
        assert_eq!(server.send(0, b"lost"), Err(SendError::Reset), "the reset is given");
        let call = caller.try_call(SERVER, &pattern(request, 0)).expect("room");
        server.try_recv().expect("the call").reply(&pattern(LONG, 1)).expect("room");
        assert_eq!(*call.reply_timeout(SHORT).expect("an answer"), pattern(LONG, 1), "{request}");
    }
}

#[test]
fn a_region_of_short_messages_carries_more_calls_than_one() {
    for limit in [16, 48, 49] {
        let (_scratch, caller, server) = pair(Config::ranks(2).max_message(limit));
        let first = caller.try_call(SERVER, b"first").expect("room");
        let second = caller.try_call(SERVER, b"second").expect("room");
        for answer in [b"1", b"2"] {
            server.try_recv().expect("a call").reply(answer).expect("room");
        }
        assert_eq!(
            (&*first.reply().expect("an answer"), &*second.reply().expect("an answer")),
            (&b"1"[..], &b"2"[..]),
            "{limit}"
        );
    }
}

/// A call of `request`, whose `answer` has no room while the mail that was sent before it is not received, is told so.
fn expect_barred(scratch: &Scratch, caller: &Endpoint, server: Endpoint, request: &[u8], answer: Vec<u8>) {
    let call = caller.try_call(SERVER, request).expect("room");
    let server = thread::spawn(move || {
        let call = server.recv().expect("the call");
        let answered = call.reply_timeout(&answer, Duration::from_secs(2));
        (answered, server)
    });
    scratch.wait_until_sender_sleeps(SERVER);
    let said = call.reply_timeout(Duration::from_secs(1)).unwrap_err();
    drop(server.join().expect("a server"));
    assert_eq!(said, CallError::Held, "both wait for each other");
}

#[test]
fn mail_that_fills_the_mailbox_bars_a_long_answer_to_a_short_call() {
    let (scratch, caller, server) = pair(Config::ranks(2).cells(4));
    for _ in 0..4 {
        server.send(0, b"mail").expect("room");
    }
    expect_barred(&scratch, &caller, server, b"short", pattern(LONG, 1));
}

#[test]
fn mail_that_fills_the_arena_bars_the_answer() {
    let (scratch, caller, server) = pair(Config::ranks(2).cells(64).arena(1024));
    for _ in 0..2 {
        server.send(0, &[1; 512]).expect("room");
    }
    expect_barred(&scratch, &caller, server, &pattern(LONG / 2, 0), b"done".to_vec());
}

#[test]
fn calls_keep_messages_in_pieces() {
    let (_scratch, caller, server) = pair(Config::ranks(2).arena(1024));
    caller.set_pieces(true);
    let call = caller.try_call(SERVER, &pattern(LONG / 2, 0)).expect("room");
    let server = thread::spawn(move || {
        server.send(0, &pattern(5000, 0)).expect("it is taken");
        server.recv().expect("the call").reply(b"done").expect("room");
        server
    });
    let answer = call.reply_timeout(GUARD);
    let mail = caller.recv().expect("mail");
    assert!(mail.piece().is_some(), "{answer:?}, then a mail of {} bytes", mail.len());
    drop(mail);
    while caller.recv_timeout(SHORT).is_ok() {}
    drop(server.join().expect("a server"));
}

#[test]
fn a_turn_is_of_calls_and_mail_together() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3));
    let [server, busy, other] = [0, 1, 2].map(|rank| region.join(rank).expect("a free rank"));
    busy.send(0, b"mail").expect("room");
    assert_eq!(server.try_recv().expect("mail").from(), 1);
    other.send(0, b"waits").expect("room");
    let mut passed = 0;
    let mut calls = 0;
    loop {
        let call = (calls < 30).then(|| busy.try_call(0, b"call").expect("room"));
        if call.is_none() {
            while busy.try_send(0, b"mail").is_ok() {}
        }
        calls += 1;
        let mail = server.try_recv().expect("something");
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

#[test]
fn a_call_that_ended_in_corruption_is_over() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    let call = caller.try_call(SERVER, &pattern(LONG, 0)).expect("room");
    server.send(0, b"mail").expect("room");
    let wire = Wire::new(&scratch, SERVER, 0);
    wire.mailbox.cells.at(0).stamp.store(77, Relaxed);
    assert!(matches!(call.try_reply(), Err(CallError::Corrupt)));
    assert!(matches!(call.try_reply(), Err(CallError::Over)), "as it says");
}

#[test]
fn an_answer_that_is_said_to_be_lost_is_lost() {
    let (_scratch, mut caller, server) = pair(Config::ranks(2));
    server.send(0, b"mail").expect("room");
    caller.reset(SERVER).expect("a request");
    let call = caller.try_call(SERVER, &pattern(LONG, 0)).expect("room");
    let batch = server.batch();
    server.send(0, b"held").map_or_else(|error| assert_eq!(error, SendError::Reset), drop);
    let result = server.try_recv().expect("the call").reply(b"done");
    drop(batch);
    let said = call.reply_timeout(SHORT).map(|reply| reply.to_vec());
    assert_eq!(result.is_ok(), said.is_ok(), "{result:?} {said:?}");
}

// --- Garbage -----------------------------------------------------------------------------------------------

#[test]
fn garbage_on_the_line_is_no_call_and_corrupts_an_answer() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    assert!(matches!(server.try_recv(), Err(RecvError::Empty)));
    let line = |wire: &Wire, stamp: u64, envelope: u64| {
        let call = &wire.mailbox.lines.call;
        call.envelope.store(envelope, Relaxed);
        call.stamp.store(stamp, Relaxed);
    };
    let wire = Wire::new(&scratch, 0, SERVER);
    let (asked, call) = (1 << 1 | 1, 5 << 6);
    for number in 1..100_u64 {
        let stamp = number << 24 | asked;
        for (stamp, envelope) in [
            (stamp & !1, call),
            (stamp ^ 2, call),
            (stamp, call | 49),
            (stamp, call | 63),
            (stamp, 0),
            (stamp, 6 << 6),
            (u64::MAX, u64::MAX),
            // After mail that was never sent.
            (stamp, 5 << 32 | call),
        ] {
            line(&wire, stamp, envelope);
            assert!(matches!(server.try_recv(), Err(RecvError::Empty)), "{stamp:x} {envelope:x}");
        }
    }
    line(&wire, 0, 0);
    for (change, envelope) in [(1_u64 << 30, 6 << 6), (1, call), (1, 0), (1, 6 << 6 | 63), (1, u64::MAX)] {
        let call = caller.try_call(SERVER, b"asked").expect("room");
        let stamp = wire.mailbox.lines.call.stamp.load(Relaxed);
        line(&wire, stamp ^ change, envelope);
        assert_eq!(call.reply().unwrap_err(), CallError::Corrupt);
        line(&wire, stamp & !1, 0);
    }
    let call = caller.try_call(SERVER, b"asked").expect("room");
    server.try_recv().expect("the call").reply(b"answered").expect("room");
    assert_eq!(*call.reply().expect("an answer"), *b"answered", "the line is as good as new");
}

#[test]
fn garbage_in_the_mailbox_is_corrupt_or_nobodys_answer() {
    let ticketed = |wire: &Wire, kind: Kind, words: [u64; 2]| {
        let slot = wire.producer.claim(64, Slack::Any).expect("room").of(kind);
        wire.producer.fill_of_call(&slot, CallId::For(1), &[7; 64]);
        let cell = wire.mailbox.cells.at(slot.seq);
        (2..4).zip(words).for_each(|(at, word)| cell.payload[at].store(word, Relaxed));
    };
    type Forge<'a> = &'a dyn Fn(&Wire);
    let corrupt: [Forge<'_>; 7] = [
        &|wire| wire.push(Kind::Call, b"not in the arena"),
        &|wire| wire.push(Kind::Answer, b"not in the arena"),
        &|wire| wire.push(Kind::Dropped, b""),
        &|wire| wire.push(Kind::Elsewhere, b""),
        &|wire| ticketed(wire, Kind::Call, [9, 1]),
        &|wire| ticketed(wire, Kind::Call, [2, 1]),
        &|wire| ticketed(wire, Kind::Refusal, [u64::MAX, 1]),
    ];
    for (at, forge) in corrupt.into_iter().enumerate() {
        let (scratch, _caller, server) = pair(Config::ranks(2));
        forge(&Wire::new(&scratch, 0, SERVER));
        assert!(matches!(server.recv_from(0), Err(RecvError::Corrupt(0))), "{at}");
    }
    let harmless: [Forge<'_>; 3] = [
        &|wire| ticketed(wire, Kind::Call, [0, 77]),
        &|wire| ticketed(wire, Kind::Answer, [1, 77]),
        &|wire| ticketed(wire, Kind::Refusal, [2, 77]),
    ];
    let (scratch, _caller, server) = pair(Config::ranks(2));
    let wire = Wire::new(&scratch, 0, SERVER);
    harmless.into_iter().for_each(|forge| forge(&wire));
    wire.push(Kind::Whole, b"mail");
    assert_eq!(server.recv().expect("mail").to_vec(), b"mail");
}

#[test]
fn corruption_that_a_call_comes_upon_is_told_to_a_receive_after_the_mail_before_it() {
    for calls in [false, true] {
        for source in [Source::Anyone, Source::Rank(SERVER)] {
            let (scratch, caller, server) = pair(Config::ranks(2));
            server.send(0, b"before").expect("room");
            let wire = Wire::new(&scratch, SERVER, 0);
            wire.mailbox.cells.at(1).stamp.store(77, Relaxed);
            let call = calls.then(|| caller.try_call(SERVER, b"?").expect("room"));
            if let Some(call) = &call {
                assert!(call.try_reply().is_ok_and(|reply| reply.is_none()));
            }
            let told = || caller.recv_from_timeout(source, GUARD).map(|mail| mail.to_vec());
            assert_eq!(told(), Ok(b"before".to_vec()), "calls: {calls}");
            assert_eq!(told(), Err(RecvError::Corrupt(SERVER)), "calls: {calls}");
            let again = caller.recv_from_timeout(source, SHORT).map(|mail| mail.to_vec());
            let is_once = source == Source::Anyone;
            assert_eq!(again, Err(if is_once { RecvError::Timeout } else { RecvError::Corrupt(SERVER) }));
        }
    }
}
