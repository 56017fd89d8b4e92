//! One of two processes of a chaos that call each other, and whose own memory is not overwritten.

use super::sheet::{Call, PAIR, Pulse, Sheet, Tally};
use crate::common::failure::Failure;
use crate::common::place::Where;
use crate::stress::half::Half;
use crate::stress::journal::Journal;
use crate::stress::request::{Deed, Request, Requests};
use clap::Args;
use mailbox::{CallError, Deadline, End, Endpoint, RecvError, SendError};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// The time between two looks for an answer.
const WAIT: Duration = Duration::from_millis(1);
/// The time between two calls: the others are to have theirs.
const PAUSE: Duration = Duration::from_micros(300);

#[derive(Args)]
pub struct Spared {
    #[command(flatten)]
    place: Where,
    /// Its number among the spared
    #[arg(long)]
    seat: u32,
    /// How many ranks talk that are not spared
    #[arg(long)]
    ranks: u32,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    journal: PathBuf,
}

/// The rank of one of the pair, where so many others talk. Between those and the pair is one that nobody holds.
pub fn rank(ranks: u32, seat: u32) -> u32 {
    ranks + 1 + seat
}

impl Spared {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.journal)?;
        let sheet = Sheet::new(&journal, self.ranks);
        let rank_of_sheet = self.ranks + self.seat;
        sheet.seats(rank_of_sheet).iter().for_each(|pulse| pulse.rest());
        let pulse = sheet.pulse(rank_of_sheet, Half::Receiving);
        let [rank, partner] = [self.seat, PAIR - 1 - self.seat].map(|seat| rank(self.ranks, seat));
        let me = self.place.join(rank)?;
        // All that is under way fits the arena: so both may answer at once, however long that takes.
        let longest = me.region().eager_limit() as usize / 4;
        let [asked, served] =
            [(rank, partner), (partner, rank)].map(|(from, to)| Requests::new(self.seed, from, to, longest));
        let mut number = 0;
        while !sheet.is_over() {
            number += 1;
            let bytes = asked.pack(Request { number, epoch: me.epoch(), after: 0 });
            let call =
                match pulse.call(Call::TryAsk, || me.to(partner).within(Deadline::Now).start_call(&bytes)) {
                    Ok(call) => call,
                    Err(CallError::Request(SendError::Gone { died: false, .. })) => continue,
                    Err(error) => return Err(self.place.failure(error)),
                };
            let deed = loop {
                match pulse.call(Call::Hear, || call.wait_within(WAIT)) {
                    Ok(reply) => break Some(Deed::Answer(reply.into_vec())),
                    Err(CallError::Refused(bytes)) => break Some(Deed::Refuse(bytes)),
                    Err(CallError::Unanswered { end: End::Dropped, .. }) => break Some(Deed::Drop),
                    Err(CallError::Timeout(_)) => self.serve(&me, partner, &served, pulse)?,
                    // In the end only: the loop does not go on.
                    Err(CallError::Unanswered { end: End::Left, .. }) => break None,
                    Err(error) => return Err(self.place.failure(error)),
                }
            };
            if let Some(deed) = deed {
                let is_right = deed == asked.deed(number);
                pulse.count(if is_right { Tally::Right } else { Tally::Mistaken });
            }
            self.serve(&me, partner, &served, pulse)?;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Answers what the other has asked.
    fn serve(&self, me: &Endpoint, partner: u32, served: &Requests, pulse: Pulse<'_>) -> Result<(), Failure> {
        let call = match pulse.call(Call::TryRecvFrom, || me.from(partner).try_recv()) {
            Ok(Some(call)) => call,
            Ok(None) | Err(RecvError::Gone { died: false, .. }) => return Ok(()),
            Err(error) => return Err(self.place.failure(error)),
        };
        let Some(request) = served.open(&call) else {
            pulse.count(Tally::Mistaken);
            return Ok(());
        };
        let answered = pulse.call(Call::Answer, || match served.deed(request.number) {
            Deed::Answer(bytes) => call.reply(&bytes),
            Deed::Refuse(bytes) => call.refuse(&bytes),
            Deed::Drop => Ok(()),
        });
        answered.map_err(|error| self.place.failure(error))
    }
}
