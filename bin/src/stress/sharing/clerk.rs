//! One of the threads that share an endpoint: it sends, asks, receives and answers in turn.

use super::desk::{Desk, InHand, Mode};
use super::roll::{Call, Count, THREADS};
use mailbox::{Deadline, Event, OwnedMail, RecvError, Shared};
use measure::clock;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

/// How long a call waits, at most.
const TIME: Duration = Duration::from_millis(40);
/// How many mails a thread has in hand, and how many wait for any thread, at most.
const HANDS: usize = 3;
const PILE: usize = 8;
/// Tags are below this.
pub const TAGS: u32 = 3;

/// A thread.
pub struct Clerk<'a> {
    pub desk: &'a Desk<'a>,
    pub me: Shared,
    pub thread: u32,
    pub random: Xoshiro256PlusPlus,
    held: Vec<InHand>,
    /// Where one thread receives all: the present life of each other rank, and the last message of it.
    present: HashMap<u32, u64>,
    last: HashMap<u32, u64>,
}

impl<'a> Clerk<'a> {
    pub fn new(desk: &'a Desk<'a>, me: Shared, thread: u32, random: Xoshiro256PlusPlus) -> Self {
        Self { desk, me, thread, random, held: vec![], present: HashMap::new(), last: HashMap::new() }
    }

    /// Works until this life is to end. An error if something is wrong.
    pub fn work(&mut self) -> Result<(), String> {
        while !self.desk.is_leaving.load(Acquire) {
            match self.random.random_range(0..12) {
                _ if self.takes_all() => self.receive()?,
                _ if self.desk.mode == Mode::Tidy => self.send()?,
                0..=3 => self.send()?,
                4 | 5 => {
                    let (to, time) = (self.random.random_range(0..self.desk.ranks), self.time());
                    self.desk.ask(self.seat(), to, &self.me, time)?;
                }
                6 => self.finish_one_of_the_pile()?,
                _ => self.receive()?,
            }
            self.end_some(HANDS)?;
        }
        self.end_some(0)
    }

    /// Whether this thread is the only one that receives.
    pub fn takes_all(&self) -> bool {
        self.thread == 1 && matches!(self.desk.mode, Mode::Tidy | Mode::One)
    }

    pub fn seat(&self) -> u32 {
        self.desk.seat(self.thread)
    }

    pub fn count(&self, what: Count) {
        self.desk.roll.count(self.seat(), what, 1);
    }

    pub fn time(&mut self) -> Duration {
        self.random.random_range(Duration::ZERO..TIME)
    }

    /// Whether such an end of a rank may be told now.
    pub fn may_be_gone(&self, rank: u32, died: bool) -> bool {
        let ends = self.desk.roll.ends(rank);
        // One that has left and come again is said to have died, or to be replaced.
        rank != self.desk.rank && (ends.leaves > 0 || died && ends.kills > 0)
    }

