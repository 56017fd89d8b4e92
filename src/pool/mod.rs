//! An arena: where the writer of a lane places payloads, and when it may reuse the place.
//!
//! All of this is private to the owner, the rank that writes; only the owner writes to its *pool*. The allocator deals in
//! offsets. The cells of the pool's *lanes* refer to the payloads. A payload is live until the head of its lane has passed
//! its cell. So the allocator needs nothing shared except the heads that it is told of, and one thread has it: the sending
//! half has the allocators for messages, and the receiving half those for answers.
//!
//! In a region each lane has a pool of its own, its arena. Several lanes can share a pool, too, but only tests let them. What
//! several receivers read at one place lies in its owner's area for loans, whose allocator is [`Blocks`].
//!
//! # Extents
//!
//! A payload lies in one extent (see [`PoolLayout`]): a page of its lane's corner, a chunk, or a run of chunks. A
//! lane places one payload after the other in an extent, then takes another extent. An extent has one count: how many
//! lanes refer to it, plus one for a lane that places payloads in it. It is free, as a whole, when the count is zero.
//! So payloads may be acknowledged in any order, and several lanes may refer to the same one, at no cost for each
//! payload: a lane remembers for each extent only the number of its last payload there.
//!
//! A lane begins in a corner of 16 KiB, because many lanes carry only short payloads. It uses the four
//! pages in turn, as long as the next one is free when it is needed. If it comes round quickly again and again, it
//! leaves the corner for chunks, and does not return.
//!
//! Chunks are reused in the order in which they were freed. One that was never used is taken only if all others are
//! in use, and now and then until some are free. So the pool takes as much memory as is in use at once, not as much
//! as its address space.
//!
//! # Progress to one receiver depends on that receiver alone
//!
//! Other receivers have other arenas. *And a lane that may refer to another chunk finds one.* A lane may refer to `s` chunks,
//! its share, and place payloads in one more. An arena has `s + 1`. A lane that takes a chunk refers to at most `s - 1`, and
//! places payloads in at most one. So one is free. Any free chunk will do, because chunks and runs are kept apart, and all
//! extents of a kind have the same size: nothing is ever cut up. The same holds for runs. A quarantined lane refers to its
//! share, too, and places nothing.
//!
//! It holds for `n` lanes of one pool, too, no matter what the others hold. There are `n (s + 1)` chunks. The lane that takes
//! one refers to at most `s - 1`, the others to at most `s` each, and all of them place payloads in at most `n`: so at most
//! `n s - 1 + n` are in use. A payload in another lane's corner or chunk counts for each lane that refers to it, and for no
//! other. The pages of a corner belong to its lane; if another lane refers to one for a long time, the owner of the corner
//! takes a chunk instead.
//!
//! So there is no room only while the lane refers to its whole share. That ends when its receiver acknowledges: a
//! lane without live payloads has room for the longest one.
//!
//! # Reuse
//!
//! An owner that takes a count to zero has read, with Acquire, the head of every lane that referred to the extent. So
//! all loads of the readers come before the stores of the payload that is placed there next.

mod blocks;
mod lane;
mod recovery;
mod usage;

pub use blocks::{Blocks, Which};
pub use recovery::{Recovery, Reference};

use crate::abi::{ARENA_ALIGN, Area, PoolLayout};
use lane::Lane;
use usage::Usage;

/// The owner's allocator of a stretch of its pool.
pub struct Pool {
    usage: Usage,
    /// The lanes that were ever used.
    lanes: Box<[Option<Box<Lane>>]>,
    /// Bytes that all lanes ever placed.
    placed: u64,
}

/// Room for a payload. It belongs to the lane until the next payload is placed for that lane, or, once committed,
/// until the cell that refers to it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Its offset in the pool: a multiple of 64.
    pub offset: u64,
    /// The extent that it lies in.
    pub extent: u32,
    /// The lane that places payloads in the extent.
    lane: u32,
    /// Its beginning in the extent, and its end.
    from: u64,
    to: u64,
}

impl Spot {
    /// Bytes that it takes.
    #[inline(always)]
    pub fn size(&self) -> u64 {
        self.to - self.from
    }
}

impl Pool {
    /// The allocator of a stretch that was never used.
    pub fn new(layout: PoolLayout) -> Self {
        let lanes = (0..layout.lanes()).map(|_| None).collect();
        Self { usage: Usage::new(layout), lanes, placed: 0 }
    }

    /// What lies where.
    pub fn layout(&self) -> &PoolLayout {
        self.usage.layout()
    }

