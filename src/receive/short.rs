//! Receives that find their mail at once, or in a moment.

use super::{Inbox, Incoming, Wanted};
use crate::error::RecvError;
use crate::half::Member;
use crate::rank::Source;
use crate::ring::Descriptor;
use crate::wait::{Deadline, look_soon};

impl Inbox {
    /// Takes a new whole mail from `source`, if there is one and nothing else needs to be done; from anyone, only of
    /// the current sender. `None` means nothing. Apart from the rest, so that this common case costs its caller no
    /// call.
    #[inline(always)]
    pub fn recv_new(&self, member: &Member, wanted: Wanted) -> Option<(&Incoming, Descriptor)> {
        if member.check().is_ok() { self.take_new(member, wanted) } else { None }
    }

    /// The same, or a mail from this rank that was left unread, in the common case only.
    #[inline(always)]
    pub fn recv_at_once(&self, member: &Member, wanted: Wanted) -> Option<(&Incoming, Descriptor)> {
        if member.check().is_err() {
            return None;
        }
        let peer = self.expected(wanted.source)?;
        if let Some(mail) = self.take_new_of(member, peer, wanted) {
            return Some((peer, mail));
        }
        if matches!(wanted.source, Source::Anyone) || !self.may_take_unread(peer, wanted) {
            return None;
        }
        let mail = peer.take_easy_unread(member, wanted.filter)?;
        self.count_again(peer);
        Some((peer, mail))
    }

    #[inline(always)]
    fn take_new(&self, member: &Member, wanted: Wanted) -> Option<(&Incoming, Descriptor)> {
        let peer = self.expected(wanted.source)?;
        self.take_new_of(member, peer, wanted).map(|mail| (peer, mail))
    }

    #[inline(always)]
    fn take_new_of(&self, member: &Member, peer: &Incoming, wanted: Wanted) -> Option<Descriptor> {
        if let Some(mail) = peer.consumer.take_new(member.limit, wanted.filter) {
            return Some(mail);
        }
        // A receive that was started may take it.
        if self.posted.is_empty() { self.take_any_call(member, peer, wanted) } else { None }
    }

    /// The same, but no call.
    #[inline(always)]
    pub fn next_in_turn(&self, member: &Member, wanted: Wanted) -> Option<(&Incoming, Descriptor)> {
        member.check().ok()?;
        let peer = self.expected(wanted.source)?;
        Some((peer, peer.consumer.take_new(member.limit, wanted.filter)?))
    }

    /// The call on the call line from `peer`, or the next one in its mailbox, if there is one that may be received now.
    #[inline(always)]
    fn take_any_call(&self, member: &Member, peer: &Incoming, wanted: Wanted) -> Option<Descriptor> {
        self.take_call(peer, wanted).or_else(|| take_call_in_lane(member, peer, wanted))
    }

    /// Whether there may be unread mail of this rank for this, and no receive that was started.
    #[inline(always)]
    fn may_take_unread(&self, peer: &Incoming, wanted: Wanted) -> bool {
        peer.may_have_unread(wanted.filter) && self.posted.is_empty()
    }

    /// Takes a mail from this rank that was left unread, or one behind such, if it is there and nothing else needs to be done.
    #[inline(always)]
    pub fn recv_unread(
        &self,
        member: &Member,
        wanted: Wanted,
    ) -> Result<Option<(&Incoming, Descriptor)>, RecvError> {
        let Source::Rank(rank) = wanted.source else { return Ok(None) };
        let is_apt = |peer: &&Incoming| self.may_take_unread(peer, wanted) && !peer.is_silent();
        let Some(peer) = self.peers.get(rank).filter(is_apt) else { return Ok(None) };
        Ok(self.take(member, wanted, peer, self.by_hand.get())?.map(|mail| (peer, mail)))
    }

    /// Waits a moment for what `recv_new` returns, if no other sender sent something lately. `None` means nothing.
    #[inline(always)]
    pub fn recv_soon(
        &self,
        member: &Member,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Option<(&Incoming, Descriptor)> {
        let peer = self.expected_soon(member, wanted.source)?;
        // The same as `recv_new` does, with fewer instructions; calls are a tenth faster by this. Each look reads the cell once: a second
        // one makes a round trip 4 % longer. A call in the lane is found as mail is, and taken behind the loop.
        let mut descriptor = None;
        look_soon(member, deadline, || {
            let is_there = peer.finds_mail(wanted.filter);
            descriptor = if is_there {
                peer.consumer.take_new(member.limit, wanted.filter)
            } else {
                self.take_call(peer, wanted)
            };
            is_there || descriptor.is_some()
        });
        Some((peer, descriptor.or_else(|| take_call_in_lane(member, peer, wanted))?))
    }

    /// One look of such a moment: whether the next mail is expected in some mailbox, and not there yet.
    #[inline(always)]
    pub fn is_still_expected(&self, member: &Member, wanted: Wanted) -> bool {
        self.expected_soon(member, wanted.source).is_some_and(|peer| !peer.finds(wanted.filter))
    }

    /// Waits such a moment. Whether there is something then that may be mail of this; it stays.
    pub fn finds_soon(&self, member: &Member, wanted: Wanted, deadline: Deadline) -> bool {
        let peer = self.expected_soon(member, wanted.source);
        peer.is_some_and(|peer| look_soon(member, deadline, || peer.finds(wanted.filter)))
    }

    /// The mailbox in which the next mail from `source` may come in a moment, if no other sender sent something lately and there is
    /// nothing else to do.
    #[inline(always)]
    fn expected_soon(&self, member: &Member, source: Source) -> Option<&Incoming> {
        if member.holds_back() || !self.posted.is_empty() {
            return None;
        }
        let peer = self.expected(source)?;
        // It may be time to look at other senders.
        let is_alone = || self.turns.borrow().is_one() && self.left_of_turn(peer) > 0;
        (matches!(source, Source::Rank(_)) || is_alone()).then_some(peer)
    }

    /// The mailbox in which the next mail from `source` is expected.
    #[inline(always)]
    pub fn expected(&self, source: Source) -> Option<&Incoming> {
        self.peers.get(match source {
            Source::Anyone => self.current.get(),
            Source::Rank(rank) => rank,
        })
    }
}

#[inline(always)]
fn take_call_in_lane(member: &Member, peer: &Incoming, wanted: Wanted) -> Option<Descriptor> {
    if wanted.filter.takes_calls() { peer.consumer.take_new_call(member.epoch()) } else { None }
}
