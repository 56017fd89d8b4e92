//! What the machine allows: a copy into shared memory by one process, and out of it by another.

use crate::process::Partner;
use crate::shared::Shared;
use crate::stream::Stream;
use crossbeam_utils::CachePadded;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes of slots, if these are not too many or too few: as a mailbox's arena has by default.
const ARENA: usize = 2 << 20;
/// The most slots: their stamps fill a page.
const MOST: usize = 32;
/// What slots are a multiple of.
const PAGE: usize = 4096;
/// Where the first begins, after the stamps: in the middle of a page, for large private buffers begin where one does, and some
/// processors copy ten times slower between places that are nearly the same within their pages.
const FIRST: usize = PAGE + PAGE / 2;

/// Slots of fixed length, 4 to 32, that messages go through in turn, in laps. Both processes write a slot's stamp: in
/// lap `n` it is `2 n` while the slot is the writer's, `2 n + 1` while it is the reader's.
pub struct Slots {
    memory: Shared,
    bytes: usize,
    count: usize,
}

impl Slots {
    /// Slots of `bytes` each.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let slot = bytes.next_multiple_of(PAGE);
        let count = (ARENA / slot).clamp(4, MOST);
        Ok(Self { memory: Shared::new(FIRST + count * slot)?, bytes, count })
    }

    /// The slot of message number `message`, its stamp, and twice the lap.
    fn of(&self, message: u64) -> (*mut u8, &AtomicU64, u64) {
        const { assert!(size_of::<[CachePadded<AtomicU64>; MOST]>() <= PAGE) };
        let at = message as usize % self.count;
        // SAFETY: the stamps are in the first page, which begins as zeros and is only borrowed as atomics.
        #[expect(unsafe_code, reason = "memory that another process writes")]
        let stamps: &[CachePadded<AtomicU64>; MOST] = unsafe { self.memory.start().cast().as_ref() };
        let slot = self.memory.start().as_ptr().wrapping_add(FIRST + at * self.bytes.next_multiple_of(PAGE));
        (slot, &stamps[at], message / self.count as u64 * 2)
    }

    /// Writes message number `message`, one after the other, from 0 on.
    pub fn write(&self, message: u64, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.bytes);
        let (slot, stamp, lap) = self.of(message);
        while stamp.load(Ordering::Acquire) != lap {}
        // SAFETY: as long as the slot, which by its stamp is the writer's; no borrow leads there.
        #[expect(unsafe_code, reason = "what is measured")]
        unsafe {
            bytes.as_ptr().copy_to_nonoverlapping(slot, bytes.len());
        }
        stamp.store(lap + 1, Ordering::Release);
    }

    /// Reads message number `message`, one after the other, from 0 on.
    pub fn read(&self, message: u64, bytes: &mut [u8]) {
        assert_eq!(bytes.len(), self.bytes);
        let (slot, stamp, lap) = self.of(message);
        while stamp.load(Ordering::Acquire) != lap + 1 {}
        // SAFETY: as long as the slot, which by its stamp is the reader's; no borrow leads there.
        #[expect(unsafe_code, reason = "what is measured")]
        unsafe {
            bytes.as_mut_ptr().copy_from_nonoverlapping(slot, bytes.len());
        }
        stamp.store(lap + 2, Ordering::Release);
    }
}

/// `messages` of `bytes` one way through slots of that length: the limit for a stream that is copied in by
/// one process and out by the other. What is done with the payload, and what is timed, is as in
/// [`stream`](crate::stream()).
pub fn pipeline(bytes: usize, messages: u64) -> io::Result<Stream> {
    let slots = Slots::new(bytes)?;
    let partner = Partner::start(1, || {
        let mut buffer = vec![1; bytes];
        for message in 0..messages {
            if let Some(first) = buffer.first_chunk_mut() {
                *first = message.to_ne_bytes();
            }
            slots.write(message, black_box(&buffer));
        }
    })?;
    let mut buffer = vec![0; bytes];
    slots.read(0, black_box(&mut buffer));
    let start = Instant::now();
    for message in 1..messages {
        slots.read(message, black_box(&mut buffer));
    }
    let time = start.elapsed();
    partner.finish()?;
    Ok(Stream { messages, bytes, time })
}
