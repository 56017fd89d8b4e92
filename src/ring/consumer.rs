//! The reading end of a lane.

mod acknowledge;
mod answer;
mod loan;
mod redeliveries;
mod reset;
mod row;
mod starved;
mod unread;

use super::budget::Budget;
use super::descriptor::{Descriptor, Lies};
use super::seq_set::SeqSet;
use super::{Corrupt, InArena, cell, check_stale, in_arena, is_much};
use crate::abi::{Cell, ConsumerLine, Envelope, Filter, Kind, Location, is_below};
use crate::memory::{self, Lane};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire};
use core::cell::{Cell as Private, OnceCell};
use core::ops::Range;
use redeliveries::Redeliveries;

pub use row::Row;

/// How many cells ahead a consumer prefetches. It is more than the processor overlaps by itself, so that a stream is
/// as fast as many lines travel at once, instead of one after the other.
const PREFETCH: u64 = 32;

/// Messages that are looked for together. A consumer close behind its producer would take each line away half-written.
const ROW: u64 = 16;

/// What is next in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// Nothing.
    Nothing,
    /// A message that is wanted, or something that makes no sense.
    Wanted,
    /// A message that is not.
    Other,
}

/// The reading end. Everything except the lane is private to this process.
pub struct Consumer {
    lane: Lane,
    /// The oldest message that is not acknowledged; may be ahead of the shared word.
    head: Private<u64>,
    /// The next message that was never taken.
    next: Private<u64>,
    /// New messages that may be taken without asking: those of a sender's turn, no more than the producer can have
    /// sent.
    turn: Budget,
    /// Those of the turn that may be taken before the next look ahead.
    row: Budget,
    /// Whether a row may wait for its producer.
    awaits: Private<bool>,
    /// Whether the last row was complete when it began; then it may be a stream.
    streams: Private<bool>,
    /// The same of the last row that began with a message that was passed over.
    passes: Private<bool>,
    /// No row that begins before this message looks ahead, if there is no stream, or waits, if there is one.
    next_look: Private<u64>,
    /// In a stream, messages below it were seen to be there.
    seen: Private<u64>,
    /// Messages from `head` to `next` that are already acknowledged.
    acknowledged: SeqSet,
    /// Messages from `head` to `next` that were put back.
    unread: SeqSet,
    /// Those of them that were handed out.
    requeued: SeqSet,
    /// The one of them that was taken last by its number.
    taken: Private<u64>,
    /// Messages below this may have been handed out before.
    handed: Private<u64>,
    /// How many times they may have been.
    redeliveries: Redeliveries,
    /// The shared word: a successor assumes that messages below it were handed out.
    claimed: Private<u64>,
    /// Arena bytes of the messages that were retired and not settled.
    owed: Private<usize>,
    /// By extent of the arena: whether this consumer has made sure that it has memory.
    has_pages: Box<[Private<bool>]>,
    /// The same by chunk of the sender's area for loans. Takes memory at the first loan.
    has_loan_pages: OnceCell<Box<[Private<bool>]>>,
    /// The shared word: odd while a reset is asked for.
    reset: Private<u64>,
}

impl Consumer {
    /// The consumer of `lane`. It finds everything again that the last one did not acknowledge (I8).
    pub fn resume(lane: Lane) -> Self {
        let line = &lane.consumer;
        let (head, reset) = (line.head.load(Relaxed), line.reset_request.load(Relaxed));
        Self::at(lane, head, reset)
    }

