//! The memory of a shard, whatever processes put there.

#[path = "samples/counted.rs"]
mod counted;

use counted::most_memory;
use mailbox::{Config, Region};
use mailbox_patterns::tuple::{Limits, Shard, Space, Tuple, TupleError, any};
use std::thread;

const BYTES: usize = 512 << 10;

/// The most memory of a shard that has room for so many bytes, while another process does this.
fn most(work: impl FnOnce(&Space<'_>) + Send) -> usize {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    thread::scope(|scope| {
        scope.spawn(|| {
            let me = region.join(1).expect("free");
            work(&Space::begin(&me, 0..1).expect("shards"));
        });
        let shard = scope.spawn(|| {
            let me = region.join(0).expect("free");
            let limits = Limits { tuples: usize::MAX, bytes: BYTES, leases: 1 };
            let mut shard = Shard::begin(&me, 0..1, limits).expect("one of the shards");
            let (served, most) = most_memory(|| shard.serve_until_alone());
            served.expect("it works");
            most
        });
        shard.join().expect("no panic")
    })
}

/// The most memory of a shard that is filled with such tuples, by their numbers.
fn most_of(tuple: impl Fn(i64) -> Tuple + Send) -> usize {
    most(move |space| {
        let full = (0..).find_map(|number| space.out(tuple(number)).err());
        assert_eq!(full, Some(TupleError::Full { rank: 0 }));
    })
}

#[test]
fn a_shard_takes_about_as_much_memory_as_it_may() {
    for (name, most) in [
        ("a key for each", most_of(|number| (number,).into())),
        ("a key for two", most_of(|number| (number / 2, number).into())),
        ("a key for five", most_of(|number| (number / 5, number).into())),
        ("long keys", most_of(|number| (format!("{number:2000}"),).into())),
        ("one key", most_of(|number| (7, number).into())),
        ("long values", most_of(|number| (7, number, vec![7_u8; 2000]).into())),
    ] {
        assert!(most <= 2 * BYTES + (128 << 10), "{name}: {most} bytes");
    }
}

#[test]
fn the_memory_of_what_was_taken_is_given_back() {
    const TUPLES: i64 = 2000;
    let most = most(|space| {
        for key in 0..20 {
            (0..TUPLES).for_each(|number| space.out((key, number)).expect("room"));
            (1..TUPLES).for_each(|_| _ = space.take((key, any::<i64>())).expect("there"));
        }
    });
    assert!(most <= 2 * BYTES, "{most} bytes");
}
