//! What is received through a shared endpoint, and how long that waits.

use super::handle::Handle;
use super::mail::OwnedMail;
use super::receiving;
use crate::error::RecvError;
use crate::rank::Source;
use crate::wait::Deadline;
use core::fmt;
use std::sync::Arc;

/// What [`Shared::from`](crate::Shared::from) and [`Shared::from_any`](crate::Shared::from_any) give: from whom, and how long
/// it may wait.
#[derive(Clone, Copy)]
#[must_use = "it says how to receive, and receives nothing"]
pub struct SharedFrom<'a> {
    handle: &'a Arc<Handle>,
    source: Source,
    deadline: Deadline,
}

impl<'a> SharedFrom<'a> {
    #[inline(always)]
    pub(super) fn new(handle: &'a Arc<Handle>, source: Source) -> Self {
        Self { handle, source, deadline: Deadline::Never }
    }

    /// Waits no longer than this: a time from now on, or until a moment.
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }

    /// The next mail; waits until there is one. Errors as for [`RecvFrom::recv`](crate::RecvFrom::recv), but
    /// [`RecvError::Held`] only for mails that this thread took.
    #[inline]
    pub fn recv(self) -> Result<OwnedMail, RecvError> {
        receiving::recv(self.handle, self.source, self.deadline)?.ok_or(RecvError::Timeout)
    }

    /// The next mail, if there is one now; never waits for a peer. Errors as of [`SharedFrom::recv`].
    #[inline]
    pub fn try_recv(self) -> Result<Option<OwnedMail>, RecvError> {
        receiving::recv(self.handle, self.source, Deadline::Now)
    }
}

impl fmt::Debug for SharedFrom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFrom").field("source", &self.source).field("deadline", &self.deadline).finish()
    }
}
