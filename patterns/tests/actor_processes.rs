//! Actors of processes of the operating system, which are killed and stopped.

#[path = "actor/probe.rs"]
mod probe;

use kit::{Child, Dice, PATIENCE, SIGCONT, SIGSTOP};
use mailbox::{Config, Deadline, Region};
use mailbox_patterns::actor::{
    Actor, ActorId, Address, AskError, Children, Context, Down, Limits, NameError, Next, Reason, Reply,
    Strategy, Supervise, Supervisor, System, TellError,
};
use mailbox_patterns::codec::Postcard;
use mailbox_patterns::protocol;
use postcard_schema::Schema;
use probe::{Do, Log, probe, run};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const ROLE: &str = "PATTERNS_TEST_ROLE";
const RANK: &str = "PATTERNS_TEST_RANK";

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Schema)]
struct Number(u64);

protocol! { Number as "Number" in Postcard }

#[derive(Debug, Clone, Copy, Serialize, Deserialize, Schema)]
enum Count {
    /// The next number of a sender, which counts up from 1.
    Next(u64),
    Get(Reply<Number>),
}

protocol! { Count as "Count" in Postcard }

/// Counts, and panics if a number comes twice, or out of order. It has a name of its own.
struct Counter {
    name: String,
    last: u64,
}

impl Actor<Count> for Counter {
    fn started(&mut self, cx: &mut Context<'_, Count>) {
        // If it is taken, the former one has ended and its rank does not know yet.
        cx.register(&self.name, SECOND * 60, |_| Count::Next(0));
    }

    fn receive(&mut self, count: Count, cx: &mut Context<'_, Count>) -> Next<Count> {
        match count {
            Count::Next(0) => {}
            Count::Next(number) => {
                assert!(number > self.last, "{number} after {}", self.last);
                self.last = number;
            }
            Count::Get(reply) => _ = cx.reply(reply, Number(self.last)),
        }
        Next::Same
    }
}

#[test]
fn second_process() {
    let (Ok(role), Ok(rank)) = (env::var(ROLE), env::var(RANK)) else { return };
    kit::die_with_parent();
    kit::end_within(100);
    let rank: u32 = rank.parse().expect("a rank");
    let me = Region::from_env().expect("a region").join(rank).expect("free");
    let mut system = System::new(me, Limits::default());
    system.kind("counter", |Number(name)| Counter { name: format!("counter-{name}"), last: 0 });
    if role == "boss" {
        let supervisor = Supervisor::new(Strategy::OneForOne).child_on("child", &[2], "counter", &Number(7));
        system.spawn(supervisor).expect("room");
    }
    system.run_until(Deadline::Never, |_| false).expect("it works");
}

fn start(region: &Region, role: &str, rank: u32) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).env(ROLE, role).env(RANK, rank.to_string());
    region.hand_to(&mut command).expect("a file descriptor");
    let before = region.status(rank).expect("a rank").1;
    let child = Child::start(command.stdout(std::process::Stdio::null()));
    // Until it is there: what ends before is another life.
    kit::wait_until("it joins", || region.status(rank).expect("a rank").1 > before);
    child
}

#[derive(Debug)]
enum Seen {
    Down(Down),
    Number(u64, Result<Number, AskError>),
}

fn children(system: &mut System, supervisor: Address<Supervise>) -> Vec<ActorId> {
    let Children(all) = system.ask(supervisor, SECOND * 10, Supervise::children).expect("it runs");
    all.into_iter().filter_map(|(_, actor)| actor).collect()
}

/// Until all children run, and answer. Which they are.
#[track_caller]
fn all_answer(system: &mut System, supervisor: Address<Supervise>, count: usize) -> Vec<ActorId> {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "not in time: {count} children answer");
        let found = children(system, supervisor);
        let answers =
            |actor: &ActorId| system.ask(actor.address(), SECOND, Count::Get).is_ok_and(|Number(_)| true);
        if found.len() == count && found.iter().all(answers) {
            return found;
        }
        system.run_for(MILLI).expect("it works");
    }
}

