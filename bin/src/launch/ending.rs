//! How ranks that are to end are ended: they are given time, asked, and killed.

use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How far it has come.
pub struct Ending {
    grace: Duration,
    /// What comes next, and when.
    next: Option<(Instant, Step)>,
    has_begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Ask,
    Kill,
}

impl Ending {
    /// Nothing is to end yet. Between two steps there is `grace`.
    pub fn new(grace: Duration) -> Self {
        Self { grace, next: None, has_begun: false }
    }

    /// Whether ranks are to end.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Ranks are to end by themselves, or else they are ended.
    pub fn begin(&mut self, now: Instant) {
        if !self.has_begun {
            self.set(now.checked_add(self.grace), Step::Ask);
        }
    }

    /// They are asked at once.
    pub fn ask(&mut self, now: Instant) {
        if !self.has_begun || self.next.is_some_and(|(_, step)| step == Step::Ask) {
            self.set(Some(now), Step::Ask);
        }
    }

    /// They are killed at once.
    pub fn kill(&mut self, now: Instant) {
        self.set(Some(now), Step::Kill);
    }

    fn set(&mut self, at: Option<Instant>, step: Step) {
        self.has_begun = true;
        // A time that never comes has no step.
        self.next = at.map(|at| (at, step));
    }

    /// When there is something to do.
    pub fn at(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    /// The signal that is to be sent to all now.
    pub fn signal(&mut self, now: Instant) -> Option<Signal> {
        let (_, step) = self.next.take_if(|(at, _)| *at <= now)?;
        match step {
            Step::Ask => {
                self.set(now.checked_add(self.grace), Step::Kill);
                Some(Signal::TERM)
            }
            Step::Kill => Some(Signal::KILL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_given_time_then_asked_then_killed() {
        let grace = Duration::from_secs(1);
        let now = Instant::now();
        let mut ending = Ending::new(grace);
        assert_eq!((ending.at(), ending.has_begun(), ending.signal(now)), (None, false, None));
        ending.begin(now);
        // A second failure gives no more time.
        ending.begin(now + grace / 2);
        assert_eq!((ending.at(), ending.has_begun(), ending.signal(now)), (Some(now + grace), true, None));
        assert_eq!(ending.signal(now + grace), Some(Signal::TERM));
        ending.ask(now + grace);
        assert_eq!((ending.at(), ending.signal(now + grace)), (Some(now + 2 * grace), None));
        assert_eq!(ending.signal(now + 2 * grace), Some(Signal::KILL));
        ending.ask(now + 2 * grace);
        assert_eq!((ending.at(), ending.signal(now + 9 * grace)), (None, None));
    }

    #[test]
    fn what_is_urgent_goes_first() {
        let now = Instant::now();
        let mut ending = Ending::new(Duration::MAX);
        ending.begin(now);
        assert_eq!((ending.at(), ending.has_begun()), (None, true));
        ending.kill(now);
        assert_eq!((ending.signal(now), ending.signal(now)), (Some(Signal::KILL), None));
        let mut ending = Ending::new(Duration::from_secs(1));
        ending.begin(now);
        ending.ask(now);
        assert_eq!(ending.signal(now), Some(Signal::TERM));
    }
}
