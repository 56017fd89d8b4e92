//! The journal of a torture: a page for each rank, a ledger and a docket for each ordered pair.

use super::docket::{DOCKET, Docket, Wrong};
use super::ledger::{LEDGER, Ledger, Verdict};
use crate::stress::half::Half;
use crate::stress::journal::{GROUP, Journal};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Words of a rank: a group for what sends, one for what receives, one for what went wrong, two for counts, and the ends
/// of its lives.
const PAGE: usize = 5 * GROUP + LIVES;

/// What is counted, one word each, by the receiving half, or by the only thread of a rank.
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
    /// Mails of receives that were started, and those that a look had shown before.
    Started,
    Peeked,
    /// Panics with mail in hand.
    Panics,
    /// What was in hand then, or was left, and came again in the same life.
    Again,
    /// Ends of lives that were told, and of these such as never sent anything.
    Ends,
    SilentEnds,
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
    /// What came again and does not say so.
    Unmarked,
    /// What says that it may have come before, and cannot have.
    Mismarked,
    /// Ends that were not told in time.
    Untold,
    /// Ends that were told, and were not, or were told before, or were of another kind.
    Mistold,
}

/// Where the first fault is written: what, from whom, the last number before it, its own.
const FAULT: usize = 2 * GROUP;
const COUNTS: usize = 3 * GROUP;
const ENDS: usize = 5 * GROUP;
/// In the group for what sends: the life that ends by itself, or waits to be killed.
const OWN_END: usize = 2;
const DOOMED: usize = 3;
/// In the place of the last number: it is a call.
const IS_CALL: u64 = u64::MAX;
const NAMES: [&str; 11] = [
    "lost before it",
    "torn",
    "out of order",
    "seen after it was acknowledged",
    "answered with something else",
    "carried out twice",
    "told to have ended as it did not",
    "come again without a mark",
    "marked, though nobody had it",
    "not told of that rank's end",
    "told of an end that is none, or not as it was, or again",
];
/// The last lives of a rank of which it is known how they ended: far more than anybody is behind.
pub const LIVES: usize = 64;
/// What a life says of its end.
const SILENT: u64 = 4;

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nobody says: it dies.
    Death = 0,
    /// It is leaving.
    Leaving = 1,
    /// It has left.
    Left = 2,
}

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

    /// Counts those of both.
    pub fn beats(&self, rank: u32) -> u64 {
        let count = |half| self.beat(rank, half).load(Acquire);
        count(Half::Sending).wrapping_add(count(Half::Receiving))
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
        let Verdict { redelivered, lost, disordered, repeated, missing, again, unmarked, mismarked } =
            verdict;
        let is_new = !(redelivered || repeated || disordered || again);
        let counts = [
            (Messages, is_new.into()),
            (Redeliveries, redelivered.into()),
            (Missing, missing),
            (Lost, lost),
            (Disordered, disordered.into()),
            (Repeated, repeated.into()),
            (Again, again.into()),
            (Unmarked, unmarked.into()),
            (Mismarked, mismarked.into()),
        ];
        for (what, more) in counts {
            if more > 0 {
                self.count(to, what, more);
                self.note(from, to, last, number, what);
            }
        }
    }

    /// Rank `rank` says how its life of this epoch ends, and whether that is silent: it never sends anything.
    pub fn end_life(&self, rank: u32, epoch: u64, end: End, is_silent: bool) {
        let silent = if is_silent { SILENT } else { 0 };
        self.page(rank)[ENDS + epoch as usize % LIVES].store(epoch << 3 | silent | end as u64, Release);
    }

    /// How the life of this epoch of a rank ended, and whether it was silent.
    pub fn end_of(&self, rank: u32, epoch: u64) -> (End, bool) {
        let word = self.page(rank)[ENDS + epoch as usize % LIVES].load(Acquire);
        if word >> 3 != epoch {
            return (End::Death, false);
        }
        let end = [End::Death, End::Leaving, End::Left][(word & 3).min(2) as usize];
        (end, word & SILENT != 0)
    }

    /// Whether the present life of a rank ends, or has ended, by itself.
    pub fn own_end(&self, rank: u32) -> &'a AtomicU64 {
        &self.page(rank)[OWN_END]
    }

    /// Whether the present life of a rank waits to be killed.
    pub fn doomed(&self, rank: u32) -> &'a AtomicU64 {
        &self.page(rank)[DOOMED]
    }

    /// Rank `rank` was told of the end of this life of `peer` what is not so, or was not told of it.
    pub fn fail_end(&self, rank: u32, peer: u32, epoch: u64, what: Count) {
        self.count(rank, what, 1);
        self.note(peer, rank, epoch, epoch, what);
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
            if code >= Count::Untold as u64 {
                return Some(format!("rank {to}, of life {number} of rank {from}: {name}"));
            }
            if last == IS_CALL {
                return Some(format!("rank {to}, in call {number} with rank {from}: {name}"));
            }
            Some(format!("rank {to}, after message {last} of rank {from}, got {number}: {name}"))
        })
    }
}
