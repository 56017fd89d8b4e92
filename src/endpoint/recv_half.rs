//! The half of an endpoint that receives.

use super::batch::Batch;
use super::drain::Drain;
use super::halves::Halves;
use super::mail::Mail;
use super::recv_from::RecvFrom;
use super::send_half::SendHalf;
use crate::abi::Filter;
use crate::error::RecvError;
use crate::half::{Interrupter, Member};
use crate::rank::{Source, Wait};
use crate::receive::{Inbox, Incoming, Receive, Wanted};
use crate::region::Region;
use crate::ring::Descriptor;
use crate::wait::{Deadline, Waiter};
use core::fmt;

/// The half of an [`Endpoint`](crate::Endpoint) that receives: what [`Endpoint::into_split`](crate::Endpoint::into_split)
/// gives to one thread.
///
/// **Order.** Mail comes in order for each sender. A receive from anyone takes senders in turn: it gives at most 32 mails
/// of one sender while mail of another waits; up to 256 if nobody else had mail for a while, and these are received within
/// milliseconds. With more than eight senders it looks less often at those that were silent
/// for long: if `n` are silent, it looks at each of them at least once in `32 n` mails of others. A mail is received once.
/// It comes again only if it was requeued, or if its holder ended before it or an older one of its sender was acknowledged.
///
/// **Ends.** Once a rank has ended and there is no more mail of it, a receive from that rank returns
/// [`RecvError::Gone`], each time. A receive from anyone returns it once for each life that existed while this endpoint
/// did, whether or not that life ever sent anything. It returns the end of an earlier life only if that left mail for this
/// rank. A rank whose holder was killed before this endpoint joined, and that no process has joined since, counts as one
/// that existed. If a successor has joined at once, the end of the life before may be told after mail of the successor;
/// [`Message::epoch`](crate::Message::epoch) tells them apart. Of several lives of one rank that end between two looks,
/// only the last end is told.
///
/// A clean leave is seen at once. A death is seen within 75 ms by a receive from that rank, and within a second by a receive
/// from any of up to 64 ranks. In a larger region each waiting process watches the two ranks above its own and tells all
/// others, and a receive from anyone also asks about eight ranks a second. A receive that always finds mail looks for ends
/// every 75 ms. `try_` calls look for deaths every 64th time.
///
/// **Announced messages.** A message longer than [`Region::eager_limit`] arrives as an announcement. A receive that comes
/// upon it asks for the message and takes it in, as later receives do. It is received when it is complete, and what lies
/// behind it in the same mailbox comes after it. What has arrived is kept across timeouts and mail of other senders, in
/// private memory that is taken at the announcement ([`RecvHalf::set_budget`]). A buffer of up to 64 MiB is kept for
/// the next one. If the sender gives up or ends, the message is dropped. [`RecvHalf::set_by_hand`] gives the announcement
/// itself instead, and [`RecvFrom::recv_into`] takes no memory.
///
/// **Cost.** The cache line of the message, and a system call if the sender sleeps for want of room. What is copied out of a
/// mail is copied once; an announced message was copied once on the way.
pub struct RecvHalf {
    member: Member,
    inbox: Inbox,
}

impl RecvHalf {
    pub(crate) fn new(member: Member) -> Self {
        Self { inbox: Inbox::new(&member), member }
    }

    pub(super) fn split(&mut self) {
        self.member.split();
    }

    pub(super) fn unite(&mut self, other: &Member) {
        self.member.unite(other);
    }

