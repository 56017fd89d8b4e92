//! The writing end of a lane.
//!
//! # Batches
//!
//! While a batch is open, messages are written to their cells, and all of them except the first are stamped, relaxed.
//! A consumer sees no message before it has seen those before it. So one Release store, of the first stamp, publishes
//! all, and one look at the bell is enough. At most about a quarter of a mailbox is held back. It is published when
//! that is reached, before the half would wait, when it finds nothing, before a message is announced, and when the
//! batch ends; otherwise two processes could wait for each other's batches.
//!
//! A sender that dies within a batch leaves stamped cells after one that is not. Its successor wipes them before it
//! writes there.

mod announce;
mod discard;
mod loan;
mod recovery;
mod short;
mod slot;
mod starved;

pub use short::Writer;
pub use slot::Slot;

use super::budget::Budget;
use super::{Corrupt, cell, is_much};
use crate::abi::{Cell, Envelope, INLINE, Location, ProducerLine, is_below, pack_bytes};
use crate::memory::{Lane, Payload};
use crate::pool::{Pool, Spot};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire, release};
use core::cell::{Cell as Private, RefCell};
use core::ops::Range;
use slot::Lies;

/// The only lane of an arena's pool.
const LANE: u32 = 0;

/// Why a message was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError {
    /// No cell, or too little arena, is free.
    Full,
    /// The consumer's `head` is outside its range.
    Corrupt,
    /// There is room, but in an extent of the arena that this producer has not seen to have memory: see
    /// [`Producer::note_pages`] and [`Producer::forsake`].
    NoPages(Spot),
}

/// How much of the mailbox must be free for a message to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slack {
    /// What the message needs.
    Any,
    /// A quarter of the mailbox. A sender that found it full waits for more than one cell; otherwise the two sides
    /// would take turns on the line of `head`.
    Quarter,
}

/// The writing end. Everything except the lane is private to this process.
///
/// What each message changes lies in one cache line. Stores leave a processor in order, and stores to other lines
/// keep it from fetching the next cells ahead: each such line costs a fifth of a stream's speed.
#[repr(C, align(64))]
pub struct Producer {
    tail: Private<u64>,
    /// `head` when it was last read; the real one may be larger.
    head: Private<u64>,
    /// Messages that may be written without asking, as far as the cells are concerned.
    room: Budget,
    /// How many of them may be held back without asking: only if others are held back already, and not yet so many
    /// that the consumer should have them.
    patience: Budget,
    /// Payload bytes of all messages.
    bytes: Private<u64>,
    /// The first message that is held back. The messages from it up to `tail` are complete, except for its stamp.
    held: Private<Option<u64>>,
    /// Bytes that were placed in the arena before the messages that are held back.
    held_from: Private<u64>,
    /// What is free in the arena, by the last known `head`.
    pool: RefCell<Pool>,
    /// Whether the arena was full when it was last asked for more.
    was_short: Private<bool>,
    /// By extent of the arena: whether this producer has made sure that it has memory.
    has_pages: Box<[Private<bool>]>,
    lane: Lane,
    epoch: u8,
    /// The envelope of a whole message without bytes and label. For one that fits a cell, both are added.
    envelope: u64,
    /// Whether the consumer gave up messages, and nobody has been told yet.
    lost: Private<bool>,
    /// The last request for a reset that was answered.
    answered: Private<u64>,
    /// The message that the consumer was told this waits for, and whether any up to that will do.
    starving: Private<Option<(u64, bool)>>,
    /// A mask of sequence numbers: says when to update the shared count of bytes.
    counted: u64,
}

impl Producer {
    /// Whether the consumer gave up messages since [`Producer::take_was_reset`].
    #[inline(always)]
    pub fn was_reset(&self) -> bool {
        self.lost.get()
    }

    /// Like [`Producer::was_reset`]; returns true only once.
    pub fn take_was_reset(&self) -> bool {
        self.lost.take()
    }

    /// Claims the next cell, and room in the arena for `len` bytes. A claim that is not published has no effect. If
    /// the last known `head` leaves no room, does what [`Producer::reclaim`] does with `slack`.
    ///
    /// `len` is at most the geometry's limit.
    pub fn claim(&self, len: usize, slack: Slack) -> Result<Slot, PushError> {
        self.place(len).map_or_else(|| self.reclaim(len, slack), Ok)
    }

    /// Like [`Producer::claim`], after reading `head`, if there is `slack` then.
    ///
    /// Cost: the line of `head`, which the consumer writes with each acknowledgement.
    pub fn reclaim(&self, len: usize, slack: Slack) -> Result<Slot, PushError> {
        self.refresh().map_err(|Corrupt| PushError::Corrupt)?;
        if !self.has_cells(slack) {
            return Err(PushError::Full);
        }
        let spot = if len > INLINE { Some(self.place_or_grow(len as u64, slack)?) } else { None };
        Ok(self.slot(len, spot))
    }

