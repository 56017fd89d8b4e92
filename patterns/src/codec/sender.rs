//! Sends values to a rank.

use super::private::Private;
use super::{Codec, Frame, Message, SendError};
use core::fmt;
use mailbox::{Deadline, SendTo};

/// Sends values of one type to a rank.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::codec::{Message, Postcard, Receiver, Sender};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// use postcard_schema::Schema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Schema, Serialize, Deserialize)]
/// struct Order {
///     customer: String,
///     lines: Vec<(u32, u32)>,
/// }
/// impl Message for Order {
///     const NAME: &'static str = "Order";
/// }
///
/// // One process
/// let mut orders = Sender::<Order, Postcard>::new(me.to(1).tag(7));
/// orders.send(&Order { customer: "Ada".into(), lines: vec![(4711, 2)] })?;
///
/// // Another
/// let mut orders = Receiver::<Order, Postcard>::new(other.from(0).tag(7));
/// let order = orders.recv()?;
/// assert_eq!((order.from(), &*order.customer), (0, "Ada"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sender<'a, T, C> {
    to: SendTo<'a>,
    frame: Frame<T, C>,
    private: Private,
}

impl<'a, T: Message, C: Codec<T>> Sender<'a, T, C> {
    /// Sends as this builder says: to which rank, with which tag, whether it waits for the receiver. Give each type a tag of its own if
    /// several go to the rank.
    pub fn new(to: SendTo<'a>) -> Self {
        Self { to, frame: Frame::new(), private: Private::new() }
    }

    /// Sends a value. Waits and fails as [`SendTo::send`]; nothing is sent if the value cannot be written.
    ///
    /// Cost: the value is encoded in private memory, which is kept for the next one up to 64 KiB, and copied once. One for
    /// several receivers is written once with [`Frame::lend`]; for one receiver that is slower.
    #[inline]
    pub fn send(&mut self, value: &T) -> Result<(), SendError> {
        self.send_with(self.to, value)
    }

    /// Sends a value, and waits no longer than `deadline`. Otherwise as [`Sender::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Json, Message, Sender};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let mut news = Sender::<News, Json>::new(me.to(1));
    /// news.send_within(&News(1), Duration::from_millis(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_within(&mut self, value: &T, deadline: impl Into<Deadline>) -> Result<(), SendError> {
        self.send_with(self.to.within(deadline), value)
    }

    /// Sends a value if there is room now. It never waits, and otherwise returns [`Full`](mailbox::SendError::Full).
    pub fn try_send(&mut self, value: &T) -> Result<(), SendError> {
        self.send_with(self.to.within(Deadline::Now), value)
    }

    #[inline]
    fn send_with(&mut self, to: SendTo<'a>, value: &T) -> Result<(), SendError> {
        self.private.write(&self.frame, value, |message| Ok(to.send(message)?))
    }
}

impl<T, C> fmt::Debug for Sender<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("to", &self.to).field("frame", &self.frame).finish_non_exhaustive()
    }
}
