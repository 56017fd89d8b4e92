//! The pace of a loop.

use measure::clock;
use std::thread;
use std::time::Duration;

/// A loop that is later than this lets beats go, and is not in a hurry.
const LATE: Duration = Duration::from_millis(100);

/// Now, in nanoseconds of the machine's clock.
pub fn now() -> u64 {
    clock().as_nanos() as u64
}

/// So many beats a second.
pub struct Beat {
    period: Duration,
    next: Duration,
}

impl Beat {
    /// The first is now.
    pub fn new(a_second: u32) -> Self {
        Self { period: Duration::from_secs(1) / a_second, next: clock() }
    }

    /// The time until the next beat.
    pub fn left(&self) -> Duration {
        self.next.saturating_sub(clock())
    }

    /// The beat that is due has been; the next is a period later.
    pub fn pass(&mut self) {
        self.next = after(self.next, self.period, clock());
    }

    /// Waits for the next beat, and passes it.
    pub fn wait(&mut self) {
        thread::sleep(self.left());
        self.pass();
    }
}

/// The beat after this one, at this time.
fn after(beat: Duration, period: Duration, now: Duration) -> Duration {
    let next = beat + period;
    if now > next + LATE { now } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_is_made_up_for_and_much_is_not() {
        let at = Duration::from_millis;
        assert_eq!(after(at(1000), at(10), at(1000)), at(1010));
        assert_eq!(after(at(1000), at(10), at(1110)), at(1010), "the next ones come at once");
        assert_eq!(after(at(1000), at(10), at(1111)), at(1111));
    }
}
