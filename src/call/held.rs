//! A server that waits for its caller.

use crate::endpoint::{RecvHalf, SendHalf};
use crate::error::CallError;
use crate::rank::Source;
use crate::send::Outgoing;
use crate::wait::Looks;
use core::cell::Cell as Private;

/// A wait for a server, which may itself wait for this rank, that receives nothing meanwhile.
pub struct HeldUp<'a> {
    sender: &'a SendHalf,
    /// The other half, if the same thread has it.
    receiver: Option<&'a RecvHalf>,
    peer: &'a Outgoing,
    /// Whether a thread waits: one that does not may receive meanwhile.
    waits: Private<bool>,
    looks: Looks,
}

impl<'a> HeldUp<'a> {
    pub fn new(sender: &'a SendHalf, receiver: Option<&'a RecvHalf>, peer: &'a Outgoing) -> Self {
        Self { sender, receiver, peer, waits: false.into(), looks: Looks::default() }
    }

    /// Whether the thread waits.
    pub fn waits(&self) -> bool {
        self.waits.get()
    }

    /// The thread falls asleep: says whom it waits for.
    pub fn fall_asleep(&self) {
        let whom = Source::Rank(self.peer.to);
        match self.receiver {
            Some(receiver) => receiver.parts().0.fall_asleep_for_mail(whom),
            None => {
                self.sender.parts().0.announce(whom);
            }
        }
    }

    /// The thread begins to wait.
    pub fn begin(&self) {
        self.waits.set(true);
    }

    /// As `check`, for one of many looks.
    pub fn check_now_and_then(&self) -> Result<(), CallError> {
        if self.looks.count_look() { self.check() } else { Ok(()) }
    }

    /// Gives the room for its answers back that the server waits for; says that it waits for mail to be received. Its words
    /// may lie; then this is wrong, and no more.
    pub fn check(&self) -> Result<(), CallError> {
        if !self.waits.get() {
            return Ok(());
        }
        let Self { sender, receiver, peer, .. } = *self;
        peer.answers.relieve(sender.parts().0, peer);
        if receiver.is_some_and(|half| keeps_waiting(half, peer.to)) {
            return Err(CallError::Held(peer.to));
        }
        Ok(())
    }
}

/// Whether this server waits until mail of it is received by this half, and no other thread may do that meanwhile.
pub fn keeps_waiting(half: &RecvHalf, server: u32) -> bool {
    let (member, inbox) = half.parts();
    member.finds_alone() && inbox.keeps_waiting(member, server)
}
