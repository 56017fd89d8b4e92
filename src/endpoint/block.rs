//! What was written for any number of receivers, and is sent.

use super::loan::Held;
use super::send_to::SendTo;
use crate::abi::Label;
use crate::error::SendError;
use crate::wait::Deadline;
use core::fmt;

/// A payload that can be sent to any number of receivers: a [`Loan`](crate::Loan) that was committed.
///
/// Each receiver gets it as a [`Mail`](crate::Mail) like any, in order with other messages, and reads it in place. Dropping
/// it ends this endpoint's use of it. Its memory is free when all receivers have acknowledged it, too.
///
/// It may be longer than [`Region::max_message`](crate::Region::max_message).
///
/// ```
/// # use mailbox::{Config, Deadline, Region, SendError};
/// # let region = Region::create_unnamed(Config::ranks(3).loans(1 << 20))?;
/// # let [me, one, two] = [0, 1, 2].map(|rank| region.join(rank).unwrap());
/// let mut loan = me.loan(1 << 20)?;
/// loan.write_at(0, b"a map");
/// let map = loan.commit(5);
/// for rank in 1..3 {
///     match map.send_within(rank, Deadline::Now) {
///         Err(SendError::Full(_)) => println!("rank {rank} is far behind, and gets the next one"),
///         sent => sent?,
///     }
/// }
/// # for other in [one, two] { assert_eq!(other.recv()?.to_vec(), b"a map"); }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Block<'a> {
    held: Held<'a>,
    label: Label,
}

impl<'a> Block<'a> {
    pub(super) fn new(held: Held<'a>) -> Self {
        Self { held, label: Label::NONE }
    }

    /// Its length in bytes. [`Block::send`] has an example.
    pub fn len(&self) -> usize {
        self.held.lent.len as usize
    }

    /// Whether it has no bytes. [`Block::send`] has an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is sent from now on carries this tag: see [`SendTo::tag`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut loan = me.loan(1000)?;
    /// loan.write_at(0, b"a picture");
    /// loan.commit(9).tag(7).send(1)?;
    /// assert_eq!(other.recv()?.tag(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag(self, tag: u32) -> Self {
        Self { label: Label { tag, ..self.label }, ..self }
    }

    /// Sends it to `rank`. Waits while the mailbox has no free cell. Errors as for
    /// [`SendTo::send`], but it is never too large.
    ///
    /// Cost: that of a message of 16 bytes.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// let mut loan = me.loan(1000)?;
    /// loan.write_at(0, b"a map");
    /// let map = loan.commit(5);
    /// assert_eq!((map.len(), map.is_empty()), (5, false));
    /// map.send(1)?;
    /// map.send(2)?;
    /// assert_eq!([one.recv()?.to_vec(), two.recv()?.to_vec()], [b"a map"; 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, rank: u32) -> Result<(), SendError> {
        self.refer(rank, Deadline::Never)
    }

    /// Sends it to `rank`, and waits no longer than `deadline`. Then it returns [`SendError::Timeout`], or, with
    /// [`Deadline::Now`], [`SendError::Full`]. Otherwise as [`Block::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let block = me.loan(1000)?.commit(1000);
    /// while block.send_within(1, Deadline::Now).is_ok() {}
    /// assert_eq!(block.send_within(1, Duration::from_millis(1)), Err(SendError::Timeout(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_within(&self, rank: u32, deadline: impl Into<Deadline>) -> Result<(), SendError> {
        self.refer(rank, deadline.into())
    }

    fn refer(&self, to: u32, deadline: Deadline) -> Result<(), SendError> {
        let Held { sender, receiver, lent } = self.held;
        SendTo::new(sender, receiver, to).within(deadline).labelled(self.label).refer(lent)
    }
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("len", &self.len()).finish_non_exhaustive()
    }
}
