//! What may be taken from a mailbox.

use super::Incoming;
use crate::error::RecvError;
use crate::ring::Descriptor;
use std::time::Instant;

/// What a mailbox is in.
#[derive(Clone, Copy)]
pub(super) enum State {
    /// New whole messages are all there is to it.
    Plain,
    /// There may be more: mail that was left.
    Mixed,
    /// The next message was announced and is taken in; what is behind it waits.
    Arriving,
    /// The next message was announced, and waits until another was fetched.
    Behind,
    /// Private memory is lacking for the next message.
    LacksMemory,
    /// Shared memory is lacking for the next message; until then nothing is tried.
    LacksSpace(Instant),
    /// A reset is asked for.
    Resetting,
    /// It makes no sense.
    Corrupt,
}

impl State {
    /// Whether nothing can be taken from the lane.
    #[inline(always)]
    pub fn is_silent(self) -> bool {
        !matches!(self, State::Plain | State::Mixed)
    }

    #[inline(always)]
    pub fn is_plain(self) -> bool {
        matches!(self, State::Plain)
    }
}

impl Incoming {
    /// Whether memory is lacking for the next message.
    pub fn is_barred(&self) -> bool {
        matches!(self.state.get(), State::LacksMemory | State::LacksSpace(_))
    }

    pub fn is_corrupt(&self) -> bool {
        matches!(self.state.get(), State::Corrupt)
    }

    /// Leaves a message unread for which memory is lacking. Nothing is taken before [`Incoming::lift_bar`].
    #[cold]
    pub(super) fn bar(&self, descriptor: &Descriptor, state: State, error: RecvError) -> RecvError {
        self.consumer.put_back(descriptor.seq);
        self.enter(state);
        error
    }

    /// From now on nothing is taken without asking.
    pub(super) fn enter(&self, state: State) {
        self.state.set(state);
        self.consumer.grant(0);
    }

    /// From now on there is more to it than new whole messages.
    pub(super) fn complicate(&self) {
        if self.state.get().is_plain() {
            self.state.set(State::Mixed);
        }
        self.consumer.grant(0);
    }

    /// Something was taken: sees whether new whole messages are all there is to it.
    pub(super) fn settle_state(&self) {
        if self.state.get().is_silent() {
            return self.consumer.grant(0);
        }
        if self.returned().is_none() {
            self.state.set(State::Plain);
        } else {
            self.enter(State::Mixed);
        }
    }

    /// Lets an announcement be taken again that waits until another message was fetched.
    pub fn lift_waiting(&self) {
        if matches!(self.state.get(), State::Behind) {
            self.state.set(State::Mixed);
        }
    }

    /// Lets the next message be taken again, for which memory is lacking, if more of it is left by now. Whether nothing is
    /// lacking any more, as far as one knows.
    pub fn lift_bar(&self, has_budget: bool, has_space: bool) -> bool {
        let is_lifted = match self.state.get() {
            State::LacksMemory => has_budget || self.is_waiting_in_vain(),
            State::LacksSpace(until) => has_space || Instant::now() >= until,
            State::Behind => has_budget && has_space,
            _ => return true,
        };
        if is_lifted {
            self.state.set(if self.is_taken_in() { State::Arriving } else { State::Mixed });
        }
        is_lifted
    }
}
