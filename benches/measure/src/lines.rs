//! What the machine allows: messages of one cache line each, through a ring.

use crate::process::Partner;
use crate::shared::Shared;
use crate::stream::Stream;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Messages that the ring holds: as many as a mailbox has cells by default.
const LINES: usize = 4096;
/// Messages that are awaited together: a reader at its writer's heels takes its lines away half-written.
const BLOCK: u64 = 64;
/// Messages after which the reader says how far it is.
const PART: u64 = LINES as u64 / 4;

type Line = [AtomicU64; 8];

/// A ring of lines with one writer and one reader. A line has a stamp, the number of the message in it plus one,
/// and up to 56 bytes.
pub struct Lines {
    memory: Shared,
}

/// One side of [`Lines`], and how far it is.
pub struct LinesEnd<'a> {
    lines: &'a [Line; LINES],
    /// How far the reader is, as far as it said.
    taken: &'a AtomicU64,
    /// The next message.
    next: u64,
    /// The writer: up to where there is room. The reader: up to where there are messages.
    limit: u64,
}

impl Lines {
    /// An empty ring.
    pub fn new() -> io::Result<Self> {
        Ok(Self { memory: Shared::new((LINES + 2) * size_of::<Line>())? })
    }

    /// The writing or the reading end, of which there is one each.
    ///
    /// # Panics
    /// Never: the memory is as long as that.
    pub fn end(&self) -> LinesEnd<'_> {
        let (all, _) = self.memory.words().as_chunks();
        let (lines, rest) = all.split_first_chunk().expect("made as long");
        LinesEnd { lines, taken: &rest[1][0], next: 0, limit: 0 }
    }
}

/// A multiple of 64 `messages` of `bytes`, up to 56 and a multiple of 8, one way between two processes through a ring of
/// lines.
pub fn lines(bytes: usize, messages: u64) -> io::Result<Stream> {
    let ring = Lines::new()?;
    let partner = Partner::start(1, || {
        let mut end = ring.end();
        let buffer = vec![1; bytes];
        (0..messages).for_each(|_| end.write(black_box(&buffer)));
    })?;
    let mut end = ring.end();
    let mut buffer = vec![0; bytes];
    end.read(&mut buffer);
    let start = Instant::now();
    (1..messages).for_each(|_| end.read(black_box(&mut buffer)));
    let time = start.elapsed();
    partner.finish()?;
    Ok(Stream { messages, bytes, time })
}

impl LinesEnd<'_> {
    /// Writes the next message, of up to 56 bytes and a multiple of 8; waits for room.
    #[inline(always)]
    pub fn write(&mut self, bytes: &[u8]) {
        if self.next == self.limit {
            self.await_room();
        }
        let [stamp, words @ ..] = &self.lines[self.next as usize % LINES];
        self.next += 1;
        for (word, bytes) in words.iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        stamp.store(self.next, Ordering::Release);
    }

    /// Reads the next message; waits for it. A message is seen once the block that it belongs to is complete.
    #[inline(always)]
    pub fn read(&mut self, bytes: &mut [u8]) {
        while !self.try_read(bytes) {}
    }

    /// Reads the next message if its block is there.
    #[inline(always)]
    pub fn try_read(&mut self, bytes: &mut [u8]) -> bool {
        if self.next == self.limit && !self.look() {
            return false;
        }
        let [stamp, words @ ..] = &self.lines[self.next as usize % LINES];
        self.next += 1;
        if stamp.load(Ordering::Acquire) != self.next {
            unreachable!("stamped before the last of its block");
        }
        for (word, bytes) in words.iter().zip(bytes.as_chunks_mut().0) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        if self.next.is_multiple_of(PART) {
            self.taken.store(self.next, Ordering::Release);
        }
        true
    }

    #[inline(never)]
    fn await_room(&mut self) {
        while self.limit == self.next {
            self.limit = self.taken.load(Ordering::Acquire) + LINES as u64;
            std::hint::spin_loop();
        }
    }

    #[inline(never)]
    fn look(&mut self) -> bool {
        let end = self.next + BLOCK;
        let is_there = self.lines[(end - 1) as usize % LINES][0].load(Ordering::Acquire) == end;
        if is_there {
            self.limit = end;
        } else {
            (0..16).for_each(|_| std::hint::spin_loop());
        }
        is_there
    }
}
