//! The messages that a drain returns.

use super::{BURST, Inbox, Incoming, Wanted};
use crate::error::RecvError;
use crate::half::Member;
use crate::ring::Descriptor;

impl Inbox {
    /// The next message for a drain, and its mailbox, if it is there now. `None` also if only a receive can take what
    /// comes next. Takes in announced messages on the way.
    #[inline(never)]
    pub fn drain(
        &self,
        member: &Member,
        wanted: Wanted,
    ) -> Result<Option<(&Incoming, Descriptor)>, RecvError> {
        member.check()?;
        for _ in 0..BURST {
            let Some(peer) = self.look(member, wanted, true)? else { return Ok(None) };
            if wanted.filter.takes_calls() && peer.has_call() {
                return Ok(None);
            }
            let taken = self.take(member, wanted, peer, self.by_hand.get())?;
            if let Some((peer, descriptor)) = taken.and_then(|mail| self.offer(peer, mail)) {
                if descriptor.is_whole() && !descriptor.is_assembled() {
                    return Ok(Some((peer, descriptor)));
                }
                peer.put_back(&descriptor);
                return Ok(None);
            }
        }
        Ok(None)
    }
}
