//! Pages that a side waits for.

use super::news::News;
use crate::common::failure::Failure;
use std::fs;

/// Counts them.
pub struct Faults {
    before: u64,
}

impl Faults {
    /// From here on.
    pub fn begin() -> Self {
        Self { before: so_far() }
    }

    pub fn tell(&self) -> Result<(), Failure> {
        News::PageFaults(so_far().saturating_sub(self.before)).tell()
    }
}

/// Those of this process, whether the page was in memory or not; 0 where the system does not say so.
fn so_far() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may have anything in it.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let number = |at| fields.split_whitespace().nth(at).and_then(|field| field.parse().ok()).unwrap_or(0);
    number(7) + number(9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn new_memory_is_waited_for() {
        let faults = Faults::begin();
        black_box(vec![1u8; 64 << 20]);
        let count = so_far() - faults.before;
        assert!(count > 0, "in pages of any size");
    }
}
