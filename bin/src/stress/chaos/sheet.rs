//! The journal of a chaos: what was overwritten, and how those fare whose region it is.

use crate::stress::half::Half;
use crate::stress::journal::{GROUP, Journal};
use std::array;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

/// Threads of a rank, each of which fares in its own way: the two halves come first.
pub const SEATS: usize = 4;
/// Words of a thread.
const PULSE: usize = 2 * GROUP;
/// How many ranks more are spared.
pub const PAIR: u32 = 2;
/// Calls of up to 1, 2, 4, … ms; the last takes all others.
pub const SPANS: usize = 12;

/// The journal, by whom it is about.
pub struct Sheet<'a> {
    words: &'a [AtomicU64],
    ranks: u32,
}

impl<'a> Sheet<'a> {
    /// Words of a sheet for so many ranks that talk, beside those that are spared.
    pub fn words(ranks: u32) -> usize {
        3 * GROUP + (ranks + PAIR) as usize * SEATS * PULSE
    }

    /// The sheet in this journal.
    pub fn new(journal: &'a Journal, ranks: u32) -> Self {
        Self { words: journal.words(), ranks }
    }

    /// Whether nothing is overwritten any more.
    pub fn is_over(&self) -> bool {
        self.words[0].load(Acquire) != 0
    }

    /// Says that nothing is overwritten any more.
    pub fn end(&self) {
        self.words[0].store(1, Release);
    }

    /// How often words of this class were overwritten; there are at most 32.
    pub fn written(&self, class: usize) -> &'a AtomicU64 {
        &self.words[GROUP..3 * GROUP][class]
    }

    /// How a half of a rank fares; behind those that talk come those that are spared.
    pub fn pulse(&self, rank: u32, half: Half) -> Pulse<'a> {
        self.seats(rank)[half as usize]
    }

    /// How each thread of a rank fares.
    pub fn seats(&self, rank: u32) -> [Pulse<'a>; SEATS] {
        let first = 3 * GROUP + rank as usize * SEATS * PULSE;
        array::from_fn(|seat| Pulse(&self.words[first + seat * PULSE..][..PULSE]))
    }

    /// Those of all ranks.
    pub fn pulses(&self) -> impl Iterator<Item = Pulse<'a>> {
        (0..self.ranks + PAIR).flat_map(|rank| self.seats(rank))
    }

    /// So many of it, over all threads.
    pub fn total(&self, what: Tally) -> u64 {
        self.pulses().map(|pulse| pulse.get(what)).sum()
    }

    /// Whether each rank that is not spared has counted so many of it in its receiving half.
    pub fn has_each(&self, what: Tally, count: u64) -> bool {
        (0..self.ranks).all(|rank| self.pulse(rank, Half::Receiving).get(what) >= count)
    }
}

/// A call, or what else may take time.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    Open,
    Join,
    Leave,
    Inspect,
    Send,
    SendTimeout,
    SendSync,
    TrySend,
    Loan,
    SendLoan,
    Flush,
    Recv,
    RecvTimeout,
    TryRecv,
    RecvFrom,
    RecvFromTimeout,
    TryRecvFrom,
    Acknowledge,
    Settle,
    Reset,
    Ask,
    AskTimeout,
    TryAsk,
    Fetch,
    Announce,
    Hear,
    Answer,
    Start,
    WaitForAll,
    GiveUp,
    Peek,
    Event,
    Exchange,
    Reunite,
}

impl Call {
    const ALL: [Self; 34] = [
        Self::Open,
        Self::Join,
        Self::Leave,
        Self::Inspect,
        Self::Send,
        Self::SendTimeout,
        Self::SendSync,
        Self::TrySend,
        Self::Loan,
        Self::SendLoan,
        Self::Flush,
        Self::Recv,
        Self::RecvTimeout,
        Self::TryRecv,
        Self::RecvFrom,
        Self::RecvFromTimeout,
        Self::TryRecvFrom,
        Self::Acknowledge,
        Self::Settle,
        Self::Reset,
        Self::Ask,
        Self::AskTimeout,
        Self::TryAsk,
        Self::Fetch,
        Self::Announce,
        Self::Hear,
        Self::Answer,
        Self::Start,
        Self::WaitForAll,
        Self::GiveUp,
        Self::Peek,
        Self::Event,
        Self::Exchange,
        Self::Reunite,
    ];

