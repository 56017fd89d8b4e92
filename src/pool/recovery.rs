//! What a successor finds in use.

use super::Pool;
use super::lane::Lane;
use crate::abi::PoolLayout;

/// What a cell says of a payload: read once, and not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The cell's sequence number.
    pub seq: u64,
    /// Where the payload begins, in bytes from the beginning of the pool.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// The allocator of a stretch that an earlier life has used, before all lanes have said what they refer to: until then
/// nothing can be placed.
pub struct Recovery(Pool);

impl Recovery {
    /// No lane has said anything.
    pub fn new(layout: PoolLayout) -> Self {
        Self(Pool::new(layout))
    }

    /// All that the live cells of this lane refer to, in order; `None` is a cell that makes no sense. Whether the lane
    /// makes sense as a whole. If not it is quarantined: nothing is placed for it, and what it refers to, up to
    /// its share, is placed for nobody, before [`Pool::restart`]. The other lanes do not mind.
    ///
    /// That it refers to what another lane refers to is no evidence against it: a payload may have many readers.
    pub fn adopt(&mut self, lane: u32, references: impl IntoIterator<Item = Option<Reference>>) -> bool {
        let usage = &mut self.0.usage;
        let mut adopted = Lane::new(lane);
        for reference in references {
            let extent = reference.and_then(|Reference { offset, len, .. }| usage.layout().find(offset, len));
            match (reference, extent) {
                (Some(Reference { seq, .. }), Some(extent)) if adopted.may_refer(usage, extent) => {
                    adopted.refer(usage, extent, seq);
                }
                _ => adopted.is_quarantined = true,
            }
        }
        let makes_sense = !adopted.is_quarantined;
        self.0.lanes[lane as usize] = Some(Box::new(adopted));
        makes_sense
    }

    /// The allocator: it hands out nothing that an adopted lane refers to.
    pub fn finish(self) -> Pool {
        self.0
    }
}

impl Pool {
    /// As [`Pool::free_below`], where the pair begins anew at `start`, to which its receiver has agreed: a lane that was
    /// quarantined is like any other from then on.
    pub fn restart(&mut self, lane: u32, start: u64) {
        if let Some(lane) = &mut self.lanes[lane as usize]
            && lane.is_quarantined
        {
            // It has placed nothing since, and its numbers may be anything.
            lane.free_all(&mut self.usage);
            lane.is_quarantined = false;
        }
        self.free_below(lane, start);
    }
}
