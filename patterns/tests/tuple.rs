//! Tuple spaces in one process: what each operation does.

#[path = "tuple/ends.rs"]
mod ends;
#[path = "tuple/waits.rs"]
mod waits;

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
