//! What may be taken from a mailbox.

use super::Incoming;
use crate::error::RecvError;
use crate::ring::Descriptor;
use std::time::Instant;

/// The state of a mailbox.
#[derive(Clone, Copy)]
pub(super) enum State {
    /// It has only new whole messages.
    Plain,
    /// It may have other mail, too: mail that was put back.
    Mixed,
    /// The next message is announced and is being taken in. Later ones wait.
    Arriving,
    /// This message is announced, and waits until another one was fetched.
    Behind(u64),
    /// This message lacks private memory.
    LacksMemory(u64),
    /// This message lacks shared memory. Nothing is tried before this time.
    LacksSpace(u64, Instant),
    /// A reset was asked for.
    Resetting,
    /// Its words make no sense.
    Corrupt,
}

impl State {
    /// Whether nothing can be taken from the lane.
    #[inline(always)]
    pub fn is_silent(self) -> bool {
        !matches!(self, State::Plain | State::Mixed)
    }

    /// The message that cannot be taken, if there is one. Others can.
    pub fn lacks(self) -> Option<u64> {
        match self {
            Self::Behind(seq) | Self::LacksMemory(seq) | Self::LacksSpace(seq, _) => Some(seq),
            _ => None,
        }
    }

    #[inline(always)]
    pub fn is_plain(self) -> bool {
        matches!(self, State::Plain)
    }
}

impl Incoming {
    /// Whether the next message lacks memory.
    pub fn is_barred(&self) -> bool {
        matches!(self.state.get(), State::LacksMemory(_) | State::LacksSpace(..))
    }

    /// Whether the mailbox makes no sense.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.state.get(), State::Corrupt)
    }

    /// Leaves a message unread that lacks memory. Nothing is taken before [`Incoming::lift_bar`].
    #[cold]
    pub(super) fn bar(&self, descriptor: &Descriptor, state: State, error: RecvError) -> RecvError {
        self.leave(descriptor);
        self.enter(state);
        error
    }

    /// Enters this state. Nothing is taken without asking from now on.
    pub(super) fn enter(&self, state: State) {
        self.state.set(state);
        self.consumer.grant(0);
    }

    /// From now on there is more in it than new whole messages.
    pub(super) fn mark_mixed(&self) {
        if self.state.get().is_plain() {
            self.state.set(State::Mixed);
        }
        self.consumer.grant(0);
    }

    /// Something was taken: checks whether there are only new whole messages now.
    pub(super) fn settle_state(&self) {
        if self.state.get().is_silent() {
            return self.consumer.grant(0);
        }
        if self.kept.unread() == 0 {
            self.state.set(State::Plain);
        } else {
            self.enter(State::Mixed);
        }
    }

    /// Lets an announcement be taken again that waits until another message was fetched.
    pub fn lift_waiting(&self) {
        if matches!(self.state.get(), State::Behind(_)) {
            self.state.set(State::Mixed);
        }
    }

    /// Lets the next message be taken again, which lacked memory, if there may be more of that by now. Returns
    /// whether nothing is lacking any more, as far as is known.
    pub fn lift_bar(&self, has_budget: bool, has_space: bool) -> bool {
        let is_lifted = match self.state.get() {
            State::LacksMemory(seq) => has_budget || self.is_waiting_in_vain(seq),
            State::LacksSpace(_, until) => has_space || Instant::now() >= until,
            State::Behind(_) => has_budget && has_space,
            _ => return true,
        };
        if is_lifted {
            self.state.set(if self.is_taken_in() { State::Arriving } else { State::Mixed });
        }
        is_lifted
    }
}
