//! A message of a stream that is being written.

use super::Publisher;
use crate::memory;
use core::fmt;
use core::ops::Range;

/// A message that is being written where its readers will read it: what [`Publisher::draft`] returns. Dropping it gives it up.
///
/// Bytes that are not written are what an earlier message left there. It is an [`io::Write`](std::io::Write), which writes from
/// front to back. A write beyond the end is cut short, and says how much it wrote.
///
/// ```
/// # use mailbox::{Config, Policy, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let topic = region.topic("table")?;
/// # let mut subscriber = topic.subscriber(&other, Policy::skip())?;
/// # let mut publisher = topic.publisher(&me)?;
/// let rows = [[1u8, 2, 3], [4, 5, 6]];
/// // A table by columns.
/// let mut draft = publisher.draft(6)?;
/// for (at, row) in rows.iter().enumerate() {
///     for (column, value) in row.iter().enumerate() {
///         draft.write_at(2 * column + at, &[*value]);
///     }
/// }
/// draft.publish(6);
/// assert_eq!(subscriber.recv()?.to_vec(), [1, 4, 2, 5, 3, 6]);
///
/// drop(publisher.draft(1 << 20)?); // given up
/// assert_eq!(publisher.published(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Draft<'p, 'a> {
    publisher: &'p mut Publisher<'a>,
    place: Range<u64>,
    written: usize,
}

impl<'p, 'a> Draft<'p, 'a> {
    pub(super) fn new(publisher: &'p mut Publisher<'a>, place: Range<u64>) -> Self {
        Self { publisher, place, written: 0 }
    }

    /// How many bytes it can hold: as many as were asked for. [`Draft::write_at`] has an example.
    pub fn len(&self) -> usize {
        (self.place.end - self.place.start) as usize
    }

    /// Whether it can hold none. [`Draft::write_at`] has an example.
    pub fn is_empty(&self) -> bool {
        self.place.is_empty()
    }

    /// How many bytes were written through [`io::Write`](std::io::Write). [`Draft::write_at`] has an example.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes `bytes` at `offset`. Once the endpoint is [lost](crate::Lost), as in a forked child, it writes nothing. Cost: that of
    /// copying `bytes`.
    ///
    /// # Panics
    /// If `bytes` do not fit behind `offset`.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # use std::io::Write;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("lists")?;
    /// # let mut lists = topic.subscriber(&other, Policy::every())?;
    /// # let mut publisher = topic.publisher(&me)?;
    /// let mut draft = publisher.draft(1000)?;
    /// assert_eq!((draft.len(), draft.is_empty(), draft.written()), (1000, false, 0));
    /// draft.write_all(b"?: a list, and something else")?;
    /// draft.write_at(0, b"7");
    /// assert_eq!(draft.written(), 29, "what goes to a place is not counted");
    /// draft.publish(9); // only this much of it
    /// assert_eq!(lists.try_recv()?.expect("a list").to_vec(), b"7: a list");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len()), "beyond the draft");
        if self.publisher.member().check().is_ok() {
            memory::store_at(self.publisher.words(&self.place), offset, bytes);
        }
    }

    /// The payload in place.
    ///
    /// # Safety
    /// The caller trusts all processes with access to the segment not to touch these bytes before they are published. No endpoint
    /// does; a forked child of this process must not.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("images")?;
    /// # let mut images = topic.subscriber(&other, Policy::every())?;
    /// # let mut publisher = topic.publisher(&me)?;
    /// let mut draft = publisher.draft(1000)?;
    /// // SAFETY: all processes of this region are this program, and none forks.
    /// let image = unsafe { draft.as_mut_slice() };
    /// image.iter_mut().enumerate().for_each(|(at, pixel)| *pixel = (at % 256) as u8);
    /// draft.publish(1000);
    /// assert_eq!(images.try_recv()?.expect("an image").to_vec()[255..258], [255, 0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(unsafe_code, reason = "the caller trusts the peers")]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: this draft has the only access by this process; the caller answers for the peers (I4).
        unsafe { memory::borrow_mut(self.publisher.words(&self.place), self.len()) }
    }

    /// Publishes the first `len` bytes. Never waits. [`Draft::write_at`] has an example.
    ///
    /// # Panics
    /// If `len` is larger than [`Draft::len`].
    pub fn publish(self, len: usize) {
        assert!(len <= self.len(), "beyond the draft");
        self.publisher.publish_placed(self.place.start..self.place.start + len as u64);
    }
}

memory::write_in_order!(Draft<'_, '_>);

impl fmt::Debug for Draft<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("len", &self.len()).finish_non_exhaustive()
    }
}
