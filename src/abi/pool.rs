//! What lies where in an arena. Pure functions.
//!
//! An arena is a *pool*: memory for payloads that one rank alone writes, and that the cells of the pool's lanes refer to.
//! In a region each pool has one lane. So a mailbox has two arenas, one for its mail lane and one for its return lane. (Tests
//! also let several lanes share a pool. Loans lie in no pool, but in one area for each sender: see `pool::blocks`.)
//!
//! ```text
//!  base
//! ┌──────────────────────┬────────────────────────────────┬────────────────────────────────────────┐
//! │ corner: 16 KiB,      │ chunks of up to 256 KiB:       │ runs of chunks, as long as the longest │
//! │ in 4 pages           │ those of a share, and 1 more   │ payload: those of a share, and 1 more  │
//! └──────────────────────┴────────────────────────────────┴────────────────────────────────────────┘
//!  for short payloads     up to a chunk                    for longer ones, if there are any
//! ```
//! With `n` lanes there is `n` times as much of each. The share is what one lane may refer to: `Config::arena`.
//! A pool may consist of stretches, each with an allocator of its own; an arena is a single one, whose base is 0.
//!
//! A chunk is an eighth of a share, and at most 256 KiB. If a chunk would be smaller than a corner, there are no
//! corners.
//!
//! A page of a corner, a chunk, and a run of chunks are called *extents*. Each is taken and freed as a whole. No
//! payload crosses the border of an extent.

use super::layout::{ARENA_ALIGN, PAGE};
use core::ops::Range;

/// The most bytes of a chunk, which is what a lane takes of a pool at once.
pub const CHUNK: u64 = 256 << 10;
/// A share consists of about this many chunks or more, so that its room comes back in parts.
const PARTS: u64 = 8;
/// Bytes of the corner in which a lane begins.
pub const CORNER: u64 = 16 << 10;
/// Pages of a corner.
pub const CORNER_PAGES: u32 = (CORNER / PAGE) as u32;

/// The kind of an extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// A page of a lane's corner.
    Page = 0,
    /// A chunk.
    Chunk = 1,
    /// A run of chunks.
    Run = 2,
}

/// The extents of one kind. They are adjacent and have consecutive numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extents {
    /// The number of the first.
    pub first: u32,
    /// How many there are.
    pub count: u32,
    /// Where the first begins, in bytes from the beginning of the pool.
    pub start: u64,
    /// Bytes of each.
    pub size: u64,
}

impl Extents {
    /// The number after that of the last one.
    pub const fn end(&self) -> u32 {
        self.first + self.count
    }

    const fn bytes(&self) -> u64 {
        self.count as u64 * self.size
    }

    /// Where one of them begins, in bytes from the beginning of the pool.
    #[inline(always)]
    pub const fn offset(&self, extent: u32) -> u64 {
        self.start + (extent - self.first) as u64 * self.size
    }
}

/// What lies where in a stretch of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLayout {
    base: u64,
    lanes: u32,
    areas: [Extents; 3],
    shares: [u32; 3],
}

impl PoolLayout {
    /// The stretch that begins `base` bytes (a multiple of [`CHUNK`]) after the beginning of the pool. It has `lanes`
    /// lanes. Each may refer to `share` bytes of each kind, rounded up to chunks. The longest payload has `longest`
    /// bytes, at most `share`. `lanes` x `share` is at most 2^46.
    pub const fn new(base: u64, lanes: u32, share: u64, longest: u64) -> Self {
        let part = share.div_ceil(PARTS);
        let chunk = if part > CHUNK {
            CHUNK
        } else if part == 0 {
            ARENA_ALIGN
        } else if part >= PAGE {
            part.next_multiple_of(PAGE)
        } else {
            part.next_multiple_of(ARENA_ALIGN)
        };
        let (share, run) = (share.div_ceil(chunk), longest.div_ceil(chunk));
        let runs = if run <= 1 { 0 } else { share / run };
        let shares = [if chunk < CORNER { 0 } else { CORNER_PAGES }, share as u32, runs as u32];
        let pages = Extents { first: 0, count: lanes * shares[0], start: base, size: PAGE };
        let chunks = Extents {
            first: pages.end(),
            count: lanes * (shares[1] + 1),
            start: base + pages.bytes().next_multiple_of(CHUNK),
            size: chunk,
        };
        let runs = Extents {
            first: chunks.end(),
            count: if runs == 0 { 0 } else { lanes * (shares[2] + 1) },
            start: chunks.start + chunks.bytes(),
            size: run * chunk,
        };
        Self { base, lanes, areas: [pages, chunks, runs], shares }
    }

