//! How those that are left of a group agree on the next one.
//!
//! Each member asks, in its own slot, and says which slots it could use. Then it looks at all members in their order, for the
//! first that has decided. It passes one over only if that has ended without a decision. A member that has passed over all
//! before it decides itself, once each other one has asked or ended: those that have asked are the next group.
//!
//! All find the same decision. What a member has written stays when the member dies, and the kernel says for certain whether it
//! is dead. So whether a member has decided is never in doubt: all pass the same ones over, and take the decision of the first
//! that has one. If that member dies afterwards, the next group has a dead member, and is shrunk in its turn.
//!
//! A later life of a dead member may write there. So a member looks for the life after what it has read. It needs no look at one
//! that had ended before it asked: nobody decides before this member has asked. What is left is a member that ends and comes back
//! between two looks at it. Then nothing is known of its decision, and the agreement fails here.

use super::super::stop::Stop;
use super::{Group, Seat};
use crate::abi::{Cause, LIST_WORDS};
use crate::half::Member;
use crate::slot::Decided;

/// The next group: its slot, its number, and its members.
pub type Next = (Option<u32>, u64, Vec<Seat>);

impl Group {
    /// Asks for a group of those that are left, unless it has. These slots are free here, and stay so until there is a decision.
    pub fn ask_for_shrink(&mut self, member: &Member, free: u64) {
        if self.asked == self.shrinks {
            self.asked += 1;
            let ended = (0..self.size()).map(|one| one != self.me && self.has_ended(member, one, true));
            self.passed = ended.collect();
            self.promised = free;
            self.writer.ask_for_shrink(self.asked, free);
            self.await_member(member, None);
            self.ring_all(member);
        }
    }

    /// The slots that another member may choose for a group of those that are left, one bit for each.
    pub fn promised(&self) -> u64 {
        if self.asked == self.shrinks { 0 } else { self.promised }
    }

    /// What all have agreed on, if there is a decision. `id` is the number of the group if this rank decides. With `query`, asks
    /// the kernel who has ended.
    pub fn look_for_shrink(&mut self, member: &Member, id: u64, query: bool) -> Result<Option<Next>, Stop> {
        for one in 0..self.me {
            if self.passed[one as usize] {
                continue;
            }
            let has_ended = self.has_ended(member, one, query);
            // After the look at its life: it decides no more.
            let decision = self.reader(one).decision(self.asked);
            self.end_copy(member, one)?;
            if let Some(decided) = decision {
                return self.adopt(one, decided).map(Some);
            }
            if !has_ended {
                return Ok(None);
            }
            self.passed[one as usize] = true;
        }
        let mut decided = Decided { slot: 0, id, members: [0; LIST_WORDS] };
        let mut free = self.promised;
        for one in 0..self.size() {
            if self.passed[one as usize] {
                continue;
            }
            if one != self.me {
                match self.reader(one).free(self.asked) {
                    Some(bits) => free &= bits,
                    None if self.has_ended(member, one, query) => continue,
                    None => return Ok(None),
                }
            }
            decided.members[one as usize / 64] |= 1 << (one % 64);
        }
        decided.slot = free.trailing_zeros().into();
        self.writer.decide(self.asked, &decided);
        self.ring_all(member);
        self.adopt(self.me, decided).map(Some)
    }

    /// Whether a member takes no part any more.
    fn has_ended(&self, member: &Member, one: u32, query: bool) -> bool {
        let (rank, epoch) = self.members[one as usize];
        member.end_of_life(rank, epoch, query).is_some() || self.has_dropped(member, one)
    }

    /// Takes what member `by` has decided.
    fn adopt(&mut self, by: u32, decided: Decided) -> Result<Next, Stop> {
        self.shrinks = self.asked;
        let is_in = |one: usize| decided.members[one / 64] >> (one % 64) & 1 == 1;
        if !is_in(self.me as usize) {
            // Only a member that breaks the rules leaves this one out.
            return Err(Stop::Member(Cause::GivenUp, by));
        }
        let members = self.members.iter().enumerate().filter(|(one, _)| is_in(*one)).map(|(_, seat)| *seat);
        // A slot that cannot be is none, and so is one that this rank uses for something else.
        let is_free = decided.slot < 64 && self.promised >> decided.slot & 1 == 1;
        let slot = is_free.then_some(decided.slot as u32);
        Ok((slot, decided.id, members.collect()))
    }

    /// The ranks whose part in the agreement is missing.
    pub fn missing_in_shrink(&self, member: &Member) -> Vec<u32> {
        let is_missing = |(one, _): &(u32, u32)| {
            self.reader(*one).free(self.asked).is_none() && !self.has_ended(member, *one, true)
        };
        self.others().filter(is_missing).map(|(_, rank)| rank).collect()
    }
}
