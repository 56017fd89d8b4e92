//! Mail until nobody is left to send any.

use super::iter::is_last;
use super::{Endpoint, Event, Mail, RecvHalf, SendHalf};
use crate::error::RecvError;
use crate::rank::Source;
use crate::wait::Deadline;
use core::fmt;
use core::iter::FusedIterator;

/// An iterator over mail that ends when nobody is left: what [`Endpoint::until_alone`] returns.
///
/// ```
/// # use mailbox::{Config, Region, UntilAlone};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let me = region.join(0)?;
/// # for rank in 1..3 { region.join(rank)?.to(0).send_value(&f64::from(rank))?; }
/// fn largest(results: UntilAlone<'_>) -> Result<f64, Box<dyn std::error::Error>> {
///     let mut largest = f64::MIN;
///     for mail in results {
///         largest = largest.max(mail?.value()?);
///     }
///     Ok(largest)
/// }
/// // An error if a worker is still there after a minute.
/// assert_eq!(largest(me.until_alone().within(Duration::from_secs(60)))?, 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it receives nothing until it is asked for mail"]
pub struct UntilAlone<'a> {
    receiver: &'a RecvHalf,
    /// The other half, if the same thread has it.
    sender: Option<&'a SendHalf>,
    deadline: Deadline,
    is_over: bool,
}

impl Endpoint {
    /// An iterator over the mail from anyone that ends when the last other rank has ended which was there, after all of
    /// their mail. It waits for each. Before anybody has come it waits for the first.
    ///
    /// It passes over joinings and ends, which are told then: no receive tells them again. Other errors of a receive are
    /// items. It also ends when this endpoint is [lost](crate::Lost), after that error.
    ///
    /// It ends where [`Event::Alone`] is told: at once, if all that were there have ended and nobody was told that.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let me = region.join(0)?;
    /// # for rank in 1..3 { region.join(rank)?.send(0, &u64::from(rank).to_ne_bytes())?; }
    /// let mut sum = 0;
    /// for mail in me.until_alone() {
    ///     sum += mail?.value::<u64>()?;
    /// }
    /// // All others have left, or died.
    /// assert_eq!(sum, 1 + 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn until_alone(&self) -> UntilAlone<'_> {
        UntilAlone::new(&self.receiver, Some(&self.sender))
    }
}

impl RecvHalf {
    /// An iterator over the mail from anyone that ends when nobody else is left. As [`Endpoint::until_alone`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// for line in ["one", "two"] {
    ///     other.send(0, line.as_bytes())?;
    /// }
    /// drop(other); // the last one
    /// assert_eq!(recv_half.until_alone().filter(|mail| mail.is_ok()).count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn until_alone(&self) -> UntilAlone<'_> {
        UntilAlone::new(self, None)
    }
}

impl<'a> UntilAlone<'a> {
    fn new(receiver: &'a RecvHalf, sender: Option<&'a SendHalf>) -> Self {
        Self { receiver, sender, deadline: Deadline::Never, is_over: false }
    }

    /// It waits no longer than until `deadline`, for all mail together. Then it gives [`RecvError::Timeout`], and ends.
    ///
    /// ```
    /// # use mailbox::{Config, Region, RecvError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let mut mails = me.until_alone().within(Duration::from_millis(1));
    /// assert_eq!(mails.next().expect("rank 1 is there").err(), Some(RecvError::Timeout));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }
}

impl<'a> Iterator for UntilAlone<'a> {
    type Item = Result<Mail<'a>, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { receiver, sender, deadline, .. } = *self;
        let patience = |passed| receiver.check_patience(deadline, passed);
        next_until_alone(&mut self.is_over, patience, || receiver.event(deadline, sender))
    }
}

/// The mail of the next event that is one, until nobody is left. `patience` says whether to go on after so many other events,
/// however fast the others come and go.
pub fn next_until_alone<M>(
    is_over: &mut bool,
    patience: impl Fn(u64) -> Result<(), RecvError>,
    next: impl Fn() -> Result<Event<M>, RecvError>,
) -> Option<Result<M, RecvError>> {
    for passed in 0.. {
        if *is_over {
            break;
        }
        let patience = if passed > 0 { patience(passed) } else { Ok(()) };
        match patience.and_then(|()| next()) {
            Ok(Event::Mail(mail)) => return Some(Ok(mail)),
            Ok(Event::Alone) => *is_over = true,
            // Somebody comes or goes.
            Ok(_) => {}
            Err(error) => {
                *is_over = is_last(&error, Source::Anyone);
                return Some(Err(error));
            }
        }
    }
    None
}

impl FusedIterator for UntilAlone<'_> {}

impl fmt::Debug for UntilAlone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilAlone").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
