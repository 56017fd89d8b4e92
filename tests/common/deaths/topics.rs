//! The publisher of a topic ends.

use super::*;
use mailbox::{LatestPublisher, Policy, Publisher, Sample, Subscriber};
use std::ops::RangeInclusive;

/// So many words long, so that it could be torn.
const WORDS: usize = 30;
const BEFORE: u64 = 6;

fn value(number: u64) -> [u64; WORDS] {
    [number; WORDS]
}

fn publish(me: &Endpoint, numbers: RangeInclusive<u64>) -> LatestPublisher<'_> {
    let topic = me.region().topic("value").expect("room");
    let mut publisher = topic.publish_latest(me, 8 * WORDS).expect("nobody else does");
    numbers.for_each(|number| publisher.publish_value(&value(number)).expect("it fits"));
    publisher
}

/// Rank 1 ends while it becomes the publisher of a topic and publishes a value, after a former life has published some.
pub fn publishes(doom: &dyn Doom) -> bool {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2).cells(8));
    let me = join(&region, 0);
    let former = join(&region, 1);
    drop(publish(&former, 1..=BEFORE));
    drop(former);
    let victim = doomed(|| {
        let me = join(&region, 1);
        doom.begin();
        let publisher = publish(&me, BEFORE + 1..=BEFORE + 1);
        doom.end();
        std::mem::forget(publisher);
        std::mem::forget(me);
    });
    let is_complete = doom.follow(victim);
    let topic = region.topic("value").expect("it is there");
    let mut latest = topic.latest(&me).expect("a reader");
    let found: [u64; WORDS] = latest.value().expect("whole").expect("one was published");
    let newest = latest.number();
    assert!(newest == BEFORE + 1 || newest == BEFORE && !is_complete, "{newest}");
    assert_eq!(found, value(newest), "torn");
    // The next one goes on.
    assert_eq!(topic.published_by(), None);
    drop(publish(&join(&region, 1), newest + 1..=newest + 5));
    assert_eq!((latest.value(), latest.number()), (Ok(Some(value(newest + 5))), newest + 5));
    is_complete
}

/// How many bytes message `number` of a stream has: it lies in its cell, or not.
fn len(number: u64) -> usize {
    if number.is_multiple_of(2) { 16 } else { 1500 }
}

fn message(number: u64) -> Vec<u8> {
    number.to_ne_bytes().repeat(len(number).div_ceil(8))[..len(number)].to_vec()
}

/// A region in which a stream keeps two longer messages.
fn region_of_streams(scratch: &Scratch) -> Region {
    scratch.create(Config::ranks(2).cells(8).stream(4096))
}

fn publish_next(publisher: &mut Publisher<'_>) {
    publisher.publish_within(&message(publisher.published()), BOUND).expect("room");
}

/// The next message, which is whole.
fn check_next<'s, 'a>(subscriber: &'s mut Subscriber<'a>) -> Sample<'s, 'a> {
    let sample = subscriber.recv_within(BOUND).expect("sound").expect("one");
    assert!(sample.to_vec() == message(sample.number()), "{}", sample.number());
    sample
}

/// Rank 1 ends while it becomes the publisher of a stream and publishes some messages, after a former life has published some. One
/// reader gets every message.
pub fn publishes_a_stream(doom: &dyn Doom) -> bool {
    let scratch = Scratch::new();
    let region = region_of_streams(&scratch);
    let me = join(&region, 0);
    let topic = region.topic("stream").expect("room");
    let mut subscriber = topic.subscriber(&me, Policy::every()).expect("a reader");
    let former = join(&region, 1);
    let mut publisher = topic.publisher(&former).expect("nobody else does");
    for _ in 0..BEFORE {
        publish_next(&mut publisher);
        check_next(&mut subscriber);
    }
    drop(publisher);
    drop(former);
    let victim = doomed(|| {
        let me = join(&region, 1);
        doom.begin();
        let mut publisher = topic.publisher(&me).expect("nobody else does");
        (0..3).for_each(|_| publish_next(&mut publisher));
        doom.end();
        std::mem::forget(publisher);
        std::mem::forget(me);
    });
    let is_complete = doom.follow(victim);
    let mut next = BEFORE;
    while let Some(sample) = subscriber.try_recv().expect("sound") {
        assert_eq!((sample.number(), sample.missed()), (next, 0));
        assert!(sample.to_vec() == message(next), "{next}");
        next += 1;
    }
    assert!(next == BEFORE + 3 || next < BEFORE + 3 && !is_complete, "{next}");
    // The next one goes on.
    let successor = join(&region, 1);
    let mut publisher = topic.publisher(&successor).expect("nobody else does");
    assert_eq!(publisher.published(), next);
    for number in next..next + 9 {
        publish_next(&mut publisher);
        let sample = check_next(&mut subscriber);
        assert_eq!((sample.number(), sample.missed()), (number, 0));
    }
    is_complete
}

/// Rank 1 ends while it begins to read a stream, and reads messages in place. The publisher goes on.
fn reads_a_stream(doom: &dyn Doom, policy: Policy) -> bool {
    let scratch = Scratch::new();
    let region = region_of_streams(&scratch);
    let me = join(&region, 0);
    let topic = region.topic("stream").expect("room");
    let mut publisher = topic.publisher(&me).expect("nobody else does");
    (0..BEFORE).for_each(|_| publish_next(&mut publisher));
    let victim = doomed(|| {
        let me = join(&region, 1);
        doom.begin();
        let mut subscriber = topic.subscriber(&me, policy.history(2)).expect("a reader");
        drop(check_next(&mut subscriber));
        let held = check_next(&mut subscriber);
        doom.end();
        std::mem::forget(held);
        std::mem::forget(subscriber);
        std::mem::forget(me);
    });
    let is_complete = doom.follow(victim);
    (0..9).for_each(|_| publish_next(&mut publisher));
    // Its successor reads, too.
    let successor = join(&region, 1);
    let mut subscriber = topic.subscriber(&successor, policy.history(1)).expect("a reader");
    assert_eq!(check_next(&mut subscriber).number(), BEFORE + 8);
    publish_next(&mut publisher);
    assert_eq!(check_next(&mut subscriber).number(), BEFORE + 9);
    is_complete
}

/// Rank 1 ends while it reads a stream, and the publisher waits for it.
pub fn reads_every_message(doom: &dyn Doom) -> bool {
    reads_a_stream(doom, Policy::every())
}

/// Rank 1 ends while it reads a stream, and the publisher does not wait for it.
pub fn reads_what_is_there(doom: &dyn Doom) -> bool {
    reads_a_stream(doom, Policy::skip())
}
