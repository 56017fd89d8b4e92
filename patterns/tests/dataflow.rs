//! Graphs of operators, whose ranks are threads.

use kit::{Dice, Name};
use mailbox::{Config, Region};
use mailbox_patterns::dataflow::{Graph, GraphError, Options, Rates, Report, RunError, Stream, Window};
use mailbox_patterns::delivery::Durability;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
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

/// A graph with all that there is; each operator is on a rank that `place` chooses.
fn everything(out: &Path, place: &mut dyn FnMut(usize) -> Vec<u32>) -> Graph {
    let graph = Graph::new();
    let lines = graph
        .sources("lines", 3, 20, |part, from| words(part as u64, from, 300 + 40 * part as u64))
        .on(place(3));
    let numbers = graph.source("numbers", |from| (from..900).map(|number| (number * 4, number))).on(place(1));
    let tokens = lines.flat_map("tokens", |line| line.split(' ').map(Into::into).collect::<Vec<String>>());
    let tokens = tokens.on(place(3));
    let named = numbers.map("named", |number| format!("w{}", number % 60)).on(place(1));
    let all = tokens.union("all", &named).on(place(1)).filter("not w3", |word| word != "w3").on(place(1));
    let counts = |name: &str, window| {
        let keyed = all.key_by(&format!("{name} key"), |word| (word.clone(), word.len() as u64));
        keyed.window(window).fold(name, 0_u64, |sum, len| *sum = sum.wrapping_mul(31) + len)
    };
    let by_count = counts("by count", Window::Count(10)).on(place(4));
    let by_time = counts("by time", Window::Time(100)).on(place(4));
    let whole = tokens.key_by("key", |word| (word.len() as u64, word)).parts(3);
    let whole = whole.fold("last", String::new(), |last, word| *last = word).on(place(3));
    let whole = whole.map("as others", |(len, word)| (word, len, 0)).on(place(3));
    let windows: Stream<(String, u64, u64)> = by_count.union("windows", &by_time).on(place(4));
    let results = windows.union("results", &whole).on(place(1));
    _ = results
        .to_file("out", out, Durability::Process, |(word, number, sum)| format!("{word} {number} {sum}\n"));
    graph
}

/// Runs it with that placement, and says what comes out.
fn outcome(seed: u64, ranks: u32, channel: usize, every: u64) -> (String, u64) {
    let folder = Folder::new();
    let build = || {
        let mut dice = Dice(seed);
        everything(&folder.out(), &mut |parts| {
            (0..1 + dice.below(parts as u64)).map(|_| dice.below(ranks.into()) as u32).collect()
        })
    };
    let used: Vec<u32> =
        (0..ranks).filter(|rank| build().dot().expect("sound").contains(&format!("rank {rank}\""))).collect();
    let options = |_| folder.options().channel(channel).checkpoint_every(every);
    let late = run_on(&used, options, build).into_iter().map(|report| {
        let report = report.expect("no error");
        assert_eq!(report.went_back, 0);
        report.rates.operators.iter().map(|rate| rate.late).sum::<u64>()
    });
    let late = late.sum();
    (folder.text(), late)
}

#[test]
fn the_outcome_is_the_same_whatever_the_placement() {
    let alone = outcome(0, 1, 1024, 0);
    assert!(alone.0.lines().count() > 300 && alone.1 > 0, "{} late", alone.1);
    for seed in 1..16 {
        let mut dice = Dice(seed);
        let channel = [1, 2, 7, 64, 1024][dice.below(5) as usize];
        let every = [0, 1, 10, 100][dice.below(4) as usize];
        let other = outcome(seed, 1 + dice.below(4) as u32, channel, every);
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
    let names = ["both", "next", "small", "loop"].map(String::from);
    match graph.check() {
        Err(GraphError::Cycle { mut operators }) => {
            let first = operators.iter().position(|name| name == "both").expect("it is on it");
            operators.rotate_left(first);
            assert_eq!(operators, names);
        }
        other => panic!("{other:?}"),
    }
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
