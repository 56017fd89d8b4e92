//! The half of an endpoint that sends.

use super::Endpoint;
use super::batch::Batch;
use super::halves::Halves;
use super::loan::Loan;
use super::recv_half::RecvHalf;
use super::send_to::SendTo;
use super::sending::Sending;
use crate::abi::{ANNOUNCEMENT, Kind};
use crate::error::SendError;
use crate::half::{Interrupter, Member};
use crate::rank::Wait;
use crate::receive::Inbox;
use crate::region::Region;
use crate::ring::{Loan as Lent, Slot};
use crate::send::{Announcing, Outbox, Outgoing, Room, Synchronous};
use crate::wait::{Deadline, Operation, Waiter};
use core::fmt;
use std::time::Instant;

/// The half of an [`Endpoint`](crate::Endpoint) that sends: what [`Endpoint::into_split`](crate::Endpoint::into_split) gives
/// to one thread.
///
/// **Where a message is.** A message lies in the mailbox until its receiver acknowledges it, whether or not a process has
/// joined as that rank.
///
/// **A full mailbox.** A `try_` call returns [`SendError::Full`]. Other calls wait until the receiver makes room, and
/// tell it that they wait, so that it does not wait for them in turn ([`RecvError::Held`](crate::RecvError::Held)). If the
/// receiver has ended, both return [`SendError::Gone`]: a call that waits at most 75 ms later, a `try_` call at most 64
/// calls later. A half waits for room in the mailbox of its own rank as long as the other half exists.
///
/// **Large messages.** A message longer than [`Region::eager_limit`], by default 1 MiB, is *announced* in one cell of the
/// mailbox. Its bytes go through a ring of 256 KiB when its receiver wants them. It is for one life of the receiver: the
/// present one or, if no process has joined as that rank, the first. If that life ends before it has the message, the
/// sender gets [`SendError::Gone`], and no later life receives it. After [`SendError::Timeout`] or
/// [`SendError::Interrupted`] it is not delivered, unless its last bytes were on their way.
///
/// **Memory.** The first message to a peer reserves the mailbox's cells, once and for all. The memory for payloads longer
/// than 48 bytes is reserved part by part, when messages need it. If no memory is left for another part, messages wait
/// for the parts that the mailbox has; if it has none, they return [`Broken::NoSpace`](crate::Broken::NoSpace).
///
/// **Cost.** Up to 48 bytes: the cache line of the message. Longer: a copy into shared memory, too. Announced: a copy
/// into the ring, and one more round trip. A system call if the receiver sleeps, and at the first message to each peer.
pub struct SendHalf {
    member: Member,
    outbox: Outbox,
}

impl SendHalf {
    pub(crate) fn new(member: Member) -> Self {
        Self { outbox: Outbox::new(member.region.ranks()), member }
    }

    pub(super) fn split(&mut self) {
        self.member.split();
    }

    pub(super) fn unite(&mut self, other: &Member) {
        self.member.unite(other);
    }

