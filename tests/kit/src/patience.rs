//! Waiting for what is bound to happen.

use std::thread;
use std::time::{Duration, Instant};

/// What takes longer hangs: nothing in a test takes as long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The time between two looks.
const LOOK: Duration = Duration::from_micros(200);

/// Waits until this has happened. Panics if it does not.
#[track_caller]
pub fn wait_until(what: &str, has_happened: impl FnMut() -> bool) {
    assert!(happens(has_happened), "waited in vain until {what}");
}

/// Waits until this has happened. False if it does not.
pub fn happens(mut has_happened: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if has_happened() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(LOOK);
    }
}
