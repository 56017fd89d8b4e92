//! The half of an endpoint that sends.

use super::batch::Batch;
use super::halves::Halves;
use super::loan::Loan;
use super::sending::Sending;
use crate::abi::{ANNOUNCEMENT, Kind};
use crate::error::SendError;
use crate::half::{Interrupter, Member};
use crate::rank::Wait;
use crate::receive::Inbox;
use crate::region::Region;
use crate::ring::{Loan as Lent, Slot};
use crate::send::{Announcing, Draft, Outbox, Outgoing, Room, Synchronous};
use crate::wait::{Deadline, Operation, Waiter};
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// All the sending of a rank; half of an [`Endpoint`](crate::Endpoint).
///
/// A message that is sent lies in the mailbox until its receiver acknowledges it, whether or not anybody
/// has joined as that rank. The first message to a peer reserves the mailbox's memory, once for all time. That of its
/// arena, where payload above 48 bytes lies, is reserved part by part, by the first message that goes to each. Where there
/// is no memory for a further part, messages wait for those that the mailbox has; it is [`SendError::NoSpace`] if it has none.
///
/// A full mailbox: `try_` calls return [`SendError::Full`], the others wait until the receiver makes room, and tell it that
/// they do, so that it does not wait for them ([`RecvError::Held`](crate::RecvError::Held)); both
/// return [`SendError::PeerLeft`] or [`SendError::PeerDead`] once they find that it cannot, whoever waits at
/// most 75 ms later, `try_` calls at most 64 calls later. Room in one's own mailbox is waited for only by a
/// half, as long as there is the other one.
///
/// A message above half the arena ([`Region::max_whole`], 1 MiB by default) is *announced* in the mailbox, in one cell, and
/// goes through a ring of 256 KiB when its receiver wants it. `send` returns when the receiver has all of it. It is for one life
/// of the receiver, the present one or, if nobody has joined, the first: if that ends before, it is [`SendError::PeerDead`]
/// or [`SendError::PeerLeft`], and no later one gets it. After [`SendError::Timeout`] or [`SendError::Interrupted`] it is
/// not delivered, unless its last bytes were on their way. [`Sender::announce`] sends so without waiting. At most 64
/// announced messages, messages by [`Sender::send_sync`] and calls through the mailbox can be under way to a rank; one more
/// waits.
///
/// Cost: up to 48 bytes, the cache line of the message; above that, a copy into the arena, too; of an announced one, a copy
/// into the ring, and a round trip more. A system call if the receiver sleeps. The first message to a peer takes a system call and a
/// look at each cell of its mailbox, and so does each part of the arena at first: a system call.
pub struct Sender {
    member: Member,
    outbox: Outbox,
}

impl Sender {
    pub(crate) fn new(member: Member) -> Self {
        Self { outbox: Outbox::new(member.region.ranks()), member }
    }

    pub(crate) fn split(&mut self) {
        self.member.split();
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

    /// What ends a wait of this half from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }

    /// Begins a [`Batch`] of what this half sends. Never waits.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.parts()), None)
    }

