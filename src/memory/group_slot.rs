//! A rank's slot in a group.

use super::{Mapping, Shared};
use crate::abi::{Decision, Geometry, RoundLine, SlotLines, SlotState, WINDOW};
use crate::sync::AtomicU64;
use std::sync::Arc;

/// The parts of a slot, all shared.
#[derive(Clone)]
pub struct GroupSlot {
    /// Its lines.
    pub lines: Shared<SlotLines>,
    /// For data that does not fit a line.
    pub window: Shared<[AtomicU64]>,
}

impl GroupSlot {
    /// The slot of `rank` for `group` in a mapping of this geometry.
    pub fn mapped(mapping: &Arc<Mapping>, geometry: &Geometry, group: u32, rank: u32) -> Self {
        let words = (WINDOW / 8) as usize;
        Self {
            lines: Shared::<[SlotLines]>::mapped(mapping, geometry.slot(group, rank), 1).item(0),
            window: Shared::<[AtomicU64]>::mapped(mapping, geometry.window(group, rank), words),
        }
    }

    /// A slot on the heap that was never used, with a window of so many words.
    pub fn on_heap(words: usize) -> Self {
        let atomic = || AtomicU64::new(0);
        let state = SlotState {
            group: atomic(),
            dropped: atomic(),
            finished: atomic(),
            broken: atomic(),
            awaits: atomic(),
            shrinks: atomic(),
            free: atomic(),
        };
        let decision = Decision {
            answers: atomic(),
            slot: atomic(),
            id: atomic(),
            members: core::array::from_fn(|_| atomic()),
        };
        let line = || RoundLine {
            stamp: atomic(),
            operation: atomic(),
            len: atomic(),
            payload: core::array::from_fn(|_| atomic()),
        };
        let lines = SlotLines {
            state: state.into(),
            decision: decision.into(),
            lines: core::array::from_fn(|_| line().into()),
        };
        Self {
            lines: Arc::new(lines).into(),
            window: (0..words).map(|_| atomic()).collect::<Vec<_>>().into(),
        }
    }
}
