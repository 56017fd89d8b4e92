//! A table by rank.

use core::cell::OnceCell;

/// Values by rank, each made once and never moved.
pub(crate) struct Peers<T>(Box<[OnceCell<Box<T>>]>);

impl<T> Peers<T> {
    /// No values, for ranks below `ranks`.
    pub fn new(ranks: u32) -> Self {
        Self((0..ranks).map(|_| OnceCell::new()).collect())
    }

    /// Whether `rank` can be in the table.
    #[inline(always)]
    pub fn reaches(&self, rank: u32) -> bool {
        (rank as usize) < self.0.len()
    }

    /// The value of `rank`, if there is one.
    #[inline(always)]
    pub fn get(&self, rank: u32) -> Option<&T> {
        self.0.get(rank as usize)?.get().map(|value| &**value)
    }

    /// The value of `rank`, if there is one, to be replaced.
    pub fn get_mut(&mut self, rank: u32) -> Option<&mut T> {
        self.0.get_mut(rank as usize)?.get_mut().map(|value| &mut **value)
    }

    /// The value of `rank`, which is below `ranks`; made if there is none.
    pub fn get_or_make(&self, rank: u32, make: impl FnOnce() -> T) -> &T {
        self.0[rank as usize].get_or_init(|| Box::new(make()))
    }
}
