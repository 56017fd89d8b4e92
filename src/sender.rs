//! The half of an endpoint that sends.

use crate::batch::Batch;
use crate::bell::Wait;
use crate::draft::Draft;
use crate::error::SendError;
use crate::member::{Interrupter, Member, Patience};
use crate::outbox::{Outbox, Terms};
use crate::region::Region;
use core::fmt;
use core::time::Duration;

/// All the sending of a rank; half of an [`Endpoint`](crate::Endpoint).
///
/// A message that is sent lies in the mailbox until its receiver acknowledges it, whether or not anybody
/// has joined as that rank. The first message to a peer reserves the mailbox's memory, once for all time.
///
/// A full mailbox: `try_` calls return [`SendError::Full`], the others wait until the receiver makes room; both
/// return [`SendError::PeerLeft`] or [`SendError::PeerDead`] once they find that it cannot, whoever waits at
/// most 50 ms later, `try_` calls at most 64 calls later. Room in one's own mailbox is waited for only by a
/// half, as long as there is the other one.
///
/// A message above half the arena (128 KiB by default) travels in fragments, while its receiver takes them.
/// `send` returns when all are taken, and at most one life of the receiver gets the message: if that one ends
/// in between it is [`SendError::PeerDead`] or [`SendError::PeerLeft`], whoever follows. After an error the
/// message is not delivered, but that it may be where its last 48 bytes, which go when all others are taken,
/// were on their way.
///
/// Cost: the cache line of the message, and a system call if the receiver sleeps.
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

    /// Chooses how this half waits from now on. For [`Wait::Event`] its peers must choose that too.
    pub fn set_wait(&self, wait: Wait) {
        self.member.set_wait(wait);
    }

    /// What ends a wait of this half from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }

    /// Begins a [`Batch`].
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.parts()), None)
    }

    /// Sends `bytes` to `to`; waits while the mailbox is full.
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.send_with(to, bytes, Patience::Until(None), || ())
    }

    /// Sends `bytes` to `to` if there is room now. A message above half the arena, which takes a receiver, is
    /// [`SendError::TooLarge`].
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.send_with(to, bytes, Patience::Never, || ())
    }

    /// Sends `bytes` to `to`; waits no longer than `timeout`.
    pub fn send_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.send_with(to, bytes, Patience::within(timeout), || ())
    }

    /// Reserves a message of `len` bytes to `to`, at most half the arena, to be written in place; waits while
    /// the mailbox is full.
    pub fn reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Patience::Until(None), || ())
    }

    /// Reserves a message of `len` bytes to `to` if there is room now.
    pub fn try_reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Patience::Never, || ())
    }

    /// Reserves a message of `len` bytes to `to`; waits no longer than `timeout`.
    pub fn reserve_timeout(&self, to: u32, len: usize, timeout: Duration) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Patience::within(timeout), || ())
    }

    #[inline(always)]
    pub(crate) fn send_with(
        &self,
        to: u32,
        bytes: &[u8],
        patience: Patience,
        idle: impl Fn(),
    ) -> Result<(), SendError> {
        if self.outbox.send_small(&self.member, to, bytes) {
            return Ok(());
        }
        self.outbox.send(Terms { member: &self.member, patience, idle: &idle }, to, bytes)
    }

    pub(crate) fn draft(
        &self,
        to: u32,
        len: usize,
        patience: Patience,
        idle: impl Fn(),
    ) -> Result<Draft<'_>, SendError> {
        let terms = Terms { member: &self.member, patience, idle: &idle };
        let (peer, slot) = self.outbox.reserve(terms, to, len)?;
        Ok(Draft::new(&self.outbox, &self.member, peer, slot))
    }

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
