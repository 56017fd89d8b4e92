//! Operations of all members where a member dies, leaves, is late, or gives up.
//!
//! `ENDS_SEED` says with which numbers members are killed at random.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::members::with_members;
use common::operations::{KINDS, LONG, VICTIM, check, root, start, take_part};
use common::{Child, GUARD, Scratch, command, reply};
use mailbox::{Broken, CollectiveError, Comm, Config, Region};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    match common::role() {
        Some((role, folder)) if role == "cramped" => meet_on_a_full_disk(&folder),
        Some((_, region)) => be_a_member(&region),
        None => {}
    }
}

const RANKS: u32 = 4;

/// Whether a member cannot come to the end of an operation without the victim.
fn needs_victim(kind: &str, member: u32) -> bool {
    match kind {
        "gather" | "reduce" => member == root(kind),
        "scan" | "exclusive_scan" => member > VICTIM,
        _ => true,
    }
}

/// In a second process: a member that does what it is told.
fn be_a_member(region: &str) {
    common::end_with_parent();
    let region = Region::open(common::place(region)).expect("a region");
    let rank = command().expect("a rank").parse().expect("a number");
    let me = region.join(rank).expect("a free rank");
    reply("ok");
    let mut comm = None;
    while let Some(command) = command() {
        let words: Vec<&str> = command.split(' ').collect();
        let number = |word: &str| word.parse::<usize>().expect("a number");
        let made = || comm.as_ref().expect("a communicator");
        let answer = match *words {
            ["world"] => {
                // The slot of the former one may be used again.
                drop(comm.take());
                comm = Some(Comm::world_within(&me, GUARD).expect("all are there"));
                Ok(())
            }
            ["do", kind, len] => take_part(made(), kind, number(len)),
            ["start", kind, len] => {
                let (comm, len) = (made(), number(len));
                let request = start(comm, kind, len);
                reply("ok");
                assert_eq!(common::command().as_deref(), Some("wait"));
                request.wait().map(|got| check(comm, kind, len, &got))
            }
            ["survive", size] => {
                comm = Some(survive(comm.take().expect("a communicator"), number(size) as u32));
                Ok(())
            }
            ["shrink"] => {
                comm = Some(made().shrink().expect("some are left"));
                Ok(())
            }
            ["members"] => {
                let ranks: Vec<u32> =
                    (0..made().size()).map(|member| made().rank_of(member).unwrap()).collect();
                reply(&format!("{ranks:?}"));
                continue;
            }
            _ => panic!("{command}"),
        };
        reply(&answer.map_or_else(|error| format!("{error:?}"), |()| "ok".into()));
    }
}

/// Goes on, in ever smaller groups, until so many are left. All operations that end well have the right result.
fn survive<'a>(mut comm: Comm<'a>, size: u32) -> Comm<'a> {
    for turn in 0u64.. {
        let bits = (0..comm.size()).fold(0u64, |bits, member| bits | 1 << comm.rank_of(member).unwrap());
        let mut got = [1u64 << comm.rank_of(comm.rank()).unwrap(); 3];
        let len = if turn.is_multiple_of(4) { LONG } else { 3 };
        let mut long = vec![got[0]; len];
        match comm.all_reduce(&mut long, |one, other| one | other) {
            Ok(()) => {
                assert!(long.iter().all(|word| *word == bits), "turn {turn}");
                got.copy_from_slice(&long[..3]);
                if comm.size() == size {
                    return comm;
                }
                continue;
            }
            Err(CollectiveError::Gone { rank, died: true }) => assert!(bits & 1 << rank != 0, "a member"),
            Err(error) => panic!("{error}"),
        }
        comm = comm.shrink().expect("some are left");
    }
    unreachable!("numbers end")
}

struct Party {
    scratch: Scratch,
    members: Vec<Child>,
    _region: Region,
}

impl Party {
    fn new(ranks: u32) -> Self {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(ranks).cells(16));
        let mut party = Self { members: vec![], scratch, _region: region };
        for rank in 0..ranks {
            let member = party.member(rank);
            party.members.push(member);
        }
        party
    }

    fn member(&self, rank: u32) -> Child {
        let mut child = Child::start("member", &self.scratch);
        assert_eq!(child.does(&rank.to_string()), "ok");
        child
    }

    /// All of these ranks do this at once. What each answers.
    fn each(&mut self, ranks: &[u32], command: &str) -> Vec<String> {
        ranks.iter().for_each(|rank| self.members[*rank as usize].starts(command));
        ranks.iter().map(|rank| self.members[*rank as usize].answer()).collect()
    }

    fn all_do(&mut self, ranks: &[u32], command: &str) {
        assert!(self.each(ranks, command).iter().all(|answer| answer == "ok"), "{command}");
    }

    fn kill(&mut self, rank: u32) {
        self.members[rank as usize].kill();
    }

    /// A killed rank is back in another process.
    fn revive(&mut self, rank: u32) {
        self.members[rank as usize] = self.member(rank);
    }
}