    /// Room for `len` bytes for this lane, if there is some in an extent that the lane already has. If not, read the
    /// lane's head next.
    #[inline(always)]
    pub fn place(&self, lane: u32, len: u64) -> Option<Spot> {
        let has = self.lanes[lane as usize].as_ref()?;
        let bytes = need(len);
        let area = has.area_of(self.layout(), bytes);
        let fill = has.fills[area as usize]?;
        let left = self.layout().extents(area).size - fill.used;
        let fits = bytes <= left && has.may_refer(&self.usage, fill.extent);
        fits.then(|| Spot {
            offset: self.layout().offset(fill.extent) + fill.used,
            extent: fill.extent,
            lane,
            from: fill.used,
            to: fill.used + bytes,
        })
    }

    /// Like [`Pool::place`], but takes another extent for the lane if needed. Call [`Pool::free_below`] first. `None`
    /// if the lane has used up its share, which only its receiver can change.
    pub fn place_or_grow(&mut self, lane: u32, len: u64) -> Option<Spot> {
        self.place(lane, len).or_else(|| {
            self.enlarge(lane, need(len))?;
            self.place(lane, len)
        })
    }

    #[cold]
    fn enlarge(&mut self, lane: u32, bytes: u64) -> Option<()> {
        let Self { usage, lanes, placed } = self;
        let lane = lanes[lane as usize].get_or_insert_with(|| Box::new(Lane::new(lane)));
        if lane.is_quarantined {
            return None;
        }
        let area = lane.area_of(usage.layout(), bytes);
        let page = if area == Area::Page { lane.next_page(usage, *placed) } else { None };
        let extent = match page {
            Some(page) => page,
            None => {
                let area = if area == Area::Page { Area::Chunk } else { area };
                let fits = bytes <= usage.layout().extents(area).size;
                (fits && lane.may_take(usage, area)).then(|| usage.take(area))??
            }
        };
        lane.fill(usage, extent);
        Some(())
    }

    /// Whether this lane may refer to `spot`, which was placed for another lane, within its share.
    pub fn may_refer(&self, lane: u32, spot: &Spot) -> bool {
        match &self.lanes[lane as usize] {
            Some(lane) => !lane.is_quarantined && lane.may_refer(&self.usage, spot.extent),
            None => true,
        }
    }

    /// Whether this lane may refer to a quarter of its share more, in extents for `len` bytes.
    pub fn has_slack(&self, lane: u32, len: u64) -> bool {
        let Some(lane) = &self.lanes[lane as usize] else { return true };
        lane.has_slack(&self.usage, lane.area_of(self.layout(), need(len)))
    }

    /// Places nothing more in the extent of this spot, because there is no memory for it; another extent may have
    /// some.
    pub fn forsake(&mut self, spot: &Spot) {
        if let Some(lane) = &mut self.lanes[spot.lane as usize] {
            let area = self.usage.layout().area(spot.extent);
            lane.stop(&mut self.usage, area);
        }
    }

    /// From now on, cell `seq` of this lane, its newest, refers to `spot`. The lane is the one that the spot was
    /// placed for, or one that may refer to it. A spot that no cell refers to has no effect.
    #[inline(always)]
    pub fn commit(&mut self, lane: u32, seq: u64, spot: &Spot) {
        let Self { usage, lanes, placed } = self;
        let area = usage.layout().area(spot.extent) as usize;
        if let Some(Lane { fills, .. }) = lanes[spot.lane as usize].as_deref_mut()
            && let Some(fill) = &mut fills[area]
        {
            fill.used = spot.to;
        }
        let lane = lanes[lane as usize].get_or_insert_with(|| Box::new(Lane::new(lane)));
        lane.refer(usage, spot.extent, seq);
        lane.placed += spot.to - spot.from;
        *placed += spot.to - spot.from;
    }

    /// Like `place` and `commit` for the common case: the payload of cell `seq`, the newest, goes behind the last one, into an
    /// extent that `has_pages` knows to have memory. Its offset in the pool.
    #[inline(always)]
    pub fn append(&mut self, lane: u32, seq: u64, len: u64, has_pages: impl Fn(u32) -> bool) -> Option<u64> {
        let lane = self.lanes[lane as usize].as_deref_mut()?;
        let offset = lane.append(self.usage.layout(), seq, need(len), has_pages)?;
        self.placed += need(len);
        Some(offset)
    }

    /// Gives back what the cells of this lane below `head` refer to.
    pub fn free_below(&mut self, lane: u32, head: u64) {
        if let Some(lane) = &mut self.lanes[lane as usize]
            && !lane.is_quarantined
        {
            lane.free_below(&mut self.usage, head);
        }
    }

    /// How many bytes were ever placed and committed for this lane. Only differences mean anything.
    #[inline(always)]
    pub fn placed(&self, lane: u32) -> u64 {
        self.lanes[lane as usize].as_ref().map_or(0, |lane| lane.placed)
    }
}

/// Bytes that a payload takes.
#[inline(always)]
fn need(len: u64) -> u64 {
    len.max(1).saturating_add(ARENA_ALIGN - 1) & !(ARENA_ALIGN - 1)
}
