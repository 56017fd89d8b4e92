//! Which users' files count as this process's own.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs;

/// Whether a file that shows this owner belongs to this process's user.
///
/// `false` if the owner is the number that is shown for all users without a number in this process's namespace, even
/// if this process has that number itself. Costs a few µs the first time; for that number, every time.
pub fn is_own(user: u32) -> bool {
    user == super::super::user() && (user != overflow_user() || is_identity(&read("/proc/self/uid_map")))
}

/// The number that is shown for users without one in this process's namespace.
fn overflow_user() -> u32 {
    const DEFAULT: u32 = 65_534;
    // One more than the number; 0 if it is not known yet.
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

/// Whether a map of users gives each user its own number. Then no user is shown as another one.
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
