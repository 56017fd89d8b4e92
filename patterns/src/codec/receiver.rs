//! Receives values.

use super::private::Private;
use super::{Codec, DecodeError, Frame, Message, RecvError};
use core::fmt;
use core::ops::{Deref, DerefMut};
use mailbox::{Deadline, Mail, RecvFrom};

/// Receives values of one type, from a rank or from anyone. See [`Sender`](super::Sender) for an example.
///
/// A message is copied to memory of this process, and read there. One that is no such value is acknowledged, and is an error.
pub struct Receiver<'a, T, C> {
    from: RecvFrom<'a>,
    frame: Frame<T, C>,
    private: Private,
}

impl<'a, T: Message, C: Codec<T>> Receiver<'a, T, C> {
    /// Receives as this builder says: from which rank, with which tag.
    pub fn new(from: RecvFrom<'a>) -> Self {
        Self { from, frame: Frame::new(), private: Private::new() }
    }

    /// Reads no message that is longer than this; without it none longer than 1 MiB.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.private.limit = bytes;
        self
    }

    /// The next value. Waits and fails as [`RecvFrom::recv`]. [`RecvError::Decode`] says that a message came which is none.
    ///
    /// Cost: a copy of the message, in memory that is kept for the next one up to 64 KiB, and what the codec takes.
    #[inline]
    pub fn recv(&mut self) -> Result<Received<'a, T>, RecvError> {
        self.open(self.from.recv()?)
    }

    /// The next value; a [timeout](RecvError::is_timeout) if none comes until `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Json, Message, Receiver};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let mut news = Receiver::<News, Json>::new(me.from(1));
    /// assert!(news.recv_within(Duration::from_millis(1)).is_err_and(|error| error.is_timeout()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_within(&mut self, deadline: impl Into<Deadline>) -> Result<Received<'a, T>, RecvError> {
        self.open(self.from.within(deadline).recv()?)
    }

    /// The next value, or `None` if there is none now. Never waits.
    pub fn try_recv(&mut self) -> Result<Option<Received<'a, T>>, RecvError> {
        self.from.try_recv()?.map(|mail| self.open(mail)).transpose()
    }

    /// Whether this message has the type and format that are read here. The value may make no sense nevertheless. For one receiver of
    /// several types:
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Message, Plain, Receiver, Sender};
    /// # use bytemuck::{Pod, Zeroable};
    /// # #[derive(Clone, Copy, Pod, Zeroable)]
    /// # #[repr(C)]
    /// # struct Tick { price: u64 }
    /// # mailbox_patterns::message! { Tick as "Tick" { price: u64 } }
    /// # #[derive(Clone, Copy, Pod, Zeroable)]
    /// # #[repr(C)]
    /// # struct Order { amount: u64 }
    /// # mailbox_patterns::message! { Order as "Order" { amount: u64 } }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # Sender::<Order, Plain>::new(other.to(0)).send(&Order { amount: 3 })?;
    /// let mut ticks = Receiver::<Tick, Plain>::new(me.from_any());
    /// let mut orders = Receiver::<Order, Plain>::new(me.from_any());
    /// let mail = me.recv()?;
    /// if ticks.reads(&mail) {
    ///     println!("{}", ticks.open(mail)?.price);
    /// } else {
    ///     println!("{}", orders.open(mail)?.amount); // an error if it is neither
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reads(&self, mail: &Mail<'_>) -> bool {
        has_header(mail, self.frame.header())
    }

    /// The value of a mail that was received in another way. A mail that has none is acknowledged.
    #[inline]
    pub fn open(&mut self, mail: Mail<'a>) -> Result<Received<'a, T>, RecvError> {
        match self.private.read(&self.frame, mail.len(), |bytes| mail.copy_to(bytes)) {
            Ok(value) => Ok(Received { value, mail }),
            Err(error) => Err(malformed(mail, error)),
        }
    }
}

/// Whether it begins with this.
pub(super) fn has_header(mail: &Mail<'_>, header: &[u8]) -> bool {
    let mut front = vec![0; header.len()];
    mail.copy_to(&mut front) == header.len() && front == header
}

#[cold]
fn malformed(mail: Mail<'_>, error: DecodeError) -> RecvError {
    RecvError::Decode { rank: mail.from(), error }
}

impl<T, C> fmt::Debug for Receiver<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("from", &self.from)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

/// A value that was received, and its mail. Dropping it acknowledges the mail. Until then the rank's next holder gets it again if this
/// process dies.
#[must_use = "dropping it acknowledges its mail"]
pub struct Received<'a, T> {
    value: T,
    mail: Mail<'a>,
}

impl<'a, T> Received<'a, T> {
    /// Who sent it.
    pub fn from(&self) -> u32 {
        self.mail.from()
    }

    /// Its mail, which says more about it.
    pub fn mail(&self) -> &Mail<'a> {
        &self.mail
    }

    /// The value. Acknowledges the mail.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The value, and the mail, which is not acknowledged yet.
    pub fn into_parts(self) -> (T, Mail<'a>) {
        (self.value, self.mail)
    }
}

impl<T> Deref for Received<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Received<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Received<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("value", &self.value).field("mail", &self.mail).finish()
    }
}
