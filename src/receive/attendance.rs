//! Who is there, as far as it was told. Nothing here is shared.

use core::cell::{Cell as Private, OnceCell};

/// The ranks whose joining was told, and whose end was not. Takes memory with the first of them.
///
/// With what is kept of their ends this is all that is remembered: a word a rank, however many lives come and go.
pub struct Attendance {
    ranks: u32,
    /// By rank: the epoch of the life that is there; 0: none is.
    epochs: OnceCell<Box<[Private<u64>]>>,
    count: Private<u32>,
    /// Whether somebody was there since it was last told that nobody is left.
    had_company: Private<bool>,
    /// How many times it was told that nobody is left.
    alone: Private<u64>,
    /// What was said to have changed when no joining was left to be told.
    looked_for: Private<Option<u64>>,
    /// The rank whose joining was told last: the next look begins behind it, so that nobody hides the others.
    pub last: Private<u32>,
}

impl Attendance {
    /// Nobody is there.
    pub fn new(ranks: u32, own: u32) -> Self {
        Self {
            ranks,
            epochs: OnceCell::new(),
            count: 0.into(),
            had_company: false.into(),
            alone: 0.into(),
            looked_for: None.into(),
            last: own.into(),
        }
    }

    /// The epoch of `rank`, if it is there; otherwise 0.
    #[inline(always)]
    pub fn epoch(&self, rank: u32) -> u64 {
        self.epochs.get().map_or(0, |epochs| epochs[rank as usize].get())
    }

    /// `rank`, which was not there, is, with this epoch, which is not 0.
    pub fn arrive(&self, rank: u32, epoch: u64) {
        let epochs = self.epochs.get_or_init(|| (0..self.ranks).map(|_| 0.into()).collect());
        epochs[rank as usize].set(epoch);
        self.last.set(rank);
        self.count.update(|count| count + 1);
        self.had_company.set(true);
    }

    /// A life of `rank` has ended, whether or not its joining was told.
    pub fn depart(&self, rank: u32) {
        if self.epoch(rank) != 0 {
            self.count.update(|count| count - 1);
        }
        if let Some(epochs) = self.epochs.get() {
            epochs[rank as usize].set(0);
        }
        self.had_company.set(true);
    }

    /// Whether all that were there have ended, and that was not told.
    #[inline(always)]
    pub fn is_deserted(&self) -> bool {
        self.had_company.get() && self.count.get() == 0
    }

    /// It is told that all have ended.
    pub fn be_alone(&self) {
        self.had_company.set(false);
        self.alone.update(|count| count + 1);
    }

    /// How many times that was told.
    #[inline(always)]
    pub fn times_alone(&self) -> u64 {
        self.alone.get()
    }

    /// Whether no joining was left to be told when this was said to have changed.
    #[inline(always)]
    pub fn has_looked_for(&self, changes: u64) -> bool {
        self.looked_for.get() == Some(changes)
    }

    /// No joining is left to be told, or it is to be looked for in any case.
    pub fn set_looked_for(&self, changes: Option<u64>) {
        self.looked_for.set(changes);
    }
}
