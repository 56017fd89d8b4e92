//! Whether a receive would return, for a thread that waits for several things.

use super::{Inbox, Incoming, NOBODY, Receive, Wanted};
use crate::abi::Filter;
use crate::error::{Broken, RecvError};
use crate::half::Member;
use crate::rank::Source;
use crate::wait::pace::LONG_TURN;
use crate::wait::{Operation, Step};

/// Whether a receive would return something: a mail, an end, an error. What it finds is left to that receive.
/// Takes in announced messages on the way.
pub struct Ready<'a> {
    inbox: &'a Inbox,
    member: &'a Member,
    receive: Receive<'a>,
    /// Whether the receive has something to say that is no mail.
    tells: bool,
}

impl<'a> Ready<'a> {
    pub fn new(inbox: &'a Inbox, member: &'a Member, wanted: Wanted) -> Self {
        Self { inbox, member, receive: Receive::new(inbox, member, wanted), tells: false }
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

    /// Whether it would tell an end, and there is no mail. A look for ends alone: no sender has a turn for it.
    pub fn has_end(&mut self, query: bool) -> bool {
        let Self { inbox, member, .. } = *self;
        let wanted = self.receive.wanted;
        let found = match wanted.source {
            _ if self.is_in_vain() => Ok(false),
            Source::Anyone => inbox
                .ends_between_turns(member, wanted.filter, query)
                .map(|found| found.is_some() && !inbox.finds_any(wanted.filter)),
            // Mail that comes before it is told as mail.
            Source::Rank(rank) => inbox.end(member, rank, wanted, query).map(|_| false),
        };
        self.keep(found)
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

    /// A rank that is lost says so each time.
    fn has_something_to_tell(&self) -> bool {
        self.is_from_anyone() && self.inbox.keeps_error() || self.member.check().is_err()
    }

    fn is_from_anyone(&self) -> bool {
        self.receive.wanted.is_from_anyone()
    }

    fn keep(&mut self, found: Result<bool, RecvError>) -> bool {
        found.unwrap_or_else(|error| {
            // A receive from one rank finds it again.
            if self.is_from_anyone() {
                self.inbox.keep_error(error);
            }
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

    /// From whom the next mail of this comes, and its label, if it is there for certain and nothing else is to be done first. `None`
    /// says nothing; also if it was told before, and was not received. `tells_all`: some arm receives from anyone, and so tells what is
    /// not of one rank.
    pub fn foresee(&self, member: &Member, wanted: Wanted, tells_all: bool) -> Option<(u32, u64)> {
        let is_over = wanted.is_from_anyone() && self.is_turn_over();
        let tells = tells_all && (self.keeps_error() || is_over && member.is_question_due());
        if tells || self.has_posted() || member.check().is_err() {
            return None;
        }
        let certain =
            |peer| Incoming::certain(peer, member, wanted.filter).map(|(seq, label)| (peer, seq, label));
        let expected = if is_over { None } else { self.expected(wanted.source).and_then(certain) };
        let (peer, seq, label) = expected.or_else(|| certain(self.look(member, wanted, false).ok()??))?;
        self.take_untold(peer, seq).then_some((peer.from, label))
    }

    /// Whether this is another mail than was told last, of this sender or another. It is told now.
    pub fn take_untold(&self, peer: &Incoming, seq: u64) -> bool {
        let last = self.told_of.replace(peer.from);
        if last != peer.from {
            self.peers.get(last).into_iter().for_each(Incoming::forget_told);
        }
        peer.take_untold(seq)
    }

    /// How many mails from this source a receive takes before it looks at other senders.
    pub fn row(&self, source: Source) -> u64 {
        match source {
            Source::Anyone => self.expected(source).map_or(0, |peer| self.left_of_turn(peer)),
            Source::Rank(_) => LONG_TURN,
        }
    }

    /// Whether a look finds no mail of this, and has nothing else to tell that is not of one rank.
    pub fn is_silent(&self, member: &Member, wanted: Wanted, tells_all: bool, thorough: bool) -> bool {
        let tells = tells_all && self.tells(member, wanted.filter);
        !tells && matches!(self.look(member, wanted, thorough), Ok(None))
    }

    /// Whether there is mail of this, from anyone.
    fn finds_any(&self, filter: Filter) -> bool {
        self.open_after(NOBODY).any(|peer| peer.finds(filter))
    }

    /// Whether a receive from anyone has something to tell that is no mail. Asks once in a turn, as it does. If each arm asked for
    /// itself, the first would give the sender whose turn is over another one.
    fn tells(&self, member: &Member, filter: Filter) -> bool {
        if self.keeps_error() || !(self.is_turn_over() && member.is_question_due()) {
            return self.keeps_error();
        }
        match self.ends(member, filter, true) {
            Ok(None) => {
                member.watch();
                return false;
            }
            Ok(Some(_)) => {}
            Err(error) => self.keep_error(error),
        }
        true
    }

    /// Whether a receive from this rank has an error to tell, though there may be no mail.
    pub fn is_troubled(&self, rank: u32) -> bool {
        let is_troubled = |peer: &Incoming| peer.is_corrupt() || peer.is_barred();
        !self.peers.reaches(rank) || self.peers.get(rank).is_some_and(is_troubled)
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
