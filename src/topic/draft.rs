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

    /// How many bytes it can hold: as many as were asked for.
    pub fn len(&self) -> usize {
        (self.place.end - self.place.start) as usize
    }

    /// Whether it can hold none.
    pub fn is_empty(&self) -> bool {
        self.place.is_empty()
    }

    /// How many bytes were written through [`io::Write`](std::io::Write).
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes `bytes` at `offset`. Once the endpoint is [lost](crate::Lost), as in a forked child, it writes nothing. Cost: that of
    /// copying `bytes`.
    ///
    /// # Panics
    /// If `bytes` do not fit behind `offset`.
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
    /// does; a forked child of this process must not. [`Loan::as_mut_slice`](crate::Loan::as_mut_slice) has an example.
    #[expect(unsafe_code, reason = "the caller trusts the peers")]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: this draft has the only access by this process; the caller answers for the peers (I4).
        unsafe { memory::borrow_mut(self.publisher.words(&self.place), self.len()) }
    }

    /// Publishes the first `len` bytes. Never waits.
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
