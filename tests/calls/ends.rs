//! Callers and servers that end.

use super::*;

#[test]
fn the_end_of_a_server_ends_its_calls_and_no_successor_sees_them() {
    for len in [8, LONG] {
        for is_taken in [false, true] {
            for (end, told) in [
                (drop as fn(_), CallError::Unanswered { rank: SERVER, end: End::Left }),
                (kill_endpoint, CallError::Unanswered { rank: SERVER, end: End::Died }),
            ] {
                for is_replaced in [false, true] {
                    let (scratch, caller, server) = pair(Config::ranks(2));
                    let call =
                        caller.to(SERVER).within(Deadline::Now).start_call(&pattern(len, 0)).expect("room");
                    if is_taken {
                        std::mem::forget(server.try_recv().unwrap().expect("the call"));
                    }
                    end(server);
                    let region = scratch.open();
                    let successor = is_replaced.then(|| region.join(SERVER).expect("a free rank"));
                    // A life that has a successor is not asked how it ended.
                    let told = if is_replaced {
                        CallError::Unanswered { rank: SERVER, end: End::Died }
                    } else {
                        told.clone()
                    };
                    assert_eq!(call.wait_within(GUARD).unwrap_err(), told);
                    let successor = successor.unwrap_or_else(|| region.join(SERVER).expect("a free rank"));
                    assert!(matches!(successor.try_recv(), Ok(None)), "it was for another");
                    for len in [8, LONG] {
                        let call = caller
                            .to(SERVER)
                            .within(Deadline::Now)
                            .start_call(&pattern(len, 1))
                            .expect("room");
                        let mail = successor.try_recv().unwrap().expect("the next call");
                        assert_eq!(mail.to_vec(), pattern(len, 1));
                        mail.reply(b"next").expect("room");
                        assert_eq!(*call.wait().expect("an answer"), *b"next");
                    }
                }
            }
        }
    }
}

#[test]
fn an_answer_of_a_server_that_ended_is_there() {
    for len in [8, LONG] {
        for end in [drop as fn(_), kill_endpoint] {
            let (_scratch, caller, server) = pair(Config::ranks(2));
            let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(len, 0)).expect("room");
            server.try_recv().unwrap().expect("the call").reply(b"last").expect("room");
            end(server);
            assert_eq!(*call.wait().expect("an answer"), *b"last");
        }
    }
}

#[test]
fn the_answer_to_a_caller_that_ended_is_nobodys() {
    for len in [8, LONG] {
        for end in [drop as fn(_), kill_endpoint] {
            let (scratch, caller, server) = pair(Config::ranks(2));
            std::mem::forget(
                caller.to(SERVER).within(Deadline::Now).start_call(&pattern(len, 0)).expect("room"),
            );
            let late = server.try_recv().unwrap().expect("the call");
            end(caller);
            let successor = scratch.open().join(0).expect("a free rank");
            let call = successor.to(SERVER).within(Deadline::Now).start_call(&pattern(len, 1)).expect("room");
            late.reply(&pattern(len, 2)).expect("room");
            assert_eq!(call.try_wait().expect("no error").as_deref(), None);
            let mail = server.try_recv().unwrap().expect("the next call");
            assert_eq!((mail.epoch(), mail.to_vec()), (2, pattern(len, 1)));
            mail.reply(b"mine").expect("room");
            assert_eq!(*call.wait().expect("an answer"), *b"mine");
            assert!(matches!(successor.try_recv(), Ok(None)));
        }
    }
}

#[test]
fn who_calls_a_rank_that_died_is_told() {
    let (scratch, caller, server) = pair(Config::ranks(2));
    kill_endpoint(server);
    assert_eq!(scratch.open().status(SERVER), Some((Status::Dead, 1)));
    for len in [8, LONG] {
        assert_eq!(
            caller.call(SERVER, &pattern(len, 0)).unwrap_err(),
            CallError::Unanswered { rank: SERVER, end: End::Died }
        );
    }
}

// --- Among mail -------------------------------------------------------------------------------------------

#[test]
fn who_only_calls_takes_a_new_start_too() {
    for request in [8, LONG] {
        let (_scratch, mut caller, server) = pair(Config::ranks(2));
        server.send(0, b"mail").expect("room");
        caller.reset(SERVER).expect("a request");
        assert_eq!(server.send(0, b"lost"), Err(SendError::Broken(Broken::Reset(0))), "the reset is given");
        let call = caller.to(SERVER).within(Deadline::Now).start_call(&pattern(request, 0)).expect("room");
        server.try_recv().unwrap().expect("the call").reply(&pattern(LONG, 1)).expect("room");
        assert_eq!(*call.wait_within(SHORT).expect("an answer"), pattern(LONG, 1), "{request}");
    }
}
