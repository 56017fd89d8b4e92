//! How messages and answers reach their actors.

use super::address::{ActorId, Address, Place, Reply, ReplyId};
use super::asks::{MOST, Outcome};
use super::panics::{contain, drop_quietly};
use super::queue::{Letter, of_type};
use super::wire::{Packet, Refusal};
use super::{AskError, Protocol, Reason, System, TellError, asks};
use core::any::Any;
use core::mem;
use std::time::{Duration, Instant};

/// How many dead letters are told.
const TOLD: usize = 64;

/// A message that did not reach its actor, or whose actor ended before it was done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// To whom it was sent.
    pub to: ActorId,
    /// Why it did not reach it.
    pub error: TellError,
}

impl System {
    /// Sends a message: at most once, and after those that the same actor, or this program outside of its actors, has sent to that
    /// one before. It never waits.
    ///
    /// To an actor of this rank it is in the mailbox when this returns, or there is an error. To one of another rank it is on its
    /// way then. If it does not arrive, that rank tells this system so, and it is counted ([`System::dead_letters`]); if that
    /// rank ends first, nobody does.
    ///
    /// Cost: the message is moved, without memory of its own, to an actor of this rank. To another rank it takes the codec's time and a
    /// mail.
    #[inline]
    pub fn tell<N: Protocol>(&mut self, to: Address<N>, message: N) -> Result<(), TellError> {
        self.send(to.id(), message, None)
    }

    fn send<N: Protocol>(
        &mut self,
        to: ActorId,
        message: N,
        asker: Option<ReplyId>,
    ) -> Result<(), TellError> {
        if !self.is_here(to) {
            return self.send_away(to, &message, asker);
        }
        let limit = self.limits.mailbox;
        let entry = self.slots.get(to.place).ok_or(TellError::Gone(to))?;
        let mailbox = of_type::<N>(&mut *entry.mailbox).ok_or(TellError::OtherType(to))?;
        if mailbox.letters.len() >= limit {
            return Err(TellError::Full(to));
        }
        mailbox.letters.push_back(Letter { message, asker });
        if !entry.is_ready {
            self.slots.wake(to.place);
        }
        Ok(())
    }

    fn send_away<N: Protocol>(
        &mut self,
        to: ActorId,
        message: &N,
        asker: Option<ReplyId>,
    ) -> Result<(), TellError> {
        if !self.is_there(to.rank, to.life) {
            return Err(TellError::RankGone { rank: to.rank });
        }
        let mut bytes = mem::take(&mut self.buffer);
        bytes.clear();
        let packet = match asker {
            None => Packet::Tell { to: to.place, body: &[] },
            Some(asker) => Packet::Ask { to: to.place, number: asker.number, body: &[] },
        };
        let tag = packet.write(to.life, &mut bytes);
        let encoded = self.frame::<N>().append(message, &mut bytes).map_err(TellError::from);
        let sent = encoded.and_then(|()| self.peers.tell(&self.me, (to.rank, to.life), tag, &bytes));
        self.buffer = bytes;
        sent
    }

    /// Whether that life of the rank is there, and is not this one.
    pub(super) fn is_there(&self, rank: u32, life: u32) -> bool {
        rank != self.rank() && self.peers.is_there(&self.me, rank, life)
    }

    /// Asks, and does `then` with the answer, or with why there is none.
    pub(super) fn begin_ask<N: Protocol, R: Protocol>(
        &mut self,
        to: Address<N>,
        timeout: Duration,
        question: impl FnOnce(Reply<R>) -> N,
        then: impl FnOnce(&mut System, Result<R, AskError>) + 'static,
    ) {
        let then: asks::Then = Box::new(move |system, outcome| {
            let answer = match outcome {
                Outcome::Here(answer) => {
                    let answer = answer.downcast_mut::<Option<R>>().and_then(Option::take);
                    answer.ok_or(AskError::OtherAnswer)
                }
                Outcome::Bytes(bytes) => {
                    let frame = system.frame::<R>();
                    // A decoder of the program's own may panic.
                    let read = contain(|| frame.read(bytes));
                    read.map_or(Err(AskError::OtherAnswer), |read| read.map_err(AskError::from))
                }
                Outcome::Failed(error) => Err(error),
                Outcome::Spawned(_) | Outcome::NotSpawned(_) => Err(AskError::OtherAnswer),
            };
            then(system, answer);
        });
        let number = match self.asks.open(to.id(), false, due(timeout), then) {
            Ok(number) => number,
            Err(then) => return then(self, Outcome::Failed(AskError::TooMany { most: MOST })),
        };
        let asker = ReplyId { rank: self.rank(), life: self.life, number };
        if let Err(error) = self.send(to.id(), question(asker.reply()), Some(asker)) {
            self.fail_ask(number, error.into());
        }
    }

