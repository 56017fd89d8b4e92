//! The mailbox's two ends: one producer, one consumer, no locks.
//!
//! Cell `seq % cells` holds message `seq`. The producer writes payload, then the stamp `seq + 1` with Release;
//! the consumer that sees the stamp it expects has the message. A cell's position fixes the only stamp that
//! can be valid there next, so stale bytes never look like a message, nothing is ever zeroed, and a producer
//! that stops half-way leaves nothing visible. The consumer stores `head` with Release on every
//! acknowledgement; that alone gives room back.
//!
//! The idea of a sequence number in every slot is Dmitry Vyukov's bounded queue; with one producer and one
//! consumer no read-modify-write is left of it.

use crate::cell::{Envelope, INLINE, Place};
use crate::layout::{ARENA_ALIGN, Cell};
use crate::marks::{Marks, index};
use crate::memory::{self, Mailbox};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire, release};
use core::cell::Cell as Private;

/// How far ahead a consumer asks for cells: more than the processor overlaps by itself, and a stream is as
/// fast as lines travel rather than as long as one travels.
const PREFETCH: u64 = 32;

/// The peer's words make no sense (I1). The mailbox is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// Why a message was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError {
    /// No cell, or too little arena, is free.
    Full,
    /// The consumer's `head` is outside its range.
    Corrupt,
}

/// How much of the mailbox must be free for a message to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slack {
    /// What the message needs.
    Any,
    /// A quarter of the mailbox: whoever was full waits for more than one cell, or the two sides would take
    /// turns on the line of `head`.
    Quarter,
}

/// A cell that is claimed, and where its payload goes; not visible to the consumer until it is published.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// The sequence number that the message will have.
    pub seq: u64,
    /// The payload's length in bytes.
    pub len: usize,
    /// First word of the payload in the arena; `None`: in the cell.
    offset: Option<usize>,
    /// Where the free part of the arena begins, once this is published.
    cursor: Cursor,
}

/// A place in the arena.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    /// Bytes that ever went by, those skipped at the end of a lap included.
    position: u64,
    /// Bytes from the beginning of the arena.
    offset: u64,
}

/// The writing end. Everything but the mailbox is private to this process.
pub struct Producer {
    mailbox: Mailbox,
    epoch: u8,
    tail: Private<u64>,
    /// `head` when it was last read; the real one is at or above it.
    head: Private<u64>,
    cursor: Private<Cursor>,
    /// The arena position below which all is free: that of `head`, as stale as it.
    freed: Private<u64>,
    /// The arena position after message `seq`, at `seq % cells`.
    ends: Box<[Private<u64>]>,
}

impl Producer {
    /// The producer of `mailbox`, going on where the last one stopped, wherever that was (I8): it looks for
    /// its tail among the stamps, and for the arena's live part in the cells before it.
    ///
    /// `epoch` is the sender's. Cost: up to one look at every cell.
    pub fn recover(mailbox: Mailbox, epoch: u64) -> Result<Self, Corrupt> {
        let cells = mailbox.cells.len() as u64;
        let head = mailbox.lines.consumer.head.load(acquire(Edge::Head));
        let mut tail = head;
        // Our own side wrote these stamps, in a former life; the consumer's lock-step makes them visible.
        while tail.wrapping_sub(head) < cells {
            let stamp = cell(&mailbox, tail).stamp.load(acquire(Edge::Stamp));
            if stamp != tail.wrapping_add(1) {
                check_stale(stamp, tail, cells)?;
                break;
            }
            tail = tail.wrapping_add(1);
        }
        let producer = Self {
            epoch: (epoch % 64) as u8,
            tail: tail.into(),
            head: head.into(),
            cursor: Cursor::default().into(),
            freed: 0.into(),
            ends: (0..cells).map(|_| 0.into()).collect(),
            mailbox,
        };
        producer.recover_arena(head, tail)?;
        Ok(producer)
    }

