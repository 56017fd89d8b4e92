//! Mail in a loop.

use super::{Mail, RecvFrom};
use crate::error::{Broken, RecvError};
use crate::rank::Source;
use core::iter::FusedIterator;

/// An iterator over mail that waits for each: what [`RecvFrom::iter`] returns.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
/// # one.to(0).tag(1).send_value(&3u64)?;
/// # two.to(0).tag(1).send_value(&4u64)?;
/// // A result of each of two workers, within 10 s.
/// let results = me.from_any().tag(1).within(Duration::from_secs(10)).iter().take(2);
/// let mut sum = 0;
/// for mail in results {
///     sum += mail?.value::<u64>()?;
/// }
/// assert_eq!(sum, 3 + 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "it receives nothing until it is asked for mail"]
pub struct Iter<'a> {
    from: RecvFrom<'a>,
    is_over: bool,
}

impl<'a> RecvFrom<'a> {
    /// An iterator over the mail. It waits for each, and with [`RecvFrom::within`] for all of them together.
    ///
    /// Each item is what [`RecvFrom::recv`] returns: an error is an item. The iterator ends after an error that every further
    /// receive would return, too: after the end of that one rank, after the deadline, or when this endpoint is
    /// [lost](crate::Lost). From anyone an end is an item, and the iterator goes on:
    /// [`Endpoint::until_alone`](crate::Endpoint::until_alone) ends instead.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # for number in 1..=3u64 { other.send(0, &number.to_ne_bytes())?; }
    /// # drop(other);
    /// let mut sum = 0;
    /// for mail in me.from(1).iter() {
    ///     match mail {
    ///         Ok(mail) => sum += mail.value::<u64>()?,
    ///         Err(error) if error.is_gone() => println!("that was all"),
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(self) -> Iter<'a> {
        Iter { from: self, is_over: false }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<Mail<'a>, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.from.recv();
        self.is_over = item.as_ref().is_err_and(|error| is_last(error, self.from.wanted.source));
        Some(item)
    }
}

impl FusedIterator for Iter<'_> {}

/// Whether every further receive from `source` would return this error, too.
pub fn is_last(error: &RecvError, source: Source) -> bool {
    match error {
        RecvError::Timeout
        | RecvError::Broken(Broken::Oneself | Broken::NoSuchRank { .. } | Broken::Lost(_)) => true,
        RecvError::Gone { .. } | RecvError::Broken(Broken::Corrupt(_)) => source != Source::Anyone,
        _ => false,
    }
}
