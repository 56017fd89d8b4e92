//! The sender or senders to receive from.

/// Which sender to receive from.
///
/// ```
/// # use mailbox::{Config, Region, Source};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
/// # one.send(0, b"of one")?;
/// # two.send(0, b"of two")?;
/// # let chosen = Some(2);
/// // From the rank that the user has chosen, if one.
/// let source = chosen.map_or(Source::Anyone, Source::Rank);
/// let mail = me.from(source).recv()?;
/// # assert_eq!(mail.from(), 2);
/// # drop(mail);
/// # assert_eq!(me.from(Source::Anyone).recv()?.from(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Any sender: in order for each of them, and in turns between them.
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
    /// The word of a rank's record that says that the rank waits for this.
    pub(crate) fn to_word(self) -> u64 {
        match self {
            Source::Anyone => 1,
            Source::Rank(rank) => 2 + u64::from(rank),
        }
    }

    /// What such a word says the rank waits for; `None` for 0 and for words that make no sense.
    #[cfg(not(loom))]
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => None,
            1 => Some(Source::Anyone),
            rank => u32::try_from(rank - 2).ok().map(Source::Rank),
        }
    }
}
