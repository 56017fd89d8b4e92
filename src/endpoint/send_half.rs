//! The half of an endpoint that sends.

use super::Endpoint;
use super::batch::Batch;
use super::halves::Halves;
use super::loan::Loan;
use super::recv_half::RecvHalf;
use super::send_to::SendTo;
use crate::error::SendError;
use crate::half::{Interrupter, Member};
use crate::rank::Wait;
use crate::region::Region;
use crate::send::{Lending, Outbox};
use crate::wait::Deadline;
use core::fmt;

/// The half of an [`Endpoint`] that sends: what [`Endpoint::into_split`] gives
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
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(4))?;
    /// let (send_half, _recv_half) = region.join(3)?.into_split();
    /// assert_eq!((send_half.rank(), send_half.epoch()), (3, 1));
    /// assert_eq!(send_half.region().ranks(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rank(&self) -> u32 {
        self.member.rank()
    }

    /// How often the rank has been joined, this time included. [`SendHalf::rank`] has an example.
    pub fn epoch(&self) -> u64 {
        self.member.epoch()
    }

    /// The region. [`SendHalf::rank`] has an example.
    pub fn region(&self) -> &Region {
        &self.member.region
    }

    /// Chooses how this half waits from now on; before the endpoint was split, as it did. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError, Wait};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// send_half.set_wait(Wait::Spin);
    /// while send_half.try_send(1, b"fills the mailbox").is_ok() {}
    /// let sent = send_half.to(1).within(Duration::from_millis(20)).send(b"no room");
    /// assert_eq!(sent, Err(SendError::Timeout(1)));
    /// assert_eq!(region.inspect().mailboxes[0].sleeps, 0, "it polled all the time");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_wait(&self, wait: Wait) {
        self.member.set_wait(wait);
    }

    /// An [`Interrupter`]: it ends a wait of this half from another thread or a signal handler.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// while send_half.try_send(1, b"fills the mailbox").is_ok() {}
    /// let interrupter = send_half.interrupter();
    /// let console = std::thread::spawn(move || interrupter.interrupt());
    /// assert_eq!(send_half.send(1, b"no room"), Err(SendError::Interrupted));
    /// # console.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }

    /// Begins a [`Batch`] of what this half sends. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// let batch = send_half.batch();
    /// send_half.send(1, b"one")?;
    /// assert!(other.try_recv()?.is_none(), "it is held back");
    /// drop(batch);
    /// assert_eq!(other.recv()?.to_vec(), b"one");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.parts()), None)
    }

    /// How to send to this rank: [`SendTo`] says more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// let orders = send_half.to(1).tag(7);
    /// orders.send(b"100 shares")?;
    /// let mail = other.recv()?;
    /// assert_eq!((mail.from(), mail.tag()), (0, 7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn to(&self, rank: u32) -> SendTo<'_> {
        SendTo::new(self, None, rank)
    }

    /// Sends `bytes` to `rank`. Waits while the mailbox is full. The same as [`SendTo::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// send_half.send(1, b"hello")?;
    /// assert_eq!(other.recv()?.to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn send(&self, rank: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(rank).send(bytes)
    }

    /// Sends `bytes` to `rank` if there is room now. The same as [`SendTo::try_send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// let sent = (0..).take_while(|_| send_half.try_send(1, b"tick").is_ok()).count();
    /// assert_eq!((sent, send_half.try_send(1, b"tick")), (64, Err(SendError::Full(1))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_send(&self, rank: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(rank).try_send(bytes)
    }

    /// Begins a [`Loan`]. The same as [`Endpoint::loan`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// let mut loan = send_half.loan(1000)?;
    /// loan.write_at(0, b"in place");
    /// loan.commit(8).send(1)?;
    /// assert_eq!(other.recv()?.to_vec(), b"in place");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan(&self, max: usize) -> Result<Loan<'_>, SendError> {
        self.lend(max, None)
    }

    /// Begins a [`Loan`], and waits for room. The same as [`Endpoint::loan_within`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (send_half, _recv_half) = me.into_split();
    /// let soon = Duration::from_millis(1);
    /// send_half.loan_within(1 << 20, soon)?.commit(1 << 20).send(1)?;
    /// assert_eq!(send_half.loan_within(1 << 20, soon).err(), Some(SendError::Timeout(0)));
    /// drop(other.recv()?); // acknowledged: the area is free again
    /// assert_eq!(send_half.loan_within(1 << 20, soon)?.len(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan_within(&self, max: usize, deadline: impl Into<Deadline>) -> Result<Loan<'_>, SendError> {
        self.lend_within(max, deadline.into(), None)
    }

    pub(super) fn lend<'a>(
        &'a self,
        max: usize,
        receiver: Option<&'a RecvHalf>,
    ) -> Result<Loan<'a>, SendError> {
        let lent = self.outbox.begin_loan(&self.member, max)?;
        Ok(Loan::new(self, receiver, lent))
    }

    pub(super) fn lend_within<'a>(
        &'a self,
        max: usize,
        deadline: Deadline,
        receiver: Option<&'a RecvHalf>,
    ) -> Result<Loan<'a>, SendError> {
        let halves = Halves { sending: Some(self.parts()), receiving: receiver.map(RecvHalf::parts) };
        let mut lending = Lending::new(&self.member, &self.outbox, max);
        halves.drive(&self.member, deadline, &mut lending)?;
        let lent = lending.lent.take().ok_or(deadline.without_room(self.member.rank()))?;
        Ok(Loan::new(self, receiver, lent))
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
