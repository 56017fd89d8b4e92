//! A table by rank that takes memory only for the ranks that are in it, and those near them.

use crate::layout::MAX_RANKS;
use core::cell::OnceCell;

const BLOCK: usize = 64;

/// Values by rank, each made once and never moved.
pub(crate) struct Peers<T> {
    ranks: u32,
    blocks: [OnceCell<Box<[Slot<T>; BLOCK]>>; MAX_RANKS as usize / BLOCK],
}

type Slot<T> = OnceCell<Box<T>>;

impl<T> Peers<T> {
    /// No values, for ranks below `ranks`.
    pub fn new(ranks: u32) -> Self {
        Self { ranks, blocks: [const { OnceCell::new() }; _] }
    }

    /// Whether `rank` can be in the table.
    #[inline(always)]
    pub fn reaches(&self, rank: u32) -> bool {
        rank < self.ranks
    }

    /// The value of `rank`, if there is one.
    #[inline(always)]
    pub fn get(&self, rank: u32) -> Option<&T> {
        let block = self.blocks.get(rank as usize / BLOCK)?.get()?;
        Some(block[rank as usize % BLOCK].get()?)
    }

    /// The value of `rank`, if there is one, to be replaced.
    pub fn get_mut(&mut self, rank: u32) -> Option<&mut T> {
        let block = self.blocks.get_mut(rank as usize / BLOCK)?.get_mut()?;
        Some(block[rank as usize % BLOCK].get_mut()?)
    }

    /// The value of `rank`, which is below `ranks`; made if there is none.
    pub fn get_or_make(&self, rank: u32, make: impl FnOnce() -> T) -> &T {
        let block =
            self.blocks[rank as usize / BLOCK].get_or_init(|| Box::new([const { OnceCell::new() }; _]));
        block[rank as usize % BLOCK].get_or_init(|| Box::new(make()))
    }
}
