//! How many calls are under way at a time.

use super::*;

#[test]
fn so_many_calls_may_be_under_way_and_no_more() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let full = CallError::Request(SendError::Full(SERVER));
    let _line = caller.to(SERVER).within(Deadline::Now).start_call(b"on the line").expect("room");
    let ask = |number: usize| caller.to(SERVER).within(Deadline::Now).start_call(&number.to_ne_bytes());
    let mut calls: Vec<_> = (0..CREDITS).map(|number| ask(number).expect("a credit")).collect();
    assert_eq!(ask(CREDITS).map(drop).unwrap_err(), full);
    assert_eq!(caller.to(SERVER).within(SHORT).call(b"").unwrap_err(), CallError::Timeout(SERVER));
    // Giving up gives no credit back: the answer has its cell.
    calls.truncate(CREDITS / 2);
    assert_eq!(ask(CREDITS).map(drop).unwrap_err(), full);
    let mut mails: Vec<_> = (0..=CREDITS).map(|_| server.try_recv().unwrap().expect("a call")).collect();
    assert!(matches!(server.try_recv(), Ok(None)));
    for mail in mails.drain(1..).rev() {
        let number = mail.to_vec();
        mail.reply_within(&number, Deadline::Now).expect("a cell");
    }
    // All are answered, also those that were given up and those whose answers nobody has taken.
    let more: Vec<_> = (0..CREDITS).map(|number| ask(1000 + number).expect("a credit")).collect();
    assert_eq!(ask(0).map(drop).unwrap_err(), full);
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(*call.wait().expect("an answer"), number.to_ne_bytes());
    }
    assert_eq!(ask(0).map(drop).unwrap_err(), full);
    for _ in 0..CREDITS {
        let mail = server.try_recv().unwrap().expect("a call");
        let number = mail.to_vec();
        mail.reply(&number).expect("an answer");
    }
    for (number, call) in more.into_iter().enumerate() {
        assert_eq!(*call.wait().expect("an answer"), (1000 + number).to_ne_bytes());
    }
    drop(ask(7).expect("a credit"));
}

#[test]
fn calls_that_follow_each_other_leave_the_line_alone_and_others_take_it() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    let ask = || caller.to(SERVER).within(Deadline::Now).start_call(b"?").expect("room");
    let answer = || server.try_recv().unwrap().expect("a call").reply(b"!").expect("an answer");
    let in_mailbox =
        || scratch.open().inspect().mailboxes.iter().map(|mailbox| mailbox.messages).sum::<u64>();
    let before = in_mailbox();
    let mut under_way = VecDeque::from([ask(), ask()]);
    for number in 0..100 {
        answer();
        assert_eq!(*under_way.pop_front().expect("a call").wait().expect("an answer"), *b"!");
        under_way.push_back(ask());
        assert_eq!(in_mailbox() - before, number + 2, "only the first is on the line");
    }
    (0..2).for_each(|_| answer());
    under_way.drain(..).for_each(|call| assert_eq!(*call.wait().expect("an answer"), *b"!"));
    let after = in_mailbox();
    // A slow one keeps none from the line, but for the one that follows it.
    let (first, _slow) = (ask(), ask());
    let [on_line, _held] = [(); 2].map(|()| server.try_recv().unwrap().expect("a call"));
    on_line.reply(b"!").expect("an answer");
    assert_eq!(*first.wait().expect("an answer"), *b"!");
    for _ in 0..10 {
        let quick = ask();
        answer();
        assert_eq!(*quick.wait().expect("an answer"), *b"!");
    }
    assert_eq!(in_mailbox() - after, 2);
}

