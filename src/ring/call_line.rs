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
//! The stamp says whose turn it is. While a call is asked, only the server writes the line, and only in the life
//! whose `epoch` is in the stamp; otherwise only the caller does. So an answer that comes late, after the caller gave
//! the call up or died, meets its own request still there, and no other. Until then the line is busy. The line is the
//! caller's again when the call is answered or that life of the server is over. The server's next life leaves a call
//! alone that is for another life. The numbers continue over all lives of the caller, from the one that it finds in
//! the line.
//!
//! Either side may stop for ever at any point: what it was writing has no stamp. Garbage in the stamp means at worst
//! that there is no call, or, for the caller, corruption. Nothing in the line is an index.
//!
//! A call must not overtake the mail that its caller sent before it. So its envelope has the low bits of the caller's
//! next sequence number.
//!
//! An answer that does not fit lies in the return lane, whole, before the line says that it is there. A server that
//! dies in between has answered; its caller looks there once more when it is told of the death.

use super::{Corrupt, Descriptor};
use crate::abi::{Cell, Envelope, INLINE, Kind, Location, NUMBER_BITS};
use crate::memory::{self, Shared};
use crate::sync::{AtomicU64, Edge, Mutant, Ordering::Relaxed, acquire, mutated, release};
use core::cell::Cell as Private;

const ASKED: u64 = 1;
const EPOCH_SHIFT: u32 = 1;
const EPOCH_MASK: u64 = (1 << 23) - 1;
const NUMBER: u64 = 1 << 24;

/// The end of a call line that calls.
pub struct Caller {
    line: Shared<Cell>,
    /// The last stamp, written or found.
    last: Private<u64>,
    /// Whether the answer to that call is still wanted.
    pub is_wanted: Private<bool>,
}

/// An answer in the line: private copies of all its words (I3).
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// [`Kind::Answer`], [`Kind::Refusal`] or [`Kind::Dropped`].
    pub kind: Kind,
    /// Where the payload lies: in the line or in the return lane.
    pub place: Location,
}

impl Caller {
    /// The calling end of this line. A former life's call stays until it is answered.
    pub fn resume(line: Shared<Cell>) -> Self {
        Self { last: line.stamp.load(Relaxed).into(), line, is_wanted: false.into() }
    }

    /// The stamp of the last call, if its answer is still wanted.
    pub fn wanted(&self) -> Option<u64> {
        self.is_wanted.get().then(|| self.last.get())
    }

    /// Whether the line is free for a call to the server's life with this epoch: its present life or, if it has none,
    /// its next.
    #[inline(always)]
    pub fn is_free(&self, epoch: u64) -> bool {
        if mutated(Mutant::Busy) {
            return true;
        }
        // Pairs with the server's store: the server is done with the payload. If that life is over, it was over
        // before we could know of the next one.
        let stamp = self.line.stamp.load(acquire(Edge::Answer));
        !self.is_wanted.get() && (stamp & ASKED == 0 || (stamp >> EPOCH_SHIFT ^ epoch) & EPOCH_MASK != 0)
    }

    /// If the line is free, asks the server's life with this epoch. `order` is the caller's next sequence number,
    /// `from` its own epoch. `bytes` fit a cell. Returns the stamp of the call.
    ///
    /// Cost: writes one line.
    #[inline(always)]
    pub fn ask(&self, epoch: u64, order: u64, from: u8, bytes: &[u8]) -> u64 {
        let number = (self.last.get() & !(NUMBER - 1)).wrapping_add(NUMBER);
        let stamp = number | (epoch & EPOCH_MASK) << EPOCH_SHIFT | ASKED;
        self.last.set(stamp);
        self.is_wanted.set(true);
        write(&self.line, Kind::Call, order, from, bytes);
        // Carries the request. Pairs with the server's load of the stamp.
        self.line.stamp.store(stamp, release(Edge::Ask));
        stamp
    }

    /// Whether the line says anything else than that the call with this stamp is asked. `answer` says what.
    #[inline(always)]
    pub fn has_news(&self, stamp: u64) -> bool {
        self.line.stamp.load(Relaxed) != stamp
    }

    /// The answer to the call with this stamp (the last one), if it is there.
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

