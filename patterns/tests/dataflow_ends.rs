//! Graphs whose sources end at different times, whose ranks end with errors, and whose mailboxes have mail of earlier lives.

#[path = "dataflow/place.rs"]
mod place;

use kit::{Child, Folder};
use mailbox::{Config, RecvError, Region};
use mailbox_patterns::dataflow::{CheckpointError, Graph, Options, Rates, Report, RunError, Window};
use mailbox_patterns::delivery::Durability;
use place::{options, out_of, written};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const RANK: &str = "DATAFLOW_ENDS_RANK";
const FOLDER: &str = "DATAFLOW_ENDS_FOLDER";
const PATIENCE: &str = "DATAFLOW_ENDS_PATIENCE";

/// Runs the graph on the ranks from 0 on, each in a thread. No endpoint goes before all have returned.
fn run_on(
    ranks: u32,
    options: impl Fn(u32) -> Options + Sync,
    build: impl Fn() -> Graph + Sync,
) -> Vec<Result<Report, RunError>> {
    let region = Region::create_unnamed(Config::ranks(ranks)).expect("memory");
    let endpoints: Vec<_> = (0..ranks).map(|rank| region.join(rank).expect("free")).collect();
    thread::scope(|scope| {
        let run = |me| {
            let (options, build) = (&options, &build);
            scope.spawn(move || {
                let outcome = build().run(&me, &options(me.rank()));
                (me, outcome)
            })
        };
        let threads: Vec<_> = endpoints.into_iter().map(run).collect();
        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        ended.into_iter().map(|(_, outcome)| outcome).collect()
    })
}

#[test]
fn a_source_that_has_ended_stays_so_when_the_graph_goes_back() {
    for short in [0, 20, 25] {
        let folder = Folder::new();
        let has_failed: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let build = || {
            let graph = Graph::new();
            let short = graph.source("short", move |from| (from..short).map(|number| (number, number)));
            let long = graph.source("long", |from| (from..200).map(|number| (number, 1000 + number)));
            let long = long.on([2]).map("once", |number| {
                assert!(number != 1150 || has_failed.swap(true, Ordering::Relaxed), "for once");
                number
            });
            let both = short.on([1]).union("both", &long).on([0]);
            _ = both.to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"));
            graph
        };
        let reports = run_on(3, |_| options(&folder).checkpoint_every(10).channel(4), build);
        let reports: Vec<_> = reports.into_iter().map(|report| report.expect("no error")).collect();
        assert!(reports.iter().all(|report| (report.went_back, report.checkpoint) == (1, 20)), "{reports:?}");
        let rounds = (0..200).flat_map(|at| [(at < short).then_some(at), Some(1000 + at)]);
        let expected: String = rounds.flatten().map(|number| format!("{number}\n")).collect();
        assert_eq!(written(&folder), expected);
    }
}

/// Numbers from rank 0 to a file of rank 1.
fn numbers(out: &Path, count: u64, pace: Duration) -> Graph {
    let graph = Graph::new();
    let source = graph.source("numbers", move |from| {
        (from..count).map(move |number| {
            thread::sleep(pace);
            (number, number)
        })
    });
    _ = source.to_file("out", out, Durability::Process, |number| format!("{number}\n")).on([1]);
    graph
}

fn listed(count: u64) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

#[test]
fn a_rank_that_cannot_write_its_checkpoint_is_not_waited_for() {
    for (bad, good) in [(0_u32, 1), (1, 0)] {
        let folder = Folder::new();
        // Nothing can be written there.
        let in_the_way = folder.join(format!("checkpoints/new-state-{:020}-{bad}", 2));
        fs::create_dir_all(in_the_way).expect("new names");
        let build = || numbers(&out_of(&folder), 100, Duration::ZERO);
        let outcomes = run_on(2, |_| options(&folder).checkpoint_every(10), build);
        let error = outcomes[bad as usize].as_ref().expect_err("no room");
        assert!(matches!(error, RunError::Checkpoint(_)), "{error}");
        let error = outcomes[good as usize].as_ref().expect_err("the other has ended");
        let is_told =
            error.to_string().contains(&format!("rank {bad}: ")) && error.to_string().contains("state-");
        assert!(is_told, "{error}");
    }
}