#[test]
fn answers_are_found_in_whatever_order_they_come_and_are_waited_for() {
    const COUNT: usize = 16;
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let mut dice = 1usize;
    let mut roll = |sides: usize| {
        dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (dice >> 33) % sides
    };
    let text = |number: usize, len: usize| [&number.to_ne_bytes()[..], &vec![7; len]].concat();
    for round in 0..500 {
        let mut calls: Vec<_> = (0..COUNT)
            .map(|at| {
                let (number, len) = (round * COUNT + at, if roll(8) == 0 { 300 } else { roll(40) });
                let call = caller.to(SERVER).within(Deadline::Now).start_call(&text(number, len));
                (text(number, len), call.expect("room"))
            })
            .collect();
        let mut mails: Vec<_> = (0..COUNT).map(|_| server.try_recv().unwrap().expect("a call")).collect();
        let is_in_order = roll(2) == 0;
        while !mails.is_empty() || !calls.is_empty() {
            if !mails.is_empty() && (mails.len() >= calls.len() || roll(2) == 0) {
                let mail = mails.remove(if is_in_order { 0 } else { roll(mails.len()) });
                let bytes = mail.to_vec();
                mail.reply(&bytes).expect("an answer");
            } else {
                let (wanted, call) = calls.remove(if is_in_order { 0 } else { roll(calls.len()) });
                match call.wait_within(Deadline::Now) {
                    Ok(reply) => assert_eq!(*reply, *wanted),
                    Err(CallError::Timeout(_)) if roll(4) > 0 => calls.push((wanted, call)),
                    Err(CallError::Timeout(_)) => drop(call),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

#[test]
fn one_call_more_waits_until_another_is_answered() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    let calls: Vec<_> = (0..=CREDITS)
        .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(b"early").expect("room"))
        .collect();
    let server = serve(server, |request| {
        if request == b"early" {
            thread::sleep(Duration::from_millis(1));
        }
        request.to_vec()
    });
    assert_eq!(
        *caller.to(SERVER).within(GUARD).call(&pattern(LONG, 0)).expect("an answer"),
        pattern(LONG, 0)
    );
    for call in calls {
        assert_eq!(*call.wait().expect("an answer"), *b"early");
    }
    drop(caller);
    server.join().expect("a server");
}

#[test]
fn a_life_that_ended_gives_its_credits_back() {
    for end in [drop as fn(_), kill_endpoint] {
        let (scratch, caller, mut server) = pair(Config::ranks(2));
        for round in 0..3 {
            let calls: Vec<_> = (0..=CREDITS)
                .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(b"?").expect("a credit"))
                .collect();
            // Some are answered, and nobody looks; some are not.
            let mails: Vec<_> = (0..=CREDITS).map(|_| server.try_recv().unwrap().expect("a call")).collect();
            for mail in mails.into_iter().skip(round).step_by(2) {
                mail.reply_within(b"!", Deadline::Now).expect("a cell");
            }
            drop(calls);
            end(server);
            server = scratch.open().join(SERVER).expect("a free rank");
        }
        let calls: Vec<_> = (0..=CREDITS)
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(b"?").expect("a credit"))
            .collect();
        (0..=CREDITS).for_each(|_| {
            server.try_recv().unwrap().expect("a call").reply_within(b"last", Deadline::Now).expect("a cell")
        });
        for call in calls {
            assert_eq!(*call.wait().expect("an answer"), *b"last");
        }
    }
}

#[test]
fn what_a_caller_that_died_left_takes_no_cell_from_its_successor() {
    let (scratch, mut caller, server) = pair(Config::ranks(2));
    for _ in 0..3 {
        (0..=CREDITS)
            .for_each(|_| drop(caller.to(SERVER).within(Deadline::Now).start_call(b"?").expect("a credit")));
        let mails: Vec<_> = (0..=CREDITS).map(|_| server.try_recv().unwrap().expect("a call")).collect();
        mails.into_iter().for_each(|mail| mail.reply_within(b"to the dead", Deadline::Now).expect("a cell"));
        kill_endpoint(caller);
        caller = scratch.open().join(0).expect("a free rank");
        let calls: Vec<_> = (0..=CREDITS)
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(b"?").expect("a credit"))
            .collect();
        let mails: Vec<_> = (0..=CREDITS).map(|_| server.try_recv().unwrap().expect("a call")).collect();
        mails
            .into_iter()
            .for_each(|mail| mail.reply_within(b"to the living", Deadline::Now).expect("a cell"));
        for call in calls {
            assert_eq!(*call.wait().expect("an answer"), *b"to the living");
        }
    }
}

#[test]
fn callers_that_died_one_after_the_other_fill_no_lane() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2));
    let server = region.join(SERVER).expect("a free rank");
    for _ in 0..4 {
        let caller = scratch.open().join(0).expect("a free rank");
        // Fewer than there are credits: none of them looks for answers.
        for _ in 0..50 {
            std::mem::forget(
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit"),
            );
        }
        let calls = std::iter::from_fn(|| server.from_any().within(SHORT).recv().ok());
        let answered = calls.map(|call| call.reply_within(b"!", Deadline::Now).expect("a cell")).count();
        assert_eq!(answered, 50);
        kill_endpoint(caller);
        assert!(matches!(
            server.from_any().within(GUARD).recv(),
            Err(RecvError::Gone { rank: 0, died: true })
        ));
    }
}

#[test]
fn long_answers_to_calls_on_the_line_that_were_given_up_fill_no_lane() {
    let (_scratch, caller, server) = pair(Config::ranks(2));
    for _ in 0..=RETURN_CELLS {
        drop(caller.to(SERVER).within(Deadline::Now).start_call(b"small").expect("the line is free"));
        server
            .try_recv()
            .unwrap()
            .expect("a call")
            .reply_within(&pattern(100, 0), Deadline::Now)
            .expect("a cell, and room");
    }
    let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit");
    server.try_recv().unwrap().expect("the call").reply_within(b"short", Deadline::Now).expect("a cell");
    assert_eq!(*call.wait().expect("an answer"), *b"short");
}

