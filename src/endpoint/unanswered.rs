//! A call that could not be answered.

use crate::error::ReplyError;
use core::error::Error;
use core::fmt;
use std::io;

/// A call that could not be answered, handed back so that it can be answered later, or in another way. Dropping it drops the
/// call, and its caller is told. The call is a [`Mail`](crate::Mail) or an [`OwnedMail`](crate::OwnedMail).
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
pub struct Unanswered<M> {
    call: M,
    error: ReplyError,
}

impl<M> Unanswered<M> {
    pub(crate) fn new(call: M, error: ReplyError) -> Self {
        Self { call, error }
    }

    /// Why it was not answered. [`Unanswered::into_call`] has an example.
    pub fn error(&self) -> ReplyError {
        self.error
    }

    /// The call.
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Region, ReplyError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"hello")?;
    /// let unanswered = me.recv()?.reply_within(b"hi", Deadline::Now).unwrap_err();
    /// assert_eq!(unanswered.error(), ReplyError::NotACall(1));
    /// assert_eq!(unanswered.into_call().to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_call(self) -> M {
        self.call
    }
}

impl<M> From<Unanswered<M>> for ReplyError {
    /// Drops the call.
    fn from(unanswered: Unanswered<M>) -> Self {
        unanswered.error
    }
}

impl<M> From<Unanswered<M>> for io::Error {
    /// Drops the call.
    fn from(unanswered: Unanswered<M>) -> Self {
        unanswered.error.into()
    }
}

impl<M: fmt::Debug> fmt::Debug for Unanswered<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered").field("call", &self.call).field("error", &self.error).finish()
    }
}

impl<M> fmt::Display for Unanswered<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<M: fmt::Debug> Error for Unanswered<M> {}
