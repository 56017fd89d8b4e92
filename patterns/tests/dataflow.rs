//! Graphs of operators, whose ranks are threads.

use kit::{Dice, Name};
use mailbox::{Config, Region};
use mailbox_patterns::dataflow::{
    CheckpointError, Graph, GraphError, Options, Rates, Report, RunError, Stream, Window,
};
use mailbox_patterns::delivery::Durability;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = Name::file().path();
        fs::create_dir(&path).expect("a new name");
        Self(path)
    }

    fn out(&self) -> PathBuf {
        self.0.join("out")
    }

    fn options(&self) -> Options {
        Options::new(self.0.join("checkpoints")).patience(Duration::from_secs(20))
    }

    fn text(&self) -> String {
        fs::read_to_string(self.out()).expect("a sink has made it")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it is there");
    }
}

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
        everything(&folder.out(), &mut place, move || {
            assert!(left.fetch_sub(1, Ordering::Relaxed) != 1, "for once");
        })
    };
    let used: Vec<u32> =
        (0..ranks).filter(|rank| build().dot().expect("sound").contains(&format!("rank {rank}\""))).collect();
    let options = |_| folder.options().channel(channel).checkpoint_every(every);
    let late = run_on(&used, options, build).into_iter().map(|report| {
        let report = report.expect("no error");
        assert_eq!(report.went_back, u32::from(panics_at > 0));
        report.rates.operators.iter().map(|rate| rate.late).sum::<u64>()
    });
    let late = late.sum();
    (folder.text(), late)
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
            .to_file("out", folder.out(), Durability::Process, |word| format!("{word} "));
        graph
    };
    run_on(&[0, 1, 2], |_| folder.options(), build)
        .into_iter()
        .for_each(|report| _ = report.expect("no error"));
    assert_eq!(folder.text(), "a0 a0 a0 b0 b0 b0 a1 b1 b1 b1 a2 a2 a2 a3 a3 a3 ");
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
        _ = none
            .union("both", &many)
            .on([2])
            .to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n"));
        graph
    };
    let reports = run_on(&[0, 1, 2], |_| folder.options().channel(1), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    assert_eq!(folder.text().lines().count(), 450);
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
            .to_file("out", folder.out(), Durability::Power, |(word, count)| format!("{word} {count}\n"));
        graph
    };
    let reports = run_on(&[0, 1, 2], |_| folder.options().channel(5).checkpoint_every(10), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    let mut expected = BTreeMap::new();
    text.split_whitespace().for_each(|word| *expected.entry(word.to_string()).or_insert(0) += 1);
    let counted: BTreeMap<String, u64> = folder
        .text()
        .lines()
        .map(|line| line.split_once(' ').expect("two"))
        .map(|(word, count)| (word.into(), count.parse().expect("a number")))
        .collect();
    assert_eq!(counted, expected);
}

#[test]
fn windows_close_with_the_watermark_and_late_records_are_counted() {
    let folder = Folder::new();
    let times: Vec<u64> = (0..64).map(|number| if number == 40 { 3 } else { number }).collect();
    let build = || {
        let graph = Graph::new();
        let times = times.clone();
        let source = graph.source("times", move |from| {
            times.clone().into_iter().map(|time| (time, 1_u64)).skip(from as usize)
        });
        let windows = source.key_by("one", |one| ((), one)).window(Window::Time(10));
        _ = windows.fold("sum", 0, |sum, one| *sum += one).to_file(
            "out",
            folder.out(),
            Durability::Process,
            |w| format!("{}:{} ", w.1, w.2),
        );
        graph
    };
    let reports = run_on(&[0], |_| folder.options(), build);
    let report = reports[0].as_ref().expect("no error");
    assert_eq!(folder.text(), "0:10 10:10 20:10 30:10 40:9 50:10 60:4 ");
    let sum = report.rates.operators.iter().find(|rate| rate.operator == "sum").expect("it is there");
    assert_eq!((sum.records, sum.late), (64, 1));
}

