//! Tuple spaces in one process: what each operation does.

use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::tuple::{Evaluator, Limits, Shard, Space, Tuple, TupleError, Type, any};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
/// For what is not there.
const SHORT: Duration = Duration::from_millis(20);

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks)).expect("memory")
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// So many shards, from rank 0 on, which serve as long as `work` uses them from other ranks.
fn with_shards(region: &Region, shards: u32, work: impl FnOnce()) {
    with(region, shards, |shard| shard, Limits::default(), work);
}

fn with(
    region: &Region,
    shards: u32,
    declare: impl for<'a> Fn(Shard<'a>) -> Shard<'a> + Sync,
    limits: Limits,
    work: impl FnOnce(),
) {
    thread::scope(|scope| {
        for rank in 0..shards {
            let declare = &declare;
            scope.spawn(move || {
                let me = join(region, rank);
                let shard = Shard::begin(&me, 0..shards, limits).expect("one of the shards");
                declare(shard).serve_until_alone().expect("it works");
            });
        }
        work();
    });
}

/// A space with one shard, and this process.
fn alone(work: impl FnOnce(&Space<'_>)) {
    let region = region(2);
    with_shards(&region, 1, || work(&Space::begin(&join(&region, 1), 0..1).expect("shards")));
}

fn number(tuple: Tuple) -> i64 {
    tuple.read::<(String, i64)>().expect("a name and a number").1
}

#[test]
fn tuples_are_put_read_and_taken_oldest_first() {
    alone(|space| {
        let template = ("n", any::<i64>());
        assert_eq!(space.try_rd(template.clone()), Ok(None));
        assert_eq!(space.try_take(template.clone()), Ok(None));
        for value in [3, 1, 2] {
            space.out(("n", value)).expect("room");
        }
        for value in [3, 1, 2] {
            assert_eq!(space.try_rd(template.clone()), Ok(Some(("n", value).into())));
            assert_eq!(space.rd(template.clone()), Ok(("n", value).into()));
            let taken = if value == 1 {
                space.take(template.clone()).map(Some)
            } else {
                space.try_take(template.clone())
            };
            assert_eq!(taken, Ok(Some(("n", value).into())));
        }
        assert_eq!(space.try_rd(template), Ok(None));
    });
}

#[test]
fn a_template_is_matched_by_type_value_and_number_of_fields() {
    alone(|space| {
        space.out(("k", 1, 2.5, true, vec![7_u8], "text", 9_u64)).expect("room");
        space.out(("k", 1)).expect("room");
        let no = |found: Result<Option<Tuple>, TupleError>| assert_eq!(found, Ok(None));
        no(space.try_rd(("k", any::<u64>())));
        no(space.try_rd(("k", 2)));
        no(space.try_rd(("k",)));
        no(space.try_rd(("k", any::<i64>(), any::<f64>())));
        no(space.try_rd((1, any::<i64>())));
        assert_eq!(space.try_rd((any::<String>(), 1)), Ok(Some(("k", 1).into())));
        let all = (
            any::<String>(),
            any::<i64>(),
            any::<f64>(),
            any::<bool>(),
            any::<Vec<u8>>(),
            any::<String>(),
            any::<u64>(),
        );
        let found = space.take(all).expect("there").read();
        assert_eq!(found, Ok(("k".to_string(), 1_i64, 2.5, true, vec![7_u8], "text".to_string(), 9_u64)));
    });
}

#[test]
fn a_wrong_number_of_fields_is_an_error() {
    alone(|space| {
        let most = TupleError::Fields { fields: 17, most: 16 };
        assert_eq!(space.out(vec![1.into(); 17]), Err(most.clone()));
        assert_eq!(space.rd(vec![any::<u64>(); 17]), Err(most));
        assert_eq!(
            space.take(Vec::<mailbox_patterns::tuple::Field>::new()),
            Err(TupleError::Fields { fields: 0, most: 16 })
        );
        space.out(("a", 1)).expect("room");
        let found = space.rd(("a", any::<i64>())).expect("there");
        assert_eq!(found.clone().read::<(String,)>(), Err(TupleError::Arity { wanted: 1, found: 2 }));
        assert_eq!(
            found.clone().read::<(String, i64, i64)>(),
            Err(TupleError::Arity { wanted: 3, found: 2 })
        );
        let wrong = TupleError::Type { field: 1, wanted: Type::Bool, found: Type::I64 };
        assert_eq!(found.read::<(String, bool)>(), Err(wrong));
    });
}

#[test]
fn a_shape_that_was_declared_is_kept() {
    let region = region(2);
    fn declared(shard: Shard<'_>) -> Shard<'_> {
        shard
            .declare("n", &[Type::Str, Type::I64])
            .declare("n", &[Type::Str, Type::I64, Type::F64])
            .declare(7, &[Type::I64])
    }
    with(&region, 1, declared, Limits::default(), || {
        let me = join(&region, 1);
        let space = Space::begin(&me, 0..1).expect("shards");
        space.out(("n", 1)).expect("this shape");
        space.out(("n", 1, 0.5)).expect("and this one");
        space.out(("m", true)).expect("any shape");
        let arity = Err(TupleError::Arity { wanted: 2, found: 4 });
        assert_eq!(space.out(("n", 1, 0.5, 1)), arity);
        assert_eq!(space.rd(("n", any::<i64>(), any::<f64>(), 1)).map(drop), arity);
        assert_eq!(space.try_take((7, 1)).map(drop), Err(TupleError::Arity { wanted: 1, found: 2 }));
        let kind = Err(TupleError::Type { field: 1, wanted: Type::I64, found: Type::U64 });
        assert_eq!(space.out(("n", 1_u64)), kind);
        assert_eq!(space.lease(("n", any::<u64>()), GUARD).map(drop), kind);
        let lent = space.lease(("n", 1), GUARD).expect("there");
        assert_eq!(lent.replace(("n", 1_u64)), kind);
        assert_eq!(space.take(("n", 1)).expect("it came back").returns(), 1);
        // What takes any key is not checked.
        assert_eq!(space.try_rd((any::<String>(), any::<u64>())), Ok(None));
    });
}

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
fn keys_are_spread_and_found() {
    let region = region(5);
    with_shards(&region, 4, || {
        let me = join(&region, 4);
        let space = Space::begin(&me, 0..4).expect("shards");
        (0..100).for_each(|key| space.out((key, key + 1)).expect("room"));
        (0..50).for_each(|key| assert_eq!(space.take((key, any::<i64>())), Ok((key, key + 1).into())));
        let mut rest = BTreeSet::new();
        while let Some(tuple) = space.try_take((any::<i64>(), any::<i64>())).expect("it answers") {
            rest.insert(tuple.read::<(i64, i64)>().expect("two numbers").0);
        }
        assert_eq!(rest, (50..100).collect());
    });
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

#[test]
fn what_is_lent_comes_back_unless_it_is_done() {
    alone(|space| {
        let template = ("t", any::<i64>());
        space.out(("t", 1)).expect("room");
        space.out(("t", 2)).expect("room");
        let lent = space.lease(template.clone(), GUARD).expect("there");
        assert_eq!((lent.tuple(), lent.tuple().returns()), (&("t", 1).into(), 0));
        assert_eq!(number(space.rd(template.clone()).expect("the other")), 2);
        drop(lent);
        // It has its old place, and says that it was lent.
        let back = space.rd(template.clone()).expect("there");
        assert_eq!((back.returns(), number(back)), (1, 1));

        let late = space.lease(template.clone(), Duration::ZERO).expect("there");
        let again = space.lease_within(("t", 1), GUARD, GUARD).expect("it came back");
        assert_eq!(again.tuple().returns(), 2);
        assert!(matches!(late.renew(GUARD), Err(TupleError::Expired { rank: 0, .. })));
        assert!(matches!(late.done(), Err(TupleError::Expired { rank: 0, .. })));
        assert_eq!(again.done(), Ok(()));

        let renewed = space.lease(template.clone(), GUARD).expect("there");
        renewed.renew(SHORT).expect("it lasts");
        let back = space.take_within(template.clone(), GUARD).expect("it came back");
        assert_eq!((back.returns(), number(back)), (1, 2));
        assert!(matches!(renewed.replace(("t", 3)), Err(TupleError::Expired { .. })));
        assert_eq!(space.try_take(template), Ok(None));
    });
}

#[test]
fn a_dead_process_has_nothing_under_lease() {
    let region = region(3);
    with_shards(&region, 1, || {
        let me = join(&region, 1);
        let space = Space::begin(&me, 0..1).expect("shards");
        space.out(("t", 1)).expect("room");
        let dies = join(&region, 2);
        let dying = Space::begin(&dies, 0..1).expect("shards");
        std::mem::forget(dying.lease(("t", 1), GUARD * 100).expect("there"));
        drop(dying);
        assert_eq!(space.try_take(("t", 1)), Ok(None));
        dies.abandon();
        let back = space.take_within(("t", 1), GUARD).expect("it came back");
        assert_eq!(back.returns(), 1);
        // So it is when it leaves.
        space.out(("t", 2)).expect("room");
        let leaves = join(&region, 2);
        let leaving = Space::begin(&leaves, 0..1).expect("shards");
        std::mem::forget(leaving.lease(("t", 2), GUARD * 100).expect("there"));
        drop(leaving);
        drop(leaves);
        assert_eq!(space.take_within(("t", 2), GUARD).expect("it came back").returns(), 1);
    });
}

#[test]
fn what_replaces_a_tuple_is_there_in_one_step() {
    let region = region(4);
    with_shards(&region, 2, || {
        let me = join(&region, 2);
        let space = Space::begin(&me, 0..2).expect("shards");
        space.out(("t", "new", 1)).expect("room");
        let (has_begun, is_over) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let me = join(&region, 3);
                let space = Space::begin(&me, 0..2).expect("shards");
                // One of both is there, but while the one is lent.
                while is_over.load(Relaxed) == 0 {
                    has_begun.store(1, Relaxed);
                    let (new, old) = (space.try_rd(("t", "new", 1)), space.try_rd(("t", "old", 1)));
                    assert!(new.is_ok() && old.is_ok());
                }
            });
            for _ in 0..200 {
                space
                    .lease(("t", "new", 1), GUARD)
                    .expect("there")
                    .replace(("t", "old", 1))
                    .expect("in time");
                assert_eq!(space.try_rd(("t", "new", 1)), Ok(None));
                space
                    .lease(("t", "old", 1), GUARD)
                    .expect("there")
                    .replace(("t", "new", 1))
                    .expect("in time");
                assert_eq!(space.try_rd(("t", "old", 1)), Ok(None));
            }
            is_over.store(1, Relaxed);
        });
        // A key of the other shard.
        let other = (0..).map(|key| format!("u{key}")).find(|key| {
            let lent = space.lease(("t", "new", 1), GUARD).expect("there");
            let replaced = lent.replace((key.as_str(), 1));
            if replaced.is_ok() {
                space.out(("t", "new", 1)).expect("room");
            }
            matches!(&replaced, Err(TupleError::OtherKey { key: told, .. }) if *told == format!("{key:?}"))
        });
        let key = other.expect("half of all keys");
        assert_eq!(space.take(("t", "new", 1)).expect("it came back").returns(), 1);
        assert_eq!(space.try_rd((key.as_str(), 1)), Ok(None));
    });
}

