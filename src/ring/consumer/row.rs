//! Messages that are awaited together in a stream.

use super::{Consumer, PREFETCH, ROW};
use crate::abi::Envelope;
use crate::memory;
use crate::ring::cell;
use crate::ring::descriptor::Descriptor;
use crate::sync::{Edge, Ordering::Relaxed, acquire};

/// How often it looks whether a block is complete before it takes what is there of it.
const TRIES: u32 = 16;
/// Pauses before each of these looks: some processors pause for a hundred times as long as others.
const PAUSES: u32 = 4;
/// Blocks from one look to the next where no stream was seen.
const SELDOM: u32 = 15;

impl Consumer {
    /// Where the row ends that a drain with this descriptor in hand takes by `take_following`: that of its block, if the
    /// descriptor lies in its cell and nothing before it is held.
    pub fn end_of_row(&self, hand: &Descriptor) -> u64 {
        let next = hand.seq.wrapping_add(1);
        let is_row = hand.is_in_cell() && self.is_oldest(hand.seq) && self.next.get() == next;
        if is_row { next.wrapping_add(self.row.left(next)) } else { next }
    }

    /// As `take_new`, for a drain that is done with the message before `seq`: a small message of its row, if nobody took it
    /// meanwhile. Nothing before that is held then, for nothing behind it was taken.
    #[inline(always)]
    pub fn take_following(&self, seq: u64) -> Option<Descriptor> {
        if self.next.get() != seq {
            return None;
        }
        let (index, cell) = self.lane.cells.find(seq);
        let after = seq.wrapping_add(1);
        if cell.stamp.load(acquire(Edge::Row)) != after {
            return None;
        }
        let envelope = cell.envelope.load(Relaxed);
        let len = Envelope::small(envelope)?;
        self.next.set(after);
        self.head.set(seq);
        Some(Descriptor::in_cell(seq, envelope, len, index))
    }

    /// Begins a block with message `seq`, which is there; whether it may be taken.
    ///
    /// Once a block it looks at the stamp that ends it. In a stream the producer is let go ahead until that is there, or
    /// for a moment: then each line is taken once, and not while it is being written. What it sees is a hint, and a
    /// block a number of messages: each is taken by its own stamp.
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
            for ahead in PREFETCH..PREFETCH + ROW {
                memory::prefetch(cell(&self.lane, seq.wrapping_add(ahead)));
            }
        }
        self.row.grant(seq, count);
        true
    }

    /// Whether messages up to `last` are there, or are in a moment where the block before was. Where it was not, it looks
    /// seldom: a look takes the line of a message away that the producer is about to write, and messages that come one by
    /// one would pay for it.
    fn is_stream(&self, last: u64) -> bool {
        if self.streams.get() {
            return self.is_stamped(last) || self.await_stamp(last);
        }
        let unlooked = self.unlooked.get();
        self.unlooked.set(unlooked.checked_sub(1).unwrap_or(SELDOM));
        unlooked == 0 && self.is_stamped(last)
    }

    /// Lets the producer go ahead for a moment; whether it has written message `seq` by then.
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
