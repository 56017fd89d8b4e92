//! What is received through a shared endpoint, and how long that waits.

use super::handle::Handle;
use super::joint::Joint;
use super::mail::OwnedMail;
use super::receiving;
use crate::endpoint::Envelope;
use crate::error::RecvError;
use crate::rank::Source;
use crate::receive::Wanted;
use crate::wait::Deadline;
use core::fmt;
use std::sync::Arc;

/// What [`Shared::from`](crate::Shared::from) and [`Shared::from_any`](crate::Shared::from_any) give: from whom, and how long
/// it may wait.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
/// # for _ in 0..3 { other.to(0).tag(7).send(b"an order")?; }
/// // It can be copied, used again, and kept.
/// let orders = me.from(1).tag(7).within(Duration::from_secs(10));
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(move || println!("{} bytes", orders.recv().expect("an order").len()));
///     }
/// });
/// assert_eq!(orders.recv()?.to_vec(), b"an order");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "it says how to receive, and receives nothing"]
pub struct SharedFrom<'a> {
    handle: &'a Arc<Handle>,
    wanted: Wanted,
    deadline: Deadline,
}

impl<'a> SharedFrom<'a> {
    #[inline(always)]
    pub(super) fn new(handle: &'a Arc<Handle>, source: Source) -> Self {
        Self { handle, wanted: source.into(), deadline: Deadline::Never }
    }

    /// Waits no longer than this: a time from now on, or until a moment.
    ///
    /// ```
    /// # use mailbox::{Config, Region, RecvError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let received = me.from(1).within(Duration::from_millis(1)).recv();
    /// assert_eq!(received.err(), Some(RecvError::Timeout));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }

    /// Takes only messages with this tag, as [`RecvFrom::tag`](crate::RecvFrom::tag) does; but it returns no
    /// [`RecvError::Crowded`], because other threads are expected to take what this leaves.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).tag(1).send(b"first")?;
    /// other.to(0).tag(2).send(b"second")?;
    /// assert_eq!(me.from(1).tag(2).recv()?.to_vec(), b"second");
    /// assert_eq!(me.recv()?.to_vec(), b"first");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag(self, tag: u32) -> Self {
        self.tag_masked(tag, u32::MAX)
    }

    /// Takes only messages whose tag has the same bits as `tag` wherever `mask` has ones, as
    /// [`RecvFrom::tag_masked`](crate::RecvFrom::tag_masked) does.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).tag(0x0105).send(b"other kind")?;
    /// other.to(0).tag(0x0205).send(b"order")?;
    /// // The upper byte says which kind of message it is.
    /// let order = me.from_any().tag_masked(0x0200, 0xff00).recv()?;
    /// assert_eq!(order.to_vec(), b"order");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag_masked(mut self, tag: u32, mask: u32) -> Self {
        self.wanted.filter = self.wanted.filter.with_tag(tag, mask);
        self
    }

    /// The next mail; waits until there is one. Errors as for [`RecvFrom::recv`](crate::RecvFrom::recv), but
    /// [`RecvError::Held`] only for mails that this thread took, and no [`RecvError::Crowded`].
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"the last one")?;
    /// drop(other);
    /// assert_eq!(me.from(1).recv()?.to_vec(), b"the last one");
    /// assert_eq!(me.from(1).recv().err(), Some(RecvError::Gone { rank: 1, died: false }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn recv(self) -> Result<OwnedMail, RecvError> {
        receiving::recv(self.handle, self.wanted, self.deadline)?.ok_or(RecvError::Timeout)
    }

    /// The next mail, if there is one now; never waits for a peer. Errors as for [`SharedFrom::recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).tag(1).send(b"an order")?;
    /// assert!(me.from(1).tag(2).try_recv()?.is_none());
    /// assert_eq!(me.from(1).tag(1).try_recv()?.expect("it is there").to_vec(), b"an order");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_recv(self) -> Result<Option<OwnedMail>, RecvError> {
        receiving::recv(self.handle, self.wanted, Deadline::Now)
    }

    /// The envelope of the next message, or `None` if none is there now. As [`RecvFrom::peek`](crate::RecvFrom::peek). The
    /// message stays where it is, so another thread may receive it: [`SharedFrom::recv_peeked`] says whether one has.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # other.send(0, b"hello")?;
    /// let seen = me.from_any().peek()?.expect("a message is there");
    /// assert_eq!((seen.from, seen.len), (1, 5));
    /// if let Some(mail) = me.from_any().recv_peeked(&seen)? {
    ///     println!("no other thread has {:?}", mail.to_vec());
    /// }
    /// assert_eq!(me.from(1).peek()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek(self) -> Result<Option<Envelope>, RecvError> {
        let look = |joint: &Joint| {
            let (member, inbox) = joint.receiving();
            joint.tend();
            Ok(inbox.peek(member, self.wanted)?.map(|(peer, next)| Envelope::of(peer, &next)))
        };
        self.handle.with(look)?
    }

    /// Exactly the message that [`SharedFrom::peek`] has shown, or `None` if any thread has received it since. As
    /// [`RecvFrom::recv_peeked`](crate::RecvFrom::recv_peeked).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"hello")?;
    /// let seen = me.from_any().peek()?.expect("a message is there");
    /// assert_eq!(me.from_any().recv_peeked(&seen)?.expect("nobody else receives").to_vec(), b"hello");
    /// assert!(me.from_any().recv_peeked(&seen)?.is_none(), "it was received");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_peeked(self, envelope: &Envelope) -> Result<Option<OwnedMail>, RecvError> {
        receiving::recv_peeked(self.handle, envelope)
    }

    pub(super) fn parts(self) -> (&'a Arc<Handle>, Wanted, Deadline) {
        (self.handle, self.wanted, self.deadline)
    }

    pub(super) fn source(self) -> Source {
        self.wanted.source
    }
}

impl fmt::Debug for SharedFrom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFrom")
            .field("source", &self.wanted.source)
            .field("deadline", &self.deadline)
            .finish()
    }
}
