//! What sends in a torture.

use super::book::Book;
use super::ledger::{Fate, Ledger};
use super::parcel::{Parcels, Shape};
use super::verb::{Post, Verb};
use crate::common::failure::Failure;
use crate::stress::half::Half;
use mailbox::SendError;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread;
use std::time::Duration;

/// The most messages in a batch; far fewer than come between two that are too short to say their number.
const BATCH: u32 = 16;

/// Now and then lets time pass in which something is held back or held: there a death is most telling.
pub fn pause(random: &mut Xoshiro256PlusPlus) {
    if random.random_ratio(1, 8) {
        thread::sleep(Duration::from_micros(random.random_range(0..500)));
    }
}

/// Messages to one rank.
struct Line<'a> {
    ledger: Ledger<'a>,
    parcels: Parcels,
    next: u64,
    /// The last that was sent in this life and travels whole; 0: none.
    last_whole: u64,
    /// Whether the last one was sent.
    has_ended: bool,
}

/// All that one life of a rank sends.
pub struct Poster<'a> {
    rank: u32,
    lines: Vec<Line<'a>>,
    random: Xoshiro256PlusPlus,
    bytes: Vec<u8>,
    /// Whether calls may wait as long as it takes.
    waits: bool,
    beat: &'a AtomicU64,
    call: &'a AtomicU64,
}

impl<'a> Poster<'a> {
    /// What rank `rank` sends; its predecessors have sent what the book says.
    pub fn new(
        book: &Book<'a>,
        rank: u32,
        parcels: impl Iterator<Item = Parcels>,
        random: Xoshiro256PlusPlus,
        waits: bool,
    ) -> Self {
        let line = |(to, parcels)| {
            let ledger = book.ledger(rank, to);
            Line { ledger, parcels, next: ledger.resume(), last_whole: 0, has_ended: false }
        };
        let lines = (0..).zip(parcels).map(line).collect();
        let (beat, call) = (book.beat(rank, Half::Sending), book.call(rank, Half::Sending));
        Self { rank, lines, random, bytes: vec![], waits, beat, call }
    }

    /// Sends a message or a few; then does `also`, before what a batch may hold back is sent.
    pub fn step(
        &mut self,
        post: &impl Post,
        also: impl FnOnce(&Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.random.random_ratio(3, 4) {
            let verb_of = |poster: &mut Self, is_long| poster.verb(is_long, true);
            if let Some((to, number)) = self.one(post, verb_of)? {
                self.close(to, number);
            }
            return also(self);
        }
        let batch = post.begin();
        let mut sent = vec![];
        for _ in 0..self.random.random_range(1..=BATCH) {
            sent.extend(self.one(post, |poster, is_long| poster.verb(is_long, false))?);
            pause(&mut self.random);
        }
        also(self)?;
        drop(batch);
        sent.into_iter().for_each(|(to, number)| self.close(to, number));
        Ok(())
    }

    /// The number of the last message that travels whole and that this life sent to a rank; 0: none.
    pub fn last_whole(&self, to: u32) -> u64 {
        self.lines[to as usize].last_whole
    }

    fn close(&self, to: usize, number: u64) {
        let line = &self.lines[to];
        // What became of long ones is known already.
        if !line.parcels.is_long(number) {
            line.ledger.settle(number, Fate::Sent);
        }
        line.ledger.close(number);
    }

    /// How the next message is sent; alone, perhaps, so that it is known at once whether it was.
    fn verb(&mut self, is_long: bool, is_alone: bool) -> Verb {
        let longest = if is_long { 20_000 } else { [100, 100, 100, 2000][self.random.random_range(0..4)] };
        let time = Duration::from_micros(self.random.random_range(0..longest));
        match self.random.random_range(0..12) {
            10.. => Verb::Start(time),
            3..5 if !is_long => Verb::Try,
            5 | 9 if !is_long => Verb::Lend(time),
            3..6 | 9 => Verb::Announce(time),
            8 if !is_long && is_alone => Verb::Sync(time),
            0..3 if self.waits => Verb::Wait,
            0..3 => Verb::Within(Duration::from_millis(5)),
            _ => Verb::Within(time),
        }
    }

    /// Sends the next message to some rank; its number if it will not be sent again.
    fn one(
        &mut self,
        post: &impl Post,
        verb: impl FnOnce(&mut Self, bool) -> Verb,
    ) -> Result<Option<(usize, u64)>, Failure> {
        let to = self.random.random_range(0..self.lines.len());
        let mut bytes = std::mem::take(&mut self.bytes);
        let line = &self.lines[to];
        let number = line.next;
        let is_long = matches!(line.parcels.pack(number, false, &mut bytes), Shape::Long(_));
        line.ledger.intend(number);
        let verb = verb(self, is_long);
        let result = self.call(post, verb, to, &bytes);
        self.bytes = bytes;
        let is_done = match result {
            Ok(()) => true,
            Err(SendError::Full(_) | SendError::Timeout(_) | SendError::Gone { .. }) => false,
            Err(SendError::Refused(_)) if is_long => false,
            // One thread cannot take what it sends.
            Err(SendError::TooLarge { .. }) if is_long && to == self.rank as usize => false,
            Err(error) => return Err(self.failure(to, number, error)),
        };
        if is_long {
            self.lines[to].ledger.settle(number, if is_done { Fate::Sent } else { Fate::Given });
        }
        if !is_long {
            if !is_done {
                if let Verb::Sync(_) = verb {
                    // It may have been sent.
                    let line = &mut self.lines[to];
                    line.ledger.settle(number, Fate::Given);
                    line.ledger.close(number);
                    line.next += 1;
                }
                return Ok(None);
            }
            self.lines[to].last_whole = number;
        }
        self.lines[to].next += 1;
        Ok(Some((to, number)))
    }

    fn call(&self, post: &impl Post, verb: Verb, to: usize, bytes: &[u8]) -> Result<(), SendError> {
        self.call.store((to as u64) << 32 | bytes.len() as u64, Relaxed);
        let result = post.post(verb, to as u32, bytes);
        self.beat.fetch_add(1, Release);
        result
    }

    /// Tells a rank that nothing follows, unless all know it; whether they do.
    pub fn end(&mut self, post: &impl Post) -> Result<bool, Failure> {
        let Some(to) = self.lines.iter().position(|line| !line.has_ended) else {
            self.beat.store(u64::MAX, Release);
            return Ok(true);
        };
        let line = &mut self.lines[to];
        while matches!(line.parcels.shape(line.next), Shape::Short(_) | Shape::Long(_)) {
            line.ledger.intend(line.next);
            line.ledger.settle(line.next, Fate::Given);
            line.ledger.close(line.next);
            line.next += 1;
        }
        let number = line.next;
        let mut bytes = vec![];
        line.parcels.pack(number, true, &mut bytes);
        line.ledger.intend(number);
        match self.call(post, Verb::Within(Duration::from_millis(2)), to, &bytes) {
            Ok(()) => {
                self.close(to, number);
                self.lines[to].has_ended = true;
            }
            // One that has left before its last message has a successor.
            Err(SendError::Full(_) | SendError::Timeout(_) | SendError::Gone { .. }) => {}
            Err(error) => return Err(self.failure(to, number, error)),
        }
        Ok(false)
    }

    fn failure(&self, to: usize, number: u64, error: SendError) -> Failure {
        Failure::new(format_args!("rank {} cannot send message {number} to rank {to}: {error}", self.rank))
    }
}