#[test]
fn a_rank_that_the_region_does_not_have_is_told_at_once() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..9_u64).map(|number| (number, number)));
        _ = source.to_file("out", out_of(&folder), Durability::Process, |_| String::new()).on([7]);
        graph
    };
    let outcomes = run_on(2, |_| options(&folder), build);
    assert!(matches!(outcomes[0], Err(RunError::Outside { rank: 7, ranks: 2 })), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(RunError::NoPart { rank: 1 })), "{outcomes:?}");
}

/// What a fold hands on has its place in time: neither is it late where it comes, nor is it before the records that it is made of.
#[test]
fn what_a_fold_makes_is_not_late() {
    // One key in all records, and one in the first.
    let times: Vec<(u64, u64)> = (0..128).map(|at| (at, u64::from(at == 0))).collect();
    for window in [None, Some(Window::Count(5)), Some(Window::Time(7))] {
        let folder = Folder::new();
        let build = || {
            let (graph, times) = (Graph::new(), times.clone());
            let source = graph.source("times", move |from| times.clone().into_iter().skip(from as usize));
            let keyed = source.key_by("key", |key| (key, 1_u64)).parts(1);
            let add = |sum: &mut u64, one| *sum += one;
            let sums = match window {
                None => keyed.fold("sum", 0, add),
                Some(window) => {
                    keyed.window(window).fold("sum", 0, add).map("short", |(key, _, sum)| (key, sum))
                }
            };
            let again = sums.key_by("all", |(_, sum)| ((), sum)).parts(1).window(Window::Time(1));
            _ = again.fold("again", 0, add).to_file(
                "out",
                out_of(&folder),
                Durability::Process,
                |(_, _, sum)| format!("{sum}\n"),
            );
            graph
        };
        let report = run_on(1, |_| options(&folder), build).remove(0).expect("no error");
        assert!(report.rates.operators.iter().all(|rate| rate.late == 0), "{window:?}: {report:?}");
        let sum: u64 = written(&folder).lines().map(|line| line.parse::<u64>().expect("a number")).sum();
        assert_eq!(sum, 128, "{window:?}");
    }
}

#[test]
fn a_window_by_count_has_the_time_of_its_latest_record() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let times = [30_u64, 10, 20, 12, 11];
        let source =
            graph.source("times", move |from| times.map(|time| (time, time)).into_iter().skip(from as usize));
        let lists = source.key_by("one", |time| ((), time)).parts(1).window(Window::Count(2));
        let lists = lists.fold("list", vec![], |list, time| list.push(time));
        // A window of the length 1 says which time it is.
        let timed = lists.key_by("same", |(_, _, list)| (list, ())).parts(1).window(Window::Time(1));
        _ = timed.fold("time", (), |(), ()| {}).to_file(
            "out",
            out_of(&folder),
            Durability::Process,
            |(list, time, ())| format!("{list:?} at {time}\n"),
        );
        graph
    };
    _ = run_on(1, |_| options(&folder), build).remove(0).expect("no error");
    assert_eq!(written(&folder), "[11] at 11\n[20, 12] at 20\n[30, 10] at 30\n");
}

#[test]
fn windows_at_the_end_of_time_have_their_records() {
    for width in [1, 2, 10, 1 << 63, u64::MAX - 1, u64::MAX] {
        let folder = Folder::new();
        let build = || {
            let graph = Graph::new();
            let source = graph.source("times", |from| (from..100).map(|_| (u64::MAX, ())));
            let windows = source.key_by("one", |()| ((), ())).parts(1).window(Window::Time(width));
            let counts = windows.fold("count", 0_u64, |count, ()| *count += 1);
            _ = counts.to_file("out", out_of(&folder), Durability::Process, |(_, start, count)| {
                format!("{start}: {count}")
            });
            graph
        };
        let report = run_on(1, |_| options(&folder), build).remove(0).expect("no error");
        assert_eq!(written(&folder), format!("{}: 100", u64::MAX - u64::MAX % width), "{report:?}");
    }
}

