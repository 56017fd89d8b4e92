//! Topics beside all else, in one loop.

use super::*;
use common::wire::geometry;
use common::{command, reply};
use mailbox::lab::abi::TopicLines;
use mailbox::{CollectiveError, Comm, Config, Latest, LatestPublisher, Policy, Publisher, Subscriber, Wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// If naps had to end by themselves a third of them would take longer than the guard.
const TIMES: u32 = 3000;

/// The numbers of the topics.
const TRACK: u32 = 0;
const SPEED: u32 = 1;

fn of(ranks: u32) -> (Scratch, Region) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).cells(64).arena(4096).topics(4).value(64));
    assert_eq!(["track", "speed"].map(|name| region.topic(name).expect("room").number()), [TRACK, SPEED]);
    (scratch, region)
}

fn track(me: &Endpoint) -> Subscriber<'_> {
    let topic = me.region().topic("track").expect("it is there");
    let mut subscriber = topic.subscriber(me, Policy::every()).expect("a reader");
    subscriber.set_events(true);
    subscriber
}

fn speed(me: &Endpoint) -> Latest<'_> {
    let mut latest = me.region().topic("speed").expect("it is there").latest(me).expect("a reader");
    latest.set_events(true);
    latest
}

fn publishers(me: &Endpoint) -> (Publisher<'_>, LatestPublisher<'_>) {
    let [track, speed] = ["track", "speed"].map(|name| me.region().topic(name).expect("it is there"));
    (track.publisher(me).expect("nobody else does"), speed.publish_latest(me, 8).expect("nobody else does"))
}

/// In a second process: publishes what it is told to as this rank.
pub fn perform(region: &str) {
    let region = Region::open(region).expect("a region");
    let me = region.join(1).expect("a free rank");
    let (mut track, mut speed) = publishers(&me);
    while let Some(command) = command() {
        match &command[..] {
            "track" => track.publish(b"here").expect("room"),
            "speed" => speed.publish_value(&1u64).expect("it fits"),
            "mail" => me.send(0, b"mail").expect("room"),
            "world" => std::mem::forget(Comm::world(&me).expect("both come")),
            other => panic!("{other}"),
        }
        reply("ok");
    }
}

fn published(topic: u32) -> Told {
    Told::Published(topic)
}

