//! Which extents of a pool are free.

use crate::abi::{Area, PoolLayout};
use std::collections::VecDeque;

/// The count of an extent that was never used.
const COLD: u16 = u16::MAX;
/// Bytes of chunks that a busy pool uses in turn even if it needs fewer: a store to bytes that a reader has just read
/// waits for the reader's cache.
const ROVE: u64 = 2 << 20;
/// How many times a chunk is taken before another one comes into use.
const TURNS: u32 = 16;

/// Which extents are free, and how many lanes need each of the others.
pub struct Usage {
    layout: PoolLayout,
    /// How many lanes refer to an extent, plus one while a lane places payloads in it.
    counts: Box<[u16]>,
    chunks: Stock,
    runs: Stock,
}

impl Usage {
    pub fn new(layout: PoolLayout) -> Self {
        let pages = layout.extents(Area::Page).count;
        // Nobody searches for pages of a corner.
        let counts = (0..layout.count()).map(|extent| if extent < pages { 0 } else { COLD });
        Self {
            counts: counts.collect(),
            chunks: Stock::new(&layout, Area::Chunk, (ROVE / layout.extents(Area::Chunk).size) as u32),
            runs: Stock::new(&layout, Area::Run, 0),
            layout,
        }
    }

    pub fn layout(&self) -> &PoolLayout {
        &self.layout
    }

    /// Whether no lane needs it.
    pub fn is_free(&self, extent: u32) -> bool {
        matches!(self.counts[extent as usize], 0 | COLD)
    }

    /// A chunk or a run that was free and is now needed once; `None` if none is free.
    pub fn take(&mut self, area: Area) -> Option<u32> {
        let stock = match area {
            Area::Page => return None,
            Area::Chunk => &mut self.chunks,
            Area::Run => &mut self.runs,
        };
        let extent = stock.take(&self.counts)?;
        self.hold(extent);
        Some(extent)
    }

    /// One more lane needs this extent.
    pub fn hold(&mut self, extent: u32) {
        let count = &mut self.counts[extent as usize];
        *count = if *count == COLD { 1 } else { *count + 1 };
    }

    /// One lane fewer needs this extent.
    pub fn release(&mut self, extent: u32) {
        let count = &mut self.counts[extent as usize];
        *count -= 1;
        if *count == 0 {
            match self.layout.area(extent) {
                Area::Page => {}
                Area::Chunk => self.chunks.free.push_back(extent),
                Area::Run => self.runs.free.push_back(extent),
            }
        }
    }
}

/// Extents of a kind that are free.
struct Stock {
    /// Those that were used before, in the order in which they were freed.
    free: VecDeque<u32>,
    /// No extent below it is cold.
    cold: u32,
    /// The number after that of the last.
    end: u32,
    /// The least number that is brought into use in time.
    rove: u32,
    /// How many times one was taken.
    turns: u32,
}

impl Stock {
    fn new(layout: &PoolLayout, area: Area, rove: u32) -> Self {
        let extents = layout.extents(area);
        Self { free: VecDeque::new(), cold: extents.first, end: extents.end(), rove, turns: 0 }
    }

    fn take(&mut self, counts: &[u16]) -> Option<u32> {
        self.turns = self.turns.wrapping_add(1);
        let is_due = self.turns.is_multiple_of(TURNS) && (self.free.len() as u32) < self.rove;
        let used = if is_due { None } else { self.free.pop_front() };
        used.or_else(|| self.take_cold(counts)).or_else(|| self.free.pop_front())
    }

    /// The first that was never used.
    fn take_cold(&mut self, counts: &[u16]) -> Option<u32> {
        // Amortised: `cold` only grows.
        while self.cold < self.end {
            self.cold += 1;
            // Extents that a recovery found in use are not cold.
            if counts[self.cold as usize - 1] == COLD {
                return Some(self.cold - 1);
            }
        }
        None
    }
}
