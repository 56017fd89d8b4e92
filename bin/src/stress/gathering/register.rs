//! The journal of a gathering: what each rank does, what it has counted, and how its lives have ended.

use super::task::Kind;
use crate::stress::journal::{GROUP, Journal};
use crate::stress::tally::{FIRST, Tally};
use std::ops::Deref;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

/// How many of its lives were killed, or are about to be.
const ENDS: usize = GROUP;
/// The epoch of its last life that has joined, and of the last that was killed.
const JOINED: usize = GROUP + 2;
const KILLED: usize = GROUP + 3;
/// How many communicators it has dropped, or is about to.
const LEAVINGS: usize = GROUP + 1;

/// What is counted, a word each.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Operations that ended well, with the right result.
    Tasks = FIRST,
    /// Bytes of these results.
    Bytes,
    /// Communicators of all ranks in which all have met.
    Worlds,
    /// Communicators of those that were left.
    Shrunk,
    /// Times that a rank was told that another had died.
    Deaths,
    /// The same, of one that had dropped the communicator.
    Leavings,
    /// Times that a rank gave up a meeting that did not come about.
    GivenUp,
    /// Operations with a wrong result, where slots are overwritten.
    Wrong,
}

impl Count {
    /// What is told of those that are killed, and of those whose slots are overwritten, by name.
    pub const OF_GUESTS: [(&'static str, Self); 7] = [
        ("operations", Self::Tasks),
        ("bytes", Self::Bytes),
        ("worlds", Self::Worlds),
        ("shrunk", Self::Shrunk),
        ("deaths_told", Self::Deaths),
        ("leavings_told", Self::Leavings),
        ("given_up", Self::GivenUp),
    ];
    pub const OF_DEFENDERS: [(&'static str, Self); 3] =
        [("right", Self::Tasks), ("wrong", Self::Wrong), ("errors", Self::GivenUp)];
}

impl From<Count> for usize {
    fn from(count: Count) -> Self {
        count as Self
    }
}

/// What may take time.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    World,
    Meet,
    Shrink,
    Make,
    Agree,
    Task(Kind),
}

impl Call {
    const TASK: u64 = 8;

    fn number(self) -> u64 {
        match self {
            Call::World => 0,
            Call::Meet => 1,
            Call::Shrink => 2,
            Call::Make => 3,
            Call::Agree => 4,
            Call::Task(kind) => Self::TASK + kind as u64,
        }
    }

    fn name(number: u64) -> String {
        match number {
            0 => "the making of a world".into(),
            1 => "a first barrier".into(),
            2 => "a shrink".into(),
            3 => "the making of a communicator".into(),
            4 => "an agreement on what follows".into(),
            _ => match Kind::ALL.get(number.wrapping_sub(Self::TASK) as usize) {
                Some(kind) => format!("an operation, {kind:?}"),
                None => "nothing".into(),
            },
        }
    }
}

/// The journal, by rank.
#[derive(Clone, Copy)]
pub struct Register<'a> {
    tally: Tally<'a>,
    ranks: u32,
}

impl<'a> Deref for Register<'a> {
    type Target = Tally<'a>;

    fn deref(&self) -> &Tally<'a> {
        &self.tally
    }
}

impl<'a> Register<'a> {
    /// The register in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { tally: Tally::new(journal, ranks), ranks }
    }

    /// A rank makes a call. One for a world may take as long as another rank is not there.
    pub fn call<T>(&self, rank: u32, call: Call, act: impl FnOnce() -> T) -> T {
        self.tally.call(rank, call.number(), !matches!(call, Call::World), act)
    }

    /// The call that a rank makes, or made last.
    pub fn current(&self, rank: u32) -> String {
        Call::name(self.tally.current(rank))
    }

    /// A life of a rank has joined.
    pub fn note_life(&self, rank: u32, epoch: u64) {
        self.word(rank, JOINED).store(epoch, Release);
    }

    /// Kills the present life of a rank.
    pub fn note_end<T>(&self, rank: u32, kill: impl FnOnce() -> T) -> T {
        let killed = || self.word(rank, KILLED).store(self.word(rank, JOINED).load(Acquire), Release);
        self.word(rank, ENDS).fetch_add(1, AcqRel);
        killed();
        let result = kill();
        // It may have joined meanwhile.
        killed();
        result
    }

    /// A rank is about to drop a communicator.
    pub fn note_leaving(&self, rank: u32) {
        self.word(rank, LEAVINGS).fetch_add(1, AcqRel);
    }

    /// What was noted of each rank.
    pub fn noted(&self) -> Vec<Noted> {
        let get = |rank, at| self.word(rank, at).load(Acquire);
        let noted = |rank| Noted {
            ends: get(rank, ENDS),
            is_dead: get(rank, JOINED) == get(rank, KILLED),
            leavings: get(rank, LEAVINGS),
        };
        (0..self.ranks).map(noted).collect()
    }
}

/// How often a rank has ended.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    pub ends: u64,
    /// Whether no life has joined since the last was killed.
    pub is_dead: bool,
    pub leavings: u64,
}
