//! The halves of an endpoint, as far as they hold back what others may wait for.

use crate::half::Member;
use crate::receive::Inbox;
use crate::send::Outbox;

/// What one thread has of an endpoint: either half, or both.
#[derive(Clone, Copy)]
pub struct Halves<'a> {
    pub sending: Option<(&'a Member, &'a Outbox)>,
    pub receiving: Option<(&'a Member, &'a Inbox)>,
}

impl Halves<'_> {
    /// Publishes what batches and drains hold back, before a wait: the peer that is waited for may wait for it. Whether
    /// there may have been some.
    #[inline(always)]
    pub fn publish(self) -> bool {
        let mut is_in_batch = false;
        if let Some((member, inbox)) = self.receiving
            && member.holds_back()
        {
            inbox.settle(member);
            is_in_batch = true;
        }
        if let Some((member, outbox)) = self.sending
            && member.is_in_batch()
        {
            outbox.flush(member);
            is_in_batch = true;
        }
        is_in_batch
    }
}
