//! What a successor finds in use.

use super::Pool;
use super::lane::Lane;
use crate::abi::PoolLayout;

/// What a cell says about a payload. It was read once, and is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The cell's sequence number.
    pub seq: u64,
    /// The payload's offset in the pool.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// The allocator of a stretch that an earlier life has used, until all lanes have said what they refer to. Until then
/// nothing can be placed.
pub struct Recovery(Pool);

impl Recovery {
    /// No lane has said anything yet.
    pub fn new(layout: PoolLayout) -> Self {
        Self(Pool::new(layout))
    }

    /// Everything that the live cells of this lane refer to, in order; `None` stands for a cell that makes no sense.
    /// Returns whether the lane makes sense as a whole. If not, the lane is quarantined until [`Pool::restart`]:
    /// nothing is placed for it, and nothing is placed where it refers to, up to its share. Other lanes are not
    /// affected.
    ///
    /// Two lanes may refer to the same payload, which may have several readers.
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

    /// The allocator. It hands out nothing that an adopted lane refers to.
    pub fn finish(self) -> Pool {
        self.0
    }
}

impl Pool {
    /// Like [`Pool::free_below`], when the lane starts again at `start` after a reset that its receiver has agreed
    /// to. From then on a quarantined lane is like any other.
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
