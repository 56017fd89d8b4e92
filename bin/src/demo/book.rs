//! The journal of a torture: a page for each rank, a ledger for each ordered pair.

use super::journal::{GROUP, Journal};
use super::ledger::{LEDGER, Ledger, Verdict};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Words of a rank: a group for what sends, one for what receives, one for what went wrong.
const PAGE: usize = 3 * GROUP;

/// The half of an endpoint that is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Sending = 0,
    Receiving = 1,
}

/// What is counted, a word each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Messages = 2,
    Redeliveries = 3,
    Missing = 4,
    Lost = 5,
    Torn = 6,
    Disordered = 7,
    Repeated = 8,
}

/// Where the first fault is written: what, from whom, the last number before it, its own.
const FAULT: usize = 2 * GROUP;
const NAMES: [&str; 4] = ["lost before it", "torn", "out of order", "seen after it was acknowledged"];

/// The journal, by rank.
pub struct Book<'a> {
    words: &'a [AtomicU64],
    ranks: usize,
}

impl<'a> Book<'a> {
    /// Words of a book for so many ranks.
    pub fn words(ranks: u32) -> usize {
        let ranks = ranks as usize;
        GROUP + ranks * PAGE + ranks * ranks * LEDGER
    }

    /// The book in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { words: journal.words(), ranks: ranks as usize }
    }

    /// Whether nothing is sent any more.
    pub fn is_over(&self) -> bool {
        self.words[0].load(Acquire) != 0
    }

    /// Says that nothing is sent any more.
    pub fn end(&self) {
        self.words[0].store(1, Release);
    }

    fn page(&self, rank: u32) -> &'a [AtomicU64] {
        &self.words[GROUP + rank as usize * PAGE..][..PAGE]
    }

    /// Counts the calls of one half of a rank that have returned.
    pub fn beat(&self, rank: u32, half: Half) -> &'a AtomicU64 {
        &self.page(rank)[half as usize * GROUP]
    }

    /// The call that this half is in: see `victim`.
    pub fn call(&self, rank: u32, half: Half) -> &'a AtomicU64 {
        &self.page(rank)[half as usize * GROUP + 1]
    }

    /// The same, for people.
    pub fn describe(&self, rank: u32, half: Half) -> String {
        let call = self.call(rank, half).load(Acquire);
        let (peer, len) = (call >> 32, call & 0xFFFF_FFFF);
        let peer = if peer == u64::from(u32::MAX) { "anyone".into() } else { format!("rank {peer}") };
        match half {
            Half::Sending => format!("rank {rank} sends {len} bytes to {peer}"),
            Half::Receiving => format!("rank {rank} receives from {peer}"),
        }
    }

    /// What rank `from` sent to rank `to`.
    pub fn ledger(&self, from: u32, to: u32) -> Ledger<'a> {
        let pair = from as usize * self.ranks + to as usize;
        Ledger::new(&self.words[GROUP + self.ranks * PAGE + pair * LEDGER..])
    }

    fn count(&self, rank: u32, what: Count, more: u64) {
        let word = &self.page(rank)[GROUP + what as usize];
        word.store(word.load(Relaxed) + more, Release);
    }

    /// So many of it, over all ranks.
    pub fn total(&self, what: Count) -> u64 {
        let word = |rank| self.page(rank)[GROUP + what as usize].load(Acquire);
        (0..self.ranks as u32).map(word).sum()
    }

    /// Rank `to` was told this of message `number`, after message `last`.
    pub fn judge(&self, from: u32, to: u32, last: u64, number: u64, verdict: Verdict) {
        use Count::*;
        let Verdict { redelivered, lost, disordered, repeated, missing } = verdict;
        let is_new = !(redelivered || repeated || disordered);
        let counts = [
            (Messages, is_new.into()),
            (Redeliveries, redelivered.into()),
            (Missing, missing),
            (Lost, lost),
            (Disordered, disordered.into()),
            (Repeated, repeated.into()),
        ];
        for (what, more) in counts {
            if more > 0 {
                self.count(to, what, more);
                self.note(from, to, last, number, what);
            }
        }
    }

    /// Rank `to` received something else than what was sent after message `last`.
    pub fn tear(&self, from: u32, to: u32, last: u64) {
        self.count(to, Count::Torn, 1);
        self.note(from, to, last, last + 1, Count::Torn);
    }

    fn note(&self, from: u32, to: u32, last: u64, number: u64, what: Count) {
        let fault = &self.page(to)[FAULT..];
        let code = what as u64;
        if code >= Count::Lost as u64 && fault[0].compare_exchange(0, code, AcqRel, Relaxed).is_ok() {
            for (word, value) in fault[1..].iter().zip([from.into(), last, number]) {
                word.store(value, Release);
            }
        }
    }

    /// The first fault that some rank saw.
    pub fn fault(&self) -> Option<String> {
        (0..self.ranks as u32).find_map(|to| {
            let [code, from, last, number] = [0, 1, 2, 3].map(|at| self.page(to)[FAULT + at].load(Acquire));
            let name = NAMES.get(code.checked_sub(Count::Lost as u64)? as usize)?;
            Some(format!("rank {to}, after message {last} of rank {from}, got {number}: {name}"))
        })
    }
}
