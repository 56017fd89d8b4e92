//! The short path: messages that are written without asking.

use super::{LANE, Producer, refer, stamp};
use crate::abi::{Envelope, Kind, Label, Location};
use crate::memory::{self, RingRef};
use crate::sync::Ordering::Relaxed;

impl Producer {
    /// From now on, messages may be written without asking, as far as the cells that the last known `head` leaves have
    /// room. `hold` of them may be held back, if others are held back already.
    pub fn grant(&self, hold: u64) {
        let tail = self.tail.get();
        let room = if self.lost.get() { 0 } else { self.cells() - tail.wrapping_sub(self.head.get()) };
        let hold = if self.held.get().is_some() { room.min(hold) } else { 0 };
        self.room.grant(tail, room);
        self.patience.grant(tail, hold);
    }

    /// Takes back what [`Producer::grant`] allowed.
    pub fn revoke(&self) {
        self.room.revoke(self.tail.get());
        self.patience.revoke(self.tail.get());
    }

    /// Writes one message that fits a cell, if [`Producer::grant`] allows it. Returns whether it did. It is
    /// published; with `held`, it is held back with others until [`Producer::reveal`].
    #[inline(always)]
    pub fn push_small(&self, bytes: &[u8], label: Label, held: bool) -> bool {
        self.writer(label).push(bytes, held)
    }

    /// Writes one message that fits a cell, if [`Producer::grant`] allows it and nothing is held back. Returns whether it did. It is
    /// held back until [`Producer::reveal`].
    #[inline(always)]
    pub fn begin_to_hold(&self, bytes: &[u8], label: Label) -> bool {
        let seq = self.tail.get();
        if self.held.get().is_some() || !self.room.covers(seq) {
            return false;
        }
        self.held.set(Some(seq));
        self.held_from.set(self.pool.borrow().placed(LANE));
        self.advance(seq, bytes.len());
        let cell = self.cell(seq);
        memory::store_small(&cell.payload, bytes);
        cell.envelope.store(self.writer(label).envelope | bytes.len() as u64, Relaxed);
        true
    }

    /// Writes messages with this label, one after the other.
    #[inline(always)]
    pub fn writer(&self, label: Label) -> Writer<'_> {
        self.describing(Envelope::label_bits(label))
    }

    /// `bits`: what an envelope has apart from the epoch and the length.
    #[inline(always)]
    fn describing(&self, bits: u64) -> Writer<'_> {
        Writer { producer: self, cells: self.lane.cells.by_value(), envelope: self.envelope | bits }
    }

    /// Like [`Producer::push_small`], for a message that is too long for a cell. Its payload goes behind the last one in
    /// the arena; if there is no room, it is not sent.
    #[inline(always)]
    pub fn push_longer(&self, bytes: &[u8], label: Label, held: bool) -> bool {
        let seq = self.tail.get();
        let budget = if held { &self.patience } else { &self.room };
        if !budget.covers(seq) {
            return false;
        }
        let has_pages = |extent: u32| self.has_pages[extent as usize].get();
        let placed = self.pool.borrow_mut().append(LANE, seq, bytes.len() as u64, has_pages);
        let Some(offset) = placed else { return false };
        self.advance(seq, bytes.len());
        memory::store(&self.lane.arena[offset as usize / 8..][..bytes.len().div_ceil(8)], bytes);
        let cell = self.cell(seq);
        refer(cell, offset, bytes.len());
        let envelope = Envelope::numbered(label.number(), self.epoch, Kind::Whole, Location::Arena);
        cell.envelope.store(envelope.pack(), Relaxed);
        stamp(cell, seq);
        true
    }

    /// Like [`Producer::push_small`], for a cell of this kind that concerns a call. It is published.
    #[inline(always)]
    pub fn push_numbered(&self, kind: Kind, number: u64, bytes: &[u8]) -> bool {
        self.describing(Envelope::numbered(number, 0, kind, Location::Inline(0)).pack()).push(bytes, false)
    }

    /// Whether [`Producer::push_numbered`] finds room.
    #[inline(always)]
    pub fn may_push(&self) -> bool {
        self.room.covers(self.tail.get())
    }
}

/// What stays while several messages are written. What changes lies in the producer, because others may be written between
/// two of them.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    producer: &'a Producer,
    cells: RingRef<'a>,
    /// The envelope without the length.
    envelope: u64,
}

impl Writer<'_> {
    /// As [`Producer::push_small`].
    #[inline(always)]
    pub fn push(self, bytes: &[u8], held: bool) -> bool {
        let Producer { tail, patience, room, .. } = self.producer;
        let seq = tail.get();
        let budget = if held { patience } else { room };
        if !budget.covers(seq) {
            return false;
        }
        let (_, cell) = self.cells.find(seq);
        // First, so that nothing comes between the stores to the cell: a consumer that polls would take the line away
        // half-written.
        self.producer.advance(seq, bytes.len());
        memory::store_small(&cell.payload, bytes);
        cell.envelope.store(self.envelope | bytes.len() as u64, Relaxed);
        // A message that is held back needs no order, because the first one's stamp carries it. But using the same
        // code is shorter.
        stamp(cell, seq);
        true
    }
}
