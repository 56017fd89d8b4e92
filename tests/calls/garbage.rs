//! Words of calls that make no sense.

use super::*;

#[test]
fn forged_words_of_a_reader_end_no_lane_for_good() {
    type Forge = fn(&Lane);
    let forges: [Forge; 3] = [
        |returns| returns.consumer.reset_request.store(1, Relaxed),
        |returns| returns.consumer.head.store(1 << 40, Relaxed),
        |returns| {
            // A stamp that makes no sense makes the caller ask for a reset. Then the request is overwritten.
            returns.cells.at(1).stamp.store(77, Relaxed);
        },
    ];
    for (at, forge) in forges.into_iter().enumerate() {
        let (scratch, caller, server) = pair(Config::ranks(2));
        let round = || {
            let call =
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit");
            let answered =
                server.try_recv().unwrap().expect("the call").reply_within(b"!", Deadline::Now).is_ok();
            // As it does that has time: what is lacking is asked for, given, and taken.
            let heard = (0..3).map(|_| call.try_wait()).find(|heard| !matches!(heard, Ok(None)));
            answered && matches!(heard, Some(Ok(Some(_))))
        };
        assert!(round());
        let returns = Wire::new(&scratch, 0, SERVER).mailbox.returns;
        forge(&returns);
        if at == 2 {
            let call =
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("a credit");
            forge(&returns);
            assert!(matches!(call.try_wait(), Err(CallError::Broken(Broken::Corrupt(SERVER)))));
            returns.consumer.reset_request.store(0, Relaxed);
            server.try_recv().unwrap().expect("a call").reply_within(b"late", Deadline::Now).expect("a cell");
        }
        let failed = (0..3 * RETURN_CELLS).filter(|_| !round()).count();
        assert!(failed < 3, "{at}: {failed}");
    }
}

#[test]
fn a_lane_that_makes_no_sense_ends_its_calls_and_begins_again() {
    for garbage in [
        |returns: &Lane| returns.cells.at(0).stamp.store(77, Relaxed),
        |returns: &Lane| {
            returns.cells.at(0).envelope.store(0, Relaxed);
            returns.cells.at(0).stamp.store(1, Relaxed);
        },
        |returns: &Lane| {
            // An answer in the arena, beyond its end.
            returns.cells.at(0).envelope.store(6 << 6 | 63, Relaxed);
            returns.cells.at(0).payload[0].store(1 << 40, Relaxed);
            returns.cells.at(0).stamp.store(1, Relaxed);
        },
    ] {
        let (scratch, caller, server) = pair(Config::ranks(2));
        let wire = Wire::new(&scratch, 0, SERVER);
        let line = caller.to(SERVER).within(Deadline::Now).start_call(b"on the line").expect("room");
        let calls = [0; 2]
            .map(|_| caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("room"));
        garbage(&wire.mailbox.returns);
        for call in &calls {
            assert!(matches!(call.try_wait(), Err(CallError::Broken(Broken::Corrupt(SERVER)))));
            assert!(
                matches!(call.try_wait(), Err(CallError::Unanswered { end: End::Dropped, .. })),
                "as it says"
            );
        }
        for _ in 0..3 {
            // Those that were lost, among others.
            server.try_recv().unwrap().expect("a call").reply(b"there").expect("room");
        }
        assert_eq!(*line.wait().expect("an answer"), *b"there");
        for len in [8, LONG] {
            let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 1)).expect("room");
            server.try_recv().unwrap().expect("the call").reply(&pattern(len, 2)).expect("room");
            assert_eq!(*call.wait().expect("an answer"), pattern(len, 2));
        }
    }
}

#[test]
fn answers_beyond_the_credits_are_refused_and_dropping_waits_for_nothing() {
    let (scratch, _caller, server) = pair(Config::ranks(2));
    let wire = Wire::new(&scratch, 0, SERVER);
    let ask = || {
        let slot = wire.producer.claim(1, Slack::Any).expect("room");
        wire.producer.fill(&slot.numbered(Kind::Call, 1), b"?");
    };
    for number in 0..RETURN_CELLS + 10 {
        ask();
        let answered = server.try_recv().unwrap().expect("a call").reply(b"!");
        let full = Err(ReplyError::Send(SendError::Broken(Broken::Corrupt(0))));
        assert_eq!(answered, if number < RETURN_CELLS { Ok(()) } else { full }, "{number}");
    }
    ask();
    drop(server.try_recv().unwrap().expect("a call"));
    assert!(matches!(server.try_recv(), Ok(None)));
}

