//! What is sent to a rank through a shared endpoint, and how long that waits.

use super::handle::Handle;
use super::sending::Parcel;
use super::under_way::OwnedSending;
use super::{asking, sending};
use crate::abi::{INLINE, Label};
use crate::call::Reply;
use crate::error::{CallError, SendError};
use crate::memory::Payload;
use crate::wait::Deadline;
use core::fmt;
use std::io::IoSlice;
use std::sync::Arc;

/// What [`Shared::to`](crate::Shared::to) gives: to which rank, how long it may wait, and with which tag.
#[derive(Clone, Copy)]
#[must_use = "it says how to send, and sends nothing"]
pub struct SharedTo<'a> {
    handle: &'a Arc<Handle>,
    rank: u32,
    deadline: Deadline,
    label: Label,
    is_sync: bool,
}

impl<'a> SharedTo<'a> {
    #[inline(always)]
    pub(super) fn new(handle: &'a Arc<Handle>, rank: u32) -> Self {
        Self { handle, rank, deadline: Deadline::Never, label: Label::NONE, is_sync: false }
    }

    /// What is sent carries this tag. As [`SendTo::tag`](crate::SendTo::tag).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// me.to(1).tag(7).send(b"hello")?;
    /// assert_eq!(other.recv()?.tag(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn tag(self, tag: u32) -> Self {
        Self { label: Label { tag, ..self.label }, ..self }
    }

    /// Waits no longer than this: a time from now on, or until a moment.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// while me.try_send(1, b"fills the mailbox").is_ok() {}
    /// let sent = me.to(1).within(Duration::from_millis(1)).send(b"no room");
    /// assert_eq!(sent, Err(SendError::Timeout(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }

    /// What is sent is waited for until its receiver has acknowledged it. As [`SendTo::sync`](crate::SendTo::sync), but a receiver
    /// that holds the message and waits for more is not told that it is waited for ([`RecvError::Held`](crate::RecvError::Held)),
    /// because other threads may send it more. To oneself it waits, because another thread may receive it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # let other = std::thread::spawn(move || other.recv().map(|mail| mail.to_vec()));
    /// me.to(1).sync().send(b"done with it?")?;
    /// // It is: its mail was dropped.
    /// # assert_eq!(other.join().unwrap()?, b"done with it?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn sync(self) -> Self {
        Self { is_sync: true, ..self }
    }

    /// Sends `bytes`, of any length up to [`Region::max_message`](crate::Region::max_message); waits while the mailbox is
    /// full, and until the receiver has a message above [`Region::eager_limit`](crate::Region::eager_limit). Errors as for
    /// [`Endpoint::send`](crate::Endpoint::send).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let orders = me.to(1).tag(7);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(move || orders.send(b"100 shares").expect("room"));
    /// });
    /// orders.send(b"200 shares")?;
    /// assert_eq!([other.recv()?.to_vec(), other.recv()?.to_vec()], [b"100 shares", b"200 shares"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send(self, bytes: &[u8]) -> Result<(), SendError> {
        sending::send(self.handle, self.parcel(bytes.into()), self.deadline)
    }

    /// Sends these pieces, one after the other, as one message. As [`SendTo::send_vectored`](crate::SendTo::send_vectored).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::io::IoSlice;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// me.to(1).send_vectored(&[IoSlice::new(b"to"), IoSlice::new(b"gether")])?;
    /// assert_eq!(other.recv()?.to_vec(), b"together");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_vectored(self, pieces: &[IoSlice<'_>]) -> Result<(), SendError> {
        let Some(payload) = Payload::of(pieces) else {
            let limit = self.handle.with(|joint| joint.sending().0.limit)? as u64;
            return Err(SendError::TooLarge { len: u64::MAX, limit });
        };
        match payload.gather(&mut [0; INLINE]) {
            Some(bytes) => self.send(bytes),
            None => sending::send(self.handle, self.parcel(payload), self.deadline),
        }
    }

    /// Sends `bytes` if there is room now; never waits for a peer, else [`SendError::Full`]. Errors as for
    /// [`Endpoint::try_send`](crate::Endpoint::try_send).
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, _other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let orders = me.to(1).tag(7);
    /// let sent = (0..).take_while(|_| orders.try_send(b"100 shares").is_ok()).count();
    /// assert_eq!((sent, orders.try_send(b"200 shares")), (64, Err(SendError::Full(1))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_send(self, bytes: &[u8]) -> Result<(), SendError> {
        sending::send(self.handle, self.parcel(bytes.into()), Deadline::Now)
    }

    /// Announces a message, and returns while it is under way. As [`SendTo::announce`](crate::SendTo::announce): it goes on
    /// while any thread waits, or makes a call that would wait. To oneself it may be announced, too.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # let other = std::thread::spawn(move || other.recv().map(|mail| mail.len()));
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// // … other work, and then, in any thread:
    /// std::thread::spawn(move || sending.wait()).join().unwrap()?;
    /// # assert_eq!(other.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn announce(self, bytes: impl Into<Vec<u8>>) -> Result<OwnedSending, SendError> {
        OwnedSending::begin(self.handle, (self.rank, self.label), bytes.into(), self.deadline)
    }

    /// Opens the mailbox to the rank without sending anything. As [`SendTo::open`](crate::SendTo::open).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?.into_shared();
    /// me.to(1).open()?;
    /// assert!(region.has_mailbox(0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(self) -> Result<(), SendError> {
        self.handle.with(|joint| joint.endpoint.to(self.rank).open())?
    }

    /// Asks, and waits for the answer. A call carries no tag. Several threads may ask the same rank at once. Errors as for
    /// [`Endpoint::call`](crate::Endpoint::call), but that a call is never [`CallError::Held`]: another thread may receive
    /// what the server waits to have received.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let server = std::thread::spawn(move || {
    ///     let question = other.recv().expect("a call");
    ///     let number: u32 = question.value().expect("one number");
    ///     question.reply(&(2 * number).to_ne_bytes())
    /// });
    /// let answer = me.to(1).within(Duration::from_secs(10)).call(&21u32.to_ne_bytes())?;
    /// assert_eq!(answer.value::<u32>()?, 42);
    /// # server.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn call(self, request: &[u8]) -> Result<Reply, CallError> {
        asking::call(self.handle, self.rank, request, self.deadline)
    }

    pub(super) fn handle(self) -> &'a Arc<Handle> {
        self.handle
    }

    #[inline]
    pub(super) fn parcel(self, payload: Payload<'_>) -> Parcel<'_> {
        Parcel { to: self.rank, label: self.label, payload, is_sync: self.is_sync }
    }
}

impl fmt::Debug for SharedTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTo")
            .field("rank", &self.rank)
            .field("deadline", &self.deadline)
            .field("tag", &self.label.tag)
            .field("sync", &self.is_sync)
            .finish()
    }
}
