//! Counts the looks of a wait.

use super::pace::LOOKS;
use core::cell::Cell as Private;

/// Counts the looks of a polling wait, so that expensive checks are made only at every n-th.
#[derive(Default)]
pub struct Looks(Private<u32>);

impl Looks {
    /// Counts one look. Returns whether it is the last of each [`LOOKS`].
    pub fn count_look(&self) -> bool {
        self.0.set(self.0.get().wrapping_add(1));
        self.0.get().is_multiple_of(LOOKS)
    }
}
