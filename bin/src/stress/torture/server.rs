//! What serves calls in a torture.

use super::book::{Book, Count};
use super::docket::{Docket, Word};
use crate::stress::request::{Deed, Request, Requests};
use mailbox::{Deadline, Mail, Region, ReplyError, SendError, Status};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::Duration;

/// How many receives may come upon so much of announced messages that they do not look for calls.
const STRIKES: u32 = 4;

/// A call that was in hand in a panic, and has to come again.
pub struct Again {
    number: u64,
    /// The life of its caller.
    epoch: u64,
    /// How often it did not come.
    strikes: u32,
}

impl Again {
    pub fn new(number: u64, epoch: u64) -> Self {
        Self { number, epoch, strikes: 0 }
    }
}

/// Requests of one rank.
struct Line<'a> {
    docket: Docket<'a>,
    /// What this rank sends there, answers among it.
    requests: Requests,
}

/// All that one life of a rank is asked.
pub struct Server<'a> {
    rank: u32,
    epoch: u64,
    book: &'a Book<'a>,
    lines: Vec<Line<'a>>,
}

impl<'a> Server<'a> {
    /// What rank `rank` is asked in the life of this epoch.
    pub fn new(book: &'a Book<'a>, rank: u32, epoch: u64, requests: impl Iterator<Item = Requests>) -> Self {
        let line = |(from, requests)| Line { docket: book.docket(from, rank), requests };
        Self { rank, epoch, book, lines: (0..).zip(requests).map(line).collect() }
    }

    /// Looks whether callers were told something of these calls, which were in hand in a panic, and are not answered.
    pub fn check(&self, from: u32, calls: &mut Vec<Again>) {
        calls.retain(|again| {
            let is_settled = self.lines[from as usize].docket.is_settled(again.number);
            if is_settled {
                self.book.fail(self.rank, from, again.number, Count::Belied);
            }
            !is_settled
        });
    }

    /// A receive that would have got one of these calls found nothing.
    pub fn miss(&self, region: &Region, from: u32, calls: &mut Vec<Again>) {
        let line = &self.lines[from as usize];
        calls.retain_mut(|again| {
            let goes_on = region.status(from) == Some((Status::Live, again.epoch));
            let is_awaited = line.docket.is_awaited(again.number);
            if goes_on && is_awaited && self.book.own_end(from).load(Acquire) == 0 {
                again.strikes += 1;
            }
            let is_lost = again.strikes == STRIKES;
            if is_lost {
                self.book.fail(self.rank, from, again.number, Count::Lost);
            }
            !is_lost
        });
    }

    /// Carries out a call, which comes when message `last` of its caller has, or cannot come any more; its number.
    /// Those of `again` were carried out before, and only come again.
    pub fn carry_out(&self, call: &Mail<'_>, last: u64, again: &mut Vec<Again>) -> Option<u64> {
        let from = call.from();
        let line = &self.lines[from as usize];
        let Some(Request { number, after, .. }) = line.requests.open(call) else {
            self.book.tear(from, self.rank, last);
            return None;
        };
        if let Some(at) = again.iter().position(|again| again.number == number) {
            again.swap_remove(at);
            self.book.count(self.rank, Count::Again, 1);
            if call.redelivered() == 0 {
                self.book.fail(self.rank, from, number, Count::Unmarked);
            }
            return Some(number);
        }
        let said = line.docket.say(number, Word::CarriedOut(self.epoch));
        self.book.judge_word(self.rank, from, number, said);
        if after > last {
            self.book.fail(self.rank, from, number, Count::Disordered);
        }
        Some(number)
    }

    /// Answers call `number`, which was carried out, as it deserves.
    pub fn answer(
        &self,
        call: Mail<'_>,
        number: u64,
        random: &mut Xoshiro256PlusPlus,
    ) -> Result<(), ReplyError> {
        let from = call.from();
        let line = &self.lines[from as usize];
        let time = Duration::from_micros(random.random_range(0..2000));
        if random.random_ratio(1, 16) {
            // Its caller may give up meanwhile, and ask again.
            thread::sleep(2 * time);
        }
        let answered = match line.requests.deed(number) {
            Deed::Answer(bytes) if random.random() => {
                call.reply_within(&bytes, Deadline::Now).map(|()| true).map_err(ReplyError::from)
            }
            Deed::Answer(bytes) => call.reply_within(&bytes, time).map(|()| true).map_err(ReplyError::from),
            // For as long as it takes: so no two may wait for each other.
            Deed::Refuse(bytes) if from < self.rank => call.refuse(&bytes).map(|()| true),
            Deed::Refuse(_) | Deed::Drop => {
                drop(call);
                Ok(false)
            }
        };
        let word = if let Ok(true) = answered { Word::Answered } else { Word::Dropped };
        self.book.judge_word(self.rank, from, number, line.docket.say(number, word));
        match answered {
            // Its caller does not look for its answers.
            Err(ReplyError::Send(SendError::Full(_) | SendError::Timeout(_))) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
