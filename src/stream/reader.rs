//! A reading end.

use super::{Payload, writer::next};
use crate::abi::{INLINE, Padded, ReaderLine, Registration, is_below};
use crate::memory::{Shared, Stream};
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::{AtomicU64, Edge, Mutant, acquire, fence, full_fence, mutated, release};
use core::ops::Range;

/// How often a reader tries to be faster than the writer.
const TRIES: u32 = 64;

/// One of the ends that read a stream.
pub struct StreamReader {
    stream: Stream,
    line: Shared<Padded<ReaderLine>>,
    rank: u32,
    is_awaited: bool,
    /// The number of the message that is read next.
    cursor: u64,
    /// How many were missed since the last one that was read.
    missed: u64,
}

/// What a reader finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A payload, copied from its cell, and its length.
    Short([u64; INLINE / 8], usize),
    /// A payload in place. The reader has it until [`StreamReader::release`].
    Placed(Range<u64>),
}

/// Whether there is a message of this number, or a later one in its place.
#[inline(always)]
pub fn has_message(stream: &Stream, number: u64) -> bool {
    let stamp = stream.cells.at(number).stamp.load(acquire(Edge::Published));
    stamp != 0 && is_below(number, stamp)
}

/// The writer was faster than this reader, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outrun;

impl StreamReader {
    /// A rank in the life of this epoch begins to read, from the last `history` messages on that are there. Whether the writer waits
    /// for it. What this process does later must not come before another process sees that: the caller makes a barrier.
    pub fn begin(stream: Stream, rank: u32, registration: Registration, history: u64) -> Self {
        let line = stream.readers.item(rank as usize);
        line.registration.store(0, Relaxed);
        line.held.store(0, Relaxed);
        let newest = next(&stream);
        let mut cursor = newest - history.min(newest).min(stream.cells.len() as u64);
        for _ in 0..TRIES {
            line.cursor.store(cursor, Relaxed);
            // Pairs with the look in `StreamWriter::readers`.
            line.registration.store(registration.pack(), release(Edge::Cursor));
            stream.bits[rank as usize / 64].fetch_or(1 << (rank % 64), Relaxed);
            // Pairs with the writer's fence.
            full_fence(Edge::Held);
            let oldest = stream.line.oldest.load(Relaxed);
            if !is_below(cursor, oldest) {
                break;
            }
            cursor = oldest;
        }
        Self { stream, line, rank, is_awaited: registration.is_awaited, cursor, missed: 0 }
    }

    /// The number of the message that is read next.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// How many messages were missed since the last one that was read. Begins to count again.
    pub fn take_missed(&mut self) -> u64 {
        core::mem::take(&mut self.missed)
    }

