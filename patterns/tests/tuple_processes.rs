//! Tuple spaces of processes of the operating system, which are killed.

use kit::{Child, Collected, SIGCONT, SIGSTOP, wait_until};
use mailbox::{Config, Endpoint, Region, Status};
use mailbox_patterns::tuple::{Evaluator, Limits, Shard, Space, Template, Tuple, TupleError, any};
use std::collections::BTreeMap;
use std::env;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
const SHARDS: u32 = 2;
const WORKERS: u32 = 3;
/// This process.
const ME: u32 = SHARDS + WORKERS;
const RANK: &str = "TUPLES_TEST_RANK";
const ROLE: &str = "TUPLES_TEST_ROLE";

#[test]
fn second_process() {
    let (Ok(rank), Ok(role)) = (env::var(RANK), env::var(ROLE)) else { return };
    kit::die_with_parent();
    kit::end_within(120);
    let me = Region::from_env().expect("handed over").join(rank.parse().expect("a rank")).expect("free");
    if role == "shard" {
        let error = Shard::begin(&me, 0..SHARDS, Limits::default()).expect("one of them").serve();
        panic!("{error}");
    }
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    work(&space, &role);
}

fn work(space: &Space<'_>, role: &str) {
    match role {
        // Prints each number that it takes, until it takes a negative one.
        "taker" => loop {
            let taken = space.take((any::<i64>(), any::<i64>())).expect("it comes");
            let (_, number): (i64, i64) = taken.read().expect("two numbers");
            if number < 0 {
                return;
            }
            println!("\ntaken {number}");
        },
        // Carries tasks out, until there is none with that key.
        "lessee" => loop {
            let lent = space.lease(("task", any::<i64>()), GUARD * 10).expect("it comes");
            let (_, number): (String, i64) = lent.tuple().clone().read().expect("a name and a number");
            let returns = i64::from(lent.tuple().returns());
            lent.replace(("task", "is done", number, returns)).expect("nobody else has it");
        },
        "evaluator" => {
            let mut evaluator = Evaluator::new(space, GUARD * 10);
            evaluator
                .register("double", |tuple| {
                    let (_, _, number): (i64, String, i64) = tuple.clone().read().expect("as it was put");
                    (2 * number, i64::from(tuple.returns())).into()
                })
                .expect("few");
            panic!("{}", evaluator.run());
        }
        "waiter" => _ = space.take(("wanted", any::<i64>())),
        "holder" => {
            let lent = space.lease(("held", any::<i64>()), Duration::from_millis(50)).expect("it comes");
            space.out(("it is", "held")).expect("room");
            space.take(("go", "on")).expect("it comes");
            let expired = lent.done().expect_err("it took its time");
            assert!(matches!(expired, TupleError::Expired { rank: 0 | 1, .. }), "{expired}");
        }
        other => panic!("no role {other}"),
    }
}

/// A process that does this as that rank.
fn start(region: &Region, rank: u32, role: &str) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process", "--nocapture"]).stdout(Stdio::piped());
    region.hand_to(command.env(RANK, rank.to_string()).env(ROLE, role)).expect("a file descriptor");
    Child::start(&mut command)
}

/// The shards, and this process.
fn begin() -> (Region, Vec<Child>, Endpoint) {
    let region = Region::create_unnamed(Config::ranks(ME + 1)).expect("memory");
    let shards = (0..SHARDS).map(|rank| start(&region, rank, "shard")).collect();
    let me = region.join(ME).expect("free");
    (region, shards, me)
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % below
    }
}