#[test]
fn what_was_not_read_is_told_again_in_turn_with_mail() {
    let (_scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    let (mut track, mut speed) = (track(&me), speed(&me));
    expect(&me, &[Joined(1, 1)]);
    expect_nothing(&me);
    let (mut stream, mut value) = publishers(&other);
    expect_nothing(&me);
    stream.publish(b"one").expect("room");
    value.publish_value(&1u64).expect("it fits");
    for _ in 0..4 {
        other.send(0, b"mail").expect("room");
    }
    // Neither is read.
    let mail = || mail(1, 1, b"mail");
    for topic in [TRACK, SPEED, TRACK, SPEED] {
        let mut two = [next(&me), next(&me)];
        two.sort();
        assert_eq!(two, [mail(), published(topic)]);
    }
    expect(&me, &[TRACK, SPEED, TRACK, SPEED].map(published));
    assert_eq!(told(me.next_event_within(Deadline::Now)), Some(published(TRACK)));
    assert_eq!(told(me.next_event_within(Duration::ZERO)), Some(published(SPEED)));
    // Of several messages each is told.
    stream.publish(b"two").expect("room");
    assert_eq!(speed.value(), Ok(Some(1u64)));
    for message in [b"one", b"two"] {
        expect(&me, &[published(TRACK), published(TRACK)]);
        assert_eq!(track.try_recv().expect("sound").expect("a message").to_vec(), message);
    }
    expect_nothing(&me);
    value.publish_value(&2u64).expect("it fits");
    expect(&me, &[published(SPEED)]);
    assert_eq!(speed.value(), Ok(Some(2u64)));
    expect_nothing(&me);
}

/// Also a longer one, which is read in place.
#[test]
fn a_message_is_read_when_its_sample_is_dropped() {
    let (_scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    let mut track = track(&me);
    expect(&me, &[Joined(1, 1)]);
    publishers(&other).0.publish(&[7; 1000]).expect("room");
    expect(&me, &[published(TRACK)]);
    let sample = track.try_recv().expect("sound").expect("a message");
    expect(&me, &[published(TRACK)]);
    drop(sample);
    expect_nothing(&me);
}

#[test]
fn only_readers_that_ask_for_it_are_told_and_no_longer_than_they_live() {
    let (_scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    expect(&me, &[Joined(1, 1)]);
    let (mut stream, mut value) = publishers(&other);
    let topics = ["track", "speed"].map(|name| region.topic(name).expect("it is there"));
    let mut quiet = topics[0].subscriber(&me, Policy::every()).expect("a reader");
    let mut latest = topics[1].latest(&me).expect("a reader");
    stream.publish(b"one").expect("room");
    value.publish_value(&1u64).expect("it fits");
    expect_nothing(&me);
    // What came before is told, too.
    quiet.set_events(true);
    quiet.set_events(true);
    expect(&me, &[TRACK; 2].map(published));
    quiet.set_events(false);
    expect_nothing(&me);
    latest.set_events(true);
    latest.set_events(true);
    expect(&me, &[SPEED; 2].map(published));
    latest.set_events(false);
    expect_nothing(&me);
    quiet.set_events(true);
    latest.set_events(true);
    let mut both = [next(&me), next(&me)];
    both.sort();
    assert_eq!(both, [published(TRACK), published(SPEED)]);
    drop(quiet);
    expect(&me, &[SPEED; 3].map(published));
    // Of two readers of one topic each is told.
    let mut other_latest = speed(&me);
    assert_eq!(latest.value(), Ok(Some(1u64)));
    expect(&me, &[published(SPEED)]);
    drop(latest);
    expect(&me, &[published(SPEED)]);
    assert_eq!(other_latest.value(), Ok(Some(1u64)));
    expect_nothing(&me);
    value.publish_value(&2u64).expect("it fits");
    expect(&me, &[published(SPEED)]);
    drop(other_latest);
    expect_nothing(&me);
    // The endpoint may go to another thread with what a reader that was forgotten has left.
    std::mem::forget(speed(&me));
    thread::spawn(move || {
        expect(&me, &[published(SPEED)]);
        let (_sender, receiver) = me.into_split();
        assert_eq!(receiver.next_event_within(SHORT).err(), Some(RecvError::Timeout));
    })
    .join()
    .expect("a thread");
}

/// The second of each two events at the latest.
#[test]
fn a_topic_that_always_has_something_hides_nothing() {
    let (scratch, region) = of(8);
    let [me] = join(&region, [0]);
    let _track = track(&me);
    let [other] = join(&region, [2]);
    publishers(&other).0.publish(b"never read").expect("room");
    let soon = |event: Told| {
        let two = [next(&me), next(&me)];
        assert!(two.contains(&event) && two.contains(&published(TRACK)), "{event:?}: {two:?}");
    };
    soon(Joined(2, 1));
    for _ in 0..100 {
        other.send(0, b"now").expect("room");
        soon(mail(2, 1, b"now"));
    }
    // A death that nobody else finds, also where nobody has ever sent anything. Ranks 2 and 3 are those that this rank watches.
    let [watched] = join(&region, [3]);
    soon(Joined(3, 1));
    let mut process = puppet(&scratch);
    assert_eq!(process.does("join 5"), "ok");
    soon(Joined(5, 1));
    process.kill();
    let begun = Instant::now();
    loop {
        match next(&me) {
            Told::Published(TRACK) => assert!(begun.elapsed() < GUARD),
            event => break assert_eq!(event, Died(5, 1)),
        }
    }
    drop(watched);
    soon(Left(3, 1));
    drop(other);
    soon(Left(2, 1));
    soon(Alone);
}

/// As by a rank that waits, however many there are that it asks about in turn.
#[test]
fn ranks_that_are_watched_are_asked_about_first_beside_a_topic_that_always_has_something() {
    let (scratch, region) = of(66);
    let [me] = join(&region, [0]);
    let mut processes = [1, 20].map(|rank| {
        let mut process = puppet(&scratch);
        assert_eq!(process.does(&format!("join {rank}")), "ok");
        process
    });
    let others: Vec<Endpoint> = (2..20).map(|rank| region.join(rank).expect("free")).collect();
    let _track = track(&me);
    publishers(&others[0]).0.publish(b"never read").expect("room");
    let mut joined = 0;
    while joined < others.len() + processes.len() {
        match next(&me) {
            Joined(..) => joined += 1,
            event => assert_eq!(event, published(TRACK)),
        }
    }
    // The second of these asks about the first ranks of a turn. Rank 1, which is watched, has its next turn after rank 20.
    (0..2).for_each(|_| assert_eq!(next(&me), published(TRACK)));
    processes.iter_mut().for_each(Child::kill);
    let begun = Instant::now();
    loop {
        match next(&me) {
            Told::Published(TRACK) => assert!(begun.elapsed() < GUARD),
            event => break assert_eq!(event, Died(1, 1)),
        }
    }
}

/// What is sent, and what is acknowledged. No call waits, so none publishes it before its wait.
#[test]
fn what_a_batch_holds_back_is_published_beside_a_topic_that_always_has_something() {
    let (_scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    let _track = track(&me);
    publishers(&other).0.publish(b"never read").expect("room");
    let mut two = [next(&me), next(&me)];
    two.sort();
    assert_eq!(two, [Joined(1, 1), published(TRACK)]);
    let _batch = me.batch();
    for _ in 0..3 {
        other.send(0, b"mail").expect("room");
        let two = [next(&me), next(&me)];
        assert!(two.contains(&mail(1, 1, b"mail")), "{two:?}");
        me.send(1, b"reply").expect("room");
        let acknowledged = || region.inspect().mailboxes.iter().all(|mailbox| mailbox.unread == 0);
        let (mut replies, begun) = (0, Instant::now());
        while replies == 0 || !acknowledged() {
            assert_eq!(next(&me), published(TRACK));
            replies += other.try_recv().expect("sound").iter().count();
            assert!(begun.elapsed() < GUARD, "{replies} replies");
        }
    }
}

/// Nobody asks for its result, so only events go on with it.
#[test]
fn a_started_operation_ends_with_its_dead_member_beside_a_topic_that_always_has_something() {
    let (scratch, region) = of(2);
    let [me] = join(&region, [0]);
    let _track = track(&me);
    let mut process = Child::start("publisher", &scratch);
    assert_eq!(process.does("track"), "ok");
    process.starts("world");
    let comm = Comm::world(&me).expect("both come");
    assert_eq!(process.answer(), "ok");
    // What is kept of the operation ends with it.
    let kept = Arc::new(());
    let held = kept.clone();
    let sum = comm.start_all_reduce(vec![1u64], move |one, other| {
        let _held = &held;
        one + other
    });
    process.kill();
    let begun = Instant::now();
    while Arc::strong_count(&kept) > 1 {
        next(&me);
        assert!(begun.elapsed() < GUARD, "it goes on without its member");
    }
    assert_eq!(sum.wait().err(), Some(CollectiveError::Gone { rank: 1, died: true }));
}

/// A look includes only some of those that were silent for a long time.
#[test]
fn mail_of_one_of_many_silent_ranks_is_told_beside_a_topic_that_always_has_something() {
    const RANKS: u32 = 48;
    let (_scratch, region) = of(RANKS);
    let [me] = join(&region, [0]);
    let others: Vec<Endpoint> = (1..RANKS).map(|rank| region.join(rank).expect("free")).collect();
    let _track = track(&me);
    for other in &others {
        other.send(0, b"first").expect("room");
    }
    publishers(&others[0]).0.publish(b"never read").expect("room");
    let mut told = 0;
    while told < 2 * others.len() {
        told += usize::from(next(&me) != published(TRACK));
    }
    for _ in 0..200 {
        assert_eq!(next(&me), published(TRACK));
    }
    for other in others.iter().step_by(6) {
        thread::sleep(SHORT);
        other.send(0, b"now").expect("room");
        assert_eq!(next(&me), mail(other.rank(), 1, b"now"));
        assert_eq!(next(&me), published(TRACK));
    }
}

#[test]
fn mail_that_never_ends_hides_no_topic() {
    let (_scratch, region) = of(3);
    let [me, other, writer] = join(&region, [0, 1, 2]);
    let (mut track, mut speed) = (track(&me), speed(&me));
    let (mut stream, mut value) = publishers(&writer);
    let mut both = [next(&me), next(&me)];
    both.sort();
    assert_eq!(both, [Joined(1, 1), Joined(2, 1)]);
    while other.try_send(0, b"more").is_ok() {}
    for round in 0..100u64 {
        stream.publish_value(&round).expect("room");
        value.publish_value(&round).expect("it fits");
        for _ in 0..2 {
            let two = [next(&me), next(&me)];
            assert!(two.contains(&mail(1, 1, b"more")), "{two:?}");
            if two.contains(&published(TRACK)) {
                assert_eq!(track.try_recv().expect("sound").expect("it is told").value::<u64>(), Ok(round));
            } else {
                assert!(two.contains(&published(SPEED)), "{two:?}");
                assert_eq!(speed.value(), Ok(Some(round)));
            }
            while other.try_send(0, b"more").is_ok() {}
        }
        assert!(!track.is_ready() && speed.has_changed() == Ok(false), "each was told once");
    }
}

/// The parts of a message that travels are no reason to wait with what a topic has.
#[test]
fn a_long_message_and_a_topic_go_on_beside_each_other() {
    let (_scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    let _track = track(&me);
    publishers(&other).0.publish(b"never read").expect("room");
    let sender = thread::spawn(move || other.to(0).announce(vec![7; 8 << 20]).expect("room").wait());
    let (mut others, begun) = (0, Instant::now());
    loop {
        assert!(begun.elapsed() < GUARD, "only the topic goes on");
        match next(&me) {
            Told::Mail(_, _, bytes) => break assert_eq!(bytes.len(), 8 << 20),
            Told::Published(TRACK) => others += 1,
            _ => {}
        }
    }
    assert!(others > 8, "{others} times");
    sender.join().expect("a thread").expect("it was received");
}

#[test]
#[cfg_attr(portable, ignore = "a sleeper looks between pauses")]
fn a_sleeper_is_woken_by_another_process_that_publishes() {
    let (scratch, region) = of(2);
    let [me] = join(&region, [0]);
    me.set_wait(Wait::Block);
    let mut process = Child::start("publisher", &scratch);
    assert_eq!(process.does("mail"), "ok");
    let counted = AtomicU32::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let counted = &counted;
        let sleeper = scope.spawn(move || {
            let (mut track, mut speed) = (track(&me), speed(&me));
            expect(&me, &[Joined(1, 1), mail(1, 1, b"mail")]);
            for time in 0..TIMES {
                match (time % 3, next(&me)) {
                    (0, Told::Published(TRACK)) => drop(track.try_recv().expect("sound").expect("a message")),
                    (1, Told::Published(SPEED)) => assert_eq!(speed.value(), Ok(Some(1u64))),
                    (2, Told::Mail(..)) => {}
                    other => panic!("{other:?}"),
                }
                counted.fetch_add(1, Relaxed);
            }
        });
        for time in 0..TIMES {
            wait_until("it sleeps", || scratch.receiver_sleeps(0) || sleeper.is_finished());
            assert_eq!(process.does(["track", "speed", "mail"][time as usize % 3]), "ok");
            wait_until("it was told", || counted.load(Relaxed) > time || sleeper.is_finished());
        }
        sleeper.join().expect("a thread");
    });
    assert!(start.elapsed() < GUARD);
}

#[test]
fn a_wait_ends_at_its_deadline_and_by_an_interrupter_and_asks_for_no_more_rings() {
    let (scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    let offset = geometry(&scratch).topic(SPEED) + offset_of!(TopicLines, waiters) as u64;
    let asks = || u64::from_ne_bytes(scratch.peek(offset)) & 1 != 0;
    let (_track, _speed) = (track(&me), speed(&me));
    expect(&me, &[Joined(1, 1)]);
    me.set_wait(Wait::Block);
    let begun = Instant::now();
    assert_eq!(me.next_event_within(SHORT).err(), Some(RecvError::Timeout));
    assert!((SHORT..GUARD).contains(&begun.elapsed()));
    assert!(!asks(), "it waits no longer");
    let interrupter = me.interrupter();
    thread::scope(|scope| {
        scope.spawn(|| {
            scratch.wait_until_receiver_sleeps(0);
            let asked = asks();
            interrupter.interrupt();
            assert!(asked, "it sleeps until the value changes, too");
        });
        assert_eq!(me.next_event().err(), Some(RecvError::Interrupted));
    });
    assert!(!asks());
    // What is there comes before the interrupter's word, as mail does.
    publishers(&other).0.publish(b"one").expect("room");
    interrupter.interrupt();
    expect(&me, &[published(TRACK)]);
}

#[test]
fn a_publisher_that_is_killed_takes_no_event_of_others_with_it() {
    let (scratch, region) = of(3);
    let [me, other] = join(&region, [0, 2]);
    let mut process = Child::start("publisher", &scratch);
    assert_eq!(process.does("speed"), "ok");
    let is_told = AtomicBool::new(false);
    thread::scope(|scope| {
        let is_told = &is_told;
        let sleeper = scope.spawn(move || {
            let (mut track, mut speed) = (track(&me), speed(&me));
            let mut both = [next(&me), next(&me), next(&me)];
            both.sort();
            assert_eq!(both, [Joined(1, 1), Joined(2, 1), published(SPEED)]);
            assert_eq!(speed.value(), Ok(Some(1u64)));
            expect(&me, &[Died(1, 1)]);
            assert_eq!(track.topic().died_publishing(), Some(1));
            is_told.store(true, Relaxed);
            expect(&me, &[mail(2, 1, b"still here"), published(TRACK)]);
            assert_eq!(track.try_recv().expect("sound").expect("of a successor").to_vec(), b"next");
            expect(&me, &[published(SPEED)]);
            assert_eq!(speed.value(), Ok(Some(2u64)));
        });
        let sleeps = || wait_until("it sleeps", || scratch.receiver_sleeps(0) || sleeper.is_finished());
        sleeps();
        process.kill();
        wait_until("the death is told", || is_told.load(Relaxed) || sleeper.is_finished());
        sleeps();
        other.send(0, b"still here").expect("room");
        let (mut track, mut speed) = publishers(&other);
        sleeps();
        track.publish(b"next").expect("room");
        sleeps();
        speed.publish_value(&2u64).expect("it fits");
        sleeper.join().expect("a thread");
    });
}

#[test]
fn what_uses_events_within_passes_over_topics() {
    let (_scratch, region) = of(2);
    let [me, other] = join(&region, [0, 1]);
    let _track = track(&me);
    publishers(&other).0.publish(b"never read").expect("room");
    other.send(0, b"one").expect("room");
    other.send(0, b"two").expect("room");
    assert_eq!(me.recv().expect("mail").to_vec(), b"one");
    drop(other);
    let rest: Vec<_> = me.until_alone().within(GUARD).map(|mail| mail.expect("mail").to_vec()).collect();
    assert_eq!(rest, [b"two"]);
    expect(&me, &[published(TRACK)]);
}
