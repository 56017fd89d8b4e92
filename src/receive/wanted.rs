//! What a receive takes.

use crate::abi::Filter;
use crate::rank::Source;
use crate::ring::Descriptor;

/// From whom a receive takes what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Whose mail it takes.
    pub source: Source,
    /// Which of it.
    pub filter: Filter,
    /// If the source is one rank: the epoch of the life whose mail is awaited, where that of no later life will do.
    pub epoch: Option<u64>,
}

impl Wanted {
    /// What any rank sends without a context, and calls.
    pub const ANYTHING: Self = Self { source: Source::Anyone, filter: Filter::ANY, epoch: None };

    /// Whether it takes mail of this sender.
    pub fn is_from(self, from: u32) -> bool {
        match self.source {
            Source::Anyone => true,
            Source::Rank(rank) => rank == from,
        }
    }

    /// Whether it takes this mail of this sender.
    pub fn takes(self, from: u32, mail: &Descriptor) -> bool {
        self.is_from(from) && self.filter.takes(mail.envelope_word())
    }

    /// Whether it takes mail of any rank.
    #[inline(always)]
    pub fn is_from_anyone(self) -> bool {
        self.source == Source::Anyone
    }
}

impl From<Source> for Wanted {
    #[inline(always)]
    fn from(source: Source) -> Self {
        Self { source, filter: Filter::ANY, epoch: None }
    }
}
