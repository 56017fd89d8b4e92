//! Graphs whose ranks are processes of the operating system, which are killed and come again.

use kit::{Child, Dice, Folder, SIGCONT, SIGSTOP};
use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::dataflow::{Graph, Options, RunError, Window};
use mailbox_patterns::delivery::Durability;
use std::cell::Cell;
use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

const RANKS: u32 = 3;
const RANK: &str = "DATAFLOW_TEST_RANK";
const FOLDER: &str = "DATAFLOW_TEST_FOLDER";
/// How long each record takes, in microseconds.
const PACE: &str = "DATAFLOW_TEST_PACE";
/// Where a process kills itself, in its first life.
const POINT: &str = "DATAFLOW_TEST_POINT";
const POINTS: [&str; 6] = ["source", "fold", "text", "before commit", "after commit", "none"];
const RECORDS: u64 = 4000;
/// What a function was given, a line for each call.
const CALLS: &str = "calls";

/// Kills this process when it comes here for the so many-th time, if this is the point.
fn reach(point: &'static str, wanted: &str, count: u64) -> impl Fn() + use<> {
    let (is_wanted, left) = (point == wanted, Cell::new(count));
    move || {
        left.set(left.get().wrapping_sub(1));
        if is_wanted && left.get() == 0 {
            kit::kill_oneself();
        }
    }
}

/// Averages of sensors, and which of the readings are high. Both sinks are on rank 2.
fn graph(folder: &Path, pace: u64, point: &str) -> Graph {
    let [source, fold, text] =
        [("source", 1234), ("fold", 1000), ("text", 300)].map(|(at, n)| reach(at, point, n));
    let [before, after] = ["before commit", "after commit"].map(|at| reach(at, point, 7));
    let source = Rc::new(source);
    let graph = Graph::new();
    let readings = graph.sources("readings", 2, 10, move |part, from| {
        let source = source.clone();
        // One ends before the other.
        (from..RECORDS / (1 + part as u64)).map(move |number| {
            source();
            thread::sleep(Duration::from_micros(pace));
            let mut dice = Dice((part as u64) << 32 | number);
            (number + dice.below(15), (dice.below(20), dice.below(1000)))
        })
    });
    let readings = readings.on([0, 1]);
    let windows = readings.key_by("sensor", |reading| reading).parts(3).window(Window::Time(50));
    let sums = windows
        .fold("sum", (0_u64, 0_u64), move |sum, value| {
            fold();
            *sum = (sum.0 + value, sum.1 + 1);
        })
        .on([0, 1, 2]);
    let averages =
        sums.map("average", |(sensor, start, (sum, count))| (sensor, start, sum / count)).on([2, 0, 1]);
    _ = averages
        .to_file("averages", folder.join("averages"), Durability::Process, move |line| {
            text();
            format!("{line:?}\n")
        })
        .on([2]);
    let calls = folder.join(CALLS);
    let high = readings.filter("high", |(_, value)| *value > 990);
    _ = high
        .to_function("calls", move |number, records| {
            before();
            let mut file =
                fs::OpenOptions::new().create(true).append(true).open(&calls).map_err(|e| e.to_string())?;
            // One call of the system: a kill leaves all of it or nothing.
            file.write_all(format!("{number} {records:?}\n").as_bytes())
                .map_err(|error| error.to_string())?;
            after();
            Ok(())
        })
        .on([2]);
    graph
}

fn options(folder: &Path) -> Options {
    Options::new(folder.join("checkpoints")).checkpoint_every(100).channel(64)
}

#[test]
fn second_process() {
    let (Ok(rank), Ok(folder)) = (env::var(RANK), env::var(FOLDER)) else { return };
    kit::die_with_parent();
    kit::end_within(100);
    let pace = env::var(PACE).expect("given").parse().expect("a number");
    let me = Region::from_env().expect("handed over").join(rank.parse().expect("a rank")).expect("free");
    if me.epoch() == 1 {
        // It is not the graph's to receive, and keeps what comes behind it for the next life.
        for other in (0..RANKS).filter(|other| *other != me.rank()) {
            me.to(other).tag(1).send(b"unread").expect("room");
        }
    }
    let point = env::var(POINT).ok().filter(|_| me.epoch() == 1).unwrap_or_default();
    graph(folder.as_ref(), pace, &point).run(&me, &options(folder.as_ref())).expect("no error");
}

fn start(region: &Region, rank: u32, folder: &Path, pace: u64, point: &str) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::null());
    command.env(RANK, rank.to_string()).env(FOLDER, folder).env(PACE, pace.to_string()).env(POINT, point);
    region.hand_to(&mut command).expect("a file descriptor");
    Child::start(&mut command)
}

/// What the file has, and what the function was given: by number, each call with a number must have been given the same.
fn outcome(folder: &Path) -> (String, Vec<String>) {
    let averages = fs::read_to_string(folder.join("averages")).expect("a sink has made it");
    let calls = fs::read_to_string(folder.join(CALLS)).expect("a function has made it");
    let mut calls: Vec<(u64, String)> = calls
        .lines()
        .map(|line| line.split_once(' ').expect("a number and records"))
        .map(|(number, records)| (number.parse().expect("a number"), records.into()))
        .collect();
    calls.sort();
    calls.dedup();
    assert!(calls.windows(2).all(|two| two[0].0 < two[1].0), "two calls with a number have other records");
    (averages, calls.into_iter().map(|(_, records)| records).collect())
}

