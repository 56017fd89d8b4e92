//! What all members of a group agree on.

use core::ops::Range;
use mailbox::Region;
use std::borrow::Cow;

/// A group: its name, and the ranks that may be members. All programs of a group have the same one.
///
/// ```
/// # use mailbox_patterns::causal::Group;
/// const EDITORS: Group = Group::new("editors", 0..8);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    name: Cow<'static, str>,
    ranks: Range<u32>,
}

impl Group {
    /// A group of this name. With `.RANK` behind it the name has 1 to 64 bytes and no NUL. Ranks that the region does not have
    /// are left out.
    pub const fn new(name: &'static str, ranks: Range<u32>) -> Self {
        Self { name: Cow::Borrowed(name), ranks }
    }

    /// The same with a name that is made while the program runs.
    pub fn named(name: impl Into<String>, ranks: Range<u32>) -> Self {
        Self { name: Cow::Owned(name.into()), ranks }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ranks that may be members, as far as this region has them.
    pub fn ranks(&self, region: &Region) -> Range<u32> {
        self.ranks.start..self.ranks.end.min(region.ranks()).max(self.ranks.start)
    }

    /// The topic of what a member says.
    pub fn topic(&self, rank: u32) -> String {
        format!("{}.{rank}", self.name)
    }
}
