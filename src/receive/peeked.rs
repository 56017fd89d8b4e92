//! A look at the next message, which stays.

use super::{Inbox, Incoming, Wanted};
use crate::error::RecvError;
use crate::half::Member;
use crate::ring::Descriptor;
use crate::wait::pace::BURST;

impl Inbox {
    /// The next message of what is wanted, if it is there now; it stays where it is, and is what the next receive from there
    /// takes. Takes in announced messages on the way.
    pub fn peek(
        &self,
        member: &Member,
        wanted: Wanted,
    ) -> Result<Option<(&Incoming, Descriptor)>, RecvError> {
        member.check()?;
        for _ in 0..BURST {
            let Some(peer) = self.look(member, wanted, true)? else { return Ok(None) };
            let call = self.take_call(peer, wanted);
            if let Some((peer, call)) = call.and_then(|call| self.offer(peer, call)) {
                self.untake(peer, &call);
                return Ok(Some((peer, call)));
            }
            let mail = self.take(member, wanted, peer, self.by_hand.get())?;
            if let Some((peer, mail)) = mail.and_then(|mail| self.offer(peer, mail)) {
                self.untake(peer, &mail);
                // A call that was asked before this message was sent comes before it, and may have been missed.
                if !(wanted.filter.takes_calls() && peer.has_call()) {
                    return Ok(Some((peer, mail)));
                }
            }
        }
        Ok(None)
    }

    /// The message of this number from `rank` that a look has left, if it is still unread. `None` also if it was an announcement
    /// that is taken in now.
    pub fn take_peeked(
        &self,
        member: &Member,
        rank: u32,
        seq: u64,
    ) -> Result<Option<(&Incoming, Descriptor)>, RecvError> {
        member.check()?;
        let Some(peer) = self.peer(member, rank) else { return Ok(None) };
        Ok(peer.take_unread(member, seq, self.by_hand.get())?.map(|mail| (peer, mail)))
    }

    /// Leaves unread what was just taken, as if nobody had looked: it is what the next receive from there takes.
    pub(super) fn untake(&self, peer: &Incoming, descriptor: &Descriptor) {
        peer.put_back(descriptor);
        let left = self.turn_end.get().wrapping_sub(peer.consumer.next());
        if peer.from == self.current.get() && left < self.turn.get() {
            // It is one of the turn once more.
            self.turn_end.set(self.turn_end.get().wrapping_add(1));
        }
    }
}
