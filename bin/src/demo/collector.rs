//! What receives in a torture.

use super::book::{Book, Half};
use super::failure::Failure;
use super::ledger::{Ledger, Reader};
use super::parcel::Parcels;
use super::poster::pause;
use super::server::Server;
use super::verb::{Fetch, Verb};
use mailbox::{Mail, RecvError, Source};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

/// The most mails that are received before all are acknowledged.
const ROUND: u32 = 12;

/// Messages from one rank.
struct Line<'a> {
    ledger: Ledger<'a>,
    reader: Reader<'a>,
    parcels: Parcels,
    /// What has come of a message in pieces.
    pieces: Vec<u8>,
    has_ended: bool,
}

/// All that one life of a rank receives.
pub struct Collector<'a> {
    rank: u32,
    book: &'a Book<'a>,
    lines: Vec<Line<'a>>,
    server: Server<'a>,
    random: Xoshiro256PlusPlus,
    bytes: Vec<u8>,
    space: Vec<u8>,
    /// Whether calls may wait as long as it takes.
    waits: bool,
    beat: &'a AtomicU64,
    call: &'a AtomicU64,
}

impl<'a> Collector<'a> {
    /// What rank `rank` receives; its predecessors have received what the book says.
    pub fn new(
        book: &'a Book<'a>,
        rank: u32,
        parcels: impl Iterator<Item = Parcels>,
        server: Server<'a>,
        random: Xoshiro256PlusPlus,
        waits: bool,
    ) -> Self {
        let line = |(from, parcels)| {
            let ledger = book.ledger(from, rank);
            Line { ledger, reader: Reader::new(ledger), parcels, pieces: vec![], has_ended: false }
        };
        let lines = (0..).zip(parcels).map(line).collect();
        let (beat, call) = (book.beat(rank, Half::Receiving), book.call(rank, Half::Receiving));
        Self { rank, book, lines, server, random, bytes: vec![], space: vec![], waits, beat, call }
    }

    /// Receives a few messages and acknowledges them, and serves calls; whether those were the last.
    pub fn step(&mut self, fetch: &impl Fetch) -> Result<bool, Failure> {
        if self.random.random_ratio(1, 16) {
            fetch.in_pieces(self.random.random());
        }
        let batch = self.random.random_ratio(1, 4).then(|| fetch.begin());
        let mut held = vec![];
        let mut acknowledged = vec![];
        for _ in 0..self.random.random_range(1..=ROUND) {
            // Nothing follows, and a wait for it would have no end where another's has none either.
            if self.has_ended() {
                break;
            }
            let Some(mail) = self.one(fetch, !held.is_empty())? else { break };
            let from = mail.from();
            // Before anything is made of it.
            if mail.is_call() && self.random.random_ratio(1, 16) {
                mail.leave();
                continue;
            }
            let Some(number) = self.take(&mail) else { continue };
            if self.random.random_ratio(1, 4) {
                held.push((number, mail));
                pause(&mut self.random);
                continue;
            }
            if mail.is_call() {
                self.answer(mail, number)?;
                continue;
            }
            let ledger = self.lines[from as usize].ledger;
            ledger.acknowledging(number);
            drop(mail);
            if batch.is_none() && !held.iter().any(|(_, mail)| mail.from() == from) {
                ledger.acknowledged(number);
            } else {
                acknowledged.push((from, number));
            }
        }
        while !held.is_empty() {
            let (number, mail) = held.swap_remove(self.random.random_range(0..held.len()));
            if mail.is_call() {
                self.answer(mail, number)?;
                continue;
            }
            let from = mail.from();
            self.lines[from as usize].ledger.acknowledging(number);
            drop(mail);
            acknowledged.push((from, number));
        }
        drop(batch);
        for (from, number) in acknowledged {
            self.lines[from as usize].ledger.acknowledged(number);
        }
        if self.has_ended() {
            self.beat.store(u64::MAX, Release);
            return Ok(true);
        }
        Ok(false)
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

    fn has_ended(&self) -> bool {
        self.lines.iter().all(|line| line.has_ended)
    }

    fn verb(&mut self, is_holding: bool) -> (Verb, Source) {
        let longest = if self.random.random_ratio(1, 16) { 2000 } else { 100 };
        let time = Duration::from_micros(self.random.random_range(0..longest));
        let rank = self.random.random_range(0..self.lines.len() as u32);
        match self.random.random_range(0..8) {
            0..4 if is_holding => (Verb::Try, Source::Anyone),
            0..4 if self.waits => (Verb::Wait, Source::Anyone),
            4 => (Verb::Try, Source::Rank(rank)),
            5 => (Verb::Within(time), Source::Rank(rank)),
            6 => (Verb::Try, Source::Anyone),
            _ => (Verb::Within(time), Source::Anyone),
        }
    }

    fn one<'m>(&mut self, fetch: &'m impl Fetch, is_holding: bool) -> Result<Option<Mail<'m>>, Failure> {
        let (verb, source) = self.verb(is_holding);
        let whom = if let Source::Rank(rank) = source { rank.into() } else { u64::from(u32::MAX) };
        self.call.store(whom << 32, Relaxed);
        let result = fetch.fetch(verb, source);
        self.beat.fetch_add(1, Release);
        match result {
            Ok(mail) => Ok(Some(mail)),
            Err(RecvError::PeerLeft(rank) | RecvError::PeerDead(rank) | RecvError::Cut(rank)) => {
                self.lines[rank as usize].pieces.clear();
                Ok(None)
            }
            Err(RecvError::Empty | RecvError::Timeout | RecvError::Held(_)) => Ok(None),
            Err(error) => Err(Failure::new(format_args!("rank {} cannot receive: {error}", self.rank))),
        }
    }

    /// Judges a mail, or the message that it is the last piece of, or carries out a call; its number, if it has one.
    fn take(&mut self, mail: &Mail<'_>) -> Option<u64> {
        let from = mail.from();
        let line = &mut self.lines[from as usize];
        if mail.is_call() {
            return self.server.carry_out(mail, line.reader.passed());
        }
        self.bytes.resize(mail.len(), 0);
        mail.copy_to(&mut self.bytes);
        if let Some(piece) = mail.piece() {
            if piece.offset != line.pieces.len() as u64 {
                self.book.tear(from, self.rank, line.reader.last());
                line.pieces.clear();
                return None;
            }
            line.pieces.append(&mut self.bytes);
            if !piece.is_last {
                return None;
            }
            std::mem::swap(&mut self.bytes, &mut line.pieces);
            line.pieces.clear();
        }
        let last = line.reader.last();
        let opened = line.parcels.open(&self.bytes, last, &mut self.space);
        let Some(opened) = opened.filter(|opened| opened.number <= line.ledger.intent()) else {
            self.book.tear(from, self.rank, last);
            return None;
        };
        let verdict = line.reader.arrive(opened.number, mail.seq(), |number| line.parcels.is_train(number));
        self.book.judge(from, self.rank, last, opened.number, verdict);
        line.has_ended |= opened.is_end;
        Some(opened.number)
    }
}
