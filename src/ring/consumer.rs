//! The reading end.

use super::{Corrupt, arena_range, cell, check_stale};
use crate::cell::{Envelope, Place};
use crate::marks::Marks;
use crate::memory::{self, Mailbox};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire, release};
use core::cell::Cell as Private;

/// How far ahead a consumer asks for cells: more than the processor overlaps by itself, and a stream is as
/// fast as lines travel rather than as long as one travels.
const PREFETCH: u64 = 32;

/// How many cells a consumer is behind at least when it is far behind.
const LEAD: u64 = 512;

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
    #[inline]
    pub fn is_ready(&self) -> bool {
        let seq = self.next.get();
        // Relaxed: whoever acts on it takes.
        let stamp = cell(&self.mailbox, seq).stamp.load(Relaxed);
        let is_new = stamp == seq.wrapping_add(1) || check_stale(stamp, seq, self.cells()).is_err();
        is_new && !self.is_exhausted(seq) || self.unread.any()
    }

    /// Whether so many messages wait that producer and consumer do not meet in the same lines.
    pub fn is_behind(&self) -> bool {
        let ahead = LEAD.min(self.cells() / 4);
        let seq = self.next.get().wrapping_add(ahead);
        cell(&self.mailbox, seq).stamp.load(Relaxed) == seq.wrapping_add(1)
    }

    /// The oldest message that nobody holds, if there is one; it stays until it is acknowledged.
    ///
    /// Cost: one load of the line that the message is in.
    pub fn take(&self) -> Result<Option<Letter>, Corrupt> {
        let mut seq = self.next.get();
        if self.unread.any() {
            seq = self.next_unread();
        } else if self.is_exhausted(seq) {
            return Ok(None);
        }
        let letter = self.look(seq)?;
        if letter.is_some() && seq == self.next.get() {
            self.advance(seq);
        }
        Ok(letter)
    }

    /// As `take`, for the common case only: a new message that lies in its cell. `None` says nothing.
    #[inline(always)]
    pub fn take_small(&self) -> Option<Letter> {
        let seq = self.next.get();
        let cell = cell(&self.mailbox, seq);
        // Pairs with the producer's store: the envelope and the payload are there.
        let stamp = cell.stamp.load(acquire(Edge::Stamp));
        if stamp != seq.wrapping_add(1) || self.unread.any() || self.is_exhausted(seq) {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let len = Envelope::small(envelope)?;
        self.advance(seq);
        Some(Letter { seq, len, envelope, first: IN_CELL })
    }

    /// Message `seq`, the newest, is taken.
    #[inline(always)]
    fn advance(&self, seq: u64) {
        self.next.set(seq.wrapping_add(1));
        memory::prefetch(cell(&self.mailbox, seq.wrapping_add(PREFETCH)));
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

    /// Copies the front of a letter's payload to `buffer`, which is not longer than that.
    #[inline(always)]
    pub fn copy(&self, letter: &Letter, buffer: &mut [u8]) {
        match letter.first {
            IN_CELL => memory::load_small(&cell(&self.mailbox, letter.seq).payload, buffer),
            _ => memory::load(self.words(letter), buffer),
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
