//! The journal of a play with topics: what was published and seen in each topic, and what each rank does and has counted.

use crate::stress::journal::{GROUP, Journal};
use crate::stress::tally::{FIRST, Tally};
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;

/// How many topics are played with.
pub const TOPICS: usize = 4;

/// What is counted, a word each.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Messages and values that were published, and those that were read whole.
    Published = FIRST,
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
}

impl From<Count> for usize {
    fn from(count: Count) -> Self {
        count as Self
    }
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
#[derive(Clone, Copy)]
pub struct Score<'a> {
    tally: Tally<'a>,
    /// By topic.
    marks: &'a [AtomicU64],
}

impl<'a> Deref for Score<'a> {
    type Target = Tally<'a>;

    fn deref(&self) -> &Tally<'a> {
        &self.tally
    }
}

impl<'a> Score<'a> {
    /// Words of a score for so many ranks.
    pub fn words(ranks: u32) -> usize {
        Tally::words(ranks) + TOPICS * GROUP
    }

    /// The score in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { tally: Tally::new(journal, ranks), marks: &journal.words()[Tally::words(ranks)..] }
    }

    /// A mark of a topic. It only rises.
    pub fn mark(&self, topic: usize, mark: Mark) -> &'a AtomicU64 {
        &self.marks[topic * GROUP + mark as usize]
    }

    /// Raises a mark of a topic.
    pub fn raise(&self, topic: usize, mark: Mark, to: u64) {
        self.mark(topic, mark).fetch_max(to, AcqRel);
    }

    /// A rank makes a call.
    pub fn call<T>(&self, rank: u32, call: Call, act: impl FnOnce() -> T) -> T {
        self.tally.call(rank, call as u64, true, act)
    }

    /// The call that a rank makes, or made last.
    pub fn current(&self, rank: u32) -> Call {
        Call::ALL[self.tally.current(rank) as usize % Call::ALL.len()]
    }
}
