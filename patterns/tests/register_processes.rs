//! Registers kept and used by processes of the operating system, which are killed, stopped and started again. What the clients have seen is
//! judged by a checker.

use kit::{Child, Collected, Lines, PATIENCE, SIGCONT, SIGSTOP, wait_until};
use mailbox::{Config, Deadline, Region};
use mailbox_patterns::register::{
    Gossip, Owner, Register, RegisterError, Remote, Replica, Replicated, Served,
};
use measure::clock;
use std::env;
use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[path = "histories/mod.rs"]
mod histories;

use histories::{History, Op, Outcome};

const VALUE: Register<u64> = Register::new("value");
/// The ranks of replicas. Those of clients follow.
const REPLICAS: u32 = 3;
const RANKS: u32 = 16;
const ROLE: &str = "PATTERNS_TEST_ROLE";
const RANK: &str = "PATTERNS_TEST_RANK";
/// Each starts a dozen processes.
const ROUNDS: u64 = 4;
/// Operations of a client. The checker tries orders, and a long history has too many.
const OPERATIONS: u64 = 16;
/// Between two of them, so that they last while others are killed.
const PAUSE: Duration = Duration::from_micros(500);

#[test]
fn second_process() {
    let (Ok(role), Ok(rank)) = (env::var(ROLE), env::var(RANK)) else { return };
    kit::die_with_parent();
    kit::end_within(100);
    run(&role, rank.parse().expect("a rank")).expect("it works");
}

fn run(role: &str, rank: u32) -> Result<(), Box<dyn Error>> {
    let me = Region::from_env()?.join(rank)?;
    match role {
        "owner" => {
            let mut owner = Owner::new(me, &VALUE, 0)?;
            loop {
                owner.serve(Deadline::Never)?;
            }
        }
        "replica" => {
            let mut replica = Replica::join(me, &VALUE, 0..REPLICAS, 0)?;
            loop {
                if replica.serve(Deadline::Never)? == Served::Recovered {
                    say("recovered");
                }
            }
        }
        "gossip" => {
            let mut member = Gossip::join(me, &VALUE, 0..RANKS, 0)?;
            member.write(u64::from(rank) + 1)?;
            // Says what it has heard, so that the test sees it.
            loop {
                member.tend(Duration::from_millis(1), Duration::from_millis(20))?;
                say(&format!("value {}", member.get()));
            }
        }
        "remote" => {
            let mut remote = Remote::new(&me, &VALUE, 0)?;
            wait_until("all have begun", || have_begun(me.region(), 1));
            client(rank, true, |op| match op {
                Op::Read => remote.read().map(Outcome::Value),
                Op::Write(value) => remote.write(&value).map(|()| Outcome::Written),
                Op::Swap(expected, new) => {
                    let swap = remote.compare_and_swap(&expected, &new)?;
                    Ok(swap.map_or_else(Outcome::NotSwapped, |()| Outcome::Swapped))
                }
            })
        }
        _ => {
            let mut value = Replicated::new(&me, &VALUE, 0..REPLICAS)?;
            value.set_limit(Duration::from_secs(30));
            wait_until("all have begun", || have_begun(me.region(), REPLICAS));
            client(rank, false, |op| match op {
                Op::Write(new) => value.write(&new).map(|()| Outcome::Written),
                _ => value.read().map(Outcome::Value),
            })
        }
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout();
    // Nobody may listen any more.
    _ = writeln!(output, "\n{line}").and_then(|()| output.flush());
}

fn now() -> u64 {
    clock().as_nanos() as u64
}

/// Whether three clients, from this rank on, have joined.
fn have_begun(region: &Region, first: u32) -> bool {
    (first..first + 3).all(|rank| region.status(rank).is_some_and(|(_, epoch)| epoch > 0))
}

/// Does one thing after the other, and says when each began and ended.
fn client(
    rank: u32,
    swaps: bool,
    mut operate: impl FnMut(Op) -> Result<Outcome, RegisterError>,
) -> Result<(), Box<dyn Error>> {
    let mut last = 0;
    for count in 1..=OPERATIONS {
        thread::sleep(PAUSE);
        let new = u64::from(rank) << 32 | count;
        let op = match (u64::from(rank) + count) % 3 {
            0 => Op::Write(new),
            1 if swaps => Op::Swap(last, new),
            _ => Op::Read,
        };
        let (kind, expected) = match op {
            Op::Read => (0, 0),
            Op::Write(_) => (1, 0),
            Op::Swap(expected, _) => (2, expected),
        };
        say(&format!("call {} {kind} {expected} {new}", now()));
        let outcome = match operate(op) {
            // Whether it was done is not known.
            Err(RegisterError::Gone { .. }) => return Ok(()),
            outcome => outcome?,
        };
        let (kind, value) = match outcome {
            Outcome::Value(value) => (0, value),
            Outcome::Written => (1, 0),
            Outcome::Swapped => (2, 0),
            Outcome::NotSwapped(value) => (3, value),
        };
        say(&format!("end {} {kind} {value}", now()));
        if matches!(kind, 0 | 3) {
            last = value;
        }
    }
    Ok(())
}

/// Adds what a client has said.
fn note(history: &mut History, thread: u32, text: &str) {
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let numbers: Vec<u64> = words.iter().skip(1).filter_map(|word| word.parse().ok()).collect();
        match (words[0], &numbers[..]) {
            ("call", [time, 0, ..]) => history.call(*time, thread, Op::Read),
            ("call", [time, 1, _, new]) => history.call(*time, thread, Op::Write(*new)),
            ("call", [time, _, expected, new]) => history.call(*time, thread, Op::Swap(*expected, *new)),
            ("end", [time, 0, value]) => history.end(*time, thread, Outcome::Value(*value)),
            ("end", [time, 1, _]) => history.end(*time, thread, Outcome::Written),
            ("end", [time, 2, _]) => history.end(*time, thread, Outcome::Swapped),
            ("end", [time, _, value]) => history.end(*time, thread, Outcome::NotSwapped(*value)),
            _ => {}
        }
    }
}

