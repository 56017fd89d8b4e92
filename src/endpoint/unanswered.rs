//! A call that could not be answered.

use super::Mail;
use crate::error::ReplyError;
use core::error::Error;
use core::fmt;

/// A call that could not be answered, handed back so that it can be answered later, or in another way. Dropping it drops the
/// call, and its caller is told.
///
/// ```
/// use mailbox::Deadline;
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let question = me.to(1).start_call(b"how long?")?;
/// let call = server.recv()?;
/// // More than the region carries as a whole.
/// if let Err(unanswered) = call.reply_within(&vec![0; 2 << 20], Deadline::Now) {
///     println!("{unanswered}");
///     unanswered.into_call().reply(b"2 MiB")?;
/// }
/// assert_eq!(*question.wait()?, *b"2 MiB");
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
