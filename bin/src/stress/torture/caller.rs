//! What calls in a torture.

use super::book::{Book, Count};
use super::docket::{Docket, Word};
use super::ledger::Ledger;
use super::poster::Poster;
use crate::common::failure::Failure;
use crate::stress::half::Half;
use crate::stress::request::{Deed, Request, Requests};
use mailbox::{Broken, Call, CallError, Deadline, End, Endpoint, Reply, SendError, Status};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread;
use std::time::{Duration, Instant};

/// The most calls that are under way at once.
const MANY: usize = 6;
/// How long a call may go on whose server's life is over.
const BOUND: Duration = Duration::from_secs(1);

/// Calls to one rank.
struct Line<'a> {
    docket: Docket<'a>,
    /// What this rank sends there, calls among it.
    loose: Ledger<'a>,
    requests: Requests,
}

/// A request that was asked.
#[derive(Clone, Copy)]
struct Asked {
    to: u32,
    number: u64,
    /// The life of the server that it is for is one of these.
    first: u64,
    last: u64,
}

/// All that one life of a rank asks.
pub struct Caller<'a> {
    me: &'a Endpoint,
    book: &'a Book<'a>,
    lines: Vec<Line<'a>>,
    under_way: Vec<(Asked, Call<'a>)>,
    random: Xoshiro256PlusPlus,
    beat: &'a AtomicU64,
    call: &'a AtomicU64,
}

impl<'a> Caller<'a> {
    /// What this endpoint asks; its predecessors have asked what the book says.
    pub fn new(
        book: &'a Book<'a>,
        me: &'a Endpoint,
        requests: impl Iterator<Item = Requests>,
        random: Xoshiro256PlusPlus,
    ) -> Self {
        let rank = me.rank();
        let line =
            |(to, requests)| Line { docket: book.docket(rank, to), loose: book.ledger(rank, to), requests };
        let lines = (0..).zip(requests).map(line).collect();
        let (beat, call) = (book.beat(rank, Half::Sending), book.call(rank, Half::Sending));
        Self { me, book, lines, under_way: vec![], random, beat, call }
    }

    /// Now and then asks a rank something, after what `poster` has sent there.
    pub fn ask(&mut self, poster: &Poster<'_>) -> Result<(), Failure> {
        if self.under_way.len() == MANY || self.random.random_ratio(1, 3) {
            return Ok(());
        }
        let to = self.random.random_range(0..self.lines.len() as u32);
        let line = &self.lines[to as usize];
        let first = self.life(to);
        let number = line.docket.begin();
        let request = Request { number, epoch: self.me.epoch(), after: poster.last_whole(to) };
        let bytes = line.requests.pack(request);
        // It may take a place in the mailbox.
        line.loose.loosen();
        self.book.count(self.me.rank(), Count::Calls, 1);
        self.call.store(u64::from(to) << 32 | bytes.len() as u64, Relaxed);
        let time = Duration::from_micros(self.random.random_range(0..3000));
        let way = self.random.random_range(0..4);
        if way < 2 {
            line.docket.loosen(number);
        }
        match way {
            // For as long as it takes: so no two may wait for each other.
            0 if to < self.me.rank() => {
                let result = self.me.call(to, &bytes);
                self.conclude(self.asked(to, number, first), result)
            }
            0 | 1 => {
                let result = self.me.to(to).within(time).call(&bytes);
                self.conclude(self.asked(to, number, first), result)
            }
            _ => {
                let result = self.me.to(to).within(Deadline::Now).start_call(&bytes);
                let asked = self.asked(to, number, first);
                match result {
                    Ok(call) => {
                        self.under_way.push((asked, call));
                        Ok(())
                    }
                    Err(error) => self.conclude(asked, Err(error)),
                }
            }
        }
    }

    /// What was just asked.
    fn asked(&self, to: u32, number: u64, first: u64) -> Asked {
        self.beat.fetch_add(1, Release);
        Asked { to, number, first, last: self.life(to) }
    }

