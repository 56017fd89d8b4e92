//! Sending, to one rank.

use super::recv_half::RecvHalf;
use super::send_half::SendHalf;
use super::sending::Sending;
use crate::abi::{INLINE, Label};
use crate::error::{SendEachError, SendError};
use crate::memory::Payload;
use crate::wait::Deadline;
use core::fmt;
use std::io::IoSlice;

/// How something is sent to a rank: what [`Endpoint::to`](crate::Endpoint::to) and [`SendHalf::to`] return.
///
/// It is a small value that can be copied and used again. It says to which rank, and then with which tag, how long a call may
/// wait and for what. The last method does it.
///
/// ```
/// # use mailbox::{Config, Region, SendError};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, _other) = (region.join(0)?, region.join(1)?);
/// let soon = me.to(1).within(Duration::from_millis(20));
/// soon.send(b"in the mailbox within 20 ms, or an error")?;
/// // Nobody receives it, so nobody acknowledges it.
/// assert_eq!(soon.sync().send(b"acknowledged?"), Err(SendError::Timeout(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "it sends nothing until it is told what"]
pub struct SendTo<'a> {
    pub(crate) sender: &'a SendHalf,
    /// The other half, if the same thread has it.
    pub(crate) receiver: Option<&'a RecvHalf>,
    pub(crate) to: u32,
    pub(crate) deadline: Deadline,
    pub(super) label: Label,
    pub(super) is_sync: bool,
}

impl<'a> SendTo<'a> {
    #[inline(always)]
    pub(super) fn new(sender: &'a SendHalf, receiver: Option<&'a RecvHalf>, to: u32) -> Self {
        Self { sender, receiver, to, deadline: Deadline::Never, label: Label::NONE, is_sync: false }
    }

