//! Whose files are this process' own.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs;

/// Whether a file that shows this owner is this process'.
///
/// Not where every user who has no number in this process' namespace shows the same owner, and that is this process'.
/// Costs a few µs the first time; where it is that user, each time.
pub fn is_own(user: u32) -> bool {
    user == super::super::user() && (user != overflow_user() || is_identity(&read("/proc/self/uid_map")))
}

/// The user that is shown for those who have no number in this process' namespace.
fn overflow_user() -> u32 {
    const DEFAULT: u32 = 65_534;
    // One more than the number; 0: not known yet.
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            let user = read("/proc/sys/kernel/overflowuid").trim().parse();
            if let Ok(user) = user {
                KNOWN.store(u64::from(user) + 1, Ordering::Relaxed);
            }
            user.unwrap_or(DEFAULT)
        }
        known => (known - 1) as u32,
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Whether a map of users says that each has its own number: then nobody shows as another one.
fn is_identity(map: &str) -> bool {
    let fields: Vec<u32> = map.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    fields == [0, 0, u32::MAX]
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn maps_are_told_apart() {
        assert!(is_identity("         0          0 4294967295\n"));
        for map in
            ["", "0 0 1\n", "0 1000 4294967295", "0 0 65536\n65536 65536 4294901759\n", "65534 1000 1\n"]
        {
            assert!(!is_identity(map), "{map:?}");
        }
    }
}
