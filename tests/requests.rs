//! Sends and receives that are started, and waited for together.
#![cfg(not(loom))]

mod common;

use common::{GUARD, SHORT, die, endpoints};
use mailbox::{Config, Deadline, Endpoint, Mail, RecvError, Request, RequestError, SendError, Wait};
use std::thread;

fn pair() -> [Endpoint; 2] {
    endpoints(Config::ranks(2).cells(4).arena(1024))
}

/// The bytes of what a receive got.
#[track_caller]
fn got(request: Request<'_>) -> Vec<u8> {
    request.wait().expect("no error").expect("a mail").to_vec()
}

#[track_caller]
fn is_over(request: &mut Request<'_>) -> bool {
    request.test().expect("no error")
}

#[test]
fn a_receive_that_was_started_first_gets_the_mail() {
    let [me, peer] = pair();
    let first = me.from(1).start();
    let second = me.from_any().start();
    for number in 0..3u8 {
        peer.send(0, &[number]).expect("room");
    }
    // One that waits comes after both.
    assert_eq!(me.recv().expect("mail").to_vec(), [2]);
    assert_eq!((got(second), got(first)), (vec![1], vec![0]));
}

#[test]
fn receives_that_were_started_leave_what_they_do_not_take() {
    let [me, peer] = pair();
    let mut seven = me.from(1).tag(7).start();
    peer.to(0).tag(6).send(b"six").expect("room");
    assert_eq!(me.recv().expect("mail").to_vec(), b"six");
    peer.to(0).tag(7).send(b"seven").expect("room");
    peer.send(0, b"none").expect("room");
    // Any call of the endpoint makes it go on, and leaves it its mail.
    assert_eq!(me.from_any().peek().expect("no error").map(|mail| mail.len), Some(4));
    assert!(is_over(&mut seven));
    assert_eq!(me.drain().next().expect("no error").expect("a message").to_vec(), b"none");
    assert_eq!(got(seven), b"seven");
    assert!(me.try_recv().expect("no error").is_none());
}

#[test]
fn a_send_that_finds_no_room_goes_on_in_any_call() {
    let [me, peer] = pair();
    let mut requests: Vec<Request<'_>> = (0..10u8).map(|number| me.to(1).start([number])).collect();
    assert!(requests.iter_mut().take(4).all(is_over) && !requests.iter_mut().skip(4).any(|one| is_over(one)));
    // Nothing overtakes them.
    assert_eq!(me.try_send(1, b"later"), Err(SendError::Full(1)));
    for number in 0..10u8 {
        assert_eq!(peer.recv().expect("mail").to_vec(), [number]);
        assert!(me.try_recv().expect("no error").is_none());
    }
    assert!(requests.iter_mut().all(is_over));
    me.try_send(1, b"later").expect("room");
    assert_eq!(peer.recv().expect("mail").to_vec(), b"later");
}