/// The watermark of two inputs is the lesser one, until that input ends.
#[test]
fn a_window_waits_for_the_slower_of_two_sources() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = |name: &str, step: u64, count: u64| {
            graph.source(name, move |from| (from..count).map(move |number| (number * step, step)))
        };
        let both = source("fast", 10, 128).union("both", &source("slow", 1, 100).on([1]));
        let windows = both.key_by("step", |step| (step, 1_u64)).parts(1).window(Window::Time(320));
        let sums = windows.fold("count", 0, |count, one| *count += one);
        _ = sums.to_file("out", folder.out(), Durability::Process, |(step, start, count)| {
            format!("{step} from {start}: {count}\n")
        });
        graph
    };
    let reports = run_on(&[0, 1], |_| folder.options(), build);
    let late = reports.iter().flat_map(|report| &report.as_ref().expect("no error").rates.operators);
    assert_eq!(late.map(|rate| rate.late).sum::<u64>(), 0);
    // Each window has all: those of the slower one are all in the first.
    let expected =
        ["1 from 0: 100", "10 from 0: 32", "10 from 320: 32", "10 from 640: 32", "10 from 960: 32"];
    assert_eq!(folder.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn windows_by_count_give_what_is_left_at_the_end() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..11).map(|number| (number, number)));
        let windows = source.key_by("parity", |number| (number % 2, number)).window(Window::Count(2));
        _ = windows.fold("list", vec![], |list, number| list.push(number)).to_file(
            "out",
            folder.out(),
            Durability::Process,
            |window| format!("{window:?}\n"),
        );
        graph
    };
    run_on(&[0], |_| folder.options(), build).remove(0).expect("no error");
    let expected = [
        "(0, 0, [0, 2])",
        "(1, 0, [1, 3])",
        "(0, 1, [4, 6])",
        "(1, 1, [5, 7])",
        "(0, 2, [8, 10])",
        "(1, 2, [9])",
    ];
    assert_eq!(folder.text().lines().collect::<Vec<_>>(), expected);
}

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
        _ = slow.on([1]).to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n"));
        graph
    };
    let reports = run_on(&[0, 1], |_| folder.options().channel(10), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    assert_eq!(folder.text().lines().count(), 2000);
    // As many on each side.
    assert!((5..=21).contains(&*ahead.lock().expect("no panic")), "{ahead:?}");
}

#[test]
fn a_graph_that_cannot_run_is_refused() {
    let graph = Graph::new();
    assert_eq!(graph.check(), Err(GraphError::Empty));
    let (later, stream) = graph.later::<u64>("loop");
    assert_eq!(graph.check(), Err(GraphError::Unconnected { operator: "loop".into(), streams: 0 }));
    let source = graph.source("numbers", |from| (from..9).map(|number| (number, number)));
    let both = source.union("both", &stream);
    let next = both.map("next", |number| number + 1);
    _ = next.to_file("out", "nowhere", Durability::Process, |number| format!("{number}"));
    later.connect(&next.filter("small", |number| *number < 5));
    let names = ["loop", "both", "next", "small"].map(String::from);
    assert_eq!(graph.check(), Err(GraphError::Cycle { operators: names.to_vec() }));
    let region = Region::create_unnamed(Config::ranks(1)).expect("memory");
    let error = graph.run(&region.join(0).expect("free"), &Options::new("nowhere")).expect_err("a cycle");
    assert!(matches!(error, RunError::Graph(GraphError::Cycle { .. })), "{error}");

    let source = |graph: &Graph, name: &str| graph.source(name, |_| [(0, 0_u64)].into_iter());
    let graph = Graph::new();
    source(&graph, "a").union("both", &source(&Graph::new(), "b"));
    assert_eq!(graph.check(), Err(GraphError::Foreign { operator: "both".into() }));
    let graph = Graph::new();
    _ = (source(&graph, "a"), source(&graph, "a"));
    assert_eq!(graph.check(), Err(GraphError::Name { operator: "a".into() }));
    let graph = Graph::new();
    _ = source(&graph, "a").on([]);
    assert_eq!(graph.check(), Err(GraphError::Nowhere { operator: "a".into() }));
    let graph = Graph::new();
    let keyed = source(&graph, "a").key_by("key", |number| (number, number));
    _ = keyed.window(Window::Count(0)).fold("none", 0, |_, _| {});
    assert_eq!(graph.check(), Err(GraphError::Window { operator: "none".into() }));
}

