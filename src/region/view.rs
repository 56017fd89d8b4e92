//! A region as an observer sees it: read through its file, with nothing mapped, locked or written.

use super::inspect::Inspection;
use super::tap::Tap;
use crate::error::OpenError;
use crate::rank::{self, Life, Status};
use crate::segment::Opened;
use std::sync::Arc;

/// A region that was opened for looking at it: see [`Region::look`](crate::Region::look). It may be kept, and looked
/// at again.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) opened: Arc<Opened>,
}

impl View {
    pub(crate) fn new(opened: Opened) -> Self {
        Self { opened: Arc::new(opened) }
    }

    /// Looks at everything; see [`Region::inspect`](crate::Region::inspect).
    pub fn inspect(&self) -> Inspection {
        Inspection::of(&self.opened.file, &self.opened.geometry)
    }

    /// Begins to show the mail that passes between the ranks. Costs nothing before [`Tap::try_next`].
    pub fn tap(&self) -> Tap {
        Tap::new(self.opened.clone())
    }

    /// How many ranks the region has.
    pub fn ranks(&self) -> u32 {
        self.opened.geometry.ranks
    }

    /// The longest message that lies in its mailbox as a whole, in bytes; see
    /// [`Region::eager_limit`](crate::Region::eager_limit).
    pub fn eager_limit(&self) -> u64 {
        self.opened.geometry.whole()
    }

    /// Whether a process holds `rank`, and the rank's epoch; see [`Region::status`](crate::Region::status).
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

    /// The user that the region belongs to, by number.
    pub fn owner(&self) -> u32 {
        self.opened.owner
    }

    /// Whether the region may be used in this boot of the machine. If not, opening it returns
    /// [`Mismatch::Incompatible`](crate::Mismatch::Incompatible), or [`System::Missing`](crate::System::Missing) if the boot cannot be found out.
    pub fn check_boot(&self) -> Result<(), OpenError> {
        self.opened.check_boot()
    }
}
