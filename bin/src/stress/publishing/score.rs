//! The journal of a play with topics: what was published and seen in each topic, and what each rank does and has counted.

use crate::stress::journal::{GROUP, Journal};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// How many topics are played with.
pub const TOPICS: usize = 4;

const BEAT: usize = 0;
const CALL: usize = 1;

/// What is counted, a word each.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Messages and values that were published, and those that were read whole.
    Published = 2,
    Read,
    /// Messages that a subscriber was told to have missed.
    Missed,
    /// Messages that were read twice, with a pause.
    Held,
    Subscriptions,
    /// Calls that ended because others were too slow, too fast, or publish already.
    GivenUp,
    /// Where words are overwritten: what was read and not right, and other errors.
    Wrong,
    Errors,
    /// Ranks that have read in the end.
    Met,
    /// Lives that have joined.
    Lives,
    /// Calls that were made.
    Calls,
}

impl Count {
    /// What is told of, by name.
    pub const TOLD: [(&'static str, Self); 9] = [
        ("lives", Self::Lives),
        ("published", Self::Published),
        ("read", Self::Read),
        ("missed", Self::Missed),
        ("held", Self::Held),
        ("subscriptions", Self::Subscriptions),
        ("given_up", Self::GivenUp),
        ("wrong", Self::Wrong),
        ("errors", Self::Errors),
    ];
}

/// What may take time.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    Begin,
    Publish,
    Subscribe,
    Receive,
    Look,
    End,
}

impl Call {
    const ALL: [Self; 6] =
        [Self::Begin, Self::Publish, Self::Subscribe, Self::Receive, Self::Look, Self::End];
}

/// How many messages of a topic there are at least.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    /// Somebody has read the last of them.
    Seen,
    /// A publisher has begun the last of them, or is about to.
    Begun,
    /// A publisher was told that the last of them is published.
    Done,
}

/// The journal.
pub struct Score<'a> {
    words: &'a [AtomicU64],
    ranks: u32,
}

impl<'a> Score<'a> {
    /// Words of a score for so many ranks.
    pub fn words(ranks: u32) -> usize {
        (1 + TOPICS + ranks as usize) * GROUP
    }

    /// The score in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { words: journal.words(), ranks }
    }

    fn word(&self, rank: u32, at: usize) -> &'a AtomicU64 {
        &self.words[(1 + TOPICS + rank as usize) * GROUP + at]
    }

    /// A mark of a topic. It only rises.
    pub fn mark(&self, topic: usize, mark: Mark) -> &'a AtomicU64 {
        &self.words[(1 + topic) * GROUP + mark as usize]
    }

    /// Raises a mark of a topic.
    pub fn raise(&self, topic: usize, mark: Mark, to: u64) {
        self.mark(topic, mark).fetch_max(to, AcqRel);
    }

    /// Whether nobody is killed any more, and nothing overwritten.
    pub fn is_over(&self) -> bool {
        self.words[0].load(Acquire) != 0
    }

    /// Says that.
    pub fn end(&self) {
        self.words[0].store(1, Release);
    }

    /// How many words were overwritten.
    pub fn writes(&self) -> &'a AtomicU64 {
        &self.words[1]
    }

    /// Counts the calls of a rank; the largest number while it makes none.
    pub fn beat(&self, rank: u32) -> &'a AtomicU64 {
        self.word(rank, BEAT)
    }

    /// A rank makes no call.
    pub fn rest(&self, rank: u32) {
        self.beat(rank).store(u64::MAX, Release);
    }

    /// A rank makes a call.
    pub fn call<T>(&self, rank: u32, call: Call, act: impl FnOnce() -> T) -> T {
        self.word(rank, CALL).store(call as u64, Relaxed);
        self.count(rank, Count::Calls, 1);
        self.beat(rank).store(self.get(rank, Count::Calls), Release);
        let result = act();
        self.rest(rank);
        result
    }

    /// The call that a rank makes, or made last.
    pub fn current(&self, rank: u32) -> Call {
        Call::ALL[self.word(rank, CALL).load(Acquire) as usize % Call::ALL.len()]
    }

    /// A rank counts so many more.
    pub fn count(&self, rank: u32, what: Count, more: u64) {
        let word = self.word(rank, what as usize);
        word.store(word.load(Relaxed).wrapping_add(more), Release);
    }

    /// How many all have counted.
    pub fn total(&self, what: Count) -> u64 {
        (0..self.ranks).map(|rank| self.get(rank, what)).fold(0, u64::wrapping_add)
    }

    /// How many a rank has counted.
    pub fn get(&self, rank: u32, what: Count) -> u64 {
        self.word(rank, what as usize).load(Acquire)
    }
}
