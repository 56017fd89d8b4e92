//! A region as a bystander sees it: read through its file, with nothing mapped, locked or written.

use super::inspect::Inspection;
use crate::error::OpenError;
use crate::rank::{self, Life, Status};
use crate::segment::Opened;
use std::sync::Arc;

/// A region that was opened to be looked at: see [`Region::look`](crate::Region::look). It can be kept, and looked
/// at again.
#[derive(Debug, Clone)]
pub struct View {
    opened: Arc<Opened>,
}

impl View {
    pub(crate) fn new(opened: Opened) -> Self {
        Self { opened: Arc::new(opened) }
    }

    /// Looks at everything; as [`Region::inspect`](crate::Region::inspect).
    pub fn inspect(&self) -> Inspection {
        Inspection::of(&self.opened.file, &self.opened.geometry)
    }

    /// How many ranks the region has.
    pub fn ranks(&self) -> u32 {
        self.opened.geometry.ranks
    }

    /// The longest message that lies in its mailbox as a whole, in bytes; as
    /// [`Region::eager_limit`](crate::Region::eager_limit).
    pub fn eager_limit(&self) -> u64 {
        self.opened.geometry.whole()
    }

    /// Whether somebody holds `rank`, and the rank's epoch; as [`Region::status`](crate::Region::status).
    pub fn status(&self, rank: u32) -> Option<(Status, u64)> {
        if rank >= self.ranks() {
            return None;
        }
        let copies = self.opened.copies();
        let look = || copies.life(rank).map(Life::from_word);
        let life = look().ok()?;
        let status = rank::status(&self.opened.file, rank, life, || look().unwrap_or(life));
        Some((status, life.epoch()))
    }

    /// Messages in all mailboxes that are not acknowledged. What cannot be read is left out.
    pub fn unread(&self) -> u64 {
        self.opened.copies().unread().unwrap_or(0)
    }

    /// To which user the region belongs, by number.
    pub fn owner(&self) -> u32 {
        self.opened.owner
    }

    /// Whether the region may be used in this boot of the machine: else it is [`OpenError::Incompatible`] to who opens
    /// it, or [`OpenError::Missing`] if nobody can say.
    pub fn check_boot(&self) -> Result<(), OpenError> {
        self.opened.check_boot()
    }
}
