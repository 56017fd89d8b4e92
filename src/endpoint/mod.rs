//! What a process does once it has joined a region.
#![cfg(not(loom))]

mod arrival;
mod batch;
mod block;
mod discard;
mod drain;
mod halves;
mod join;
mod loan;
mod mail;
mod message;
mod receiver;
mod sender;
mod sending;
mod unanswered;

pub use arrival::Arrival;
pub use batch::Batch;
pub use block::Block;
pub use drain::Drain;
pub use halves::Halves;
pub use join::JoinOptions;
pub use loan::Loan;
pub use mail::Mail;
pub use message::Message;
pub use receiver::Receiver;
pub use sender::Sender;
pub use sending::Sending;
pub use unanswered::Unanswered;

use crate::error::{CloseError, RecvError, SendError};
use crate::half::{Interrupter, Member};
use crate::rank::{Source, Wait};
use crate::region::Region;
use crate::send::Draft;
use crate::wait::Deadline;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// What a process holds after joining a region as a rank.
///
/// **Sending.** What is sent lies in the mailbox until its receiver acknowledges it, whether or not anybody has
/// joined as that rank. A full mailbox is waited for, until the receiver makes room or is found to have ended;
/// `try_` calls return [`SendError::Full`]. [`Sender`] says more, and what a message above half the arena is
/// promised.
///
/// **Receiving.** A [`Mail`] is read where its sender wrote it, and acknowledged when it is dropped. Mail comes
/// in order for each sender, and in turn between them. The end of a sender is told after its last mail, as
/// [`RecvError::PeerLeft`] or [`RecvError::PeerDead`]. [`Receiver`] says more.
///
/// **Leaving.** Dropping it leaves the region: peers are told [`RecvError::PeerLeft`] after its last mail; mail
/// for it stays for the rank's next holder. A process that ends without dropping it, or drops it in a panic,
/// has died: [`RecvError::PeerDead`]. The last to leave a region in a file waits for the disk;
/// [`Endpoint::close`] says whether that worked.
///
/// **Threads.** It may move between threads, not be shared by them. It [splits](Endpoint::split) into two halves
/// for two threads; a program with more joins as more ranks. A forked child does not inherit it: there every
/// call is [`Lost::Forked`](crate::Lost::Forked). A child of a raw `clone` or `_Fork`, which run nobody's
/// `pthread_atfork` handlers, still holds the rank: if its parent dies, the death is told when the child ends, too, or
/// calls `exec`. [`Lost::Rank`](crate::Lost::Rank), also from any call, says
/// that something in this process closed the descriptor that holds the rank, and another process has it now.
/// [`Lost::Removed`](crate::Lost::Removed), from a call that would wait, says that somebody took the region's name
/// away, and with it the hope for others to come.
pub struct Endpoint {
    sender: Sender,
    receiver: Receiver,
}

impl Endpoint {
    /// An endpoint of both halves of one member.
    pub(crate) fn new((receiver, sender): (Member, Member)) -> Self {
        Self { sender: Sender::new(sender), receiver: Receiver::new(receiver) }
    }

    /// This endpoint's rank.
    pub fn rank(&self) -> u32 {
        self.sender.rank()
    }

    /// How often the rank has been joined, this time included.
    pub fn epoch(&self) -> u64 {
        self.sender.epoch()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        self.sender.region()
    }

    /// Chooses how this endpoint waits from now on; [`Wait::Adaptive`] until then. Never waits.
    pub fn set_wait(&self, wait: Wait) {
        self.sender.set_wait(wait);
        self.receiver.set_wait(wait);
    }

    /// Chooses whether announced messages are fetched by hand. As [`Receiver::set_by_hand`].
    pub fn set_by_hand(&self, by_hand: bool) {
        self.receiver.set_by_hand(by_hand);
    }

    /// How much private memory announced messages may take. As [`Receiver::set_budget`].
    pub fn set_budget(&self, bytes: u64) {
        self.receiver.set_budget(bytes);
    }

    /// Begins anew with a mailbox that makes no sense. As [`Receiver::reset`].
    pub fn reset(&mut self, from: u32) -> Result<(), RecvError> {
        self.receiver.reset(from)
    }

