//! What goes between ranks, and what else lies there.

use super::*;

#[test]
fn a_channel_holds_no_more_than_it_may() {
    let folder = Folder::new();
    // How far the source is, and how far the sink.
    let read = Mutex::new(0_u64);
    let ahead = Mutex::new(0_u64);
    let (read, ahead): (&'static Mutex<u64>, &'static Mutex<u64>) =
        (Box::leak(Box::new(read)), Box::leak(Box::new(ahead)));
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", move |from| {
            (from..2000).map(move |number| {
                *read.lock().expect("no panic") = number;
                (number, number)
            })
        });
        let slow = source.map("slow", move |number| {
            thread::sleep(Duration::from_micros(50));
            let read = *read.lock().expect("no panic");
            let mut ahead = ahead.lock().expect("no panic");
            *ahead = (*ahead).max(read - number);
            number
        });
        _ = slow.on([1]).to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"));
        graph
    };
    let reports = run_on(&[0, 1], |_| options(&folder).channel(10), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    assert_eq!(written(&folder).lines().count(), 2000);
    // As many on each side.
    assert!((5..=21).contains(&*ahead.lock().expect("no panic")), "{ahead:?}");
}

#[test]
fn garbage_of_other_ranks_changes_nothing() {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(4)).expect("memory");
    let stranger = region.join(3).expect("free");
    let tag = u32::from_le_bytes(*b"flow");
    let mut dice = Dice(9);
    for round in 0..3000 {
        let mut bytes: Vec<u8> = (0..dice.below(60)).map(|_| dice.next() as u8).collect();
        if let Some(kind) = bytes.first_mut() {
            *kind %= 4;
        }
        _ = stranger.to(round % 3).tag(tag).try_send(&bytes);
        _ = stranger.to(round % 3).tag(round).try_send(&bytes);
    }
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..100).map(|number| (number, number)));
        _ = source
            .to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"))
            .on([2]);
        graph
    };
    thread::scope(|scope| {
        for rank in [0, 2] {
            let (me, build, options) = (region.join(rank).expect("free"), &build, options(&folder));
            scope.spawn(move || build().run(&me, &options).expect("no error"));
        }
    });
    assert_eq!(written(&folder), numbers());
    // A rank that takes part, and says what makes no sense.
    let liar = Folder::new();
    let (me, you) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let outcome = thread::scope(|scope| {
        let (liar, you) = (&liar, &you);
        let me = scope.spawn(move || {
            let options = options(liar).patience(Duration::from_millis(500));
            let graph = Graph::new();
            let source = graph.source("numbers", |from| (from..100).map(|number| (number, number))).on([1]);
            _ = source
                .to_file("out", out_of(liar), Durability::Process, |number| format!("{number}\n"))
                .on([0]);
            graph.run(&me, &options)
        });
        let mut dice = Dice(11);
        while !me.is_finished() {
            let mut bytes: Vec<u8> = (0..dice.below(60)).map(|_| dice.next() as u8).collect();
            if let [kind, note, ..] = &mut bytes[..] {
                *kind %= 4;
                *note %= 10;
            }
            _ = you.to(0).tag(tag).try_send(&bytes);
        }
        me.join().expect("no panic")
    });
    let error = outcome.expect_err("nothing made sense");
    assert!(matches!(error, RunError::Missing { rank: 1 } | RunError::Differs { rank: 1, .. }), "{error}");
}

#[test]
fn ranks_run_one_graph_after_the_other() {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let folders = [(); 5].map(|()| Folder::new());
    thread::scope(|scope| {
        for rank in 0..3 {
            let (me, folders) = (region.join(rank).expect("free"), &folders);
            scope.spawn(move || {
                for (round, folder) in folders.iter().enumerate() {
                    let graph = Graph::new();
                    let source = graph.source("numbers", |from| (from..100).map(|number| (number, number)));
                    let mapped = source.map(&format!("round {round}"), |number| number).on([1]);
                    let out = out_of(folder);
                    _ = mapped
                        .to_file("out", out, Durability::Process, |number| format!("{number}\n"))
                        .on([2]);
                    assert!(graph.run(&me, &options(folder)).expect("no error").rates.operators.len() == 1);
                }
            });
        }
    });
    assert!(folders.iter().all(|folder| written(folder) == numbers()));
}

/// The mailboxes have room for few records at a time, and no message for a record that is longer than one may be.
#[test]
fn long_records_go_through_small_mailboxes() {
    for (len, goes) in [(100_usize, true), (20_000, true), (100_000, false)] {
        let folder = Folder::new();
        let region = Region::create_unnamed(Config::ranks(2).arena(128 << 10)).expect("memory");
        assert!((20_100..100_000).contains(&region.eager_limit()));
        let outcomes = thread::scope(|scope| {
            let threads = [0, 1].map(|rank| {
                let (me, folder) = (region.join(rank).expect("free"), &folder);
                scope.spawn(move || {
                    let graph = Graph::new();
                    let source = graph
                        .source("texts", move |from| (from..200).map(move |at| (at, vec![at as u8; len])));
                    let sums =
                        source.map("sum", |bytes| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
                    _ = sums
                        .on([1])
                        .to_file("out", out_of(folder), Durability::Process, |sum| format!("{sum}\n"));
                    graph.run(&me, &options(folder).retries(0))
                })
            });
            threads.map(|thread| thread.join().expect("no panic"))
        });
        for outcome in outcomes {
            match outcome {
                Ok(_) => assert!(goes),
                Err(RunError::Operator { rank: 0, operator, reason }) => {
                    assert!(!goes && operator == "texts" && reason.contains("too long"), "{reason}");
                }
                Err(error) => panic!("{error}"),
            }
        }
        if goes {
            let expected: String = (0..200).map(|at| format!("{}\n", at * len)).collect();
            assert_eq!(written(&folder), expected);
        }
    }
}