#[test]
fn second_process() {
    let (Ok(rank), Ok(folder)) = (env::var(RANK), env::var(FOLDER)) else { return };
    kit::die_with_parent();
    kit::end_within(100);
    let me = Region::from_env().expect("handed over").join(rank.parse().expect("a rank")).expect("free");
    let folder = Path::new(&folder);
    let patience = Duration::from_millis(env::var(PATIENCE).expect("given").parse().expect("a number"));
    let options = Options::new(folder.join("checkpoints")).checkpoint_every(20).channel(8).patience(patience);
    if me.epoch() == 1 {
        // It is not the graph's to receive.
        me.to(1 - me.rank()).tag(1).send(b"unread").expect("room");
    }
    let outcome = numbers(&folder.join("out"), 300, Duration::from_millis(1)).run(&me, &options);
    kit::exit_with(match outcome {
        Ok(_) => 0,
        Err(RunError::Missing { .. }) => 3,
        Err(error) => panic!("{error}"),
    });
}

fn start(region: &Region, rank: u32, folder: &Path, patience: u32) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::null());
    command.env(RANK, rank.to_string()).env(FOLDER, folder).env(PATIENCE, patience.to_string());
    region.hand_to(&mut command).expect("a file descriptor");
    Child::start(&mut command)
}

/// Mail that is not the graph's keeps all that comes behind it in the mailbox: the next life reads it again.
#[test]
fn notes_to_an_earlier_life_change_nothing() {
    for victim in [0, 1] {
        let folder = Folder::new();
        let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
        let mut children = [0, 1].map(|rank| start(&region, rank, &folder, 20_000));
        let complete = |number: u64| folder.join(format!("checkpoints/complete-{number:020}"));
        for number in [4, 8] {
            kit::wait_until("a checkpoint is complete", || complete(number).exists());
            children[victim].kill();
            children[victim] = start(&region, victim as u32, &folder, 20_000);
        }
        assert!(children.iter_mut().all(|child| child.finish().success()));
        assert_eq!(written(&folder), listed(300));
    }
}

#[test]
fn a_failure_of_an_earlier_run_does_not_end_the_next() {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let mut dead = start(&region, 1, &folder, 20_000);
    kit::wait_until("it is there", || matches!(region.status(1), Some((mailbox::Status::Live, _))));
    // So that it has said Hello, most likely.
    thread::sleep(Duration::from_millis(100));
    dead.kill();
    assert_eq!(start(&region, 0, &folder, 200).finish().code(), Some(3));
    let mut children = [0, 1].map(|rank| start(&region, rank, &folder, 20_000));
    assert!(children.iter_mut().all(|child| child.finish().success()));
    assert_eq!(written(&folder), listed(300));
}

#[test]
fn mail_that_nobody_receives_is_told_if_it_is_in_the_way() {
    for is_in_the_way in [true, false] {
        let folder = Folder::new();
        let region = Region::create_unnamed(Config::ranks(3).cells(64)).expect("memory");
        let [zero, one, stranger] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
        if is_in_the_way {
            one.to(0).tag(1).send(b"unread").expect("room");
        }
        // Who has no part in the graph may fill its own mailboxes.
        while stranger.to(0).tag(1).try_send(b"unread").is_ok() {}
        let outcomes = thread::scope(|scope| {
            let threads = [zero, one].map(|me| {
                let folder = &folder;
                scope.spawn(move || {
                    let graph = Graph::new();
                    let source = graph.source("numbers", |from| (from..2000).map(|number| (number, number)));
                    let out = source.on([1]).map("same", |number| number).on([0]);
                    _ = out
                        .to_file("out", out_of(folder), Durability::Process, |number| format!("{number}\n"));
                    let outcome = graph.run(&me, &options(folder).channel(8));
                    (outcome, me)
                })
            });
            threads.map(|thread| thread.join().expect("no panic")).map(|(outcome, _)| outcome)
        });
        if is_in_the_way {
            let is_told = matches!(outcomes[0], Err(RunError::Recv(RecvError::Crowded { rank: 1, .. })));
            assert!(is_told && matches!(outcomes[1], Err(RunError::Other { rank: 0, .. })), "{outcomes:?}");
        } else {
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
            assert_eq!(written(&folder), listed(2000));
        }
    }
}

