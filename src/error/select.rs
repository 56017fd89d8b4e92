//! Of a wait for several things.

use super::Lost;
use std::io;
use thiserror::Error;

/// Why a [`Select`](crate::Select) tells no arm.
///
/// ```
/// # use mailbox::{Config, Region, Select, SelectError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # use std::time::Duration;
/// # let me = region.join(0)?;
/// let mut select = Select::new();
/// assert_eq!(select.wait(Duration::from_secs(10)), Err(SelectError::Empty)); // at once
/// select.recv(me.from(1));
/// let nothing = select.wait(Duration::from_millis(1)).unwrap_err();
/// assert!(nothing.is_timeout());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SelectError {
    /// No arm can ever become ready: there is none, all are over, or nobody but the caller itself could bring what they watch.
    #[error("none of the arms can become ready")]
    Empty,
    /// The deadline passed before an arm was ready.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) of one of the endpoints ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// This server of a call under way waits until this endpoint receives its mail, and no arm receives.
    #[error("rank {0} waits until its mail is received, before it answers")]
    Held(u32),
    /// The endpoint of this arm does not work. [`Select::remove`](crate::Select::remove) removes an arm, so that others go on.
    #[error("arm {arm}: {lost}")]
    Lost {
        /// The number of an arm of that endpoint.
        arm: usize,
        /// What became of the endpoint.
        lost: Lost,
    },
}

impl SelectError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        *self == SelectError::Timeout
    }
}

impl From<SelectError> for io::Error {
    fn from(error: SelectError) -> Self {
        let kind = match error {
            SelectError::Empty => io::ErrorKind::InvalidInput,
            SelectError::Timeout => io::ErrorKind::TimedOut,
            SelectError::Interrupted => io::ErrorKind::Other,
            SelectError::Held(_) => io::ErrorKind::ResourceBusy,
            SelectError::Lost { lost, .. } => super::Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
    }
}