#[test]
fn ranks_that_built_another_graph_are_told() {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let build = |name: &str| {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..9).map(|number| (number, number)));
        _ = source.map(name, |number| number).on([1]).to_file(
            "out",
            folder.out(),
            Durability::Process,
            |_| String::new(),
        );
        graph
    };
    let outcomes = thread::scope(|scope| {
        let threads = [(0, "one"), (1, "other")].map(|(rank, name)| {
            let (me, build, options) = (region.join(rank).expect("free"), &build, folder.options());
            scope.spawn(move || build(name).run(&me, &options))
        });
        threads.map(|thread| thread.join().expect("no panic"))
    });
    for outcome in outcomes {
        let error = outcome.expect_err("another graph");
        assert!(matches!(error, RunError::Differs { rank: 1, coordinator: 0 }), "{error}");
    }
    let error = build("one").run(&region.join(2).expect("free"), &folder.options()).expect_err("no part");
    assert!(matches!(error, RunError::NoPart { rank: 2 }), "{error}");
    // Nobody comes.
    let options = folder.options().patience(Duration::from_millis(200));
    let missing = build("one").run(&region.join(0).expect("free"), &options).expect_err("alone");
    assert!(matches!(missing, RunError::Missing { rank: 1 }), "{missing}");
    let missing = build("one").run(&region.join(1).expect("free"), &options).expect_err("alone");
    assert!(matches!(missing, RunError::Missing { rank: 0 }), "{missing}");
}

#[test]
fn a_drawing_has_a_box_for_each_rank() {
    let graph = Graph::new();
    let source = graph.source("the \"numbers\"", |from| (from..9).map(|number| (number, number)));
    let keyed = source.key_by("key", |number| (number, number)).parts(2).window(Window::Time(5));
    _ = keyed.fold("sum", 0, |sum, number| *sum += number).on([1, 2]);
    let expected = r#"digraph {
    rankdir=LR;
    node [shape=box];
    subgraph cluster_0 {
        label="rank 0";
        o0_0 [label="the \"numbers\"\nsource"];
        o1_0 [label="key\nkey by"];
    }
    subgraph cluster_1 {
        label="rank 1";
        o2_0 [label="sum 0\nfold Time(5)"];
    }
    subgraph cluster_2 {
        label="rank 2";
        o2_1 [label="sum 1\nfold Time(5)"];
    }
    o0_0 -> o1_0;
    o1_0 -> o2_0;
    o1_0 -> o2_1;
}
"#;
    assert_eq!(graph.dot().expect("sound"), expected);
}

#[test]
fn rates_are_shown_while_it_runs() {
    let folder = Folder::new();
    let shown = Mutex::new(Vec::<Rates>::new());
    let shown: &'static Mutex<Vec<Rates>> = Box::leak(Box::new(shown));
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..3000).map(|number| (number, number)));
        let slow = source.map("slow", |number| {
            thread::sleep(Duration::from_micros(20));
            number
        });
        _ = slow.to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n"));
        graph
    };
    let options = |_| {
        folder.options().channel(16).show_rates(Duration::from_millis(10), |rates| {
            shown.lock().expect("no panic").push(rates.clone());
        })
    };
    let report = run_on(&[0], options, build).remove(0).expect("no error");
    let shown = shown.lock().expect("no panic");
    let records: Vec<u64> = shown.iter().map(|rates| rates.operators[1].records).collect();
    assert!(records.len() > 2 && records.is_sorted(), "{records:?}");
    assert!(shown.iter().any(|rates| rates.operators[1].per_second > 0.0));
    assert!(shown[0].to_string().contains("rank 0: slow: "), "{}", shown[0]);
    assert_eq!(report.rates.operators.iter().map(|rate| rate.records).collect::<Vec<_>>(), [3000; 3]);
}

