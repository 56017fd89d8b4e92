//! Resets of mailboxes that make no sense.

use super::{Inbox, NOBODY};
use crate::error::{Broken, RecvError};
use crate::half::Member;

impl Inbox {
    /// Gives up all that is in the mailbox from `from`, and asks that sender for a reset.
    pub fn reset(&mut self, member: &Member, from: u32) -> Result<(), RecvError> {
        member.check()?;
        if !self.peers.reaches(from) {
            return Err(Broken::NoSuchRank { rank: from, ranks: self.peers.ranks() }.into());
        }
        self.discover(member);
        self.forget_error_of(from);
        self.forget_mails_of(from);
        // If nothing was ever sent, there is nothing to give up.
        if let Some(peer) = self.peers.get_mut(from) {
            peer.reset(member);
            self.asks.set(true);
            member.set_resetting(true);
        }
        Ok(())
    }

    /// Takes the resets that were asked for, as far as the senders have given them.
    #[inline(always)]
    pub(super) fn take_reset(&self, member: &Member) {
        if self.asks.get() {
            self.take_all_resets(member);
        }
    }

    #[cold]
    fn take_all_resets(&self, member: &Member) {
        let mut asks = false;
        for peer in self.open_after(NOBODY).filter(|peer| peer.consumer.is_resetting()) {
            peer.take_reset(member);
            asks |= peer.consumer.is_resetting();
        }
        self.asks.set(asks);
        member.set_resetting(asks);
    }
}
