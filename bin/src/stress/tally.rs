//! What each rank of a play does, and what it has counted, in a journal.

use super::journal::{GROUP, Journal};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Words of a rank. The first group is for what it does and counts; the other is free for the play.
const PAGE: usize = 2 * GROUP;
const BEAT: usize = 0;
const CALL: usize = 1;
const CALLS: usize = 2;
/// The first word of a rank that a play counts in.
pub const FIRST: isize = 3;

/// The words of a play, by rank.
#[derive(Clone, Copy)]
pub struct Tally<'a> {
    words: &'a [AtomicU64],
    ranks: u32,
}

impl<'a> Tally<'a> {
    /// Words of a tally of so many ranks. What comes behind them is free for the play.
    pub fn words(ranks: u32) -> usize {
        GROUP + ranks as usize * PAGE
    }

    /// The tally in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { words: journal.words(), ranks }
    }

    pub fn word(&self, rank: u32, at: usize) -> &'a AtomicU64 {
        &self.words[GROUP + rank as usize * PAGE + at]
    }

    /// Whether nobody is killed any more, and nothing overwritten.
    pub fn is_over(&self) -> bool {
        self.words[0].load(Acquire) != 0
    }

    /// Says that.
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

    /// Counts the calls of a rank; the largest number while it makes none that must end soon.
    pub fn beat(&self, rank: u32) -> &'a AtomicU64 {
        self.word(rank, BEAT)
    }

    /// A rank makes no call that must end soon.
    pub fn rest(&self, rank: u32) {
        self.beat(rank).store(u64::MAX, Release);
    }

    /// A rank makes the call of this number, which must end soon if `is_timed`.
    pub fn call<T>(&self, rank: u32, number: u64, is_timed: bool, act: impl FnOnce() -> T) -> T {
        self.word(rank, CALL).store(number, Relaxed);
        self.count(rank, CALLS, 1);
        if is_timed {
            self.beat(rank).store(self.get(rank, CALLS), Release);
        }
        let result = act();
        self.rest(rank);
        result
    }

    /// The number of the call that a rank makes, or made last.
    pub fn current(&self, rank: u32) -> u64 {
        self.word(rank, CALL).load(Acquire)
    }

    /// How many calls all have made.
    pub fn calls(&self) -> u64 {
        self.total(CALLS)
    }

    /// A rank counts so many more.
    pub fn count(&self, rank: u32, what: impl Into<usize>, more: u64) {
        let word = self.word(rank, what.into());
        word.store(word.load(Relaxed).wrapping_add(more), Release);
    }

    /// How many a rank has counted.
    pub fn get(&self, rank: u32, what: impl Into<usize>) -> u64 {
        self.word(rank, what.into()).load(Acquire)
    }

    /// How many all have.
    pub fn total(&self, what: impl Into<usize>) -> u64 {
        let what = what.into();
        (0..self.ranks).map(|rank| self.get(rank, what)).fold(0, u64::wrapping_add)
    }
}
