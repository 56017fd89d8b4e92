//! Which payloads of a stream have memory, as one process knows.

use super::Topic;
use super::find::no_memory;
use crate::error::NoMemory;
use core::ops::Range;

/// Bytes that get memory together.
const EXTENT: u64 = 256 << 10;

/// The extents of a stream's payloads that were seen to have memory.
#[derive(Default)]
pub struct Payloads {
    have_memory: Vec<bool>,
}

impl Payloads {
    /// Makes sure that these bytes have memory.
    #[inline]
    pub fn complete(&mut self, topic: &Topic, bytes: &Range<u64>) -> Result<(), NoMemory> {
        for extent in bytes.start / EXTENT..bytes.end.div_ceil(EXTENT) {
            if self.have_memory.get(extent as usize) != Some(&true) {
                self.complete_extent(topic, extent)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn complete_extent(&mut self, topic: &Topic, extent: u64) -> Result<(), NoMemory> {
        let region = topic.region();
        let end = (EXTENT * (extent + 1)).min(region.geometry().stream);
        let result = region.segment.complete_payloads(topic.number(), EXTENT * extent..end);
        result.map_err(|error| no_memory(&error))?;
        if self.have_memory.len() <= extent as usize {
            self.have_memory.resize(extent as usize + 1, false);
        }
        self.have_memory[extent as usize] = true;
        Ok(())
    }
}
