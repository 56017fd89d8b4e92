//! Topics that are published as streams: each reader at its own pace.
#![cfg(not(loom))]

use mailbox::{
    Config, Deadline, Endpoint, Policy, PublishError, Publisher, PublisherError, ReadError, Region,
    Subscriber, SubscriberError,
};
use std::io::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Nothing takes that long.
const GUARD: Duration = Duration::from_secs(30);
/// How many messages a stream keeps.
const CELLS: u64 = 1024;
/// Bytes of payloads that it keeps here.
const BYTES: usize = 64 << 10;

fn region(ranks: u32) -> (Region, Vec<Endpoint>) {
    let config = Config::ranks(ranks).topics(2).stream(BYTES as u64);
    let region = Region::create_unnamed(config).expect("a region");
    let ranks = (0..ranks).map(|rank| region.join(rank).expect("free")).collect();
    (region, ranks)
}

/// The next message, which is there: its number, how many were missed, and its first word.
fn next(subscriber: &mut Subscriber<'_>) -> (u64, u64, u64) {
    let sample = subscriber.try_recv().expect("sound").expect("one");
    let mut word = [0; 8];
    sample.copy_to(&mut word);
    (sample.number(), sample.missed(), u64::from_ne_bytes(word))
}

/// A message of this length that begins with a number.
fn message(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![number as u8; len];
    bytes[..8].copy_from_slice(&number.to_ne_bytes());
    bytes
}

fn publish(publisher: &mut Publisher<'_>, number: u64, len: usize) {
    publisher.publish_within(&message(number, len), GUARD).expect("room");
}

#[test]
fn each_reader_gets_each_message_in_order() {
    let (region, ranks) = region(3);
    let topic = region.topic("prices").expect("room");
    let mut one = topic.subscriber(&ranks[1], Policy::every()).expect("a reader");
    assert!(one.try_recv().expect("sound").is_none() && !one.is_ready(), "nobody has published");
    let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
    assert_eq!((topic.published_by(), publisher.capacity()), (Some(0), BYTES / 2));
    let lens = [0, 1, 8, 47, 48, 49, 64, 100, 4096, BYTES / 2];
    for (number, len) in (0..).zip(lens) {
        let bytes: Vec<u8> = (0..len).map(|at| (at + number as usize) as u8).collect();
        publisher.publish(&bytes).expect("room");
        let sample = one.recv().expect("sound");
        assert_eq!(
            (sample.number(), sample.missed(), sample.len(), sample.is_empty()),
            (number, 0, len, len == 0)
        );
        assert_eq!(sample.to_vec(), bytes);
        let mut part = [0; 5];
        let count = sample.read_at(3, &mut part);
        assert_eq!(part[..count], bytes[3.min(len)..8.min(len)]);
    }
    assert_eq!(publisher.published(), lens.len() as u64);
    publisher.publish_value(&7.5f64).expect("room");
    let mut late = topic.subscriber(&ranks[2], Policy::skip().history(1)).expect("a reader");
    for subscriber in [&mut one, &mut late] {
        let sample = subscriber.recv().expect("sound");
        assert_eq!((sample.value(), sample.number()), (Ok(7.5f64), lens.len() as u64));
        assert!(sample.value::<u32>().is_err());
    }
}

#[test]
fn who_comes_late_gets_as_many_of_the_last_as_it_wants() {
    let (region, ranks) = region(2);
    let topic = region.topic("log").expect("room");
    let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
    let first = |policy: Policy| {
        let mut subscriber = topic.subscriber(&ranks[1], policy).expect("a reader");
        subscriber.try_recv().expect("sound").map(|sample| sample.number())
    };
    assert_eq!(first(Policy::every().history(5)), None);
    (0..3).for_each(|number| publish(&mut publisher, number, 8));
    for policy in [Policy::every(), Policy::skip()] {
        let found = [0, 1, 3, 9].map(|history| first(policy.history(history)));
        assert_eq!(found, [None, Some(2), Some(0), Some(0)]);
    }
    (3..3000).for_each(|number| publish(&mut publisher, number, 8));
    let oldest = first(Policy::every().history(u64::MAX)).expect("many");
    assert!((3000 - CELLS..=3000 - CELLS / 2).contains(&oldest), "{oldest}: as many as there are");
    // Longer ones keep fewer.
    (3000..3100).for_each(|number| publish(&mut publisher, number, BYTES / 4));
    let oldest = first(Policy::skip().history(50)).expect("some");
    assert!((3096..3099).contains(&oldest), "{oldest}");
}

