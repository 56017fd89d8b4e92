//! How a group ends: because a member cannot begin, because a member has ended, because a member broke off, or because this rank
//! needs it no more.

use super::{Group, Seat};
use crate::abi::Cause;
use crate::half::Member;
use crate::rank::Status;
use crate::slot::{self, Reader};

/// The largest group in which each member that waits asks about all.
const MOST_ASKED: u32 = 64;

impl Group {
    /// Nothing more comes of the group, for this member and for all.
    pub fn break_off(&mut self, member: &Member, cause: Cause, other: u32) {
        if self.broken.is_some() {
            return;
        }
        self.broken = Some((cause, other));
        // Not in a forked child, and not if the rank has another holder.
        if member.check().is_ok() {
            self.writer.break_off(cause, other);
            self.ring_all(member);
        }
    }

    /// Finds out whether a member has died, as far as that is known. A look at one word if nothing has changed.
    #[inline(always)]
    pub fn look_for_deaths(&mut self, member: &Member) {
        let changes = member.region.registry.changes();
        if self.looked_for != changes {
            self.looked_for = changes;
            if let Some((cause, one)) = self.find_dead(member, |_| false) {
                self.break_off(member, cause, one);
            }
        }
    }

    /// Breaks off if nothing more can come. With `query`, asks the kernel. `go_on` carries the operation on, and says whether it is
    /// over: what is waited for may have come before the end that was found. Then this member waits for another one now, or for
    /// none.
    pub fn check(&mut self, member: &Member, query: bool, go_on: impl FnOnce(&mut Self) -> bool) {
        let Some(found) = self.find_end(member, query) else { return };
        if !go_on(self) && self.find_end(member, false) == Some(found) {
            self.break_off(member, found.0, found.1);
        }
    }

    /// Why nothing more may come: a member has died, or has broken off, or the one that is waited for has left.
    fn find_end(&self, member: &Member, query: bool) -> Option<(Cause, u32)> {
        // Larger groups leave the rest to the members that sleep: each asks about some ranks on behalf of all.
        let asks = |one: u32| query && (self.size() <= MOST_ASKED || self.awaited.get() == Some(one));
        let dead = || self.find_dead(member, asks);
        let told = || self.others().find_map(|(one, _)| self.told_by(member, one));
        let left =
            || self.awaited.get().filter(|one| self.has_left(member, *one)).map(|one| (Cause::Left, one));
        dead().or_else(told).or_else(left)
    }

    /// Why nothing more can come, as this member says.
    fn told_by(&self, member: &Member, one: u32) -> Option<(Cause, u32)> {
        let broken = self.reader(one).broken(self.size());
        broken.or_else(|| self.has_declined(member, one).then_some((Cause::GivenUp, one)))
    }

    /// Whether a member could not begin.
    fn has_declined(&self, member: &Member, one: u32) -> bool {
        let record = member.region.registry.rank(self.members[one as usize].0);
        slot::has_declined(&record.declined, self.slot, self.id)
    }

    fn has_left(&self, member: &Member, one: u32) -> bool {
        let (rank, epoch) = self.members[one as usize];
        self.has_dropped(member, one) || member.end_of_life(rank, epoch, false) == Some(Status::Left)
    }

    /// Whether a member uses the group no more. One that has dropped the group before it without using this one never will.
    pub(super) fn has_dropped(&self, member: &Member, one: u32) -> bool {
        let has_dropped_former = |(slot, id)| {
            let slot = member.region.segment.slot(slot, self.members[one as usize].0);
            Reader::new(slot, id).is_away()
        };
        let reader = self.reader(one);
        // In this order: one that uses it begins before it drops the other.
        reader.has_dropped()
            || self.has_declined(member, one)
            || self.before.is_some_and(has_dropped_former) && !reader.has_begun()
    }

    fn find_dead(&self, member: &Member, asks: impl Fn(u32) -> bool) -> Option<(Cause, u32)> {
        let is_dead = |(one, (rank, epoch)): &(u32, &Seat)| {
            let end = (*one != self.me).then(|| member.end_of_life(*rank, *epoch, asks(*one))).flatten();
            end.is_some_and(|end| end != Status::Left)
        };
        (0..).zip(&self.members).find(is_dead).map(|(one, _)| (Cause::Died, one))
    }

    /// This rank is done with the group.
    pub fn end(&mut self, member: &Member) {
        self.writer.drop_group(self.id);
        self.ring_all(member);
    }

    /// Whether no member reads there any more.
    pub fn is_over(&self, member: &Member) -> bool {
        let is_away = |(one, (rank, epoch)): (u32, &Seat)| {
            let is_away = || self.reader(one).is_away() || self.has_declined(member, one);
            one == self.me || is_away() || member.end_of_life(*rank, *epoch, true).is_some()
        };
        (0..).zip(&self.members).all(is_away)
    }
}

/// This rank cannot begin with the group of this number, which all these members have agreed on: tells them.
pub(super) fn decline(member: &Member, (slot, id): (u32, u64), members: &[Seat]) {
    let registry = &member.region.registry;
    slot::decline(&member.record().declined, slot, id);
    member.fence_for_ring();
    for (rank, _) in members.iter().filter(|(rank, _)| *rank != member.rank()) {
        let record = registry.rank(*rank);
        if !member.mail_needs_no_ring(record) {
            member.ring_mail(record);
        }
    }
}