/// A call, and what it is.
type Named = (&'static str, fn(&Endpoint));

/// Whether a send that was started, and has room by now, goes on in this call.
fn goes_on(call: impl Fn(&Endpoint)) -> bool {
    let [me, peer, other] = endpoints(Config::ranks(3).cells(4).arena(1024));
    while me.try_send(2, b"full").is_ok() {}
    (0..3).for_each(|_| other.send(0, b"there").expect("room"));
    // From now on it is expected there.
    drop(me.recv().expect("mail"));
    let _started: Vec<Request<'_>> = (0..5u8).map(|number| me.to(1).start([number])).collect();
    (0..4).for_each(|number| assert_eq!(peer.recv().expect("mail").to_vec(), [number]));
    assert!(peer.try_recv().expect("no error").is_none());
    call(&me);
    peer.try_recv().expect("no error").is_some()
}

#[test]
fn what_was_started_goes_on_in_each_call_that_looks_or_waits() {
    fn in_vain<T, E>(result: Result<T, E>) {
        assert!(result.is_err());
    }
    let calls: [Named; 13] = [
        ("a look for mail", |me| assert!(me.from(1).try_recv().expect("no error").is_none())),
        ("a receive that waits", |me| in_vain(me.from(1).within(SHORT).recv())),
        ("a receive into a buffer", |me| assert_eq!(me.from(2).recv_into(&mut [0; 9]), Ok((2, 5)))),
        ("a peek", |me| assert!(me.from(2).peek().expect("no error").is_some())),
        ("a peek in vain", |me| assert!(me.from(1).peek().expect("no error").is_none())),
        ("a drain", |me| {
            let mut drain = me.drain();
            while drain.next().expect("no error").is_some() {}
        }),
        ("a drain into a function", |me| me.drain().for_each(|_| {}).expect("no error")),
        ("a look for events", |me| while me.next_event_within(Deadline::Now).is_ok() {}),
        ("a call", |me| in_vain(me.to(2).within(SHORT).call(b"?"))),
        ("a look for room", |me| assert_eq!(me.try_send(2, b"full"), Err(SendError::Full(2)))),
        ("a send that waits", |me| in_vain(me.to(2).within(SHORT).send(b"full"))),
        ("a test of another", |me| assert!(!is_over(&mut me.from(1).start()))),
        ("a wait for another", |me| in_vain(me.from(1).start().wait_within(SHORT))),
    ];
    for (name, call) in calls {
        assert!(goes_on(call), "{name}");
    }
    // What finds at once what it wants does not look around.
    let calls: [Named; 5] = [
        ("a receive", |me| drop(me.recv().expect("mail"))),
        ("a drain's message", |me| assert!(me.drain().next().expect("no error").is_some())),
        ("a send", |me| me.send(0, b"room").expect("room")),
        ("a send that is started", |me| assert!(is_over(&mut me.to(0).start(b"room")))),
        ("a call that is started", |me| drop(me.to(2).start_call(b"?").expect("room"))),
    ];
    for (name, call) in calls {
        assert!(!goes_on(call), "{name}");
    }
}

#[test]
fn a_later_send_waits_for_those_that_were_started() {
    let [me, peer] = pair();
    let started: Vec<Request<'_>> = (0..8u8).map(|number| me.to(1).start([number; 100])).collect();
    thread::scope(|scope| {
        let peer =
            scope.spawn(move || (0..10).map(|_| peer.recv().expect("mail").to_vec()[0]).collect::<Vec<_>>());
        me.to(1).within(GUARD).send(&[8]).expect("room");
        me.to(1).within(GUARD).sync().send(&[9]).expect("room");
        assert_eq!(peer.join().expect("a thread"), Vec::from_iter(0..10));
    });
    drop(started);
}

#[test]
fn a_message_beyond_a_cell_comes_after_what_was_started_and_with_its_batch() {
    let [me, peer] = endpoints(Config::ranks(2).cells(16).arena(64 << 10));
    let number = || {
        // What was started goes on.
        assert!(me.try_recv().expect("no error").is_none());
        peer.from_any().within(GUARD).recv().expect("mail").to_vec()[0]
    };
    // The first two lie in one extent.
    (0..2).for_each(|number| me.send(1, &[number; 200]).expect("room"));
    let started: Vec<Request<'_>> = (2..18).map(|number| me.to(1).start([number; 200])).collect();
    assert_eq!(number(), 0);
    assert_eq!(me.try_send(1, &[18; 200]), Err(SendError::Full(1)), "others come first");
    (1..18).for_each(|next| assert_eq!(number(), next));
    drop(started);
    let batch = me.batch();
    (18..21).for_each(|number| me.send(1, &[number; 200]).expect("room"));
    assert!(peer.try_recv().expect("no error").is_none(), "they are held back");
    drop(batch);
    me.send(1, &[21; 200]).expect("room");
    (18..22).for_each(|next| assert_eq!(number(), next));
    // Held back until it is much by its bytes.
    let batch = me.batch();
    (22..25).for_each(|number| me.send(1, &[number; 8000]).expect("room"));
    assert_eq!(number(), 22);
    drop(batch);
}

#[test]
fn requests_of_every_kind_are_waited_for_together() {
    for wait in [Wait::Adaptive, Wait::Block, Wait::Spin] {
        let [me, peer] = endpoints(Config::ranks(2).cells(4).arena(1024));
        me.set_wait(wait);
        thread::scope(|scope| {
            let answers = scope.spawn(move || {
                peer.set_wait(wait);
                let lengths: Vec<usize> = (0..9).map(|_| peer.recv().expect("mail").len()).collect();
                for tag in [3, 2, 1] {
                    peer.to(0).tag(tag).send(&[tag as u8; 600]).expect("room");
                }
                lengths
            });
            let mut requests: Vec<Request<'_>> = (1..=3).map(|tag| me.from(1).tag(tag).start()).collect();
            // In cells, in the arena, synchronous, and announced.
            requests.extend([1, 40, 600].map(|len| me.to(1).start(vec![0; len])));
            requests.extend([1, 600, 5000].map(|len| me.to(1).sync().start(vec![0; len])));
            requests.extend([5000, 300_000, 100].map(|len| me.to(1).start(vec![0; len])));
            Request::wait_all_within(&mut requests, GUARD).expect("all are received");
            assert_eq!(answers.join().expect("a thread"), [1, 40, 600, 1, 600, 5000, 5000, 300_000, 100]);
            let results: Vec<Option<usize>> = requests
                .into_iter()
                .map(|request| request.wait().expect("no error").map(|mail| mail.len()))
                .collect();
            assert_eq!(results[..3], [Some(600); 3]);
            assert_eq!(results[3..], [None; 9]);
        });
    }
}

#[test]
fn the_first_that_is_over_is_found_each_time() {
    let [me, one, other] = endpoints(Config::ranks(3));
    let mut requests = vec![me.from(1).start(), me.from(2).start(), me.from(1).start()];
    assert_eq!(Request::wait_any_within(&mut requests, Deadline::Now), Err(RequestError::Timeout));
    assert!(Request::wait_any(&mut []).expect("no error").is_none());
    other.send(0, b"b").expect("room");
    assert_eq!(Request::wait_any(&mut requests), Ok(Some(1)));
    assert_eq!(requests[1].wait_within(Deadline::Now).expect("over").expect("a mail").to_vec(), b"b");
    assert_eq!(requests[1].wait_within(Deadline::Now).err(), Some(RequestError::Over));
    one.send(0, b"a").expect("room");
    one.send(0, b"c").expect("room");
    assert_eq!(Request::wait_some(&mut requests), Ok(vec![0, 2]));
    let [first, _, last] = <[Request<'_>; 3]>::try_from(requests).expect("three");
    assert_eq!((got(first), got(last)), (b"a".to_vec(), b"c".to_vec()));
}

#[test]
fn a_request_that_is_dropped_gives_up_what_it_was_for() {
    let [me, peer] = pair();
    // A receive without mail, and one with.
    let empty = me.from(1).tag(1).start();
    let mut full = me.from(1).tag(2).start();
    peer.to(0).tag(2).send(b"two").expect("room");
    peer.to(0).tag(1).send(b"one").expect("room");
    assert!(is_over(&mut full));
    assert!(!full.cancel() && !empty.cancel());
    let mail = me.recv().expect("mail");
    assert_eq!((mail.to_vec(), mail.redelivered()), (b"two".to_vec(), 0), "it keeps its place");
    drop(mail);
    assert_eq!(me.recv().expect("mail").to_vec(), b"one");
    assert!(me.from(1).start().cancel());
    // A send that was sent, one that was not, and one that was announced.
    let mut sends: Vec<Request<'_>> = (0..5u8).map(|number| me.to(1).start([number])).collect();
    let announced = me.to(1).start(vec![0; 5000]);
    assert!(sends.pop().expect("the fifth").cancel(), "it was not sent");
    assert!(announced.cancel());
    drop(sends);
    for number in 0..4u8 {
        assert_eq!(peer.recv().expect("mail").to_vec(), [number]);
    }
    let announced = me.to(1).start(vec![0; 5000]);
    assert!(!announced.cancel(), "its announcement was sent");
    me.send(1, b"after").expect("room");
    assert_eq!(peer.recv().expect("mail").to_vec(), b"after");
}

#[test]
fn a_request_that_is_forgotten_harms_nobody() {
    let [me, peer] = pair();
    std::mem::forget(me.from(1).tag(1).start());
    for number in 0..6u8 {
        std::mem::forget(me.to(1).start([number]));
    }
    peer.to(0).tag(1).send(b"taken").expect("room");
    peer.to(0).tag(1).send(b"left").expect("room");
    assert_eq!(me.recv().expect("mail").to_vec(), b"left");
    for number in 0..6u8 {
        assert_eq!(peer.recv().expect("mail").to_vec(), [number]);
        assert!(me.try_recv().expect("no error").is_none());
    }
}

#[test]
fn an_end_ends_what_waits_for_it_and_nothing_else() {
    for dies in [false, true] {
        let [me, gone, other] = endpoints(Config::ranks(3).cells(4));
        let fill: Vec<Request<'_>> = (0..4u8).map(|number| me.to(1).start([number])).collect();
        let mut requests = [
            me.from(1).start(),
            me.to(1).start(b"no room"),
            me.to(1).sync().start(b"no answer"),
            me.from(2).start(),
            me.to(2).sync().start(b"waits"),
        ];
        drop(fill);
        gone.send(0, b"last").expect("room");
        if dies {
            die(gone)
        } else {
            drop(gone)
        }
        // What it had sent comes first.
        assert_eq!(Request::wait_any_within(&mut requests, GUARD), Ok(Some(0)));
        let gone = |result: Result<Option<Mail<'_>>, RequestError>| match result {
            Err(RequestError::Send(SendError::Gone { rank, died })) => (rank, died),
            Err(RequestError::Recv(RecvError::Gone { rank, died })) => (rank, died),
            other => panic!("{other:?}"),
        };
        for at in [1, 2] {
            assert_eq!(gone(requests[at].wait_within(GUARD)), (1, dies));
        }
        let [first, _, _, mut other_mail, mut waits] = requests;
        assert_eq!(got(first), b"last");
        assert_eq!(gone(me.from(1).start().wait()), (1, dies));
        assert!(!is_over(&mut other_mail) && !is_over(&mut waits));
        other.send(0, b"here").expect("room");
        drop(other.recv().expect("mail"));
        assert_eq!(got(other_mail), b"here");
        waits.wait().expect("acknowledged");
    }
}

#[test]
fn what_cannot_be_sent_is_told_by_its_request() {
    let [me, _peer] = pair();
    let requests = [me.to(2).start(b"x"), me.to(2).sync().start(b"x"), me.to(2).start(vec![0; 5000])];
    for request in requests {
        assert!(matches!(request.wait(), Err(RequestError::Send(SendError::Broken(_)))));
    }
    assert!(matches!(me.from(2).start().wait(), Err(RequestError::Recv(RecvError::Broken(_)))));
}

#[test]
fn an_interrupter_ends_a_wait_and_no_request() {
    let [me, peer] = pair();
    let mut request = me.from(1).start();
    me.interrupter().interrupt();
    assert_eq!(request.wait_within(GUARD).err(), Some(RequestError::Interrupted));
    peer.send(0, b"still").expect("room");
    assert_eq!(got(request), b"still");
}

#[test]
fn mirror_images_and_oneself_exchange_messages_of_any_length() {
    for len in [8, 600, 5000, 1 << 20] {
        let [me, peer] = pair();
        thread::scope(|scope| {
            let peer = scope.spawn(move || {
                (0..20u8).for_each(|round| {
                    let mail =
                        peer.to(0).send_receive(vec![round; len], peer.from(0).within(GUARD)).expect("mail");
                    assert_eq!((mail.len(), mail.to_vec()[len - 1]), (len, round));
                });
                peer
            });
            (0..20u8).for_each(|round| {
                let mail = me.to(1).send_receive(vec![round; len], me.from(1).within(GUARD)).expect("mail");
                assert_eq!((mail.len(), mail.to_vec()[len - 1]), (len, round));
            });
            drop(peer.join().expect("a thread"));
        });
        let own = me.to(0).send_receive(vec![7; len], me.from(0).within(GUARD)).expect("mail");
        assert_eq!(own.to_vec(), vec![7; len]);
        drop(own);
    }
}

#[test]
fn a_synchronous_message_to_oneself_waits_until_its_mail_is_dropped() {
    let [me, _peer] = pair();
    let (mut sent, mut received) = (me.to(0).sync().start(b"mine"), me.from(0).start());
    assert!(is_over(&mut received) && !is_over(&mut sent));
    assert_eq!(got(received), b"mine");
    assert!(is_over(&mut sent));
}

#[test]
fn many_receives_of_different_tags_each_get_their_own() {
    let [me, peer] = endpoints(Config::ranks(2).cells(64));
    let mut requests: Vec<Request<'_>> = (0..500u32).map(|tag| me.from(1).tag(tag).start()).collect();
    thread::scope(|scope| {
        scope.spawn(move || {
            for tag in (0..500u32).rev() {
                peer.to(0).tag(tag).send(&tag.to_ne_bytes()).expect("room");
            }
            // Its end comes after its mail.
        });
        for (tag, mut request) in requests.drain(..).enumerate() {
            let mail = request.wait_within(GUARD).expect("no error").expect("a mail");
            assert_eq!(mail.value(), Ok(tag as u32));
        }
    });
}

#[test]
fn what_is_there_goes_to_a_receive_when_it_is_started_unless_one_before_it_waits() {
    let [me, peer] = pair();
    peer.send(0, b"first").expect("room");
    let first = me.from(1).start();
    assert!(!first.cancel(), "it has got a mail");
    let first = me.from(1).start();
    let waits = me.from(1).tag(7).start();
    peer.to(0).tag(7).send(b"second").expect("room");
    peer.send(0, b"third").expect("room");
    // Those before it come first, whatever it takes.
    let last = me.from_any().start();
    assert_eq!([got(first), got(waits), got(last)], [&b"first"[..], b"second", b"third"]);
}

#[test]
fn a_receive_that_is_started_after_an_end_tells_it() {
    let [me, peer] = pair();
    peer.send(0, b"last").expect("room");
    drop(peer);
    let (mail, end) = (me.from(1).start(), me.from(1).start());
    assert_eq!(got(mail), b"last");
    let error = end.wait().expect_err("nobody sends");
    assert_eq!(error, RequestError::Recv(RecvError::Gone { rank: 1, died: false }));
}
