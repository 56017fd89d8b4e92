//! The output end of a channel.

use super::ChannelError;
use super::link::Link;
use bytemuck::{Pod, bytes_of};
use core::fmt;
use core::marker::PhantomData;
use mailbox::Deadline;
use std::rc::Rc;

/// The output end of a channel: what [`Process::output`](super::Process::output) returns. Dropping it poisons the channel.
pub struct Output<'a, T> {
    link: Rc<Link<'a>>,
    /// Whether the last value of a rendezvous was offered, and nothing has come back: the wait for that was interrupted.
    is_offered: bool,
    of: PhantomData<fn(T)>,
}

impl<'a, T: Pod> Output<'a, T> {
    pub(super) fn new(link: Link<'a>) -> Self {
        Self { link: link.into(), is_offered: false, of: PhantomData }
    }

    /// Sends a value. On a buffered channel it waits until there is room, on a rendezvous until the value was received. A rendezvous
    /// whose wait is interrupted is still offered; the next send waits for that one first.
    ///
    /// Cost: a message there; on a rendezvous one back.
    #[inline]
    pub fn send(&mut self, value: &T) -> Result<(), ChannelError> {
        if self.link.capacity() > 0 {
            return self.link.send_buffered(bytes_of(value), Deadline::Never);
        }
        if self.is_offered {
            self.await_acceptance()?;
        }
        self.link.send(bytes_of(value), Deadline::Never)?;
        self.is_offered = true;
        self.await_acceptance()
    }

    #[inline]
    fn await_acceptance(&mut self) -> Result<(), ChannelError> {
        let mail = self.link.receive(Deadline::Never)?;
        self.is_offered = false;
        if mail.is_empty() { Ok(()) } else { Err(self.link.garbled()) }
    }

    /// Sends a value on a buffered channel, if there is room before `deadline`; otherwise [`ChannelError::Timeout`], and the value was
    /// not sent. [`ChannelError::Committed`] on a rendezvous.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::csp::{Channel, Process};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let (process, others) = (Process::begin(&me, 0..2)?, Process::begin(&other, 0..2)?);
    /// const NUMBERS: Channel<u32> = Channel::buffered("numbers", 4);
    /// let (mut output, mut input) = (process.output(&NUMBERS)?, others.input(&NUMBERS)?);
    /// # // The ends meet.
    /// # assert!(input.recv_within(Duration::from_millis(1)).is_err());
    /// output.send_within(&7, Duration::from_secs(10))?;
    /// # assert_eq!(input.recv()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_within(&mut self, value: &T, deadline: impl Into<Deadline>) -> Result<(), ChannelError> {
        self.check_buffered()?;
        self.link.send_buffered(bytes_of(value), deadline.into())
    }

    fn check_buffered(&self) -> Result<(), ChannelError> {
        let committed = || ChannelError::Committed { channel: self.link.meeting().channel().into() };
        (self.link.capacity() > 0).then_some(()).ok_or_else(committed)
    }

    /// What an alternative waits for.
    pub(super) fn link(&self) -> Result<Rc<Link<'a>>, ChannelError> {
        self.check_buffered()?;
        Ok(self.link.clone())
    }
}

impl<T> Drop for Output<'_, T> {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl<T> fmt::Debug for Output<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("channel", &self.link.meeting().channel()).finish_non_exhaustive()
    }
}
