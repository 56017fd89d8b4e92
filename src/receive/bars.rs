//! Mailboxes from which nothing is taken for a while.

use super::{Inbox, Incoming, NOBODY};
use crate::half::Member;

impl Inbox {
    /// Lets messages be taken again that lacked memory, if there may be some now.
    #[inline(always)]
    pub(super) fn lift_bars(&self, member: &Member) {
        if self.bars.get() {
            let has_budget = member.budget.take_growth();
            let barred = self.open_after(NOBODY).filter(|peer| !peer.lift_bar(has_budget, false));
            self.bars.set(barred.count() > 0);
        }
    }

    /// Lets announcements be taken again that waited until another message was fetched.
    pub fn lift_waiting(&self) {
        self.open_after(NOBODY).for_each(Incoming::lift_waiting);
    }
}
