//! Channels between processes of the operating system, which are killed.

use kit::{Child, SIGCONT, SIGSTOP, wait_until};
use mailbox::{Config, Region, Status};
use mailbox_patterns::csp::{Channel, ChannelError, Process};
use std::env;
use std::error::Error;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const STAGES: u32 = 5;
const STAGE: Channel<u64> = Channel::buffered("stage", 3);
/// Longer than it takes to see a deadlock.
const LONG: Duration = Duration::from_millis(600);
const RANK: &str = "PATTERNS_TEST_RANK";

/// A pipeline of processes: rank 0 sends numbers, each further one adds 1 to them.
#[test]
fn second_process() {
    let Ok(rank) = env::var(RANK) else { return };
    kit::die_with_parent();
    kit::end_within(60);
    let error = stage(rank.parse().expect("a rank")).expect_err("it goes on until it is ended");
    let ended = error.downcast_ref::<ChannelError>();
    let is_end =
        ended.is_some_and(|error| matches!(error, ChannelError::Poisoned { .. } | ChannelError::Gone { .. }));
    assert!(is_end, "{error}");
}

fn stage(rank: u32) -> Result<(), Box<dyn Error>> {
    let me = Region::from_env()?.join(rank)?;
    let process = Process::begin(&me, 0..me.region().ranks())?;
    let mut output = process.output(&STAGE.at(rank + 1))?;
    if rank == 0 {
        return Ok((0..).try_for_each(|number| output.send(&number))?);
    }
    let mut input = process.input(&STAGE.at(rank))?;
    loop {
        output.send(&(input.recv()? + 1))?;
    }
}

/// A process that is a stage of this region.
fn start(region: &Region, rank: u32) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::null()).env(RANK, rank.to_string());
    region.hand_to(&mut command).expect("a file descriptor");
    Child::start(&mut command)
}

#[test]
fn a_process_that_is_stopped_is_in_no_deadlock() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let stage = start(&region, 1);
    let me = region.join(0).expect("a free rank");
    let process = Process::begin(&me, 0..2).expect("it is none yet");
    let mut output = process.output(&STAGE.at(1)).expect("free");
    let mut input = process.input(&STAGE.at(2)).expect("free");
    for number in 0..2 {
        output.send(&number).expect("room");
        assert_eq!(input.recv(), Ok(number + 1));
    }
    // By now it has said that it waits.
    thread::sleep(LONG);
    stage.signal(SIGSTOP);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(LONG);
            stage.signal(SIGCONT);
        });
        output.send(&5).expect("room");
        assert_eq!(input.recv(), Ok(6));
    });
}

#[test]
fn whoever_is_killed_the_others_end_in_order() {
    for victim in (0..STAGES).chain(0..STAGES) {
        let region = Region::create_unnamed(Config::ranks(STAGES + 1)).expect("memory");
        let mut stages: Vec<_> = (0..STAGES).map(|rank| start(&region, rank)).collect();
        let me = region.join(STAGES).expect("a free rank");
        let process = Process::begin(&me, 0..STAGES + 1).expect("it is none yet");
        let mut input = process.input(&STAGE.at(STAGES)).expect("free");
        // Only what comes after that kill is late.
        let pause = Duration::from_millis(2 * u64::from(victim));
        let (mut next, mut is_killed) = (u64::from(STAGES) - 1, false);
        let end = loop {
            match input.recv() {
                Ok(number) => assert_eq!(number, next),
                Err(end) => break end,
            }
            next += 1;
            if next > 500 && !is_killed {
                thread::sleep(pause);
                stages[victim as usize].kill();
                is_killed = true;
            }
        };
        assert!(is_killed, "{end}");
        let channel = format!("stage.{STAGES}");
        let expected = if victim == STAGES - 1 {
            ChannelError::Gone { channel, rank: victim }
        } else {
            ChannelError::Poisoned { channel }
        };
        assert_eq!(end, expected, "{victim}");
        drop(input);
        for (rank, stage) in (0..).zip(&mut stages).filter(|(rank, _)| *rank != victim) {
            assert!(stage.finish().success(), "rank {rank}, when {victim} was killed");
        }
        wait_until("all have left", || {
            (0..STAGES).all(|rank| region.status(rank).is_some_and(|(status, _)| status != Status::Live))
        });
    }
}