    /// Rebuilds cursor and `ends` from the live messages `head..tail`: each payload in bounds, aligned, and
    /// beyond the one before it.
    fn recover_arena(&self, head: u64, tail: u64) -> Result<(), Corrupt> {
        let size = self.arena_len();
        let mut cursor = Cursor::default();
        let mut first = None;
        let mut seq = head;
        while seq != tail {
            let cell = self.cell(seq);
            let envelope = Envelope::unpack(cell.envelope.load(Relaxed)).ok_or(Corrupt)?;
            if envelope.place == Place::Arena {
                let (offset, len) = arena_range(cell, size).ok_or(Corrupt)?;
                if first.is_none() {
                    first = Some(offset);
                    cursor = Cursor { position: offset, offset };
                }
                if offset < cursor.offset {
                    if offset != 0 {
                        return Err(Corrupt);
                    }
                    cursor = Cursor { position: cursor.position + (size - cursor.offset), offset: 0 };
                }
                let end = offset + len.next_multiple_of(ARENA_ALIGN);
                cursor = Cursor { position: cursor.position + (end - cursor.offset), offset: end };
                if cursor.position - first.unwrap_or(0) > size {
                    return Err(Corrupt);
                }
            }
            self.end(seq).set(cursor.position);
            seq = seq.wrapping_add(1);
        }
        // Messages before the first payload end where it begins.
        let freed = first.unwrap_or(0);
        let mut seq = head;
        while seq != tail && self.end(seq).get() < freed {
            self.end(seq).set(freed);
            seq = seq.wrapping_add(1);
        }
        self.cursor.set(cursor);
        self.freed.set(freed);
        Ok(())
    }

    /// Claims the next cell, and arena for `len` bytes. Where `head` must be read anew for it, there must be
    /// `slack`. Not published, it is as if it had not been claimed.
    ///
    /// `len` is at most the geometry's limit. Cost: no shared word but, when the room that was last seen is
    /// used up, one load of `head`.
    pub fn claim(&self, len: usize, slack: Slack) -> Result<Slot, PushError> {
        if let Some(slot) = self.place(len, Slack::Any) {
            return Ok(slot);
        }
        let seen = (self.head.get(), self.freed.get());
        self.refresh().map_err(|Corrupt| PushError::Corrupt)?;
        self.place(len, slack).ok_or_else(|| {
            // Too little room counts as none, the next time it is asked for, too.
            self.head.set(seen.0);
            self.freed.set(seen.1);
            PushError::Full
        })
    }

    /// The next slot, if what was last seen of `head` leaves room for it: no shared word is touched.
    #[inline(always)]
    pub fn place(&self, len: usize, slack: Slack) -> Option<Slot> {
        let (seq, cells) = (self.tail.get(), self.mailbox.cells.len() as u64);
        let wanted = if slack == Slack::Quarter { cells / 4 } else { 0 }.max(1);
        if cells - seq.wrapping_sub(self.head.get()) < wanted {
            return None;
        }
        let mut cursor = self.cursor.get();
        let mut offset = None;
        if len > INLINE {
            let size = self.arena_len();
            let need = (len as u64).next_multiple_of(ARENA_ALIGN);
            if cursor.offset + need > size {
                cursor = Cursor { position: cursor.position + (size - cursor.offset), offset: 0 };
            }
            offset = Some((cursor.offset / 8) as usize);
            cursor = Cursor { position: cursor.position + need, offset: cursor.offset + need };
            let wanted = if slack == Slack::Quarter { need.max(size / 4) } else { need };
            if cursor.position - need + wanted - self.freed.get() > size {
                return None;
            }
        }
        Some(Slot { seq, len, offset, cursor })
    }

    /// Reads `head` once, checks it, and takes over what it frees.
    fn refresh(&self) -> Result<(), Corrupt> {
        // Pairs with the consumer's store: what it read below `head` it has done with.
        let head = self.mailbox.lines.consumer.head.load(acquire(Edge::Head));
        let last = self.head.get();
        let live = self.tail.get().wrapping_sub(last);
        // I1: `head` only grows, up to `tail`.
        if head.wrapping_sub(last) > live {
            return Err(Corrupt);
        }
        if head != last {
            self.freed.set(self.end(head.wrapping_sub(1)).get());
            self.head.set(head);
        }
        Ok(())
    }

    /// The payload words of `slot`.
    #[inline(always)]
    pub fn words(&self, slot: &Slot) -> &[AtomicU64] {
        match slot.offset {
            None => &self.cell(slot.seq).payload,
            Some(first) => &self.mailbox.arena[first..first + slot.len.div_ceil(8)],
        }
    }

