//! The bounded buffer with shared memory: a ring, a mutex for it, and two events.

use super::event::{Bell, EventPlace};
use super::lock::{Lock, LockPlace};
use super::outcome::Outcome;
use super::rules::Item;
use bytemuck::Zeroable;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// How many items it holds.
const ROOM: u64 = 64;

/// What one producer and one consumer share. All but the events is only touched while the mutex is locked.
#[derive(Zeroable)]
#[repr(C)]
pub struct Buffer {
    mutex: LockPlace,
    filled: EventPlace,
    emptied: EventPlace,
    put: AtomicU64,
    taken: AtomicU64,
    items: [[AtomicU64; 6]; ROOM as usize],
}

/// One side's way to the buffer.
pub struct Side<'a> {
    buffer: &'a Buffer,
    lock: Lock<'a>,
    filled: Bell<'a>,
    emptied: Bell<'a>,
}

impl Buffer {
    /// Once, before anybody comes.
    pub fn furnish(&self) -> Outcome<()> {
        self.mutex.furnish()?;
        self.filled.furnish(false)?;
        self.emptied.furnish(false)
    }

    pub fn side(&self) -> Outcome<Side<'_>> {
        let (filled, emptied) = (self.filled.bell()?, self.emptied.bell()?);
        Ok(Side { buffer: self, lock: self.mutex.lock()?, filled, emptied })
    }

    /// Whether it was empty before; `None` if it is full.
    fn push(&self, item: &Item) -> Option<bool> {
        let (put, taken) = (self.put.load(Relaxed), self.taken.load(Relaxed));
        if put - taken == ROOM {
            return None;
        }
        let words = &self.items[(put % ROOM) as usize];
        words.iter().zip(item).for_each(|(word, value)| word.store(*value, Relaxed));
        self.put.store(put + 1, Relaxed);
        Some(put == taken)
    }

    /// The item, and whether it was full before; `None` if it is empty.
    fn pop(&self) -> Option<(Item, bool)> {
        let (put, taken) = (self.put.load(Relaxed), self.taken.load(Relaxed));
        if put == taken {
            return None;
        }
        let item = self.items[(taken % ROOM) as usize].each_ref().map(|word| word.load(Relaxed));
        self.taken.store(taken + 1, Relaxed);
        Some((item, put - taken == ROOM))
    }
}

impl Side<'_> {
    /// Puts an item in; waits while it is full.
    pub fn put(&self, item: &Item) -> Outcome<()> {
        loop {
            match self.lock.with(|| self.buffer.push(item))? {
                Some(true) => return self.filled.ring(),
                Some(false) => return Ok(()),
                None => self.emptied.wait()?,
            }
        }
    }

    /// Takes an item out; waits while it is empty.
    pub fn take(&self) -> Outcome<Item> {
        loop {
            match self.lock.with(|| self.buffer.pop())? {
                Some((item, true)) => return self.emptied.ring().map(|()| item),
                Some((item, false)) => return Ok(item),
                None => self.filled.wait()?,
            }
        }
    }
}