    /// Looks whether calls that are under way are answered, waits for some, gives some up. In between the rank
    /// receives.
    pub fn hear(&mut self) -> Result<(), Failure> {
        for at in (0..self.under_way.len()).rev() {
            let (asked, call) = &self.under_way[at];
            let (asked, to) = (*asked, asked.to);
            self.call.store(u64::from(to) << 32, Relaxed);
            // Only this thread answers what the rank asks itself.
            let waits = to != self.me.rank() && self.random.random_ratio(1, 4);
            let result = if waits {
                let time = Duration::from_micros(self.random.random_range(0..1000));
                call.wait_within(time).map(Some)
            } else {
                call.try_wait()
            };
            self.beat.fetch_add(1, Release);
            let result = match result {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) | Err(CallError::Timeout(_)) if !self.is_over(to, asked.last) => {
                    if self.random.random_ratio(1, 32) {
                        self.loosen(asked);
                        self.conclude(asked, Err(CallError::Timeout(asked.to)))?;
                        drop(self.under_way.swap_remove(at));
                    }
                    continue;
                }
                // That is told soon.
                Ok(None) | Err(CallError::Timeout(_)) => {
                    let (_, call) = &self.under_way[at];
                    let result = call.wait_within(BOUND);
                    self.beat.fetch_add(1, Release);
                    if let Err(CallError::Timeout(_)) = result {
                        self.belie(asked);
                    }
                    result
                }
                Err(error) => Err(error),
            };
            // Until mail is received.
            if let Err(CallError::Held(_)) = result {
                continue;
            }
            self.loosen(asked);
            drop(self.under_way.swap_remove(at));
            self.conclude(asked, result)?;
        }
        Ok(())
    }

    /// Gives up what is under way.
    pub fn end(&mut self) -> Result<(), Failure> {
        while let Some((asked, call)) = self.under_way.pop() {
            self.loosen(asked);
            drop(call);
            self.conclude(asked, Err(CallError::Timeout(asked.to)))?;
        }
        Ok(())
    }

    fn loosen(&self, asked: Asked) {
        self.lines[asked.to as usize].docket.loosen(asked.number);
    }

    /// Judges what came of a call.
    fn conclude(&self, asked: Asked, result: Result<Reply, CallError>) -> Result<(), Failure> {
        let Asked { to, number, first, last } = asked;
        let line = &self.lines[to as usize];
        let (me, deed) = (self.me.rank(), || line.requests.deed(number));
        let (what, word) = match result {
            Ok(reply) => {
                let is_right = deed() == Deed::Answer(reply.into_vec());
                self.compare(asked, is_right);
                (Count::Answered, Word::HasAnswer)
            }
            Err(CallError::Refused(bytes)) => {
                self.compare(asked, deed() == Deed::Refuse(bytes));
                (Count::Answered, Word::HasAnswer)
            }
            Err(CallError::Unanswered { end: End::Dropped, .. }) => (Count::Answered, Word::ToldDropped),
            Err(CallError::Unanswered { end: End::Died | End::Left, .. }) => {
                if !self.will_be_over(to, first) {
                    self.belie(asked);
                }
                (Count::Ended, Word::ToldOver)
            }
            Err(CallError::Request(SendError::Full(_) | SendError::Gone { .. })) => {
                (Count::Unasked, Word::ToldUnasked)
            }
            Err(CallError::Timeout(_) | CallError::Held(_) | CallError::Broken(Broken::Oneself)) => {
                self.book.count(me, Count::GivenUp, 1);
                return Ok(());
            }
            Err(error) => {
                return Err(Failure::new(format_args!("rank {me} cannot ask rank {to}: {error}")));
            }
        };
        self.book.count(me, what, 1);
        self.book.judge_word(me, to, number, line.docket.say(number, word));
        if what == Count::Answered && !(first..=last).contains(&line.docket.server(number)) {
            self.belie(asked);
        }
        Ok(())
    }

    fn status(&self, to: u32) -> (Status, u64) {
        self.me.region().status(to).expect("it is a rank")
    }

    /// The epoch of the life of a rank that a call is for now.
    fn life(&self, to: u32) -> u64 {
        let (status, epoch) = self.status(to);
        epoch + u64::from(matches!(status, Status::NeverJoined | Status::Left))
    }

    /// Whether the life of a rank that has this epoch is over.
    fn is_over(&self, to: u32, life: u64) -> bool {
        let (status, epoch) = self.status(to);
        epoch > life || epoch == life && matches!(status, Status::Dead | Status::Left)
    }

    /// The same, but a successor that has the rank's lock and has not said so yet does not count as that life.
    fn will_be_over(&self, to: u32, life: u64) -> bool {
        let begin = Instant::now();
        while !self.is_over(to, life) {
            if begin.elapsed() > BOUND {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    fn compare(&self, asked: Asked, is_right: bool) {
        if !is_right {
            self.book.fail(self.me.rank(), asked.to, asked.number, Count::Mistaken);
        }
    }

    fn belie(&self, asked: Asked) {
        self.book.fail(self.me.rank(), asked.to, asked.number, Count::Belied);
    }
}
