//! What a process does once it has joined a region.
//!
//! This folder has the verbs. [`crate::send`] and [`crate::receive`] do the work for them, in steps, and do not wait.
//!
//! | what | files |
//! |---|---|
//! | the two halves, and both as an [`Endpoint`] | `send_half`, `recv_half`, this file; `halves`: what one thread has of them |
//! | how to send and receive: to or from whom, how long, with which tag | `send_to`, `posting`, `recv_from`, `typed` |
//! | what was received | `message`: to be read; `mail`: to be acknowledged or answered; `arrival`: to be fetched; `unanswered` |
//! | what is being sent; many messages | `sending`, `loan`, `block`; `batch`, `drain`, `iter`, `until_alone` |
//! | to join; who comes and goes, and what topics have; to look, and to give up | `join`; `event`, `subjects`; `peek`; `discard` |
//!
//! **Who writes what.** [`crate::abi`] draws the words of a mailbox. The sending half of an endpoint writes the sender's words, in
//! each mailbox from its rank; the receiving half writes the receiver's, in each mailbox to its rank. So the halves may be in
//! two threads, and still no word has two writers (I2).
//!
//! **What waits.** A wait for a peer goes through [`Halves::drive`], after a short look at most. It publishes what batches and
//! drains hold back, then waits; meanwhile announced messages go on, and what was started. Without that, it could wait for a
//! peer that waits for just this. Joining and `discard` wait for locks, `close` and the last drop for the disk.
//!
//! **Before you change it:**
//! - What borrows an endpoint (a mail, a drain, a loan, a batch) may be dropped when the rank is lost. So it checks
//!   ([`Member::check`]) before it writes to the segment: a forked child, or a process whose rank another has, writes nothing.
//! - A slot that was claimed is filled before anything else is sent on its lane.
//! - A mail that is dropped in a panic is requeued, not acknowledged (once: `mail` says why).
#![cfg(not(loom))]

mod arrival;
mod batch;
mod block;
mod discard;
mod drain;
mod event;
mod halves;
mod iter;
mod join;
mod loan;
mod mail;
mod message;
#[cfg(not(doc))]
mod one_thread;
mod peek;
mod posting;
mod recv_from;
mod recv_half;
mod send_half;
mod send_to;
mod sending;
mod subjects;
mod typed;
mod unanswered;
mod until_alone;

pub use arrival::Arrival;
pub use batch::Batch;
pub use block::Block;
pub use drain::Drain;
pub use event::Event;
pub use halves::Halves;
pub use iter::{Iter, is_last};
pub use join::JoinOptions;
pub use loan::Loan;
pub use mail::Mail;
pub use message::Message;
pub use peek::Envelope;
pub use recv_from::RecvFrom;
pub use recv_half::RecvHalf;
pub use send_half::SendHalf;
pub use send_to::SendTo;
pub use sending::Sending;
pub use subjects::{Subject, Telling};
pub use unanswered::Unanswered;
pub use until_alone::{UntilAlone, next_until_alone};

use subjects::Subjects;

use crate::error::{CloseError, RecvError, SendError};
use crate::half::{Interrupter, Member};
use crate::rank::{Source, Wait};
use crate::region::Region;
use crate::wait::Deadline;
use core::fmt;

