//! Words of a topic that make no sense: wrong messages or none, within the time that was given, and nothing worse.
//!
//! `GARBAGE_SEED` says with which words.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::wire::geometry;
use common::{GUARD, Scratch};
use mailbox::{Config, Endpoint, Event, Policy, PublishError, ReadError, RecvError, SubscriberError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long each call may take, and what takes longer hangs.
const TIME: Duration = Duration::from_millis(5);

/// Does something that may fail or give anything, and must not take long.
fn bounded<R>(what: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = what();
    assert!(begun.elapsed() < GUARD, "it hangs");
    result
}

fn publish(me: &Endpoint, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let topic = me.region().topic("stream").expect("it is there");
        let Ok(mut publisher) = topic.publisher(me) else { continue };
        for len in [8, 48, 49, 1000, 8000].repeat(40) {
            let published = bounded(|| publisher.publish_within(&vec![1; len], TIME));
            assert!(matches!(published, Ok(()) | Err(PublishError::Behind { .. })), "{published:?}");
        }
    }
}

fn read(me: &Endpoint, policy: Policy, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let topic = me.region().topic("stream").expect("it is there");
        let mut subscriber = match topic.subscriber(me, policy) {
            Ok(subscriber) => subscriber,
            // As the word of this rank's line says.
            Err(SubscriberError::Subscribed { .. } | SubscriberError::OtherKind { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        for _ in 0..200 {
            match bounded(|| subscriber.recv_within(TIME)) {
                Ok(Some(sample)) => drop(sample.to_vec()),
                Ok(None) | Err(ReadError::Busy | ReadError::OtherKind { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Reads when events tell that there is something.
fn attend(me: &Endpoint, is_over: &AtomicBool) {
    let topic = me.region().topic("stream").expect("it is there");
    while !is_over.load(Ordering::Relaxed) {
        let Ok(mut subscriber) = topic.subscriber(me, Policy::skip()) else { continue };
        subscriber.set_events(true);
        for _ in 0..200 {
            match bounded(|| me.next_event_within(TIME)) {
                Ok(Event::Published { topic: 0 }) => match bounded(|| subscriber.try_recv()) {
                    Ok(Some(sample)) => drop(sample.to_vec()),
                    Ok(None) | Err(ReadError::Busy) => {}
                    Err(error) => panic!("{error}"),
                },
                Ok(Event::Joined { .. } | Event::Left { .. } | Event::Alone) | Err(RecvError::Timeout) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn overwritten_words_of_a_stream_harm_its_readers_alone() {
    let scratch = Scratch::new();
    let config = Config::ranks(4).topics(1).stream(16 << 10);
    let region = scratch.create(config);
    let geometry = geometry(&scratch);
    region.topic("stream").expect("room");
    let ranks: Vec<Endpoint> = (0..4).map(|rank| region.join(rank).expect("free")).collect();
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let mut ranks = ranks.into_iter();
        let mut next = || ranks.next().expect("four");
        let (one, two, three, four) = (next(), next(), next(), next());
        scope.spawn(move || publish(&one, is_over));
        scope.spawn(move || read(&two, Policy::every().history(3), is_over));
        scope.spawn(move || read(&three, Policy::skip().history(500), is_over));
        scope.spawn(move || attend(&four, is_over));
        let mut dice = Dice(number("GARBAGE_SEED", 7));
        for turn in 0..60_000_u32 {
            // The name and the sizes of the entry stay: they are what the topic is found by.
            let offset = match dice.below(3) {
                0 => geometry.topic(0) + 3 * 128 + 8 * dice.below(32),
                1 => geometry.readers(0) + 8 * dice.below(4 * 16),
                _ => geometry.stream_cells(0) + 8 * dice.below(8 * 1024),
            };
            let near = dice.below(3000);
            let value = [0, near, u64::MAX - near, dice.next(), 1 << 31 | near][dice.below(5) as usize];
            scratch.patch(offset, &value.to_ne_bytes());
            if turn.is_multiple_of(64) {
                thread::yield_now();
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // Another topic of another region is what it was; so is mail of this one.
    let (me, other) = (region.join(0).expect("free"), region.join(1).expect("free"));
    me.send(1, b"sound").expect("room");
    assert_eq!(other.recv().expect("mail").to_vec(), b"sound");
}
