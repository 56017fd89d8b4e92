//! What a system allows.

/// What a [`System`](super::System) has room for, so that nobody can make it grow without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many actors it has at most.
    pub actors: usize,
    /// How many messages wait in the mailbox of an actor at most. What its own timers, questions, monitors and links bring comes on
    /// top of that.
    pub mailbox: usize,
    /// How many messages an actor takes at most before it is the turn of the next one. As many mails are taken from other ranks at a time.
    pub turn: usize,
    /// How many messages wait at most for room in the mailbox of another rank.
    pub backlog: usize,
    /// How many monitors and links of actors of another rank are kept for it at most, for each rank.
    pub watchers: usize,
}

impl Default for Limits {
    /// A million actors, 1024 messages in each mailbox, 32 a turn, a backlog of 1024 messages, 65 536 watchers.
    fn default() -> Self {
        Self { actors: 1 << 20, mailbox: 1024, turn: 32, backlog: 1024, watchers: 1 << 16 }
    }
}

impl Limits {
    /// The same with so many messages in each mailbox.
    #[must_use]
    pub fn mailbox(self, messages: usize) -> Self {
        Self { mailbox: messages.max(1), ..self }
    }

    /// The same with so many actors.
    #[must_use]
    pub fn actors(self, actors: usize) -> Self {
        Self { actors: actors.min(u32::MAX as usize), ..self }
    }

    /// The same with so many messages for an actor a turn, at least one.
    #[must_use]
    pub fn turn(self, messages: usize) -> Self {
        Self { turn: messages.max(1), ..self }
    }

    /// The same with so many messages that wait for room at another rank.
    #[must_use]
    pub fn backlog(self, messages: usize) -> Self {
        Self { backlog: messages, ..self }
    }

    /// The same with so many watchers for each other rank.
    #[must_use]
    pub fn watchers(self, watchers: usize) -> Self {
        Self { watchers, ..self }
    }
}
