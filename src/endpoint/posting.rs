//! How a message gets to its mailbox, and what is waited for on the way.

use super::halves::Halves;
use super::recv_half::RecvHalf;
use super::send_to::SendTo;
use super::sending::Sending;
use crate::abi::{ANNOUNCEMENT, Kind};
use crate::error::SendError;
use crate::half::Member;
use crate::memory::Payload;
use crate::ring::{Loan, Slot};
use crate::send::{Announcing, Outgoing, Room, Synchronous, Turn};
use crate::wait::{Deadline, Operation, Waiter};
use std::time::Instant;

/// From this length on, to start a send has those before it go on first.
const LONG: usize = 64 << 10;

impl<'a> SendTo<'a> {
    /// Sends any message. Apart, so that one that is written to the next cell at once needs nothing for it.
    #[inline(never)]
    pub(super) fn post(&self, payload: Payload<'_>) -> Result<(), SendError> {
        let (member, outbox) = self.sender.parts();
        let len = payload.len();
        let peer = outbox.peer(member, self.to, len)?;
        if len > member.whole {
            // A receiver takes it while this call waits.
            if self.deadline.is_now() {
                return Err(too_large(len, member));
            }
            // Nothing is announced to be given up at once.
            if self.deadline.has_passed(Instant::now) {
                return Err(SendError::Timeout(self.to));
            }
            member.take_interruption()?;
            let mut announced = self.announce_any(Announcing::Borrowed(payload))?;
            return self.wait_for(&mut announced);
        }
        let slot = self.claim(peer, len)?;
        outbox.fill(member, peer, &slot, payload)
    }

    /// As [`SendTo::post`], and waits until it is acknowledged.
    pub(super) fn post_synchronously(&self, payload: Payload<'_>) -> Result<(), SendError> {
        let (member, outbox) = self.sender.parts();
        if payload.len() > member.whole {
            // It takes a receiver as it is.
            return self.post(payload);
        }
        let peer = outbox.peer(member, self.to, payload.len())?;
        let mut synchronous = Synchronous::new(member, peer)?;
        if !self.drive(&mut synchronous)? {
            return Err(self.deadline.without_room(self.to));
        }
        synchronous.expect(self.ask((Kind::Sync, self.label.number()), payload)?);
        self.wait_for(&mut synchronous)
    }

    /// Sends a reference to a block.
    pub(super) fn refer(&self, loan: Loan) -> Result<(), SendError> {
        let (member, outbox) = self.sender.parts();
        let peer = outbox.peer(member, self.to, 0)?;
        let slot = self.claim(peer, 0)?;
        outbox.refer(member, peer, slot, loan)
    }

