//! The call line: a request and, in its place, the answer; one cache line for both.
//!
//! ```text
//!  word 0                               word 1     words 2..8
//! ┌────────────────────────────────────┬──────────┬───────────────────────────┐
//! │ number:40 │ epoch:23 │ is asked:1  │ envelope │ up to 48 bytes of payload │
//! └────────────────────────────────────┴──────────┴───────────────────────────┘
//!
//!  caller                                server
//!  payload, envelope,
//!  stamp: a new number, asked      ───▶ takes it, once
//!                                       payload, envelope,
//!  copies the answer               ◀─── stamp: the same, not asked
//! ```
//! Whose turn it is says the stamp, and who does not have the turn writes nothing: of a call that is asked only the
//! server, and only in the life whose `epoch` the stamp has; else only the caller. So an answer that comes late, to
//! a call that was given up or whose caller died, meets its own request still there, and no other. Until then the
//! line is busy. It is the caller's again when it is answered or that life is over; the server's next life leaves
//! a call alone that is for another. Numbers go on over all lives of the caller, from what it finds in the line.
//!
//! Either side may stop anywhere for ever: what it was writing has no stamp. Garbage in the stamp is at worst no call
//! or, to the caller, corruption; nothing in the line is an index.
//!
//! A call comes after the mail that its caller had sent before. So its envelope has the low bits of the caller's next
//! sequence number.
//!
//! An answer that does not fit lies in the return lane, whole, before the line says that it is there. A server that dies
//! in between has answered: its caller looks there once more when it is told.

use super::{Corrupt, Descriptor};
use crate::abi::{Cell, Envelope, INLINE, Kind, Location, NUMBER_BITS};
use crate::memory::{self, Shared};
use crate::sync::{AtomicU64, Edge, Mutant, Ordering::Relaxed, acquire, mutated, release};
use core::cell::Cell as Private;

const ASKED: u64 = 1;
const EPOCH_SHIFT: u32 = 1;
const EPOCH_MASK: u64 = (1 << 23) - 1;
const NUMBER: u64 = 1 << 24;

/// The end of a call line that asks.
pub struct Caller {
    line: Shared<Cell>,
    /// The last stamp, asked or found.
    last: Private<u64>,
    /// Whether somebody still wants the answer to that call.
    pub is_wanted: Private<bool>,
}

/// An answer in the line: private copies of all that says what it is (I3).
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// [`Kind::Answer`], [`Kind::Refusal`] or [`Kind::Dropped`].
    pub kind: Kind,
    /// Bytes of payload; or it lies in the return lane.
    pub place: Location,
}

impl Caller {
    /// The asking end of this line. A call of the last one stays until it is answered.
    pub fn resume(line: Shared<Cell>) -> Self {
        Self { last: line.stamp.load(Relaxed).into(), line, is_wanted: false.into() }
    }

    /// The stamp of the last call, if somebody still wants the answer to it.
    pub fn wanted(&self) -> Option<u64> {
        self.is_wanted.get().then(|| self.last.get())
    }

    /// Whether a call to the server's life of this epoch, its present one or, if it has none, its next, can be
    /// asked now.
    #[inline(always)]
    pub fn is_free(&self, epoch: u64) -> bool {
        if mutated(Mutant::Busy) {
            return true;
        }
        // Pairs with the server's store: it has done with the payload. That of a life that is over was over before
        // we could know of the next.
        let stamp = self.line.stamp.load(acquire(Edge::Answer));
        !self.is_wanted.get() && (stamp & ASKED == 0 || (stamp >> EPOCH_SHIFT ^ epoch) & EPOCH_MASK != 0)
    }

    /// Asks, where the line is free, the server's life of this epoch. `order` is the caller's next sequence number,
    /// `from` its own epoch. `bytes` fit a cell. The stamp of the call.
    ///
    /// Cost: one line, written.
    #[inline(always)]
    pub fn ask(&self, epoch: u64, order: u64, from: u8, bytes: &[u8]) -> u64 {
        let number = (self.last.get() & !(NUMBER - 1)).wrapping_add(NUMBER);
        let stamp = number | (epoch & EPOCH_MASK) << EPOCH_SHIFT | ASKED;
        self.last.set(stamp);
        self.is_wanted.set(true);
        write(&self.line, Kind::Call, order, from, bytes);
        // Carries the request; the server's load of the stamp ends the edge.
        self.line.stamp.store(stamp, release(Edge::Ask));
        stamp
    }

    /// Whether the line says anything but that the call with this stamp is asked; what, says `answer`.
    #[inline(always)]
    pub fn has_news(&self, stamp: u64) -> bool {
        self.line.stamp.load(Relaxed) != stamp
    }

