//! What the threads of one life have together, and what they do with a mail.

use super::chronicle::Chronicle;
use super::pigeonholes::Pigeonholes;
use super::roll::{Call, Count, Ends, Roll, THREADS};
use crate::stress::journal::Journal;
use crate::stress::message;
use crate::stress::request::{Deed, Request, Requests};
use mailbox::{CallError, End, OwnedMail, ReplyError, Shared, Unanswered};
use measure::clock;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long an answer waits for room.
const REPLY: Duration = Duration::from_millis(20);

/// How the threads of a life share what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One of them asks for events, and is done with each mail before it takes another. The others only send.
    Tidy,
    /// One of them asks for events, and gives the others their mail.
    One,
    /// Two ask for events, and others receive from one rank each time.
    Events,
    /// Each receives in all ways.
    All,
}

/// A mail that was looked at.
pub struct InHand {
    mail: OwnedMail,
    /// Of the message, or of the call.
    number: u64,
}

/// What the threads of a life have together.
pub struct Desk<'a> {
    pub roll: Roll<'a>,
    pub rank: u32,
    pub ranks: u32,
    pub epoch: u64,
    pub mode: Mode,
    pub is_leaving: AtomicBool,
    pub pile: Mutex<Vec<InHand>>,
    pub chronicle: Mutex<Chronicle>,
    /// The messages and calls from each rank, and to each.
    received: Vec<Pigeonholes<'a>>,
    pub sent: Vec<Pigeonholes<'a>>,
    served: Vec<Requests>,
    pub asked: Vec<Requests>,
}

impl<'a> Desk<'a> {
    pub fn new(journal: &'a Journal, (rank, ranks): (u32, u32), seed: u64, me: &Shared, mode: Mode) -> Self {
        let (roll, whole) = (Roll::new(journal, ranks), me.region().eager_limit() as usize);
        let pairs = |pair: &dyn Fn(u32) -> (u32, u32)| {
            let holes = |other| Pigeonholes::new(journal, roll, ranks, pair(other));
            let requests = |other| Requests::new(seed, pair(other).0, pair(other).1, whole);
            ((0..ranks).map(holes).collect(), (0..ranks).map(requests).collect())
        };
        let (received, served) = pairs(&|other| (other, rank));
        let (sent, asked) = pairs(&|other| (rank, other));
        let is_leaving = AtomicBool::new(false);
        let (pile, chronicle) = Default::default();
        let epoch = me.epoch();
        Self { roll, rank, ranks, epoch, mode, is_leaving, pile, chronicle, received, sent, served, asked }
    }

    /// The seat of a thread.
    pub fn seat(&self, thread: u32) -> u32 {
        self.rank * THREADS + thread
    }

    /// Looks at a mail for which a thread has waited since then.
    pub fn open(&self, seat: u32, mail: OwnedMail, since: u64) -> Result<InHand, String> {
        let (from, bytes, again) = (mail.from() as usize, mail.to_vec(), mail.redelivered() > 0);
        let holes = &self.received[from];
        self.roll.count(seat, Count::Received, 1);
        if mail.is_call() {
            let Some(request) = self.served[from].parse(&bytes).filter(|it| it.epoch == mail.epoch()) else {
                return Err(format!("a call of rank {from} is torn, or has another epoch"));
            };
            return Ok(InHand { mail, number: request.number });
        }
        let Some(number) = message::read(&bytes).and_then(|key| holes.number(key)) else {
            return Err(format!("message {} of rank {from} is torn: {} bytes", mail.seq(), bytes.len()));
        };
        if holes.is_late(number, since, clock().as_nanos() as u64) {
            self.roll.count(seat, Count::Late, 1);
        }
        let is_known = holes.take(number, self.epoch, mail.seq(), again)?;
        self.roll.count(seat, Count::Again, is_known.into());
        Ok(InHand { mail, number })
    }

    /// Puts a mail back, in one way or another.
    pub fn requeue(&self, seat: u32, InHand { mail, number }: InHand, random: &mut Xoshiro256PlusPlus) {
        if !mail.is_call() {
            self.received[mail.from() as usize].requeue(number);
        }
        self.roll.count(seat, Count::Requeued, 1);
        if random.random_ratio(3, 4) {
            return mail.requeue();
        }
        // A panic that nobody is told of.
        let _ = catch_unwind(AssertUnwindSafe(move || {
            let _mail = mail;
            resume_unwind(Box::new(()))
        }));
    }