    pub(super) fn begin_sending(self, bytes: Vec<u8>) -> Result<Sending<'a>, SendError> {
        let (_, outbox) = self.sender.parts();
        let announced = self.announce_any(Announcing::Owned(bytes))?;
        outbox.begin_tending(self.to);
        Ok(Sending::new(self, announced))
    }

    /// Announces a message, once there is room for that and one more may be under way.
    fn announce_any<'b>(&self, bytes: Announcing<'b>) -> Result<Synchronous<'b>, SendError>
    where
        'a: 'b,
    {
        let (member, outbox) = self.sender.parts();
        let peer = outbox.peer(member, self.to, bytes.len())?;
        let mut announced = match Synchronous::new(member, peer) {
            Err(SendError::Full(_)) => return Err(too_large(bytes.len(), member)),
            new => new?,
        };
        peer.transfers.prepare(member, self.to)?;
        if !self.drive(&mut announced)? {
            return Err(self.deadline.without_room(self.to));
        }
        let slot = self.claim_to_ask(ANNOUNCEMENT)?;
        outbox.announce(member, peer, &slot, bytes.len() as u64)?;
        announced.announced(slot.seq, bytes);
        Ok(announced)
    }

    fn wait_for(&self, synchronous: &mut Synchronous<'_>) -> Result<(), SendError> {
        if self.drive(synchronous)? { Ok(()) } else { Err(SendError::Timeout(self.to)) }
    }

    /// Sends what its receiver answers in the return lane, of this kind and with this number in its envelope: of a call the
    /// epoch that it is for, of a message its label. Its sequence number.
    pub(crate) fn ask(&self, (kind, number): (Kind, u64), payload: Payload<'_>) -> Result<u64, SendError> {
        let (member, outbox) = self.sender.parts();
        let len = payload.len();
        if len > member.whole {
            return Err(too_large(len, member));
        }
        let slot = self.claim_to_ask(len)?;
        let peer = outbox.peer(member, self.to, len)?;
        outbox.ask(member, peer, &slot.numbered(kind, number), payload)?;
        Ok(slot.seq)
    }

    /// A slot for `len` bytes that are not held back, after what is.
    fn claim_to_ask(&self, len: usize) -> Result<Slot, SendError> {
        let (member, outbox) = self.sender.parts();
        let peer = outbox.peer(member, self.to, len)?;
        outbox.flush(member);
        // What the batch has lost: said later, it would be said of this, too, which is not.
        peer.tell_reset()?;
        self.claim(peer, len)
    }

    /// A slot for a message of `len` bytes, waited for if need be. It stays claimed until it is published.
    #[inline(always)]
    fn claim(&self, peer: &Outgoing, len: usize) -> Result<Slot, SendError> {
        let (_, outbox) = self.sender.parts();
        let slot = match peer.producer.place(len) {
            Some(slot) if !outbox.has_waiting(self.to) => slot,
            _ => self.wait_for_room(peer, len)?,
        };
        Ok(slot.labelled(self.label))
    }

    /// As `claim`, where what was last seen of the mailbox leaves no room, or where another message comes first.
    #[inline(never)]
    fn wait_for_room(&self, peer: &Outgoing, len: usize) -> Result<Slot, SendError> {
        let (member, outbox) = self.sender.parts();
        if outbox.has_waiting(self.to) && !self.drive(&mut Turn::new(member, outbox, self.to))? {
            return Err(self.deadline.without_room(self.to));
        }
        let new = if self.deadline.is_now() { Room::at_once } else { Room::new };
        let mut room = new(member, peer, len);
        self.drive(&mut room)?;
        room.slot.ok_or(self.deadline.without_room(self.to))
    }

    /// Sends `bytes` if they are not [`LONG`], there is room, and nothing else needs to be done. `false` means nothing.
    #[inline(always)]
    pub(crate) fn send_at_once(&self, bytes: &[u8]) -> bool {
        let (member, outbox) = self.sender.parts();
        let is_plain = !self.is_sync && bytes.len() < LONG && !outbox.has_started();
        is_plain && outbox.send_at_once(member, self.to, self.label, bytes)
    }

    /// Sends `bytes`, if that needs no more than room that is there now; what came of it.
    pub(crate) fn try_at_once(&self, bytes: &[u8]) -> Option<Result<(), SendError>> {
        let (member, outbox) = self.sender.parts();
        if bytes.len() >= LONG {
            // Better than to copy it.
            outbox.tend(member);
            outbox.go_on(member);
        }
        if self.is_sync || bytes.len() > member.whole || outbox.has_waiting(self.to) {
            return None;
        }
        match self.within(Deadline::Now).send(bytes) {
            Err(SendError::Full(_)) => None,
            outcome => Some(outcome),
        }
    }

    /// A send that was started failed like this. Its number.
    pub(crate) fn begin_failed(&self, error: SendError) -> u64 {
        let (_, outbox) = self.sender.parts();
        outbox.start_failed(self.to, error)
    }

    /// Starts to send `bytes`, and keeps what is not sent at once. The number of the send.
    pub(crate) fn begin_lent(&self, bytes: &[u8]) -> u64 {
        let (member, outbox) = self.sender.parts();
        outbox.start_lent(member, self.to, self.label, self.is_sync, bytes)
    }

    /// Starts to send `bytes`. The number of the send.
    pub(crate) fn begin(&self, bytes: Vec<u8>) -> u64 {
        let (member, outbox) = self.sender.parts();
        outbox.start(member, self.to, self.label, self.is_sync, bytes)
    }

    /// Waits for `operation` until the deadline. Whether it is done.
    pub(super) fn drive<O: Operation<Error = SendError>>(
        &self,
        operation: &mut O,
    ) -> Result<bool, SendError> {
        let (member, _) = self.sender.parts();
        let halves =
            Halves { sending: Some(self.sender.parts()), receiving: self.receiver.map(RecvHalf::parts) };
        halves.drive(member, self.deadline, operation)
    }

    /// For pieces whose length in all is no number.
    pub(super) fn beyond_all_limits(&self) -> SendError {
        let (member, _) = self.sender.parts();
        SendError::TooLarge { len: u64::MAX, limit: member.limit as u64 }
    }
}

/// For a message that takes a receiver, where none is waited for.
fn too_large(len: usize, member: &Member) -> SendError {
    SendError::TooLarge { len: len as u64, limit: member.whole as u64 }
}
