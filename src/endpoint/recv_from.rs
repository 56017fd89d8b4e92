//! Receiving, from one rank or from anyone.

use super::drain::Drain;
use super::mail::Mail;
use super::recv_half::RecvHalf;
use super::send_half::SendHalf;
use crate::abi::Filter;
use crate::error::{Broken, RecvError};
use crate::rank::Source;
use crate::receive::Wanted;
use crate::wait::Deadline;
use core::fmt;

/// How something is received: what [`Endpoint::from`](crate::Endpoint::from), [`Endpoint::from_any`](crate::Endpoint::from_any)
/// and the same methods of a [`RecvHalf`] return.
///
/// It is a small value that can be copied and used again. It says from which rank, and how long a call may wait. The last
/// method does it.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use std::time::{Duration, Instant};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.send(0, b"one")?;
/// // All answers that come within a tenth of a second.
/// let answers = me.from_any().within(Duration::from_millis(100));
/// let mut all = vec![];
/// loop {
///     match answers.recv() {
///         Ok(mail) => all.push(mail.to_vec()),
///         Err(error) if error.is_timeout() => break,
///         Err(error) => return Err(error.into()),
///     }
/// }
/// assert_eq!(all, [b"one"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "it receives nothing until it is told how"]
pub struct RecvFrom<'a> {
    pub(super) receiver: &'a RecvHalf,
    /// The other half, if the same thread has it.
    pub(super) sender: Option<&'a SendHalf>,
    pub(super) wanted: Wanted,
    pub(super) deadline: Deadline,
}

impl<'a> RecvFrom<'a> {
    #[inline(always)]
    pub(super) fn new(receiver: &'a RecvHalf, sender: Option<&'a SendHalf>, source: Source) -> Self {
        Self { receiver, sender, wanted: source.into(), deadline: Deadline::Never }
    }

    /// The call waits no longer than `deadline`: a [`Duration`](core::time::Duration) from now, an
    /// [`Instant`](std::time::Instant), or a [`Deadline`]. Then it returns [`RecvError::Timeout`]. Without this it waits as
    /// long as mail can come. A deadline that has passed gives what is there.
    ///
    /// ```
    /// # use mailbox::{Config, Region, RecvError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let received = me.from(1).within(Duration::from_millis(1)).recv();
    /// assert_eq!(received.err(), Some(RecvError::Timeout));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }

    /// Takes only messages with this tag ([`SendTo::tag`](crate::SendTo::tag)), and no calls. Other mail stays where it is, in
    /// its order, for receives that take it. Of those with the same tag, one rank's come in the order in which they were sent.
    ///
    /// What is left unread takes room in its mailbox. When that keeps what this waits for from coming, it is moved out of the way
    /// if there is a [budget](RecvHalf::set_unread_budget) for that; otherwise the receive returns [`RecvError::Crowded`].
    ///
    /// Room is given back in order, too. So what was received from behind older unread mail comes again to the rank's next
    /// holder, marked as [redelivered](crate::Message::redelivered).
    ///
    /// The end of a rank is told after its last mail with this tag: from that rank each time, from anyone once for all receives.
    ///
    /// Cost: the same, however much lies unread: a look into a table. Each message that a receive passes over is looked at
    /// once, and put into a table.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.to(0).tag(1).send(b"first")?;
    /// other.to(0).tag(2).send(b"second")?;
    /// assert_eq!(me.from(1).tag(2).recv()?.to_vec(), b"second");
    /// assert_eq!(me.recv()?.to_vec(), b"first");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn tag(self, tag: u32) -> Self {
        self.tag_masked(tag, u32::MAX)
    }

    /// Takes only messages whose tag has the same bits as `tag` wherever `mask` has ones, and no calls. Otherwise as
    /// [`RecvFrom::tag`]. With a mask of 0 it takes every tag, and calls.
    ///
    /// Cost: as for [`RecvFrom::tag`], as long as no more than eight different masks are used in turns.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.to(0).tag(0x0105).send(b"other kind")?;
    /// # other.to(0).tag(0x0205).send(b"order")?;
    /// // The upper byte says which kind of message it is.
    /// let order = me.from_any().tag_masked(0x0200, 0xff00).recv()?;
    /// assert_eq!(order.tag() & 0xff, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn tag_masked(mut self, tag: u32, mask: u32) -> Self {
        self.wanted.filter = self.wanted.filter.with_tag(tag, mask);
        self
    }

    /// Takes what was sent in this context, and nothing else.
    #[inline(always)]
    pub(crate) fn in_context(mut self, context: u16) -> Self {
        self.wanted.filter = Filter::new(context, 0, 0);
        self
    }

    /// Waits for mail of this life of the rank, and of no later one.
    pub(crate) fn of_life(mut self, epoch: u64) -> Self {
        self.wanted.epoch = Some(epoch);
        self
    }

    /// The halves of the endpoint.
    pub(crate) fn halves(&self) -> (&'a RecvHalf, Option<&'a SendHalf>) {
        (self.receiver, self.sender)
    }

    pub(crate) fn wanted(&self) -> Wanted {
        self.wanted
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The next mail. Waits until there is one. Mail of other ranks stays where it is.
    ///
    /// **From one rank** it returns [`RecvError::Gone`] each time once that rank has ended and its last mail was received;
    /// [`Broken::Corrupt`] each time while its mailbox makes no sense; [`RecvError::Held`] while mails of it that this
    /// endpoint holds keep it from sending.
    ///
    /// **From anyone** it returns each of these once: for each life of another rank that ended, each mailbox that makes no
    /// sense, each sender that is held up. The others go on.
    ///
    /// [`RecvError::Interrupted`] ends a wait. [`Broken::Oneself`] is returned where only the caller itself could send.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"the last one")?;
    /// drop(other);
    /// assert_eq!(me.from(1).recv()?.to_vec(), b"the last one");
    /// assert_eq!(me.from(1).recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn recv(self) -> Result<Mail<'a>, RecvError> {
        self.receiver.mail(self.wanted, self.deadline, self.sender)?.ok_or(RecvError::Timeout)
    }

    /// The next mail, or `None` if there is none now. Never waits. It takes in at most 2 MiB of an announced message, so
    /// that a large one may take several calls. Other errors as for [`RecvFrom::recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.to(0).tag(1).send(b"an order")?;
    /// assert!(me.from(1).tag(2).try_recv()?.is_none());
    /// let mail = me.from(1).tag(1).try_recv()?.expect("it is there");
    /// assert_eq!(mail.to_vec(), b"an order");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_recv(self) -> Result<Option<Mail<'a>>, RecvError> {
        match self.receiver.mail(self.wanted, Deadline::Now, self.sender) {
            Err(RecvError::Broken(Broken::Oneself)) => Ok(None),
            other => other,
        }
    }

    /// Copies the next mail to the front of `buffer`, also an announced message, and acknowledges it. Returns its sender and
    /// its length. Waits for all of it.
    ///
    /// [`RecvError::Misfit`] if it is longer than `buffer`: it stays, and is received next. If its sender gives
    /// it up meanwhile, this goes on with what follows, as [`RecvFrom::recv`] does; the bytes that came are overwritten. After
    /// [`RecvError::Timeout`] a message of which a part had come is refused. A call is dropped when it was copied: receive
    /// calls as [`Mail`]s. Other errors as for [`RecvFrom::recv`].
    ///
    /// Cost: one copy, of announced messages, too.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"hello world")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(me.from(1).recv_into(&mut buffer[..5]), Err(RecvError::Misfit { rank: 1, len: 11 }));
    /// assert_eq!(me.from(1).recv_into(&mut buffer)?, (1, 11));
    /// assert_eq!(&buffer[..11], b"hello world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into(self, buffer: &mut [u8]) -> Result<(u32, usize), RecvError> {
        let room = buffer.len() as u64;
        self.receiver.receive_into(self.wanted, (buffer, |len| len <= room), self.deadline, self.sender)
    }

    /// Begins a [`Drain`] of the mail that is there now. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// one.send(0, b"from rank 1")?;
    /// two.send(0, b"from rank 2")?;
    /// let mut drain = me.from(2).drain();
    /// assert_eq!(drain.next()?.expect("it is there").to_vec(), b"from rank 2");
    /// assert!(drain.next()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(self) -> Drain<'a> {
        Drain::new(self.receiver.parts(), self.sender, self.wanted)
    }
}

impl fmt::Debug for RecvFrom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFrom")
            .field("source", &self.wanted.source)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
