//! What receives in a torture.

use super::book::{Book, Count};
use super::ledger::{Arrival, Verdict};
use super::line::Line;
use super::obituary::Obituary;
use super::parcel::Parcels;
use super::poster::pause;
use super::server::{Again, Server};
use super::verb::{Fetch, Verb};
use crate::common::failure::Failure;
use crate::stress::half::Half;
use mailbox::{Batch, Broken, Mail, Message, RecvError, Source};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

/// The most mails that are received before all are acknowledged.
const ROUND: u32 = 12;

/// What a handler in a torture panics with.
pub struct Whim;

/// All that one life of a rank receives.
pub struct Collector<'a> {
    pub(super) rank: u32,
    pub(super) book: &'a Book<'a>,
    pub(super) lines: Vec<Line<'a>>,
    pub(super) server: Server<'a>,
    pub(super) obituary: Obituary<'a>,
    /// The steps until a handler's panic ends this life.
    doom: Option<u32>,
    pub(super) random: Xoshiro256PlusPlus,
    pub(super) bytes: Vec<u8>,
    space: Vec<u8>,
    /// Whether calls may wait as long as it takes.
    waits: bool,
    /// Whether the last receive was by tag: calls of its sender may lie unread before what it took.
    pub(super) was_by_tag: bool,
    pub(super) beat: &'a AtomicU64,
    pub(super) call: &'a AtomicU64,
}

impl<'a> Collector<'a> {
    /// What rank `rank` receives; its predecessors have received what the book says.
    pub fn new(
        book: &'a Book<'a>,
        rank: u32,
        parcels: impl Iterator<Item = Parcels>,
        (server, obituary): (Server<'a>, Obituary<'a>),
        mut random: Xoshiro256PlusPlus,
        waits: bool,
    ) -> Self {
        let line = |(from, parcels)| Line::new(book.ledger(from, rank), parcels);
        let doom = random.random_ratio(1, 6).then(|| random.random_range(1..300));
        let lines = (0..).zip(parcels).map(line).collect();
        let (beat, call) = (book.beat(rank, Half::Receiving), book.call(rank, Half::Receiving));
        let (bytes, space) = (vec![], vec![]);
        let was_by_tag = false;
        Self {
            rank,
            book,
            lines,
            server,
            obituary,
            doom,
            random,
            bytes,
            space,
            waits,
            was_by_tag,
            beat,
            call,
        }
    }

    /// Receives a few messages and acknowledges them, and serves calls; whether those were the last.
    pub fn step(&mut self, fetch: &impl Fetch) -> Result<bool, Failure> {
        if self.random.random_ratio(1, 16) {
            fetch.by_hand(self.random.random());
        }
        let doom = self.doom.filter(|_| !self.book.is_over());
        self.doom = doom.map(|steps| steps.saturating_sub(1));
        for (from, line) in (0..).zip(&mut self.lines) {
            self.server.check(from, &mut line.calls);
        }
        let batch = self.random.random_ratio(1, 4).then(|| fetch.begin());
        let mut held = vec![];
        for _ in 0..self.random.random_range(1..=ROUND) {
            // Nothing follows, and a wait for it would have no end where another's has none either.
            if self.has_ended() {
                break;
            }
            let Some(mail) = self.one(fetch, !held.is_empty())? else { break };
            let from = mail.from();
            // Before anything is made of it.
            if self.random.random_ratio(1, if mail.is_call() { 16 } else { 64 }) {
                self.note_untouched(&mail);
                mail.requeue();
                continue;
            }
            if self.random.random_ratio(1, 256) {
                self.note_untouched(&mail);
                self.panic(batch, held, Some(mail));
                return Ok(false);
            }
            if mail.announced().is_some() {
                self.fetch(mail)?;
                continue;
            }
            let Some(number) = self.take(&mail) else { continue };
            if self.random.random_ratio(1, 128) || self.doom == Some(0) {
                held.push((number, mail));
                self.panic(batch, held, None);
                return Ok(false);
            }
            if self.random.random_ratio(1, 4) {
                held.push((number, mail));
                pause(&mut self.random);
                continue;
            }
            if mail.is_call() {
                self.answer(mail, number)?;
                continue;
            }
            let line = &mut self.lines[from as usize];
            line.reader.acknowledging(number);
            drop(mail);
            let holds_call = held.iter().any(|(_, mail)| mail.from() == from && mail.is_call());
            if batch.is_none() && !holds_call && !line.is_blocked && !line.was_by_tag {
                line.reader.acknowledged();
            }
        }
        while !held.is_empty() {
            let (number, mail) = held.swap_remove(self.random.random_range(0..held.len()));
            if mail.is_call() {
                self.answer(mail, number)?;
                continue;
            }
            self.lines[mail.from() as usize].reader.acknowledging(number);
            drop(mail);
        }
        drop(batch);
        if self.random.random_ratio(1, 3) {
            self.drain(fetch)?;
        }
        self.settle();
        if self.has_ended() {
            self.beat.store(u64::MAX, Release);
            return Ok(true);
        }
        Ok(false)
    }

    /// What was acknowledged is known to be.
    fn settle(&self) {
        self.lines
            .iter()
            .filter(|line| !line.is_blocked && !line.was_by_tag)
            .for_each(|line| line.reader.acknowledged());
    }

