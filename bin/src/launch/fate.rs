//! How a process ended.

use crate::common::failure::End;
use rustix::process::WaitStatus;
use signal_hook::low_level::signal_name;
use std::fmt::{self, Display, Formatter};

/// By itself, with a status, or by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Exited(i32),
    Killed(i32),
}

impl Fate {
    /// That which `status` tells; `None` if it tells of no end.
    pub fn of(status: WaitStatus) -> Option<Self> {
        status.exit_status().map(Self::Exited).or_else(|| status.terminating_signal().map(Self::Killed))
    }

    /// Whether it ended well.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// Whether it ended because of this signal, as it says itself or as the system says.
    pub fn is_by(self, signal: i32) -> bool {
        self == Self::Killed(signal) || self == Self::Exited(128 + signal)
    }

    /// How a process ends that tells of this end.
    pub fn end(self) -> End {
        match self {
            Self::Exited(status) => End::Status(status as u8),
            Self::Killed(signal) => End::Status((128 + signal) as u8),
        }
    }
}

impl Display for Fate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "failed with exit status {status}"),
            Self::Killed(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "was ended by signal {signal} ({name})"),
                None => write!(f, "was ended by signal {signal}"),
            },
        }
    }
}