#[test]
fn whichever_process_is_killed_a_tuple_is_taken_once() {
    const TUPLES: i64 = 6000;
    let (region, _shards, me) = begin();
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    let mut printed = vec![];
    let mut begin_taker = |rank: u32| {
        let mut taker = start(&region, rank, "taker");
        printed.push(Collected::of(taker.output().expect("a pipe")));
        taker
    };
    let mut takers: Vec<_> = (SHARDS..ME).map(&mut begin_taker).collect();
    let (mut dice, mut kills) = (Dice(1), 0);
    for number in 0..TUPLES {
        space.out((number % 16, number)).expect("room");
        if dice.roll(TUPLES as u64 / 40) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(3000)));
            let taker = dice.roll(WORKERS.into()) as usize;
            takers[taker].kill();
            kills += 1;
            takers[taker] = begin_taker(SHARDS + taker as u32);
        }
    }
    assert!(kills > 10);
    for taker in &mut takers {
        while !taker.has_ended() {
            _ = space.out((0, -1)).map(|()| thread::sleep(Duration::from_millis(1)));
        }
        assert!(taker.finish().success());
    }
    let mut seen = BTreeMap::new();
    for taker in printed {
        let numbers = taker.text();
        let numbers = numbers.lines().filter_map(|line| line.strip_prefix("taken "));
        numbers.for_each(|number| *seen.entry(number.parse().expect("a number")).or_insert(0) += 1);
    }
    // What a process had taken and not printed is lost with it. All else is there, or will be once its end is known.
    let begin = Instant::now();
    while seen.len() as i64 + kills < TUPLES || begin.elapsed() < Duration::from_millis(300) {
        assert!(begin.elapsed() < GUARD, "{} of {TUPLES} tuples were seen, with {kills} kills", seen.len());
        if let Ok(tuple) = space.take_within((any::<i64>(), any::<i64>()), Duration::from_millis(50)) {
            let (_, number): (i64, i64) = tuple.read().expect("two numbers");
            if number >= 0 {
                *seen.entry(number).or_insert(0) += 1;
            }
        }
    }
    assert!(seen.values().all(|times| *times == 1), "{:?}", seen.iter().find(|(_, times)| **times > 1));
}