    /// Acknowledges a message, or answers a call.
    pub fn finish(
        &self,
        seat: u32,
        InHand { mail, number }: InHand,
        random: &mut Xoshiro256PlusPlus,
    ) -> Result<(), String> {
        let from = mail.from() as usize;
        let holes = &self.received[from];
        if mail.is_call() {
            holes.carry_out(number)?;
            let replied = self.roll.call(seat, Call::Reply, || match self.served[from].deed(number) {
                Deed::Answer(bytes) => mail.reply_within(&bytes, REPLY),
                Deed::Refuse(bytes) => mail.refuse_within(&bytes, REPLY),
                Deed::Drop => {
                    mail.ack();
                    Ok(())
                }
            });
            return replied.or_else(|unanswered| self.give_up(holes, number, unanswered));
        }
        let is_same = holes.acknowledge(number, || match random.random_range(0..3) {
            0 => {
                mail.ack();
                true
            }
            1 => {
                drop(mail);
                true
            }
            _ => message::read(&mail.into_vec()) == Some(holes.key(number)),
        });
        if is_same { Ok(()) } else { Err(format!("message {number} of rank {from} has changed in hand")) }
    }

    fn give_up(
        &self,
        holes: &Pigeonholes<'_>,
        number: u64,
        unanswered: Unanswered<OwnedMail>,
    ) -> Result<(), String> {
        let error = unanswered.error();
        holes.drop_call(number);
        unanswered.into_call().ack();
        match error {
            ReplyError::Send(error)
                if error.is_gone() || error.is_timeout() || error == mailbox::SendError::Interrupted =>
            {
                Ok(())
            }
            error => Err(format!("an answer ends with: {error}")),
        }
    }

    /// Asks a rank; whether it is right how that ends.
    pub fn ask(&self, seat: u32, to: u32, me: &Shared, time: Duration) -> Result<(), String> {
        let (holes, requests) = (&self.sent[to as usize], &self.asked[to as usize]);
        let number = holes.ask();
        let bytes = requests.pack(Request { number, epoch: self.epoch, after: 0 });
        let (before, lives) = (self.roll.ends(to), self.roll.present(to).1);
        let result = self.roll.call(seat, Call::Ask, || me.to(to).within(time).call(&bytes));
        self.roll.count(seat, Count::Asked, 1);
        let deed = requests.deed(number);
        let [carried, dropped] = holes.outcome(number);
        let (count, is_right) = match &result {
            Ok(reply) => (Count::Answered, carried && deed == Deed::Answer(reply.to_vec())),
            Err(CallError::Refused(bytes)) => {
                (Count::Answered, carried && deed == Deed::Refuse(bytes.clone()))
            }
            Err(CallError::Unanswered { end: End::Dropped, .. }) => {
                (Count::Dropped, carried && (dropped || deed == Deed::Drop))
            }
            Err(CallError::Unanswered { end, .. }) => {
                (Count::Ended, !lives || has_ended(before, self.roll.ends(to), *end == End::Left))
            }
            Err(CallError::Timeout(_) | CallError::Interrupted) => (Count::GivenUp, true),
            Err(CallError::Request(error)) if error.is_gone() => (Count::Ended, to != self.rank),
            Err(_) => (Count::GivenUp, false),
        };
        self.roll.count(seat, count, 1);
        if is_right {
            return Ok(());
        }
        Err(format!(
            "call {number} to rank {to}, which is to be {deed:?}, ends with {result:?}; carried out: {carried}, dropped: {dropped}"
        ))
    }

    /// A message to this life that was sent, and that no life has acknowledged, once nobody sends any more.
    pub fn unsettled(&self) -> Option<String> {
        self.received.iter().find_map(Pigeonholes::unsettled)
    }
}

/// Whether a rank has ended in between. One that has left and come again may be told as replaced.
fn has_ended(before: Ends, now: Ends, is_leave: bool) -> bool {
    let kills = before.kills - u64::from(before.is_dying);
    now.leaves > before.leaves || !is_leave && now.kills > kills
}