    /// The endpoint again, from both of its halves. If the other half is another endpoint's, both are handed back.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// let (send_half, recv_half) = me.into_split();
    /// let me = send_half.reunite(recv_half).expect("they are halves of one endpoint");
    /// assert_eq!(me.rank(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reunite(self, other: RecvHalf) -> Result<Endpoint, Box<(SendHalf, RecvHalf)>> {
        if !self.member.is_with(other.parts().0) {
            return Err(Box::new((self, other)));
        }
        Ok(Endpoint::of_halves(self, other))
    }

    /// This half's rank.
    pub fn rank(&self) -> u32 {
        self.member.rank()
    }

    /// How often the rank has been joined, this time included.
    pub fn epoch(&self) -> u64 {
        self.member.epoch()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.member.region
    }

    /// Chooses how this half waits from now on; before the endpoint was split, as it did. Never waits.
    pub fn set_wait(&self, wait: Wait) {
        self.member.set_wait(wait);
    }

    /// An [`Interrupter`]: it ends a wait of this half from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }

    /// Begins a [`Batch`] of what this half sends. Never waits.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.parts()), None)
    }

    /// How to send to this rank: [`SendTo`] says more.
    #[inline(always)]
    pub fn to(&self, rank: u32) -> SendTo<'_> {
        SendTo::new(self, None, rank)
    }

    /// Sends `bytes` to `rank`. Waits while the mailbox is full. The same as [`SendTo::send`].
    #[inline(always)]
    pub fn send(&self, rank: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(rank).send(bytes)
    }

    /// Sends `bytes` to `rank` if there is room now. The same as [`SendTo::try_send`].
    #[inline(always)]
    pub fn try_send(&self, rank: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(rank).try_send(bytes)
    }

    /// Begins a [`Loan`]. The same as [`Endpoint::loan`].
    pub fn loan(&self, max: usize) -> Result<Loan<'_>, SendError> {
        self.lend(max, None)
    }

    pub(crate) fn lend<'a>(
        &'a self,
        max: usize,
        receiving: Option<(&'a Member, &'a Inbox)>,
    ) -> Result<Loan<'a>, SendError> {
        let lent = self.outbox.begin_loan(&self.member, max)?;
        Ok(Loan::new(self, receiving, lent))
    }

    /// Sends a reference to a block.
    pub(super) fn refer(
        &self,
        to: u32,
        lent: Lent,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<(), SendError> {
        let Self { member, outbox } = self;
        let peer = outbox.peer(member, to, 0)?;
        let slot = self.claim(peer, 0, deadline, receiving)?;
        outbox.refer(member, peer, slot, lent)
    }

    /// `receiving`: the other half, if the same thread has it.
    #[inline(always)]
    pub(crate) fn send_with(
        &self,
        to: u32,
        bytes: &[u8],
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<(), SendError> {
        if self.outbox.send_small(&self.member, to, bytes) {
            return Ok(());
        }
        self.send_any(to, bytes, deadline, receiving)
    }

    /// Apart, so that the common case stores nothing for it.
    #[inline(never)]
    fn send_any(
        &self,
        to: u32,
        bytes: &[u8],
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<(), SendError> {
        let Self { member, outbox } = self;
        let peer = outbox.peer(member, to, bytes.len())?;
        if bytes.len() > member.whole {
            // A receiver takes it while this call waits.
            if deadline.is_now() {
                return Err(too_large(bytes.len(), member));
            }
            // Nothing is announced to be given up at once.
            if deadline.has_passed(Instant::now) {
                return Err(SendError::Timeout);
            }
            member.take_interruption()?;
            let bytes = Announcing::Borrowed(bytes);
            let mut announced = self.announce_any(to, bytes, deadline, receiving)?;
            return self.wait_for(&mut announced, deadline, receiving);
        }
        let slot = self.claim(peer, bytes.len(), deadline, receiving)?;
        outbox.fill(member, peer, &slot, bytes)
    }

    pub(super) fn begin_sending<'a>(
        &'a self,
        to: u32,
        bytes: Vec<u8>,
        deadline: Deadline,
        receiving: Option<(&'a Member, &'a Inbox)>,
    ) -> Result<Sending<'a>, SendError> {
        let announced = self.announce_any(to, Announcing::Owned(bytes), deadline, receiving)?;
        self.outbox.begin_tending(to);
        Ok(Sending::new(self, receiving, to, announced))
    }

    /// Announces a message, once there is room for that and one more may be under way.
    fn announce_any<'a>(
        &'a self,
        to: u32,
        bytes: Announcing<'a>,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<Synchronous<'a>, SendError> {
        let Self { member, outbox } = self;
        let peer = outbox.peer(member, to, bytes.len())?;
        let mut announced = match Synchronous::new(member, peer) {
            Err(SendError::Full) => return Err(too_large(bytes.len(), member)),
            new => new?,
        };
        peer.transfers.prepare(member, to)?;
        if !self.drive(&mut announced, deadline, receiving)? {
            return Err(deadline.without_room());
        }
        let slot = self.claim_to_ask(to, ANNOUNCEMENT, deadline, receiving)?;
        outbox.announce(member, peer, &slot, bytes.len() as u64)?;
        announced.announced(slot.seq, bytes);
        Ok(announced)
    }

    fn wait_for(
        &self,
        synchronous: &mut Synchronous<'_>,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<(), SendError> {
        if self.drive(synchronous, deadline, receiving)? { Ok(()) } else { Err(SendError::Timeout) }
    }

    pub(crate) fn send_synchronously(
        &self,
        to: u32,
        bytes: &[u8],
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<(), SendError> {
        let Self { member, outbox } = self;
        if bytes.len() > member.whole {
            // It takes a receiver as it is.
            return self.send_with(to, bytes, deadline, receiving);
        }
        let peer = outbox.peer(member, to, bytes.len())?;
        let mut synchronous = Synchronous::new(member, peer)?;
        self.wait_for(&mut synchronous, deadline, receiving)?;
        synchronous.expect(self.ask(to, (Kind::Sync, 0), bytes, deadline, receiving)?);
        self.wait_for(&mut synchronous, deadline, receiving)
    }

    /// Sends what its receiver answers in the return lane, of this kind and with this number in its envelope: of a call the
    /// epoch that it is for. Its sequence number.
    pub(crate) fn ask(
        &self,
        to: u32,
        (kind, number): (Kind, u64),
        bytes: &[u8],
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<u64, SendError> {
        let Self { member, outbox } = self;
        if bytes.len() > member.whole {
            return Err(too_large(bytes.len(), member));
        }
        let slot = self.claim_to_ask(to, bytes.len(), deadline, receiving)?;
        let peer = outbox.peer(member, to, bytes.len())?;
        outbox.ask(member, peer, &slot.numbered(kind, number), bytes)?;
        Ok(slot.seq)
    }

    /// A slot for `len` bytes that are not held back, after what is.
    fn claim_to_ask(
        &self,
        to: u32,
        len: usize,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<Slot, SendError> {
        let Self { member, outbox } = self;
        let peer = outbox.peer(member, to, len)?;
        outbox.flush(member);
        // What the batch has lost: said later, it would be said of this, too, which is not.
        peer.tell_reset()?;
        self.claim(peer, len, deadline, receiving)
    }

    /// A slot for `len` bytes, waited for if need be. It stays claimed until it is published.
    #[inline(always)]
    fn claim(
        &self,
        peer: &Outgoing,
        len: usize,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<Slot, SendError> {
        match peer.producer.place(len) {
            Some(slot) => Ok(slot),
            None => self.wait_for_room(peer, len, deadline, receiving),
        }
    }

    /// As `claim`, where what was last seen of the mailbox leaves no room.
    #[inline(never)]
    fn wait_for_room(
        &self,
        peer: &Outgoing,
        len: usize,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<Slot, SendError> {
        let new = if deadline.is_now() { Room::at_once } else { Room::new };
        let mut room = new(&self.member, peer, len);
        self.drive(&mut room, deadline, receiving)?;
        room.slot.ok_or(deadline.without_room())
    }

    pub(super) fn drive<O: Operation<Error = SendError>>(
        &self,
        operation: &mut O,
        deadline: Deadline,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<bool, SendError> {
        let halves = Halves { sending: Some(self.parts()), receiving };
        halves.drive(&self.member, deadline, operation)
    }

    #[inline(always)]
    pub(crate) fn parts(&self) -> (&Member, &Outbox) {
        (&self.member, &self.outbox)
    }

    /// Publishes what batches hold back.
    pub(crate) fn flush(&self) {
        self.outbox.flush(&self.member);
    }
}

/// For a message that takes a receiver, where none is waited for.
fn too_large(len: usize, member: &Member) -> SendError {
    SendError::TooLarge { len: len as u64, limit: member.whole as u64 }
}

impl Drop for SendHalf {
    fn drop(&mut self) {
        self.flush();
        self.member.part();
    }
}

impl fmt::Debug for SendHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHalf")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
