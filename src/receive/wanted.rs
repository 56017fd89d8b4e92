//! What a receive takes.

use crate::abi::Filter;
use crate::rank::Source;

/// From whom a receive takes what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Whose mail it takes.
    pub source: Source,
    /// Which of it.
    pub filter: Filter,
}

impl Wanted {
    /// What any rank sends without a context, and calls.
    pub const ANYTHING: Self = Self { source: Source::Anyone, filter: Filter::ANY };

    /// Whether it takes mail of any rank.
    #[inline(always)]
    pub fn is_from_anyone(self) -> bool {
        self.source == Source::Anyone
    }
}

impl From<Source> for Wanted {
    #[inline(always)]
    fn from(source: Source) -> Self {
        Self { source, filter: Filter::ANY }
    }
}
