//! How long a call may wait.

#[cfg(not(loom))]
use super::pace::BURST;
#[cfg(not(loom))]
use crate::error::SendError;
use core::time::Duration;
use std::time::Instant;

/// When a call stops waiting. The clock is read only when the call really waits.
///
/// ```
/// # use mailbox::{Config, Deadline, Region};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.send(0, b"answer")?;
/// // Not more than 10 s for both together.
/// let deadline = Deadline::from(Duration::from_secs(10));
/// me.to(1).within(deadline).send(b"question")?;
/// let answer = me.from(1).within(deadline).recv()?;
/// # drop(answer);
/// // Does not wait.
/// assert!(me.from(1).within(Deadline::Now).recv().is_err_and(|error| error.is_timeout()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// The call does not wait.
    Now,
    /// The call waits until this time.
    At(Instant),
    /// The call waits without a limit.
    Never,
}

impl Deadline {
    /// Whether the call does not wait at all.
    ///
    /// ```
    /// # use mailbox::Deadline;
    /// # use std::time::Duration;
    /// assert!(Deadline::Now.is_now());
    /// // It is over soon, and a time like any other.
    /// assert!(!Deadline::from(Duration::ZERO).is_now());
    /// ```
    #[inline(always)]
    pub fn is_now(self) -> bool {
        self == Deadline::Now
    }

    /// Whether it has passed at `now`, which is asked only if it is a time.
    ///
    /// ```
    /// # use mailbox::Deadline;
    /// # use std::time::{Duration, Instant};
    /// let begin = Instant::now();
    /// let deadline = Deadline::from(begin + Duration::from_secs(1));
    /// assert!(!deadline.has_passed(|| begin));
    /// assert!(deadline.has_passed(|| begin + Duration::from_secs(1)));
    /// assert!(Deadline::Now.has_passed(Instant::now) && !Deadline::Never.has_passed(Instant::now));
    /// ```
    #[inline(always)]
    pub fn has_passed(self, now: impl FnOnce() -> Instant) -> bool {
        match self {
            Deadline::Now => true,
            Deadline::At(time) => now() >= time,
            Deadline::Never => false,
        }
    }

    /// How long it is until then; [`Duration::MAX`] if there is no limit.
    #[cfg(not(loom))]
    pub(crate) fn left(self) -> Duration {
        match self {
            Deadline::Now => Duration::ZERO,
            Deadline::At(time) => time.saturating_duration_since(Instant::now()),
            Deadline::Never => Duration::MAX,
        }
    }

    /// Whether a call that has passed over so many events is to end.
    #[cfg(not(loom))]
    pub(crate) fn is_over_after(self, passed: u64) -> bool {
        if self.is_now() { passed >= BURST } else { self.has_passed(Instant::now) }
    }

    /// What a call returns that found no room at this rank by then.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn without_room(self, rank: u32) -> SendError {
        if self.is_now() { SendError::Full(rank) } else { SendError::Timeout(rank) }
    }
}

/// This long from now. Beyond the range of the clock it is [`Deadline::Never`].
impl From<Duration> for Deadline {
    fn from(timeout: Duration) -> Self {
        Instant::now().checked_add(timeout).map_or(Deadline::Never, Deadline::At)
    }
}

impl From<Instant> for Deadline {
    fn from(time: Instant) -> Self {
        Deadline::At(time)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_at_its_time() {
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        assert!(Deadline::Now.has_passed(|| now));
        assert!(!Deadline::from(later).has_passed(|| now));
        assert!(Deadline::from(later).has_passed(|| later));
        assert!(!Deadline::Never.has_passed(|| later));
    }

    #[test]
    fn a_time_beyond_the_clock_is_never() {
        assert_eq!(Deadline::from(Duration::MAX), Deadline::Never);
        assert!(Deadline::from(Duration::ZERO).has_passed(Instant::now));
    }
}
