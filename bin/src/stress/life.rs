//! A life of a rank, as the one that kills sees it.

use super::watch::Watch;
use std::time::Instant;

/// A life of a rank, or the time after one.
pub enum Life<'a> {
    Running {
        process: u32,
        watch: Watch<'a>,
    },
    Over {
        until: Instant,
    },
    /// The last of a rank came to its end.
    Done,
}
