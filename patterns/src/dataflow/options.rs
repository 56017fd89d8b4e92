//! How a graph runs.

use super::Rates;
use crate::delivery::Durability;
use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A function that is shown rates.
pub(super) type Show = Arc<dyn Fn(&Rates) + Send + Sync>;

/// How a graph runs: the same for all of its ranks, but for what is shown of the rates.
///
/// ```
/// use mailbox_patterns::dataflow::Options;
/// use std::time::Duration;
///
/// let options = Options::new("/var/lib/words")
///     .checkpoint_every(10_000)
///     .channel(256)
///     .show_rates(Duration::from_secs(1), |rates| eprint!("{rates}"));
/// # drop(options);
/// ```
#[derive(Clone)]
pub struct Options {
    pub(super) folder: PathBuf,
    pub(super) every: Option<u64>,
    pub(super) channel: usize,
    pub(super) durability: Durability,
    pub(super) is_strict: bool,
    pub(super) patience: Duration,
    pub(super) retries: u32,
    pub(super) rates: Option<(Duration, Show)>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("folder", &self.folder)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Checkpoints are files of this folder, which all ranks have, and which is for this graph alone. It is made if it is not there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: None,
            channel: 1024,
            durability: Durability::Process,
            is_strict: false,
            patience: Duration::from_secs(30),
            retries: 3,
            rates: None,
        }
    }

    /// There is a checkpoint each time that every source has given so many records; with 0, as without this, only at the end. A graph
    /// without a checkpoint goes back to the beginning.
    #[must_use]
    pub fn checkpoint_every(self, records: u64) -> Self {
        Self { every: (records > 0).then_some(records), ..self }
    }

    /// A channel holds so many records, at least one; 1024 without this. One that comes from another rank has as many again on its
    /// sender's side. What an operator makes of one record may be more: then that comes on top, on the side of that operator.
    #[must_use]
    pub fn channel(self, records: usize) -> Self {
        Self { channel: records.max(1), ..self }
    }

    /// What checkpoints outlive. [`Durability::Process`] without this.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// A checkpoint that is complete, and whose files are cut or garbled, ends the run with an error. Without this the complete one
    /// before it is used, if there is one.
    #[must_use]
    pub fn strict(self) -> Self {
        Self { is_strict: true, ..self }
    }

    /// How long a rank is waited for that is not there, or has ended. 30 s without this.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many times in a row, without a new checkpoint, the graph goes back because an operator has failed or panicked. 3 without this.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Shows the rates of this rank's operators so often.
    #[must_use]
    pub fn show_rates(self, every: Duration, show: impl Fn(&Rates) + Send + Sync + 'static) -> Self {
        Self { rates: Some((every, Arc::new(show))), ..self }
    }
}