    fn at(lane: Lane, head: u64, reset: u64) -> Self {
        let cells = lane.cells.len();
        let claimed = lane.consumer.handed.load(Relaxed);
        // Beyond the number of cells it means nothing: a peer, or an earlier start, left it there.
        let claimed = if claimed.wrapping_sub(head) <= cells as u64 { claimed } else { head };
        // It may be ahead of what was sent: nobody has been handed messages that are sent from now on.
        let is_there = |seq: &u64| cell(&lane, *seq).stamp.load(Relaxed) == seq.wrapping_add(1);
        let ahead = (0..claimed.wrapping_sub(head)).map(|ahead| head.wrapping_add(ahead));
        let count = ahead.take_while(is_there).count() as u64;
        Self {
            handed: head.wrapping_add(count).into(),
            redeliveries: Redeliveries::recall(&lane, head, count),
            claimed: claimed.into(),
            head: head.into(),
            next: head.into(),
            turn: Budget::none(head),
            row: Budget::none(head),
            awaits: true.into(),
            streams: false.into(),
            passes: false.into(),
            next_look: head.into(),
            seen: head.into(),
            acknowledged: SeqSet::new(cells),
            unread: SeqSet::new(cells),
            requeued: SeqSet::new(cells),
            taken: head.into(),
            owed: 0.into(),
            has_pages: (0..lane.layout.count()).map(|_| lane.has_pages.into()).collect(),
            has_loan_pages: OnceCell::new(),
            reset: reset.into(),
            lane,
        }
    }

