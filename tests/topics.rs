//! Topics: their latest values, and who publishes them.
#![cfg(not(loom))]

use mailbox::{
    Config, Deadline, Endpoint, FindTopicError, Policy, PublishError, PublisherError, ReadError, Region,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Nothing takes that long.
const GUARD: Duration = Duration::from_secs(30);

fn region(ranks: u32) -> (Region, Vec<Endpoint>) {
    let region = Region::create_unnamed(Config::ranks(ranks).topics(3).value(4096)).expect("a region");
    let ranks = (0..ranks).map(|rank| region.join(rank).expect("free")).collect();
    (region, ranks)
}

#[test]
fn the_newest_value_is_read_at_any_time() {
    let (region, ranks) = region(3);
    let topic = region.topic("price").expect("room");
    let mut early = topic.latest(&ranks[1]).expect("a reader");
    assert_eq!((early.value::<u64>(), early.number()), (Ok(None), 0), "nobody has published");
    let mut publisher = topic.publish_latest(&ranks[0], 100).expect("nobody else does");
    assert_eq!(publisher.capacity(), 128);
    assert_eq!(early.bytes(), Ok(None));
    for turn in 1..=9u64 {
        publisher.publish_value(&turn).expect("it fits");
        assert_eq!((early.has_changed(), early.value()), (Ok(true), Ok(Some(turn))));
        assert_eq!((early.has_changed(), early.number(), early.value()), (Ok(false), turn, Ok(Some(turn))));
    }
    publisher.publish(b"").expect("it fits");
    let mut late = region.topic("price").expect("it is there").latest(&ranks[2]).expect("a reader");
    assert_eq!((late.value(), late.number()), (Ok(Some([0u8; 0])), 10));
    publisher.publish(&[7; 128]).expect("it fits");
    let mut some = [0; 5];
    assert_eq!((late.read_into(&mut some), some), (Ok(Some(128)), [7; 5]), "as much as there is room for");
    assert_eq!(late.value::<u64>(), Err(ReadError::Misfit { len: 128, capacity: 8 }));
    assert_eq!(publisher.publish(&[0; 129]), Err(PublishError::Misfit { len: 129, capacity: 128 }));
    assert_eq!(late.bytes(), Ok(Some(&[7; 128][..])), "it stays");
}

#[test]
fn one_publishes_at_a_time_and_its_successor_goes_on() {
    let (region, mut ranks) = region(3);
    let other = ranks.remove(1);
    let topic = region.topic("price").expect("room");
    let mut latest = topic.latest(&ranks[1]).expect("a reader");
    let mut publisher = topic.publish_latest(&other, 8).expect("nobody else does");
    publisher.publish_value(&1u64).expect("it fits");
    let taken = Some(PublisherError::Taken { rank: 1 });
    assert_eq!(topic.publish_latest(&ranks[0], 8).err(), taken);
    assert_eq!(topic.publish_latest(&other, 8).err(), taken, "also by itself");
    assert_eq!(topic.published_by(), Some(1));
    // As if its process was killed.
    std::mem::forget(publisher);
    other.abandon();
    assert_eq!((topic.published_by(), latest.value()), (None, Ok(Some(1u64))));
    assert_eq!(topic.died_publishing(), Some(1));
    let successor = region.join(1).expect("free");
    assert_eq!(topic.published_by(), None, "it is another life");
    let mut publisher = topic.publish_latest(&ranks[0], 64).expect("nobody else does");
    publisher.publish_value(&2u64).expect("it fits");
    assert_eq!((latest.value(), latest.number()), (Ok(Some(2u64)), 2));
    drop(publisher);
    assert_eq!((topic.published_by(), latest.value()), (None, Ok(Some(2u64))));
    let misfit = PublisherError::Misfit { len: 65, capacity: 64 };
    assert_eq!(topic.publish_latest(&successor, 65).err(), Some(misfit), "the first has decided");
}

#[test]
fn names_are_checked_listed_and_bounded() {
    let (region, ranks) = region(1);
    let long = "x".repeat(64);
    for name in ["", "a\0b", &format!("{long}x")] {
        assert_eq!(region.topic(name).err(), Some(FindTopicError::BadName { len: name.len() }), "{name:?}");
    }
    let names = [&long, "größe", "x"];
    for name in names.iter().chain(&names) {
        assert_eq!(region.topic(name).expect("room").name(), *name);
    }
    assert_eq!(region.topics().expect("memory"), names);
    assert_eq!(region.topic("y").err(), Some(FindTopicError::TooMany { topics: 3 }));
    // Also when nobody publishes, reads or keeps any of them.
    for name in names {
        let topic = region.topic(name).expect("it is there");
        drop((topic.publisher(&ranks[0]).expect("nobody does"), topic.subscriber(&ranks[0], Policy::skip())));
    }
    assert_eq!(region.topic("y").err(), Some(FindTopicError::TooMany { topics: 3 }));
    assert_eq!(region.topics().expect("memory"), names);
    let topic = region.topic("x").expect("it is there");
    let misfit = PublisherError::Misfit { len: 4097, capacity: 4096 };
    assert_eq!(topic.publish_latest(&ranks[0], 4097).err(), Some(misfit));
    let none = Region::create_unnamed(Config::ranks(1).topics(0)).expect("a region");
    assert_eq!(none.topic("x").err(), Some(FindTopicError::TooMany { topics: 0 }));
    assert_eq!(none.topics(), Ok(vec![]));
}

#[test]
fn who_waits_is_woken_by_the_next_value() {
    let (region, ranks) = region(3);
    let [publisher, one, two] = ranks.try_into().expect("three");
    let topic = region.topic("tick").expect("room");
    let mut idle = topic.latest(&publisher).expect("a reader");
    assert_eq!(idle.wait(Deadline::Now), Ok(false));
    assert_eq!(idle.wait(Duration::from_millis(5)), Ok(false));
    thread::scope(|scope| {
        for me in [one, two] {
            let topic = topic.clone();
            scope.spawn(move || {
                let mut latest = topic.latest(&me).expect("a reader");
                let mut last = 0;
                while last < 50 {
                    assert_eq!(latest.wait(GUARD), Ok(true));
                    let value = latest.value::<u64>().expect("whole").expect("one");
                    assert!(value > last);
                    last = value;
                }
            });
        }
        let mut publisher = topic.publish_latest(&publisher, 8).expect("nobody else does");
        for turn in 1..=50u64 {
            // Sometimes they sleep, and sometimes not.
            thread::sleep(Duration::from_micros(turn % 5 * 100));
            publisher.publish_value(&turn).expect("it fits");
        }
    });
}

#[test]
fn no_value_is_torn() {
    let (region, ranks) = region(4);
    let mut ranks = ranks.into_iter();
    let publisher = ranks.next().expect("the first");
    let topic = region.topic("block").expect("room");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for me in ranks {
            let (topic, is_over) = (topic.clone(), &is_over);
            scope.spawn(move || {
                let mut latest = topic.latest(&me).expect("a reader");
                let (mut words, mut last, mut read) = ([0u64; 512], 0, 0);
                while !is_over.load(Ordering::Relaxed) {
                    match latest.read_into(bytemuck::bytes_of_mut(&mut words)) {
                        Ok(Some(len)) => {
                            let number = latest.number();
                            assert!(number >= last && len == 8 * (number % 512) as usize);
                            assert!(words[..len / 8].iter().all(|word| *word == number), "torn: {number}");
                            (last, read) = (number, read + 1);
                        }
                        Ok(None) | Err(ReadError::Busy) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                assert!(read > 0);
            });
        }
        let mut publisher = topic.publish_latest(&publisher, 4096).expect("nobody else does");
        for turn in 1..=20_000u64 {
            let words = vec![turn; (turn % 512) as usize];
            publisher.publish(bytemuck::cast_slice(&words)).expect("it fits");
        }
        thread::sleep(Duration::from_millis(20));
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn no_publisher_that_hands_over_is_taken_for_dead() {
    let region = Region::create_unnamed(Config::ranks(3).topics(1)).expect("a region");
    // The ranks have different epochs.
    drop(region.join(1));
    let ranks = [1, 2].map(|rank| region.join(rank).expect("free"));
    let topic = region.topic("price").expect("room");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(topic.died_publishing(), None);
            }
        });
        let topic = topic.clone();
        scope.spawn(|| {
            let (ranks, topic) = (ranks, topic);
            for _ in 0..5000 {
                ranks.iter().for_each(|rank| drop(topic.publisher(rank).expect("nobody else does")));
            }
            is_over.store(true, Ordering::Relaxed);
        });
    });
}
