//! Small messages of a batch, gathered before they go into the ring.
//!
//! A store to a line that the consumer has read waits for that line, and stores leave a processor in order. It
//! fetches the lines of the next stores ahead, but only of a few, those of its caller's and of its own words among
//! them. Gathered, one cell's stores follow the other's, and more cells are under way at a time.

use crate::abi::Cell;
use crate::sync::AtomicU64;
use core::cell::{Cell as Private, OnceCell};

/// Cells that are gathered at most.
const SIZE: usize = 16;

/// Up to 16 cells, in private memory.
pub struct Stage {
    /// Taken with the first batch.
    cells: OnceCell<Box<[Cell; SIZE]>>,
    count: Private<usize>,
}

impl Stage {
    /// An empty one; takes no memory yet.
    pub fn new() -> Self {
        Self { cells: OnceCell::new(), count: 0.into() }
    }

    /// The next cell, to be written.
    #[inline(always)]
    pub fn next(&self) -> &Cell {
        let word = || AtomicU64::new(0);
        let cell = |_| Cell { stamp: word(), envelope: word(), payload: core::array::from_fn(|_| word()) };
        let cells = self.cells.get_or_init(|| Box::new(core::array::from_fn(cell)));
        &cells[self.count.get() % SIZE]
    }

    /// It is written; whether there is no next one.
    #[inline(always)]
    pub fn add(&self) -> bool {
        self.count.set(self.count.get() + 1);
        self.count.get() == SIZE
    }

    /// All that were written, and there are none any more.
    pub fn take(&self) -> &[Cell] {
        let count = self.count.take();
        self.cells.get().map_or(&[], |cells| &cells[..count])
    }
}
