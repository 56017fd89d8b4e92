//! A receive that is under way.

use super::ends::{Found, ended};
use super::news::News;
use super::{Inbox, Incoming, NOBODY, Wanted};
use crate::abi::Filter;
use crate::error::{Broken, RecvError};
use crate::half::Member;
use crate::rank::Source;
use crate::ring::Descriptor;
use crate::wait::{Interrupted, Looks, Operation, Step};

/// Takes the next mail of what is wanted. Takes in announced messages on the way.
pub struct Receive<'a> {
    inbox: &'a Inbox,
    member: &'a Member,
    pub(super) wanted: Wanted,
    /// Whether announcements are returned as mails.
    by_hand: bool,
    looks: Looks,
    /// The mailbox that has something, or the end to be reported.
    pub(super) ready: Option<Found<'a>>,
    /// The mail that was taken, and its mailbox.
    pub found: Option<(&'a Incoming, Descriptor)>,
}

impl<'a> Receive<'a> {
    /// One that has not looked yet.
    #[inline(always)]
    pub fn new(inbox: &'a Inbox, member: &'a Member, wanted: Wanted) -> Self {
        let by_hand = inbox.by_hand.get();
        Self { inbox, member, wanted, by_hand, looks: Looks::default(), ready: None, found: None }
    }

    /// The same, with announcements returned as mails.
    pub fn by_hand(self) -> Self {
        Self { by_hand: true, ..self }
    }

    /// Takes what is next in this mailbox. `None` if it was a part of a message, or something that was reported
    /// before.
    #[inline(always)]
    fn take(&self, peer: &Incoming) -> Result<Option<Descriptor>, RecvError> {
        let Self { inbox, member, wanted, by_hand, .. } = *self;
        // Before mail, because there may always be more mail.
        if let Some(descriptor) = inbox.take_call(peer, wanted) {
            return Ok(Some(descriptor));
        }
        inbox.take(member, wanted, peer, by_hand)
    }

    /// Whether a step would return what the look found: an end, or any kind of mail.
    pub(super) fn is_certain(&self) -> bool {
        match self.ready {
            // A receive that was started may take it.
            Some(Found::Mail(peer)) => {
                !self.inbox.has_posted() && peer.certain(self.member, self.wanted.filter).is_some()
            }
            Some(Found::End(_)) => true,
            None => false,
        }
    }

    /// Looks for an end, and for mail that comes before it.
    pub(super) fn find_end(&mut self, query: bool) -> Result<bool, RecvError> {
        let Self { inbox, member, wanted, .. } = *self;
        self.ready = match wanted.source {
            Source::Anyone => inbox.ends(member, wanted.filter, query)?,
            Source::Rank(rank) => inbox.end(member, rank, wanted, query)?.map(Found::Mail),
        };
        Ok(self.ready.is_some())
    }

    /// Whether only the other half could send what this waits for, and that half is gone.
    fn is_only_its_own(&self) -> bool {
        let is_own =
            self.wanted.source == Source::Rank(self.member.rank()) || self.member.region.ranks() == 1;
        is_own && self.member.finds_alone()
    }

    /// Moves unread mail out of the way where that keeps senders from sending. An error if nothing can come because of mail that
    /// is not moved, or is held: nobody drops it while this waits. A receive from anyone reports it only once, because
    /// other ranks may send.
    fn make_room(&self) -> Result<(), RecvError> {
        let Self { inbox, member, wanted: Wanted { source, filter, .. }, .. } = *self;
        match source {
            Source::Rank(rank) => {
                inbox.peers.get(rank).map_or(Ok(()), |peer| inbox.make_room(member, peer, filter, false))
            }
            Source::Anyone => {
                inbox.open_after(NOBODY).try_for_each(|peer| inbox.make_room(member, peer, filter, true))
            }
        }
    }
}

impl Inbox {
    /// As [`Incoming::make_room`], after results of receives that were started are out of the way.
    fn make_room(
        &self,
        member: &Member,
        peer: &Incoming,
        filter: Filter,
        once: bool,
    ) -> Result<(), RecvError> {
        if self.move_results(member, peer, filter) {
            return Ok(());
        }
        match peer.make_room(member, filter, once) {
            // The sender may have said so between the two looks.
            Err(RecvError::Held(_)) if self.move_results(member, peer, filter) => Ok(()),
            // It came after the receives that take it had looked.
            Err(RecvError::Crowded { .. }) if self.has_unread_for_posted(peer) => {
                self.tend(member);
                Ok(())
            }
            outcome => outcome,
        }
    }
}

impl From<Interrupted> for RecvError {
    fn from(_: Interrupted) -> Self {
        RecvError::Interrupted
    }
}

impl Operation for Receive<'_> {
    type Error = RecvError;

    fn look(&mut self, thorough: bool) -> Result<bool, RecvError> {
        let Self { inbox, member, wanted, .. } = *self;
        self.ready = None;
        if wanted.is_from_anyone() {
            inbox.take_kept_error()?;
        }
        // Once in a turn: so a receive that always finds mail is told of a death, too.
        if wanted.is_from_anyone() && inbox.is_turn_over() && member.is_question_due() {
            member.watch();
            self.ready = inbox.ends_between_turns(member, wanted.filter, true)?;
        }
        if self.ready.is_none() {
            self.ready = inbox.look(member, wanted, thorough)?.map(Found::Mail);
        }
        // A half that polls for a long time is not checked meanwhile.
        if self.ready.is_none() && !thorough && self.looks.count_look() {
            self.make_room()?;
        }
        Ok(self.ready.is_some())
    }

    fn check(&mut self, query: bool) -> Result<bool, RecvError> {
        let Self { inbox, member, wanted, .. } = *self;
        if let Err(lost) = member.check_place(query) {
            // What is there comes first.
            self.ready = inbox.look(member, wanted, true)?.map(Found::Mail);
            return if self.ready.is_some() { Ok(true) } else { Err(lost.into()) };
        }
        if self.is_only_its_own() {
            // The other half may have sent something before it went.
            self.ready = Some(Found::Mail(inbox.look(member, wanted, true)?.ok_or(Broken::Oneself)?));
            return Ok(true);
        }
        if self.find_end(query)? {
            return Ok(true);
        }
        self.make_room()?;
        Ok(false)
    }

    fn step(&mut self) -> Result<Step, RecvError> {
        self.found = match self.ready {
            Some(Found::Mail(peer)) => self.take(peer)?.and_then(|mail| self.inbox.offer(peer, mail)),
            Some(Found::End(end)) => {
                self.inbox.note(News::Ended(end));
                return Err(ended(end.rank, end.died));
            }
            None => None,
        };
        Ok(if self.found.is_some() { Step::Done } else { Step::Went })
    }

    fn is_in_vain(&self) -> bool {
        self.is_only_its_own()
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(self.wanted.source);
    }
}
