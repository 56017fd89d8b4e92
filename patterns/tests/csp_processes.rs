//! Channels between processes of the operating system, which are killed.

use kit::{Child, Dice, SIGCONT, SIGSTOP, wait_until};
use mailbox::{Config, Endpoint, Region, Status};
use mailbox_patterns::csp::{Alt, Channel, ChannelError, Process};
use std::env;
use std::error::Error;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const STAGES: u32 = 5;
const STAGE: Channel<u64> = Channel::buffered("stage", 3);
const MEETING_STAGE: Channel<u64> = Channel::rendezvous("stage");
const WORDS: Channel<u32> = Channel::buffered("words", 1);
const ROOM: Channel<u32> = Channel::buffered("room", 1);
const MEETING: Channel<u32> = Channel::rendezvous("meeting");
const NEXT: Channel<u32> = Channel::buffered("next", 1);
const PLAYERS: u32 = 3;
const RING: Channel<u32> = Channel::rendezvous("ring");
const FULL_RING: Channel<u32> = Channel::buffered("ring", 3);
/// Longer than it takes to see a deadlock.
const LONG: Duration = Duration::from_millis(600);
/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(50);
const RANK: &str = "PATTERNS_TEST_RANK";
const PART: &str = "PATTERNS_TEST_PART";

/// A process that plays a part, as a rank.
#[test]
fn second_process() {
    let (Ok(rank), Ok(part)) = (env::var(RANK), env::var(PART)) else { return };
    kit::die_with_parent();
    kit::end_within(60);
    let rank = rank.parse().expect("a rank");
    let played = match part.as_str() {
        "stage" => stage(rank, &STAGE),
        "meeting stage" => stage(rank, &MEETING_STAGE),
        "speaker" => speak(rank),
        "ring of meetings" => return end_in_ring(rank, &RING),
        "full ring" => return end_in_ring(rank, &FULL_RING),
        part => panic!("{part:?} is no part"),
    };
    let error = played.expect_err("it goes on until it is ended");
    let ended = error.downcast_ref::<ChannelError>();
    let is_end =
        ended.is_some_and(|error| matches!(error, ChannelError::Poisoned { .. } | ChannelError::Gone { .. }));
    assert!(is_end, "{error}");
}

/// One of a pipeline of processes: rank 0 sends numbers, each further one adds 1 to them.
fn stage(rank: u32, channel: &Channel<u64>) -> Result<(), Box<dyn Error>> {
    let me = Region::from_env()?.join(rank)?;
    let process = Process::begin(&me, 0..me.region().ranks())?;
    let mut output = process.output(&channel.at(rank + 1))?;
    if rank == 0 {
        return Ok((0..).try_for_each(|number| output.send(&number))?);
    }
    let mut input = process.input(&channel.at(rank))?;
    loop {
        output.send(&(input.recv()? + 1))?;
    }
}

/// Sends a number each time that it is told to. It takes nothing from its other channels, and sends nothing there.
fn speak(rank: u32) -> Result<(), Box<dyn Error>> {
    let me = Region::from_env()?.join(rank)?;
    let process = Process::begin(&me, 0..me.region().ranks())?;
    let mut words = process.output(&WORDS.at(rank))?;
    let (_room, _meeting) = (process.input(&ROOM.at(rank))?, process.output(&MEETING.at(rank))?);
    let mut next = process.input(&NEXT.at(rank))?;
    loop {
        // It waits until a time, so it is in no deadlock.
        words.send(&next.recv_within(GUARD)?)?;
    }
}

/// One of a ring of processes that all send, and of which none receives: how many values it could send, and what ended it.
fn send_in_ring(me: &Endpoint, channel: &Channel<u32>) -> (u32, ChannelError) {
    let process = Process::begin(me, 0..PLAYERS).expect("it is none yet");
    let _left = process.input(&channel.at(me.rank())).expect("free");
    let mut right = process.output(&channel.at((me.rank() + 1) % PLAYERS)).expect("free");
    let ended = (0..).find_map(|sent| right.send(&sent).err().map(|error| (sent, error)));
    ended.expect("it goes on until it is ended")
}

