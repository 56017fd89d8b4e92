//! An announced message under way, as its sender sees it.

use super::send_to::SendTo;
use crate::error::{Broken, SendError};
use crate::send::Synchronous;
use crate::wait::Deadline;
use core::fmt;

/// An announced message under way: what [`SendTo::announce`](crate::SendTo::announce) returns. Dropping it gives the message
/// up, unless it was received.
///
/// Its bytes go when its receiver wants them, while this endpoint waits in any call or makes one that would wait. Nothing goes
/// in between. Of several messages to one rank one goes at a time, in the order in which the receiver wants them.
///
/// ```
/// # use mailbox::{Config, Region, SendError};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
/// match sending.wait_within(Duration::from_millis(10)) {
///     Ok(()) => println!("rank {} has it", sending.to()),
///     Err(SendError::Refused(_)) => println!("it is not wanted"),
///     Err(SendError::Timeout(_)) => drop(sending), // it is out of date by now
///     Err(error) => return Err(error.into()),
/// }
/// # assert!(other.try_recv()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives the message up"]
pub struct Sending<'a> {
    to: SendTo<'a>,
    synchronous: Synchronous<'a>,
    outcome: Option<Result<(), SendError>>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(to: SendTo<'a>, synchronous: Synchronous<'a>) -> Self {
        Self { to, synchronous, outcome: None }
    }

    /// The rank that it goes to.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// assert_eq!(sending.to(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to(&self) -> u32 {
        self.to.to
    }

    /// Waits until the receiver has all of it.
    ///
    /// [`SendError::Refused`] if the receiver does not want it. [`SendError::Gone`] if the receiver's life ends before, also if
    /// that had not begun. Other errors as for [`SendTo::send`](crate::SendTo::send). They are returned again each time.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// other.set_by_hand(true);
    /// drop(other.recv()?); // the announcement: rank 1 does not want the message
    /// assert_eq!(sending.wait(), Err(SendError::Refused(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&mut self) -> Result<(), SendError> {
        self.wait_within(Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`SendError::Timeout`], and the message stays announced. Otherwise as
    /// [`Sending::wait`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// // Nobody has asked for it yet. It stays announced.
    /// assert_eq!(sending.wait_within(Duration::from_millis(1)), Err(SendError::Timeout(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_within(&mut self, deadline: impl Into<Deadline>) -> Result<(), SendError> {
        if self.finish(deadline.into())? { Ok(()) } else { Err(SendError::Timeout(self.to())) }
    }

    /// Whether the receiver has all of it. Sends what is wanted and has room. Never waits. Errors as for [`Sending::wait`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// assert!(!sending.is_received()?);
    /// let receiver = std::thread::spawn(move || other.recv().map(|mail| mail.len()));
    /// while !sending.is_received()? {} // or other work in between
    /// assert_eq!(receiver.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_received(&mut self) -> Result<bool, SendError> {
        self.finish(Deadline::Now)
    }

    fn finish(&mut self, deadline: Deadline) -> Result<bool, SendError> {
        if let Some(outcome) = self.outcome {
            return outcome.map(|()| true);
        }
        let result = self.to.within(deadline).drive(&mut self.synchronous);
        self.synchronous.end_wait();
        match result {
            Ok(true) => self.outcome = Some(Ok(())),
            Ok(false) | Err(SendError::Interrupted | SendError::Broken(Broken::NoSpace(_))) => {}
            Err(error) => {
                self.synchronous.end();
                self.outcome = Some(Err(error));
            }
        }
        result
    }
}

impl fmt::Debug for Sending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("to", &self.to())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
