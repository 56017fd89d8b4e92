//! The journal of a gathering: what each rank does, what it has counted, and how its lives have ended.

use super::task::Kind;
use crate::stress::journal::{GROUP, Journal};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Words of a rank: a group for what it does and counts, and one for how its lives end.
const PAGE: usize = 2 * GROUP;
const BEAT: usize = 0;
const CALL: usize = 1;
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
    Tasks = 2,
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
    /// Calls that have returned.
    Calls,
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
pub struct Register<'a> {
    words: &'a [AtomicU64],
    ranks: u32,
}

impl<'a> Register<'a> {
    /// Words of a register for so many ranks.
    pub fn words(ranks: u32) -> usize {
        GROUP + ranks as usize * PAGE
    }

    /// The register in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { words: journal.words(), ranks }
    }

    fn word(&self, rank: u32, at: usize) -> &'a AtomicU64 {
        &self.words[GROUP + rank as usize * PAGE + at]
    }

    /// Whether nobody is killed any more.
    pub fn is_over(&self) -> bool {
        self.words[0].load(Acquire) != 0
    }

    /// Says that nobody is killed any more.
    pub fn end(&self) {
        self.words[0].store(1, Release);
    }

    /// Says that something is wrong. Whether it is the first that is: what others are told may come of it.
    pub fn is_first_fault(&self) -> bool {
        self.words[1].swap(1, AcqRel) == 0
    }

    /// How many words were overwritten.
    pub fn writes(&self) -> &'a AtomicU64 {
        &self.words[2]
    }

    /// Counts the calls of a rank that have returned; the largest number while none is made that must end soon.
    pub fn beat(&self, rank: u32) -> &'a AtomicU64 {
        self.word(rank, BEAT)
    }

    /// Says that a rank makes no call that must end soon.
    pub fn rest(&self, rank: u32) {
        self.beat(rank).store(u64::MAX, Release);
    }

    /// A rank makes a call. One for a world may take as long as another rank is not there.
    pub fn call<T>(&self, rank: u32, call: Call, act: impl FnOnce() -> T) -> T {
        self.word(rank, CALL).store(call.number(), Relaxed);
        if !matches!(call, Call::World) {
            self.beat(rank).store(self.get(rank, Count::Calls), Release);
        }
        let result = act();
        self.count(rank, Count::Calls, 1);
        self.rest(rank);
        result
    }

    /// The call that a rank makes, or made last.
    pub fn current(&self, rank: u32) -> String {
        Call::name(self.word(rank, CALL).load(Acquire))
    }

    /// A rank counts so many more.
    pub fn count(&self, rank: u32, what: Count, more: u64) {
        let word = self.word(rank, what as usize);
        word.store(word.load(Relaxed) + more, Release);
    }

    /// How many a rank has counted.
    pub fn get(&self, rank: u32, what: Count) -> u64 {
        self.word(rank, what as usize).load(Acquire)
    }

    /// How many all have.
    pub fn total(&self, what: Count) -> u64 {
        (0..self.ranks).map(|rank| self.get(rank, what)).sum()
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
