//! A segment of a model check: its mailboxes lie on the heap. Memory is always there, and the segment has no name to lose.

use crate::abi::Geometry;
use crate::config::Config;
use crate::error::CloseError;
use crate::memory::{Lane, Mailbox, TransferSlot, cell};
use core::ops::Range;
use std::io;
use std::sync::{Arc, OnceLock};

/// Bytes of an arena: two chunks.
const ARENA: u64 = 128;

/// The mailboxes between all ranks.
pub struct Segment {
    geometry: Geometry,
    /// Those to rank 0 from each rank, those to rank 1, and so on.
    mailboxes: Vec<Mailbox>,
}

impl Segment {
    /// With mailboxes of so many cells.
    pub fn on_heap(ranks: u32, cells: usize) -> Self {
        let mailbox = |_| Mailbox {
            mail: Lane::on_heap(cells, ARENA, 0),
            returns: Lane::on_heap(cells, ARENA, 0),
            call: Arc::new(cell(0)).into(),
            transfer: TransferSlot::on_heap(8),
        };
        let mailboxes = (0..ranks * ranks).map(mailbox).collect();
        Self { geometry: Config::ranks(ranks).geometry, mailboxes }
    }

    /// That of a region like this.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The mailbox from `from` to `to`.
    pub fn mailbox(&self, from: u32, to: u32) -> Mailbox {
        self.mailboxes[(to * self.geometry.ranks + from) as usize].clone()
    }

    /// It has no name to lose.
    pub fn is_unlinked(&self) -> bool {
        false
    }

    /// There is memory.
    pub fn complete(&self, _from: u32, _to: u32) -> io::Result<()> {
        Ok(())
    }

    /// There is memory.
    pub fn complete_extent(&self, _arena: u64, _extent: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    /// There is memory.
    pub fn reserve_extent(&self, _arena: u64, _extent: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    /// There is memory.
    pub fn complete_transfer(&self, _from: u32, _to: u32) -> io::Result<()> {
        Ok(())
    }

    /// There is memory.
    pub fn complete_loan(&self, _rank: u32, _chunks: Range<u32>) -> io::Result<()> {
        Ok(())
    }
}

/// What came of closing a region.
pub type Outcome = Arc<OnceLock<Result<(), CloseError>>>;

/// There is nothing to close.
#[derive(Default)]
pub struct CleanShutdown(Outcome);

impl CleanShutdown {
    /// What came of it: nothing.
    pub fn outcome(&self) -> Outcome {
        self.0.clone()
    }
}
