//! Whose mail.

/// Whom to receive from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Whoever has sent something: in order for each sender, in turn between them.
    Anyone,
    /// This rank.
    Rank(u32),
}

impl From<u32> for Source {
    fn from(rank: u32) -> Self {
        Source::Rank(rank)
    }
}

impl Source {
    /// The word of a rank's record that says that this is waited for.
    pub fn to_word(self) -> u64 {
        match self {
            Source::Anyone => 1,
            Source::Rank(rank) => 2 + u64::from(rank),
        }
    }

    /// What a word of a rank's record says is waited for; 0 and senseless ones: nothing.
    pub fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => None,
            1 => Some(Source::Anyone),
            rank => u32::try_from(rank - 2).ok().map(Source::Rank),
        }
    }
}