    /// Makes `slot`, the last one claimed, visible to the consumer.
    #[inline(always)]
    pub fn publish(&self, slot: &Slot) {
        let cell = self.cell(slot.seq);
        let place = match slot.offset {
            None => Place::Inline(slot.len),
            Some(first) => {
                cell.payload[0].store(first as u64 * 8, Relaxed);
                cell.payload[1].store(slot.len as u64, Relaxed);
                Place::Arena
            }
        };
        cell.envelope.store(Envelope { tag: 0, context: 0, epoch: self.epoch, place }.pack(), Relaxed);
        self.end(slot.seq).set(slot.cursor.position);
        self.cursor.set(slot.cursor);
        self.tail.set(slot.seq.wrapping_add(1));
        // Carries everything above; the consumer's load of the stamp ends the edge.
        cell.stamp.store(slot.seq.wrapping_add(1), release(Edge::Stamp));
    }

    /// Writes `bytes` to `slot` and publishes it.
    #[inline(always)]
    pub fn fill(&self, slot: &Slot, bytes: &[u8]) {
        memory::store(self.words(slot), bytes);
        self.publish(slot);
    }

    /// Writes one message: claim, fill, publish.
    pub fn push(&self, bytes: &[u8], slack: Slack) -> Result<(), PushError> {
        let slot = self.claim(bytes.len(), slack)?;
        self.fill(&slot, bytes);
        Ok(())
    }

    #[inline(always)]
    fn cell(&self, seq: u64) -> &Cell {
        cell(&self.mailbox, seq)
    }

    #[inline(always)]
    fn end(&self, seq: u64) -> &Private<u64> {
        &self.ends[index(seq, self.ends.len())]
    }

    #[inline(always)]
    fn arena_len(&self) -> u64 {
        self.mailbox.arena.len() as u64 * 8
    }
}

/// A message that the consumer has found: private copies of all that says where it is (I3).
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    /// Its sequence number.
    pub seq: u64,
    /// The payload's length in bytes.
    pub len: usize,
    /// A word that [`Envelope::unpack`] takes.
    envelope: u64,
    /// First word of the payload in the arena, or [`IN_CELL`].
    first: usize,
}

/// The payload is in the cell: no arena has so many words.
const IN_CELL: usize = usize::MAX;

impl Letter {
    /// Its envelope.
    #[inline(always)]
    pub fn envelope(&self) -> Envelope {
        Envelope::unpack(self.envelope).unwrap_or(Envelope {
            tag: 0,
            context: 0,
            epoch: 0,
            place: Place::Inline(0),
        })
    }
}

/// The reading end. Everything but the mailbox is private to this process.
pub struct Consumer {
    mailbox: Mailbox,
    /// The oldest message that is not acknowledged; the same as the shared word.
    head: Private<u64>,
    /// The next message that was never looked at.
    next: Private<u64>,
    /// Messages from `head` to `next` that are acknowledged already.
    acknowledged: Marks,
    /// Messages from `head` to `next` that were put back.
    unread: Marks,
}

impl Consumer {
    /// The consumer of `mailbox`: what the last one did not acknowledge is there again (I8).
    pub fn resume(mailbox: Mailbox) -> Self {
        let head = mailbox.lines.consumer.head.load(Relaxed);
        let cells = mailbox.cells.len();
        Self {
            mailbox,
            head: head.into(),
            next: head.into(),
            acknowledged: Marks::new(cells),
            unread: Marks::new(cells),
        }
    }

