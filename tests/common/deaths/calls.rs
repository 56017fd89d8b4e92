//! Calls in which either side ends.

use super::{BOUND, Doom, Reader, Scene, SeqCst, TRIES, descriptor, join, receive, send};
use mailbox::{CallError, Deadline, End, Endpoint, RecvError, Region, SendError};
use std::sync::atomic::AtomicBool;

/// Bytes of request and answer.
pub type Lens = (usize, usize);

/// The answer to a request.
fn answer(request: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = descriptor(7, 0, len);
    bytes[..2].copy_from_slice(&request[..2]);
    bytes
}

/// Answers calls of the other rank until that ends; the requests, in order.
fn serve(me: &Endpoint, (request, len): Lens) -> Vec<Vec<u8>> {
    let mut served = Vec::new();
    loop {
        match me.from(1 - me.rank()).within(BOUND).recv() {
            Ok(call) => {
                assert!(call.is_call());
                let bytes = call.to_vec();
                assert_eq!(bytes, descriptor(u64::from(bytes[0]), u64::from(bytes[1]), request), "torn");
                // Its caller may have ended.
                let _ = call.reply_within(&answer(&bytes, len), BOUND);
                served.push(bytes);
            }
            Err(RecvError::Gone { died: true, .. }) => return served,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Calls, and mail, between both go their way; nothing of before is there.
fn expect_calls(one: &Endpoint, other: &Endpoint) {
    for (caller, server) in [(one, other), (other, one)] {
        assert!((0..TRIES).all(|_| !matches!(server.try_recv(), Ok(Some(_)))), "nothing of before");
        for (index, len) in [(50, 20), (51, 200), (52, 48)] {
            let request = descriptor(caller.epoch(), index, len);
            let call = caller.to(server.rank()).within(Deadline::Now).start_call(&request).expect("room");
            let mail = receive(server);
            assert!(mail.is_call() && mail.to_vec() == request, "another call");
            mail.reply(&answer(&request, len)).expect("room");
            assert_eq!(*call.wait().expect("an answer"), answer(&request, len));
        }
        send(caller, 9, 20);
        assert_eq!(receive(server).to_vec(), descriptor(caller.epoch(), 9, 20));
    }
}

/// Rank 1 ends while it calls; after a call that it gave up.
pub fn calls(doom: &dyn Doom, lens: Lens, gives_up: bool) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        let request = |index| descriptor(me.epoch(), index, lens.0);
        me.to(0).within(BOUND).call(&request(0)).expect("an answer");
        doom.begin();
        if gives_up {
            tally.count(|| drop(me.to(0).within(Deadline::Now).start_call(&request(1)).expect("room")));
        }
        let reply = me.to(0).within(BOUND).call(&request(2)).expect("an answer");
        tally.done.fetch_add(1, SeqCst);
        assert_eq!(*reply, answer(&request(2), lens.1), "another answer");
        doom.end();
        std::mem::forget(me);
    });
    let served = serve(&scene.survivor, lens);
    let is_complete = doom.follow(process);
    let times = |index: u8| served.iter().filter(|request| request[1] == index).count();
    assert_eq!((times(0), times(1).max(times(2))), (1, times(1).max(times(2)).min(1)), "once at most");
    let done = scene.tally.0.done();
    assert!(times(2) == 1 || done <= u64::from(gives_up), "what was answered was served");
    assert!(times(1) == 1 || done == 0 || !gives_up, "what was asked is served");
    expect_calls(&join(&scene.region, 1), &scene.survivor);
    is_complete
}

/// What the survivor asks of rank 1.
fn request(index: u64, lens: Lens) -> Vec<u8> {
    descriptor(1, index, lens.0)
}

/// Joins as rank 1, and answers a first call.
fn answer_first(region: &Region, lens: Lens) -> Endpoint {
    let me = join(region, 1);
    let first = receive(&me);
    let reply = answer(&first.to_vec(), lens.1);
    first.reply(&reply).expect("room");
    me
}

/// Makes that call.
fn ask_first(survivor: &Endpoint, lens: Lens) {
    let first = survivor.to(1).within(BOUND).call(&request(0, lens)).expect("an answer");
    assert_eq!(*first, answer(&request(0, lens), lens.1));
}

