//! What a cell says about a loan.

use crate::abi::{CHUNK, Cell};
use crate::memory::Lane;
use crate::sync::Ordering::Relaxed;
use core::ops::Range;

/// A payload in its sender's area for loans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loan {
    /// Its offset in the area: a multiple of [`CHUNK`].
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl Loan {
    /// The loan that a cell of this lane refers to. Reads each word once. `None` if no loan can lie there (I1).
    pub(super) fn of(cell: &Cell, lane: &Lane) -> Option<Self> {
        let offset = cell.payload[0].load(Relaxed);
        let len = cell.payload[1].load(Relaxed);
        let area = size_of_val(&*lane.loans) as u64;
        let is_one = offset.is_multiple_of(CHUNK) && offset < area && len <= area - offset;
        is_one.then_some(Self { offset, len })
    }

    /// The words of the area that it takes.
    pub fn words(&self) -> Range<usize> {
        let first = (self.offset / 8) as usize;
        first..first + self.len.div_ceil(8) as usize
    }

    /// The chunks of the area that it takes, at least one.
    pub fn chunks(&self) -> Range<u32> {
        let first = (self.offset / CHUNK) as u32;
        first..first + self.len.div_ceil(CHUNK).max(1) as u32
    }
}
