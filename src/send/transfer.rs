//! A message in fragments, on its way.

use super::room::{Room, check, is_in_vain};
use super::{Outbox, Outgoing, taker};
use crate::abi::Kind;
use crate::error::SendError;
use crate::half::{Member, cut};
use crate::ring::Slack;
use crate::wait::{Deadline, Operation, Step};
use core::slice::Chunks;

/// A message above half the arena that goes to a receiver while that takes it: all of it in one life of that rank.
pub struct Transfer<'a> {
    member: &'a Member,
    peer: &'a Outgoing,
    /// The length of the message.
    len: [u8; 8],
    /// What is still to go in *more*s, and then in *last*.
    body: Chunks<'a, u8>,
    last: &'a [u8],
    stage: Stage<'a>,
    /// For the cell that is written next.
    room: Room<'a>,
    /// The number of its first cell.
    first: u64,
    /// The epoch of the receiver that is to take it: the present one, or the next.
    epoch: u64,
}

/// What a transfer does next.
#[derive(Clone, Copy)]
enum Stage<'a> {
    /// It writes nothing before the call was seen to have time.
    Begin,
    /// It writes a cell of this kind.
    Write(Kind, &'a [u8]),
    /// It waits until the message with this number, and all before it, is acknowledged.
    Acknowledged(u64),
    /// It waits for the end of the message to be acknowledged, which has this number.
    Delivered(u64),
    /// Nothing: the mailbox, or the rank, is lost.
    Over,
}

impl<'a> Transfer<'a> {
    /// For `bytes`, which are above half the arena.
    pub fn new(
        member: &'a Member,
        outbox: &Outbox,
        peer: &'a Outgoing,
        bytes: &'a [u8],
        deadline: Deadline,
    ) -> Result<Self, SendError> {
        // A receiver takes it while this call waits.
        if is_in_vain(member, peer) || deadline.is_now() {
            return Err(SendError::TooLarge { limit: member.whole as u64 });
        }
        outbox.flush(member);
        let (body, last) = cut(bytes, member.region.geometry().fragment() as usize);
        let epoch = taker(member.region.registry.life(peer.to));
        Ok(Self {
            member,
            peer,
            len: (bytes.len() as u64).to_ne_bytes(),
            body,
            last,
            stage: Stage::Begin,
            room: Room::new(member, peer, 0),
            first: peer.producer.tail(),
            epoch,
        })
    }

    /// Whether there is room for what is to be written, with `slack`, or what is waited for is acknowledged.
    fn may_go_on(&mut self, slack: Slack) -> Result<bool, SendError> {
        let may_go_on = match self.stage {
            Stage::Begin => Ok(true),
            Stage::Write(..) => self.room.claim(slack),
            Stage::Acknowledged(seq) | Stage::Delivered(seq) => {
                let is_acknowledged = self.peer.producer.is_acknowledged(seq).map_err(SendError::from);
                if slack == Slack::Any && is_acknowledged == Ok(false) {
                    self.room.starve();
                }
                is_acknowledged
            }
            Stage::Over => Ok(false),
        };
        self.note(may_go_on)
    }

    fn go_on(&mut self) -> Result<Step, SendError> {
        if let Stage::Begin = self.stage {
            self.begin(Stage::Write(Kind::First, &[]));
            return Ok(Step::Went);
        }
        self.member.check()?;
        self.check_taker()?;
        match (self.stage, self.room.slot) {
            (Stage::Write(kind, bytes), Some(slot)) => {
                let bytes = if kind == Kind::First { &self.len } else { bytes };
                self.peer.producer.fill(&slot.of(kind), bytes);
                self.peer.ring(self.member);
                let next = match self.body.next() {
                    Some(fragment) => Stage::Write(Kind::More, fragment),
                    None if kind == Kind::Last => Stage::Delivered(slot.seq),
                    None => Stage::Acknowledged(slot.seq),
                };
                self.begin(next);
                self.peer.tell_reset()?;
            }
            // It is delivered from here on, unless the receiver dies.
            (Stage::Acknowledged(_), _) => self.begin(Stage::Write(Kind::Last, self.last)),
            (Stage::Delivered(_), _) => {
                self.begin(Stage::Over);
                return Ok(Step::Done);
            }
            _ => {}
        }
        Ok(Step::Went)
    }

    fn begin(&mut self, stage: Stage<'a>) {
        self.stage = stage;
        let len = match stage {
            Stage::Write(Kind::First, _) => self.len.len(),
            Stage::Write(_, bytes) => bytes.len(),
            _ => 0,
        };
        self.room = Room::new(self.member, self.peer, len);
    }

    /// Whether the receiver that took the beginning is still there.
    fn check_taker(&mut self) -> Result<(), SendError> {
        let life = self.member.region.registry.life(self.peer.to);
        self.peer.tell_reset()?;
        // Below it: nobody has joined yet.
        if life.epoch() <= self.epoch {
            return Ok(());
        }
        // What the rank's former holder acknowledged is visible with its successor's life.
        if self.peer.producer.tail() != self.first && self.peer.producer.is_acknowledged(self.first)? {
            return Err(SendError::PeerDead(self.peer.to));
        }
        self.epoch = taker(life);
        Ok(())
    }

    /// Remembers whether it ended in something after which nothing may be written.
    fn note<T>(&mut self, result: Result<T, SendError>) -> Result<T, SendError> {
        if matches!(result, Err(SendError::Lost(_) | SendError::Corrupt)) {
            self.stage = Stage::Over;
        }
        result
    }
}

impl Operation for Transfer<'_> {
    type Error = SendError;

    fn look(&mut self, _: bool) -> Result<bool, SendError> {
        let slack = self.room.count_look();
        self.may_go_on(slack)
    }

    #[cold]
    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        let (member, peer) = (self.member, self.peer);
        let may_go_on = check(member, peer, query, || self.may_go_on(Slack::Any));
        self.note(may_go_on)
    }

    fn step(&mut self) -> Result<Step, SendError> {
        let step = self.go_on();
        self.note(step)
    }

    fn is_in_vain(&self) -> bool {
        is_in_vain(self.member, self.peer)
    }

    fn pauses(&self) -> u32 {
        self.room.pauses()
    }

    fn begin_wait(&self) {
        self.room.begin_wait();
    }

    fn fall_asleep(&self) {
        self.room.fall_asleep();
    }
}

impl Drop for Transfer<'_> {
    /// The receiver need not keep what it has of a message that was given up. Where there is no room, the next message
    /// tells it.
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Delivered(_) | Stage::Over)
            && self.member.check().is_ok()
            && let Ok(slot) = self.peer.producer.claim(0, Slack::Any)
        {
            self.peer.producer.fill(&slot.of(Kind::Cut), &[]);
            self.peer.ring(self.member);
        }
    }
}
