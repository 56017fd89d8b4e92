//! The journal of processes that share endpoints: what each thread does and has counted, and how the lives of each rank end.

use crate::stress::journal::{GROUP, Journal};
use crate::stress::tally::{FIRST, Tally};
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

/// How many threads share an endpoint.
pub const THREADS: u32 = 4;
/// Of how many lives of a rank the journal knows.
const LIVES: usize = 256;
/// Words of a rank: how many kills have begun or ended, so that it is odd during one; the present life; how many lives
/// have left, or are about to; whether it has met all others in the end; and its lives.
const KILLS: usize = 0;
const PRESENT: usize = 1;
const LEAVES: usize = 2;
const MET: usize = 3;
const PAGE: usize = GROUP + LIVES;
/// Of a life: it is about to leave, or has left. The bits below the epoch, and above these, say how many kills came before.
const LEAVING: u64 = 1;
const LEFT: u64 = 2;
/// What it has acknowledged never comes again: it acknowledges each mail before it takes another, or has come to an end of them.
const EXACT: u64 = 4;
/// It may move unread mail to its own memory, which ends with it.
const FORGETS: u64 = 8;
const BEFORE: u32 = 8;
const EPOCH: u32 = 32;

/// What is counted, a word each.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Messages sent, and those of them that were announced.
    Sent = FIRST,
    Announced,
    /// Mails received, and those of them that had been received before.
    Received,
    Again,
    /// Mails put back.
    Requeued,
    /// Mails for which a thread waited although they had been there for long.
    Late,
    /// Calls, and how they ended.
    Asked,
    Answered,
    Dropped,
    Ended,
    /// Sends, receives and calls that ended in vain.
    GivenUp,
    /// Joinings and ends told.
    Joinings,
    Ends,
    /// Lives, those of them whose events were judged, and those in which nothing was left to tell.
    Lives,
    Judged,
    Complete,
    /// Ranks of which a wait as long as a nap did not tell how they stand.
    Untold,
    /// Times that nobody else was left.
    Alone,
}

impl From<Count> for usize {
    fn from(count: Count) -> Self {
        count as Self
    }
}

impl Count {
    /// What is told of, by name.
    pub const TOLD: [(&'static str, Self); 18] = [
        ("lives", Self::Lives),
        ("sent", Self::Sent),
        ("announced", Self::Announced),
        ("received", Self::Received),
        ("received_again", Self::Again),
        ("requeued", Self::Requeued),
        ("late", Self::Late),
        ("calls", Self::Asked),
        ("answered", Self::Answered),
        ("dropped", Self::Dropped),
        ("ended_by_an_end", Self::Ended),
        ("given_up", Self::GivenUp),
        ("joinings_told", Self::Joinings),
        ("ends_told", Self::Ends),
        ("lives_judged", Self::Judged),
        ("of_these_complete", Self::Complete),
        ("untold", Self::Untold),
        ("alone", Self::Alone),
    ];
}

/// What may take time.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    Send,
    Ask,
    Reply,
    Receive,
    Event,
    UntilAlone,
}

impl Call {
    const ALL: [Self; 6] = [Self::Send, Self::Ask, Self::Reply, Self::Receive, Self::Event, Self::UntilAlone];
}

/// The journal.
#[derive(Clone, Copy)]
pub struct Roll<'a> {
    tally: Tally<'a>,
    ranks: &'a [AtomicU64],
}

impl<'a> Deref for Roll<'a> {
    type Target = Tally<'a>;

    fn deref(&self) -> &Tally<'a> {
        &self.tally
    }
}

impl<'a> Roll<'a> {
    /// Words of a roll of so many ranks. What comes behind them is free.
    pub fn words(ranks: u32) -> usize {
        Tally::words(ranks * THREADS) + ranks as usize * PAGE
    }

