//! Mail on its way to standard output: acknowledged only once it is written.

use super::standard::Output;
use super::stop::Stop;
use crate::common::failure::Failure;
use mailbox::{Arrival, FetchError, Mail};
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes that are gathered at most; larger mail goes through in parts of this size.
const CAPACITY: usize = 128 << 10;
/// Bytes that are worth a write: more would keep room from the sender.
const ENOUGH: usize = 32 << 10;
/// Mails that are gathered at most, for the same reason.
const MAILS: usize = 128;

/// Mails whose bytes are gathered for one write. Those that are not written when this is dropped stay unread.
pub struct Batch<'a> {
    output: Output,
    /// What is written after each message.
    end: Option<u8>,
    with_sender: bool,
    bytes: Box<[u8]>,
    filled: usize,
    /// Each with the end of its bytes.
    mails: VecDeque<(usize, Mail<'a>)>,
}

/// What became of an announced message.
pub enum Carried {
    /// All of it is written.
    Whole,
    /// A part is written; why no more came.
    Part(FetchError),
    /// Nothing came of it.
    Nothing(FetchError),
}

impl<'a> Batch<'a> {
    /// Writes to `output`, with `end` after each message and, if `with_sender`, the sender's rank and a tab before it.
    pub fn new(output: Output, end: Option<u8>, with_sender: bool) -> Self {
        let bytes = vec![0; CAPACITY].into();
        Self { output, end, with_sender, bytes, filled: 0, mails: VecDeque::new() }
    }

    /// Writes `mail` now or with one of the next.
    pub fn add(&mut self, mail: Mail<'a>) -> Result<(), Failure> {
        let (before, after) = (self.before(mail.from()), self.end);
        let len = before.len() + mail.len() + after.iter().len();
        if len > self.bytes.len() - self.filled {
            self.flush()?;
        }
        if len > self.bytes.len() {
            return self.pass(mail, &before, after);
        }
        let (front, rest) = self.bytes[self.filled..][..len].split_at_mut(before.len());
        front.copy_from_slice(before.as_bytes());
        let (body, back) = rest.split_at_mut(mail.len());
        mail.copy_to(body);
        after.iter().zip(back).for_each(|(end, place)| *place = *end);
        self.filled += len;
        self.mails.push_back((self.filled, mail));
        if self.filled >= ENOUGH || self.mails.len() >= MAILS { self.flush() } else { Ok(()) }
    }

    /// Writes everything, and acknowledges what is written in full, also if it fails half-way.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let mut written = 0;
        let result = self.output.write(&self.bytes[..self.filled], &mut written);
        while self.mails.front().is_some_and(|(end, _)| *end <= written) {
            self.mails.pop_front();
        }
        self.filled = 0;
        result
    }

    /// Writes an announced message as it comes, each part within `patience`; memory does not grow with it.
    pub fn carry(
        &mut self,
        mail: Mail<'a>,
        patience: Option<Duration>,
        stop: &Stop,
    ) -> Result<Carried, Failure> {
        self.flush()?;
        let mut arrival = mail.fetch();
        let carried = self.carry_parts(&mut arrival, patience, stop);
        if carried.is_err() {
            arrival.refuse();
        }
        carried
    }

    fn carry_parts(
        &mut self,
        arrival: &mut Arrival<'_>,
        patience: Option<Duration>,
        stop: &Stop,
    ) -> Result<Carried, Failure> {
        let mut before = self.before(arrival.from());
        loop {
            let fetched = match patience {
                None => arrival.fetch(&mut self.bytes),
                Some(time) => arrival.fetch_within(&mut self.bytes, time),
            };
            let end = match fetched {
                Ok(0) => None,
                Ok(count) => {
                    self.output.write_all(std::mem::take(&mut before).as_bytes())?;
                    self.output.write_all(&self.bytes[..count])?;
                    continue;
                }
                Err(FetchError::Interrupted) => {
                    stop.check()?;
                    continue;
                }
                Err(error) if arrival.left() == arrival.len() => return Ok(Carried::Nothing(error)),
                Err(error) => Some(error),
            };
            self.output.write_all(before.as_bytes())?;
            self.output.write_all(self.end.as_slice())?;
            return Ok(end.map_or(Carried::Whole, Carried::Part));
        }
    }

    /// What is written before a message from this rank.
    fn before(&self, rank: u32) -> String {
        if self.with_sender { format!("{rank}\t") } else { String::new() }
    }

    /// Writes a mail that is larger than the buffer, which is empty.
    fn pass(&mut self, mail: Mail<'a>, before: &str, after: Option<u8>) -> Result<(), Failure> {
        let written = self.write_in_parts(&mail, before, after);
        if written.is_err() {
            mail.requeue();
        }
        written
    }

    fn write_in_parts(&mut self, mail: &Mail, before: &str, after: Option<u8>) -> Result<(), Failure> {
        self.output.write_all(before.as_bytes())?;
        let mut at = 0;
        while at < mail.len() {
            let count = mail.read_at(at, &mut self.bytes);
            self.output.write_all(&self.bytes[..count])?;
            at += count;
        }
        self.output.write_all(after.as_slice())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for (_, mail) in self.mails.drain(..) {
            mail.requeue();
        }
    }
}