/// The same; it tells rank 0, with no channel.
fn end_in_ring(rank: u32, channel: &Channel<u32>) {
    let region = Region::from_env().expect("the region that it was handed");
    let me = region.join(rank).expect("a free rank");
    let (sent, error) = send_in_ring(&me, channel);
    me.to(0).tag(sent).send(error.to_string().as_bytes()).expect("room");
}

/// A process that plays this part in this region.
fn start(region: &Region, rank: u32, part: &str) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::null());
    command.env(RANK, rank.to_string()).env(PART, part);
    region.hand_to(&mut command).expect("a file descriptor");
    Child::start(&mut command)
}

#[test]
fn a_process_that_is_stopped_is_in_no_deadlock() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let stage = start(&region, 1, "stage");
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
fn a_deadlock_of_processes_in_a_ring_of_rendezvous_names_who_waits_for_whom() {
    deadlock_in_ring("ring of meetings", &RING);
}

#[test]
fn a_deadlock_of_processes_in_a_ring_whose_buffers_are_all_full_names_who_waits_for_whom() {
    deadlock_in_ring("full ring", &FULL_RING);
}

fn deadlock_in_ring(part: &str, channel: &Channel<u32>) {
    let region = Region::create_unnamed(Config::ranks(PLAYERS)).expect("memory");
    let mut others = [1, 2].map(|rank| start(&region, rank, part));
    let me = region.join(0).expect("a free rank");
    let (sent, error) = send_in_ring(&me, channel);
    let mut told = vec![(0, sent, error.to_string())];
    for rank in [1, 2] {
        let mail = me.from(rank).tag_masked(0, !7).recv().expect("what ended it");
        told.push((rank, mail.tag(), String::from_utf8_lossy(&mail.to_vec()).into_owned()));
    }
    let deadlock = "deadlock: rank 0 waits to send to rank 1 on \"ring.1\", \
                    rank 1 waits to send to rank 2 on \"ring.2\", rank 2 waits to send to rank 0 on \"ring.0\"";
    assert!(told.iter().any(|(_, _, end)| end == deadlock), "{told:?}");
    for (rank, sent, end) in told {
        assert_eq!(sent, channel.capacity(), "rank {rank}");
        let right = channel.at((rank + 1) % PLAYERS).name().to_string();
        let poisoned = ChannelError::Poisoned { channel: right }.to_string();
        assert!(end == deadlock || end == poisoned, "rank {rank}: {end}");
    }
    assert!(others.iter_mut().all(|other| other.finish().success()));
}

#[test]
fn when_a_stage_is_killed_the_others_end_in_order() {
    kill_stages("stage", &STAGE);
}

#[test]
fn when_a_stage_is_killed_in_a_rendezvous_the_others_end_in_order() {
    kill_stages("meeting stage", &MEETING_STAGE);
}

/// Kills each stage in each round: in every second one after nothing was received for a while, in the others at any time.
fn kill_stages(part: &str, channel: &Channel<u64>) {
    let mut dice = Dice(5);
    for (round, victim) in (0..4).flat_map(|round| (0..STAGES).map(move |victim| (round, victim))) {
        let (still, moving) = match round % 2 {
            0 => (Duration::from_millis(2 * u64::from(victim)), Duration::ZERO),
            _ => (Duration::ZERO, Duration::from_micros(dice.below(3000))),
        };
        kill_stage(victim, [still, moving], part, channel);
    }
}

