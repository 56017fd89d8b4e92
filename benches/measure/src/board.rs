//! What the machine allows: bytes that one process writes and several read, in memory that all of them see.

use crate::shared::Shared;
use std::hint::spin_loop;
use std::io;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

/// What places begin at a multiple of, and what follows them.
const PAGE: usize = 4096;
/// Where the first place begins: see `pipeline`.
const FIRST: usize = PAGE / 2;
const LINE: usize = 64;
/// The most readers.
const READERS: usize = 16;

/// Places for values of fixed length, which one process writes in turn. A place has a stamp, the number of the value in it plus one;
/// up to 48 bytes lie in the stamp's line. Each reader says in a line of its own how many it has read.
pub struct Board {
    memory: Shared,
    bytes: usize,
    places: usize,
    /// Bytes from one place to the next.
    stride: usize,
}

impl Board {
    /// `places` for values of `bytes`.
    pub fn new(bytes: usize, places: usize) -> io::Result<Self> {
        let stride = if bytes <= 48 { LINE } else { (LINE + bytes).next_multiple_of(PAGE) };
        Ok(Self { memory: Shared::new(FIRST + places * stride + READERS * LINE)?, bytes, places, stride })
    }

    /// Copies a value to the first place, without saying so.
    #[inline(always)]
    pub fn store(&self, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.bytes);
        // SAFETY: as long as the place. Readers copy it meanwhile, and nothing depends on what they get.
        #[expect(unsafe_code, reason = "what is measured")]
        unsafe {
            bytes.as_ptr().copy_to_nonoverlapping(self.payload(0), bytes.len());
        }
    }

    /// Copies what is in the first place.
    #[inline(always)]
    pub fn load(&self, bytes: &mut [u8]) {
        assert_eq!(bytes.len(), self.bytes);
        // SAFETY: as long as the place. Its writer may be at work meanwhile; nothing depends on what this gets.
        #[expect(unsafe_code, reason = "what is measured")]
        unsafe {
            bytes.as_mut_ptr().copy_from_nonoverlapping(self.payload(0), bytes.len());
        }
    }

    /// Writes value number `number`, one after the other, from 0 on, once all of so many `readers` have given its place back.
    /// Calls `idle` while it waits.
    #[inline(always)]
    pub fn write(&self, number: u64, bytes: &[u8], readers: usize, idle: impl Fn()) {
        assert_eq!(bytes.len(), self.bytes);
        let place = number as usize % self.places;
        for reader in 0..readers {
            while self.read_by(reader).load(Ordering::Acquire) + self.places as u64 <= number {
                idle();
            }
        }
        // SAFETY: as long as the place, which is the writer's until it is stamped.
        #[expect(unsafe_code, reason = "what is measured")]
        unsafe {
            bytes.as_ptr().copy_to_nonoverlapping(self.payload(place), bytes.len());
        }
        self.stamp(place).store(number + 1, Ordering::Release);
    }

    /// Has `read` read value number `number` in place, one after the other, from 0 on. Calls `idle` while it waits.
    #[inline(always)]
    pub fn read(&self, reader: usize, number: u64, read: impl FnOnce(&[u8]), idle: impl Fn()) {
        let place = number as usize % self.places;
        while self.stamp(place).load(Ordering::Acquire) != number + 1 {
            idle();
        }
        // SAFETY: as long as the place, which nobody writes until this reader gives it back.
        #[expect(unsafe_code, reason = "what is measured")]
        read(unsafe { slice::from_raw_parts(self.payload(place), self.bytes) });
        self.read_by(reader).store(number + 1, Ordering::Release);
    }

    fn payload(&self, place: usize) -> *mut u8 {
        let offset = if self.bytes <= 48 { size_of::<AtomicU64>() } else { LINE };
        self.memory.start().as_ptr().wrapping_add(FIRST + place * self.stride + offset)
    }

    fn stamp(&self, place: usize) -> &AtomicU64 {
        self.word(FIRST + place * self.stride)
    }

    fn read_by(&self, reader: usize) -> &AtomicU64 {
        assert!(reader < READERS);
        self.word(FIRST + self.places * self.stride + reader * LINE)
    }

    #[inline(always)]
    fn word(&self, offset: usize) -> &AtomicU64 {
        &self.memory.words()[offset / size_of::<AtomicU64>()]
    }
}

/// What a process does while it waits that shares its processor with others, or not.
pub fn idle(is_crowded: bool) {
    if is_crowded { std::thread::yield_now() } else { spin_loop() }
}
