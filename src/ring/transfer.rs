//! The two ends of a transfer slot. Announced messages go through its byte ring, one at a time, in the order in which
//! their receiver wants them.
//!
//! ```text
//!  receiver                          sender
//!  consumed = 0, id = X  (Wanted) ─▶ sees X
//!                        ◀─(Serving) produced = 0, id = X
//!  sees X; copies    ◀─(Produced)── produced = 65536 …
//!  consumed = 65536 … ──(Consumed)─▶ writes there again
//! ```
//! Each side writes its own two words. Both counts start at 0 for each message. The count is reset before the id is
//! stored. So a side that sees the other's new id also sees its count for that message, or a later one. One case
//! remains: a sender that still serves a message that its receiver gave up may see the count for the next one. That
//! count is lower than the last one, or allows no more room than there is, because nothing of the next message is in
//! the ring.
//!
//! If either side stops for ever, the other waits and finds out by itself whether it lives; the words say nothing
//! about that. If the receiver's words are garbage, the sender writes where the receiver still reads, and harms only
//! that receiver. If the sender's words are garbage, the receiver returns [`Corrupt`] or takes garbage for the
//! message, which the sender could have sent anyway.
//!
//! An id names one announcement, whose number is never used again, and the life of the receiver that wants it. So
//! what a former life left in the words and the ring is never taken for what this life wants. The sender makes sure
//! that a message arrives at most once: it starts each message once, for the life that the message is for.

use super::Corrupt;
use crate::memory::{Mark, Payload, TransferSlot};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire, release};
use core::cell::Cell as Private;
use core::ops::Range;

/// The most bytes that the sender puts in the ring before it says so, so that the receiver can copy them while the
/// sender goes on.
const PIECE: u64 = 32 << 10;
/// Pieces begin at multiples of this, so at words.
const ALIGN: u64 = 8;

/// Bits of an id that name the announcement. The others name the receiver's life.
const SEQ_BITS: u32 = 48;
const SEQ_MASK: u64 = (1 << SEQ_BITS) - 1;

/// Which message a life of the receiver wants; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferId(u64);

impl TransferId {
    /// The message announced by cell `seq`, for the receiver's life with this epoch.
    fn new(seq: u64, epoch: u64) -> Self {
        Self(epoch << SEQ_BITS | Self::low(seq))
    }

    /// Whether that is the message announced by cell `seq`, by the low bits; enough for all that may be under way.
    pub fn is_of(self, seq: u64) -> bool {
        self.0 & SEQ_MASK == Self::low(seq)
    }

    /// Whether it is for the receiver's life with this epoch, by the low bits.
    pub fn is_for(self, epoch: u64) -> bool {
        self.0 >> SEQ_BITS == epoch & (u64::MAX >> SEQ_BITS)
    }

    fn low(seq: u64) -> u64 {
        // Adds 1, so that it is never 0.
        (seq & (SEQ_MASK >> 1)) + 1
    }
}

/// The sender's end.
pub struct Source {
    slot: TransferSlot,
    serving: Private<Option<TransferId>>,
    produced: Private<u64>,
    /// Where in the message the next bytes are.
    next: Private<Mark>,
    /// The last count of the receiver that made sense.
    consumed: Private<u64>,
}

impl Source {
    /// The sender's end of this slot. It serves nothing yet, even if a former sender left its words.
    pub fn new(slot: TransferSlot) -> Self {
        Self {
            slot,
            serving: None.into(),
            produced: 0.into(),
            next: Mark::default().into(),
            consumed: 0.into(),
        }
    }

    /// The message that the receiver wants, or wanted last.
    ///
    /// Cost: the receiver's line.
    pub fn wanted(&self) -> Option<TransferId> {
        let id = self.slot.wanting.id.load(acquire(Edge::Wanted));
        (id != 0).then_some(TransferId(id))
    }

    /// Whether this sender or a former one has put a message in the ring. A receiver may still read it.
    pub fn was_used(&self) -> bool {
        // Relaxed: its own word, or one that came with the rank.
        self.slot.serving.id.load(Relaxed) != 0
    }

    /// The message that goes through the ring.
    pub fn serving(&self) -> Option<TransferId> {
        self.serving.get()
    }

    /// How many bytes of it were put in the ring.
    pub fn produced(&self) -> u64 {
        self.produced.get()
    }

    /// Begins with this message, which is wanted. The receiver no longer reads any other.
    pub fn begin(&self, wanted: TransferId) {
        self.serving.set(Some(wanted));
        self.produced.set(0);
        self.next.set(Mark::default());
        self.consumed.set(0);
        let line = &self.slot.serving;
        line.produced.store(0, Relaxed);
        line.id.store(wanted.0, release(Edge::Serving));
    }

