//! Mail in a loop, for one of several threads.

use super::from::SharedFrom;
use super::mail::OwnedMail;
use crate::endpoint::is_last;
use crate::error::RecvError;
use core::iter::FusedIterator;

/// An iterator over mail that waits for each: what [`SharedFrom::iter`] returns.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
/// # for tag in [1, 2, 1] { other.to(0).tag(tag).send(b"something")?; }
/// # drop(other);
/// const ORDER: u32 = 1;
/// const CANCEL: u32 = 2;
/// // A thread for each kind, until rank 1 has ended.
/// let counts = std::thread::scope(|scope| {
///     let kinds = [ORDER, CANCEL].map(|tag| me.from(1).tag(tag).iter());
///     let threads = kinds.map(|mails| scope.spawn(move || mails.flatten().count()));
///     threads.map(|thread| thread.join().unwrap())
/// });
/// assert_eq!(counts, [2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "it receives nothing until it is asked for mail"]
pub struct SharedIter<'a> {
    from: SharedFrom<'a>,
    is_over: bool,
}

impl<'a> SharedFrom<'a> {
    /// An iterator over the mail that this thread gets. As [`RecvFrom::iter`](crate::RecvFrom::iter): from anyone an end is an
    /// item, which one of the threads gets. [`Shared::until_alone`](crate::Shared::until_alone) ends in each of them instead.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # for number in 1..=3u64 { other.to(0).send_value(&number)?; }
    /// # drop(other);
    /// let all = std::sync::atomic::AtomicU64::new(0);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..2 {
    ///         scope.spawn(|| {
    ///             // The error that says that rank 1 has ended is the last item, in each thread.
    ///             for mail in me.from(1).iter().flatten() {
    ///                 all.fetch_add(mail.value().expect("a number"), std::sync::atomic::Ordering::Relaxed);
    ///             }
    ///         });
    ///     }
    /// });
    /// assert_eq!(all.into_inner(), 1 + 2 + 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(self) -> SharedIter<'a> {
        SharedIter { from: self, is_over: false }
    }
}

impl Iterator for SharedIter<'_> {
    type Item = Result<OwnedMail, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.from.recv();
        self.is_over = item.as_ref().is_err_and(|error| is_last(error, self.from.source()));
        Some(item)
    }
}

impl FusedIterator for SharedIter<'_> {}
