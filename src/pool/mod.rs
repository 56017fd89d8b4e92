//! A rank's payload memory: where its owner places payloads, and when it may place others there.
//!
//! All of this is private to the owner, which alone writes to its pool. What it deals in are offsets; the payloads
//! are referred to by cells of its *lanes*, one a receiver, and each of those is live until the head of its lane has gone
//! by. So an allocator needs nothing shared but the heads that it is told of, and one thread has it: the half that sends
//! has the one of messages, the half that receives the one of answers, in a stretch of its own.
//!
//! # Extents
//!
//! A payload lies in one extent (see [`PoolLayout`]): a page of its lane's corner, a chunk, or a run of chunks. A lane
//! places one payload behind the other in an extent, and then takes another one. An extent has one count: how many lanes
//! refer to it, and one more for a lane that places payloads in it. It is free at zero, and only as a whole. So payloads
//! may be acknowledged in any order, and one may be referred to by several lanes, at no cost a payload: a lane keeps
//! of each extent only the number of its last payload there.
//!
//! A lane begins in a corner of 16 KiB, in which no other lane places anything: many lanes carry short payloads only. It goes
//! round the four pages there as long as the next one is free when it gets there, unless it comes round quickly time and again.
//! Then it takes chunks, and does not return.
//!
//! Chunks go round: the first freed is the first taken, and one that was never used only where all others are in use, or
//! now and then until some are free. Memory is what was in use at once, not the address space.
//!
//! # Progress to one receiver depends on that receiver alone
//!
//! *Whatever other lanes hold, a lane that may refer to one more chunk finds one.* A lane may refer to `s` chunks, its
//! share, and place payloads in one. There are `n (s + 1)` chunks for `n` lanes. A lane that takes a chunk refers to at
//! most `s - 1`, the others to at most `s` each, and all of them place payloads in at most `n`: at most
//! `n s - 1 + n` chunks are in use, so one is free. Any free one will do, for chunks and runs are apart, and
//! all extents of a kind are of one size: nothing is ever cut up. The same holds for runs. A payload in another lane's
//! corner or chunk counts for each lane that refers to it, and for no other; a quarantined lane refers to its share, too, and
//! places nothing. The pages of a corner are its lane's alone; where another lane refers to one
//! for long, it takes a chunk instead.
//!
//! So there is no room exactly where the lane refers to its share, and that ends as its receiver acknowledges: a lane
//! without live payloads has room for the longest.
//!
//! # Reuse
//!
//! Who took a count to zero has read, with Acquire, the head of every lane that referred to the extent. So all readers' loads
//! come before the stores of the payload that is placed there next.

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
    /// Those that were ever used.
    lanes: Box<[Option<Box<Lane>>]>,
    /// Bytes that all lanes ever placed.
    placed: u64,
}

/// Room for a payload. It is the lane's until the next payload is placed for that lane, or for good when it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Where it begins, in bytes from the beginning of the pool: a multiple of 64.
    pub offset: u64,
    /// The extent that it lies in.
    pub extent: u32,
    /// The lane that places payloads in the extent.
    lane: u32,
    /// Where it begins and ends in the extent.
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

    /// Room for `len` bytes to this lane, if what the lane has already has some. Where it has not, a look at its head is due.
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

    /// As [`Pool::place`], but takes more for the lane where that is needed; after [`Pool::free_below`]. `None`: the lane has
    /// used its share, and only its receiver can change that.
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

    /// Whether this lane may refer to `spot`, which was placed for another: its share is not used up.
    pub fn may_refer(&self, lane: u32, spot: &Spot) -> bool {
        match &self.lanes[lane as usize] {
            Some(lane) => !lane.is_quarantined && lane.may_refer(&self.usage, spot.extent),
            None => true,
        }
    }

    /// Whether this lane may refer to a quarter more of its share, of the extents that `len` bytes go in.
    pub fn has_slack(&self, lane: u32, len: u64) -> bool {
        let Some(lane) = &self.lanes[lane as usize] else { return true };
        lane.has_slack(&self.usage, lane.area_of(self.layout(), need(len)))
    }

    /// Places nothing more in the extent of this spot, for which there is no memory: another one may have some.
    pub fn forsake(&mut self, spot: &Spot) {
        if let Some(lane) = &mut self.lanes[spot.lane as usize] {
            let area = self.usage.layout().area(spot.extent);
            lane.stop(&mut self.usage, area);
        }
    }

    /// Cell `seq` of this lane, its newest, refers to `spot` from now on. The lane is the one that the spot was placed
    /// for, or one that may refer to it; a spot that no cell refers to is as if it had not been placed.
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

    /// Gives back what the cells of this lane below `head` refer to.
    pub fn free_below(&mut self, lane: u32, head: u64) {
        if let Some(lane) = &mut self.lanes[lane as usize]
            && !lane.is_quarantined
        {
            lane.free_below(&mut self.usage, head);
        }
    }

    /// How many bytes were ever placed and committed for this lane: only differences mean anything.
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