    /// Puts as many of the message's bytes in the ring as fit, up to one piece. Returns whether there were any.
    pub fn put(&self, payload: Payload<'_>) -> bool {
        let produced = self.produced.get();
        let rest = (payload.len() as u64).saturating_sub(produced);
        let count = rest.min(self.room().min(PIECE) / ALIGN * ALIGN);
        if count == 0 {
            return false;
        }
        // It does not cross the end of the ring: both are multiples of ALIGN, and a piece that would is cut there.
        let span = span(&self.slot, produced, count);
        let count = span.end - span.start;
        let words = &self.slot.ring[(span.start / 8) as usize..];
        self.next.set(payload.store_part(words, self.next.get(), count as usize));
        self.produced.set(produced + count);
        self.slot.serving.produced.store(self.produced.get(), release(Edge::Produced));
        true
    }

    /// How many bytes fit in the ring now.
    ///
    /// Cost: the receiver's line.
    pub fn room(&self) -> u64 {
        let (produced, last) = (self.produced.get(), self.consumed.get());
        let consumed = self.slot.wanting.consumed.load(acquire(Edge::Consumed));
        // Any other count is stale or garbage: see above.
        let consumed = if consumed.wrapping_sub(last) <= produced - last { consumed } else { last };
        self.consumed.set(consumed);
        size_of_val(&*self.slot.ring) as u64 - (produced - consumed)
    }
}

/// The receiver's end.
pub struct Target {
    slot: TransferSlot,
    epoch: u64,
    /// The wanted message, its length, and whether its sender was seen to serve it.
    wanted: Private<Option<(TransferId, u64, bool)>>,
    consumed: Private<u64>,
}

impl Target {
    /// The receiver's end of this slot, in the life with this epoch. It wants nothing yet, even if a former receiver
    /// left its words.
    pub fn new(slot: TransferSlot, epoch: u64) -> Self {
        Self { slot, epoch, wanted: None.into(), consumed: 0.into() }
    }

    /// Whether the message announced by cell `seq` was the last that a former receiver wanted. Then no other receiver
    /// gets it.
    pub fn was_wanted(&self, seq: u64) -> bool {
        self.wanted.get().is_none() && TransferId(self.slot.wanting.id.load(Relaxed)).is_of(seq)
    }

    /// Asks for the message of `len` bytes announced by cell `seq`, instead of any other. Called once for each.
    pub fn want(&self, seq: u64, len: u64) {
        let id = TransferId::new(seq, self.epoch);
        self.wanted.set(Some((id, len, false)));
        self.consumed.set(0);
        let line = &self.slot.wanting;
        line.consumed.store(0, Relaxed);
        line.id.store(id.0, release(Edge::Wanted));
    }

    /// How many bytes of the wanted message were taken.
    pub fn consumed(&self) -> u64 {
        self.consumed.get()
    }

    /// How many bytes of the wanted message are in the ring.
    ///
    /// Cost: the sender's line.
    pub fn ready(&self) -> Result<u64, Corrupt> {
        let Some((id, len, is_served)) = self.wanted.get() else { return Ok(0) };
        let line = &self.slot.serving;
        if !is_served {
            if line.id.load(acquire(Edge::Serving)) != id.0 {
                return Ok(0);
            }
            self.wanted.set(Some((id, len, true)));
        }
        let produced = line.produced.load(acquire(Edge::Produced));
        let ready = produced.wrapping_sub(self.consumed.get());
        let size = size_of_val(&*self.slot.ring) as u64;
        if ready > size || produced > len { Err(Corrupt) } else { Ok(ready) }
    }

    /// Gives the next bytes to `copy`: at most `most`, and only up to the end of the ring. `copy` gets the words, the
    /// byte at which they begin, and their number. Afterwards their room is given back. Returns whether there were
    /// any.
    pub fn take(&self, most: u64, copy: impl FnOnce(&[AtomicU64], usize, usize)) -> Result<bool, Corrupt> {
        let count = self.ready()?.min(most).min(PIECE);
        if count == 0 {
            return Ok(false);
        }
        let span = span(&self.slot, self.consumed.get(), count);
        let first = span.start / 8;
        copy(
            &self.slot.ring[first as usize..span.end.div_ceil(8) as usize],
            (span.start - first * 8) as usize,
            (span.end - span.start) as usize,
        );
        self.consumed.set(self.consumed.get() + (span.end - span.start));
        self.slot.wanting.consumed.store(self.consumed.get(), release(Edge::Consumed));
        Ok(true)
    }
}

/// Where byte `at` of a message lies in the ring, and the bytes after it: `count`, or as many as there are before the
/// ring's end.
fn span(slot: &TransferSlot, at: u64, count: u64) -> Range<u64> {
    let size = size_of_val(&*slot.ring) as u64;
    let start = at % size;
    start..(start + count).min(size)
}
