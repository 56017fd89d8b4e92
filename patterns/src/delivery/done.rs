//! What a call of a consumer has done.

/// What a call of a consumer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Done {
    /// How many messages were handled.
    pub handled: u32,
    /// How many had been handled before, and were only acknowledged.
    pub repeated: u32,
    /// How many failed, and are to be tried again.
    pub failed: u32,
    /// How many were set aside as dead letters.
    pub dead: u32,
}

impl Done {
    /// How many messages there were.
    pub fn all(&self) -> u32 {
        self.handled + self.repeated + self.failed + self.dead
    }
}