    /// Whether `take` would say anything but `Ok(None)`.
    ///
    /// Cost: one load of the line that the next message will be in.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        let seq = self.next.get();
        // Relaxed: whoever acts on it takes.
        let stamp = cell(&self.mailbox, seq).stamp.load(Relaxed);
        let is_new = stamp == seq.wrapping_add(1) || check_stale(stamp, seq, self.cells()).is_err();
        is_new && !self.is_exhausted(seq) || self.unread.any()
    }

    /// The oldest message that nobody holds, if there is one; it stays until it is acknowledged.
    ///
    /// Cost: one load of the line that the message is in.
    #[inline(always)]
    pub fn take(&self) -> Result<Option<Letter>, Corrupt> {
        let mut seq = self.next.get();
        if self.unread.any() {
            seq = self.next_unread();
        } else if self.is_exhausted(seq) {
            return Ok(None);
        }
        let letter = self.look(seq)?;
        if letter.is_some() && seq == self.next.get() {
            self.next.set(seq.wrapping_add(1));
            memory::prefetch(cell(&self.mailbox, seq.wrapping_add(PREFETCH)));
        }
        Ok(letter)
    }

    /// Whether all cells are held: no honest producer can have written another message (I1).
    #[inline(always)]
    fn is_exhausted(&self, next: u64) -> bool {
        next.wrapping_sub(self.head.get()) == self.cells()
    }

    #[inline(always)]
    fn cells(&self) -> u64 {
        self.mailbox.cells.len() as u64
    }

    #[cold]
    fn next_unread(&self) -> u64 {
        let mut seq = self.head.get();
        while seq != self.next.get() && !self.unread.clear(seq) {
            seq = seq.wrapping_add(1);
        }
        seq
    }

    /// Message `seq`, if it is there.
    #[inline(always)]
    fn look(&self, seq: u64) -> Result<Option<Letter>, Corrupt> {
        let cell = cell(&self.mailbox, seq);
        // Pairs with the producer's store: the envelope and the payload are there.
        let stamp = cell.stamp.load(acquire(Edge::Stamp));
        if stamp != seq.wrapping_add(1) {
            check_stale(stamp, seq, self.cells())?;
            return Ok(None);
        }
        let envelope = cell.envelope.load(Relaxed);
        let (first, len) = match Envelope::unpack(envelope).ok_or(Corrupt)?.place {
            Place::Inline(len) => (IN_CELL, len),
            Place::Arena => {
                let size = self.mailbox.arena.len() as u64 * 8;
                let (offset, len) = arena_range(cell, size).ok_or(Corrupt)?;
                ((offset / 8) as usize, len as usize)
            }
        };
        Ok(Some(Letter { seq, envelope, len, first }))
    }

    /// The payload words of a letter that was taken and not yet acknowledged.
    #[inline(always)]
    pub fn words(&self, letter: &Letter) -> &[AtomicU64] {
        match letter.first {
            IN_CELL => &cell(&self.mailbox, letter.seq).payload,
            first => &self.mailbox.arena[first..first + letter.len.div_ceil(8)],
        }
    }

    /// Gives the room of message `seq`, which was taken, back; in any order. `head` moves to the oldest
    /// message that is not acknowledged.
    #[inline(always)]
    pub fn acknowledge(&self, seq: u64) {
        if seq != self.head.get() {
            return self.acknowledged.set(seq);
        }
        let mut head = seq.wrapping_add(1);
        if self.acknowledged.any() {
            head = self.skip_acknowledged(head);
        }
        self.head.set(head);
        // Pairs with the producer's load: our reads of the payload are done.
        self.mailbox.lines.consumer.head.store(head, release(Edge::Head));
    }

    #[cold]
    fn skip_acknowledged(&self, mut head: u64) -> u64 {
        while self.acknowledged.clear(head) {
            head = head.wrapping_add(1);
        }
        head
    }

    /// Puts message `seq`, which was taken, back: it is the next to be taken again, in its place.
    pub fn put_back(&self, seq: u64) {
        self.unread.set(seq);
    }

    /// The last epoch of the sender whose end a former receiver was told.
    pub fn told(&self) -> &AtomicU64 {
        &self.mailbox.lines.consumer.told
    }
}

#[inline(always)]
fn cell(mailbox: &Mailbox, seq: u64) -> &Cell {
    let cells = &*mailbox.cells;
    &cells[index(seq, cells.len())]
}

/// A stamp that is not the expected one of `seq` must be one lap old, or that of a cell never written.
#[inline(always)]
fn check_stale(stamp: u64, seq: u64, cells: u64) -> Result<(), Corrupt> {
    if stamp == seq.wrapping_add(1).wrapping_sub(cells) || stamp == 0 { Ok(()) } else { Err(Corrupt) }
}

/// Offset and length that an arena message claims, each read once; `None` if they are not in bounds (I1).
#[inline(always)]
fn arena_range(cell: &Cell, size: u64) -> Option<(u64, u64)> {
    let offset = cell.payload[0].load(Relaxed);
    let len = cell.payload[1].load(Relaxed);
    let fits = offset.is_multiple_of(ARENA_ALIGN) && len <= size / 2 && offset <= size - len;
    fits.then_some((offset, len))
}

/// How many messages lie unacknowledged in `mailbox`, as far as its stamps tell; at most its cells.
pub fn depth(mailbox: &Mailbox) -> u64 {
    let head = mailbox.lines.consumer.head.load(acquire(Edge::Head));
    let waits = |ahead: &u64| {
        let seq = head.wrapping_add(*ahead);
        cell(mailbox, seq).stamp.load(Relaxed) == seq.wrapping_add(1)
    };
    (0..mailbox.cells.len() as u64).take_while(waits).count() as u64
}