    /// Receives in one of the ways that this thread has.
    fn receive(&mut self) -> Result<(), String> {
        let since = clock().as_nanos() as u64;
        // Thread 0 goes on sending to all, so that the others may wait for ever.
        let is_patient = self.thread > 0 && self.held.is_empty() && self.random.random_ratio(1, 4);
        let deadline = if is_patient { Deadline::Never } else { self.time().into() };
        let asks = match self.desk.mode {
            Mode::Tidy | Mode::One => self.thread == 1,
            Mode::Events => self.thread == 1 || self.thread == 2,
            Mode::All => self.random.random_ratio(1, 3),
        };
        let seat = self.seat();
        if asks {
            let event = self.desk.roll.call(seat, Call::Event, || self.me.next_event_within(deadline));
            return self.hear(event, since);
        }
        if self.desk.mode == Mode::One {
            return self.finish_one_of_the_pile();
        }
        let (rank, tag) = (self.random.random_range(0..self.desk.ranks), self.random.random_range(0..TAGS));
        let (time, is_all, me) = (self.time(), self.desk.mode == Mode::All, &self.me);
        let (from, is_from_any) = match self.random.random_range(0..5) {
            0 | 1 if is_all => (me.from_any().within(deadline), true),
            2 if is_all => (me.from_any().tag(tag).within(time), true),
            3 => (me.from(rank).tag_masked(tag, 1).within(time), false),
            _ => (me.from(rank).within(time), false),
        };
        let way = self.random.random_range(0..6);
        let received = self.desk.roll.call(seat, Call::Receive, || match way {
            0 => from.try_recv(),
            1 => match from.peek()? {
                Some(seen) => from.recv_peeked(&seen),
                None => Ok(None),
            },
            _ => from.recv().map(Some),
        });
        match received {
            Ok(None) => Ok(()),
            Ok(Some(mail)) => self.take(mail, since),
            Err(RecvError::Gone { rank, died }) if self.may_be_gone(rank, died) => {
                if is_from_any {
                    self.count(Count::Ends);
                    self.desk.chronicle.lock().unwrap_or_else(PoisonError::into_inner).hear_of_end(rank);
                }
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: RecvError) -> Result<(), String> {
        match error {
            RecvError::Timeout | RecvError::Interrupted => {
                self.count(Count::GivenUp);
                Ok(())
            }
            RecvError::Held(_) => self.put_down(),
            error => Err(format!("a receive ends with: {error}")),
        }
    }

    /// An event was told, after a wait since then.
    pub fn hear(&mut self, event: Result<Event<OwnedMail>, RecvError>, since: u64) -> Result<(), String> {
        let is_alone = self.takes_all();
        let (rank, epoch, end) = match event {
            Err(error) => return self.fail(error),
            Ok(Event::Mail(mail)) => {
                if is_alone {
                    self.follows(&mail)?;
                }
                return self.take(mail, since);
            }
            Ok(Event::Joined { rank, epoch }) => (rank, epoch, None),
            Ok(Event::Left { rank, epoch }) => (rank, epoch, Some(false)),
            Ok(Event::Died { rank, epoch }) => (rank, epoch, Some(true)),
            Ok(Event::Alone) => {
                self.count(Count::Alone);
                let is_right = !is_alone || self.present.is_empty();
                return if is_right { Ok(()) } else { Err(format!("nobody is left but {:?}", self.present)) };
            }
            Ok(event) => return Err(format!("an unknown event: {event:?}")),
        };
        self.count(if end.is_some() { Count::Ends } else { Count::Joinings });
        self.desk.chronicle.lock().unwrap_or_else(PoisonError::into_inner).hear(rank, epoch, end.is_some());
        let before =
            if end.is_some() { self.present.remove(&rank) } else { self.present.insert(rank, epoch) };
        if is_alone && before.is_some() != end.is_some() || rank == self.desk.rank {
            return Err(format!(
                "of life {epoch} of rank {rank} it is told that it died: {end:?}; before: {before:?}"
            ));
        }
        match end {
            Some(died) if !self.desk.roll.can_have_ended(rank, epoch, died) => {
                Err(format!("life {epoch} of rank {rank} has not ended so that it died: {died}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a mail comes in its turn, where one thread takes all.
    fn follows(&mut self, mail: &OwnedMail) -> Result<(), String> {
        let (from, seq) = (mail.from(), mail.seq());
        if mail.redelivered() > 0 || mail.is_call() {
            return Ok(());
        }
        if let Some(last) = self.last.insert(from, seq).filter(|last| *last >= seq) {
            return Err(format!("message {seq} of rank {from} comes after {last}"));
        }
        // Lives between the one that was told and the present one are merged with it.
        let is_past = || self.me.region().status(from).is_some_and(|(_, now)| now > mail.epoch());
        let told = self.present.get(&from);
        let is_told = told.is_some_and(|epoch| *epoch >= mail.epoch() || is_past());
        let is_there = from == self.desk.rank || is_told;
        if is_there {
            Ok(())
        } else {
            Err(format!(
                "mail of life {} of rank {from}, of which {told:?} is told, and that stands {:?}",
                mail.epoch(),
                self.me.region().status(from)
            ))
        }
    }

    fn take(&mut self, mail: OwnedMail, since: u64) -> Result<(), String> {
        let seat = self.seat();
        let in_hand = self.desk.open(seat, mail, since)?;
        let is_for_others = self.takes_all();
        if self.desk.mode == Mode::Tidy {
            return self.desk.finish(seat, in_hand, &mut self.random);
        }
        match self.random.random_range(0..64) {
            0 => self.desk.requeue(seat, in_hand, &mut self.random),
            1..8 => self.held.push(in_hand),
            8..24 => return self.pile_up(in_hand),
            _ if is_for_others && self.random.random() => return self.pile_up(in_hand),
            _ => self.desk.finish(seat, in_hand, &mut self.random)?,
        }
        Ok(())
    }

    /// Leaves a mail to any thread, unless there are too many already.
    fn pile_up(&mut self, in_hand: InHand) -> Result<(), String> {
        let mut pile = self.desk.pile.lock().unwrap_or_else(PoisonError::into_inner);
        pile.push(in_hand);
        let most = if pile.len() > PILE { Some(pile.remove(0)) } else { None };
        drop(pile);
        most.map_or(Ok(()), |in_hand| self.desk.finish(self.seat(), in_hand, &mut self.random))
    }

    /// Is done with a mail that any thread took.
    pub fn finish_one_of_the_pile(&mut self) -> Result<(), String> {
        let in_hand = self.desk.pile.lock().unwrap_or_else(PoisonError::into_inner).pop();
        in_hand.map_or(Ok(()), |in_hand| self.desk.finish(self.seat(), in_hand, &mut self.random))
    }

    /// Is done with all mails, its own and those of the pile.
    pub fn put_down(&mut self) -> Result<(), String> {
        self.end_some(0)?;
        while self.desk.pile.lock().is_ok_and(|pile| !pile.is_empty()) {
            self.finish_one_of_the_pile()?;
        }
        Ok(())
    }

    /// Has no more than so many mails in hand, or sometimes none.
    fn end_some(&mut self, most: usize) -> Result<(), String> {
        let most = if self.random.random_ratio(1, 4) { 0 } else { most };
        while self.held.len() > most {
            let in_hand = self.held.swap_remove(self.random.random_range(0..self.held.len()));
            if self.random.random_ratio(1, 32) {
                self.desk.requeue(self.seat(), in_hand, &mut self.random);
            } else {
                self.desk.finish(self.seat(), in_hand, &mut self.random)?;
            }
        }
        Ok(())
    }
}

/// All threads of a life, by number.
pub fn threads() -> impl Iterator<Item = u32> {
    0..THREADS
}