/// What a process holds after it has joined a region as a rank.
///
/// **Sending.** A message lies in the mailbox until its receiver acknowledges it, whether or not a process has joined as that
/// rank. While a mailbox is full a send waits, until the receiver makes room or is found to have ended. [`Endpoint::to`] says
/// how long to wait, and for what; [`SendHalf`] says more.
///
/// **Receiving.** A [`Mail`] is read where its sender wrote it, and acknowledged when it is dropped. Mail comes in order for
/// each sender, and senders take turns. The end of a sender is told after its last mail, as [`RecvError::Gone`].
/// [`Endpoint::from`] says from whom, and how long to wait; [`RecvHalf`] says more.
///
/// **Leaving.** Dropping it leaves the region. Mail for the rank stays for its next holder. A process that ends without
/// dropping its endpoint, or drops it in a panic, has died. The last to leave a region in a file waits for the disk;
/// [`Endpoint::close`] says whether that worked.
///
/// **Threads.** It may move to another thread, but two threads cannot use it at once. This does not compile, and the compiler
/// names `into_split` and `into_shared`:
///
/// ```compile_fail,E0277
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(1))?;
/// let me = region.join(0)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| me.send(0, b"from one thread"));
///     scope.spawn(|| me.recv().map(|mail| mail.to_vec()));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Endpoint::into_split`] makes two halves for two threads, and [`Endpoint::into_shared`] one that any number of threads use
/// at once. Threads can also join as ranks of their own.
///
/// **What ends it early** is [`Lost`](crate::Lost), from every call. [`Lost::Forked`](crate::Lost::Forked): this process is a
/// forked child, which does not inherit the endpoint. (A child of a raw `clone` or of `_Fork`, which run no `pthread_atfork`
/// handlers, still holds the rank: if its parent dies, the death is told when the child ends, too, or calls `exec`.)
/// [`Lost::Rank`](crate::Lost::Rank): something in this process closed the descriptor that holds the rank, and another process
/// has joined as it. [`Lost::Removed`](crate::Lost::Removed), only from a call that would wait: the region's name was taken
/// away, so that nobody can come any more.
pub struct Endpoint {
    sender: SendHalf,
    receiver: RecvHalf,
    /// What it tells of beside its mail.
    subjects: Subjects,
}

impl Endpoint {
    /// An endpoint of both halves of one member.
    pub(crate) fn new((receiver, sender): (Member, Member)) -> Self {
        Self::of(SendHalf::new(sender), RecvHalf::new(receiver))
    }

    fn of(sender: SendHalf, receiver: RecvHalf) -> Self {
        Self { sender, receiver, subjects: Subjects::default() }
    }

    #[inline(always)]
    pub(crate) fn halves(&self) -> (&SendHalf, &RecvHalf) {
        (&self.sender, &self.receiver)
    }