#[test]
fn a_shard_has_limits() {
    let region = region(2);
    let limits = Limits { tuples: 3, bytes: 1000, leases: 2 };
    with(
        &region,
        1,
        |shard| shard,
        limits,
        || {
            let me = join(&region, 1);
            let space = Space::begin(&me, 0..1).expect("shards");
            (0..3).for_each(|number| space.out(("t", number)).expect("room"));
            assert_eq!(space.out(("t", 3)), Err(TupleError::Full { rank: 0 }));
            let lent: Vec<_> =
                (0..2).map(|number| space.lease(("t", number), GUARD).expect("there")).collect();
            let most = Err(TupleError::Leases { rank: 0, most: 2 });
            assert_eq!(space.lease(("t", 2), GUARD).map(drop), most);
            // What is lent takes room; what is done does not.
            assert_eq!(space.out(("t", 3)), Err(TupleError::Full { rank: 0 }));
            let mut lent = lent.into_iter();
            lent.next().expect("two").done().expect("in time");
            space.out(("t", 3)).expect("room");
            // What replaces one may be longer, within limits.
            let two = lent.next().expect("two");
            assert_eq!(two.replace(("t", vec![0_u8; 900])), Err(TupleError::Full { rank: 0 }));
            let again = space.lease_within(("t", 1), GUARD, GUARD).expect("it came back");
            again.replace(("t", vec![0_u8; 500])).expect("room");
            (2..4).for_each(|number| assert_eq!(space.take(("t", number)), Ok(("t", number).into())));
            assert_eq!(space.out(("t", vec![0_u8; 400])), Err(TupleError::Full { rank: 0 }));
            space.take(("t", any::<Vec<u8>>())).expect("there");
            space.out(("t", vec![0_u8; 800])).expect("room");
        },
    );
}

