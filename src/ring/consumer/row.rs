//! Rows: messages of a stream that are awaited together.
//!
//! Every 16 messages, once the next message is there, the consumer looks at the stamp 16 ahead, unless it has looked further
//! before. If that stamp is there, the consumer prefetches the 16 lines that lie 32 cells ahead, because nothing else
//! fetches cells in their permuted order.
//!
//! If the row before was complete, too, this is a stream. Then the consumer looks further ahead, and lets the producer get
//! ahead: nearer lines are still in the producer's own cache, and both would fight for each. For this it waits at the beginning of a
//! row, for no more than 64 pauses and about as many looks, and goes on as soon as the producer seems to be slower than a
//! stream. So a lone message waits for nothing. A message of a stream of more than some ten million a second may wait
//! until up to 512 later ones are sent.
//!
//! The last stamp of a row proves nothing about the messages before it. A batch stamps the messages that it holds
//! back first, and the first message of the batch last. So the last stamp may be there while a message in the middle
//! is not published yet. That is why each message is taken by an Acquire load of its own stamp (`Edge::Row`); on
//! x86-64 that is a plain load.

use super::{Consumer, PREFETCH, ROW};
use crate::abi::{CELL, Envelope, Filter, is_below};
use crate::memory::{self, RingRef};
use crate::ring::cell;
use crate::ring::descriptor::Descriptor;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

/// How many times a row waits for the producer at most.
const TRIES: u32 = 16;
/// How many of these, one after the other, without another complete row show that it is slower than a stream.
const IDLE: u32 = 8;
/// Pauses each time. Some processors pause a hundred times longer than others.
const PAUSES: u32 = 4;
/// Bytes of cells and payloads that the producer of a stream should be ahead, if it is not [`LEAD`] messages.
const LEAD_BYTES: u64 = 256 << 10;
/// Messages that it should be ahead at most, unless that is more than an eighth of the cells.
const LEAD: u64 = 512;
/// Messages from one look ahead to the next while no stream is seen, and from one wait to the next while the producer is
/// slower.
const SELDOM: u64 = 16 * ROW;

impl Consumer {
    /// Whether a drain with this descriptor in hand may go on by `take_following`: the descriptor lies in its cell, and
    /// nothing else is held.
    pub fn begins_row(&self, hand: &Descriptor) -> bool {
        hand.is_in_cell() && self.is_oldest(hand.seq) && self.next.get() == hand.seq.wrapping_add(1)
    }

    /// As [`Row::take`], once.
    #[inline(always)]
    pub fn take_following(&self, seq: u64, filter: Filter) -> Option<Descriptor> {
        self.row(filter).take(seq)
    }