    /// The payload of the answer to the call with this stamp (the last one), and its length, if it is there, no refusal, and lies
    /// in the line. `None` says nothing.
    #[inline(always)]
    pub fn answer_in_line(&self, stamp: u64) -> Option<([u8; INLINE], usize)> {
        // Pairs with the server's store: the answer is there.
        if self.line.stamp.load(acquire(Edge::Answer)) != stamp & !ASKED {
            return None;
        }
        let len = Envelope::len_in_cell(self.line.envelope.load(Relaxed), Kind::Answer)?;
        Some((self.payload(), len))
    }

    /// All payload words of the line. An answer is at their beginning.
    #[inline(always)]
    pub fn payload(&self) -> [u8; INLINE] {
        bytemuck::cast(self.line.payload.each_ref().map(|word| word.load(Relaxed)))
    }
}

/// The end of a call line that answers.
#[derive(Clone)]
pub struct Server {
    line: Shared<Cell>,
    /// The epoch of the answering life.
    epoch: u64,
    /// The stamp that is not news: its call was taken, was answered, or is for another life.
    seen: Private<u64>,
}

impl Server {
    /// The answering end of this line, for the life with this epoch.
    pub fn new(line: Shared<Cell>, epoch: u64) -> Self {
        Self { line, epoch, seen: 0.into() }
    }

    /// Whether there is a call to take; see `take`.
    #[inline(always)]
    pub fn is_ready(&self, next: impl FnOnce() -> Option<u64>) -> bool {
        self.look(next).is_some()
    }

    /// Takes the call that is asked, once, but not before the mail that was sent before it. `next` gives the number
    /// of the next message to be received from the mailbox, if that matters.
    ///
    /// Cost if there is none: one load of a line that changes only with calls.
    #[inline(always)]
    pub fn take(&self, next: impl FnOnce() -> Option<u64>) -> Option<Descriptor> {
        let descriptor = self.look(next)?;
        self.seen.set(descriptor.seq);
        Some(descriptor)
    }

    /// The call in the line, if it is news.
    #[inline(always)]
    fn look(&self, next: impl FnOnce() -> Option<u64>) -> Option<Descriptor> {
        let cell = &self.line;
        // Pairs with the caller's store: the request is there.
        let stamp = cell.stamp.load(acquire(Edge::Ask));
        if stamp == self.seen.get() {
            return None;
        }
        let is_for_us = stamp & ASKED != 0 && (stamp >> EPOCH_SHIFT ^ self.epoch) & EPOCH_MASK == 0;
        let word = cell.envelope.load(Relaxed);
        match Envelope::len_in_cell(word, Kind::Call) {
            Some(len) if is_for_us => {
                let number = Envelope::number_of(word);
                let is_due = |next: u64| (next.wrapping_sub(number) << (64 - NUMBER_BITS)) as i64 >= 0;
                let envelope = Envelope::without_label(word);
                next().is_none_or(is_due).then(|| Descriptor::on_line(stamp, envelope, len))
            }
            _ => {
                self.seen.set(stamp);
                None
            }
        }
    }

    /// The payload of the call that was taken and is not answered yet.
    pub fn words(&self) -> &[AtomicU64; INLINE / 8] {
        &self.line.payload
    }

    /// Answers the call with this stamp, which was taken. `bytes` fit a cell.
    ///
    /// Cost: the line, which is in this cache already.
    #[inline(always)]
    pub fn answer(&self, stamp: u64, kind: Kind, bytes: &[u8]) {
        let stamp = self.note_answered(stamp);
        write(&self.line, kind, 0, self.epoch as u8, bytes);
        self.hand_back(stamp);
    }

    /// Says that the answer to the call with this stamp, which was taken, lies in the return lane.
    pub fn answer_in_lane(&self, stamp: u64, kind: Kind) {
        let stamp = self.note_answered(stamp);
        let envelope = Envelope::numbered(0, self.epoch as u8, kind, Location::Arena);
        self.line.envelope.store(envelope.pack(), Relaxed);
        self.hand_back(stamp);
    }

    /// The stamp of the answer to the call with this stamp. It is no news. Noted before the answer is written, so that nothing
    /// comes between the stores to the line: a caller that looks would take it away half-written.
    #[inline(always)]
    fn note_answered(&self, stamp: u64) -> u64 {
        let stamp = stamp & !ASKED;
        self.seen.set(stamp);
        stamp
    }

    #[inline(always)]
    fn hand_back(&self, stamp: u64) {
        // Carries the answer. Pairs with the caller's load of the stamp.
        self.line.stamp.store(stamp, release(Edge::Answer));
    }

    /// Puts the call that was taken back, so that it can be taken again.
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