#[test]
fn tuples_may_be_long() {
    // Longer than the region carries in one piece, and as long as it does.
    let region = Region::create_unnamed(Config::ranks(2).arena(16 << 10)).expect("memory");
    let whole = usize::try_from(region.eager_limit()).expect("small");
    with_shards(&region, 1, || {
        let me = join(&region, 1);
        let space = Space::begin(&me, 0..1).expect("shards");
        let Err(TupleError::TooLong { limit, .. }) = space.out(("t", vec![1_u8; whole])) else {
            panic!("too long")
        };
        let most = vec![1_u8; limit - 8];
        for _ in 0..20 {
            space.out(("t", most.clone())).expect("room");
            let lent = space.lease(("t", any::<Vec<u8>>()), GUARD).expect("there");
            lent.renew(GUARD).expect("it lasts");
            lent.replace(("t", most.clone())).expect("in time");
            assert_eq!(space.take(("t", any::<Vec<u8>>())), Ok(("t", most.clone()).into()));
        }
    });
    alone(|space| {
        let error = space.out((vec![0_u8; 1 << 20],)).expect_err("too long");
        assert!(matches!(error, TupleError::TooLong { limit: 65_536, .. }), "{error}");
    });
}

#[test]
fn the_end_of_a_shard_is_told_and_so_is_its_successor() {
    let region = region(3);
    let me = join(&region, 2);
    let space = Space::begin(&me, 0..2).expect("shards");
    let of = |rank| (0..).find(|key| space.rank_of(*key) == rank).map(|key: i64| (key, key)).expect("a key");
    let (kept, lost) = (of(0), of(1));
    let serve = |rank: u32, tuples: &dyn Fn()| {
        let end = join(&region, rank);
        let interrupter = end.interrupter();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut shard = Shard::begin(&end, 0..2, Limits::default()).expect("one of the shards");
                let error = shard.serve();
                assert!(matches!(error, TupleError::Recv(mailbox::RecvError::Interrupted)), "{error}");
                drop(shard);
                end.abandon();
            });
            tuples();
            interrupter.interrupt();
        });
    };
    serve(0, &|| {
        serve(1, &|| {
            space.out(kept).expect("room");
            space.out(lost).expect("room");
        });
        let gone = TupleError::Gone { rank: 1 };
        assert!(gone.is_lost());
        assert_eq!(space.try_take(lost), Err(gone.clone()));
        assert_eq!(space.try_take((any::<i64>(), any::<f64>())), Err(gone.clone()));
        assert_eq!(space.take((any::<i64>(), any::<f64>())), Err(gone));
        serve(1, &|| {
            // It was told.
            assert_eq!(space.try_take(lost), Ok(None));
            space.out(lost).expect("room");
        });
        serve(1, &|| {
            // It was not.
            let error = space.out(lost).expect_err("it is another one");
            assert_eq!(error, TupleError::Restarted { rank: 1, epoch: 3 });
            assert!(error.is_lost());
            assert_eq!(space.try_take(lost), Ok(None));
            space.out(lost).expect("room");
        });
        let lent = {
            let lent = std::cell::RefCell::new(None);
            serve(1, &|| {
                _ = space.try_rd(lost); // tells that it is another one
                space.out(lost).expect("room");
                *lent.borrow_mut() = Some(space.lease(lost, GUARD).expect("there"));
            });
            lent
        };
        serve(1, &|| {
            // What was lent by another life is not done here.
            let error = lent.take().expect("it was lent").done().expect_err("it is another one");
            assert_eq!(error, TupleError::Restarted { rank: 1, epoch: 5 });
        });
        serve(1, &|| {
            _ = space.try_rd(lost); // as above
            space.out(lost).expect("room");
            *lent.borrow_mut() = Some(space.lease(lost, GUARD).expect("there"));
        });
        // To give it back finds nobody. That tells nothing to this process, so it is told later.
        drop(lent.take());
        serve(1, &|| {
            let error = space.try_take(lost).expect_err("it is another one");
            assert_eq!(error, TupleError::Restarted { rank: 1, epoch: 7 });
        });
        assert_eq!(space.take(kept), Ok(kept.into()));
    });
}

