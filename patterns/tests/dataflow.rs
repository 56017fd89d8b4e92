//! Graphs of operators, whose ranks are threads.

#[path = "dataflow/channels.rs"]
mod channels;
#[path = "dataflow/checkpoints.rs"]
mod checkpoints;
#[path = "dataflow/place.rs"]
mod place;
#[path = "dataflow/told.rs"]
mod told;
#[path = "dataflow/windows.rs"]
mod windows;

use kit::{Dice, Folder};
use mailbox::{Config, Region};
use mailbox_patterns::dataflow::{
    CheckpointError, Graph, GraphError, Options, Rates, Report, RunError, Stream, Window,
};
use mailbox_patterns::delivery::Durability;
use place::{options, out_of, written};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Runs the graph on these ranks, each in a thread.
fn run_on(
    ranks: &[u32],
    options: impl Fn(u32) -> Options + Sync,
    build: impl Fn() -> Graph + Sync,
) -> Vec<Result<Report, RunError>> {
    let most = ranks.iter().max().expect("ranks") + 1;
    let region = Region::create_unnamed(Config::ranks(most)).expect("memory");
    thread::scope(|scope| {
        let start = |rank: &u32| {
            let (me, options, build) = (region.join(*rank).expect("free"), &options, &build);
            let rank = *rank;
            scope.spawn(move || build().run(&me, &options(rank)))
        };
        let threads: Vec<_> = ranks.iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Some words with times, by part and number.
fn words(part: u64, from: u64, count: u64) -> impl Iterator<Item = (u64, String)> {
    (from..count).map(move |number| {
        let mut dice = Dice(part << 32 | number);
        (number * 3 + dice.below(80), format!("w{} w{}", dice.below(50), dice.below(7)))
    })
}

/// A graph with all that there is; each operator is on a rank that `place` chooses. Some call `tick` for each record.
fn everything(
    out: &Path,
    place: &mut dyn FnMut(usize) -> Vec<u32>,
    tick: impl Fn() + Copy + 'static,
) -> Graph {
    let graph = Graph::new();
    let lines = graph
        .sources("lines", 3, 20, |part, from| words(part as u64, from, 120 + 20 * part as u64))
        .on(place(3));
    let numbers = graph.source("numbers", |from| (from..300).map(|number| (number * 4, number))).on(place(1));
    let tokens = lines.flat_map("tokens", |line| line.split(' ').map(Into::into).collect::<Vec<String>>());
    let tokens = tokens.on(place(3));
    let named = numbers.map("named", |number| format!("w{}", number % 60)).on(place(1));
    let all = tokens.union("all", &named).on(place(1));
    let all = all.filter("not w3", move |word| {
        tick();
        word != "w3"
    });
    let all = all.on(place(1));
    let counts = |name: &str, window| {
        let keyed = all.key_by(&format!("{name} key"), |word| (word.clone(), word.len() as u64));
        keyed.window(window).fold(name, 0_u64, |sum, len| *sum = sum.wrapping_mul(31) + len)
    };
    let by_count = counts("by count", Window::Count(10)).on(place(4));
    let by_time = counts("by time", Window::Time(100)).on(place(4));
    let whole = tokens.key_by("key", |word| (word.len() as u64, word)).parts(3);
    let whole = whole.fold("last", String::new(), move |last, word| {
        tick();
        *last = word;
    });
    let whole = whole.on(place(3));
    let whole = whole.map("as others", |(len, word)| (word, len, 0)).on(place(3));
    let windows: Stream<(String, u64, u64)> = by_count.union("windows", &by_time).on(place(4));
    let results = windows.union("results", &whole).on(place(1));
    _ = results
        .to_file("out", out, Durability::Process, |(word, number, sum)| format!("{word} {number} {sum}\n"));
    graph
}

/// Runs it with that placement, and says what comes out. An operator panics once, when there were so many ticks, if not 0.
fn outcome(seed: u64, ranks: u32, channel: usize, every: u64, panics_at: u64) -> (String, u64) {
    let folder = Folder::new();
    let left: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(panics_at)));
    let build = || {
        let mut dice = Dice(seed);
        let mut place = |parts: usize| -> Vec<u32> {
            (0..1 + dice.below(parts as u64)).map(|_| dice.below(ranks.into()) as u32).collect()
        };
        everything(&out_of(&folder), &mut place, move || {
            assert!(left.fetch_sub(1, Ordering::Relaxed) != 1, "for once");
        })
    };
    let used: Vec<u32> =
        (0..ranks).filter(|rank| build().dot().expect("sound").contains(&format!("rank {rank}\""))).collect();
    let options = |_| options(&folder).channel(channel).checkpoint_every(every);
    let late = run_on(&used, options, build).into_iter().map(|report| {
        let report = report.expect("no error");
        assert_eq!(report.went_back, u32::from(panics_at > 0));
        report.rates.operators.iter().map(|rate| rate.late).sum::<u64>()
    });
    let late = late.sum();
    (written(&folder), late)
}

#[test]
fn the_outcome_is_the_same_whatever_the_placement() {
    let alone = outcome(0, 1, 1024, 0, 0);
    assert!(alone.0.lines().count() > 300 && alone.1 > 0, "{} late", alone.1);
    for seed in 1..16 {
        let mut dice = Dice(seed);
        let channel = [1, 2, 7, 64, 1024][dice.below(5) as usize];
        let every = [0, 1, 10, 100][dice.below(4) as usize];
        let panics_at = if seed % 2 == 0 { 1 + dice.below(1500) } else { 0 };
        let other = outcome(seed, 1 + dice.below(4) as u32, channel, every, panics_at);
        assert!(other == alone, "seed {seed}");
    }
}

/// The order is that of one thread which reads the sources in turns.
#[test]
fn the_order_is_that_of_reading_the_sources_in_turns() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = |name: &'static str, count: u64| {
            graph.source(name, move |from| (from..count).map(move |at| (at, format!("{name}{at}"))))
        };
        let (a, b) = (source("a", 4).on([1]), source("b", 2).on([2]));
        let both = a.union("both", &b).on([0]);
        let twice = both.flat_map("twice", |word| [word.clone(), word]).filter("not a1", |word| word != "a1");
        _ = twice
            .union("again", &both)
            .to_file("out", out_of(&folder), Durability::Process, |word| format!("{word} "));
        graph
    };
    run_on(&[0, 1, 2], |_| options(&folder), build)
        .into_iter()
        .for_each(|report| _ = report.expect("no error"));
    assert_eq!(written(&folder), "a0 a0 a0 b0 b0 b0 a1 b1 b1 b1 a2 a2 a2 a3 a3 a3 ");
}