    /// Both halves, for a thread that waits with them.
    pub(crate) fn both(&self) -> Halves<'_> {
        Halves { sending: Some(self.sender.parts()), receiving: Some(self.receiver.parts()) }
    }

    /// From now on events tell when this has something, of the topic with this number.
    pub(crate) fn tell_of(&self, topic: u32, subject: Box<dyn Subject>) -> Telling<'_> {
        self.subjects.add(topic, subject)
    }

    /// What waits for both halves.
    pub(crate) fn member(&self) -> &Member {
        self.receiver.parts().0
    }

    fn of_halves(mut sender: SendHalf, mut receiver: RecvHalf) -> Self {
        sender.unite(receiver.parts().0);
        receiver.unite(sender.parts().0);
        Self::of(sender, receiver)
    }

    /// This endpoint's rank.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(4))?;
    /// let (server, client) = (region.join(3)?, region.join_any()?);
    /// assert_eq!((server.rank(), client.rank()), (3, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rank(&self) -> u32 {
        self.sender.rank()
    }

    /// How often the rank has been joined, this time included.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// let first = region.join(0)?;
    /// assert_eq!(first.epoch(), 1);
    /// drop(first);
    /// assert_eq!(region.join(0)?.epoch(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn epoch(&self) -> u64 {
        self.sender.epoch()
    }

    /// The region.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// // To all others.
    /// for rank in (0..me.region().ranks()).filter(|rank| *rank != me.rank()) {
    ///     me.send(rank, b"news")?;
    /// }
    /// # for other in [&one, &two] { assert_eq!(other.recv()?.to_vec(), b"news"); }
    /// # assert!(me.try_recv()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn region(&self) -> &Region {
        self.sender.region()
    }

    /// Chooses how this endpoint waits from now on. [`Wait::Adaptive`] until this is called. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region, Wait};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// me.set_wait(Wait::Spin);
    /// let received = me.from_any().within(Duration::from_millis(20)).recv();
    /// assert_eq!(received.err(), Some(RecvError::Timeout));
    /// assert_eq!(region.inspect().ranks[0].sleeps, 0, "it polled all the time");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_wait(&self, wait: Wait) {
        self.sender.set_wait(wait);
        self.receiver.set_wait(wait);
    }

    /// Chooses whether announced messages are fetched by hand. The same as [`RecvHalf::set_by_hand`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let sending = other.to(0).announce(vec![7; 4 << 20])?;
    /// me.set_by_hand(true);
    /// let mail = me.recv()?;
    /// if mail.announced().is_some_and(|len| len > 1 << 20) {
    ///     drop(mail); // not wanted, and its sender is told
    /// }
    /// # let mut sending = sending;
    /// # assert_eq!(sending.wait(), Err(mailbox::SendError::Refused(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_by_hand(&self, by_hand: bool) {
        self.receiver.set_by_hand(by_hand);
    }

    /// How much private memory announced messages may take. The same as [`RecvHalf::set_budget`].
    ///
    /// ```
    /// # use mailbox::{Broken, Config, RecvError, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.set_budget(4 << 20);
    /// let long = other.to(0).announce(vec![7; 8 << 20])?;
    /// let error = me.from(1).within(Duration::from_secs(1)).recv().err();
    /// assert_eq!(error, Some(RecvError::Broken(Broken::NoMemory { rank: 1, len: 8 << 20, left: 4 << 20 })));
    /// # drop(long);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_budget(&self, bytes: u64) {
        self.receiver.set_budget(bytes);
    }

    /// How much private memory unread mail may take. The same as [`RecvHalf::set_unread_budget`].
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// while other.to(0).tag(1).try_send(b"fills the mailbox").is_ok() {}
    /// let sender = std::thread::spawn(move || other.to(0).tag(2).send(b"wanted first"));
    /// assert!(matches!(me.from(1).tag(2).recv(), Err(RecvError::Crowded { .. })));
    /// me.set_unread_budget(64 << 10); // what fills it has room there
    /// assert_eq!(me.from(1).tag(2).recv()?.to_vec(), b"wanted first");
    /// # sender.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_unread_budget(&self, bytes: u64) {
        self.receiver.set_unread_budget(bytes);
    }

    /// Makes sure that unread mail may take at least so many bytes.
    pub(crate) fn raise_unread_budget(&self, bytes: u64) {
        self.receiver.parts().0.aside.raise_limit(bytes);
    }

    /// Gives up and starts again a mailbox that makes no sense. The same as [`RecvHalf::reset`].
    ///
    /// ```
    /// # use mailbox::{Broken, Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (mut me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"lost")?;
    /// me.reset(1)?;
    /// assert_eq!(other.send(0, b"lost, too"), Err(SendError::Broken(Broken::Reset(0))));
    /// other.send(0, b"comes")?;
    /// assert_eq!(me.recv()?.to_vec(), b"comes");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&mut self, from: u32) -> Result<(), RecvError> {
        self.receiver.reset(from)
    }

    /// Leaves the region, as dropping the endpoint does, and says whether the region was closed. The last endpoint to leave a
    /// region in a file closes it, so that it outlives a reboot with its mail. Returns `Ok` if that worked, if there is
    /// nothing to close, or if others are still there.
    ///
    /// Waits for the disk, as dropping does. All that closing needs was taken when the rank was joined, so that it fails
    /// neither for want of descriptors nor for want of rights. Halves are [reunited](SendHalf::reunite) first.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// let me = region.join(0)?;
    /// me.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(self) -> Result<(), CloseError> {
        let (member, _) = self.receiver.parts();
        member.check()?;
        let outcome = member.outcome();
        drop(self);
        outcome.and_then(|outcome| outcome.get().copied()).unwrap_or(Ok(()))
    }

    /// Ends this endpoint as if its process had died: its peers get [`RecvError::Gone`] with `died`, and what it received and
    /// did not acknowledge is there for the rank's next holder. For a program that speaks for something that died, or
    /// that tests what its peers do then. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.abandon();
    /// assert_eq!(me.from(1).recv().unwrap_err(), RecvError::Gone { rank: 1, died: true });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abandon(self) {
        self.receiver.parts().0.abandon();
    }

    /// An [`Interrupter`]: it ends a wait of this endpoint, in either direction, from another thread or a signal handler.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// let interrupter = me.interrupter();
    /// let console = std::thread::spawn(move || interrupter.interrupt());
    /// // Nobody sends anything.
    /// assert_eq!(me.recv().err(), Some(RecvError::Interrupted));
    /// # console.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupter(&self) -> Interrupter {
        self.receiver.interrupter()
    }

    /// Begins a [`Batch`] of both directions. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let batch = me.batch();
    /// me.send(1, b"one")?;
    /// me.send(1, b"two")?;
    /// assert!(other.try_recv()?.is_none(), "both are held back");
    /// drop(batch);
    /// assert_eq!([other.recv()?.to_vec(), other.recv()?.to_vec()], [b"one", b"two"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.sender.parts()), Some(self.receiver.parts()))
    }

    /// Two halves for two threads: one does all the sending, the other all the receiving. Each chooses how it waits, and
    /// sleeps by itself. [`SendHalf::reunite`] makes one endpoint of them again. Never waits. [`Interrupter`]s that
    /// were made before go with the receiving half.
    ///
    /// The rank is left when both halves are dropped. It lives until then: a process that sends to a rank of which only the
    /// sending half is left waits once the mailbox is full, and one that receives from a rank of which only the receiving
    /// half is left waits, too. If a half is dropped in a panic, the rank dies when both are dropped. It also counts as dead if
    /// `main` returns while another thread still has a half: end that thread's wait with an [`Interrupter`], and join it, before.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"out of the way")?;
    /// let (send_half, recv_half) = me.into_split();
    /// let reader = std::thread::spawn(move || recv_half.recv().map(|mail| mail.to_vec()));
    /// send_half.send(1, b"meanwhile")?;
    /// assert_eq!(reader.join().unwrap()?, b"out of the way");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_split(self) -> (SendHalf, RecvHalf) {
        let Self { mut sender, mut receiver, .. } = self;
        sender.split();
        receiver.split();
        (sender, receiver)
    }
}

