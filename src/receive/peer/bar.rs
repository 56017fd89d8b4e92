//! A mailbox whose next message lacks memory.

use super::Incoming;
use crate::error::RecvError;
use crate::ring::Descriptor;
use std::time::Instant;

/// What the next message of a mailbox lacks.
#[derive(Clone, Copy)]
pub(super) enum Bar {
    Nothing,
    /// Private memory.
    Budget,
    /// Shared memory; until then nothing is tried.
    Space(Instant),
}

impl Incoming {
    /// Whether memory is lacking for the next message.
    pub fn is_barred(&self) -> bool {
        !matches!(self.bar.get(), Bar::Nothing)
    }

    /// Leaves a message unread for which memory is lacking. Nothing is taken before [`Incoming::lift_bar`].
    #[cold]
    pub(super) fn bar(&self, descriptor: &Descriptor, bar: Bar, error: RecvError) -> RecvError {
        self.consumer.put_back(descriptor.seq);
        self.complicate();
        self.silent.set(true);
        self.bar.set(bar);
        self.lacking.set(Some(descriptor.seq));
        error
    }

    /// Lets the next message be taken again, for which memory is lacking, if more of it is left by now. Whether nothing is
    /// lacking any more, as far as one knows.
    pub fn lift_bar(&self, has_budget: bool, has_space: bool) -> bool {
        let is_lifted = match self.bar.get() {
            Bar::Nothing => return true,
            Bar::Budget => has_budget,
            Bar::Space(until) => has_space || Instant::now() >= until,
        };
        if is_lifted {
            self.bar.set(Bar::Nothing);
            self.silent.set(false);
            self.untold.set(None);
        }
        is_lifted
    }
}
