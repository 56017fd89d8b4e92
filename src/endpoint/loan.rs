//! What is written once for any number of receivers.

use super::block::Block;
use super::recv_half::RecvHalf;
use super::send_half::SendHalf;
use crate::memory;
use crate::ring::Loan as Lent;
use core::fmt;

/// A payload that is being written where its receivers will read it: what [`Endpoint::loan`](crate::Endpoint::loan) returns.
/// Dropping it gives the memory back.
///
/// Bytes that are not written are what an earlier loan left there.
///
/// It is an [`io::Write`](std::io::Write), which writes from front to back. A write beyond the end is cut short, and says how much it wrote.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use std::io::Write;
/// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let lines = ["one", "two", "three"];
/// let mut loan = me.loan(64 << 10)?;
/// loan.write_all(&[0; 8])?; // room for how many lines there are
/// let mut count = 0u64;
/// for line in lines {
///     writeln!(loan, "{line}")?;
///     count += 1;
/// }
/// loan.write_at(0, &count.to_ne_bytes());
/// let len = loan.written();
/// loan.commit(len).send(1)?;
/// # let mail = other.recv()?;
/// # assert_eq!(mail.to_vec(), [&3u64.to_ne_bytes(), "one\ntwo\nthree\n".as_bytes()].concat());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loan<'a> {
    held: Held<'a>,
    written: usize,
}

/// A part of the area for loans that its owner holds, until this is dropped.
pub(super) struct Held<'a> {
    pub sender: &'a SendHalf,
    /// The other half, if the same thread has it.
    pub receiver: Option<&'a RecvHalf>,
    pub lent: Lent,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let (_, outbox) = self.sender.parts();
        outbox.end_loan(&self.lent);
    }
}

impl<'a> Loan<'a> {
    pub(super) fn new(sender: &'a SendHalf, receiver: Option<&'a RecvHalf>, lent: Lent) -> Self {
        Self { held: Held { sender, receiver, lent }, written: 0 }
    }

    /// How many bytes it can hold: as many as were asked for. [`Loan::write_at`] has an example.
    pub fn len(&self) -> usize {
        self.held.lent.len as usize
    }

    /// Whether it can hold none. [`Loan::write_at`] has an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes were written through [`io::Write`](std::io::Write). [`Loan::write_at`] has an example.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes `bytes` at `offset`. Once the endpoint is [lost](crate::Lost), as in a forked child, it writes nothing, and
    /// sending says so. Cost: that of copying `bytes`.
    ///
    /// # Panics
    /// If `bytes` do not fit behind `offset`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::io::Write;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut loan = me.loan(1000)?;
    /// assert_eq!((loan.len(), loan.is_empty(), loan.written()), (1000, false, 0));
    /// loan.write_all(b"?: a list")?;
    /// loan.write_at(0, b"7");
    /// assert_eq!(loan.written(), 9, "what goes to a place is not counted");
    /// loan.commit(9).send(1)?;
    /// assert_eq!(other.recv()?.to_vec(), b"7: a list");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len()), "beyond the loan");
        let (member, outbox) = self.held.sender.parts();
        // A forked child would write into its parent's loan.
        if member.check().is_ok() {
            memory::store_at(outbox.words(&self.held.lent), offset, bytes);
        }
    }

    /// The payload in place.
    ///
    /// # Safety
    /// The caller trusts all processes with access to the segment not to touch these bytes before they are sent. No endpoint
    /// does; a forked child of this process must not.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut loan = me.loan(1024)?;
    /// // SAFETY: all processes of this region are this program, and none forks.
    /// let image = unsafe { loan.as_mut_slice() };
    /// image.iter_mut().enumerate().for_each(|(at, pixel)| *pixel = (at % 256) as u8);
    /// loan.commit(1024).send(1)?;
    /// # assert_eq!(other.recv()?.to_vec()[255..258], [255, 0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(unsafe_code, reason = "the caller trusts the peers")]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        let (_, outbox) = self.held.sender.parts();
        // SAFETY: this loan has the only access by this process; the caller answers for the peers (I4).
        unsafe { memory::borrow_mut(outbox.words(&self.held.lent), self.len()) }
    }

    /// Ends the writing. The first `len` bytes can be sent from now on. Never waits.
    ///
    /// # Panics
    /// If `len` is larger than [`Loan::len`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut loan = me.loan(1000)?;
    /// loan.write_at(0, b"a list, and something else");
    /// let block = loan.commit(6); // only this much of it
    /// assert_eq!(block.len(), 6);
    /// block.send(1)?;
    /// assert_eq!(other.recv()?.to_vec(), b"a list");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commit(self, len: usize) -> Block<'a> {
        assert!(len <= self.len(), "beyond the loan");
        let Self { mut held, .. } = self;
        let (_, outbox) = held.sender.parts();
        outbox.shorten_loan(&mut held.lent, len);
        Block::new(held)
    }
}

memory::write_in_order!(Loan<'_>);

impl fmt::Debug for Loan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("len", &self.len()).finish_non_exhaustive()
    }
}