    /// The rows of this lane, for a drain with this filter.
    #[inline(always)]
    pub fn row(&self, filter: Filter) -> Row<'_> {
        Row { consumer: self, cells: self.lane.cells.by_value(), filter }
    }

    /// For a drain that is done with all messages before `seq`: whether its row ends there, nothing else was taken, and the next
    /// message is there. If so, `head` moves up to it.
    pub fn pass_row(&self, seq: u64) -> bool {
        let is_end = self.next.get() == seq && !self.row.covers(seq) && self.turn.covers(seq);
        is_end && self.is_stamped(seq) && self.pass_oldest(seq.wrapping_sub(1))
    }

    /// Begins the row after it.
    #[inline(always)]
    pub fn follow_row(&self, seq: u64) {
        self.begin_row_of(seq, self.turn.left(seq).min(ROW));
    }

    /// Whether message `seq`, which was taken, is acknowledged, and all before it.
    pub fn has_passed(&self, seq: u64) -> bool {
        is_below(seq, self.head.get())
    }

    /// Begins a row with message `seq`, which is there. Returns whether it may be taken.
    ///
    /// Looks at the stamp that ends the row. In a stream, waits a moment to let the producer get further. Then each line is
    /// taken once, and not while it is being written. What it sees is only a hint, and a row is only a number of
    /// messages: each is taken by its own stamp.
    #[inline(never)]
    pub(super) fn begin_row(&self, seq: u64) -> bool {
        let count = self.turn.left(seq).min(ROW);
        if count > 0 {
            self.begin_row_of(seq, count);
        }
        count > 0
    }

    /// The row has so many messages.
    #[inline(always)]
    fn begin_row_of(&self, seq: u64, count: u64) {
        let last = seq.wrapping_add(count - 1);
        let is_complete = self.await_stream(seq, last);
        self.streams.set(is_complete);
        if is_complete {
            self.prefetch_after(seq);
        }
        self.claim(seq.wrapping_add(count));
        self.row.grant(seq, count);
    }

    /// Prefetches for a consumer that passes over message `seq`, if the last row that began with one passed over was complete then. One
    /// line at a time: passing over takes so short that the lines of a row at once would keep each other, and the table's, waiting.
    #[inline(always)]
    pub(super) fn prefetch_passing(&self, seq: u64) {
        if seq.is_multiple_of(ROW) {
            self.passes.set(self.is_stamped(seq.wrapping_add(ROW - 1)));
        }
        if self.passes.get() {
            memory::prefetch(cell(&self.lane, seq.wrapping_add(PREFETCH)));
        }
    }

    /// Prefetches the row that lies so far ahead of message `seq`.
    #[inline(never)]
    fn prefetch_after(&self, seq: u64) {
        let (cells, first) = (self.lane.cells.by_value(), seq.wrapping_add(PREFETCH));
        for ahead in (0..ROW).step_by(4) {
            // So that the compiler repeats only this.
            (0..4).for_each(|at| memory::prefetch(cells.find(first.wrapping_add(ahead + at)).1));
        }
    }

    /// Whether messages up to `last` are there. If the row before was a stream, also lets the producer get ahead. If it
    /// was not, looks only seldom: a look takes a line away from the producer, which is about to write it, and would
    /// delay messages that come one by one.
    #[inline(always)]
    fn await_stream(&self, seq: u64, last: u64) -> bool {
        let is_time = !is_below(seq, self.next_look.get());
        if !self.streams.get() {
            let is_complete = is_time && self.is_stamped(last);
            if is_time && !is_complete {
                self.next_look.set(seq.wrapping_add(SELDOM));
            }
            return is_complete;
        }
        if is_time && self.awaits.get() {
            self.await_lead(seq);
        }
        is_below(last, self.seen.get()) || self.is_stamped(last)
    }

    /// Lets the producer get ahead of message `seq`, for a moment, and as long as it goes on. Looks only when half of that
    /// is used up: the line it looks at is far away.
    #[inline(never)]
    fn await_lead(&self, seq: u64) {
        let lead = self.lead(seq);
        let end = seq.wrapping_add(lead);
        let mut seen = if is_below(seq, self.seen.get()) { self.seen.get() } else { seq };
        if seen.wrapping_sub(seq) > lead / 2 || lead == 0 {
            return;
        }
        if self.is_stamped(end) {
            seen = end.wrapping_add(1);
        }
        let (mut tries, mut idle) = (0, 0);
        while is_below(seen, end) && tries < TRIES {
            if self.is_stamped(seen.wrapping_add(ROW - 1)) {
                seen = seen.wrapping_add(ROW);
                idle = 0;
            } else if idle == IDLE {
                self.next_look.set(seq.wrapping_add(SELDOM));
                break;
            } else {
                (0..PAUSES).for_each(|_| core::hint::spin_loop());
                (tries, idle) = (tries + 1, idle + 1);
            }
        }
        self.seen.set(seen);
    }

    /// How many messages like `seq`, which is there, the producer should be ahead; 0 if it cannot get far, or if others than
    /// messages make a stream. Not checked: whatever it is, the outcome is only a hint.
    fn lead(&self, seq: u64) -> u64 {
        let cell = cell(&self.lane, seq);
        let envelope = cell.envelope.load(Relaxed);
        let most = LEAD.min(self.cells() / 8);
        let lead = if Filter::is_small(envelope) {
            most
        } else if Envelope::is_whole(envelope) {
            let len = cell.payload[1].load(Relaxed);
            let share = self.lane.layout.bytes_of_share() / 2;
            most.min(LEAD_BYTES.min(share) / (CELL as u64).saturating_add(len))
        } else {
            0
        };
        if lead < 2 * ROW { 0 } else { lead }
    }

    /// Whether message `seq` seems to be there.
    fn is_stamped(&self, seq: u64) -> bool {
        cell(&self.lane, seq).stamp.load(Relaxed) == seq.wrapping_add(1)
    }
}

/// What a drain keeps while it takes one message after the other: what changes lies in the consumer, because others may take
/// messages, or put one back, between two of them.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    consumer: &'a Consumer,
    cells: RingRef<'a>,
    filter: Filter,
}

impl Row<'_> {
    /// Like `take_new`, for a drain that is done with the message before `seq`: returns a small message of its row,
    /// unless the filter leaves it, another call took it meanwhile, or put one back that comes before it. Nothing before `seq` is
    /// held then, because nothing after it was taken.
    #[inline(always)]
    pub fn take(self, seq: u64) -> Option<Descriptor> {
        let Consumer { next, head, row, .. } = self.consumer;
        if next.get() != seq || !row.covers(seq) {
            return None;
        }
        let (index, cell) = self.cells.find(seq);
        let after = seq.wrapping_add(1);
        if cell.stamp.load(acquire(Edge::Row)) != after {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let len = self.filter.small(envelope)?;
        next.set(after);
        head.set(seq);
        Some(Descriptor::in_cell(seq, envelope, len, index))
    }
}