#[test]
fn a_slow_reader_misses_messages_and_knows_how_many() {
    for len in [8, 600] {
        let (region, ranks) = region(2);
        let topic = region.topic("frames").expect("room");
        let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
        let mut subscriber = topic.subscriber(&ranks[1], Policy::skip()).expect("a reader");
        let (mut expected, mut sum) = (0, 0);
        for round in 1..=20 {
            (0..150 * round).for_each(|number| publish(&mut publisher, expected + number, len));
            expected += 150 * round;
            let mut last = None;
            while subscriber.is_ready() {
                let (number, missed, word) = next(&mut subscriber);
                assert_eq!((word, last.is_none_or(|last| last + 1 == number)), (number, true));
                assert!(last.is_none() || missed == 0, "in a row");
                sum += missed + 1;
                last = Some(number);
            }
            assert_eq!((last, sum), (Some(expected - 1), expected), "nothing is missed unseen");
        }
        assert_eq!(subscriber.position(), expected);
    }
}

#[test]
fn a_publisher_waits_for_a_reader_that_wants_every_message() {
    for len in [8, 600] {
        let (region, ranks) = region(2);
        let topic = region.topic("orders").expect("room");
        let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
        let mut subscriber = topic.subscriber(&ranks[1], Policy::every()).expect("a reader");
        let mut count = 0;
        while publisher.publish_within(&message(count, len), Deadline::Now).is_ok() {
            count += 1;
        }
        assert!(count >= CELLS / 2 || len > 48 && count > 80, "{count}");
        let behind = Err(PublishError::Behind { rank: 1 });
        assert_eq!(publisher.publish_within(&message(count, len), Duration::from_millis(5)), behind);
        for round in 0..3 * CELLS {
            assert_eq!(next(&mut subscriber), (round, 0, round));
            while publisher.publish_within(&message(count, len), Deadline::Now).is_ok() {
                count += 1;
            }
        }
        assert!(count > 3 * CELLS);
        // Not for one that has ended.
        drop(subscriber);
        (0..3 * CELLS).for_each(|number| publish(&mut publisher, number, len));
    }
}

#[test]
fn a_publisher_waits_for_no_dead_reader() {
    let (region, mut ranks) = region(3);
    let (other, dead) = (ranks.pop().expect("three"), ranks.pop().expect("three"));
    let topic = region.topic("orders").expect("room");
    let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
    std::mem::forget(topic.subscriber(&dead, Policy::every()).expect("a reader"));
    let mut skips = topic.subscriber(&other, Policy::skip()).expect("a reader");
    publish(&mut publisher, 0, BYTES / 2);
    std::mem::forget(skips.try_recv().expect("sound").expect("one in hand"));
    std::mem::forget(skips);
    // As if their processes were killed.
    dead.abandon();
    other.abandon();
    (0..3 * CELLS).for_each(|number| publish(&mut publisher, number, 8));
    (0..10).for_each(|number| publish(&mut publisher, number, BYTES / 2));
    // Their successors read what they want.
    let successor = region.join(1).expect("free");
    let mut subscriber = topic.subscriber(&successor, Policy::every()).expect("a reader");
    publish(&mut publisher, 77, 100);
    assert_eq!(next(&mut subscriber).2, 77);
}

#[test]
fn nobody_waits_for_itself() {
    let (region, ranks) = region(1);
    let topic = region.topic("self").expect("room");
    let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
    let mut subscriber = topic.subscriber(&ranks[0], Policy::every()).expect("a reader");
    let result = (0..2 * CELLS).try_for_each(|number| publisher.publish_value(&number));
    assert_eq!(result, Err(PublishError::Behind { rank: 0 }));
    assert_eq!(next(&mut subscriber), (0, 0, 0));
    assert_eq!(
        topic.subscriber(&ranks[0], Policy::skip()).err(),
        Some(SubscriberError::Subscribed { rank: 0 })
    );
    drop(subscriber);
    topic.subscriber(&ranks[0], Policy::skip()).expect("once at a time");
}