/// Kills workers at random until each task has its result, and says how many were carried out again.
fn each_has_one_result(
    role: &str,
    put: impl Fn(&Space<'_>, i64),
    result: Template,
    read: impl Fn(Tuple) -> (i64, i64),
) {
    const TASKS: i64 = 3000;
    let (region, _shards, me) = begin();
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    let mut workers: Vec<_> = (SHARDS..ME).map(|rank| start(&region, rank, role)).collect();
    (0..TASKS).for_each(|number| put(&space, number));
    let (mut dice, mut seen, mut again) = (Dice(2), BTreeMap::new(), 0);
    for _ in 0..TASKS {
        let tuple = space.take_within(result.clone(), GUARD).expect("each has a result");
        let (number, returns) = read(tuple);
        *seen.entry(number).or_insert(0) += 1;
        again += i64::from(returns > 0);
        if dice.roll(100) == 0 {
            let worker = dice.roll(WORKERS.into()) as usize;
            workers[worker].kill();
            workers[worker] = start(&region, SHARDS + worker as u32, role);
        }
    }
    assert_eq!(seen.len() as i64, TASKS);
    assert_eq!(space.try_take(result), Ok(None), "one result too many, and {again} came back");
}

#[test]
fn whichever_process_is_killed_each_task_has_one_result() {
    each_has_one_result(
        "lessee",
        |space, number| space.out(("task", number)).expect("room"),
        ("task", "is done", any::<i64>(), any::<i64>()).into(),
        |tuple| {
            let (_, _, number, returns): (String, String, i64, i64) = tuple.read().expect("as it was put");
            (number, returns)
        },
    );
}

#[test]
fn whichever_process_is_killed_each_function_completes_its_tuple_once() {
    each_has_one_result(
        "evaluator",
        |space, number| space.eval("double", (number % 7, "of", number)).expect("room"),
        (any::<i64>(), "of", any::<i64>(), any::<i64>(), any::<i64>()).into(),
        |tuple| {
            let (_, _, number, double, returns): (i64, String, i64, i64, i64) =
                tuple.read().expect("as it was completed");
            assert_eq!(double, 2 * number);
            (number, returns)
        },
    );
}

#[test]
fn one_that_is_killed_while_it_waits_takes_nothing() {
    let (region, _shards, me) = begin();
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    for number in 0..20 {
        let mut waiter = start(&region, SHARDS, "waiter");
        wait_until("it is there", || matches!(region.status(SHARDS), Some((Status::Live, _))));
        thread::sleep(Duration::from_millis(number as u64 % 4));
        waiter.kill();
        // The shard may not know of it yet.
        space.out(("wanted", number)).expect("room");
        assert_eq!(space.take_within(("wanted", number), GUARD), Ok(("wanted", number).into()));
    }
}

#[test]
fn the_death_of_a_shard_is_told_and_the_others_go_on() {
    let (region, mut shards, me) = begin();
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    let of = |rank| (0..).find(|key| space.rank_of(*key) == rank).expect("a key");
    let (kept, lost): (i64, i64) = (of(0), of(1));
    for key in [kept, lost] {
        space.out((key, 1)).expect("room");
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            shards[1].kill();
        });
        // It waits when its shard dies.
        assert_eq!(space.take_within((lost, 2), GUARD), Err(TupleError::Gone { rank: 1 }));
    });
    assert_eq!(space.take_within((any::<i64>(), 2), GUARD), Err(TupleError::Gone { rank: 1 }));
    assert_eq!(space.try_rd((kept, 1)), Ok(Some((kept, 1).into())));
    shards[1] = start(&region, 1, "shard");
    wait_until("it is there", || matches!(region.status(1), Some((Status::Live, 2))));
    assert_eq!(space.try_take((lost, 1)), Ok(None));
    space.out((lost, 1)).expect("room");
    shards[1].kill();
    shards[1] = start(&region, 1, "shard");
    wait_until("it is there", || matches!(region.status(1), Some((Status::Live, 3))));
    assert_eq!(space.out((lost, 1)), Err(TupleError::Restarted { rank: 1, epoch: 3 }));
    assert_eq!(space.try_take((lost, 1)), Ok(None));
    assert_eq!(space.take((kept, 1)), Ok((kept, 1).into()));
}

#[test]
fn a_shard_that_is_stopped_keeps_nobody_and_loses_nothing() {
    let (_region, shards, me) = begin();
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    space.out(("n", 1)).expect("room");
    let rank = space.rank_of("n");
    shards[rank as usize].signal(SIGSTOP);
    wait_until("it has stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", shards[rank as usize].id()));
        stat.is_ok_and(|stat| stat.contains(") T "))
    });
    let soon = Duration::from_millis(20);
    // As many as may be under way at once, and more.
    for _ in 0..100 {
        assert_eq!(space.take_within(("n", any::<i64>()), soon / 20), Err(TupleError::Timeout));
    }
    assert_eq!(space.take_within((any::<String>(), any::<i64>()), soon), Err(TupleError::Timeout));
    assert_eq!(space.out_within(("n", 2), soon), Err(TupleError::Timeout));
    shards[rank as usize].signal(SIGCONT);
    assert_eq!(space.take_within(("n", any::<i64>()), GUARD), Ok(("n", 1).into()));
}

#[test]
fn a_process_that_is_stopped_loses_its_lease() {
    let (region, _shards, me) = begin();
    let space = Space::begin(&me, 0..SHARDS).expect("shards");
    space.out(("held", 1)).expect("room");
    let mut holder = start(&region, SHARDS, "holder");
    space.take_within(("it is", "held"), GUARD).expect("it says so");
    holder.signal(SIGSTOP);
    let back = space.take_within(("held", 1), GUARD).expect("it came back");
    assert_eq!(back.returns(), 1);
    holder.signal(SIGCONT);
    space.out(("go", "on")).expect("room");
    assert!(holder.finish().success());
}
