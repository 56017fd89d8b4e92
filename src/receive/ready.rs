//! Whether a receive would return, for a thread that waits for several endpoints.

use super::{Inbox, Receive, Wanted};
use crate::error::{Broken, RecvError};
use crate::half::Member;
use crate::wait::{Operation, Step};

/// Whether a receive from anyone would return something: a mail, an end, an error. What it finds is left to that receive.
/// Takes in announced messages on the way.
pub struct Ready<'a> {
    inbox: &'a Inbox,
    member: &'a Member,
    receive: Receive<'a>,
    /// Whether the receive has something to say that is no mail.
    tells: bool,
}

impl<'a> Ready<'a> {
    pub fn new(inbox: &'a Inbox, member: &'a Member) -> Self {
        Self { inbox, member, receive: Receive::new(inbox, member, Wanted::ANYTHING), tells: false }
    }

    /// Whether it would, or there is something on the way to go on with.
    pub fn look(&mut self, thorough: bool) -> bool {
        self.tells = self.has_something_to_tell();
        self.tells || {
            let found = self.receive.look(thorough);
            self.keep(found)
        }
    }

    /// As `look`, after nothing was found for a while.
    pub fn check(&mut self, query: bool) -> bool {
        self.tells = self.has_something_to_tell();
        self.tells || {
            let found = self.receive.check(query);
            self.keep(found)
        }
    }

    /// Goes on with what was found; whether a receive would return.
    pub fn step(&mut self) -> bool {
        if self.tells || self.has_something_to_tell() || self.receive.is_certain() {
            return true;
        }
        let step = self.receive.step();
        if let Some((peer, descriptor)) = self.receive.found.take() {
            self.inbox.untake(peer, &descriptor);
        }
        self.keep(step.map(|step| step == Step::Done))
    }

    pub fn is_in_vain(&self) -> bool {
        self.receive.is_in_vain()
    }

    pub fn fall_asleep(&self) {
        if self.member.check().is_ok() {
            self.receive.fall_asleep();
        }
    }

    /// A rank that is lost says so each time.
    fn has_something_to_tell(&self) -> bool {
        self.inbox.keeps_error() || self.member.check().is_err()
    }

    fn keep(&mut self, found: Result<bool, RecvError>) -> bool {
        found.unwrap_or_else(|error| {
            self.inbox.keep_error(error);
            self.tells = true;
            true
        })
    }
}

impl Inbox {
    /// Leaves this to the next receive from anyone, which may have it to tell once only.
    fn keep_error(&self, error: RecvError) {
        self.kept_error.set(Some(error));
    }

    /// Whether there is such an error.
    fn keeps_error(&self) -> bool {
        self.kept_error.get().is_some()
    }

    /// Tells it.
    #[inline(always)]
    pub(super) fn take_kept_error(&self) -> Result<(), RecvError> {
        self.kept_error.take().map_or(Ok(()), Err)
    }

    /// The mailbox from this rank was reset: what was wrong with it is over.
    pub(super) fn forget_error_of(&self, rank: u32) {
        let of = match self.kept_error.get() {
            Some(RecvError::Held(of)) => of,
            Some(RecvError::Broken(Broken::Corrupt(of) | Broken::NoSpace(of))) => of,
            Some(RecvError::Broken(Broken::NoMemory { rank: of, .. } | Broken::Os { rank: of, .. })) => of,
            _ => return,
        };
        if of == rank {
            self.kept_error.set(None);
        }
    }
}