#[test]
fn one_that_waits_is_told_of_the_end_of_a_shard() {
    for any_key in [false, true] {
        let region = region(3);
        let me = join(&region, 2);
        let space = Space::begin(&me, 0..2).expect("shards");
        let [zero, one] = [0, 1].map(|rank| join(&region, rank));
        let stop = zero.interrupter();
        thread::scope(|scope| {
            for end in [zero, one] {
                scope.spawn(move || {
                    let mut shard = Shard::begin(&end, 0..2, Limits::default()).expect("one of the shards");
                    if end.rank() == 1 {
                        shard.serve_within(SHORT * 5).expect("it works");
                    } else {
                        shard.serve();
                    }
                    drop(shard);
                    end.abandon();
                });
            }
            let key = (0..).find(|key: &i64| space.rank_of(*key) == 1).expect("a key");
            let key = if any_key { any::<i64>() } else { key.into() };
            let told = space.take_within((key, 0), GUARD);
            assert!(
                matches!(told, Err(TupleError::Gone { rank: 1 } | TupleError::NoShard { rank: 1 })),
                "{told:?}"
            );
            stop.interrupt();
        });
    }
}

#[test]
fn processes_that_disagree_about_the_shards_are_told() {
    let region = region(4);
    with_shards(&region, 2, || {
        let me = join(&region, 3);
        let space = Space::begin(&me, 0..1).expect("shards");
        let error = TupleError::OtherShards { rank: 0, ours: 1, theirs: 2 };
        assert_eq!(space.out(("a", 1)), Err(error.clone()));
        assert_eq!(space.try_rd((any::<i64>(),)), Err(error));
        assert_eq!(Space::begin(&me, 3..9).map(drop), Err(TupleError::NoShard { rank: 8 }));
        assert_eq!(Space::begin(&me, 2..2).map(drop), Err(TupleError::NoShard { rank: 2 }));
        let none = Shard::begin(&me, 0..2, Limits::default());
        assert_eq!(none.map(drop), Err(TupleError::NoShard { rank: 3 }));
        // As many, and not the same.
        let shifted = Space::begin(&me, 1..3).expect("ranks");
        let key = (0..).find(|key| shifted.rank_of(*key) == 1).expect("half of all keys");
        let error = TupleError::OtherShards { rank: 1, ours: 2, theirs: 2 };
        assert_eq!(shifted.out((key, 1)), Err(error.clone()));
        assert_eq!(shifted.take((key, 1)), Err(error.clone()));
        assert_eq!(shifted.eval("f", (key, 1)), Err(error));
        let both = Space::begin(&me, 0..2).expect("shards");
        // Another space on the same endpoint.
        both.out(("a", 1)).expect("room");
        assert_eq!(space.out(("a", 1)).is_err(), both.take(("a", 1)).is_ok());
    });
}