#[test]
fn what_is_read_in_place_stays() {
    let (region, ranks) = region(3);
    let topic = region.topic("frames").expect("room");
    let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
    let mut subscriber = topic.subscriber(&ranks[1], Policy::skip()).expect("a reader");
    for round in 0..50 {
        (0..round % 7).for_each(|number| publish(&mut publisher, number, 500));
        publish(&mut publisher, 1000 + round, 9000);
        (0..round % 7).for_each(|number| assert_eq!(next(&mut subscriber).2, number));
        let held = subscriber.try_recv().expect("sound").expect("one");
        // The publisher goes around it many times.
        (0..200).for_each(|number| publish(&mut publisher, number, 3000));
        assert!(held.to_vec() == message(1000 + round, 9000), "round {round}");
        drop(held);
        assert!(next(&mut subscriber).1 > 100);
        while subscriber.is_ready() {
            next(&mut subscriber);
        }
    }
    // Two that hold leave no room for one that long.
    let mut other = topic.subscriber(&ranks[2], Policy::skip()).expect("a reader");
    publish(&mut publisher, 1, BYTES / 4);
    let one = subscriber.recv().expect("sound");
    publish(&mut publisher, 2, BYTES / 4);
    other.try_recv().expect("sound");
    let two = other.recv().expect("sound");
    let result =
        (0..4).try_for_each(|_| publisher.publish_within(&message(3, BYTES / 2), Duration::from_millis(5)));
    assert!(matches!(result, Err(PublishError::Behind { rank: 1 | 2 })), "{result:?}");
    assert!(one.to_vec() == message(1, BYTES / 4) && two.to_vec() == message(2, BYTES / 4));
    drop((one, two));
    publish(&mut publisher, 4, BYTES / 2);
}

#[test]
fn a_message_is_written_in_place() {
    let (region, ranks) = region(2);
    let topic = region.topic("frames").expect("room");
    let mut publisher = topic.publisher(&ranks[0]).expect("nobody else does");
    let mut subscriber = topic.subscriber(&ranks[1], Policy::every()).expect("a reader");
    let _ = publisher.draft(100).expect("room");
    let mut draft = publisher.draft(100).expect("room");
    draft.write_at(3, b"abc");
    assert_eq!((draft.write(b"xyz").expect("memory"), draft.written(), draft.len()), (3, 3, 100));
    assert_eq!(draft.write(&[1; 200]).expect("memory"), 97);
    assert_eq!(draft.write(b"x").expect("memory"), 0);
    draft.publish(5);
    assert_eq!(subscriber.recv().expect("sound").to_vec(), b"xyz\x01\x01");
    publisher.draft(0).expect("room").publish(0);
    assert!(subscriber.recv().expect("sound").is_empty());
    let misfit = |len| PublishError::Misfit { len, capacity: BYTES / 2 };
    assert_eq!(publisher.draft(BYTES / 2 + 1).err(), Some(misfit(BYTES / 2 + 1)));
    assert_eq!(publisher.publish(&[0; BYTES]), Err(misfit(BYTES)));
    let none = Region::create_unnamed(Config::ranks(1).topics(1).stream(0)).expect("a region");
    let me = none.join(0).expect("free");
    let mut publisher = none.topic("x").expect("room").publisher(&me).expect("nobody else does");
    publisher.publish(&[0; 48]).expect("room");
    assert_eq!(publisher.publish(&[0; 49]), Err(PublishError::Misfit { len: 49, capacity: 48 }));
}

