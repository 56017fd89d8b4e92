//! A topic's lines, and the buffers of its value.

use super::{Mapping, Shared};
use crate::abi::{BUFFERS, Geometry, TopicLines, ValueLine};
use crate::sync::{AtomicU32, AtomicU64};
use std::sync::Arc;

/// The parts of a value, all shared.
#[derive(Clone)]
pub struct Value {
    /// The writer's words.
    pub line: Shared<ValueLine>,
    /// The buffers, one after the other.
    pub buffers: Shared<[AtomicU64]>,
}

impl Value {
    /// The value of a topic in a mapping of this geometry. Each buffer has `capacity` bytes, at most what the geometry says.
    pub fn mapped(mapping: &Arc<Mapping>, geometry: &Geometry, topic: u32, capacity: u64) -> Self {
        let words = BUFFERS * (capacity.min(geometry.value) / 8) as usize;
        Self {
            line: topics(mapping, geometry).item(topic as usize).part(|lines| &*lines.value),
            buffers: Shared::<[AtomicU64]>::mapped(mapping, geometry.buffers(topic), words),
        }
    }

    /// A value on the heap that was never written, with buffers of so many words.
    pub fn on_heap(words: usize) -> Self {
        let atomic = || AtomicU64::new(0);
        let line = ValueLine {
            begun: atomic(),
            newest: atomic(),
            lens: core::array::from_fn(|_| AtomicU32::new(0)),
            short: core::array::from_fn(|_| atomic()),
        };
        Self {
            line: Arc::new(line).into(),
            buffers: (0..BUFFERS * words).map(|_| atomic()).collect::<Vec<_>>().into(),
        }
    }
}

/// The lines of all topics in a mapping of this geometry.
pub fn topics(mapping: &Arc<Mapping>, geometry: &Geometry) -> Shared<[TopicLines]> {
    Shared::<[TopicLines]>::mapped(mapping, geometry.topic(0), geometry.topics as usize)
}