    /// Sends `bytes`, of any length up to [`Region::max_message`], to `to`; waits while the mailbox is full, and
    /// until the receiver has a message above [`Region::max_whole`]: that is [`SendError::Refused`] where it does not want
    /// it.
    ///
    /// [`SendError::NoSuchRank`], [`SendError::TooLarge`], [`SendError::Drafting`] and [`SendError::NoSpace`] come
    /// before anything is sent; [`SendError::PeerLeft`], [`SendError::PeerDead`], [`SendError::Interrupted`] and
    /// [`SendError::Corrupt`] end a wait.
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.send_with(to, bytes, Deadline::Never, None)
    }

    /// Sends `bytes` to `to` if there is room now; never waits, else [`SendError::Full`]. A message above
    /// [`Region::max_whole`], which takes a receiver, is [`SendError::TooLarge`]. Other errors as of
    /// [`Sender::send`].
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.send_with(to, bytes, Deadline::Now, None)
    }

    /// Sends `bytes` to `to`; waits no longer than `timeout`, then [`SendError::Timeout`]. Other errors as of
    /// [`Sender::send`].
    pub fn send_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.send_with(to, bytes, timeout, None)
    }

    /// Sends `bytes` to `to`, and waits until the receiver has acknowledged them: until it has dropped their mail.
    ///
    /// [`SendError::PeerLeft`] and [`SendError::PeerDead`] if the receiver's life ends before, also where it had not joined
    /// yet: the message is there for the rank's next holder unless it was acknowledged just then, which is not known. To a
    /// rank that has left nothing is sent. At most 64 such messages, and calls through the mailbox, can be under way to a
    /// rank, those included whose sender gave up; one more waits. To oneself it is [`SendError::Full`], unless another
    /// thread has the other half. Other errors as of [`Sender::send`].
    ///
    /// A receiver that dies just when it acknowledges may have said so already: then this is `Ok`, and the rank's next holder
    /// gets the message again, marked.
    ///
    /// Two ranks that send to each other so, and receive nothing meanwhile, wait for ever.
    ///
    /// Cost: that of two messages.
    pub fn send_sync(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.send_synchronously(to, bytes, Deadline::Never, None)
    }

    /// As [`Sender::send_sync`]; waits no longer than `timeout`, then [`SendError::Timeout`]: the message may have been sent,
    /// and then stays sent.
    pub fn send_sync_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.send_synchronously(to, bytes, timeout.into(), None)
    }

    /// Announces a message of any length up to [`Region::max_message`] to `to`, which gets it when it wants it; waits while
    /// the mailbox is full, and while 64 such are under way. What becomes of it is told by [`Sending`].
    ///
    /// The bytes are kept until the receiver has them, or it is given up; several may be announced, and its receiver may
    /// fetch them in any order ([`Receiver::set_by_hand`](crate::Receiver::set_by_hand)). To oneself it is
    /// [`SendError::TooLarge`], unless another thread has the other half. Other errors as of [`Sender::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.recv().map(|mail| mail.len()));
    /// let mut sending = me.announce(1, vec![7; 4 << 20])?;
    /// // … other work, and then:
    /// sending.wait()?;
    /// # assert_eq!(other.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn announce(&self, to: u32, bytes: impl Into<Vec<u8>>) -> Result<Sending<'_>, SendError> {
        self.begin_sending(to, bytes.into(), Deadline::Never, None)
    }

    /// As [`Sender::announce`], if there is room for the announcement now; never waits, else [`SendError::Full`].
    pub fn try_announce(&self, to: u32, bytes: impl Into<Vec<u8>>) -> Result<Sending<'_>, SendError> {
        self.begin_sending(to, bytes.into(), Deadline::Now, None)
    }

    /// Reserves a message of `len` bytes to `to`, at most [`Region::max_whole`] (else [`SendError::TooLarge`]), to
    /// be written in place; waits while the mailbox is full. Errors as of [`Sender::send`].
    ///
    /// Costs what sending does, without the copying.
    pub fn reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Deadline::Never, None)
    }

    /// Reserves a message of `len` bytes to `to` if there is room now; never waits, else [`SendError::Full`].
    /// Otherwise as [`Sender::reserve`].
    pub fn try_reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Deadline::Now, None)
    }

    /// Reserves a message of `len` bytes to `to`; waits no longer than `timeout`, then [`SendError::Timeout`].
    /// Otherwise as [`Sender::reserve`].
    pub fn reserve_timeout(&self, to: u32, len: usize, timeout: Duration) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, timeout, None)
    }

    /// Begins a loan of up to `max` bytes in this rank's [area for loans](crate::Config::loans), to be written in place and sent
    /// to one receiver or several, which read it there. So however long it is, and however many they are, it costs
    /// a cell for each. Never waits. Any number of loans may be open.
    ///
    /// [`SendError::TooLarge`] if the area has fewer bytes; [`SendError::Full`] if no part of it is free that is long enough,
    /// until receivers acknowledge what they were sent; [`SendError::NoSpace`] if there is no memory for it.
    ///
    /// A receiver that is absent, dead, or that holds what it was sent keeps that, and no more: the rest of the area is for
    /// the others. A successor of this rank leaves alone what its predecessors sent and receivers have not acknowledged;
    /// its first loan looks for that in each mailbox that it ever had.
    ///
    /// Cost: a look at which parts are free, and now and then at what receivers acknowledged; a system call where memory is
    /// taken, and in each receiver at its first look at each 256 KiB.
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
        deadline: impl Into<Deadline>,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<(), SendError> {
        if self.outbox.send_small(&self.member, to, bytes) {
            return Ok(());
        }
        self.send_any(to, bytes, deadline.into(), receiving)
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
                return Err(SendError::TooLarge { limit: member.whole as u64 });
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
            Err(SendError::Full) => return Err(SendError::TooLarge { limit: member.whole as u64 }),
            new => new?,
        };
        peer.transfers.prepare(member, to)?;
        if !self.drive(&mut announced, deadline, receiving)? {
            return Err(if deadline.is_now() { SendError::Full } else { SendError::Timeout });
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

    pub(crate) fn draft(
        &self,
        to: u32,
        len: usize,
        deadline: impl Into<Deadline>,
        receiving: Option<(&Member, &Inbox)>,
    ) -> Result<Draft<'_>, SendError> {
        let Self { member, outbox } = self;
        if len > member.whole {
            return Err(SendError::TooLarge { limit: member.whole as u64 });
        }
        let deadline = deadline.into();
        let peer = outbox.peer(member, to, len)?;
        let slot = self.claim(peer, len, deadline, receiving)?;
        peer.producer.revoke();
        Ok(Draft::new(outbox, member, peer, slot))
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
            return Err(SendError::TooLarge { limit: member.whole as u64 });
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

    /// A slot for `len` bytes, waited for if need be. It stays claimed until it is published or a draft ends.
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
        room.slot.ok_or(if deadline.is_now() { SendError::Full } else { SendError::Timeout })
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

impl Drop for Sender {
    fn drop(&mut self) {
        self.flush();
        self.member.part();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
