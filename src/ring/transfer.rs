//! The two ends of a transfer slot: announced messages go through its byte ring, one at a time, as their receiver wants
//! them.
//!
//! ```text
//!  receiver                          sender
//!  consumed = 0, id = X  (Wanted) ─▶ sees X
//!                        ◀─(Serving) produced = 0, id = X
//!  sees X; copies    ◀─(Produced)── produced = 65536 …
//!  consumed = 65536 … ──(Consumed)─▶ writes there again
//! ```
//! Each side writes its own two words. Both counts begin at 0 for each message. A side that sees the other's id sees its
//! count of this message, or a later one of it: the count was set back first. Where a sender still serves a message that
//! its receiver gave up, it may see the count of the next; that is below what it saw before, or means no more room than
//! there is, for nothing of the next is in the ring.
//!
//! If either stops for ever, the other waits, and finds out by itself whether it lives: the words say nothing of that. If
//! the receiver's words are garbage, the sender writes where nobody reads yet, and harms that receiver alone. If the
//! sender's are, the receiver says so ([`Corrupt`]), or takes garbage for the message: the sender could have sent that.
//!
//! An id names one announcement, whose number never comes again, and the receiver's life that wants it: so what is left in
//! the words and the ring from a former life is never taken for what this one wants. That a message arrives at most once
//! rests on the sender, which begins with each once, for the life that it is for.

use super::Corrupt;
use crate::memory::{self, TransferSlot};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire, release};
use core::cell::Cell as Private;
use core::ops::Range;

/// Bytes that the sender puts in the ring, at most, before it says so: the receiver copies them while the sender goes on.
const PIECE: u64 = 32 << 10;
/// Pieces begin at multiples of this: where a word does.
const ALIGN: u64 = 8;

/// Bits of an id that name the announcement; the others name the receiver's life.
const SEQ_BITS: u32 = 48;
const SEQ_MASK: u64 = (1 << SEQ_BITS) - 1;

/// Which message one life of a receiver wants; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferId(u64);

impl TransferId {
    /// The message announced by cell `seq`, for the receiver's life of this epoch.
    fn new(seq: u64, epoch: u64) -> Self {
        Self(epoch << SEQ_BITS | Self::low(seq))
    }

    /// Whether that is the one announced by cell `seq`: as far as the low bits say, more than enough for those under way.
    pub fn is_of(self, seq: u64) -> bool {
        self.0 & SEQ_MASK == Self::low(seq)
    }

    /// Whether it is for the receiver's life of this epoch: as far as the low bits say.
    pub fn is_for(self, epoch: u64) -> bool {
        self.0 >> SEQ_BITS == epoch & (u64::MAX >> SEQ_BITS)
    }

    fn low(seq: u64) -> u64 {
        // Not 0.
        (seq & (SEQ_MASK >> 1)) + 1
    }
}

/// The sender's end.
pub struct Source {
    slot: TransferSlot,
    serving: Private<Option<TransferId>>,
    produced: Private<u64>,
    /// The last count of the receiver's that made sense.
    consumed: Private<u64>,
}

impl Source {
    /// The sender's end of this slot: nothing is served, also where a former sender left its words.
    pub fn new(slot: TransferSlot) -> Self {
        Self { slot, serving: None.into(), produced: 0.into(), consumed: 0.into() }
    }

    /// The message that the receiver wants, or wanted last.
    ///
    /// Cost: the receiver's line.
    pub fn wanted(&self) -> Option<TransferId> {
        let id = self.slot.wanting.id.load(acquire(Edge::Wanted));
        (id != 0).then_some(TransferId(id))
    }

    /// The message that goes through the ring.
    pub fn serving(&self) -> Option<TransferId> {
        self.serving.get()
    }

    /// Begins with this message, which is wanted: nothing of any other is read any more.
    pub fn begin(&self, wanted: TransferId) {
        self.serving.set(Some(wanted));
        self.produced.set(0);
        self.consumed.set(0);
        let line = &self.slot.serving;
        line.produced.store(0, Relaxed);
        line.id.store(wanted.0, release(Edge::Serving));
    }

    /// Puts as much of the message's `bytes` in the ring as has room there, up to a piece; whether it was any.
    pub fn put(&self, bytes: &[u8]) -> bool {
        let produced = self.produced.get();
        let rest = &bytes[(produced as usize).min(bytes.len())..];
        let whole = self.room().min(PIECE) / ALIGN * ALIGN;
        let piece = &rest[..rest.len().min(whole as usize)];
        if piece.is_empty() {
            return false;
        }
        // It crosses the ring's end nowhere, for both are multiples of ALIGN, and a piece that would is cut there.
        let span = span(&self.slot, produced, piece.len() as u64);
        let piece = &piece[..(span.end - span.start) as usize];
        memory::store(&self.slot.ring[(span.start / 8) as usize..], piece);
        self.produced.set(produced + piece.len() as u64);
        self.slot.serving.produced.store(self.produced.get(), release(Edge::Produced));
        true
    }

    /// How many bytes have room in the ring.
    ///
    /// Cost: the receiver's line.
    pub fn room(&self) -> u64 {
        let (produced, last) = (self.produced.get(), self.consumed.get());
        let consumed = self.slot.wanting.consumed.load(acquire(Edge::Consumed));
        // Another is stale, or garbage: see above.
        let consumed = if consumed.wrapping_sub(last) <= produced - last { consumed } else { last };
        self.consumed.set(consumed);
        size_of_val(&*self.slot.ring) as u64 - (produced - consumed)
    }
}

/// The receiver's end.
pub struct Target {
    slot: TransferSlot,
    epoch: u64,
    /// The message that is wanted, its length, and whether its sender was seen to serve it.
    wanted: Private<Option<(TransferId, u64, bool)>>,
    consumed: Private<u64>,
}

impl Target {
    /// The receiver's end of this slot in the life of this epoch: nothing is wanted, also where a former
    /// receiver left its words.
    pub fn new(slot: TransferSlot, epoch: u64) -> Self {
        Self { slot, epoch, wanted: None.into(), consumed: 0.into() }
    }

    /// Whether a former receiver wanted the message announced by cell `seq` last: then no other gets it.
    pub fn was_wanted(&self, seq: u64) -> bool {
        self.wanted.get().is_none() && TransferId(self.slot.wanting.id.load(Relaxed)).is_of(seq)
    }

    /// Asks for the message of `len` bytes announced by cell `seq`, and for no other any more. Once for each.
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

    /// Hands the next bytes to `copy`, at most `most` of them and as far as they lie in a row: as words, the byte among them
    /// at which they begin, and how many they are. Their room is given back afterwards. Whether there were any.
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

/// Where byte `at` of a message lies in the ring, and those behind it, `count` or as many as the ring has before its end.
fn span(slot: &TransferSlot, at: u64, count: u64) -> Range<u64> {
    let size = size_of_val(&*slot.ring) as u64;
    let start = at % size;
    start..(start + count).min(size)
}
