//! The turn of the sender that a receive from anyone takes mail of.

use super::{BURST, Inbox, Incoming};

impl Inbox {
    pub(super) fn begin_turn(&self, peer: &Incoming) {
        self.turn_end.set(peer.consumer.next().wrapping_add(BURST));
    }

    /// How many mails the current sender may give before it is others' turn.
    #[inline(always)]
    pub(super) fn left_of_turn(&self, peer: &Incoming) -> u64 {
        let left = self.turn_end.get().wrapping_sub(peer.consumer.next());
        // More than that: a reset was taken meanwhile.
        if left > BURST { 0 } else { left }
    }

    /// Whether the current sender has had its turn for so long that others should be looked at.
    #[inline(always)]
    pub(super) fn is_turn_over(&self) -> bool {
        self.peers.get(self.current.get()).is_some_and(|peer| self.left_of_turn(peer) == 0)
    }
}