    /// Room in the arena, in another extent if needed.
    fn place_or_grow(&self, len: u64, slack: Slack) -> Result<Spot, PushError> {
        let mut pool = self.pool.borrow_mut();
        let wants_more = slack == Slack::Quarter && self.was_short.get();
        if wants_more && !pool.has_slack(LANE, len) {
            return Err(PushError::Full);
        }
        let spot = pool.place_or_grow(LANE, len);
        self.was_short.set(spot.is_none());
        let spot = spot.ok_or(PushError::Full)?;
        if self.has_pages[spot.extent as usize].get() { Ok(spot) } else { Err(PushError::NoPages(spot)) }
    }

    /// The bytes of the extent of the arena that contains this spot.
    pub fn extent(&self, spot: &Spot) -> Range<u64> {
        self.lane.layout.range(spot.extent)
    }

    /// Records that this extent of the arena has memory.
    pub fn note_pages(&self, spot: &Spot) {
        self.has_pages[spot.extent as usize].set(true);
    }

    /// Records that there is no memory for it, so others are tried. Returns whether some extent of its kind has
    /// memory and may be waited for.
    pub fn forsake(&self, spot: &Spot) -> bool {
        self.pool.borrow_mut().forsake(spot);
        let layout = &self.lane.layout;
        let alike = layout.extents(layout.area(spot.extent));
        let is_some_live = self.head.get() != self.tail.get();
        is_some_live && (alike.first..alike.end()).any(|extent| self.has_pages[extent as usize].get())
    }

    /// The next slot, if the last known `head` leaves room for it. Touches no shared word.
    #[inline(always)]
    pub fn place(&self, len: usize) -> Option<Slot> {
        if !self.has_cells(Slack::Any) {
            return None;
        }
        let mut spot = None;
        if len > INLINE {
            let found = self.pool.borrow().place(LANE, len as u64)?;
            if !self.has_pages[found.extent as usize].get() {
                return None;
            }
            spot = Some(found);
        }
        Some(self.slot(len, spot))
    }

    #[inline(always)]
    fn slot(&self, len: usize, spot: Option<Spot>) -> Slot {
        Slot::new(self.tail.get(), len, spot)
    }

    /// Whether that many cells are free.
    #[inline(always)]
    fn has_cells(&self, slack: Slack) -> bool {
        let wanted = if slack == Slack::Quarter { self.cells() / 4 } else { 0 }.max(1);
        self.cells() - self.tail.get().wrapping_sub(self.head.get()) >= wanted
    }

    /// Reads `head` once, checks it, and frees what it allows.
    fn refresh(&self) -> Result<(), Corrupt> {
        if self.answer() {
            // Until the consumer has taken the reset, `head` is the one from before it.
            return Ok(());
        }
        // Pairs with the consumer's store: the consumer is done with everything below `head`.
        let head = self.lane.consumer.head.load(acquire(Edge::Head));
        let last = self.head.get();
        let live = self.tail.get().wrapping_sub(last);
        // I1: `head` only grows, up to `tail`.
        if head.wrapping_sub(last) > live {
            return Err(Corrupt);
        }
        if head != last {
            self.head.set(head);
            self.pool.borrow_mut().free_below(LANE, head);
        }
        Ok(())
    }

    /// The payload words of `slot`; empty for a loan, which is written already.
    #[inline(always)]
    pub fn words(&self, slot: &Slot) -> &[AtomicU64] {
        match slot.lies {
            Lies::Cell => &self.cell(slot.seq).payload,
            Lies::Arena(spot) => &self.lane.arena[spot.offset as usize / 8..][..slot.len.div_ceil(8)],
            Lies::Loan(_) => &[],
        }
    }

    /// Makes `slot`, the last one claimed, visible to the consumer.
    #[inline(always)]
    pub fn publish(&self, slot: &Slot) {
        self.account(slot);
        self.describe(slot);
        stamp(self.cell(slot.seq), slot.seq);
    }

    /// Like [`Producer::publish`], but the message is held back until [`Producer::reveal`].
    #[inline(always)]
    pub fn hold_back(&self, slot: &Slot) {
        self.account(slot);
        self.describe(slot);
        self.begin_hold(slot);
        self.stamp_held(slot.seq);
    }

    /// Writes `payload` to `slot`, which was claimed for its length.
    #[inline(always)]
    pub fn write(&self, slot: &Slot, payload: Payload<'_>) {
        payload.store(self.words(slot));
    }

    /// Writes `bytes` to `slot` and publishes it.
    #[inline(always)]
    pub fn fill(&self, slot: &Slot, bytes: &[u8]) {
        self.fill_with(slot, Payload::Whole(bytes));
    }

    /// Writes `payload` to `slot`, which was claimed for its length, and publishes it.
    #[inline(always)]
    pub fn fill_with(&self, slot: &Slot, payload: Payload<'_>) {
        // First, for the same reason as in `push_small`.
        self.account(slot);
        self.write(slot, payload);
        self.describe(slot);
        stamp(self.cell(slot.seq), slot.seq);
    }

    /// How many messages are held back.
    #[inline(always)]
    pub fn held_back(&self) -> u64 {
        self.held.get().map_or(0, |first| self.tail.get().wrapping_sub(first))
    }