/// Numbers through an operator that does this with them, and what the ranks return.
fn through(
    folder: &Folder,
    options: impl Fn(u32) -> Options + Sync,
    map: impl Fn(u64) -> u64 + Copy + Sync + 'static,
) -> Vec<Result<Report, RunError>> {
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..100).map(|number| (number, number)));
        let mapped = source.map("mapped", map).on([1]);
        _ = mapped.to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n")).on([2]);
        graph
    };
    run_on(&[0, 1, 2], options, build)
}

fn numbers() -> String {
    (0..100).map(|number| format!("{number}\n")).collect()
}

#[test]
fn an_operator_that_panics_ends_the_run_of_all_ranks() {
    let folder = Folder::new();
    let tries: &'static Mutex<u32> = Box::leak(Box::new(Mutex::new(0)));
    // There is none before: with a new checkpoint the retries begin again.
    let options = |_| folder.options().checkpoint_every(100).retries(2);
    let outcomes = through(&folder, options, |number| {
        if number == 55 {
            *tries.lock().expect("no panic") += 1;
            panic!("number {number} is not to my taste");
        }
        number
    });
    for outcome in outcomes {
        match outcome {
            Err(RunError::Operator { rank: 1, operator, reason }) => {
                assert_eq!(operator, "mapped");
                assert_eq!(reason, "panicked: number 55 is not to my taste");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(*tries.lock().expect("no panic"), 3);
}

#[test]
fn an_operator_that_panics_now_and_then_changes_nothing() {
    let folder = Folder::new();
    let bad: &'static Mutex<Vec<u64>> = Box::leak(Box::new(Mutex::new(vec![3, 19, 20, 21, 50, 99])));
    let options = |_| folder.options().checkpoint_every(10).retries(6).channel(8);
    let outcomes = through(&folder, options, |number| {
        let mut bad = bad.lock().expect("no panic while it is locked");
        if let Some(at) = bad.iter().position(|bad| *bad == number) {
            bad.remove(at);
            drop(bad);
            panic!("for once");
        }
        number
    });
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no error")).collect();
    assert!(outcomes.iter().all(|report| report.went_back == 6 && report.checkpoint > 0), "{outcomes:?}");
    assert!(outcomes.iter().flat_map(|report| &report.rates.operators).all(|rate| rate.records == 100));
    assert_eq!(folder.text(), numbers());
}

#[test]
fn a_sink_that_cannot_write_is_told() {
    let folder = Folder::new();
    fs::create_dir(folder.out()).expect("a new name");
    let outcomes = through(&folder, |_| folder.options().retries(0), |number| number);
    for outcome in outcomes {
        let error = outcome.expect_err("it is a folder");
        assert!(
            matches!(&error, RunError::Operator { rank: 2, operator, .. } if operator == "out"),
            "{error}"
        );
    }
}

/// The files of checkpoints, by name.
fn files(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.0.join("checkpoints")).expect("it is there");
    entries
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            (
                path.file_name().expect("a name").to_str().expect("text").into(),
                fs::read(&path).expect("a file"),
            )
        })
        .collect()
}

/// Few records at a time, so that checkpoints are written on the way.
fn slow(folder: &Folder, every: u64) -> Options {
    folder.options().checkpoint_every(every).channel(4)
}

/// A run that fails behind its checkpoints, of which there are two then.
fn interrupted(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let options = |_| slow(folder, 10).retries(0);
    let outcomes = through(folder, options, |number| {
        thread::sleep(Duration::from_millis(if number == 55 { 50 } else { 0 }));
        assert!(number != 55, "stop here");
        number
    });
    assert!(outcomes.iter().all(Result::is_err));
    files(folder)
}