#[test]
fn children_of_killed_processes_are_started_again_and_each_end_is_told_once() {
    let region = Region::create_unnamed(Config::ranks(4)).expect("memory");
    let mut hosts: BTreeMap<u32, Child> = (1..4).map(|rank| (rank, start(&region, "host", rank))).collect();
    let mut system = System::new(region.join(0).expect("free"), Limits::default());
    let (probe, log) = probe(&mut system);
    let supervisor =
        (0..6).fold(Supervisor::new(Strategy::OneForOne).restarts(1000, SECOND * 60), |supervisor, child| {
            let ranks = [1 + child % 3, 1 + (child + 1) % 3];
            supervisor.child_on(&format!("{child}"), &ranks, "counter", &Number(child.into()))
        });
    let supervisor = system.spawn(supervisor).expect("room");
    let mut dice = Dice(3);
    let mut number = 0;
    let (mut asked, mut monitored) = (0, vec![]);
    for _ in 0..12 {
        for actor in all_answer(&mut system, supervisor, 6) {
            monitored.push(actor);
            run(&mut system, probe, move |cx| {
                cx.monitor(actor, |down| Do::See(Seen::Down(down)));
            });
        }
        let victim = 1 + dice.below(3) as u32;
        let end = Instant::now() + Duration::from_micros(dice.below(3000));
        // In the middle of work.
        let mut is_killed = false;
        let found = children(&mut system, supervisor);
        for _ in 0..200 {
            for actor in &found {
                let to = actor.address::<Count>();
                number += 1;
                asked += 1;
                let count = number;
                run(&mut system, probe, move |cx| {
                    // It may have ended.
                    _ = cx.tell(to, Count::Next(count));
                    cx.ask(to, SECOND * 30, Count::Get, move |answer| Do::See(Seen::Number(count, answer)));
                });
            }
            system.turn(Deadline::Now).expect("it works");
            if !is_killed && Instant::now() >= end {
                is_killed = true;
                hosts.get_mut(&victim).expect("it runs").kill();
            }
        }
        hosts.get_mut(&victim).expect("it runs").kill();
        hosts.insert(victim, start(&region, "host", victim));
    }
    let is_over =
        |log: &Log| log.borrow().iter().filter(|seen| matches!(seen, Seen::Number(..))).count() == asked;
    assert!(system.run_until(PATIENCE, |_| is_over(&log)).expect("it works"), "each question ends");
    all_answer(&mut system, supervisor, 6);
    let mut downs = BTreeMap::new();
    for seen in log.borrow().iter() {
        match seen {
            Seen::Down(down) => {
                assert_eq!(down.reason, Reason::RankGone, "{down:?}");
                *downs.entry(down.actor).or_insert(0) += 1;
            }
            // The last number that it has is that of the message just before, if nothing was refused for want of room.
            Seen::Number(count, Ok(Number(last))) => assert!(last <= count, "{last} {count}"),
            Seen::Number(_, Err(AskError::Tell(error))) => {
                let is_known = matches!(
                    error,
                    TellError::RankGone { .. }
                        | TellError::Full(_)
                        | TellError::RankFull { .. }
                        | TellError::Gone(_)
                );
                assert!(is_known, "{error:?}");
            }
            Seen::Number(_, Err(error)) => panic!("{error:?}"),
        }
    }
    // Those that were watched in several rounds have a monitor for each.
    let alive = children(&mut system, supervisor);
    for (actor, told) in &downs {
        let times = monitored.iter().filter(|one| *one == actor).count();
        assert!(!alive.contains(actor) && *told == times, "{actor}: {told} of {times}");
    }
    let ended = monitored.iter().filter(|actor| !alive.contains(actor)).count();
    assert_eq!(downs.values().sum::<usize>(), ended);
}

