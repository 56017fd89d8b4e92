//! The input end of a channel.

use super::ChannelError;
use super::link::Link;
use bytemuck::Pod;
use core::fmt;
use core::marker::PhantomData;
use mailbox::Deadline;
use std::rc::Rc;

/// The input end of a channel: what [`Process::input`](super::Process::input) returns. Dropping it poisons the channel.
pub struct Input<'a, T> {
    link: Rc<Link<'a>>,
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Pod> Input<'a, T> {
    pub(super) fn new(link: Link<'a>) -> Self {
        Self { link: link.into(), of: PhantomData }
    }

    /// The next value. Waits until there is one, or none will come.
    ///
    /// Cost: a message, and one back: for each value of a rendezvous, for each half of the capacity of a buffered channel.
    #[inline]
    pub fn recv(&mut self) -> Result<T, ChannelError> {
        self.recv_within(Deadline::Never)
    }

    /// The next value; [`ChannelError::Timeout`] if there is none before `deadline`.
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
    /// # let _ = &mut output;
    /// let value = input.recv_within(Duration::from_millis(1));
    /// assert!(value.is_err_and(|error| error.is_timeout()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn recv_within(&mut self, deadline: impl Into<Deadline>) -> Result<T, ChannelError> {
        let mail = self.link.receive(deadline.into())?;
        let value = mail.value::<T>().map_err(|_| self.link.garbled())?;
        drop(mail);
        self.link.owe();
        Ok(value)
    }

    /// The next value; `None` if there is none now. Never waits.
    pub fn try_recv(&mut self) -> Result<Option<T>, ChannelError> {
        match self.recv_within(Deadline::Now) {
            Err(ChannelError::Timeout) => Ok(None),
            value => value.map(Some),
        }
    }

    /// What an alternative waits for.
    pub(super) fn link(&self) -> Rc<Link<'a>> {
        self.link.clone()
    }
}

impl<T> Drop for Input<'_, T> {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl<T> fmt::Debug for Input<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("channel", &self.link.meeting().channel()).finish_non_exhaustive()
    }
}