#[test]
fn an_answer_that_is_said_to_be_lost_is_lost() {
    let (_scratch, mut caller, server) = pair(Config::ranks(2));
    server.send(0, b"mail").expect("room");
    caller.reset(SERVER).expect("a request");
    let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("room");
    let batch = server.batch();
    server.send(0, b"held").map_or_else(|error| assert_eq!(error, SendError::Broken(Broken::Reset(0))), drop);
    let result = server.try_recv().unwrap().expect("the call").reply(b"done");
    drop(batch);
    let said = call.wait_within(SHORT).map(|reply| reply.to_vec());
    assert_eq!(result.is_ok(), said.is_ok(), "{result:?} {said:?}");
}

// --- Garbage -----------------------------------------------------------------------------------------------

#[test]
fn garbage_on_the_line_is_no_call_and_corrupts_an_answer() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    assert!(matches!(server.try_recv(), Ok(None)));
    let line = |wire: &Wire, stamp: u64, envelope: u64| {
        let call = &wire.mailbox.call;
        call.envelope.store(envelope, Relaxed);
        call.stamp.store(stamp, Relaxed);
    };
    let wire = Wire::new(&scratch, 0, SERVER);
    let (asked, call) = (1 << 1 | 1, 3 << 6);
    for number in 1..100_u64 {
        let stamp = number << 24 | asked;
        for (stamp, envelope) in [
            (stamp & !1, call),
            (stamp ^ 2, call),
            (stamp, call | 49),
            (stamp, call | 63),
            (stamp, 0),
            (stamp, 4 << 6),
            (u64::MAX, u64::MAX),
            // After mail that was never sent.
            (stamp, 5 << 32 | call),
        ] {
            line(&wire, stamp, envelope);
            assert!(matches!(server.try_recv(), Ok(None)), "{stamp:x} {envelope:x}");
        }
    }
    line(&wire, 0, 0);
    for (change, envelope) in [(1_u64 << 30, 4 << 6), (1, call), (1, 0), (1, 4 << 6 | 63), (1, u64::MAX)] {
        let call = caller.to(SERVER).within(Deadline::Now).start_call(b"asked").expect("room");
        let stamp = wire.mailbox.call.stamp.load(Relaxed);
        line(&wire, stamp ^ change, envelope);
        assert_eq!(call.wait().unwrap_err(), CallError::Broken(Broken::Corrupt(SERVER)));
        line(&wire, stamp & !1, 0);
    }
    let call = caller.to(SERVER).within(Deadline::Now).start_call(b"asked").expect("room");
    server.try_recv().unwrap().expect("the call").reply(b"answered").expect("room");
    assert_eq!(*call.wait().expect("an answer"), *b"answered", "the line is as good as new");
}

#[test]
fn garbage_in_a_lane_is_corrupt_or_nobodys_answer() {
    for kind in [Kind::Answer, Kind::Refusal, Kind::Dropped] {
        let (scratch, _caller, server) = pair(Config::ranks(2));
        Wire::new(&scratch, 0, SERVER).push(kind, b"not there");
        assert!(matches!(server.from(0).recv(), Err(RecvError::Broken(Broken::Corrupt(0)))), "{kind:?}");
    }
    let (scratch, _caller, server) = pair(Config::ranks(2));
    let wire = Wire::new(&scratch, 0, SERVER);
    let slot = wire.producer.claim(4, Slack::Any).expect("room");
    wire.producer.fill(&slot.numbered(Kind::Call, 77), b"to whom?");
    wire.push(Kind::Whole, b"mail");
    assert_eq!(server.recv().expect("mail").to_vec(), b"mail", "a call to another life is nobody's");

    let (scratch, caller, server) = pair(Config::ranks(2));
    let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(LONG, 0)).expect("room");
    let returns = Producer::recover(Wire::new(&scratch, 0, SERVER).mailbox.returns, 1).expect("a lane");
    for kind in [Kind::Answer, Kind::Refusal, Kind::Dropped] {
        for number in [77, u64::MAX, 1] {
            let slot = returns.claim(4, Slack::Any).expect("room");
            returns.fill(&slot.numbered(kind, number), b"none");
        }
    }
    assert_eq!(call.try_wait().expect("no error").as_deref(), None);
    server.try_recv().unwrap().expect("the call").reply(b"this one").expect("room");
    assert_eq!(*call.wait().expect("an answer"), *b"this one");
}
