//! Ends a process before its k-th access to a shared word.

use core::sync::atomic::{self, Ordering};
use std::sync::OnceLock;

/// How many accesses are still to be made; zero if nobody counts.
static LEFT: atomic::AtomicU64 = atomic::AtomicU64::new(0);
/// The function that is called instead of the last one.
static STOP: OnceLock<fn() -> !> = OnceLock::new();

/// Has `stop` called instead of the `count`-th access from now on, by any thread; zero means never.
///
/// Later calls do not change the function.
pub fn arm(count: u64, stop: fn() -> !) {
    STOP.get_or_init(|| stop);
    LEFT.store(count, Ordering::Relaxed);
}

#[inline]
pub(super) fn step() {
    if LEFT.load(Ordering::Relaxed) > 0
        && LEFT.fetch_sub(1, Ordering::Relaxed) == 1
        && let Some(stop) = STOP.get()
    {
        stop();
    }
}