const ALL: [u32; 4] = [0, 1, 2, 3];
const SURVIVORS: [u32; 3] = [0, 2, 3];

fn gone(rank: u32) -> String {
    format!("{:?}", CollectiveError::Gone { rank, died: true })
}

/// A member dies before, in, and after each operation. All others are told, then or in the next operation, and for ever.
fn each_death_is_told(is_started: bool) {
    let mut party = Party::new(RANKS);
    let mut longest = Duration::ZERO;
    for kind in KINDS {
        for (stage, len) in [("before", 3), ("in", 3), ("in", LONG), ("after", 3)] {
            let what = format!("{kind} of {len}, {stage}");
            party.all_do(&ALL, "world");
            let verb = if is_started { "start" } else { "do" };
            let begin = format!("{verb} {kind} {len}");
            if stage == "after" {
                if is_started {
                    party.all_do(&ALL, &begin);
                }
                party.all_do(&ALL, if is_started { "wait" } else { &begin });
            }
            if stage == "in" {
                // The others wait for rank 0, as far as they wait.
                for rank in [1, 2, 3] {
                    party.members[rank].starts(&begin);
                }
                if is_started {
                    (1..4).for_each(|rank| assert_eq!(party.members[rank].answer(), "ok"));
                } else {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            let killed = Instant::now();
            party.kill(VICTIM);
            let answers: Vec<String> = match (stage, is_started) {
                ("in", false) => {
                    party.members[0].starts(&begin);
                    SURVIVORS.iter().map(|rank| party.members[*rank as usize].answer()).collect()
                }
                ("in", true) => {
                    party.all_do(&[0], &begin);
                    party.each(&SURVIVORS, "wait")
                }
                (_, false) => party.each(&SURVIVORS, &begin),
                (_, true) => {
                    party.all_do(&SURVIVORS, &begin);
                    party.each(&SURVIVORS, "wait")
                }
            };
            longest = longest.max(killed.elapsed());
            for (rank, answer) in SURVIVORS.iter().zip(&answers) {
                let may_be_ok = stage == "in" || !needs_victim(kind, *rank);
                assert!(*answer == gone(VICTIM) || may_be_ok && answer == "ok", "{what}: {answers:?}");
            }
            for _ in 0..2 {
                let answers = party.each(&SURVIVORS, "do barrier 0");
                assert!(
                    answers.iter().all(|answer| *answer == gone(VICTIM)),
                    "{what}, from now on: {answers:?}"
                );
            }
            party.revive(VICTIM);
        }
    }
    println!("told within {longest:?}");
}

#[test]
fn a_death_at_any_time_of_an_operation_is_told_by_name() {
    each_death_is_told(false);
}

#[test]
fn a_death_at_any_time_of_a_started_operation_is_told_by_name() {
    each_death_is_told(true);
}

#[test]
fn a_successor_of_the_dead_disturbs_nobody() {
    let mut party = Party::new(RANKS);
    for _ in 0..5 {
        party.all_do(&ALL, "world");
        party.all_do(&ALL, "do all_reduce 3");
        party.kill(VICTIM);
        party.revive(VICTIM);
        // It waits for a world, and is no member of the one there was.
        party.members[VICTIM as usize].starts("world");
        for command in ["do barrier 0", "do all_to_all 3"] {
            assert_eq!(party.each(&SURVIVORS, command), [gone(VICTIM), gone(VICTIM), gone(VICTIM)]);
        }
        party.all_do(&SURVIVORS, "shrink");
        assert_eq!(party.each(&SURVIVORS, "members"), ["[0, 2, 3]", "[0, 2, 3]", "[0, 2, 3]"]);
        for len in [3, LONG] {
            party.all_do(&SURVIVORS, &format!("do all_reduce {len}"));
        }
        party.all_do(&SURVIVORS, "world");
        assert_eq!(party.members[VICTIM as usize].answer(), "ok");
        party.all_do(&ALL, &format!("do all_gather {LONG}"));
    }
}

#[test]
fn those_that_are_left_shrink_while_others_die() {
    const MANY: u32 = 6;
    let seed = number("ENDS_SEED", 1);
    for seed in seed..seed + 5 {
        let (mut dice, mut party) = (Dice(seed), Party::new(MANY));
        let all: Vec<u32> = (0..MANY).collect();
        party.all_do(&all, "world");
        let mut left = all;
        left.iter().for_each(|rank| party.members[*rank as usize].starts("survive 2"));
        while left.len() > 2 {
            let rank = left.remove(dice.below(left.len() as u64) as usize);
            party.kill(rank);
            // Mostly before the others have found the last one.
            thread::sleep(Duration::from_millis(dice.below(4) * dice.below(60)));
        }
        for rank in &left {
            assert_eq!(party.members[*rank as usize].answer(), "ok", "seed {seed}");
        }
        let expected = format!("{left:?}");
        assert_eq!(party.each(&left, "members"), [expected.clone(), expected], "seed {seed}");
    }
}

#[test]
fn sixteen_processes_act_together() {
    let mut party = Party::new(16);
    let all: Vec<u32> = (0..16).collect();
    party.all_do(&all, "world");
    for kind in KINDS {
        for len in [3, 5000] {
            party.all_do(&all, &format!("do {kind} {len}"));
        }
    }
    party.kill(7);
    let answers = party.each(&all[8..], "do barrier 0");
    assert!(answers.iter().all(|answer| *answer == gone(7)), "{answers:?}");
}

#[test]
fn many_threads_act_together() {
    for ranks in [64, 256] {
        let begin = Instant::now();
        let region = Region::create_unnamed(Config::ranks(ranks).cells(16)).expect("a region");
        with_members(&region, |_, comm| {
            comm.barrier().unwrap();
            take_part(&comm, "all_reduce", 3).unwrap();
            take_part(&comm, "all_reduce", 1000).unwrap();
            let rows = comm.split(Some(comm.rank() % 4), 0).unwrap().unwrap();
            assert_eq!((rows.size(), rows.rank()), (ranks / 4, comm.rank() / 4));
            take_part(&rows, "all_reduce", 3).unwrap();
            if ranks == 64 {
                KINDS.iter().for_each(|kind| take_part(&comm, kind, 50).unwrap());
            }
            comm.barrier().unwrap();
        });
        println!("{ranks} ranks: {:?}", begin.elapsed());
    }
}

// --- No memory ---------------------------------------------------------------------------------------------

#[test]
#[cfg_attr(portable, ignore = "a window without memory ends the process")]
fn a_window_without_memory_is_told_to_all() {
    let scratch = Scratch::file();
    let folder = scratch.path();
    std::fs::create_dir(&folder).expect("a folder");
    let mount = format!("mount -t tmpfs -o size=2m none {}", folder.display());
    let works = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
    if works.is_ok_and(|output| output.status.success()) {
        let script = format!("{mount} && exec \"$0\" \"$@\"");
        let mut child =
            Child::start_with(&["unshare", "-m", "sh", "-c", &script], "cramped", scratch.name(), |_| {});
        assert_eq!(child.answer(), "ok");
        child.finish();
    } else {
        eprintln!("skipped: {mount}");
    }
    std::fs::remove_dir(folder).expect("an empty folder");
}

fn meet_on_a_full_disk(folder: &str) {
    let folder = Path::new(folder);
    let region = Region::create(&folder.join("region"), Config::ranks(2).cells(16).groups(2)).expect("room");
    let meeting = Barrier::new(2);
    with_members(&region, |_, comm| {
        let short = comm.dup().unwrap();
        if comm.rank() == 0 {
            let filler = folder.join("filler");
            assert!(std::fs::write(&filler, vec![1; 4 << 20]).is_err());
        }
        meeting.wait();
        take_part(&comm, "all_reduce", 3).unwrap();
        let results = [comm.broadcast(1, &mut [0u8; 4096]), comm.barrier()];
        for result in results {
            let told = match comm.rank() {
                1 => Err(CollectiveError::Broken(Broken::NoSpace(1))),
                _ => Err(CollectiveError::GivenUp { rank: 1 }),
            };
            let for_ever = Err(CollectiveError::GivenUp { rank: 1 });
            assert!(result == told || result == for_ever, "{result:?}");
        }
        // Lines have their memory.
        take_part(&short, "all_to_all", 3).unwrap();
    });
    std::fs::remove_file(folder.join("filler")).expect("a file");
    drop(region);
    assert_eq!(Region::remove_at(&folder.join("region")), Ok(()));
    reply("ok");
}