/// # Sending
///
/// As with a [`SendHalf`]. But one thread has both directions. While it waits, what a batch of either direction holds back
/// is published. And nobody else makes room in the mailbox of this rank to itself: when that is full, a send to oneself
/// returns [`SendError::Full`] at once.
impl Endpoint {
    /// How to send to this rank, or to call it: [`SendTo`] says more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let orders = me.to(1).tag(7).within(Duration::from_millis(50));
    /// orders.send(b"100 shares")?;
    /// let mail = other.recv()?;
    /// assert_eq!((mail.from(), mail.tag(), mail.to_vec()), (0, 7, b"100 shares".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn to(&self, rank: u32) -> SendTo<'_> {
        SendTo::new(&self.sender, Some(&self.receiver), rank)
    }

    /// Sends `bytes` to `rank`. Waits while the mailbox is full. The same as [`SendTo::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.send(1, b"one")?;
    /// me.send(1, b"two")?;
    /// assert_eq!([other.recv()?.to_vec(), other.recv()?.to_vec()], [b"one", b"two"]);
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
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let sent = (0..).take_while(|_| me.try_send(1, b"tick").is_ok()).count();
    /// assert_eq!(sent, 64, "then the mailbox is full");
    /// assert_eq!(me.try_send(1, b"tick"), Err(SendError::Full(1)));
    /// while other.try_recv()?.is_some() {}
    /// me.try_send(1, b"there is room again")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_send(&self, rank: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(rank).try_send(bytes)
    }

    /// Begins a [`Loan`] of up to `max` bytes in this rank's [area for loans](crate::Config::loans). It is written in place,
    /// sent to one receiver or several, and read in place. So each receiver costs one cell, however long the loan is. Any
    /// number of loans may be open. Never waits.
    ///
    /// [`SendError::TooLarge`] if the area has fewer bytes. [`SendError::Full`] if no free part of it is long enough, until
    /// receivers acknowledge what they were sent: [`Endpoint::loan_within`] waits for that. [`Broken::NoSpace`](crate::Broken::NoSpace) if there is no memory for it.
    ///
    /// A receiver that is absent, stopped or dead, or that holds what it was sent, keeps that part and no more. The area is one
    /// for all receivers: if some keep all of it, no other can be lent anything, but can be sent messages. A successor of
    /// this rank leaves alone what its predecessors sent and receivers have not acknowledged: its first loan looks for that
    /// in each mailbox that the rank ever had.
    ///
    /// Cost: a look at which parts are free, and now and then at what receivers acknowledged. A system call where memory is
    /// taken. A system call in each receiver, at its first look at each 256 KiB.
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
    /// drop(block); // its memory is free when both have acknowledged it
    /// # for other in &all[1..] {
    /// assert_eq!(other.recv()?.to_vec(), b"written once\n");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan(&self, max: usize) -> Result<Loan<'_>, SendError> {
        self.sender.lend(max, Some(&self.receiver))
    }

    /// Begins a loan of up to `max` bytes, and waits until there is room, but no longer than `deadline`. Then it returns
    /// [`SendError::Timeout`], or, with [`Deadline::Now`], [`SendError::Full`]. Otherwise as [`Endpoint::loan`].
    ///
    /// Room comes when receivers acknowledge what they were sent. [`SendError::Gone`] if there can be none without one that has
    /// ended, or ends; that one keeps what it was sent until a successor acknowledges it. [`SendError::Full`] at once if only
    /// this thread could give room back: what is in the way are loans that it holds, or mail to itself.
    /// [`SendError::Interrupted`] if an [`Interrupter`] ends the wait.
    ///
    /// A receiver without which there can be no room is told that this rank waits: if it holds the mail, and receives more from
    /// this rank meanwhile, it gets [`RecvError::Held`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.loan(1 << 20)?.commit(1 << 20).send(1)?;
    /// // All of the area is on loan.
    /// assert_eq!(me.loan_within(1 << 20, Duration::from_millis(1)).err(), Some(SendError::Timeout(0)));
    /// # let other = std::thread::spawn(move || drop(other.recv().unwrap()));
    /// let mut next = me.loan_within(1 << 20, Duration::from_secs(10))?;
    /// next.write_at(0, b"written once the other was done with the first");
    /// # other.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan_within(&self, max: usize, deadline: impl Into<Deadline>) -> Result<Loan<'_>, SendError> {
        self.sender.lend_within(max, deadline.into(), Some(&self.receiver))
    }
}

