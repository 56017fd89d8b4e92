//! The two ways that a message can take.

/// What messages go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Mailboxes,
    Sockets,
}

impl Way {
    pub const ALL: [Self; 2] = [Self::Mailboxes, Self::Sockets];

    pub fn name(self) -> &'static str {
        ["mailboxes", "sockets"][self as usize]
    }

    pub fn other(self) -> Self {
        Self::ALL[1 - self as usize]
    }
}
