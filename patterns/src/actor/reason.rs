//! Why an actor has ended.

use super::ActorId;
use core::fmt;
use core::time::Duration;

/// Why an actor has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It wanted to. This is the only end that is no failure.
    Stopped,
    /// It said that it has failed, in these words, of which the first 256 bytes are kept.
    Failed(String),
    /// It has panicked, with these words, of which the first 256 bytes are kept. Or they say of what type it was.
    Panicked(String),
    /// Another actor has [stopped](super::Context::stop) it.
    Killed,
    /// It was linked to this one, which has failed.
    Linked(ActorId),
    /// It is a supervisor whose children would have been started again more often than it may.
    TooManyRestarts {
        /// How many restarts it was allowed.
        most: u32,
        /// Within that time.
        within: Duration,
    },
    /// The process of its rank has ended, or has a successor.
    RankGone,
    /// It had ended before, or there never was such an actor.
    NotThere,
    /// Its system keeps no more monitors and links for actors of that rank, or its rank has much to receive first. The actor may live.
    NotWatched,
}

impl Reason {
    /// Whether it is a failure: whether it ends linked actors, too.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Reason::Stopped)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Stopped => f.write_str("it has stopped"),
            Reason::Failed(why) => write!(f, "it has failed: {why}"),
            Reason::Panicked(why) => write!(f, "it has panicked: {why}"),
            Reason::Killed => f.write_str("another actor has stopped it"),
            Reason::Linked(actor) => write!(f, "it was linked to {actor}, which has failed"),
            Reason::TooManyRestarts { most, within } => {
                write!(f, "more than {most} restarts of its children within {within:?}")
            }
            Reason::RankGone => f.write_str("its rank is gone"),
            Reason::NotThere => f.write_str("there is no such actor"),
            Reason::NotWatched => f.write_str("its system watches no more actors for that rank"),
        }
    }
}

/// An actor has ended: what a monitor, or a linked actor that traps exits, is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Down {
    /// Which one.
    pub actor: ActorId,
    /// Why.
    pub reason: Reason,
}

/// At most 256 bytes of it.
pub fn short(text: &str) -> &str {
    let end = (0..=text.len().min(256)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}