    /// Leaves the region, as dropping it does, and says whether the region was closed: the last to leave one in a file
    /// does that, so that it outlives a reboot with its mail. `Ok` if it was, if there is nothing to close, or if others
    /// are still in it.
    ///
    /// Waits for the disk where dropping it does. What closing takes is there since the join: it fails for want neither
    /// of descriptors nor of this user's rights. Halves have no such call; who wants to know joins once more.
    pub fn close(self) -> Result<(), CloseError> {
        let (member, _) = self.receiver.parts();
        member.check()?;
        let outcome = member.outcome();
        drop(self);
        outcome.and_then(|outcome| outcome.get().copied()).unwrap_or(Ok(()))
    }

    /// What ends a wait of this endpoint, in either direction, from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.receiver.interrupter()
    }

    /// Begins a [`Batch`] of both directions. Never waits.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.sender.parts()), Some(self.receiver.parts()))
    }

    #[inline(always)]
    pub(crate) fn halves(&self) -> (&Sender, &Receiver) {
        (&self.sender, &self.receiver)
    }

    /// Two halves for two threads: one does all the sending, the other all the receiving. Each sleeps on a
    /// bell of its own, and chooses how. The rank is left when both are dropped, and lives until then: whoever
    /// sends to a rank of which only the sending half is left waits once the mailbox is full, and whoever
    /// receives from one of which only the receiving half is left waits as well. If one of them is dropped in
    /// a panic, the rank is dead instead when both are.
    ///
    /// Never waits. [`Interrupter`]s made before go with the receiving half.
    pub fn split(self) -> (Sender, Receiver) {
        let Self { mut sender, mut receiver } = self;
        sender.split();
        receiver.split();
        (sender, receiver)
    }
}

/// # Sending: as by a [`Sender`]
///
/// The same calls, but one thread has both directions: what waits here publishes what a batch holds back of
/// either, and nobody else makes room in the mailbox of this rank to itself, so that a full one is
/// [`SendError::Full`] at once.
impl Endpoint {
    /// Sends `bytes` to `to`; waits while the mailbox is full. As [`Sender::send`].
    #[inline(always)]
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Deadline::Never, Some(self.receiver.parts()))
    }

    /// Sends `bytes` to `to` if there is room now. As [`Sender::try_send`].
    #[inline]
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Deadline::Now, Some(self.receiver.parts()))
    }

    /// Sends `bytes` to `to`; waits no longer than `timeout`. As [`Sender::send_timeout`].
    pub fn send_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, timeout, Some(self.receiver.parts()))
    }

    /// Sends `bytes` to `to`, and waits until the receiver has acknowledged them. As [`Sender::send_sync`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.recv().map(|mail| mail.to_vec()));
    /// me.send_sync(1, b"done with it?")?;
    /// // It is: its mail was dropped.
    /// # assert_eq!(other.join().unwrap()?, b"done with it?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_sync(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_synchronously(to, bytes, Deadline::Never, Some(self.receiver.parts()))
    }

    /// As [`Endpoint::send_sync`]; waits no longer than `timeout`. As [`Sender::send_sync_timeout`].
    pub fn send_sync_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.sender.send_synchronously(to, bytes, timeout.into(), Some(self.receiver.parts()))
    }

    /// Announces a message to `to`, which gets it when it wants it. As [`Sender::announce`]; while any call of this endpoint
    /// waits, in either direction, announced messages go on.
    pub fn announce(&self, to: u32, bytes: impl Into<Vec<u8>>) -> Result<Sending<'_>, SendError> {
        self.sender.begin_sending(to, bytes.into(), Deadline::Never, Some(self.receiver.parts()))
    }

    /// As [`Endpoint::announce`], if there is room for the announcement now. As [`Sender::try_announce`].
    pub fn try_announce(&self, to: u32, bytes: impl Into<Vec<u8>>) -> Result<Sending<'_>, SendError> {
        self.sender.begin_sending(to, bytes.into(), Deadline::Now, Some(self.receiver.parts()))
    }

    /// A message of `len` bytes to `to`, to be written in place; waits while the mailbox is full. As
    /// [`Sender::reserve`].
    pub fn reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Deadline::Never, Some(self.receiver.parts()))
    }

    /// A message of `len` bytes to `to` if there is room now. As [`Sender::try_reserve`].
    pub fn try_reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Deadline::Now, Some(self.receiver.parts()))
    }

    /// A message of `len` bytes to `to`; waits no longer than `timeout`. As [`Sender::reserve_timeout`].
    pub fn reserve_timeout(&self, to: u32, len: usize, timeout: Duration) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, timeout, Some(self.receiver.parts()))
    }

    /// Begins a loan of up to `max` bytes: written once, and read in place by any number of receivers. As [`Sender::loan`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let all = [region.join(0)?, region.join(1)?, region.join(2)?];
    /// # let me = &all[0];
    /// use std::io::Write;
    /// let mut loan = me.loan(10 << 20)?;
    /// writeln!(loan, "written once")?;
    /// let len = loan.written();
    /// let block = loan.commit(len);
    /// block.send(1)?;
    /// block.send(2)?;
    /// drop(block); // it stays until both have acknowledged it
    /// # for other in &all[1..] {
    /// assert_eq!(other.recv()?.to_vec(), b"written once\n");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan(&self, max: usize) -> Result<Loan<'_>, SendError> {
        self.sender.lend(max, Some(self.receiver.parts()))
    }
}