    /// What is sent carries this tag, by which its receiver can tell messages apart:
    /// [`Message::tag`](crate::Message::tag). Without this it is 0. A call carries none.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// const ORDER: u32 = 7;
    /// me.to(1).tag(ORDER).send(b"100 shares")?;
    /// assert_eq!(other.recv()?.tag(), ORDER);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn tag(self, tag: u32) -> Self {
        self.labelled(Label { tag, ..self.label })
    }

    /// What is sent belongs to the conversation with this number. Without this it is 0.
    pub(crate) fn in_context(self, context: u16) -> Self {
        self.labelled(Label { context, ..self.label })
    }

    /// What is sent carries this label.
    #[inline(always)]
    pub(crate) fn labelled(self, label: Label) -> Self {
        Self { label, ..self }
    }

    /// The call waits no longer than `deadline`: a [`Duration`](core::time::Duration) from now, an
    /// [`Instant`](std::time::Instant), or a [`Deadline`]. Then it returns [`SendError::Timeout`]. Without this it waits as
    /// long as the receiver lives, or has not come yet.
    ///
    /// With [`Deadline::Now`] it does not wait, and returns [`SendError::Full`] instead.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// while me.try_send(1, b"fills the mailbox").is_ok() {}
    /// let sent = me.to(1).within(Duration::from_millis(1)).send(b"no room");
    /// assert_eq!(sent, Err(SendError::Timeout(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }

    /// [`SendTo::send`] waits until the receiver has acknowledged the message, too: until it has dropped its mail.
    ///
    /// It returns [`SendError::Gone`] if the receiver's life ends before, also if that had not begun. The message is then
    /// there for the rank's next holder, unless it was acknowledged just before, which is not known. To a rank that has left
    /// nothing is sent. After [`SendError::Timeout`] the message may have been sent, and stays sent.
    ///
    /// A receiver that dies just after it acknowledged is not told apart from one that goes on: the call succeeds, and the
    /// rank's next holder gets the message again, marked as [redelivered](crate::Message::redelivered).
    ///
    /// At most 64 such messages, announced messages and calls through the mailbox can be under way to a rank, with those that
    /// their sender gave up. The next one waits, or is [`SendError::Full`] with [`Deadline::Now`]. To oneself it returns
    /// [`SendError::Full`], unless another thread has the other half. Two ranks that send to each other so, and receive
    /// nothing meanwhile, wait for ever.
    ///
    /// Cost: that of two messages.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.recv().map(|mail| mail.to_vec()));
    /// me.to(1).sync().send(b"done with it?")?;
    /// // It is: its mail was dropped.
    /// # assert_eq!(other.join().unwrap()?, b"done with it?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn sync(self) -> Self {
        Self { is_sync: true, ..self }
    }

    /// Sends `bytes`. Waits while the mailbox is full. A message longer than
    /// [`Region::eager_limit`](crate::Region::eager_limit) is announced, and waited for until its receiver has all of it.
    ///
    /// Errors that come before anything is sent: [`SendError::TooLarge`], [`Broken::NoSuchRank`](crate::Broken::NoSuchRank),
    /// [`Broken::NoSpace`](crate::Broken::NoSpace). Errors that end a wait: [`SendError::Timeout`], [`SendError::Gone`],
    /// [`SendError::Interrupted`], [`SendError::Refused`], [`Broken::Corrupt`](crate::Broken::Corrupt).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let orders = me.to(1).tag(7);
    /// orders.send(b"100 shares")?;
    /// orders.send(b"200 shares")?;
    /// assert_eq!([other.recv()?.to_vec(), other.recv()?.to_vec()], [b"100 shares", b"200 shares"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn send(self, bytes: &[u8]) -> Result<(), SendError> {
        if self.is_sync {
            return self.post_synchronously(bytes.into());
        }
        let (member, outbox) = self.sender.parts();
        if outbox.send_at_once(member, self.to, self.label, bytes) {
            return Ok(());
        }
        // A copy, so that the common case need not store this value for it.
        Self { ..self }.post(bytes.into())
    }

    /// Sends `bytes` if there is room now. It never waits, and otherwise returns [`SendError::Full`]. A message longer than
    /// [`Region::eager_limit`](crate::Region::eager_limit) takes a receiver, and returns [`SendError::TooLarge`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let orders = me.to(1).tag(7);
    /// let sent = (0..).take_while(|_| orders.try_send(b"100 shares").is_ok()).count();
    /// assert_eq!((sent, orders.try_send(b"200 shares")), (64, Err(SendError::Full(1))));
    /// assert_eq!(other.recv()?.tag(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_send(self, bytes: &[u8]) -> Result<(), SendError> {
        self.within(Deadline::Now).send(bytes)
    }

    /// Sends these pieces, one after the other, as one message: for a header and what it heads, which nobody has to copy
    /// together first. Otherwise as [`SendTo::send`].
    ///
    /// Cost: one copy, as for [`SendTo::send`], and some instructions for each piece.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::io::IoSlice;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (head, body) = (7u32.to_ne_bytes(), b"hello");
    /// me.to(1).send_vectored(&[IoSlice::new(&head), IoSlice::new(body)])?;
    /// assert_eq!(other.recv()?.to_vec()[4..], *body);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_vectored(self, pieces: &[IoSlice<'_>]) -> Result<(), SendError> {
        let payload = Payload::of(pieces).ok_or_else(|| self.beyond_all_limits())?;
        // To put few bytes together first takes fewer instructions than to write them to the cell piece by piece.
        if let Some(bytes) = payload.gather(&mut [0; INLINE]) {
            return self.send(bytes);
        }
        if self.is_sync { self.post_synchronously(payload) } else { self.post(payload) }
    }

    /// Sends each of these messages, in order, as if within a [`Batch`](crate::Batch), in fewer instructions than single sends take.
    /// Returns how many these were. [`SendTo::within`] is a deadline for all. With [`SendTo::sync`] each is acknowledged before the next
    /// one is sent.
    ///
    /// The first that is not sent ends this, and is told with how many were: a [`SendEachError`]. Errors as for [`SendTo::send`]. Those
    /// that were sent stay sent.
    ///
    /// As of a batch, what is held back is seen at the latest when it is a quarter of the mailbox, when this call would wait, and in the
    /// end, also if that is a panic of `messages`. So let them come quickly. `messages` may use this endpoint: what it sends to the same
    /// rank comes before the message that it then gives. What it sends to any rank is held back as well, until this half waits, or
    /// its endpoint, if that was not split.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let orders = me.to(1).tag(7);
    /// orders.send_each(["100 shares", "200 shares"])?;
    /// assert_eq!([other.recv()?.to_vec(), other.recv()?.to_vec()], [b"100 shares", b"200 shares"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send_each<M: AsRef<[u8]>>(
        self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<usize, SendEachError> {
        let mut sent = 0;
        let outcome = self.send_all(messages.into_iter(), &mut sent);
        match outcome {
            Ok(()) => Ok(sent),
            Err(error) => Err(SendEachError { sent, error }),
        }
    }

    #[inline(always)]
    fn send_all<M: AsRef<[u8]>>(
        &self,
        messages: impl Iterator<Item = M>,
        sent: &mut usize,
    ) -> Result<(), SendError> {
        let (member, outbox) = self.sender.parts();
        let peer = outbox.peer(member, self.to, 0)?;
        if self.is_sync {
            for message in messages {
                self.post_synchronously(message.as_ref().into())?;
                *sent += 1;
            }
            return Ok(());
        }
        outbox.send_each(member, peer, self.label, messages, sent, |bytes| self.post(bytes.into()))
    }

    /// Opens the mailbox to the rank without sending anything, as the first message otherwise does: it reserves the memory that
    /// short messages need, so that later ones wait for no system call, and the receiver sees that this rank means to
    /// send. Never waits. Errors as for [`SendTo::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// me.to(1).open()?;
    /// assert!(region.has_mailbox(0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(self) -> Result<(), SendError> {
        let (member, outbox) = self.sender.parts();
        outbox.peer(member, self.to, 0).map(|_| ())
    }

    /// Announces a message of any length up to [`Region::max_message`](crate::Region::max_message), and returns while it is
    /// under way. Its receiver gets it when it wants it. Waits while the mailbox is full, and while 64 such are under way.
    ///
    /// [`Sending`] tells what becomes of it, and keeps the bytes until the receiver has them. Announced messages go on
    /// while any call of this endpoint waits. Several may be announced, and a receiver may fetch them in any order
    /// ([`RecvHalf::set_by_hand`]). To oneself it returns [`SendError::TooLarge`], unless another thread has the other half.
    /// Other errors as for [`SendTo::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.recv().map(|mail| mail.len()));
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// // … other work, and then:
    /// sending.wait()?;
    /// # assert_eq!(other.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn announce(self, bytes: impl Into<Vec<u8>>) -> Result<Sending<'a>, SendError> {
        self.begin_sending(bytes.into())
    }
}