    /// The roll in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        let seats = ranks * THREADS;
        Self { tally: Tally::new(journal, seats), ranks: &journal.words()[Tally::words(seats)..] }
    }

    /// A thread makes a call. All but the last kind must end soon.
    pub fn call<T>(&self, seat: u32, call: Call, act: impl FnOnce() -> T) -> T {
        self.tally.call(seat, call as u64, !matches!(call, Call::UntilAlone), act)
    }

    /// The call that a thread makes, or made last.
    pub fn current(&self, seat: u32) -> Call {
        Call::ALL[self.tally.current(seat) as usize % Call::ALL.len()]
    }

    fn of(&self, rank: u32, at: usize) -> &'a AtomicU64 {
        &self.ranks[rank as usize * PAGE + at]
    }

    fn life(&self, rank: u32, epoch: u64) -> &'a AtomicU64 {
        self.of(rank, GROUP + epoch as usize % LIVES)
    }

    /// Kills the process of a rank.
    pub fn kill<T>(&self, rank: u32, kill: impl FnOnce() -> T) -> T {
        self.of(rank, KILLS).fetch_add(1, AcqRel);
        let result = kill();
        self.of(rank, PRESENT).fetch_and(!1, AcqRel);
        self.of(rank, KILLS).fetch_add(1, AcqRel);
        result
    }

    /// A life has joined.
    pub fn begin(&self, rank: u32, epoch: u64) {
        // One that is killed just now is killed later.
        let kills = self.of(rank, KILLS).load(Acquire) & !1;
        self.life(rank, epoch).store(epoch << EPOCH | kills << BEFORE, Release);
        self.of(rank, PRESENT).store(epoch << 1 | 1, Release);
    }

    /// What a life has acknowledged never comes again.
    pub fn note_exact(&self, rank: u32, epoch: u64) {
        self.life(rank, epoch).fetch_or(EXACT, AcqRel);
    }

    /// Whether that is so of a life.
    pub fn is_exact(&self, rank: u32, epoch: u64) -> bool {
        let life = self.life(rank, epoch).load(Acquire);
        life >> EPOCH == epoch && life & EXACT != 0
    }

    /// A life may move unread mail to its own memory.
    pub fn note_forgetful(&self, rank: u32, epoch: u64) {
        self.life(rank, epoch).fetch_or(FORGETS, AcqRel);
    }

    /// Whether a life may have ended with unread mail, of those that follow on this one, that included, before the present one.
    pub fn may_have_forgotten(&self, rank: u32, since: u64) -> bool {
        let forgets = |epoch| self.life(rank, epoch).load(Acquire) & FORGETS != 0;
        (since..self.present(rank).0).any(forgets)
    }

    /// A life leaves.
    pub fn end<T>(&self, rank: u32, epoch: u64, leave: impl FnOnce() -> T) -> T {
        self.life(rank, epoch).fetch_or(LEAVING, AcqRel);
        // In this order: one that sees the second sees the first.
        self.of(rank, PRESENT).store(epoch << 1, Release);
        self.of(rank, LEAVES).fetch_add(1, AcqRel);
        let result = leave();
        self.life(rank, epoch).fetch_or(LEFT, AcqRel);
        result
    }

    /// The epoch of the present life of a rank, or of the last one, and whether that goes on.
    pub fn present(&self, rank: u32) -> (u64, bool) {
        let word = self.of(rank, PRESENT).load(Acquire);
        (word >> 1, word & 1 != 0)
    }

    /// How often a rank has died or left, or is about to.
    pub fn ends(&self, rank: u32) -> Ends {
        let kills = self.of(rank, KILLS).load(Acquire);
        Ends {
            kills: kills.div_ceil(2),
            is_dying: kills & 1 != 0,
            leaves: self.of(rank, LEAVES).load(Acquire),
        }
    }

    /// Whether this life can have ended so, as far as the journal knows it.
    pub fn can_have_ended(&self, rank: u32, epoch: u64, is_death: bool) -> bool {
        let (life, kills) = (self.life(rank, epoch).load(Acquire), self.of(rank, KILLS).load(Acquire));
        let before = life >> BEFORE & ((1 << (EPOCH - BEFORE)) - 1);
        match (life >> EPOCH).cmp(&epoch) {
            // It was killed before it could say that it had joined.
            std::cmp::Ordering::Less => is_death && kills > 0,
            std::cmp::Ordering::Equal if is_death => kills > before && life & LEFT == 0,
            std::cmp::Ordering::Equal => life & LEAVING != 0,
            std::cmp::Ordering::Greater => true,
        }
    }

    /// In the end a rank has met all others.
    pub fn meet(&self, rank: u32) {
        self.of(rank, MET).store(1, Release);
    }

    pub fn has_met(&self, rank: u32) -> bool {
        self.of(rank, MET).load(Acquire) != 0
    }
}

/// How often a rank has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub kills: u64,
    pub is_dying: bool,
    pub leaves: u64,
}
