//! Receiving, from one rank or from anyone.

use super::drain::Drain;
use super::mail::Mail;
use super::recv_half::RecvHalf;
use super::send_half::SendHalf;
use crate::error::{Broken, RecvError};
use crate::rank::Source;
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
    pub(super) source: Source,
    pub(super) deadline: Deadline,
}

impl<'a> RecvFrom<'a> {
    #[inline(always)]
    pub(super) fn new(receiver: &'a RecvHalf, sender: Option<&'a SendHalf>, source: Source) -> Self {
        Self { receiver, sender, source, deadline: Deadline::Never }
    }

    /// The call waits no longer than `deadline`: a [`Duration`](core::time::Duration) from now, an
    /// [`Instant`](std::time::Instant), or a [`Deadline`]. Then it returns [`RecvError::Timeout`]. Without this it waits as
    /// long as mail can come. A deadline that has passed gives what is there.
    #[inline(always)]
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
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
    #[inline(always)]
    pub fn recv(self) -> Result<Mail<'a>, RecvError> {
        self.receiver.mail(self.source, self.deadline, self.sender)?.ok_or(RecvError::Timeout)
    }

    /// The next mail, or `None` if there is none now. Never waits. It takes in at most 2 MiB of an announced message, so
    /// that a large one may take several calls. Other errors as for [`RecvFrom::recv`].
    #[inline(always)]
    pub fn try_recv(self) -> Result<Option<Mail<'a>>, RecvError> {
        match self.receiver.mail(self.source, Deadline::Now, self.sender) {
            Err(RecvError::Broken(Broken::Oneself)) => Ok(None),
            other => other,
        }
    }

    /// Copies the next mail to the front of `buffer`, also an announced message, and acknowledges it. Returns its sender and
    /// its length. Waits for all of it.
    ///
    /// [`RecvError::TooSmall`] if it is longer than `buffer`: it stays, and is received next. [`RecvError::Cut`] if its
    /// sender gives it up meanwhile. After [`RecvError::Timeout`] a message of which a part had come is refused. A call is
    /// dropped when it was copied: receive calls as [`Mail`]s. Other errors as for [`RecvFrom::recv`].
    ///
    /// Cost: one copy, of announced messages, too.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"hello world")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(me.from(1).recv_into(&mut buffer[..5]), Err(RecvError::TooSmall { rank: 1, len: 11 }));
    /// assert_eq!(me.from(1).recv_into(&mut buffer)?, (1, 11));
    /// assert_eq!(&buffer[..11], b"hello world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into(self, buffer: &mut [u8]) -> Result<(u32, usize), RecvError> {
        self.receiver.receive_into(self.source, buffer, self.deadline, self.sender)
    }

    /// Begins a [`Drain`] of the mail that is there now. Never waits.
    pub fn drain(self) -> Drain<'a> {
        let (member, inbox) = self.receiver.parts();
        Drain::new(member, inbox, self.source)
    }
}

impl fmt::Debug for RecvFrom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFrom")
            .field("source", &self.source)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