    /// Whether so much is held back (a quarter of the mailbox) that the consumer should have it.
    #[inline(always)]
    pub fn holds_back_much(&self) -> bool {
        let in_arena = || self.pool.borrow().placed(LANE).wrapping_sub(self.held_from.get());
        self.holds_back_many()
            || self.held.get().is_some() && is_much(in_arena(), self.lane.layout.bytes_of_share())
    }

    /// The same, where only small ones are.
    #[inline(always)]
    pub fn holds_back_many(&self) -> bool {
        is_much(self.held_back(), self.cells())
    }

    /// How many more small messages may be held back until it is so much.
    pub fn holds_before_much(&self) -> u64 {
        (self.cells() / 4).saturating_sub(self.held_back() + 1)
    }

    /// Makes all that is held back visible to the consumer with one store. The consumer looks at no message before it
    /// has seen those before it.
    pub fn reveal(&self) {
        if let Some(first) = self.held.take() {
            stamp(self.cell(first), first);
        }
        self.patience.revoke(self.tail.get());
    }

    /// The message is held back; perhaps it is the first.
    #[inline(always)]
    fn begin_hold(&self, slot: &Slot) {
        if self.held.get().is_none() {
            self.held.set(Some(slot.seq));
            let own = slot.spot().map_or(0, Spot::size);
            self.held_from.set(self.pool.borrow().placed(LANE).wrapping_sub(own));
        }
    }

    /// Stamps a message that is held back, unless it is the first.
    #[inline(always)]
    fn stamp_held(&self, seq: u64) {
        if self.held.get() != Some(seq) {
            // Relaxed: the first one's stamp carries it.
            self.cell(seq).stamp.store(seq.wrapping_add(1), Relaxed);
        }
    }

    #[inline(always)]
    fn account(&self, slot: &Slot) {
        if let Some(spot) = slot.spot() {
            self.pool.borrow_mut().commit(LANE, slot.seq, spot);
        }
        self.advance(slot.seq, slot.len);
    }

    /// Message `seq`, of `len` bytes, becomes the last one.
    #[inline(always)]
    fn advance(&self, seq: u64, len: usize) {
        let tail = seq.wrapping_add(1);
        self.tail.set(tail);
        self.bytes.set(self.bytes.get().wrapping_add(len as u64));
        if tail & self.counted == 0 {
            self.tell_count(tail);
        }
    }

    /// Updates the shared count of bytes.
    #[cold]
    #[inline(never)]
    fn tell_count(&self, tail: u64) {
        let line = &self.lane.producer;
        line.bytes.store(pack_bytes(self.bytes.get(), tail, self.lane.cells.len() as u64), Relaxed);
        line.counted.store(tail, Relaxed);
    }

    #[inline(always)]
    fn describe(&self, slot: &Slot) {
        let cell = self.cell(slot.seq);
        let refer = |offset, place| {
            refer(cell, offset, slot.len);
            place
        };
        let place = match slot.lies {
            Lies::Cell => Location::Inline(slot.len),
            Lies::Arena(spot) => refer(spot.offset, Location::Arena),
            Lies::Loan(offset) => refer(offset, Location::Loan),
        };
        let envelope = Envelope::numbered(slot.number, self.epoch, slot.kind, place);
        cell.envelope.store(envelope.pack(), Relaxed);
    }

    /// The number of the next message.
    pub fn tail(&self) -> u64 {
        self.tail.get()
    }

    /// Whether message `seq`, which was published, and all before it are acknowledged.
    ///
    /// Cost: the line of `head`.
    pub fn is_acknowledged(&self, seq: u64) -> Result<bool, Corrupt> {
        Ok(is_below(seq, self.acknowledged()?))
    }

    /// The number of the oldest message that is not acknowledged.
    ///
    /// Cost: the line of `head`.
    pub fn acknowledged(&self) -> Result<u64, Corrupt> {
        self.refresh()?;
        Ok(self.head.get())
    }

    /// The sender's counters.
    pub fn counters(&self) -> &ProducerLine {
        &self.lane.producer
    }

    /// Writes one message: claim, fill, publish.
    pub fn push(&self, bytes: &[u8], slack: Slack) -> Result<(), PushError> {
        let slot = self.claim(bytes.len(), slack)?;
        self.fill(&slot, bytes);
        Ok(())
    }

    #[inline(always)]
    fn cell(&self, seq: u64) -> &Cell {
        cell(&self.lane, seq)
    }

    #[inline(always)]
    fn cells(&self) -> u64 {
        self.lane.cells.len() as u64
    }
}

/// The payload of `cell` lies elsewhere: at this offset, so many bytes.
#[inline(always)]
fn refer(cell: &Cell, offset: u64, len: usize) {
    cell.payload[0].store(offset, Relaxed);
    cell.payload[1].store(len as u64, Relaxed);
}

#[inline(always)]
fn stamp(cell: &Cell, seq: u64) {
    // Carries payload and envelope. Pairs with the consumer's load of the stamp.
    cell.stamp.store(seq.wrapping_add(1), release(Edge::Stamp));
}