#[test]
fn a_successor_goes_on() {
    let (region, ranks) = region(3);
    let [mut last, one, two] = ranks.try_into().expect("three");
    let topic = region.topic("log").expect("room");
    let mut subscriber = topic.subscriber(&one, Policy::every()).expect("a reader");
    let mut skips = topic.subscriber(&two, Policy::skip()).expect("a reader");
    let mut next_number = 0;
    for life in 0..8 {
        let mut publisher = topic.publisher(&last).expect("the former is dead");
        assert_eq!(publisher.published(), next_number);
        assert_eq!(topic.publisher(&last).err(), Some(PublisherError::Taken { rank: 0 }));
        for _ in 0..100 * life + 1 {
            publish(&mut publisher, next_number, if next_number % 3 == 0 { 400 } else { 20 });
            assert_eq!(next(&mut subscriber), (next_number, 0, next_number));
            next_number += 1;
        }
        // It dies while it writes, and a reader holds a message.
        let mut draft = publisher.draft(5000).expect("room");
        draft.write_at(0, &[255; 5000]);
        std::mem::forget(publisher);
        last.abandon();
        last = region.join(0).expect("free");
        while skips.is_ready() {
            next(&mut skips);
        }
        let mut publisher = topic.publisher(&last).expect("the former is dead");
        publish(&mut publisher, next_number, 3000);
        drop(publisher);
        assert_eq!(next(&mut subscriber).2, next_number);
        let held = skips.try_recv().expect("sound").expect("one");
        let mut publisher = topic.publisher(&last).expect("the former has ended");
        for number in 1..100 {
            publish(&mut publisher, next_number + number, 3000);
            assert_eq!(next(&mut subscriber).2, next_number + number);
        }
        assert!(held.to_vec() == message(next_number, 3000));
        next_number += 100;
    }
}

#[test]
fn a_topic_is_of_one_kind() {
    let (region, ranks) = region(2);
    let (values, streams) = (region.topic("values").expect("room"), region.topic("streams").expect("room"));
    let mut early = values.subscriber(&ranks[1], Policy::skip()).expect("nobody has said what it is");
    values.publish_latest(&ranks[0], 8).expect("nobody else does");
    streams.publisher(&ranks[0]).expect("nobody else does");
    let (is_value, is_stream) =
        (PublisherError::OtherKind { is_stream: false }, PublisherError::OtherKind { is_stream: true });
    assert_eq!(values.publisher(&ranks[0]).err(), Some(is_value));
    let error = values.subscriber(&ranks[0], Policy::every()).err();
    assert_eq!(error, Some(SubscriberError::OtherKind { is_stream: false }));
    let error = early.recv_within(Duration::from_millis(5)).err();
    assert_eq!(error, Some(ReadError::OtherKind { is_stream: false }));
    assert_eq!(streams.publish_latest(&ranks[0], 8).err(), Some(is_stream));
    assert_eq!(streams.latest(&ranks[0]).err(), Some(SubscriberError::OtherKind { is_stream: true }));
}

#[test]
fn readers_that_come_and_go_disturb_nobody() {
    const MESSAGES: u64 = 30_000;
    let (region, ranks) = region(6);
    let mut ranks = ranks.into_iter();
    let me = ranks.next().expect("the first");
    let topic = &region.topic("busy").expect("room");
    let (is_over, begun, seen) = (&AtomicBool::new(false), &Barrier::new(3), &AtomicU64::new(0));
    thread::scope(|scope| {
        for (rank, me) in (1..).zip(ranks) {
            scope.spawn(move || {
                let len = |number: u64| [8, 40, 100, 700][(number % 4) as usize];
                if rank <= 2 {
                    let mut subscriber = topic.subscriber(&me, Policy::every()).expect("a reader");
                    begun.wait();
                    for number in 0..MESSAGES {
                        let sample = subscriber.recv_within(GUARD).expect("sound").expect("one");
                        assert_eq!((sample.number(), sample.missed()), (number, 0));
                        assert!(sample.to_vec() == message(number, len(number)));
                    }
                    is_over.store(true, Ordering::Relaxed);
                    return;
                }
                while !is_over.load(Ordering::Relaxed) {
                    let policy = if rank == 3 { Policy::every() } else { Policy::skip() };
                    let mut subscriber = topic.subscriber(&me, policy.history(300)).expect("a reader");
                    let mut expected = subscriber.position();
                    for _ in 0..2000 {
                        let Some(sample) = subscriber.recv_within(Duration::from_millis(20)).expect("sound")
                        else {
                            break;
                        };
                        expected += sample.missed();
                        assert!(rank != 3 || sample.missed() == 0);
                        assert!(sample.to_vec() == message(expected, len(expected)), "{expected}");
                        assert_eq!(sample.number(), expected);
                        expected += 1;
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let mut publisher = topic.publisher(&me).expect("nobody else does");
        begun.wait();
        for number in 0..MESSAGES {
            publish(&mut publisher, number, [8, 40, 100, 700][(number % 4) as usize]);
        }
    });
    assert!(seen.load(Ordering::Relaxed) > 0);
}
