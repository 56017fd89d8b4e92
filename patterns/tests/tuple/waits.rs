//! Waiting for a tuple.

use super::*;

#[test]
fn one_that_waits_gets_the_tuple_that_comes() {
    let region = region(4);
    with_shards(&region, 1, || {
        let me = join(&region, 1);
        let space = Space::begin(&me, 0..1).expect("shards");
        thread::scope(|scope| {
            let waits = |rank: u32, take: bool| {
                let region = &region;
                scope.spawn(move || {
                    let me = join(region, rank);
                    let space = Space::begin(&me, 0..1).expect("shards");
                    let template = ("late", any::<i64>());
                    number(if take { space.take(template) } else { space.rd(template) }.expect("it comes"))
                })
            };
            let (reader, taker) = (waits(2, false), waits(3, true));
            thread::sleep(SHORT);
            space.out(("other", 1)).expect("room");
            space.out(("late", 1)).expect("room");
            assert_eq!(taker.join().expect("no panic"), 1);
            // If the reader came last, it still waits.
            space.out(("late", 2)).expect("room");
            assert!((1..=2).contains(&reader.join().expect("no panic")));
            assert_eq!(space.try_take(("late", any::<i64>())), Ok(Some(("late", 2).into())));
        });
    });
}

#[test]
fn what_comes_after_the_end_of_a_wait_is_for_others() {
    let region = region(4);
    with_shards(&region, 2, || {
        let ends = [2, 3].map(|rank| join(&region, rank));
        let [space, others] = ends.each_ref().map(|me| Space::begin(me, 0..2).expect("shards"));
        for round in 0..20 {
            let any_key = (any::<String>(), any::<i64>());
            assert_eq!(space.take_within(("n", any::<i64>()), SHORT / 10), Err(TupleError::Timeout));
            others.out(("n", round)).expect("room");
            // The one that waited does nothing.
            assert_eq!(others.take_within(("n", any::<i64>()), GUARD), Ok(("n", round).into()));
            assert_eq!(
                space.lease_within(any_key.clone(), GUARD, SHORT / 10).map(drop),
                Err(TupleError::Timeout)
            );
            others.out(("n", round)).expect("room");
            assert_eq!(others.take_within(any_key, GUARD), Ok(("n", round).into()));
        }
    });
}

#[test]
fn a_wait_that_ends_takes_nothing() {
    let region = region(3);
    with_shards(&region, 2, || {
        let me = join(&region, 2);
        let space = Space::begin(&me, 0..2).expect("shards");
        for round in 0..50 {
            assert_eq!(
                space.take_within(("n", any::<i64>()), Duration::from_micros(50)),
                Err(TupleError::Timeout)
            );
            assert_eq!(
                space.take_within((any::<String>(), any::<i64>()), SHORT / 20),
                Err(TupleError::Timeout)
            );
            space.out(("n", round)).expect("room");
            assert_eq!(space.try_take(("n", any::<i64>())), Ok(Some(("n", round).into())));
        }
        assert_eq!(space.rd_within(("n", 1), SHORT), Err(TupleError::Timeout));
        assert_eq!(space.lease_within(("n", 1), GUARD, SHORT).map(drop), Err(TupleError::Timeout));
        assert_eq!(space.take_within(("n", 1), mailbox::Deadline::Now), Err(TupleError::Timeout));
    });
}

/// Waits that end at the moment when their tuple comes: none is lost, and none is taken twice.
fn race(shards: u32, key: impl Fn(i64) -> String + Sync, any_key: bool) {
    const TUPLES: i64 = 2000;
    const TAKERS: u32 = 2;
    let region = region(shards + TAKERS + 1);
    let left = AtomicU32::new(TUPLES as u32);
    with_shards(&region, shards, || {
        let me = join(&region, shards);
        let space = Space::begin(&me, 0..shards).expect("shards");
        let (left, region) = (&left, &region);
        let all = thread::scope(|scope| {
            let takers: Vec<_> = (1..=TAKERS)
                .map(|taker| {
                    scope.spawn(move || {
                        let me = join(region, shards + taker);
                        let space = Space::begin(&me, 0..shards).expect("shards");
                        let (mut taken, mut micros, mut in_vain) = (vec![], 1, 0);
                        let begin = Instant::now();
                        while left.load(Relaxed) > 0 && begin.elapsed() < GUARD {
                            micros = micros * 7 % 97;
                            // On a machine that is busy, longer.
                            let wait = Duration::from_micros(micros) * (1 << (in_vain / 4).min(10));
                            let key = if any_key { any::<String>() } else { "0".into() };
                            match space.take_within((key, any::<i64>()), wait) {
                                Ok(tuple) => {
                                    in_vain = 0;
                                    left.fetch_sub(1, Relaxed);
                                    taken.push(number(tuple));
                                }
                                Err(TupleError::Timeout) => in_vain += 1,
                                Err(error) => panic!("{error}"),
                            }
                        }
                        taken
                    })
                })
                .collect();
            (0..TUPLES).for_each(|number| space.out((key(number), number)).expect("room"));
            takers.into_iter().flat_map(|taker| taker.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert_eq!(all.len() as i64, TUPLES);
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len() as i64, TUPLES);
        assert_eq!(space.try_rd((any::<String>(), any::<i64>())), Ok(None));
    });
}

#[test]
fn waits_that_end_when_their_tuple_comes_lose_none() {
    race(1, |_| "0".into(), false);
}

#[test]
fn so_do_waits_for_any_key() {
    race(3, |number| (number % 10).to_string(), true);
}

#[test]
fn a_wait_for_any_key_ends_when_any_shard_has_one() {
    let region = region(6);
    with_shards(&region, 4, || {
        let me = join(&region, 4);
        let space = Space::begin(&me, 0..4).expect("shards");
        thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let me = join(&region, 5);
                let space = Space::begin(&me, 0..4).expect("shards");
                (0..40)
                    .map(|_| {
                        space
                            .take((any::<i64>(), "x"))
                            .expect("it comes")
                            .read::<(i64, String)>()
                            .expect("both")
                            .0
                    })
                    .collect::<Vec<_>>()
            });
            for key in 0..40 {
                space.out((key, "x")).expect("room");
                thread::sleep(Duration::from_micros(200 * (key as u64 % 3)));
            }
            let mut taken = taker.join().expect("no panic");
            taken.sort_unstable();
            assert_eq!(taken, (0..40).collect::<Vec<_>>());
        });
    });
}
