//! The turn of the sender that a receive from anyone takes mail of.

use super::{BURST, Inbox, Incoming};
use crate::os;
use crate::wait::pace::{LONG_TURN, QUICK_TURN};

impl Inbox {
    /// The next turn is this sender's. It is longer than the last one where all others were looked at and had no mail, and the
    /// mails of the last one took little time: so others never wait for long.
    pub(super) fn begin_turn(&self, peer: &Incoming) {
        let is_alone = self.current.replace(peer.from) == peer.from;
        let is_quick = || {
            let now = os::uptime_lately();
            now.saturating_sub(self.turn_began.replace(now)) < QUICK_TURN
        };
        let is_long = is_alone && !self.turns.borrow().has_idle() && is_quick();
        let length = if is_long { (self.turn.get() * 2).min(LONG_TURN) } else { BURST };
        self.turn.set(length);
        self.turn_end.set(peer.consumer.next().wrapping_add(length));
    }

    /// How many mails the current sender may give before it is others' turn.
    #[inline(always)]
    pub(super) fn left_of_turn(&self, peer: &Incoming) -> u64 {
        let left = self.turn_end.get().wrapping_sub(peer.consumer.next());
        // More than that: a reset was taken meanwhile.
        if left > self.turn.get() { 0 } else { left }
    }

    /// A mail of this sender that was taken a second time counts as one of its turn, too; so does a part of an announced message.
    #[inline(always)]
    pub(super) fn count_again(&self, peer: &Incoming) {
        if peer.from == self.current.get() {
            self.turn_end.set(self.turn_end.get().wrapping_sub(1));
        }
    }

    /// Whether the current sender has had its turn for so long that others should be looked at.
    #[inline(always)]
    pub(super) fn is_turn_over(&self) -> bool {
        self.peers.get(self.current.get()).is_some_and(|peer| self.left_of_turn(peer) == 0)
    }
}