impl fmt::Debug for SendTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendTo")
            .field("to", &self.to)
            .field("deadline", &self.deadline)
            .field("tag", &self.label.tag)
            .field("sync", &self.is_sync)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::region::Region;

    #[test]
    fn what_is_sent_carries_its_whole_label() {
        let region = Region::create_unnamed(Config::ranks(2).arena(1024)).expect("a new region");
        let [me, other] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
        let label = Label { tag: u32::MAX, context: 0xABCD };
        let to = me.to(1).tag(label.tag).in_context(label.context);
        [0, 48, 49, 512].into_iter().for_each(|len| to.send(&vec![7; len]).expect("room"));
        let _sending = to.announce([7; 5000]).expect("room");
        other.set_by_hand(true);
        let of_its_kind = other.from(0).in_context(label.context);
        for _ in 0..5 {
            assert_eq!(of_its_kind.recv().expect("mail").descriptor.envelope().label(), label);
        }
        // A tag leaves the conversation as it is.
        to.tag(1).send(b"").expect("room");
        assert!(other.try_recv().expect("nothing is wrong").is_none(), "it is of another conversation");
        let mail = of_its_kind.recv().expect("mail");
        assert_eq!(mail.descriptor.envelope().label(), Label { tag: 1, ..label });
    }
}