    /// See [`Context::reply`](super::Context::reply).
    pub fn reply<R: Protocol>(&mut self, reply: Reply<R>, answer: R) -> Result<(), TellError> {
        let ReplyId { rank, life, number } = reply.id();
        if (rank, life) == (self.rank(), self.life) {
            if !self.asks.is_spawn(number)
                && let Some(then) = self.asks.close(number)
            {
                then(self, Outcome::Here(&mut Some(answer) as &mut dyn Any));
            }
            return Ok(());
        }
        if !self.is_there(rank, life) {
            return Err(TellError::RankGone { rank });
        }
        let mut bytes = mem::take(&mut self.buffer);
        bytes.clear();
        let tag = Packet::Answer { number, body: &[] }.write(life, &mut bytes);
        let encoded = self.frame::<R>().append(&answer, &mut bytes).map_err(TellError::from);
        let sent = encoded.and_then(|()| self.peers.tell(&self.me, (rank, life), tag, &bytes));
        self.buffer = bytes;
        sent
    }

    pub(super) fn fail_ask(&mut self, number: u64, error: AskError) {
        if let Some(then) = self.asks.close(number) {
            then(self, Outcome::Failed(error));
        }
    }

    /// The actor has ended before it was done with this question.
    pub(super) fn refuse(&mut self, asker: ReplyId, actor: ActorId) {
        if (asker.rank, asker.life) == (self.rank(), self.life) {
            return self.fail_ask(asker.number, TellError::Gone(actor).into());
        }
        let refused = Packet::Refused { to: actor.place, number: asker.number, why: Refusal::Gone };
        self.peers.say(&self.me, asker.rank, asker.life, &refused);
    }

    /// A message that another rank has sent.
    pub(super) fn take_message(&mut self, (from, life): (u32, u32), to: Place, number: u64, body: &[u8]) {
        let asker = (number != 0).then_some(ReplyId { rank: from, life, number });
        let (limit, entry) = (self.limits.mailbox, self.slots.get(to));
        let taken = match entry {
            None => Err(Refusal::Gone),
            Some(entry) if entry.mailbox.len() >= limit => Err(Refusal::Full),
            // A decoder of the program's own may panic.
            Some(entry) => {
                contain(|| entry.mailbox.push_bytes(body, asker)).unwrap_or(Err(Refusal::OtherType))
            }
        };
        match taken {
            Ok(()) => self.slots.wake(to),
            // Of these there may be any number.
            Err(why) if number == 0 => {
                self.peers.mention(&self.me, from, life, &Packet::Refused { to, number, why });
            }
            Err(why) => self.peers.say(&self.me, from, life, &Packet::Refused { to, number, why }),
        }
    }

    /// Another rank has refused a message.
    pub(super) fn take_refusal(&mut self, to: ActorId, number: u64, why: Refusal) {
        let error = match why {
            Refusal::Gone => TellError::Gone(to),
            Refusal::Full => TellError::Full(to),
            Refusal::OtherType => TellError::OtherType(to),
            Refusal::OtherLife => TellError::RankGone { rank: to.rank },
        };
        if number != 0 {
            // Only the one that was asked refuses. One that has been answered is over.
            if self.asks.asked(number) != Some(to) {
                return;
            }
            self.fail_ask(number, error.clone().into());
        }
        self.dead += 1;
        if self.last_dead.len() == TOLD {
            self.last_dead.pop_front();
        }
        self.last_dead.push_back(DeadLetter { to, error });
    }

    /// Brings an actor of this rank a message of its own making, if it lives. A panic of what makes it ends the actor.
    pub(super) fn bring<M: Protocol>(&mut self, to: ActorId, make: impl FnOnce() -> M) {
        if !self.slots.is_live(to.place) {
            return drop_quietly(make);
        }
        match contain(make) {
            Ok(message) => {
                if let Some(mailbox) = self.slots.mailbox(to.place).and_then(of_type::<M>) {
                    mailbox.letters.push_back(Letter { message, asker: None });
                    self.slots.wake(to.place);
                }
            }
            Err(words) => self.end(to, Reason::Panicked(words)),
        }
    }

    pub(super) fn after(&mut self, delay: Duration, then: super::timers::Then) {
        self.timers.add(due(delay), then);
    }
}

/// When so much time has passed; beyond the range of the clock some time after all others.
pub fn due(delay: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(delay).unwrap_or_else(|| now + Duration::from_secs(1 << 30))
}