#[test]
fn functions_complete_tuples() {
    let region = region(5);
    with_shards(&region, 2, || {
        let me = join(&region, 2);
        let space = Space::begin(&me, 0..2).expect("shards");
        space.eval("square", ("s", 3)).expect("room");
        space.eval("unknown", ("s", 4)).expect("room");
        // It is not complete.
        assert_eq!(space.try_rd(("s", any::<i64>())), Ok(None));
        let wide = "f".repeat(65);
        assert_eq!(space.eval(&wide, ("s", 1)), Err(TupleError::TooLong { len: 65, limit: 64 }));

        // One that dies in the middle.
        let dies = join(&region, 3);
        {
            let dying = Space::begin(&dies, 0..2).expect("shards");
            let mut evaluator = Evaluator::new(&dying, GUARD);
            evaluator.register("square", |_| panic!("in the middle")).expect("few");
            let run = std::panic::AssertUnwindSafe(|| evaluator.run_one(GUARD));
            assert!(std::panic::catch_unwind(run).is_err());
        }
        dies.abandon();
        let me = join(&region, 4);
        let others = Space::begin(&me, 0..2).expect("shards");
        let mut returns = vec![];
        let mut evaluator = Evaluator::new(&others, GUARD);
        let square = |tuple: &Tuple| {
            returns.push(tuple.returns());
            let (_, number): (String, i64) = tuple.clone().read().expect("a name and a number");
            Tuple::from((number * number,))
        };
        evaluator.register("square", square).expect("few");
        evaluator.register("none", |_| vec![].into()).expect("few");
        evaluator.run_one(GUARD).expect("there");
        space.eval("none", ("n", 1)).expect("room");
        evaluator.run_one(GUARD).expect("there");
        assert_eq!(evaluator.run_one(SHORT), Err(TupleError::Timeout));
        assert_eq!(space.take(("s", 3, any::<i64>())), Ok(("s", 3, 9).into()));
        assert_eq!(space.take(("n", 1)), Ok(("n", 1).into()));
        for number in 2..64 {
            evaluator.register(&number.to_string(), |_| vec![].into()).expect("few");
        }
        assert_eq!(
            evaluator.register("one more", |_| vec![].into()),
            Err(TupleError::Functions { most: 64 })
        );
        drop(evaluator);
        assert_eq!(returns, [1]);
    });
}
