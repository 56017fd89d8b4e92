//! A table by rank.

use core::cell::OnceCell;

/// Values by rank. Each is made once and never moved. The table takes memory when the first one is made.
pub struct ByRank<T> {
    ranks: u32,
    slots: OnceCell<Box<[OnceCell<Box<T>>]>>,
}

impl<T> ByRank<T> {
    /// No values, for ranks below `ranks`.
    pub fn new(ranks: u32) -> Self {
        Self { ranks, slots: OnceCell::new() }
    }

    /// How many ranks there are.
    pub fn ranks(&self) -> u32 {
        self.ranks
    }

    /// Whether `rank` can be in the table.
    #[inline(always)]
    pub fn reaches(&self, rank: u32) -> bool {
        rank < self.ranks
    }

    /// The value of `rank`, if there is one.
    #[inline(always)]
    pub fn get(&self, rank: u32) -> Option<&T> {
        self.slots.get()?.get(rank as usize)?.get().map(|value| &**value)
    }

    /// The value of `rank`, if there is one, to be replaced.
    pub fn get_mut(&mut self, rank: u32) -> Option<&mut T> {
        self.slots.get_mut()?.get_mut(rank as usize)?.get_mut().map(|value| &mut **value)
    }

    /// The value of `rank`, which is below `ranks`. It is made if there is none.
    pub fn get_or_make(&self, rank: u32, make: impl FnOnce() -> T) -> &T {
        let slots = self.slots.get_or_init(|| (0..self.ranks).map(|_| OnceCell::new()).collect());
        slots[rank as usize].get_or_init(|| Box::new(make()))
    }
}
