//! A region of a model check, on the heap.

use crate::abi::{Activity, Bells, Control, Geometry, Identity, Rank};
use crate::os::{File, Locker};
use crate::rank::Registry;
use crate::segment::Segment;
use crate::sync::{AtomicU32, AtomicU64};
use core::array::from_fn;
use std::sync::Arc;

/// Ranks that nobody ever held, and their mailboxes.
#[derive(Clone)]
pub struct Region {
    /// The mailboxes.
    pub segment: Arc<Segment>,
    /// Who holds which rank.
    pub registry: Registry,
}

impl Region {
    /// One of so many ranks, with mailboxes of so many cells.
    pub fn on_heap(ranks: u32, cells: usize) -> Self {
        let table: Vec<Rank> = (0..ranks).map(|_| rank()).collect();
        let control = Control { changes: AtomicU64::new(0), reserved: AtomicU64::new(0) };
        let registry = Registry::new(table.into(), Arc::new(control).into(), Locker::new(File::unlocked()));
        Self { segment: Arc::new(Segment::on_heap(ranks, cells)), registry }
    }

    /// How many ranks it has.
    pub fn ranks(&self) -> u32 {
        self.registry.count()
    }

    /// That of its segment.
    pub fn geometry(&self) -> &Geometry {
        self.segment.geometry()
    }
}

/// The record of a rank that nobody ever held.
fn rank() -> Rank {
    let word = || AtomicU64::new(0);
    let bell = || AtomicU32::new(0);
    Rank {
        identity: Identity {
            life: word(),
            pid: word(),
            label: from_fn(|_| word()),
            lock: word(),
            former: word(),
            found_dead: word(),
        }
        .into(),
        bells: Bells { word: bell(), modes: [bell(), bell()], events: [bell(), bell()] }.into(),
        opened: from_fn(|_| word()).into(),
        activity: Activity { awaited: [word(), word()], sleeps: word(), processors: [word(), word()] }.into(),
        declined: from_fn(|_| word()).into(),
    }
}