/// A process that is this in this region.
fn start(region: &Region, role: &str, rank: u32) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::piped());
    command.env(ROLE, role).env(RANK, rank.to_string());
    region.hand_to(&mut command).expect("a file descriptor");
    Child::start(&mut command)
}

/// A client, and what it says.
fn start_client(region: &Region, role: &str, rank: u32) -> (Child, Collected) {
    let mut child = start(region, role, rank);
    let said = Collected::of(child.output().expect("a pipe"));
    (child, said)
}

/// Numbers that differ from test to test, and are the same each time.
fn dice(seed: u64, limit: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) % limit
}

/// What all have seen is in order. With one more read, of the first value, it is not.
fn judge(history: History, least: usize, what: &str) {
    assert!(history.ended() >= least, "{what}: {} operations", history.ended());
    assert!(history.is_linearizable(0), "{what}: {history:?}");
    let mut history = history.beginning(8);
    let (begin, end) = (now(), now());
    if !history.has_written() {
        return;
    }
    history.call(begin, 1000, Op::Read);
    history.end(end, 1000, Outcome::Value(0));
    assert!(!history.is_linearizable(0), "{what}: the checker accepts anything");
}

#[test]
fn a_replicated_register_is_linearizable_while_replicas_and_clients_are_killed() {
    for round in 0..ROUNDS {
        let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
        let mut replicas: Vec<_> = (0..REPLICAS).map(|rank| start(&region, "replica", rank)).collect();
        (0..REPLICAS).for_each(|rank| _ = region.wait_for(rank, PATIENCE).expect("it joins"));
        let mut clients: Vec<_> =
            (REPLICAS..REPLICAS + 3).map(|rank| start_client(&region, "client", rank)).collect();
        wait_until("they have begun", || have_begun(&region, REPLICAS));
        let mut killed = vec![];
        for step in 0..4 {
            thread::sleep(Duration::from_millis(dice(round * 100 + step, 8)));
            if step == 1 {
                let (mut client, said) = clients.remove(dice(round, 3) as usize);
                client.kill();
                killed.push(said);
                clients.push(start_client(&region, "client", REPLICAS + 3));
            }
            // One replica at a time has no value.
            let victim = dice(round * 200 + step, REPLICAS.into()) as u32;
            replicas[victim as usize].kill();
            let mut again = start(&region, "replica", victim);
            let said = Lines::of(again.output().expect("a pipe"));
            while said.next().expect("it runs") != "recovered" {}
            replicas[victim as usize] = again;
        }
        let mut history = History::default();
        for (thread, said) in (100..).zip(killed) {
            note(&mut history, thread, &said.text());
        }
        for (thread, (mut client, said)) in (0..).zip(clients) {
            assert!(client.finish().success(), "{round}");
            note(&mut history, thread, &said.text());
        }
        judge(history, 3 * OPERATIONS as usize, &format!("round {round}"));
    }
}

#[test]
fn an_owned_register_is_linearizable_while_clients_are_killed_and_the_owner_stops() {
    for round in 0..ROUNDS {
        let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
        let mut owner = start(&region, "owner", 0);
        region.wait_for(0, PATIENCE).expect("it joins");
        let mut clients: Vec<_> = (1..4).map(|rank| start_client(&region, "remote", rank)).collect();
        wait_until("they have begun", || have_begun(&region, 1));
        thread::sleep(Duration::from_millis(dice(round, 4)));
        owner.signal(SIGSTOP);
        let (mut client, said) = clients.remove(dice(round, 3) as usize);
        client.kill();
        clients.push(start_client(&region, "remote", 4));
        owner.signal(SIGCONT);
        let mut history = History::default();
        note(&mut history, 100, &said.text());
        let is_killed = round % 2 == 1;
        if is_killed {
            thread::sleep(Duration::from_millis(dice(round * 100, 4)));
            owner.kill();
        }
        for (thread, (mut client, said)) in (0..).zip(clients) {
            assert!(client.finish().success(), "{round}");
            note(&mut history, thread, &said.text());
        }
        judge(history, if is_killed { 0 } else { 3 * OPERATIONS as usize }, &format!("round {round}"));
    }
}

#[test]
fn members_that_are_left_agree_in_the_end() {
    const MEMBERS: u32 = 6;
    let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
    let mut members: Vec<_> = (0..MEMBERS).map(|rank| start(&region, "gossip", rank)).collect();
    let said: Vec<_> = members.iter_mut().map(|member| Lines::of(member.output().expect("a pipe"))).collect();
    (0..MEMBERS).for_each(|rank| _ = region.wait_for(rank, PATIENCE).expect("it joins"));
    members[0].kill();
    members[1].signal(SIGSTOP);
    let next = |member: usize| loop {
        let line = said[member].next().expect("it runs");
        if let Some(value) = line.strip_prefix("value ") {
            break value.parse::<u64>().expect("a number");
        }
    };
    let mut values = vec![0; MEMBERS as usize];
    wait_until("those that run agree", || {
        (2..MEMBERS as usize).for_each(|member| values[member] = next(member));
        values[2] != 0 && values[3..].iter().all(|value| *value == values[2])
    });
    // One that was away hears of it.
    members[1].signal(SIGCONT);
    wait_until("the other agrees, too", || {
        (1..MEMBERS as usize).for_each(|member| values[member] = next(member));
        values[2..].iter().all(|value| *value == values[1])
    });
}