#[test]
fn a_stopped_process_is_alive_and_goes_on() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let host = start(&region, "host", 1);
    let mut system = System::new(region.join(0).expect("free"), Limits::default());
    let (probe, log) = probe(&mut system);
    let counter: Address<Count> =
        system.spawn_on(1, "counter", &Number(1), SECOND * 30).expect("it is started");
    run(&mut system, probe, move |cx| {
        cx.monitor(counter.id(), |down| Do::See(Seen::Down(down)));
    });
    assert_eq!(system.ask(counter, SECOND * 30, Count::Get), Ok(Number(0)));
    host.signal(SIGSTOP);
    // A signal takes its time.
    let mut has_stopped =
        || system.ask::<_, Number>(counter, MILLI * 50, Count::Get) == Err(AskError::Timeout);
    kit::wait_until("it stops", &mut has_stopped);
    let find = system.find::<Count>("other", MILLI * 50);
    assert!(matches!(find, Err(NameError::Timeout { .. })), "{find:?}");
    // As much as finds room waits for it.
    let sent = (1..).take_while(|number| system.tell(counter, Count::Next(*number)).is_ok()).count() as u64;
    host.signal(SIGCONT);
    let end = Instant::now() + PATIENCE;
    while system.ask(counter, SECOND * 30, Count::Get) != Ok(Number(sent)) {
        assert!(Instant::now() < end, "all that was sent comes");
    }
    assert!(log.borrow().is_empty(), "{log:?}");
}

#[test]
fn names_of_a_killed_process_are_free() {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let mut host = start(&region, "host", 1);
    let _other = start(&region, "host", 2);
    let mut system = System::new(region.join(0).expect("free"), Limits::default());
    for round in 0..5 {
        let first: Address<Count> =
            system.spawn_on(1, "counter", &Number(5), SECOND * 30).expect("it is started");
        let end = Instant::now() + PATIENCE;
        let found = loop {
            assert!(Instant::now() < end, "{round}: it is found");
            match system.find::<Count>("counter-5", SECOND * 30) {
                Ok(found) => break found,
                Err(NameError::NotFound { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(found, first);
        host.kill();
        assert_eq!(
            system.find::<Count>("counter-5", SECOND * 30),
            Err(NameError::NotFound { name: "counter-5".into() }),
            "{round}"
        );
        let own = system.spawn(Counter { name: "own".into(), last: 0 }).expect("room");
        assert_eq!(system.register("counter-5", own.id(), SECOND * 30), Ok(()));
        run_out(&mut system, own);
        host = start(&region, "host", 1);
    }
}

/// Ends an actor.
fn run_out(system: &mut System, actor: Address<Count>) {
    let id = actor.id();
    let killer = system.spawn(move |(), cx: &mut Context<'_, ()>| {
        cx.stop(id);
        Next::Stop
    });
    system.tell(killer.expect("room"), ()).expect("room");
    assert!(system.run_until(PATIENCE, |system| !system.has(id)).expect("it works"));
}

#[test]
fn children_end_with_the_process_of_their_supervisor() {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let _host = start(&region, "host", 2);
    let mut system = System::new(region.join(0).expect("free"), Limits::default());
    let (probe, log) = probe(&mut system);
    for round in 0..5 {
        let mut boss = start(&region, "boss", 1);
        let end = Instant::now() + PATIENCE;
        let child = loop {
            assert!(Instant::now() < end, "{round}: it is found");
            if let Ok(found) = system.find::<Count>("counter-7", SECOND * 30) {
                break found.id();
            }
        };
        run(&mut system, probe, move |cx| {
            cx.monitor(child, |down| Do::See(Seen::Down(down)));
        });
        system.run_for(MILLI).expect("it works");
        boss.kill();
        assert!(system.run_until(PATIENCE, |_| !log.borrow().is_empty()).expect("it works"));
        let seen = log.take();
        let [Seen::Down(Down { actor, reason: Reason::Linked(supervisor) })] = &seen[..] else {
            panic!("{round}: {seen:?}");
        };
        assert_eq!((*actor, supervisor.rank()), (child, 1));
    }
}