#[test]
fn calls_to_a_life_that_is_over_have_no_credit_of_the_next() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    let ask = || caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit");
    let calls: Vec<_> = (0..CREDITS).map(|_| ask()).collect();
    kill_endpoint(server);
    let server = scratch.open().join(SERVER).expect("a free rank");
    let next = ask();
    // After those that were for the life before.
    server.from_any().within(GUARD).recv().expect("the call").reply(b"next").expect("an answer");
    assert_eq!(*next.wait().expect("an answer"), *b"next");
    for call in calls {
        assert_eq!(call.wait().unwrap_err(), CallError::Unanswered { rank: SERVER, end: End::Died });
    }
}

#[test]
fn a_reset_gives_back_the_credits_of_what_it_gave_up() {
    for is_dropped in [true, false] {
        let (_scratch, caller, mut server) = pair(Config::ranks(2));
        let calls: Vec<_> = (0..CREDITS)
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit"))
            .collect();
        server.reset(0).expect("a request");
        assert_eq!(caller.send(SERVER, b"lost"), Err(SendError::Broken(Broken::Reset(SERVER))));
        assert!(matches!(server.try_recv(), Ok(None)), "it takes the reset");
        if is_dropped {
            drop(calls);
        } else {
            for call in calls {
                assert_eq!(
                    call.wait().unwrap_err(),
                    CallError::Unanswered { rank: SERVER, end: End::Dropped }
                );
            }
        }
        let calls: Vec<_> = (0..CREDITS)
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit"))
            .collect();
        for _ in 0..CREDITS {
            server.try_recv().unwrap().expect("a call").reply(b"again").expect("an answer");
        }
        for call in calls {
            assert_eq!(*call.wait().expect("an answer"), *b"again");
        }
    }
}

#[test]
fn a_region_of_short_messages_carries_more_calls_than_one() {
    for limit in [16, 48, 49] {
        let (_scratch, caller, server) = pair(Config::ranks(2).max_message(limit));
        let first = caller.to(SERVER).within(Deadline::Now).start_call(b"first").expect("room");
        let second = caller.to(SERVER).within(Deadline::Now).start_call(b"second").expect("room");
        for answer in [b"1", b"2"] {
            server.try_recv().unwrap().expect("a call").reply(answer).expect("room");
        }
        assert_eq!(
            (&*first.wait().expect("an answer"), &*second.wait().expect("an answer")),
            (&b"1"[..], &b"2"[..]),
            "{limit}"
        );
    }
}

#[test]
fn an_answer_above_the_limit_is_refused_also_after_one_that_was_not() {
    let (_scratch, caller, server) = pair(Config::ranks(2).max_message(8));
    let ask = || caller.to(SERVER).within(Deadline::Now).start_call(b"ask").expect("room");
    let calls = [ask(), ask(), ask()];
    let next = || server.try_recv().unwrap().expect("a call");
    next().reply(b"on line").expect("room");
    next().reply(b"in lane").expect("room");
    let unanswered = next().reply_within(&[0; 40], Deadline::Now).expect_err("it is too long");
    assert_eq!(unanswered.error(), ReplyError::Send(SendError::TooLarge { len: 40, limit: 8 }));
    unanswered.into_call().reply(b"short").expect("room");
    let [first, second, third] = calls.map(|call| call.wait().expect("an answer").to_vec());
    assert_eq!([&*first, &*second, &*third], [&b"on line"[..], b"in lane", b"short"]);
}

#[test]
fn a_call_goes_on_the_line_that_is_free_where_the_mailbox_is_full() {
    let (_scratch, caller, server) = pair(Config::ranks(2).cells(4));
    let ask = || caller.to(SERVER).within(Deadline::Now).start_call(b"ask");
    let [on_line, in_lane] = [ask(), ask()].map(|call| call.expect("room"));
    while caller.try_send(SERVER, b"mail").is_ok() {}
    server.try_recv().unwrap().expect("a call").reply(b"done").expect("room");
    assert_eq!(*on_line.wait().expect("an answer"), *b"done");
    let held = server.try_recv().unwrap().expect("a call");
    let nested = ask().expect("the line is free");
    let call = std::iter::from_fn(|| server.try_recv().unwrap()).find(Mail::is_call);
    call.expect("it comes after the mail").reply(b"nested").expect("room");
    assert_eq!(*nested.wait().expect("an answer"), *b"nested");
    held.reply(b"outer").expect("room");
    assert_eq!(*in_lane.wait().expect("an answer"), *b"outer");
}