/// # Receiving
///
/// As with a [`RecvHalf`]. But nobody else sends as this rank: to wait for mail from oneself alone returns
/// [`Broken::Oneself`](crate::Broken::Oneself) at once.
impl Endpoint {
    /// How to receive from this rank: [`RecvFrom`] says more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// one.send(0, b"from rank 1")?;
    /// two.send(0, b"from rank 2")?;
    /// assert_eq!(me.from(2).recv()?.to_vec(), b"from rank 2");
    /// assert!(me.from(2).try_recv()?.is_none());
    /// assert_eq!(me.from(1).recv()?.to_vec(), b"from rank 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn from(&self, source: impl Into<Source>) -> RecvFrom<'_> {
        RecvFrom::new(&self.receiver, Some(&self.sender), source.into())
    }

    /// How to receive from anyone: [`RecvFrom`] says more.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let soon = me.from_any().within(Duration::from_millis(10));
    /// assert_eq!(soon.recv().err(), Some(RecvError::Timeout));
    /// other.send(0, b"hello")?;
    /// assert_eq!(soon.recv()?.from(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn from_any(&self) -> RecvFrom<'_> {
        RecvFrom::new(&self.receiver, Some(&self.sender), Source::Anyone)
    }

    /// The next mail from anyone. Waits until there is one. The same as [`RecvFrom::recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let sender = std::thread::spawn(move || other.send(0, b"hello"));
    /// let mail = me.recv()?; // waits for it
    /// assert_eq!((mail.from(), mail.to_vec()), (1, b"hello".to_vec()));
    /// # sender.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn recv(&self) -> Result<Mail<'_>, RecvError> {
        self.from_any().recv()
    }

    /// The next mail from anyone, or `None` if there is none now. The same as [`RecvFrom::try_recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// assert!(me.try_recv()?.is_none(), "nothing was sent");
    /// other.send(0, b"hello")?;
    /// let mail = me.try_recv()?.expect("it is there");
    /// assert_eq!((mail.from(), mail.to_vec()), (1, b"hello".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_recv(&self) -> Result<Option<Mail<'_>>, RecvError> {
        self.from_any().try_recv()
    }

    /// Begins a [`Drain`] of the mail from anyone that is there now. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// for number in 1..=3u64 {
    ///     other.send(0, &number.to_ne_bytes())?;
    /// }
    /// let (mut drain, mut sum) = (me.drain(), 0);
    /// while let Some(message) = drain.next()? {
    ///     sum += message.value::<u64>()?;
    /// }
    /// assert_eq!(sum, 1 + 2 + 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&self) -> Drain<'_> {
        self.from_any().drain()
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