/// The coordinator does something else for a while. Otherwise it has nothing to do with the numbers.
#[test]
fn checkpoints_do_not_pile_up_while_the_coordinator_is_slow() {
    let folder = Folder::new();
    let checkpoints = folder.join("checkpoints");
    let states = move || {
        let names = fs::read_dir(&checkpoints)
            .expect("it is there")
            .map(|entry| entry.expect("readable").file_name());
        names
            .filter(|name| {
                name.to_str().is_some_and(|name| name.starts_with("state-") && name.ends_with("-1"))
            })
            .count()
    };
    let [read, most, most_read] = [0; 3].map(|zero| &*Box::leak(Box::new(AtomicUsize::new(zero))));
    let options = |rank| {
        let options = options(&folder).checkpoint_every(1);
        let states = states.clone();
        let look = move |_: &Rates| {
            if most.load(Ordering::Relaxed) == 0 && states() > 0 {
                thread::sleep(Duration::from_millis(300));
                most.store(states(), Ordering::Relaxed);
                most_read.store(read.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        };
        if rank == 0 { options.show_rates(Duration::from_millis(1), look) } else { options }
    };
    let build = || {
        let graph = Graph::new();
        let none = graph.source("none", |_| core::iter::empty::<(u64, u64)>());
        _ = none.to_function("nothing", |_, _| Ok(()));
        let numbers = graph.source("numbers", |from| {
            (from..1000).map(|number| {
                read.fetch_add(1, Ordering::Relaxed);
                (number, number)
            })
        });
        let numbers = numbers.on([1]);
        _ = numbers.to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"));
        graph
    };
    let reports = run_on(2, options, build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    assert_eq!(written(&folder), listed(1000));
    assert!((1..12).contains(&most.load(Ordering::Relaxed)), "{most:?}");
    // Nor are their states held in memory.
    assert!(most_read.load(Ordering::Relaxed) < 24, "{most_read:?}");
}

#[test]
fn a_folder_is_of_one_run_at_a_time() {
    let folder = Folder::new();
    let own = &folder;
    let graph = |out: PathBuf, map: fn(u64) -> u64| {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..100).map(|number| (number, number)));
        let mapped = source.map("mapped", map).on([1]);
        _ = mapped.to_file("out", out, Durability::Process, |number| format!("{number}\n"));
        graph
    };
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    thread::scope(|scope| {
        let slow = |number| {
            kit::wait_until("the other has ended", || number != 50 || IS_OVER.load(Ordering::Relaxed));
            number
        };
        let first = scope.spawn(move || run_on(2, |_| options(own).channel(8), || graph(out_of(own), slow)));
        let lock = folder.join("checkpoints/lock");
        kit::wait_until("it has begun", || lock.exists() && out_of(&folder).exists());
        let outcomes =
            run_on(2, |_| options(&folder).channel(8), || graph(folder.join("other"), |number| number));
        let is_told = matches!(outcomes[0], Err(RunError::Checkpoint(CheckpointError::InUse { .. })));
        assert!(is_told && matches!(outcomes[1], Err(RunError::Other { rank: 0, .. })), "{outcomes:?}");
        IS_OVER.store(true, Ordering::Relaxed);
        assert!(first.join().expect("no panic").iter().all(Result::is_ok));
    });
    assert_eq!(written(&folder), listed(100));
    assert!(!folder.join("other").exists());
}

#[test]
fn ranks_whose_checkpoints_are_in_different_folders_are_told() {
    let (one, other) = (Folder::new(), Folder::new());
    let build = || numbers(&out_of(&one), 100, Duration::ZERO);
    let outcomes = run_on(2, |rank| options([&one, &other][rank as usize]), build);
    let is_told = matches!(&outcomes[1], Err(RunError::Checkpoint(CheckpointError::Elsewhere { path, .. })) if path.starts_with(&*other));
    assert!(is_told && matches!(outcomes[0], Err(RunError::Other { rank: 1, .. })), "{outcomes:?}");
}