    /// Whether `take` would return anything but `Ok(None)`.
    ///
    /// Cost: one load of the line in which the next message will be.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.is_new() || self.unread.any()
    }

    /// Whether `take_unseen` would return anything but `Ok(None)`.
    #[inline(always)]
    pub fn is_new(&self) -> bool {
        let seq = self.next.get();
        // Relaxed: a caller that acts on it calls `take`.
        let stamp = cell(&self.lane, seq).stamp.load(Relaxed);
        let is_new = stamp == seq.wrapping_add(1) || check_stale(stamp, seq, self.cells()).is_err();
        is_new && !self.is_exhausted(seq)
    }

    /// The oldest message that is not handed out, if there is one. It stays in the lane until it is acknowledged.
    ///
    /// Cost: one load of the line that the message is in.
    pub fn take(&self) -> Result<Option<Descriptor>, Corrupt> {
        self.take_or_next(self.next_unread())
    }

    /// Message `unread`, which was put back, or else the next that was never taken.
    pub fn take_or_next(&self, unread: Option<u64>) -> Result<Option<Descriptor>, Corrupt> {
        let descriptor = match unread {
            Some(seq) => {
                let descriptor = self.look(seq);
                self.unread.clear(seq);
                self.requeued.clear(seq);
                descriptor
            }
            None => self.take_unseen(),
        };
        if let Ok(Some(descriptor)) = &descriptor {
            self.claim(descriptor.seq.wrapping_add(1));
        }
        descriptor
    }

    /// Like `take`, except that it returns no message that was put back, and a successor does not assume that it was
    /// handed out.
    pub fn take_unseen(&self) -> Result<Option<Descriptor>, Corrupt> {
        let seq = self.next.get();
        if self.is_exhausted(seq) {
            return Ok(None);
        }
        let descriptor = self.look(seq)?;
        if descriptor.is_some() {
            self.advance(seq);
        }
        Ok(descriptor)
    }

    /// Allows `take_new` to take `count` messages from now on without asking; none if a message was put back, or if
    /// the next one may have been handed out before.
    pub fn grant(&self, count: u64) {
        let next = self.next.get();
        // No more than the producer can have sent: `take_new` does not ask whether all cells are taken.
        let taken = next.wrapping_sub(self.head.get());
        let room = self.cells().saturating_sub(taken).saturating_sub(self.unsettled());
        let is_easy = !self.unread.any() && !self.is_handed(next);
        let count = if is_easy { count.min(room) } else { 0 };
        self.turn.grant(next, count);
        self.row.revoke(next);
    }

    /// Whether a row may wait for its producer from now on.
    pub fn may_await(&self, awaits: bool) {
        self.awaits.set(awaits);
    }

    /// Tells a successor that messages below `end` may have been handed out. Called before they are.
    fn claim(&self, end: u64) {
        if is_below(self.claimed.get(), end) {
            self.claimed.set(end);
            self.lane.consumer.handed.store(end, Relaxed);
        }
    }

    /// Allows `take_new` one message fewer than `grant` did.
    #[inline(always)]
    pub fn shorten(&self) {
        let next = self.next.get();
        if self.turn.covers(next) {
            self.turn.shorten();
            self.row.grant(next, self.row.left(next).min(self.turn.left(next)));
        }
    }

    /// Like `take`, for the common case only: a new, whole message that `filter` takes. One that does not lie in its cell must
    /// have at most `limit` bytes, and its extent of the arena, or the chunks of its loan, must have been seen to have memory. `None`
    /// means nothing, and is all that it returns after as many messages as `grant` allowed.
    #[inline(always)]
    pub fn take_new(&self, limit: usize, filter: Filter) -> Option<Descriptor> {
        let seq = self.next.get();
        let (index, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: the envelope and the payload are there. Within a row, too: a message that
        // a batch held back is stamped long before the first of the batch, and only the first one's stamp carries it.
        let edge = if self.row.covers(seq) { Edge::Row } else { Edge::Stamp };
        // Before the load. Otherwise the compiler takes the stamp itself for the next message's number, which it equals, and the
        // processor knows where that one lies only once it has this one's line.
        let after = seq.wrapping_add(1);
        if cell.stamp.load(acquire(edge)) != after {
            return None;
        }
        if !self.row.covers(seq) && !self.begin_row(seq) {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let descriptor = match filter.small(envelope) {
            Some(len) => Descriptor::in_cell(seq, envelope, len, index),
            None if !filter.takes_whole(envelope) => return None,
            None => self.find_in_arena(seq, cell, envelope, limit)?,
        };
        self.advance(seq);
        Some(descriptor)
    }

    /// The same for a request in its cell, of a call to the life with this epoch.
    pub fn take_new_call(&self, epoch: u64) -> Option<Descriptor> {
        let seq = self.next.get();
        let (index, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: see `take_new`.
        if cell.stamp.load(acquire(Edge::Stamp)) != seq.wrapping_add(1) {
            return None;
        }
        if !self.row.covers(seq) && !self.begin_row(seq) {
            return None;
        }
        let word = cell.envelope.load(Relaxed);
        let len = Envelope::len_of_numbered(word, Kind::Call, epoch)?;
        self.advance(seq);
        Some(Descriptor::in_cell(seq, word, len, index))
    }

    /// Message `seq`, which is whole, if it is in the arena or on loan.
    #[inline(never)]
    fn find_in_arena(&self, seq: u64, cell: &Cell, envelope: u64, limit: usize) -> Option<Descriptor> {
        if Envelope::is_loan(envelope) {
            return self.find_loan(seq, cell, envelope);
        }
        if Envelope::unpack(envelope)?.place != Location::Arena {
            return None;
        }
        let InArena { offset, len, extent } = in_arena(cell, &self.lane.layout)?;
        (len as usize <= limit && self.has_pages[extent as usize].get())
            .then(|| Descriptor::in_arena(seq, envelope, len as usize, (offset / 8) as usize))
    }

    /// The extent that contains the payload of a descriptor that was taken, if it was not seen to have memory yet.
    /// Touching it before [`Consumer::note_pages`] may raise SIGBUS.
    pub fn lacks_pages(&self, descriptor: &Descriptor) -> Option<(u32, Range<u64>)> {
        let Lies::Arena(first) = descriptor.lies() else { return None };
        // The same words gave a valid extent before.
        let extent = self.lane.layout.find(first as u64 * 8, descriptor.len as u64)?;
        (!self.has_pages[extent as usize].get()).then(|| (extent, self.lane.layout.range(extent)))
    }

    /// Records that this extent of the arena has memory.
    pub fn note_pages(&self, extent: u32) {
        self.has_pages[extent as usize].set(true);
    }

    /// The number of the oldest message that is not acknowledged.
    pub fn head(&self) -> u64 {
        self.head.get()
    }

    /// The number of the next message that was never taken.
    pub fn next(&self) -> u64 {
        self.next.get()
    }

    /// Message `seq`, the newest, is taken.
    #[inline(always)]
    fn advance(&self, seq: u64) {
        self.next.set(seq.wrapping_add(1));
    }

    /// Whether all cells are taken: nothing new can come before one of them is acknowledged.
    pub fn is_full(&self) -> bool {
        self.is_exhausted(self.next.get())
    }

    /// Whether all cells are taken: no honest producer can have written another message (I1).
    #[inline(always)]
    fn is_exhausted(&self, next: u64) -> bool {
        next.wrapping_sub(self.head.get()) == self.cells()
    }

    /// How many cells there are.
    #[inline(always)]
    pub fn cells(&self) -> u64 {
        self.lane.cells.len() as u64
    }

    /// Message `seq`, as it lies there, if that is a message. It is not taken.
    pub fn peek(&self, seq: u64) -> Option<Descriptor> {
        self.look(seq).ok().flatten()
    }

    /// The number and the envelope of the next message that was never taken, if it is there, whole and in its cell.
    ///
    /// Cost: one load of the line in which it will be.
    #[inline(always)]
    pub fn next_small(&self) -> Option<(u64, u64)> {
        let seq = self.next.get();
        let (_, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: the envelope is there.
        if cell.stamp.load(acquire(Edge::Stamp)) != seq.wrapping_add(1) {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        Filter::is_small(envelope).then_some((seq, envelope))
    }

    /// Whether `take_new` takes the next message, if that is there.
    #[inline(always)]
    pub fn may_take_new(&self) -> bool {
        self.turn.covers(self.next.get())
    }

    /// What is next of the messages that were never taken.
    ///
    /// Cost: one load of the line in which it will be.
    #[inline(always)]
    pub fn new_for(&self, filter: Filter) -> New {
        let seq = self.next.get();
        let cell = cell(&self.lane, seq);
        // Pairs with the producer's store: the envelope is there.
        let stamp = cell.stamp.load(acquire(Edge::Stamp));
        let is_there = stamp == seq.wrapping_add(1);
        if !is_there && check_stale(stamp, seq, self.cells()).is_ok() || self.is_exhausted(seq) {
            New::Nothing
        } else if is_there && !filter.takes(cell.envelope.load(Relaxed)) {
            New::Other
        } else {
            New::Wanted
        }
    }

    /// Message `seq`, if it is there.
    #[inline(always)]
    fn look(&self, seq: u64) -> Result<Option<Descriptor>, Corrupt> {
        let (index, cell) = self.lane.cells.find(seq);
        // Pairs with the producer's store: the envelope and the payload are there.
        let stamp = cell.stamp.load(acquire(Edge::Stamp));
        if stamp != seq.wrapping_add(1) {
            check_stale(stamp, seq, self.cells())?;
            return Ok(None);
        }
        let envelope = cell.envelope.load(Relaxed);
        let descriptor = match Envelope::unpack(envelope).ok_or(Corrupt)?.place {
            Location::Inline(len) => Descriptor::in_cell(seq, envelope, len, index),
            Location::Loan => self.look_at_loan(seq, cell, envelope)?,
            Location::Arena => {
                let InArena { offset, len, .. } = in_arena(cell, &self.lane.layout).ok_or(Corrupt)?;
                Descriptor::in_arena(seq, envelope, len as usize, (offset / 8) as usize)
            }
        };
        Ok(Some(descriptor.marked(self.is_handed(seq))))
    }

    /// The payload words of a descriptor that was taken, is not acknowledged, and is not assembled.
    #[inline(always)]
    pub fn words(&self, descriptor: &Descriptor) -> &[AtomicU64] {
        match descriptor.lies() {
            Lies::Cell(index) => &self.lane.cells.cell(index).payload,
            Lies::Arena(first) => &self.lane.arena[first..first + descriptor.len.div_ceil(8)],
            Lies::Loan(first) => &self.lane.loans[first..first + descriptor.len.div_ceil(8)],
            Lies::Line | Lies::Assembled => &[],
        }
    }

    /// Copies the beginning of the payload in the cell with this index to `buffer`, which is not longer than the
    /// payload.
    #[inline(always)]
    pub fn copy_small(&self, index: usize, buffer: &mut [u8]) {
        memory::load_small(&self.lane.cells.cell(index).payload, buffer);
    }

    /// The receiver's words.
    pub fn line(&self) -> &ConsumerLine {
        &self.lane.consumer
    }
}
