//! Room in a lane, with memory from the system where there is none yet.

use super::Member;
use crate::error::{Broken, SendError};
use crate::ring::{Producer, PushError, Slack, Slot};

/// How many extents without memory are tried. One of the free ones may have some already.
const TRIES: u32 = 64;

impl Member {
    /// Like [`Producer::reclaim`], for a lane to `to` whose arena is at offset `arena` of the region. `None` means that the
    /// lane is full. If this message is the first in an extent, it takes the extent's pages from the system. If the
    /// system has none, it waits for an extent that has memory; if no extent has any, smaller messages still go
    /// through.
    pub fn reclaim(
        &self,
        (producer, to): (&Producer, u32),
        arena: u64,
        len: usize,
        slack: Slack,
    ) -> Result<Option<Slot>, SendError> {
        let (mut tries, mut first) = (0, None);
        loop {
            match producer.reclaim(len, slack) {
                Ok(slot) => return Ok(Some(slot)),
                Err(PushError::Full) => return Ok(None),
                Err(PushError::Corrupt) => return Err(Broken::Corrupt(to).into()),
                Err(PushError::NoPages(spot)) => {
                    let extent = producer.extent(&spot);
                    if self.region.segment.reserve_extent(arena, extent).is_ok() {
                        producer.note_pages(&spot);
                        continue;
                    }
                    let is_worth_a_wait = producer.forsake(&spot);
                    tries += 1;
                    // The extents come round again.
                    if tries == TRIES || first == Some(spot.extent) {
                        return if is_worth_a_wait { Ok(None) } else { Err(Broken::NoSpace(to).into()) };
                    }
                    first.get_or_insert(spot.extent);
                }
            }
        }
    }
}