#[test]
fn a_checkpoint_that_is_cut_or_garbled_is_not_used() {
    let folder = Folder::new();
    let whole = interrupted(&folder);
    let complete: Vec<&String> = whole.keys().filter(|name| name.starts_with("complete-")).collect();
    assert_eq!(complete.len(), 2, "{:?}", whole.keys());
    let number = complete[1].strip_prefix("complete-").expect("as filtered");
    let newest = whole.iter().filter(|(name, _)| name.contains(number));
    let newest: Vec<_> = newest.collect();
    assert_eq!(newest.len(), 4, "{:?}", whole.keys());
    let restore = || {
        fs::remove_dir_all(folder.0.join("checkpoints")).expect("it is there");
        fs::create_dir(folder.0.join("checkpoints")).expect("a new name");
        for (name, bytes) in &whole {
            fs::write(folder.0.join("checkpoints").join(name), bytes).expect("room");
        }
    };
    let mut dice = Dice(5);
    for round in 0..24 {
        let (name, bytes) = newest[dice.below(4) as usize];
        let mut bytes = bytes.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << dice.below(8),
            _ => bytes.push(0),
        }
        for is_strict in [true, false] {
            restore();
            fs::write(folder.0.join("checkpoints").join(name), &bytes).expect("room");
            let options = |_| {
                let options = slow(&folder, 10);
                if is_strict { options.strict() } else { options }
            };
            let outcomes = through(&folder, options, |number| number);
            if is_strict {
                let coordinator = &outcomes[0];
                let is_told = matches!(coordinator, Err(RunError::Checkpoint(CheckpointError::Garbled { path })) if path.ends_with(name));
                assert!(is_told, "{coordinator:?}");
                let others = &outcomes[1..];
                assert!(
                    others.iter().all(|other| matches!(other, Err(RunError::Other { rank: 0, .. }))),
                    "{others:?}"
                );
            } else {
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                assert_eq!(folder.text(), numbers(), "{name}, round {round}");
            }
        }
    }
    // Both are damaged: nothing begins over without being told.
    restore();
    for name in &complete {
        fs::write(folder.0.join("checkpoints").join(name), b"garbage").expect("room");
    }
    let outcomes = through(&folder, |_| slow(&folder, 10), |number| number);
    assert!(
        matches!(outcomes[0], Err(RunError::Checkpoint(CheckpointError::Garbled { .. }))),
        "{outcomes:?}"
    );
}

#[test]
fn a_checkpoint_of_another_graph_is_refused() {
    let folder = Folder::new();
    interrupted(&folder);
    let outcomes = through(&folder, |_| slow(&folder, 11), |number| number);
    assert!(
        matches!(outcomes[0], Err(RunError::Checkpoint(CheckpointError::Foreign { .. }))),
        "{outcomes:?}"
    );
}

#[test]
fn a_file_that_lost_what_was_committed_is_told() {
    let folder = Folder::new();
    interrupted(&folder);
    fs::write(folder.out(), b"0\n").expect("room");
    let outcomes = through(&folder, |_| slow(&folder, 10).retries(0), |number| number);
    let is_told = matches!(&outcomes[0], Err(RunError::Operator { rank: 2, reason, .. }) if reason.contains("has 2 bytes"));
    assert!(is_told, "{outcomes:?}");
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
        _ = source.to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n")).on([2]);
        graph
    };
    thread::scope(|scope| {
        for rank in [0, 2] {
            let (me, build, options) = (region.join(rank).expect("free"), &build, folder.options());
            scope.spawn(move || build().run(&me, &options).expect("no error"));
        }
    });
    assert_eq!(folder.text(), numbers());
    // A rank that takes part, and says what makes no sense.
    let liar = Folder::new();
    let (me, you) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let outcome = thread::scope(|scope| {
        let (liar, you) = (&liar, &you);
        let me = scope.spawn(move || {
            let options = liar.options().patience(Duration::from_millis(500));
            let graph = Graph::new();
            let source = graph.source("numbers", |from| (from..100).map(|number| (number, number))).on([1]);
            _ = source
                .to_file("out", liar.out(), Durability::Process, |number| format!("{number}\n"))
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
                    let out = folder.out();
                    _ = mapped
                        .to_file("out", out, Durability::Process, |number| format!("{number}\n"))
                        .on([2]);
                    assert!(graph.run(&me, &folder.options()).expect("no error").rates.operators.len() == 1);
                }
            });
        }
    });
    assert!(folders.iter().all(|folder| folder.text() == numbers()));
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
                        .to_file("out", folder.out(), Durability::Process, |sum| format!("{sum}\n"));
                    graph.run(&me, &folder.options().retries(0))
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
            assert_eq!(folder.text(), expected);
        }
    }
}

