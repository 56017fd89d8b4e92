//! Rows: messages of a stream that are awaited together.
//!
//! Every 16 messages, once the next message is there, the consumer looks at the stamp 16 ahead. So a lone message
//! waits for nothing. If that stamp is there, the consumer prefetches the 16 lines that lie 32 cells ahead, because
//! nothing else fetches cells in their permuted order. If it is not, and the row before was complete, this is a
//! stream and the consumer is close behind its producer: it pauses up to 64 times until the row is complete.
//! Otherwise both would fight for each line.
//!
//! The last stamp of a row proves nothing about the messages before it. A batch stamps the messages that it holds
//! back first, and the first message of the batch last. So the last stamp may be there while a message in the middle
//! is not published yet. That is why each message is taken by an Acquire load of its own stamp (`Edge::Row`); on
//! x86-64 that is a plain load.

use super::{Consumer, PREFETCH, ROW};
use crate::abi::Filter;
use crate::memory;
use crate::ring::cell;
use crate::ring::descriptor::Descriptor;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

/// How many times to check whether a row is complete before taking what is there of it.
const TRIES: u32 = 16;
/// Pauses before each of these checks. Some processors pause a hundred times longer than others.
const PAUSES: u32 = 4;
/// Rows from one look ahead to the next while no stream is seen.
const SELDOM: u32 = 15;

impl Consumer {
    /// Whether a drain with this descriptor in hand may go on by `take_following`: the descriptor lies in its cell, and
    /// nothing else is held.
    pub fn begins_row(&self, hand: &Descriptor) -> bool {
        hand.is_in_cell() && self.is_oldest(hand.seq) && self.next.get() == hand.seq.wrapping_add(1)
    }

    /// Like `take_new`, for a drain that is done with the message before `seq`: returns a small message of its row,
    /// unless `filter` leaves it, another call took it meanwhile, or put one back that comes before it. Nothing before `seq` is held then,
    /// because nothing after it was taken.
    #[inline(always)]
    pub fn take_following(&self, seq: u64, filter: Filter) -> Option<Descriptor> {
        if self.next.get() != seq || !self.row.covers(seq) {
            return None;
        }
        let (index, cell) = self.lane.cells.find(seq);
        let after = seq.wrapping_add(1);
        if cell.stamp.load(acquire(Edge::Row)) != after {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let len = filter.small(envelope)?;
        self.next.set(after);
        self.head.set(seq);
        Some(Descriptor::in_cell(seq, envelope, len, index))
    }

    /// Begins a row with message `seq`, which is there. Returns whether it may be taken.
    ///
    /// Looks once at the stamp that ends the row. In a stream, waits a moment to let the producer get that far. Then
    /// each line is taken once, and not while it is being written. What it sees is only a hint, and a row is only a
    /// number of messages: each is taken by its own stamp.
    #[inline(never)]
    pub(super) fn begin_row(&self, seq: u64) -> bool {
        let count = self.turn.left(seq).min(ROW);
        if count == 0 {
            return false;
        }
        let last = seq.wrapping_add(count - 1);
        let is_complete = self.is_stream(last);
        self.streams.set(is_complete);
        if is_complete {
            self.prefetch_after(seq);
        }
        self.claim(seq.wrapping_add(count));
        self.row.grant(seq, count);
        true
    }

    /// Prefetches for a consumer that passes over message `seq`, once in a row, where there are many.
    pub(super) fn prefetch_passing(&self, seq: u64) {
        if seq.is_multiple_of(ROW) && self.is_stamped(seq.wrapping_add(ROW - 1)) {
            self.prefetch_after(seq);
        }
    }

    /// Prefetches the row that lies so far ahead of message `seq`.
    fn prefetch_after(&self, seq: u64) {
        for ahead in PREFETCH..PREFETCH + ROW {
            memory::prefetch(cell(&self.lane, seq.wrapping_add(ahead)));
        }
    }

    /// Whether messages up to `last` are there. If the row before was a stream, also waits a moment for them. If it
    /// was not, looks only seldom: a look takes a line away from the producer, which is about to write it, and would
    /// delay messages that come one by one.
    fn is_stream(&self, last: u64) -> bool {
        if self.streams.get() {
            return self.is_stamped(last) || self.await_stamp(last);
        }
        let unlooked = self.unlooked.get();
        self.unlooked.set(unlooked.checked_sub(1).unwrap_or(SELDOM));
        unlooked == 0 && self.is_stamped(last)
    }

    /// Lets the producer go ahead for a moment. Returns whether it has written message `seq` by then.
    fn await_stamp(&self, seq: u64) -> bool {
        (0..TRIES).any(|_| {
            (0..PAUSES).for_each(|_| core::hint::spin_loop());
            self.is_stamped(seq)
        })
    }

    /// Whether message `seq` seems to be there.
    fn is_stamped(&self, seq: u64) -> bool {
        cell(&self.lane, seq).stamp.load(Relaxed) == seq.wrapping_add(1)
    }
}
