//! Whether a call is over, for a thread that waits for several things.

use super::held::keeps_waiting;
use super::{Call, Way};
use crate::abi::CallId;
use core::mem::ManuallyDrop;

impl<'a> Call<'a> {
    /// What tells when it is over, for one that watches it. Never dropped. It changes nothing of the call, and may outlive it.
    pub(crate) fn watched(&self) -> ManuallyDrop<Call<'a>> {
        let Self { sender, receiver, peer, epoch, .. } = *self;
        ManuallyDrop::new(Self { sender, receiver, peer, epoch, way: self.way.get().into() })
    }

    /// Whether [`Call::try_wait`] would return something.
    pub(crate) fn has_news(&self) -> bool {
        match self.way.get() {
            Way::Line(stamp) => self.peer.caller.has_news(stamp),
            Way::Lane(seq) => {
                let (answers, id) = (&self.peer.answers, CallId::of_message(seq));
                answers.has(self.sender.parts().0, self.peer, id) || !answers.expects(id)
            }
            Way::Over => true,
        }
    }

    /// The same, after looks have found nothing for a while.
    pub(crate) fn check_news(&self, query: bool) -> bool {
        self.peer.answers.relieve(self.sender.parts().0, self.peer);
        let is_done = match self.way.get() {
            Way::Lane(seq) => self.peer.is_acknowledged(seq) != Ok(false),
            _ => false,
        };
        is_done || self.member().end_of_life(self.peer.to, self.epoch, query).is_some() || self.has_news()
    }

    /// Whether the server waits until this endpoint receives its mail, and no other thread does.
    pub(crate) fn is_held_up(&self) -> bool {
        self.receiver.is_some_and(|half| keeps_waiting(half, self.peer.to))
    }
}