/// # Receiving: as by a [`Receiver`]
///
/// The same calls, but nobody else sends as this rank: waiting for mail from oneself alone is
/// [`RecvError::Empty`] at once.
impl Endpoint {
    /// The next mail from anyone; waits until there is one. As [`Receiver::recv`].
    #[inline(always)]
    pub fn recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Deadline::Never)
    }

    /// The next mail from anyone, if there is one now. As [`Receiver::try_recv`].
    #[inline]
    pub fn try_recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Deadline::Now)
    }

    /// The next mail from anyone; waits no longer than `timeout`. As [`Receiver::recv_timeout`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, timeout)
    }

    /// The next mail from `source`; waits no longer than until `deadline`. As [`Receiver::recv_until`].
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region, Source};
    /// # use std::time::{Duration, Instant};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"one")?;
    /// // All answers that come within a tenth of a second.
    /// let deadline = Instant::now() + Duration::from_millis(100);
    /// let mut answers = vec![];
    /// loop {
    ///     match me.recv_until(Source::Anyone, deadline) {
    ///         Ok(mail) => answers.push(mail.to_vec()),
    ///         Err(RecvError::Timeout) => break,
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// assert_eq!(answers, [b"one"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_until(&self, source: impl Into<Source>, deadline: Instant) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), deadline)
    }

    /// The next mail from `source`, a rank or [`Source::Anyone`]; waits until there is one. As
    /// [`Receiver::recv_from`].
    pub fn recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Deadline::Never)
    }

    /// The next mail from `source`, if there is one now. As [`Receiver::try_recv_from`].
    pub fn try_recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Deadline::Now)
    }

    /// The next mail from `source`; waits no longer than `timeout`. As [`Receiver::recv_from_timeout`].
    pub fn recv_from_timeout(
        &self,
        source: impl Into<Source>,
        timeout: Duration,
    ) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), timeout)
    }

    /// The next mail from `source`, whose bytes go straight to the front of `buffer`. As [`Receiver::recv_into`].
    pub fn recv_into(&self, source: impl Into<Source>, buffer: &mut [u8]) -> Result<(u32, usize), RecvError> {
        self.receiver.receive_into(source.into(), buffer, Deadline::Never, Some(&self.sender))
    }

    /// As [`Endpoint::recv_into`]; waits no longer than `timeout`. As [`Receiver::recv_into_timeout`].
    pub fn recv_into_timeout(
        &self,
        source: impl Into<Source>,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<(u32, usize), RecvError> {
        self.receiver.receive_into(source.into(), buffer, timeout.into(), Some(&self.sender))
    }

    /// Begins a [`Drain`] of the mail from anyone that is there now. As [`Receiver::drain`].
    pub fn drain(&self) -> Drain<'_> {
        self.receiver.drain()
    }

    /// Begins a [`Drain`] of the mail from `source` that is there now. As [`Receiver::drain_from`].
    pub fn drain_from(&self, source: impl Into<Source>) -> Drain<'_> {
        self.receiver.drain_from(source)
    }

    #[inline(always)]
    fn mail(&self, source: Source, deadline: impl Into<Deadline>) -> Result<Mail<'_>, RecvError> {
        self.receiver.mail(source, deadline, Some(&self.sender))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