    /// This half's rank.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(4))?;
    /// let (_send_half, recv_half) = region.join(3)?.into_split();
    /// assert_eq!((recv_half.rank(), recv_half.epoch()), (3, 1));
    /// assert_eq!(recv_half.region().ranks(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rank(&self) -> u32 {
        self.member.rank()
    }

    /// How often the rank has been joined, this time included. [`RecvHalf::rank`] has an example.
    pub fn epoch(&self) -> u64 {
        self.member.epoch()
    }

    /// The region. [`RecvHalf::rank`] has an example.
    pub fn region(&self) -> &Region {
        &self.member.region
    }

    /// Chooses how this half waits from now on; before the endpoint was split, as it did. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region, Wait};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// recv_half.set_wait(Wait::Spin);
    /// let received = recv_half.from_any().within(Duration::from_millis(20)).recv();
    /// assert_eq!(received.err(), Some(RecvError::Timeout));
    /// assert_eq!(region.inspect().ranks[0].sleeps, 0, "it polled all the time");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_wait(&self, wait: Wait) {
        self.member.set_wait(wait);
    }

    /// Chooses whether announced messages that are received from now on are fetched by hand. Then the announcement is a mail
    /// of its own, without bytes. [`Mail::announced`] is the length of the message. [`Mail::fetch`] gets it, now or
    /// later and in any order. Dropping the mail refuses it. Nothing of it is put into private memory. Other messages come as
    /// usual. Off until this is called.
    ///
    /// The sender keeps the message until then. It waits for that unless it [announced](crate::SendTo::announce) the message.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// recv_half.set_by_hand(true);
    /// let sending = other.to(0).announce(vec![7; 4 << 20])?;
    /// let mail = recv_half.recv()?;
    /// assert_eq!((mail.len(), mail.announced()), (0, Some(4 << 20)));
    /// # drop(sending);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_by_hand(&self, by_hand: bool) {
        self.inbox.by_hand.set(by_hand);
        // By hand it needs none, and waits for no other.
        self.member.budget.reconsider();
        self.inbox.lift_waiting();
    }

    /// How many bytes of private memory announced messages may take, of all senders together: from the time when a receive
    /// comes upon the announcement until the mail is dropped. [`Region::max_message`] until this is called. A message that
    /// does not fit what is left is [`Broken::NoMemory`](crate::Broken::NoMemory) and stays where it is. What is fetched
    /// [by hand](RecvHalf::set_by_hand) takes none.
    ///
    /// ```
    /// # use mailbox::{Broken, Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.set_budget(4 << 20);
    /// let mut long = other.to(0).announce(vec![7; 8 << 20])?;
    /// let error = me.recv().err();
    /// assert_eq!(error, Some(RecvError::Broken(Broken::NoMemory { rank: 1, len: 8 << 20, left: 4 << 20 })));
    /// // It is still there.
    /// me.set_budget(16 << 20);
    /// # let me = std::thread::spawn(move || { assert_eq!(me.recv().unwrap().len(), 8 << 20); me });
    /// # long.wait()?;
    /// # me.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_budget(&self, bytes: u64) {
        self.member.budget.set_limit(bytes);
    }

    /// How many bytes of private memory unread mail may take that is moved out of the way of mail that a receive waits for
    /// ([`RecvFrom::tag`]), of all senders together. 0 until this is called: then such a receive returns
    /// [`RecvError::Crowded`]. Each message counts 128 bytes more than its length.
    ///
    /// A message that was moved is acknowledged. If this process ends, it is lost. A call, and a message whose sender waits until
    /// it is acknowledged ([`SendTo::sync`](crate::SendTo::sync)), stay where they are: in the way they are
    /// [`RecvError::Crowded`]. An announced message is taken in ([`RecvHalf::set_budget`]).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.set_unread_budget(64 << 20);
    /// let sender = std::thread::spawn(move || {
    ///     for number in 0..1000u32 {
    ///         other.to(0).tag(1).send(&number.to_ne_bytes())?;
    ///     }
    ///     other.to(0).tag(2).send(b"wanted first")
    /// });
    /// assert_eq!(me.from(1).tag(2).recv()?.to_vec(), b"wanted first");
    /// for number in 0..1000u32 {
    ///     assert_eq!(me.recv()?.value::<u32>()?, number);
    /// }
    /// # sender.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_unread_budget(&self, bytes: u64) {
        self.member.aside.set_limit(bytes);
    }

    /// Gives up all that is in the mailbox from `from` and was not received, with mails of it that were requeued or
    /// forgotten, and starts that mailbox again: for one that is [`Broken::Corrupt`](crate::Broken::Corrupt). Other
    /// mailboxes are not touched. Never waits.
    ///
    /// Mail comes again once the sender has found out, at its next message at the latest. That call returns
    /// [`Broken::Reset`](crate::Broken::Reset), and what the sender sent before is lost unless it was received. A sender that
    /// only receives from then on is not told; a message to it can say so. What it sends
    /// from then on comes in order and once. [`Message::seq`](crate::Message::seq) goes on where the sender is; the gap is what
    /// was lost. Until then a receive waits as if there were no mail, also in later lives of this rank.
    ///
    /// Cost: the sender looks at each cell of the mailbox.
    ///
    /// ```
    /// # use mailbox::{Broken, Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (mut me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"lost")?;
    /// let received = me.try_recv().map(|mail| mail.map(|mail| mail.to_vec()));
    /// if let Err(RecvError::Broken(Broken::Corrupt(rank))) = received {
    ///     me.reset(rank)?;
    /// }
    /// # me.reset(1)?;
    /// # assert!(other.send(0, b"told").is_err() && other.send(0, b"comes").is_ok());
    /// # assert_eq!(me.recv()?.to_vec(), b"comes");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&mut self, from: u32) -> Result<(), RecvError> {
        self.inbox.reset(&self.member, from)
    }

    /// An [`Interrupter`]: it ends a wait of this half from another thread or a signal handler.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// let interrupter = recv_half.interrupter();
    /// let console = std::thread::spawn(move || interrupter.interrupt());
    /// assert_eq!(recv_half.recv().err(), Some(RecvError::Interrupted));
    /// # console.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }

    /// Begins a [`Batch`] of what this half acknowledges. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// other.send(0, b"hello")?;
    /// let batch = recv_half.batch();
    /// recv_half.recv()?.ack();
    /// assert_eq!(region.inspect().mailboxes[0].unread, 1, "its sender is not told yet");
    /// drop(batch);
    /// assert_eq!(region.inspect().mailboxes[0].unread, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(None, Some(self.parts()))
    }

    /// How to receive from this rank: [`RecvFrom`] says more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// one.send(0, b"from rank 1")?;
    /// two.send(0, b"from rank 2")?;
    /// assert_eq!(recv_half.from(2).recv()?.to_vec(), b"from rank 2");
    /// assert!(recv_half.from(2).try_recv()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn from(&self, source: impl Into<Source>) -> RecvFrom<'_> {
        RecvFrom::new(self, None, source.into())
    }

    /// How to receive from anyone: [`RecvFrom`] says more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// other.to(0).tag(1).send(b"one")?;
    /// other.to(0).tag(2).send(b"two")?;
    /// let mail = recv_half.from_any().tag(2).recv()?;
    /// assert_eq!((mail.from(), mail.to_vec()), (1, b"two".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn from_any(&self) -> RecvFrom<'_> {
        RecvFrom::new(self, None, Source::Anyone)
    }

    /// The next mail from anyone. Waits until there is one. The same as [`RecvFrom::recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// let sender = std::thread::spawn(move || other.send(0, b"hello"));
    /// let mail = recv_half.recv()?; // waits for it
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
    /// let (_send_half, recv_half) = me.into_split();
    /// assert!(recv_half.try_recv()?.is_none(), "nothing was sent");
    /// other.send(0, b"hello")?;
    /// assert_eq!(recv_half.try_recv()?.expect("it is there").to_vec(), b"hello");
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
    /// let (_send_half, recv_half) = me.into_split();
    /// for number in 1..=3u64 {
    ///     other.send(0, &number.to_ne_bytes())?;
    /// }
    /// let (mut drain, mut sum) = (recv_half.drain(), 0);
    /// while let Some(message) = drain.next()? {
    ///     sum += message.value::<u64>()?;
    /// }
    /// assert_eq!(sum, 1 + 2 + 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&self) -> Drain<'_> {
        self.from_any().drain()
    }

    /// `sender`: the other half, if the same thread has it.
    #[inline(always)]
    pub(crate) fn mail<'a>(
        &'a self,
        wanted: Wanted,
        deadline: Deadline,
        sender: Option<&'a SendHalf>,
    ) -> Result<Option<Mail<'a>>, RecvError> {
        let found = match self.inbox.recv_at_once(&self.member, wanted) {
            None => {
                let Wanted { source, filter, epoch } = wanted;
                self.wait_for_mail(source, filter, epoch, deadline, sender)?
            }
            found => found,
        };
        Ok(found.map(|(peer, descriptor)| Mail::new(&self.member, peer, descriptor, sender, &self.inbox)))
    }

    /// As `mail`, where there is more to do than to take a message. Takes what is wanted in pieces, which need not lie in
    /// memory: `mail` would put it there each time.
    #[inline(never)]
    fn wait_for_mail(
        &self,
        source: Source,
        filter: Filter,
        epoch: Option<u64>,
        deadline: Deadline,
        sender: Option<&SendHalf>,
    ) -> Result<Option<(&Incoming, Descriptor)>, RecvError> {
        let Self { member, inbox } = self;
        let wanted = Wanted { source, filter, epoch };
        member.check()?;
        if let Some(found) = inbox.recv_unread(member, wanted)? {
            return Ok(Some(found));
        }
        if !deadline.is_now()
            && let Some(found) = inbox.recv_soon(member, wanted, deadline)
        {
            return Ok(Some(found));
        }
        let mut receive = Receive::new(inbox, member, wanted);
        self.halves(sender).drive(member, deadline, &mut receive)?;
        Ok(receive.found)
    }

    /// Whether a call that has passed over so many events may go on.
    pub(super) fn check_patience(&self, deadline: Deadline, passed: u64) -> Result<(), RecvError> {
        if deadline.is_over_after(passed) {
            return Err(RecvError::Timeout);
        }
        Ok(self.member.take_interruption()?)
    }

    /// As [`RecvFrom::recv_into`], into a buffer for messages of the lengths that fit.
    pub(super) fn receive_into(
        &self,
        wanted: Wanted,
        (buffer, fits): (&mut [u8], impl Fn(u64) -> bool),
        deadline: Deadline,
        sender: Option<&SendHalf>,
    ) -> Result<(u32, usize), RecvError> {
        let Self { member, inbox } = self;
        member.check()?;
        let mut passed = 0;
        loop {
            // It needs none.
            member.budget.reconsider();
            let mut receive = Receive::new(inbox, member, wanted).by_hand();
            self.halves(sender).drive(member, deadline, &mut receive)?;
            let (peer, descriptor) = receive.found.ok_or(RecvError::Timeout)?;
            let arrival = Mail::new(member, peer, descriptor, sender, inbox).fetch();
            if let Some(copied) = arrival.copy_all((&mut *buffer, &fits), deadline)? {
                return Ok(copied);
            }
            passed += 1;
            self.check_patience(deadline, passed)?;
        }
    }

    pub(super) fn halves<'a>(&'a self, sender: Option<&'a SendHalf>) -> Halves<'a> {
        Halves { sending: sender.map(SendHalf::parts), receiving: Some(self.parts()) }
    }

    #[inline(always)]
    pub(crate) fn parts(&self) -> (&Member, &Inbox) {
        (&self.member, &self.inbox)
    }

    /// Tells the senders of what a batch or a drain acknowledged.
    #[inline(always)]
    pub(crate) fn settle(&self) {
        if self.member.holds_back() {
            self.inbox.settle(&self.member);
        }
    }
}

impl Drop for RecvHalf {
    fn drop(&mut self) {
        self.settle();
        if self.member.check().is_ok() && !self.member.dies() {
            self.inbox.leave();
        }
        self.member.part();
    }
}

impl fmt::Debug for RecvHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvHalf")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
