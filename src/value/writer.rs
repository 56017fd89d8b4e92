//! The writing end.

use super::{buffer, place, words};
use crate::memory::{Value, store};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{Edge, Mutant, fence, mutated, release};

/// The one end that writes a value.
pub struct ValueWriter {
    value: Value,
    /// The number of the newest value.
    newest: u64,
}

impl ValueWriter {
    /// Goes on where the last writer stopped.
    pub fn resume(value: Value) -> Self {
        // Our own side wrote it; the lock under which a writer is registered makes it visible.
        let newest = value.line.newest.load(Relaxed);
        Self { value, newest }
    }

    /// The most bytes that fit.
    pub fn capacity(&self) -> usize {
        size_of_val(buffer(&self.value, 0))
    }

    /// Writes the next value, which fits.
    pub fn write(&mut self, bytes: &[u8]) {
        let next = self.newest.wrapping_add(1);
        let line = &self.value.line;
        line.begun.store(next, Relaxed);
        // Pairs with the fence in `ValueReader::look`.
        if !mutated(Mutant::Fence(Edge::Begun)) {
            fence(Release);
        }
        line.lens[place(next)].store(bytes.len() as u32, Relaxed);
        store(words(&self.value, next, bytes.len()), bytes);
        line.newest.store(next, release(Edge::Newest));
        self.newest = next;
    }
}