    /// Whether there is a message. One load of a line, if there is none.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        has_message(&self.stream, self.cursor)
    }

    /// The next message, if there is one. A short one is read with that. [`Outrun`] if many in a row were overwritten meanwhile, or
    /// are garbage.
    #[inline(always)]
    pub fn take(&mut self) -> Result<Option<Found>, Outrun> {
        // Each turn goes on by a message or more.
        for _ in 0..TRIES {
            if !self.is_ready() {
                return Ok(None);
            }
            if let Some(found) = self.look() {
                return Ok(Some(found));
            }
        }
        Err(Outrun)
    }

    /// The message at the cursor. Without one, the cursor has moved on.
    #[inline(always)]
    fn look(&mut self) -> Option<Found> {
        let cell = self.stream.cells.at(self.cursor);
        let is_here = cell.stamp.load(acquire(Edge::Published)) == self.cursor.wrapping_add(1);
        let word = cell.envelope.load(Relaxed);
        let found = match Payload::of(word, size_of_val(&*self.stream.payloads) as u64) {
            Some(Payload::Short(len)) => {
                Found::Short(core::array::from_fn(|at| cell.payload[at].load(Relaxed)), len)
            }
            Some(Payload::Placed(bytes)) => {
                if !self.is_awaited {
                    // Also says that the one before was let go.
                    self.line.held.store(word, release(Edge::Cursor));
                    // Pairs with the writer's fence.
                    full_fence(Edge::Held);
                }
                Found::Placed(bytes)
            }
            // Of a message that is overwritten now, or garbage.
            None => {
                self.skip();
                return None;
            }
        };
        // Pairs with the writer's fence: what was copied was not overwritten before.
        if !mutated(Mutant::Acquire(Edge::Overwritten)) {
            fence(Acquire);
        }
        if !is_here || is_below(self.cursor, self.lowest()) {
            self.let_go();
            self.skip();
            return None;
        }
        if matches!(found, Found::Short(..)) {
            self.advance();
        }
        Some(found)
    }

    /// Below which number messages may be overwritten, although this end has not read them.
    #[inline(always)]
    fn lowest(&self) -> u64 {
        let line = &self.stream.line;
        // The writer waits for an awaited reader only after it has stored `oldest`.
        if self.is_awaited { line.gone.load(Relaxed) } else { line.oldest.load(Relaxed) }
    }

    /// Misses the message at the cursor, and all that are overwritten.
    #[cold]
    fn skip(&mut self) {
        let lowest = self.lowest();
        // Without a reason in that number, it was garbage.
        let count = if is_below(self.cursor, lowest) { lowest.wrapping_sub(self.cursor) } else { 1 };
        self.missed = self.missed.saturating_add(count);
        self.cursor = self.cursor.wrapping_add(count);
        self.line.cursor.store(self.cursor, release(Edge::Cursor));
    }

    /// The reader is done with a message in place.
    pub fn release(&mut self) {
        self.let_go();
        self.advance();
    }

    fn let_go(&self) {
        if !self.is_awaited {
            self.line.held.store(0, release(Edge::Cursor));
        }
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.cursor = self.cursor.wrapping_add(1);
        // Pairs with the look in `StreamWriter::find_behind`.
        self.line.cursor.store(self.cursor, release(Edge::Cursor));
    }

    /// Whether the writer may wait for what this end has just done. The caller has made a fence.
    pub fn is_waited_for(&self) -> bool {
        let starved = self.stream.line.starved.load(Relaxed);
        // What others need is not this end's matter.
        starved != 0 && (!self.is_awaited || !is_below(self.cursor, starved))
    }

    /// Whether others read the stream, too, as far as can be seen at a glance.
    pub fn has_company(&self) -> bool {
        let (word, bit) = (self.rank as usize / 64, 1 << (self.rank % 64));
        let others = |(at, bits): (usize, &AtomicU64)| {
            bits.load(Relaxed) & if at == word { !bit } else { u64::MAX } != 0
        };
        self.stream.bits.iter().take(self.stream.readers.len().div_ceil(64)).enumerate().any(others)
    }

    /// The words of a payload in place.
    pub fn words(&self, place: &Range<u64>) -> &[AtomicU64] {
        &self.stream.payloads[(place.start / 8) as usize..place.end.div_ceil(8) as usize]
    }

    /// The rank reads no more.
    pub fn end(&mut self) {
        // The writer may wait for messages that this end has not read.
        self.is_awaited = false;
        self.line.registration.store(0, release(Edge::Cursor));
        self.line.held.store(0, release(Edge::Cursor));
        self.stream.bits[self.rank as usize / 64].fetch_and(!(1 << (self.rank % 64)), Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_reader_waits_for_its_end_too() {
        let stream = Stream::on_heap(1, 2, 0);
        let every = Registration { epoch: 1, is_awaited: true };
        let mut reader = StreamReader::begin(stream.clone(), 0, every, 0);
        stream.line.starved.store(1, Relaxed);
        assert!(!reader.is_waited_for(), "it has not gone on");
        reader.end();
        assert!(reader.is_waited_for());
    }

    #[test]
    fn a_reader_knows_whether_others_read_too() {
        let stream = Stream::on_heap(130, 2, 0);
        let begin = |rank| {
            let registration = Registration { epoch: 1, is_awaited: false };
            StreamReader::begin(stream.clone(), rank, registration, 0)
        };
        let mut one = begin(3);
        assert!(!one.has_company());
        let mut other = begin(129);
        assert!(one.has_company() && other.has_company());
        one.end();
        assert!(!other.has_company());
        let beside = begin(128);
        assert!(beside.has_company() && other.has_company());
        other.end();
        assert!(!beside.has_company());
    }
}
