//! The ways in which a thread of high priority gets what one of low priority makes.

use std::time::Duration;

/// How high gets low's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// Both share memory, and a lock for it.
    Lock,
    /// Low sends each value when it is whole, and high takes the newest that has come.
    Mailbox,
    /// Low publishes its latest value, and high looks at it.
    Topic,
}

/// How often each is shown.
pub const ROUNDS: u64 = 5;
/// How long the thread of middle priority computes each time.
pub const COMPUTES: Duration = Duration::from_millis(50);

impl Exchange {
    pub const ALL: [Self; 3] = [Self::Lock, Self::Mailbox, Self::Topic];

    pub fn name(self) -> &'static str {
        ["a lock", "a mailbox", "a latest value"][self as usize]
    }

    /// That of a round, of which the first is 1.
    pub fn of_round(round: u64) -> Self {
        Self::ALL[(round.saturating_sub(1) / ROUNDS) as usize % Self::ALL.len()]
    }

    /// How many rounds there are of all.
    pub fn rounds() -> u64 {
        Self::ALL.len() as u64 * ROUNDS
    }
}
