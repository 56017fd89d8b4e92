//! A call under way whose endpoint is another thread's between two looks.

use super::{Call, Reply, Way};
use crate::endpoint::Endpoint;
use crate::error::{CallError, End, SendError};
use crate::send::{Progress, Room, living_taker};
use crate::wait::{Deadline, Operation};
use core::cell::Cell as Private;
use core::mem::ManuallyDrop;

/// A call under way, without its endpoint. It is to be [given up](PausedCall::give_up) in the end, or over.
#[derive(Clone, Copy)]
pub struct PausedCall {
    to: u32,
    epoch: u64,
    way: Way,
}

impl PausedCall {
    /// Begins a call, if there is room for the request now, and one more may be under way. Where it `waits` for room, the
    /// server is told that it does.
    pub fn begin(me: &Endpoint, to: u32, request: &[u8], waits: bool) -> Result<Option<Self>, CallError> {
        match Call::begin(me.to(to).within(Deadline::Now), request) {
            Ok(call) => Ok(Some(Self::pause(call))),
            Err(CallError::Request(SendError::Full(_))) if waits => {
                Self::wait(me, to, request.len()).map(|()| None)
            }
            Err(CallError::Request(SendError::Full(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells the server that this rank waits for room. Takes in answers that the server waits for itself.
    fn wait(me: &Endpoint, to: u32, len: usize) -> Result<(), CallError> {
        let (sender, _) = me.halves();
        let (member, outbox) = sender.parts();
        let Some(peer) = outbox.opened(to) else { return Ok(()) };
        peer.answers.relieve(member, peer);
        if !peer.answers.has_credit(member, peer, living_taker(member, to)?)? {
            // That is not told: to the server it means that nothing more comes, and here others may send.
            return Ok(());
        }
        let mut room = Room::resume(member, peer, len, Progress::AT_ONCE);
        room.begin_wait();
        room.look(true)?;
        room.pause();
        Ok(())
    }

    fn pause(call: Call<'_>) -> Self {
        let call = ManuallyDrop::new(call);
        Self { to: call.peer.to, epoch: call.epoch, way: call.way.get() }
    }

    fn resume(self, me: &Endpoint) -> Option<Call<'_>> {
        let (sender, receiver) = me.halves();
        let peer = sender.parts().1.opened(self.to)?;
        let receiver = Some(receiver);
        Some(Call { sender, receiver, peer, epoch: self.epoch, way: Private::new(self.way) })
    }

    /// The answer, if it is there.
    pub fn look(&mut self, me: &Endpoint) -> Result<Option<Reply>, CallError> {
        self.go_on(me, |call| call.look())
    }

    /// Whether the answer can still come; the answer, if it has come meanwhile. Without `query` it does not ask the kernel.
    pub fn check(&mut self, me: &Endpoint, query: bool) -> Result<Option<Reply>, CallError> {
        self.go_on(me, |call| {
            call.peer.answers.relieve(call.sender.parts().0, call.peer);
            call.check_server(query)
        })
    }

    fn go_on<R>(
        &mut self,
        me: &Endpoint,
        work: impl FnOnce(&Call<'_>) -> Result<Option<R>, CallError>,
    ) -> Result<Option<R>, CallError> {
        let over = CallError::Unanswered { rank: self.to, end: End::Dropped };
        let call = self.resume(me).ok_or(over)?;
        let result = work(&call);
        *self = Self::pause(call);
        result
    }

    /// Whether the answer may be there.
    pub fn may_have_come(&self, me: &Endpoint) -> bool {
        self.resume(me).is_none_or(|call| ManuallyDrop::new(call).may_have_come())
    }

    /// The rank that was asked.
    pub fn to(&self) -> u32 {
        self.to
    }

    /// Nobody wants the answer any more.
    pub fn give_up(self, me: &Endpoint) {
        drop(self.resume(me));
    }
}
