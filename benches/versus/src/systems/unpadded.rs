//! A copy of the mailbox's ring, with and without padding between the words of its sides.

use crate::drive;
use crate::job::{Case, Job};
use crate::link::{Link, System};
use crate::outcome::{Declined, Figures, Outcome};
use measure::Shared;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many as a mailbox has by default.
const CELLS: usize = 4096;
/// A stamp, an envelope, and 48 bytes.
const CELL: usize = 8;
/// Messages between two updates of the count.
const COUNTED: u64 = 64;

/// Where things are, in words.
#[derive(Clone, Copy)]
struct Layout {
    /// How far the consumer is, which it says with each message.
    head: usize,
    /// What the producer counts.
    count: usize,
    cells: usize,
}

/// Two lines between those of different sides, as in a mailbox.
pub fn padded(job: &Job) -> Outcome<Figures> {
    play(job, Layout { head: 0, count: 16, cells: 32 })
}

/// One word after the other.
pub fn unpadded(job: &Job) -> Outcome<Figures> {
    play(job, Layout { head: 0, count: 1, cells: 2 })
}

fn play(job: &Job, layout: Layout) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip | Case::Stream if job.bytes <= 48 => {}
        _ => return Err(Declined("for small messages between two sides").into()),
    }
    let ring = || Shared::new((layout.cells + CELLS * CELL).next_multiple_of(512) * 8);
    let rings: &'static [Shared; 2] = Box::leak(Box::new([ring()?, ring()?]));
    drive::processes(job, &Rings { rings, layout })
}

struct Rings {
    rings: &'static [Shared; 2],
    layout: Layout,
}

impl System for Rings {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let half = |ring: &'static Shared| Half::new(ring.words(), self.layout);
        let [there, back] = self.rings;
        let (out, into) = if side == 0 { (there, back) } else { (back, there) };
        Ok(End { out: half(out), into: half(into) })
    }
}

struct End {
    out: Half,
    into: Half,
}

/// One side of a ring.
struct Half {
    head: &'static AtomicU64,
    count: &'static AtomicU64,
    cells: &'static [[AtomicU64; CELL]],
    next: u64,
    /// The producer's: `head` when it last looked.
    seen: u64,
}

impl Half {
    fn new(words: &'static [AtomicU64], layout: Layout) -> Self {
        let (cells, _) = words[layout.cells..].as_chunks();
        Self {
            head: &words[layout.head],
            count: &words[layout.count],
            cells: &cells[..CELLS],
            next: 0,
            seen: 0,
        }
    }

    fn cell(&self) -> (&[AtomicU64; CELL], u64) {
        (&self.cells[self.next as usize % CELLS], self.next + 1)
    }
}

impl Link for End {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let half = &mut self.out;
        // With hysteresis, as a mailbox's.
        if half.next - half.seen == CELLS as u64 {
            while half.next - half.seen > CELLS as u64 / 4 * 3 {
                half.seen = half.head.load(Ordering::Acquire);
                (0..64).for_each(|_| std::hint::spin_loop());
            }
        }
        let ([stamp, envelope, words @ ..], number) = half.cell();
        envelope.store(bytes.len() as u64, Ordering::Relaxed);
        for (word, bytes) in words.iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        stamp.store(number, Ordering::Release);
        half.next = number;
        if number.is_multiple_of(COUNTED) {
            half.count.store(number, Ordering::Relaxed);
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let half = &mut self.into;
        let ([stamp, envelope, words @ ..], number) = half.cell();
        while stamp.load(Ordering::Acquire) != number {}
        if envelope.load(Ordering::Relaxed) != bytes.len() as u64 {
            return Err("another length".into());
        }
        for (word, bytes) in words.iter().zip(bytes.as_chunks_mut().0) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        half.next = number;
        half.head.store(number, Ordering::Release);
        Ok(())
    }
}