/// Without kills, all ranks in this process.
fn expected() -> (String, Vec<String>) {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
    thread::scope(|scope| {
        for rank in 0..RANKS {
            let (me, folder): (Endpoint, &Path) = (region.join(rank).expect("free"), &*folder);
            scope.spawn(move || graph(folder, 0, "").run(&me, &options(folder)).expect("no error"));
        }
    });
    outcome(&folder)
}

/// Kills processes as `victim` says, until all have ended. How many kills there were.
fn with_kills(folder: &Path, pace: u64, mut victim: impl FnMut(u32) -> Option<u32>) -> u32 {
    let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
    let mut children: Vec<_> = (0..RANKS).map(|rank| start(&region, rank, folder, pace, "")).collect();
    let mut kills = 0;
    while let Some(rank) = victim(kills) {
        let child = &mut children[rank as usize];
        if child.has_ended() {
            break;
        }
        child.kill();
        *child = start(&region, rank, folder, pace, "");
        kills += 1;
    }
    for child in &mut children {
        assert!(child.finish().success());
    }
    kills
}

#[test]
fn whichever_process_is_killed_the_outcome_is_the_same() {
    let expected = expected();
    assert!(expected.0.lines().count() > 1000 && expected.1.len() > 20);
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let folder = Folder::new();
        let kills = with_kills(&folder, 20, |kills| {
            thread::sleep(Duration::from_millis(5 + dice.below(60)));
            (kills < 8).then(|| dice.below(RANKS.into()) as u32)
        });
        assert!(kills > 0, "seed {seed}");
        assert!(outcome(&folder) == expected, "seed {seed}, {kills} kills");
    }
}

#[test]
fn wherever_a_process_dies_the_outcome_is_the_same() {
    let expected = expected();
    for point in POINTS {
        let folder = Folder::new();
        let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
        let mut children: Vec<_> = (0..RANKS).map(|rank| start(&region, rank, &folder, 0, point)).collect();
        let mut kills = 0;
        for rank in (0..RANKS).cycle() {
            let child = &mut children[rank as usize];
            if child.has_ended() && !child.finish().success() {
                *child = start(&region, rank, &folder, 0, point);
                kills += 1;
            }
            if children.iter_mut().all(Child::has_ended) {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert!(children.iter_mut().all(|child| child.finish().success()));
        assert_eq!(kills > 0, point != "none", "{point}");
        assert!(outcome(&folder) == expected, "{point}, {kills} kills");
    }
}

#[test]
fn all_processes_may_die_and_a_stopped_one_is_waited_for() {
    let expected = expected();
    let folder = Folder::new();
    for life in 0..4 {
        // Another region each time: only the folder is left.
        let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
        let pace = if life < 3 { 60 } else { 0 };
        let mut children: Vec<_> = (0..RANKS).map(|rank| start(&region, rank, &folder, pace, "")).collect();
        thread::sleep(Duration::from_millis(60));
        let stopped = &children[life % RANKS as usize];
        if life < 3 {
            stopped.signal(SIGSTOP);
            thread::sleep(Duration::from_millis(200));
            stopped.signal(SIGCONT);
            thread::sleep(Duration::from_millis(60));
            children.iter_mut().for_each(Child::kill);
        } else {
            assert!(children.iter_mut().all(|child| child.finish().success()));
        }
    }
    assert!(outcome(&folder) == expected);
    // It has ended, and ends at once.
    let before = fs::read_to_string(folder.join(CALLS)).expect("it is there");
    let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
    for rank in 0..RANKS {
        assert!(start(&region, rank, &folder, 0, "").finish().success());
    }
    assert!(outcome(&folder) == expected);
    let again = fs::read_to_string(folder.join(CALLS)).expect("it is there");
    assert!(again.starts_with(&before));
}

/// The moment in which the coordinator has noted the end, and the others may not know.
#[test]
fn a_process_that_dies_at_the_very_end_is_not_waited_for() {
    let expected = expected();
    for round in 0..6 {
        let folder = Folder::new();
        let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
        let mut children: Vec<_> = (0..RANKS).map(|rank| start(&region, rank, &folder, 0, "")).collect();
        let end = folder.join(format!("checkpoints/complete-{}", u64::MAX));
        kit::wait_until("the end is noted", || end.exists());
        let rank = round % RANKS;
        children[rank as usize].kill();
        children[rank as usize] = start(&region, rank, &folder, 0, "");
        assert!(children.iter_mut().all(|child| child.finish().success()));
        assert!(outcome(&folder) == expected, "rank {rank}");
    }
}

#[test]
fn a_rank_that_nobody_comes_as_is_missing() {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
    let me = region.join(0).expect("free");
    let mut children: Vec<_> = (1..RANKS).map(|rank| start(&region, rank, &folder, 2000, "")).collect();
    let outcome = thread::scope(|scope| {
        let path = &*folder;
        let options = options(path).patience(Duration::from_secs(3));
        let run = scope.spawn(move || graph(path, 2000, "").run(&me, &options));
        let begun = folder.join("averages");
        kit::wait_until("the graph runs", || fs::metadata(&begun).is_ok());
        children[0].kill();
        run.join().expect("no panic")
    });
    let error = outcome.expect_err("a rank is missing");
    assert!(matches!(error, RunError::Missing { rank: 1 }), "{error}");
    // It was told.
    assert!(!children[1].finish().success());
}