    /// Bytes of the stretch.
    pub const fn len(&self) -> u64 {
        let runs = self.areas[Area::Run as usize];
        runs.start + runs.bytes() - self.base
    }

    /// Bytes of each kind that a lane may refer to.
    #[inline(always)]
    pub const fn bytes_of_share(&self) -> u64 {
        self.shares[Area::Chunk as usize] as u64 * self.extents(Area::Chunk).size
    }

    /// The bytes of an extent, from the beginning of the pool on.
    pub const fn range(&self, extent: u32) -> Range<u64> {
        let start = self.offset(extent);
        start..start + self.extents(self.area(extent)).size
    }

    /// Whether it has no bytes, because it has no lanes.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many lanes refer to it.
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    /// How many extents there are.
    pub const fn count(&self) -> u32 {
        self.extents(Area::Run).end()
    }

    /// The extents of this kind.
    #[inline(always)]
    pub const fn extents(&self, area: Area) -> &Extents {
        &self.areas[area as usize]
    }

    /// How many extents of this kind a lane may refer to.
    #[inline(always)]
    pub const fn share(&self, area: Area) -> u32 {
        self.shares[area as usize]
    }

    /// The kind of an extent.
    #[inline(always)]
    pub const fn area(&self, extent: u32) -> Area {
        if extent < self.extents(Area::Page).end() {
            Area::Page
        } else if extent < self.extents(Area::Chunk).end() {
            Area::Chunk
        } else {
            Area::Run
        }
    }

    /// Where an extent begins, in bytes from the beginning of the pool.
    #[inline(always)]
    pub const fn offset(&self, extent: u32) -> u64 {
        self.extents(self.area(extent)).offset(extent)
    }

    /// The extent that contains the `len` bytes at `offset`; `None` if no payload can lie there.
    pub const fn find(&self, offset: u64, len: u64) -> Option<u32> {
        if !offset.is_multiple_of(ARENA_ALIGN) {
            return None;
        }
        let mut area = 0;
        while area < self.areas.len() {
            let extents = &self.areas[area];
            if offset >= extents.start && offset - extents.start < extents.bytes() {
                let (index, at) =
                    ((offset - extents.start) / extents.size, (offset - extents.start) % extents.size);
                return if len <= extents.size - at { Some(extents.first + index as u32) } else { None };
            }
            area += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn each_payload_has_an_extent_and_each_extent_a_place() {
        for (lanes, share, longest) in [
            (2, 2 * MIB, MIB),
            (16, CHUNK, CHUNK / 2),
            (3, 50 * CHUNK, 3 * CHUNK - 1),
            (2, 1000, 500),
            (1, 0, 0),
        ] {
            let layout = PoolLayout::new(7 * CHUNK, lanes, share, longest);
            let mut end = 7 * CHUNK;
            for extent in 0..layout.count() {
                let (offset, size) = (layout.offset(extent), layout.extents(layout.area(extent)).size);
                assert!(offset >= end && offset - end < CHUNK);
                end = offset + size;
                assert_eq!(layout.find(offset, size), Some(extent));
                assert_eq!(layout.find(end - 64, 64), Some(extent));
                for (offset, len) in
                    [(offset, size + 1), (end - 64, 65), (offset + 8, 1), (end - 64, u64::MAX)]
                {
                    assert_eq!(layout.find(offset, len), None);
                }
            }
            assert_eq!(layout.len(), end - 7 * CHUNK);
            for outside in [0, 7 * CHUNK - 64, end, end + 64, u64::MAX - 63] {
                assert_eq!(layout.find(outside, 0), None);
            }
        }
    }

    #[test]
    fn a_pool_has_the_address_space_that_the_design_says() {
        let few = PoolLayout::new(0, 64, 2 * MIB, MIB);
        assert_eq!(few.len(), 64 * (CORNER + 2 * MIB + CHUNK + 2 * MIB + MIB));
        let many = PoolLayout::new(0, 1024, CHUNK, CHUNK / 2);
        assert_eq!(many.len(), 1024 * (CORNER + CHUNK + CHUNK / 8 + CHUNK + CHUNK / 2));
        let one = PoolLayout::new(0, 1024, CHUNK, CHUNK / 8);
        assert_eq!((one.len(), one.share(Area::Run)), (1024 * (CORNER + CHUNK + CHUNK / 8), 0));
        assert!(PoolLayout::new(0, 0, MIB, MIB).is_empty());
    }
}
