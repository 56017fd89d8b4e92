//! What another rank says, as a member reads it.

use super::event::{Event, Lie, Message};
use super::frame::{Frame, Kind};
use super::{Clock, Id};
use core::ops::Range;
use mailbox::{Endpoint, Policy, ReadError, Status, Subscriber, TopicError};
use std::collections::VecDeque;

/// How many messages of a member that is left out are passed over at a time.
const PASSED: u32 = 256;

/// How many messages behind the head are read to find out who has lied, and how many bytes of them.
const AHEAD: (usize, usize) = (1024, 16 << 20);

/// The stream of another rank, read up to the first message that was not taken.
pub struct Stream<'a> {
    me: &'a Endpoint,
    ranks: Range<u32>,
    rank: u32,
    subscriber: Subscriber<'a>,
    head: Option<Head>,
    /// What was read behind the head.
    ahead: VecDeque<Read>,
    life: Life,
    /// The clock of the last message of this life that was taken.
    last: Option<Clock>,
}

/// The next message of a stream, which was read and is as it should be.
pub struct Head {
    pub number: u64,
    pub frame: Frame,
}

/// A message as it was read: its number, how many were missed before it, and what it says.
type Read = (u64, u64, Result<Frame, Lie>);

/// What is known of the member with this rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// This life speaks.
    Here(u64),
    /// This life has ended. 0 if there was none.
    Over(u64),
    /// Somebody has lied. A later life than this one may join.
    LeftOut(u64),
}

/// What a look for the next message finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Nothing,
    /// It is the head.
    Head,
    /// It is wrong, and its member was left out.
    Liar,
    /// There is more to pass over.
    More,
}

/// What is behind the head of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Fewer messages than were asked for: so many were sent in all.
    Less { sent: u64 },
    /// Somebody joins there.
    Joining,
    /// Nothing of that.
    Nothing,
}

/// What is told, in order, and the message that says so.
pub type Tell<'t> = &'t mut dyn FnMut(Option<Id>, Event);

impl<'a> Stream<'a> {
    /// Begins to read what this rank says from now on. The last message before that says who is there.
    pub fn begin(
        me: &'a Endpoint,
        ranks: Range<u32>,
        rank: u32,
        topic: &str,
        tell: Tell<'_>,
    ) -> Result<Self, TopicError> {
        let subscriber = me.region().topic(topic)?.subscriber(me, Policy::every().history(1))?;
        let (head, ahead, life) = (None, VecDeque::new(), Life::Over(0));
        let mut stream = Self { me, ranks, rank, subscriber, head, ahead, life, last: None };
        let Some((number, _, read)) = stream.read()? else { return Ok(stream) };
        let (_, now) = stream.status();
        let is_right =
            |frame: &Frame| frame.rank == rank && frame.epoch <= now && frame.clock.of(rank) == number;
        stream.life = match read.ok().filter(is_right) {
            // It lies. A later life does not suffer for that.
            None => Life::Over(now.saturating_sub(1)),
            Some(frame) if frame.kind == Kind::Bye => Life::Over(frame.epoch),
            Some(frame) => {
                stream.last = Some(frame.clock);
                Life::Here(frame.epoch)
            }
        };
        if let Life::Here(epoch) = stream.life {
            if stream.has_ended(epoch) {
                stream.life = Life::Over(epoch);
            } else {
                tell(None, Event::Joined { rank, epoch });
            }
        }
        Ok(stream)
    }

    pub fn rank(&self) -> u32 {
        self.rank
    }

