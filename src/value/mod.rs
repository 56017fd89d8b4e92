//! A value that one process writes and any number reads, as a whole: the newest one.
//!
//! ```text
//!  begun  newest  lens, short   buffer 0      buffer 1      buffer 2      buffer 3
//! ┌──────┬───────┬───────────┐ ┌────────────┬─────────────┬─────────────┬─────────────┐
//! │  7   │   6   │ one each  │ │ value 4    │ value 5     │ value 6     │ value 7, of │
//! └──────┴───────┴───────────┘ └────────────┴─────────────┴─────────────┘ which a part │
//! ```
//! The *writer* says which value it begins, makes a fence, writes the buffer of that value, and then says that this is the newest
//! one (Release). A *reader* loads the number of the newest (Acquire), copies its buffer, makes a fence, and loads the number that
//! was begun last. The copy is whole if the writer has not begun the value that goes to the same buffer, four numbers later.
//! Otherwise the reader looks again; it gives up after 64 times, so a fast writer keeps no reader for ever. Two numbers are
//! needed: with only one, a reader could not tell that the writer is at work in its buffer.
//!
//! A value of up to 8 bytes lies in the writer's line, and in no buffer: a reader that waits for it takes one line from the writer,
//! not two. All that is said of a buffer holds for its word there.
//!
//! - The writer waits for nobody. A reader stores nothing.
//! - A writer that dies at any time leaves the newest whole value. Its successor begins the same number again.
//! - Garbage in the numbers or in a length leads to a wrong value or to no value, and nothing else: a length is cut to the buffer.
//!
//! The algorithm is a sequence lock with several buffers; with one, readers starve.

mod reader;
mod writer;

pub use reader::{Look, ValueReader};
pub use writer::ValueWriter;

use crate::abi::{BUFFERS, SHORT_VALUE};
use crate::memory::Value;
use crate::sync::AtomicU64;
use core::slice::from_ref;

/// The words in which this value of `len` bytes lies. Of a length that is a constant it is known where.
#[inline(always)]
fn words(value: &Value, number: u64, len: usize) -> &[AtomicU64] {
    if len <= SHORT_VALUE { from_ref(&value.line.short[place(number)]) } else { buffer(value, number) }
}

/// The words of the buffer of this value.
#[inline(always)]
fn buffer(value: &Value, number: u64) -> &[AtomicU64] {
    let words = value.buffers.len() / BUFFERS;
    let start = place(number) * words;
    &value.buffers[start..start + words]
}

fn place(number: u64) -> usize {
    (number % BUFFERS as u64) as usize
}
