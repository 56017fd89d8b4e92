//! What is under lease, and shards that end or disagree.

use super::*;

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