/// Rank 1 ends while it answers.
pub fn answers(doom: &dyn Doom, lens: Lens) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = answer_first(region, lens);
        let reply = answer(&request(1, lens), lens.1);
        doom.begin();
        let call = receive(&me);
        assert!(call.is_call());
        tally.begun.fetch_add(1, SeqCst);
        call.reply(&reply).expect("room");
        tally.done.fetch_add(1, SeqCst);
        doom.end();
        std::mem::forget(me);
    });
    ask_first(&scene.survivor, lens);
    let reply = scene.survivor.to(1).within(BOUND).call(&request(1, lens));
    let is_complete = doom.follow(process);
    let tally = scene.tally.0;
    match reply {
        Ok(reply) => {
            assert_eq!(*reply, answer(&request(1, lens), lens.1), "another answer");
            assert_eq!(tally.begun(), 1);
        }
        Err(CallError::Unanswered { rank: 1, end: End::Died }) => {
            assert_eq!(tally.done(), 0, "it was answered")
        }
        Err(error) => panic!("{error}"),
    }
    // No successor sees it.
    expect_calls(&join(&scene.region, 1), &scene.survivor);
    is_complete
}

/// Rank 1 ends while it refuses a call, or drops it.
pub fn refuses(doom: &dyn Doom, lens: Lens, drops: bool) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = answer_first(region, lens);
        let reply = answer(&request(1, lens), lens.1);
        doom.begin();
        let call = receive(&me);
        assert!(call.is_call());
        tally.count(|| if drops { drop(call) } else { call.refuse(&reply).expect("room") });
        doom.end();
        std::mem::forget(me);
    });
    ask_first(&scene.survivor, lens);
    let told = scene.survivor.to(1).within(BOUND).call(&request(1, lens)).expect_err("no answer");
    let is_complete = doom.follow(process);
    let tally = scene.tally.0;
    match told {
        CallError::Refused(bytes) if !drops => {
            assert_eq!(*bytes, answer(&request(1, lens), lens.1), "another refusal");
            assert_eq!(tally.begun(), 1);
        }
        CallError::Unanswered { rank: 1, end: End::Dropped } if drops => assert_eq!(tally.begun(), 1),
        CallError::Unanswered { rank: 1, end: End::Died } => assert_eq!(tally.done(), 0, "it was refused"),
        error => panic!("{error}"),
    }
    // No successor sees it.
    expect_calls(&join(&scene.region, 1), &scene.survivor);
    is_complete
}

/// Rank 1 ends while it sends a message and waits until that is acknowledged.
pub fn sends_sync(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let send = |me: &Endpoint, index| {
        let bytes = descriptor(me.epoch(), index, 20);
        me.to(0).within(BOUND).sync().send(&bytes).expect("it is received");
    };
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        send(&me, 0);
        doom.begin();
        tally.count(|| send(&me, 1));
        doom.end();
        std::mem::forget(me);
    });
    let mut reader = Reader::default();
    let told = loop {
        match scene.survivor.from(1).within(BOUND).recv() {
            Ok(mail) => reader.read(&mail),
            Err(error) => break error,
        }
    };
    assert_eq!(told, RecvError::Gone { rank: 1, died: true });
    let is_complete = doom.follow(process);
    let tally = scene.tally.0;
    assert!((tally.done()..=tally.begun()).contains(&(reader.count - 1)), "{} have come", reader.count);
    // What the survivor acknowledged to the dead is not taken for what the successor waits for.
    let is_received = AtomicBool::new(false);
    let successor = join(&scene.region, 1);
    let successor = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let successor = successor;
            send(&successor, 0);
            assert!(is_received.load(SeqCst), "nobody had it");
            successor
        });
        let mail = receive(&scene.survivor);
        reader.read(&mail);
        is_received.store(true, SeqCst);
        drop(mail);
        sending.join().expect("it is acknowledged")
    });
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    expect_calls(&successor, &scene.survivor);
    is_complete
}

/// Rank 1 ends while it acknowledges a message whose sender waits for that.
pub fn acknowledges(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        drop(receive(&me));
        doom.begin();
        let mail = receive(&me);
        tally.begun.fetch_add(1, SeqCst);
        drop(mail);
        tally.done.fetch_add(1, SeqCst);
        doom.end();
        std::mem::forget(me);
    });
    let message = |index| descriptor(1, index, 20);
    scene.survivor.to(1).within(BOUND).sync().send(&message(0)).expect("it lives");
    let told = scene.survivor.to(1).within(BOUND).sync().send(&message(1));
    let is_complete = doom.follow(process);
    let (begun, done) = (scene.tally.0.begun(), scene.tally.0.done());
    let successor = join(&scene.region, 1);
    let again = (0..TRIES).find_map(|_| successor.try_recv().ok().flatten());
    match told {
        Ok(()) => assert_eq!(begun, 1, "nobody had it"),
        Err(SendError::Gone { rank: 1, died: true }) => assert_eq!(done, 0, "it was acknowledged"),
        Err(error) => panic!("{error}"),
    }
    assert!(again.is_some() || begun == 1, "nobody had it, nobody has it");
    assert!(again.is_none() || done == 0, "it was acknowledged");
    if let Some(again) = again {
        assert_eq!(again.to_vec(), message(1));
    }
    expect_calls(&successor, &scene.survivor);
    is_complete
}