#[test]
fn a_file_that_was_there_before_is_cut_off() {
    let folder = Folder::new();
    fs::write(folder.out(), "old ".repeat(1000)).expect("room");
    through(&folder, |_| folder.options(), |number| number)
        .into_iter()
        .for_each(|report| _ = report.expect("no error"));
    assert_eq!(folder.text(), numbers());
}

#[test]
fn a_function_is_given_what_is_in_a_complete_checkpoint() {
    let folder = Folder::new();
    let given: &'static Mutex<Vec<(u64, u64)>> = Box::leak(Box::new(Mutex::new(vec![])));
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..200).map(|number| (number, number)));
        let slow = source.map("slow", |number| {
            thread::sleep(Duration::from_micros(300));
            number
        });
        _ = slow.on([1]).to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n"));
        let checkpoints = folder.0.join("checkpoints");
        _ = source.to_function("given", move |number, records| {
            let entries = fs::read_dir(&checkpoints).map_err(|error| error.to_string())?;
            let complete = entries.filter_map(|entry| {
                entry.ok()?.file_name().to_str()?.strip_prefix("complete-")?.parse::<u64>().ok()
            });
            if complete.max().is_none_or(|newest| newest < number) {
                return Err(format!("{number} is too early"));
            }
            given.lock().expect("no panic").extend(records.iter().map(|record| (number, *record)));
            Ok(())
        });
        graph
    };
    let reports = run_on(&[0, 1], |_| folder.options().checkpoint_every(10).channel(64).retries(0), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    // The last ones come with the checkpoint at the end.
    let expected: Vec<_> = (0..200).map(|number| (number / 10 + 1, number)).collect();
    assert_eq!(*given.lock().expect("no panic"), expected);
}

/// Its rank has only written its state at the end, and later checkpoints need that.
#[test]
fn a_source_that_ends_early_is_part_of_later_checkpoints() {
    let folder = Folder::new();
    let has_failed: &'static Mutex<bool> = Box::leak(Box::new(Mutex::new(false)));
    let build = || {
        let graph = Graph::new();
        let source = |name: &str, count: u64| {
            graph.source(name, move |from| (from..count).map(move |number| (number, number)))
        };
        let both = source("long", 100).union("both", &source("short", 15).on([1]));
        let mapped = both.map("mapped", |number| {
            if number == 55 && !std::mem::replace(&mut *has_failed.lock().expect("no panic"), true) {
                panic!("for once");
            }
            number
        });
        _ = mapped.to_file("out", folder.out(), Durability::Process, |number| format!("{number}\n")).on([2]);
        graph
    };
    let reports = run_on(&[0, 1, 2], |_| slow(&folder, 10).strict(), build);
    let reports: Vec<_> = reports.into_iter().map(|report| report.expect("no error")).collect();
    assert!(reports.iter().all(|report| report.went_back == 1 && report.checkpoint > 5), "{reports:?}");
    let expected: String = (0..100).map(|at| format!("{at}\n").repeat(if at < 15 { 2 } else { 1 })).collect();
    assert_eq!(folder.text(), expected);
}