/// One branch makes nothing of the records that fill the other one.
#[test]
fn branches_that_meet_again_do_not_wait_for_each_other() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..50).map(|number| (number, number)));
        let many = source.flat_map("many", |number| [number; 9]).map("same", |number| number);
        let none = many.filter("none", |_| false).on([1]);
        _ = none.union("both", &many).on([2]).to_file(
            "out",
            out_of(&folder),
            Durability::Process,
            |number| format!("{number}\n"),
        );
        graph
    };
    let reports = run_on(&[0, 1, 2], |_| options(&folder).channel(1), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    assert_eq!(written(&folder).lines().count(), 450);
}

#[test]
fn words_are_counted_as_by_a_loop() {
    let text = include_str!("../src/dataflow/mod.rs");
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let lines = graph.source("lines", |from| {
            text.lines().enumerate().skip(from as usize).map(|(at, line)| (at as u64, line.to_string()))
        });
        let words =
            lines.flat_map("words", |line| line.split_whitespace().map(Into::into).collect::<Vec<String>>());
        let counts =
            words.key_by("word", |word| (word, ())).on([1]).fold("count", 0_u64, |count, ()| *count += 1);
        _ = counts
            .on([1, 2])
            .to_file("out", out_of(&folder), Durability::Power, |(word, count)| format!("{word} {count}\n"));
        graph
    };
    let reports = run_on(&[0, 1, 2], |_| options(&folder).channel(5).checkpoint_every(10), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    let mut expected = BTreeMap::new();
    text.split_whitespace().for_each(|word| *expected.entry(word.to_string()).or_insert(0) += 1);
    let counted: BTreeMap<String, u64> = written(&folder)
        .lines()
        .map(|line| line.split_once(' ').expect("two"))
        .map(|(word, count)| (word.into(), count.parse().expect("a number")))
        .collect();
    assert_eq!(counted, expected);
}

/// Numbers through an operator that does this with them, and what the ranks return.
fn through(
    folder: &Path,
    options: impl Fn(u32) -> Options + Sync,
    map: impl Fn(u64) -> u64 + Copy + Sync + 'static,
) -> Vec<Result<Report, RunError>> {
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..100).map(|number| (number, number)));
        let mapped = source.map("mapped", map).on([1]);
        _ = mapped
            .to_file("out", out_of(folder), Durability::Process, |number| format!("{number}\n"))
            .on([2]);
        graph
    };
    run_on(&[0, 1, 2], options, build)
}

fn numbers() -> String {
    (0..100).map(|number| format!("{number}\n")).collect()
}
