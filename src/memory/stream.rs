//! The parts of a topic's stream.

use super::{Mapping, Ring, Shared, cell, topics};
use crate::abi::{Cell, Geometry, OPENED_WORDS, Padded, ReaderLine, STREAM_CELLS, StreamLine};
use crate::sync::AtomicU64;
use std::sync::Arc;

/// The parts of a stream, all shared.
#[derive(Clone)]
pub struct Stream {
    /// The writer's words.
    pub line: Shared<StreamLine>,
    /// A bit for each rank that reads it.
    pub bits: Shared<[AtomicU64; OPENED_WORDS]>,
    /// By rank: its words.
    pub readers: Shared<[Padded<ReaderLine>]>,
    /// Its last messages.
    pub cells: Ring,
    /// The payloads that do not fit their cells.
    pub payloads: Shared<[AtomicU64]>,
}

impl Stream {
    /// The stream of a topic in a mapping of this geometry.
    pub fn mapped(mapping: &Arc<Mapping>, geometry: &Geometry, topic: u32) -> Self {
        let lines = topics(mapping, geometry).item(topic as usize);
        let cells = (geometry.stream_cells(topic), STREAM_CELLS as usize);
        let payloads = if geometry.stream == 0 { 0 } else { geometry.stream_payloads(topic) };
        Self {
            line: lines.part(|lines| &*lines.stream),
            bits: lines.part(|lines| &*lines.readers),
            readers: Shared::<[Padded<ReaderLine>]>::mapped(
                mapping,
                geometry.readers(topic),
                geometry.ranks as usize,
            ),
            cells: Ring::new(Shared::<[Cell]>::mapped(mapping, cells.0, cells.1)),
            payloads: Shared::<[AtomicU64]>::mapped(mapping, payloads, (geometry.stream / 8) as usize),
        }
    }

    /// A stream on the heap in which nothing was published, for so many ranks, with so many cells and words of payloads.
    pub fn on_heap(ranks: usize, cells: usize, words: usize) -> Self {
        let atomic = || AtomicU64::new(0);
        let reader = || ReaderLine { registration: atomic(), cursor: atomic(), held: atomic() };
        Self {
            line: Arc::new(StreamLine { oldest: atomic(), gone: atomic(), starved: atomic() }).into(),
            bits: Arc::new(core::array::from_fn(|_| atomic())).into(),
            readers: (0..ranks).map(|_| reader().into()).collect::<Vec<_>>().into(),
            cells: Ring::new((0..cells).map(|_| cell(0)).collect::<Vec<_>>().into()),
            payloads: (0..words).map(|_| atomic()).collect::<Vec<_>>().into(),
        }
    }
}
