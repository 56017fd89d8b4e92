//! A reading end.

use super::{buffer, place, words};
use crate::abi::BUFFERS;
use crate::memory::{Value, load};
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::{Edge, Mutant, acquire, fence, mutated};

/// One of the ends that read a value.
pub struct ValueReader {
    value: Value,
}

/// What one look at a value gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// There is none yet.
    Nothing,
    /// The value of this number, and how many bytes it has. As many were copied as there was room for.
    Value(u64, usize),
    /// The writer was at work in the buffer. What was copied is not whole.
    Torn,
}

impl ValueReader {
    /// An end of this value.
    pub fn new(value: Value) -> Self {
        Self { value }
    }

    /// The number of the newest value; 0 if there is none.
    #[inline(always)]
    pub fn newest(&self) -> u64 {
        // Pairs with the store in `ValueWriter::write`.
        self.value.line.newest.load(acquire(Edge::Newest))
    }

    /// The most bytes that a value can have.
    pub fn capacity(&self) -> usize {
        size_of_val(buffer(&self.value, 0))
    }

    /// Copies the newest value to `to`.
    #[inline(always)]
    pub fn look(&self, to: &mut [u8]) -> Look {
        let number = self.newest();
        if number == 0 {
            return Look::Nothing;
        }
        let line = &self.value.line;
        let len = line.lens[place(number)].load(Relaxed) as usize;
        // In the common case the copy has the length of all of `to`: often a constant, which makes it a few instructions.
        let len = if len == to.len()
            && let Some(words) = words(&self.value, number, to.len()).get(..to.len().div_ceil(8))
        {
            load(words, to);
            to.len()
        } else {
            load_part(&self.value, number, len, to)
        };
        // Pairs with the fence in `ValueWriter::write`.
        if !mutated(Mutant::Fence(Edge::Begun)) {
            fence(Acquire);
        }
        let ahead = line.begun.load(Relaxed).wrapping_sub(number);
        if ahead < BUFFERS as u64 { Look::Value(number, len) } else { Look::Torn }
    }
}

/// Copies a value of `len` bytes, as far as there is room. Returns its length, cut to that of the buffer.
#[inline(never)]
fn load_part(value: &Value, number: u64, len: usize, to: &mut [u8]) -> usize {
    let words = words(value, number, len);
    let len = len.min(size_of_val(words));
    let copied = len.min(to.len());
    load(words, &mut to[..copied]);
    len
}