    fn name(number: u64) -> String {
        Self::ALL.get(number as usize).map_or("nothing".into(), |call| format!("{call:?}"))
    }
}

/// What is counted, a word each.
#[derive(Debug, Clone, Copy)]
pub enum Tally {
    Calls = 2,
    /// Calls that did something.
    Good = 3,
    /// Times that a mailbox was called corrupt.
    Corrupt = 4,
    /// Resets asked for with a mailbox that was called corrupt.
    Resets = 5,
    /// Those after which mail came.
    Revived = 6,
    /// Ends of a life that the rank was told to end.
    Over = 7,
    /// Senders that were heard since.
    Heard = 8,
    /// Answers of any content.
    Answers = 11,
    /// Answers among the spared that were that of their request, and those that were not.
    Right = 12,
    Mistaken = 13,
    /// Joinings, ends, and times that nobody was left, as told.
    Events = 14,
    /// Lives whose threads shared the endpoint.
    Shared = 15,
    /// Loans that were sent, and mails that can only be loans. Behind the spans of a thread.
    Lent = (GROUP + SPANS) as isize,
    Read = (GROUP + SPANS + 1) as isize,
}

const BEAT: usize = 0;
const CALL: usize = 1;
const LONGEST: usize = 9;
const LONGEST_CALL: usize = 10;

/// How a thread of a rank fares, written by it alone.
#[derive(Clone, Copy)]
pub struct Pulse<'a>(&'a [AtomicU64]);

impl<'a> Pulse<'a> {
    /// Counts the calls that have returned; the largest number while none is made.
    pub fn beat(self) -> &'a AtomicU64 {
        &self.0[BEAT]
    }

    /// Makes a call.
    pub fn call<T, E>(self, call: Call, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.0[CALL].store(call as u64, Relaxed);
        self.beat().store(self.get(Tally::Calls), Release);
        let begin = Instant::now();
        let result = act();
        let time = begin.elapsed();
        self.count(Tally::Calls);
        self.rest();
        if result.is_ok() {
            self.count(Tally::Good);
        }
        let span = (u128::BITS - time.as_millis().leading_zeros()) as usize;
        add(&self.0[GROUP + span.min(SPANS - 1)]);
        if time.as_nanos() as u64 > self.0[LONGEST].load(Relaxed) {
            self.0[LONGEST].store(time.as_nanos() as u64, Relaxed);
            self.0[LONGEST_CALL].store(call as u64, Release);
        }
        result
    }

    /// As `call`, where nothing can fail.
    pub fn act<T>(self, call: Call, act: impl FnOnce() -> T) -> T {
        let Ok(result) = self.call(call, || Ok::<_, std::convert::Infallible>(act()));
        result
    }

    /// Says that no call is made.
    pub fn rest(self) {
        self.beat().store(u64::MAX, Release);
    }

    /// One more.
    pub fn count(self, what: Tally) {
        add(&self.0[what as usize]);
    }

    /// How many so far.
    pub fn get(self, what: Tally) -> u64 {
        self.0[what as usize].load(Acquire)
    }

    /// The call that is made, or was last.
    pub fn current(self) -> String {
        Call::name(self.0[CALL].load(Acquire))
    }

    /// The call that took longest, and how long that was.
    pub fn longest(self) -> (Duration, String) {
        let call = Call::name(self.0[LONGEST_CALL].load(Acquire));
        (Duration::from_nanos(self.0[LONGEST].load(Relaxed)), call)
    }

    /// How many calls took up to 1, 2, 4, … ms.
    pub fn spans(self) -> [u64; SPANS] {
        array::from_fn(|span| self.0[GROUP + span].load(Acquire))
    }
}

fn add(word: &AtomicU64) {
    word.store(word.load(Relaxed) + 1, Release);
}
