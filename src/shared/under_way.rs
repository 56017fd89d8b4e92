//! An announced message under way, as the threads of its sender see it.

use super::handle::Handle;
use super::synchronous::{self, Message, Sent};
use crate::abi::Label;
use crate::error::{Broken, SendError};
use crate::send::Announcing;
use crate::wait::Deadline;
use core::fmt;
use std::sync::Arc;

/// An announced message under way, which any thread may wait for: what [`SharedTo::announce`](crate::SharedTo::announce) returns.
/// Dropping it gives the message up, unless it was received. It keeps the endpoint, as an [`OwnedMail`](crate::OwnedMail) does.
///
/// Otherwise as a [`Sending`](crate::Sending).
///
/// ```
/// # use mailbox::{Config, OwnedSending, Region, SendError};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let me = region.join(0)?.into_shared();
/// # let readers = [1, 2].map(|rank| {
/// #     let reader = region.join(rank).unwrap();
/// #     std::thread::spawn(move || reader.from(0).recv().map(|mail| mail.len()))
/// # });
/// let under_way = [me.to(1).announce(vec![7; 4 << 20])?, me.to(2).announce(vec![8; 4 << 20])?];
/// // One thread waits for all of them, and the others go on.
/// let waiting = std::thread::spawn(move || -> Result<(), SendError> {
///     under_way.into_iter().try_for_each(|mut one: OwnedSending| one.wait())
/// });
/// waiting.join().unwrap()?;
/// # for reader in readers { assert_eq!(reader.join().unwrap()?, 4 << 20); }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives the message up"]
pub struct OwnedSending {
    handle: Arc<Handle>,
    to: u32,
    /// What is waited for; `None` once it is over.
    sent: Option<Sent>,
    outcome: Result<(), SendError>,
}

impl OwnedSending {
    pub(super) fn begin(
        handle: &Arc<Handle>,
        (to, label): (u32, Label),
        bytes: Vec<u8>,
        deadline: Deadline,
    ) -> Result<Self, SendError> {
        let message = Message::Announced(Announcing::Owned(bytes));
        let sent = synchronous::begin(handle, (to, label), message, deadline)?;
        let this = Self { handle: handle.clone(), to, sent: Some(sent), outcome: Ok(()) };
        this.handle.with(|joint| joint.sending().1.begin_tending(to))?;
        Ok(this)
    }

    /// The rank that it goes to. [`OwnedSending::wait`] has an example.
    pub fn to(&self) -> u32 {
        self.to
    }

    /// Waits until the receiver has all of it. As [`Sending::wait`](crate::Sending::wait).
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// assert_eq!(sending.to(), 1);
    /// other.set_by_hand(true);
    /// drop(other.recv()?); // the announcement: rank 1 does not want the message
    /// assert_eq!(sending.wait(), Err(SendError::Refused(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&mut self) -> Result<(), SendError> {
        self.wait_within(Deadline::Never)
    }

    /// Waits no longer than `deadline`. As [`Sending::wait_within`](crate::Sending::wait_within).
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// // Nobody has asked for it yet. It stays announced.
    /// assert_eq!(sending.wait_within(Duration::from_millis(1)), Err(SendError::Timeout(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_within(&mut self, deadline: impl Into<Deadline>) -> Result<(), SendError> {
        if self.finish(deadline.into())? { Ok(()) } else { Err(SendError::Timeout(self.to)) }
    }

    /// Whether the receiver has all of it. As [`Sending::is_received`](crate::Sending::is_received).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut sending = me.to(1).announce(vec![7; 4 << 20])?;
    /// assert!(!sending.is_received()?, "nobody has asked for it");
    /// let receiver = std::thread::spawn(move || other.recv().map(|mail| mail.len()));
    /// sending.wait_within(Duration::from_secs(10))?;
    /// assert!(sending.is_received()?);
    /// assert_eq!(receiver.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_received(&mut self) -> Result<bool, SendError> {
        self.finish(Deadline::Now)
    }

    fn finish(&mut self, deadline: Deadline) -> Result<bool, SendError> {
        let Some(sent) = self.sent else { return self.outcome.map(|()| true) };
        let result = synchronous::wait(&self.handle, sent, None, deadline);
        match result {
            Ok(true) => self.end(Ok(())),
            Ok(false) | Err(SendError::Interrupted | SendError::Broken(Broken::NoSpace(_))) => {}
            Err(error) => self.end(Err(error)),
        }
        result
    }

    fn end(&mut self, outcome: Result<(), SendError>) {
        if let Some(sent) = self.sent.take() {
            self.outcome = outcome;
            // In a forked child it is its parent's.
            let _ = synchronous::end(&self.handle, sent, outcome.is_ok());
        }
    }
}

impl Drop for OwnedSending {
    fn drop(&mut self) {
        self.end(Err(SendError::Interrupted));
    }
}

impl fmt::Debug for OwnedSending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.sent.is_none() { Some(self.outcome) } else { None };
        f.debug_struct("OwnedSending")
            .field("to", &self.to)
            .field("outcome", &outcome)
            .finish_non_exhaustive()
    }
}
