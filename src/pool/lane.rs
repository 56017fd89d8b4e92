//! A lane's part of a pool.

use super::usage::Usage;
use crate::abi::{Area, CORNER_PAGES, PoolLayout, is_below};
use std::collections::VecDeque;

/// The longest payload that lies in a corner.
const SHORT: u64 = 1 << 10;
/// A round of the corner is quick if the whole pool has placed fewer bytes meanwhile. Then the receiver has only just
/// read what the lane overwrites.
const QUICK: u64 = 128 << 10;
/// After this many quick rounds in a row, the lane leaves its corner and takes a chunk.
const QUICK_ROUNDS: u32 = 16;

/// A lane's part of a pool: the extents that it refers to, and those in which it places payloads.
pub struct Lane {
    /// Its number in the pool: 0 in an arena.
    number: u32,
    /// The extents of the live payloads, each once. The extent with the oldest last payload comes first.
    held: VecDeque<Held>,
    /// How many of them count as a page, a chunk, or a run.
    counts: [u32; 3],
    /// The extents in which payloads are placed: a page, a chunk, a run.
    pub fills: [Option<Fill>; 3],
    /// Bytes that were ever placed.
    pub placed: u64,
    /// Bytes that the whole pool had placed when the lane began its present round of the corner.
    round_began: u64,
    quick_rounds: u32,
    /// Whether a successor could not make sense of it.
    pub is_quarantined: bool,
}

/// An extent that a lane refers to.
struct Held {
    extent: u32,
    /// The number of the last payload there.
    last: u64,
}

/// An extent in which payloads are placed.
#[derive(Clone, Copy)]
pub struct Fill {
    pub extent: u32,
    /// Bytes in use. No live payload lies after them.
    pub used: u64,
}

impl Lane {
    pub fn new(number: u32) -> Self {
        Self {
            number,
            held: VecDeque::new(),
            counts: [0; 3],
            fills: [None; 3],
            placed: 0,
            round_began: 0,
            quick_rounds: 0,
            is_quarantined: false,
        }
    }

    /// The kind of extent for a payload that takes `bytes` bytes.
    #[inline(always)]
    pub fn area_of(&self, layout: &PoolLayout, bytes: u64) -> Area {
        if bytes > layout.extents(Area::Chunk).size {
            Area::Run
        } else if bytes <= SHORT && layout.share(Area::Page) > 0 && self.fills[Area::Chunk as usize].is_none()
        {
            Area::Page
        } else {
            Area::Chunk
        }
    }

    /// As which kind an extent counts against the share. A page of another lane's corner counts as a chunk, so that
    /// the share bounds the list of held extents.
    #[inline(always)]
    fn kind(&self, usage: &Usage, extent: u32) -> Area {
        match usage.layout().area(extent) {
            Area::Page if extent / CORNER_PAGES != self.number => Area::Chunk,
            area => area,
        }
    }

    /// Whether it may refer to another extent of this kind.
    #[inline(always)]
    pub fn may_take(&self, usage: &Usage, area: Area) -> bool {
        self.counts[area as usize] < usage.layout().share(area)
    }

    /// Whether it may refer to a quarter of its share more. Always true for pages of a corner, which come back soon.
    pub fn has_slack(&self, usage: &Usage, area: Area) -> bool {
        let share = usage.layout().share(area);
        area == Area::Page || self.counts[area as usize] <= share - share.div_ceil(4)
    }

    /// Whether it may refer to this extent.
    #[inline(always)]
    pub fn may_refer(&self, usage: &Usage, extent: u32) -> bool {
        self.may_take(usage, self.kind(usage, extent)) || self.position(extent).is_some()
    }

    /// The position of an extent in the list; most often at its end.
    #[inline(always)]
    fn position(&self, extent: u32) -> Option<usize> {
        self.held.iter().rposition(|held| held.extent == extent)
    }

    /// Payload `seq`, the newest, lies in this extent.
    #[inline(always)]
    pub fn refer(&mut self, usage: &mut Usage, extent: u32, seq: u64) {
        if let Some(newest) = self.held.back_mut()
            && newest.extent == extent
        {
            newest.last = seq;
            return;
        }
        match self.position(extent) {
            Some(at) => drop(self.held.remove(at)),
            None => {
                usage.hold(extent);
                self.counts[self.kind(usage, extent) as usize] += 1;
            }
        }
        self.held.push_back(Held { extent, last: seq });
    }

    /// Places payload `seq`, the newest, behind the last one, if there is room in the extent that has that, and
    /// `has_pages` knows it to have memory. Its offset in the pool.
    #[inline(always)]
    pub fn append(
        &mut self,
        layout: &PoolLayout,
        seq: u64,
        bytes: u64,
        has_pages: impl Fn(u32) -> bool,
    ) -> Option<u64> {
        let area = self.area_of(layout, bytes);
        let fill = self.fills[area as usize].as_mut()?;
        let newest = self.held.back_mut()?;
        let extents = layout.extents(area);
        if newest.extent != fill.extent || bytes > extents.size - fill.used || !has_pages(fill.extent) {
            return None;
        }
        let offset = extents.offset(fill.extent) + fill.used;
        fill.used += bytes;
        newest.last = seq;
        self.placed += bytes;
        Some(offset)
    }

    /// The payloads below `head` are done with.
    pub fn free_below(&mut self, usage: &mut Usage, head: u64) {
        while let Some(oldest) = self.held.front()
            && is_below(oldest.last, head)
        {
            self.drop_oldest(usage);
        }
    }

    /// All payloads are done with.
    pub fn free_all(&mut self, usage: &mut Usage) {
        while !self.held.is_empty() {
            self.drop_oldest(usage);
        }
    }

    fn drop_oldest(&mut self, usage: &mut Usage) {
        if let Some(oldest) = self.held.pop_front() {
            self.counts[self.kind(usage, oldest.extent) as usize] -= 1;
            usage.release(oldest.extent);
        }
    }

    /// From now on places payloads in this extent, which was taken for it.
    pub fn fill(&mut self, usage: &mut Usage, extent: u32) {
        let area = usage.layout().area(extent);
        self.stop(usage, area);
        self.fills[area as usize] = Some(Fill { extent, used: 0 });
        if area == Area::Chunk {
            self.stop(usage, Area::Page);
        }
    }

    /// Places no more payloads in the extent of this kind.
    pub fn stop(&mut self, usage: &mut Usage, area: Area) {
        if let Some(fill) = self.fills[area as usize].take() {
            usage.release(fill.extent);
        }
    }

    /// The next page of its corner, if it is free and the corner is large enough for the traffic through it. `placed`
    /// is what the whole pool has placed so far.
    pub fn next_page(&mut self, usage: &mut Usage, placed: u64) -> Option<u32> {
        let first = self.number * CORNER_PAGES;
        let page = match self.fills[Area::Page as usize] {
            Some(Fill { extent, .. }) if extent + 1 < first + CORNER_PAGES => extent + 1,
            _ => first,
        };
        if !usage.is_free(page) {
            return None;
        }
        if page == first {
            let is_quick = placed.wrapping_sub(self.round_began) < QUICK;
            self.quick_rounds = if is_quick { self.quick_rounds + 1 } else { 0 };
            self.round_began = placed;
        }
        (self.quick_rounds <= QUICK_ROUNDS).then(|| {
            usage.hold(page);
            page
        })
    }
}
