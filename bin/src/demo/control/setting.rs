//! What a side does for its time to be its own, and what of it the system allowed.

use super::grant::{be_urgent, lock_memory};
use super::role::Role;
use rustix::io::Errno;
use std::num::NonZeroU64;

/// How a side runs.
pub struct Setting {
    /// In place of those that the process may use.
    pub processor: usize,
    /// Whether no other side runs there.
    pub is_alone: bool,
    /// Why its memory is not locked, if it is not; and why it has no real-time priority.
    pub not_locked: Option<Errno>,
    pub not_urgent: Option<Errno>,
}

impl Setting {
    /// Pins this process, which plays `role`.
    pub fn pin(role: Role) -> Self {
        let (processor, is_alone) = role.seat(measure::processors());
        measure::pin(processor);
        Self { processor, is_alone, not_locked: None, not_urgent: None }
    }

    /// Locks its memory, and takes real-time priority, as far as it may.
    pub fn settle(mut self, role: Role) -> Self {
        self.not_locked = lock_memory().err();
        self.not_urgent = be_urgent(role.priority()).err();
        // A process without real-time priority is woken up to 50 µs late, unless it says that it minds. If it may not, it is late.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        self
    }
}
