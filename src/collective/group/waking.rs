//! How a member that sleeps is woken.
//!
//! A sleeper says in its slot for which rank it waits, so that all others leave it asleep.
//!
//! ```text
//!  sleeper                                    member that goes on
//!  `awaits` = the rank that it waits for      publish a line, or say which rounds are finished
//!  set the bit of its bell                    look at all bells; no bit is set: done
//!  barrier in every ringer, or full fence     full fence
//!  look once more; it waits for another now:  ring those whose bit is set, and that await this rank, or any
//!    `awaits` = that one, full fence, look
//!  nothing: sleep
//! ```
//! No wake-up is lost:
//! - *The bit* is as with mail ([`crate::rank`]): a member that does not see it had published before the sleeper's barrier, or
//!   before its own fence if the bell asks for one. Then the sleeper's look sees that.
//! - *`awaits`, stored before the barrier.* The member that saw the bit fences before it looks at that word. If its fence comes
//!   before the sleeper's barrier, the sleeper's look sees what it has published. Otherwise it sees that word.
//! - *`awaits`, changed by a look.* A sleeper's look may take what one rank has published, and then waits for another. No barrier
//!   follows. So the sleeper fences after the change, and looks at that rank again. The other rank's fence is the same as before,
//!   and one of the two comes first.
//!
//! All else that a sleeper may wait for (a request or a decision in `shrink`, an end) rings everybody.

use super::Group;
use crate::half::Member;

impl Group {
    /// Wakes the members that sleep until this one goes on.
    #[inline(always)]
    pub(super) fn ring(&self, member: &Member) {
        let registry = &member.region.registry;
        let is_alert = |rank: u32| member.mail_needs_no_ring(registry.rank(rank));
        if !self.others().all(|(_, rank)| is_alert(rank)) {
            self.ring_sleepers(member, |one| self.reader(one).awaits(member.rank()));
        }
    }

    #[cold]
    fn ring_sleepers(&self, member: &Member, is_due: impl Fn(u32) -> bool) {
        let registry = &member.region.registry;
        // What a sleeper awaits was stored before it set its bit.
        member.fence_for_ring();
        for (one, rank) in self.others() {
            let record = registry.rank(rank);
            if !member.mail_needs_no_ring(record) && is_due(one) {
                member.ring_mail(record);
            }
        }
    }

    /// Notes for whom this rank waits, and says so to the members that may find it asleep. Whether it must look once more.
    #[inline(always)]
    pub(super) fn await_member(&self, member: &Member, one: Option<u32>) -> bool {
        if one != self.awaited.get() {
            self.awaited.set(one);
            let is_asleep = member.is_asleep();
            self.writer.awaits(one.map(|one| self.members[one as usize].0), is_asleep);
            return is_asleep;
        }
        false
    }

    /// Wakes all members.
    pub(super) fn ring_all(&self, member: &Member) {
        self.ring_sleepers(member, |_| true);
    }
}
