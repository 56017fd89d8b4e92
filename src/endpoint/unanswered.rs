//! A call that could not be answered.

use super::Mail;
use crate::error::ReplyError;
use core::error::Error;
use core::fmt;

/// A call that could not be answered, handed back: to be answered again, later or otherwise. Dropping it drops the call,
/// and its caller is told.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let question = me.try_call(1, b"how long?")?;
/// let call = server.recv()?;
/// // More than the region carries as a whole.
/// if let Err(unanswered) = call.try_reply(&vec![0; 2 << 20]) {
///     println!("{unanswered}");
///     unanswered.into_call().reply(b"2 MiB")?;
/// }
/// assert_eq!(*question.reply()?, *b"2 MiB");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it drops the call"]
pub struct Unanswered<'a> {
    call: Mail<'a>,
    error: ReplyError,
}

impl<'a> Unanswered<'a> {
    pub(super) fn new(call: Mail<'a>, error: ReplyError) -> Self {
        Self { call, error }
    }

    /// Why it was not answered.
    pub fn error(&self) -> ReplyError {
        self.error
    }

    /// The call.
    pub fn into_call(self) -> Mail<'a> {
        self.call
    }
}

impl From<Unanswered<'_>> for ReplyError {
    /// Drops the call.
    fn from(unanswered: Unanswered<'_>) -> Self {
        unanswered.error
    }
}

impl fmt::Debug for Unanswered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered").field("call", &self.call).field("error", &self.error).finish()
    }
}

impl fmt::Display for Unanswered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Unanswered<'_> {}
