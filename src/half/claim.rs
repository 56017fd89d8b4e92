//! Room in a lane, whose pages are taken from the system where nobody has.

use super::Member;
use crate::error::{Broken, SendError};
use crate::ring::{Producer, PushError, Slack, Slot};

/// How many extents are tried for which there is no memory: among those that are free may be one that has some.
const TRIES: u32 = 64;

impl Member {
    /// As [`Producer::reclaim`], of a lane to `to` whose arena is at `arena` of the region; `None`: it is full. Takes the pages of an
    /// extent from the system that this message is the first to need. Where there are none, it waits for one that has
    /// memory; where none has any, smaller messages go all the same.
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
                    // They come round.
                    if tries == TRIES || first == Some(spot.extent) {
                        return if is_worth_a_wait { Ok(None) } else { Err(Broken::NoSpace(to).into()) };
                    }
                    first.get_or_insert(spot.extent);
                }
            }
        }
    }
}