/// Kills it when the values have stood still for a while, and then moved for another.
fn kill_stage(victim: u32, [still, moving]: [Duration; 2], part: &str, channel: &Channel<u64>) {
    let region = Region::create_unnamed(Config::ranks(STAGES + 1)).expect("memory");
    let mut stages: Vec<_> = (0..STAGES).map(|rank| start(&region, rank, part)).collect();
    let me = region.join(STAGES).expect("a free rank");
    let process = Process::begin(&me, 0..STAGES + 1).expect("it is none yet");
    let mut input = process.input(&channel.at(STAGES)).expect("free");
    // Only what comes after that kill is late.
    let (mut next, mut killed) = (u64::from(STAGES) - 1, Some(&mut stages[victim as usize]));
    let end = thread::scope(|scope| {
        loop {
            match input.recv() {
                Ok(number) => assert_eq!(number, next),
                Err(end) => break end,
            }
            next += 1;
            if next > 500
                && let Some(stage) = killed.take()
            {
                thread::sleep(still);
                let kill = scope.spawn(move || {
                    thread::sleep(moving);
                    stage.kill();
                });
                if moving.is_zero() {
                    kill.join().expect("no panic");
                }
            }
        }
    });
    assert!(killed.is_none(), "{end}");
    let channel = channel.at(STAGES).name().to_string();
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

#[test]
fn an_alternative_is_told_of_a_peer_that_is_killed_and_goes_on_with_others() {
    for pause in [Duration::ZERO, Duration::from_millis(5), Duration::from_millis(50), LONG] {
        wait_for_killed(pause, |alt| alt.wait());
        wait_for_killed(pause, |alt| alt.wait_within(GUARD));
    }
}

/// Rank 1 is killed after this pause, while an alternative waits for it and for rank 2.
fn wait_for_killed(pause: Duration, wait: impl Fn(&mut Alt<'_>) -> Result<usize, ChannelError>) {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let [mut killed, mut other] = [1, 2].map(|rank| start(&region, rank, "speaker"));
    let me = region.join(0).expect("a free rank");
    let process = Process::begin(&me, 0..3).expect("it is none yet");
    let input = |channel: &Channel<u32>, rank| process.input(&channel.at(rank)).expect("free");
    let output = |channel: &Channel<u32>, rank| process.output(&channel.at(rank)).expect("free");
    let mut words = [1, 2].map(|rank| input(&WORDS, rank));
    let mut meeting = [1, 2].map(|rank| input(&MEETING, rank));
    let mut room = [1, 2].map(|rank| output(&ROOM, rank));
    let mut next = [1, 2].map(|rank| output(&NEXT, rank));
    let mut alt = Alt::new();
    for at in [0, 1] {
        // Each has opened all its ends when it answers.
        next[at].send(&7).expect("room");
        assert_eq!(words[at].recv(), Ok(7));
        assert_eq!(meeting[at].try_recv(), Ok(None));
        room[at].send(&0).expect("room");
        let arms = [alt.input(&words[at]), alt.input(&meeting[at]), alt.output(&room[at]).expect("a buffer")];
        assert_eq!(arms, [0, 1, 2].map(|arm| 3 * at + arm));
    }
    let gone = |channel: &Channel<u32>| ChannelError::Gone { channel: channel.at(1).name().into(), rank: 1 };
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(pause);
            killed.kill();
        });
        let mut told = [(); 3].map(|()| {
            let arm = wait(&mut alt).expect("it was killed");
            match arm {
                0 => assert_eq!(words[0].recv(), Err(gone(&WORDS))),
                1 => assert_eq!(meeting[0].recv(), Err(gone(&MEETING))),
                2 => assert_eq!(room[0].send(&1), Err(gone(&ROOM))),
                _ => panic!("rank 2 has sent nothing"),
            }
            alt.guard(arm, false);
            arm
        });
        told.sort_unstable();
        assert_eq!(told, [0, 1, 2], "{pause:?}");
    });

    next[1].send(&8).expect("room");
    assert_eq!((wait(&mut alt), words[1].recv()), (Ok(3), Ok(8)));
    drop((words, meeting, room, next));
    assert!(other.finish().success(), "{pause:?}");
}