    /// The answer to the call with this stamp, the last one, if there is one.
    #[inline(always)]
    pub fn answer(&self, stamp: u64) -> Result<Option<Answer>, Corrupt> {
        let cell = &self.line;
        // Pairs with the server's store: the answer is there.
        let now = cell.stamp.load(acquire(Edge::Answer));
        if now == stamp {
            return Ok(None);
        }
        if now != stamp & !ASKED {
            return Err(Corrupt);
        }
        match Envelope::unpack(cell.envelope.load(Relaxed)) {
            Some(Envelope { kind, place, .. })
                if matches!(kind, Kind::Answer | Kind::Refusal | Kind::Dropped) =>
            {
                Ok(Some(Answer { kind, place }))
            }
            _ => Err(Corrupt),
        }
    }

    /// All payload of the line, of which an answer is the front.
    #[inline(always)]
    pub fn payload(&self) -> [u8; INLINE] {
        bytemuck::cast(self.line.payload.each_ref().map(|word| word.load(Relaxed)))
    }
}

/// The end of a call line that answers.
#[derive(Clone)]
pub struct Server {
    line: Shared<Cell>,
    /// The epoch of the life that answers.
    epoch: u64,
    /// The stamp that is no news: of a call that was taken, answered, or is not for this life.
    seen: Private<u64>,
}

impl Server {
    /// The answering end of this line, for the life of this epoch.
    pub fn new(line: Shared<Cell>, epoch: u64) -> Self {
        Self { line, epoch, seen: 0.into() }
    }

    /// Whether there is a call to take: as `take`.
    #[inline(always)]
    pub fn is_ready(&self, next: impl FnOnce() -> Option<u64>) -> bool {
        self.look(next).is_some()
    }

    /// The call that is asked, once. Not before the mail that was sent before it: `next` gives the number of the next
    /// message of the mailbox that is to be received, if that matters.
    ///
    /// Cost where there is none: one load of a line that changes with calls only.
    #[inline(always)]
    pub fn take(&self, next: impl FnOnce() -> Option<u64>) -> Option<Descriptor> {
        let descriptor = self.look(next)?;
        self.seen.set(descriptor.seq);
        Some(descriptor)
    }

    /// The call in the line that is news.
    #[inline(always)]
    fn look(&self, next: impl FnOnce() -> Option<u64>) -> Option<Descriptor> {
        let cell = &self.line;
        // Relaxed: nothing else is read where it is no news.
        if cell.stamp.load(Relaxed) == self.seen.get() {
            return None;
        }
        // Pairs with the caller's store: the request is there.
        let stamp = cell.stamp.load(acquire(Edge::Ask));
        let is_for_us = stamp & ASKED != 0 && (stamp >> EPOCH_SHIFT ^ self.epoch) & EPOCH_MASK == 0;
        match Envelope::unpack(cell.envelope.load(Relaxed)) {
            Some(call @ Envelope { kind: Kind::Call, place: Location::Inline(len), .. }) if is_for_us => {
                let is_due = |next: u64| (next.wrapping_sub(call.number()) << (64 - NUMBER_BITS)) as i64 >= 0;
                let envelope = Envelope { tag: 0, context: 0, ..call };
                next().is_none_or(is_due).then(|| Descriptor::on_line(stamp, envelope, len))
            }
            _ => {
                self.seen.set(stamp);
                None
            }
        }
    }

    /// The payload of the call that was taken and is not answered.
    pub fn words(&self) -> &[AtomicU64; INLINE / 8] {
        &self.line.payload
    }

    /// Answers the call with this stamp, which was taken; `bytes` fit a cell.
    ///
    /// Cost: the line, which is here already.
    #[inline(always)]
    pub fn answer(&self, stamp: u64, kind: Kind, bytes: &[u8]) {
        write(&self.line, kind, 0, self.epoch as u8, bytes);
        self.hand_back(stamp);
    }

    /// Says of the call with this stamp, which was taken, that the answer lies in the return lane.
    pub fn answer_in_lane(&self, stamp: u64, kind: Kind) {
        let envelope = Envelope::numbered(0, self.epoch as u8, kind, Location::Arena);
        self.line.envelope.store(envelope.pack(), Relaxed);
        self.hand_back(stamp);
    }

    #[inline(always)]
    fn hand_back(&self, stamp: u64) {
        let stamp = stamp & !ASKED;
        self.seen.set(stamp);
        // Carries the answer; the caller's load of the stamp ends the edge.
        self.line.stamp.store(stamp, release(Edge::Answer));
    }

    /// Puts the call that was taken back, to be taken again.
    pub fn put_back(&self) {
        self.seen.set(0);
    }
}

/// Writes all of the line but its stamp.
#[inline(always)]
fn write(cell: &Cell, kind: Kind, order: u64, epoch: u8, bytes: &[u8]) {
    memory::store_small(&cell.payload, bytes);
    let envelope = Envelope::numbered(order, epoch, kind, Location::Inline(bytes.len()));
    cell.envelope.store(envelope.pack(), Relaxed);
}
