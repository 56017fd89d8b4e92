//! What was asked of the launch by signals.

use super::fate::Fate;
use crate::common::signals::INSISTENT;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::time::Instant;

/// Signals that were passed on and end a process, unless that expects them.
#[derive(Default)]
pub struct Requests {
    signals: Vec<i32>,
    /// When one first said that all is to end.
    first: Option<Instant>,
}

impl Requests {
    /// Whether `signal` ends a process.
    pub fn ends(signal: i32) -> bool {
        matches!(signal, SIGINT | SIGTERM | SIGHUP | SIGQUIT)
    }

    /// Notes one that came now. Whether it says once more that all is to end.
    pub fn note(&mut self, signal: i32, now: Instant) -> bool {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
        // Many programs take that for a wish that they read their files again.
        signal != SIGHUP && now.duration_since(*self.first.get_or_insert(now)) >= INSISTENT
    }

    /// Whether all is to end.
    pub fn are_for_the_end(&self) -> bool {
        self.first.is_some()
    }

    /// The signal that a process was ended by.
    pub fn explain(&self, fate: Fate) -> Option<i32> {
        self.signals.iter().copied().find(|signal| fate.is_by(*signal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_again_insists() {
        let mut requests = Requests::default();
        let now = Instant::now();
        for _ in 0..2 {
            assert!(!requests.note(SIGHUP, now + 9 * INSISTENT));
            assert!(!requests.are_for_the_end());
        }
        // Two that come together are one request.
        assert!(!requests.note(SIGINT, now) && !requests.note(SIGTERM, now + INSISTENT / 2));
        assert!(requests.are_for_the_end() && requests.note(SIGTERM, now + INSISTENT));
        assert_eq!(requests.explain(Fate::Exited(128 + SIGTERM)), Some(SIGTERM));
        assert_eq!(requests.explain(Fate::Killed(SIGHUP)), Some(SIGHUP));
        assert_eq!(requests.explain(Fate::Killed(SIGQUIT)), None);
    }
}