    pub fn subscriber(&self) -> &Subscriber<'a> {
        &self.subscriber
    }

    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// How many messages of it were taken or passed over: all with smaller numbers.
    pub fn taken(&self) -> u64 {
        let head = self.head.as_ref().map(|head| head.number);
        let next = head.or_else(|| self.ahead.front().map(|(number, ..)| *number));
        next.unwrap_or_else(|| self.subscriber.position())
    }

    /// Whether there is more behind the head.
    fn is_ready(&self) -> bool {
        !self.ahead.is_empty() || self.subscriber.is_ready()
    }

    fn read(&mut self) -> Result<Option<Read>, ReadError> {
        let next = self.subscriber.position();
        let sample = match self.subscriber.try_recv() {
            // No writer overtakes a reader of every message: cell after cell is garbage. It passes over some of them in each call.
            Err(ReadError::Busy) => return Ok(Some((next, 0, Err(Lie::Garbage)))),
            sample => sample?,
        };
        let Some(sample) = sample else { return Ok(None) };
        Ok(Some((sample.number(), sample.missed(), Frame::read(&sample, &self.ranks))))
    }

    /// What is behind the head, with numbers below `count`, as far as it can be read.
    pub fn look_behind(&mut self, count: u64) -> Result<Behind, ReadError> {
        let len = |(.., read): &Read| read.as_ref().map_or(0, |frame| frame.payload.len());
        let mut bytes: usize = self.ahead.iter().map(len).sum();
        while self.subscriber.position() < count && self.ahead.len() < AHEAD.0 && bytes < AHEAD.1 {
            let Some(read) = self.read()? else {
                return Ok(Behind::Less { sent: self.subscriber.position() });
            };
            bytes += len(&read);
            self.ahead.push_back(read);
        }
        let joins = |(number, _, read): &Read| {
            *number < count && read.as_ref().is_ok_and(|frame| frame.kind == Kind::Hello)
        };
        Ok(if self.ahead.iter().any(joins) { Behind::Joining } else { Behind::Nothing })
    }

    /// Looks for the next message, if there is no head. This member itself has sent `sent` messages.
    pub fn look(&mut self, sent: u64, tell: Tell<'_>) -> Result<Found, ReadError> {
        if self.head.is_some() {
            return Ok(Found::Head);
        }
        // Mostly there is none, and this is one load.
        if !self.is_ready() {
            return Ok(Found::Nothing);
        }
        for _ in 0..PASSED {
            let next = self.ahead.pop_front();
            let next = if next.is_some() { next } else { self.read()? };
            let Some((number, missed, read)) = next else { return Ok(Found::Nothing) };
            if self.is_passed_over(read.as_ref().ok()) {
                continue;
            }
            let lie = match &read {
                Err(lie) => Some(*lie),
                Ok(_) if missed > 0 => Some(Lie::Gap { missed }),
                Ok(frame) => self.find_lie(number, frame, sent),
            };
            match (lie, read) {
                (None, Ok(frame)) => {
                    self.head = Some(Head { number, frame });
                    return Ok(Found::Head);
                }
                (lie, read) => {
                    let says = read.ok().map(|frame| frame.epoch);
                    self.exclude(number, says, lie.unwrap_or(Lie::Garbage), tell);
                    return Ok(Found::Liar);
                }
            }
        }
        Ok(Found::More)
    }

    /// Whether this is said by a life that is left out. Another one says first that it has joined.
    fn is_passed_over(&self, frame: Option<&Frame>) -> bool {
        let Life::LeftOut(epoch) = self.life else { return false };
        !frame.is_some_and(|frame| {
            frame.kind == Kind::Hello
                && frame.rank == self.rank
                && (epoch + 1..=self.status().1).contains(&frame.epoch)
        })
    }

    /// What is wrong with a message, as far as it says so itself.
    fn find_lie(&self, number: u64, frame: &Frame, sent: u64) -> Option<Lie> {
        if frame.rank != self.rank {
            return Some(Lie::Owner { says: frame.rank });
        }
        let is_hello = frame.kind == Kind::Hello;
        let says = frame.epoch;
        let is_known = match self.life {
            Life::Here(epoch) if !is_hello => says == epoch,
            Life::Over(_) | Life::LeftOut(_) if !is_hello => return Some(Lie::Absent),
            Life::Here(epoch) | Life::Over(epoch) => (epoch.max(1)..=self.status().1).contains(&says),
            Life::LeftOut(epoch) => says > epoch,
        };
        if !is_known {
            return Some(Lie::Epoch { says });
        }
        let publisher = if is_hello { self.subscriber.topic().published_by() } else { None };
        if let Some(by) = publisher.filter(|by| *by != self.rank) {
            return Some(Lie::Publisher { by });
        }
        let own = frame.clock.of(self.rank);
        if own != number {
            return Some(Lie::Own { says: own, number });
        }
        let (of, says) = (self.me.rank(), frame.clock.of(self.me.rank()));
        if says > sent {
            return Some(Lie::Ahead { of, says, sent });
        }
        let last = self.last.as_ref().filter(|_| !is_hello)?;
        let mut both = last.iter().zip(frame.clock.iter());
        let back = both.find(|((_, knew), (_, says))| says < knew);
        back.map(|((of, knew), (_, says))| Lie::Back { of, says, knew })
    }

    /// Takes the head, and tells what it says.
    pub fn take(&mut self, tell: Tell<'_>) {
        let Some(Head { number, frame }) = self.head.take() else { return };
        let (id, epoch) = (Id { rank: self.rank, number }, frame.epoch);
        self.arrive(id, epoch, frame.kind == Kind::Hello, tell);
        match frame.kind {
            Kind::Hello => self.last = Some(frame.clock),
            Kind::Message => {
                match &mut self.last {
                    Some(last) => last.copy(&frame.clock),
                    None => self.last = Some(frame.clock.clone()),
                }
                let (clock, bytes) = (frame.clock, frame.payload);
                tell(Some(id), Event::Message(Message { id, epoch, clock, bytes }));
            }
            Kind::Bye => {
                self.life = Life::Over(epoch);
                tell(Some(id), Event::Left { rank: self.rank, epoch });
            }
        }
    }

    /// This life speaks. Tells that it has joined, and that the one before has ended, if that is news.
    fn arrive(&mut self, id: Id, epoch: u64, is_hello: bool, tell: Tell<'_>) {
        // Otherwise the message itself is told after this.
        let (rank, id) = (self.rank, Some(id).filter(|_| is_hello));
        let before = if let Life::Here(before) = self.life { Some(before) } else { None };
        let goes_on = before == Some(epoch) && !is_hello;
        self.life = Life::Here(epoch);
        if goes_on {
            return;
        }
        match before {
            Some(before) if before == epoch => tell(id, Event::Left { rank, epoch }),
            Some(before) => tell(id, Event::Died { rank, epoch: before }),
            None => {}
        }
        tell(id, Event::Joined { rank, epoch });
    }

    /// Leaves the member out whose message is the head.
    pub fn exclude_head(&mut self, lie: Lie, tell: Tell<'_>) {
        if let Some(Head { number, frame }) = self.head.take() {
            self.exclude(number, Some(frame.epoch), lie, tell);
        }
    }

    fn exclude(&mut self, number: u64, says: Option<u64>, lie: Lie, tell: Tell<'_>) {
        let (rank, (_, last)) = (self.rank, self.status());
        let (Life::Here(known) | Life::Over(known) | Life::LeftOut(known)) = self.life;
        let epoch = says.filter(|says| (known..=last).contains(says)).unwrap_or(known);
        self.life = match self.life {
            Life::Here(_) => {
                if known < epoch {
                    tell(None, Event::Died { rank, epoch: known });
                }
                Life::LeftOut(known)
            }
            // It is no member, and may not even be this rank: a process that joins properly does not suffer for it.
            Life::Over(_) => Life::LeftOut(known.saturating_sub(1)),
            Life::LeftOut(_) => self.life,
        };
        self.last = None;
        tell(None, Event::Lied { id: Id { rank, number }, epoch, lie });
    }

    /// Tells that the member has ended, if all that it said was taken. Cost: some system calls.
    pub fn look_for_end(&mut self, tell: Tell<'_>) {
        let Life::Here(epoch) = self.life else { return };
        if !self.has_ended(epoch) {
            return;
        }
        self.life = Life::Over(epoch);
        let (status, now) = self.status();
        let has_left = now == epoch && status != Status::Dead;
        let rank = self.rank;
        tell(None, if has_left { Event::Left { rank, epoch } } else { Event::Died { rank, epoch } });
    }

    /// Whether this life speaks no more, and all that it said was taken.
    fn has_ended(&self, epoch: u64) -> bool {
        let speaks = self.status().1 == epoch && self.subscriber.topic().published_by() == Some(self.rank);
        // What it said before it ended is there to be seen.
        !speaks && self.head.is_none() && !self.is_ready()
    }

    /// Of the rank, and how often it was joined.
    fn status(&self) -> (Status, u64) {
        self.me.region().status(self.rank).unwrap_or((Status::NeverJoined, 0))
    }
}