    /// Panics with all of this in hand; in a doomed life with its endpoint, too.
    fn panic<'m>(
        &mut self,
        batch: Option<Batch<'m>>,
        held: Vec<(u64, Mail<'m>)>,
        untouched: Option<Mail<'m>>,
    ) {
        self.book.count(self.rank, Count::Panics, 1);
        if self.doom == Some(0) && !self.book.is_over() {
            self.book.own_end(self.rank).store(1, Release);
            let _in_hand = (held, untouched, batch);
            resume_unwind(Box::new(Whim));
        }
        for (number, mail) in &held {
            let line = &mut self.lines[mail.from() as usize];
            if mail.is_call() {
                line.calls.push(Again::new(*number, mail.epoch()));
                line.is_blocked = true;
            } else {
                line.reader.give_back(*number, mail.seq());
            }
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _in_hand = (held, untouched, batch);
            resume_unwind(Box::new(Whim));
        }));
        debug_assert!(panicked.is_err());
        self.settle();
    }

    /// A mail is given back before anything is made of it.
    fn note_untouched(&mut self, mail: &Mail<'_>) {
        if !mail.is_call() {
            self.lines[mail.from() as usize].untouched.push(mail.seq());
        }
    }

    fn answer(&mut self, call: Mail<'_>, number: u64) -> Result<(), Failure> {
        let from = call.from();
        self.call.store(u64::from(from) << 32, Relaxed);
        let result = self.server.answer(call, number, &mut self.random);
        self.beat.fetch_add(1, Release);
        result.map_err(|error| {
            Failure::new(format_args!("rank {} cannot answer rank {from}: {error}", self.rank))
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lines.iter().all(|line| line.has_ended)
    }

    pub(super) fn verb(&mut self, is_holding: bool) -> (Verb, Source) {
        let longest = if self.random.random_ratio(1, 16) { 2000 } else { 100 };
        let time = Duration::from_micros(self.random.random_range(0..longest));
        let rank = self.random.random_range(0..self.lines.len() as u32);
        match self.random.random_range(0..12) {
            0..4 if is_holding => (Verb::Try, Source::Anyone),
            0..4 if self.waits => (Verb::Wait, Source::Anyone),
            4 => (Verb::Try, Source::Rank(rank)),
            5 => (Verb::Within(time), Source::Rank(rank)),
            6 => (Verb::Try, Source::Anyone),
            8 => (Verb::Peek, Source::Anyone),
            9 => (Verb::Peek, Source::Rank(rank)),
            10 => (Verb::Start(time), Source::Anyone),
            11 => (Verb::Start(time), Source::Rank(rank)),
            _ => (Verb::Within(time), Source::Anyone),
        }
    }

    /// What came instead of a message.
    pub(super) fn fail(&mut self, error: RecvError) -> Result<(), Failure> {
        match error {
            RecvError::Timeout
            | RecvError::Broken(Broken::Oneself)
            | RecvError::Held(_)
            | RecvError::Crowded { .. }
            | RecvError::Gone { .. } => {}
            error => {
                return Err(Failure::new(format_args!("rank {} cannot receive: {error}", self.rank)));
            }
        }
        Ok(())
    }

    /// Judges a mail, or carries out a call; its number, if it has one.
    fn take(&mut self, mail: &Mail<'_>) -> Option<u64> {
        if mail.is_call() {
            let line = &mut self.lines[mail.from() as usize];
            let number = self.server.carry_out(mail, line.reader.passed(), &mut line.calls);
            line.is_blocked &= !line.calls.is_empty();
            return number;
        }
        self.read(mail)
    }

    /// Judges a message; its number, if it has one.
    pub(super) fn read(&mut self, message: &Message<'_>) -> Option<u64> {
        self.bytes.resize(message.len(), 0);
        message.copy_to(&mut self.bytes);
        self.judge(message.from(), message.seq(), message.redelivered() > 0)
    }

    /// Judges the message that was copied, and that came in this place; its number, if it has one.
    pub(super) fn judge(&mut self, from: u32, seq: u64, marked: bool) -> Option<u64> {
        let line = &mut self.lines[from as usize];
        let left = line.untouched.iter().position(|place| *place == seq);
        if let Some(at) = left {
            line.untouched.swap_remove(at);
            let last = line.reader.last();
            let verdict = Verdict { again: true, unmarked: !marked, ..Verdict::default() };
            self.book.judge(from, self.rank, last, last + 1, verdict);
        }
        if let Some(number) = line.reader.due(seq) {
            let arrival = Arrival { seq, marked, stays: true, left: false };
            let verdict = line.reader.come_again(arrival);
            self.book.judge(from, self.rank, line.reader.last(), number, verdict);
            let opened = line.parcels.open(&self.bytes, number - 1, &mut self.space);
            if opened.is_none_or(|opened| opened.number != number) {
                self.book.tear(from, self.rank, number);
            }
            return Some(number);
        }
        let last = line.reader.last();
        let opened = line.parcels.open(&self.bytes, last, &mut self.space);
        let Some(opened) = opened.filter(|opened| opened.number <= line.ledger.intent()) else {
            self.book.tear(from, self.rank, last);
            return None;
        };
        let stays = !line.parcels.is_long(opened.number);
        let arrival = Arrival { seq, marked, stays, left: left.is_some() };
        let verdict = line.reader.arrive(opened.number, arrival, |number| line.parcels.is_long(number));
        // All that was given back, and takes room, was to come before it.
        line.untouched.clear();
        line.is_blocked = false;
        line.was_by_tag = self.was_by_tag;
        self.book.judge(from, self.rank, last, opened.number, verdict);
        line.has_ended |= opened.is_end;
        Some(opened.number)
    }
}
