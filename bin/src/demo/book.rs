//! The journal of a torture: a page for each rank, a ledger and a docket for each ordered pair.

use super::docket::{DOCKET, Docket, Wrong};
use super::journal::{GROUP, Journal};
use super::ledger::{LEDGER, Ledger, Verdict};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Words of a rank: a group for what sends, one for what receives, one for what went wrong, one for counts.
const PAGE: usize = 4 * GROUP;

/// The half of an endpoint that is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Sending = 0,
    Receiving = 1,
}

/// What is counted, a word each, by whatever receives, or by the only thread of a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Messages,
    Redeliveries,
    Missing,
    /// Calls that were begun.
    Calls,
    /// Those that were answered, refused, or dropped.
    Answered,
    /// Those that ended with the server's life.
    Ended,
    /// Those of which nothing was asked.
    Unasked,
    /// Those that were given up.
    GivenUp,
    Lost,
    Torn,
    Disordered,
    Repeated,
    /// Answers that are not that of their request.
    Mistaken,
    /// Requests that were carried out twice.
    Twice,
    /// Calls of which something was told that is not so.
    Belied,
}

/// Where the first fault is written: what, from whom, the last number before it, its own.
const FAULT: usize = 2 * GROUP;
const COUNTS: usize = 3 * GROUP;
/// In the place of the last number: it is a call.
const IS_CALL: u64 = u64::MAX;
const NAMES: [&str; 7] = [
    "lost before it",
    "torn",
    "out of order",
    "seen after it was acknowledged",
    "answered with something else",
    "carried out twice",
    "told to have ended as it did not",
];

/// The journal, by rank.
pub struct Book<'a> {
    words: &'a [AtomicU64],
    ranks: usize,
}

impl<'a> Book<'a> {
    /// Words of a book for so many ranks.
    pub fn words(ranks: u32) -> usize {
        let ranks = ranks as usize;
        GROUP + ranks * PAGE + ranks * ranks * (LEDGER + DOCKET)
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
            Half::Sending => format!("rank {rank} sends or asks {len} bytes to {peer}"),
            Half::Receiving => format!("rank {rank} receives from, or answers, {peer}"),
        }
    }

    /// What rank `from` sent to rank `to`.
    pub fn ledger(&self, from: u32, to: u32) -> Ledger<'a> {
        Ledger::new(&self.pair(from, to)[..LEDGER])
    }

    /// What rank `from` asked of rank `to`.
    pub fn docket(&self, from: u32, to: u32) -> Docket<'a> {
        Docket::new(&self.pair(from, to)[LEDGER..])
    }

    fn pair(&self, from: u32, to: u32) -> &'a [AtomicU64] {
        let pair = from as usize * self.ranks + to as usize;
        &self.words[GROUP + self.ranks * PAGE + pair * (LEDGER + DOCKET)..][..LEDGER + DOCKET]
    }

    /// So many more of it, at this rank.
    pub fn count(&self, rank: u32, what: Count, more: u64) {
        let word = &self.page(rank)[COUNTS + what as usize];
        word.store(word.load(Relaxed) + more, Release);
    }

    /// So many of it, over all ranks.
    pub fn total(&self, what: Count) -> u64 {
        let word = |rank| self.page(rank)[COUNTS + what as usize].load(Acquire);
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

    /// Rank `rank` saw this go wrong in call `number` between it and this peer.
    pub fn fail(&self, rank: u32, peer: u32, number: u64, what: Count) {
        self.count(rank, what, 1);
        self.note(peer, rank, IS_CALL, number, what);
    }

    /// The same, if what it said of the call is wrong.
    pub fn judge_word(&self, rank: u32, peer: u32, number: u64, said: Result<(), Wrong>) {
        let what = match said {
            Ok(()) => return,
            Err(Wrong::Unknown) => Count::Torn,
            Err(Wrong::Twice) => Count::Twice,
            Err(Wrong::Belied) => Count::Belied,
        };
        self.fail(rank, peer, number, what);
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
            if last == IS_CALL {
                return Some(format!("rank {to}, in call {number} with rank {from}: {name}"));
            }
            Some(format!("rank {to}, after message {last} of rank {from}, got {number}: {name}"))
        })
    }
}
