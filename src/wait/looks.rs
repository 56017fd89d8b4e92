//! Looks of a wait, counted.

use super::pace::LOOKS;
use core::cell::Cell as Private;

/// Counts the looks of a wait that polls: what costs more than a look is done now and then.
#[derive(Default)]
pub struct Looks(Private<u32>);

impl Looks {
    /// Counts one; whether it is the last of so many.
    pub fn is_due(&self) -> bool {
        self.0.set(self.0.get().wrapping_add(1));
        self.0.get().is_multiple_of(LOOKS)
    }
}
