//! What is written once for any number of receivers.

use super::block::Block;
use super::sender::Sender;
use crate::half::Member;
use crate::memory;
use crate::receive::Inbox;
use crate::ring::Loan as Lent;
use core::fmt;
use std::io;

/// A payload being written where its receivers will read it: [`Endpoint::loan`](crate::Endpoint::loan). Dropping it gives it
/// back.
///
/// What is not written is whatever an earlier loan left there.
///
/// Through [`std::io::Write`] it is written from front to back; a write beyond the end is cut off, and says how much was
/// written.
pub struct Loan<'a> {
    held: Held<'a>,
    written: usize,
}

/// A part of the area for loans that its owner holds, until this is dropped.
pub(super) struct Held<'a> {
    pub sender: &'a Sender,
    /// The other half, if the same thread has it.
    pub receiving: Option<(&'a Member, &'a Inbox)>,
    pub lent: Lent,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let (_, outbox) = self.sender.parts();
        outbox.end_loan(&self.lent);
    }
}

impl<'a> Loan<'a> {
    pub(super) fn new(sender: &'a Sender, receiving: Option<(&'a Member, &'a Inbox)>, lent: Lent) -> Self {
        Self { held: Held { sender, receiving, lent }, written: 0 }
    }

    /// How many bytes it can have, as asked for.
    pub fn len(&self) -> usize {
        self.held.lent.len as usize
    }

    /// Whether it can have none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes were written through [`std::io::Write`].
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes `bytes` at `offset`. Writes nothing once the endpoint is lost, in a forked child for one; sending says so.
    /// Cost: that of copying `bytes`.
    ///
    /// # Panics
    /// If they do not lie within the loan.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len()), "beyond the loan");
        let (member, outbox) = self.held.sender.parts();
        // A forked child would write into its parent's loan.
        if member.check().is_ok() {
            memory::store_at(outbox.words(&self.held.lent), offset, bytes);
        }
    }

    /// The payload in place, to be read into or computed into.
    ///
    /// # Safety
    /// Others with access to the segment are trusted: they must not touch these bytes before they are sent, as no endpoint
    /// does, nor may a forked child.
    #[expect(unsafe_code, reason = "the caller trusts the peers")]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        let (_, outbox) = self.held.sender.parts();
        // SAFETY: this loan has the only access by this process; the caller answers for the peers (I4).
        unsafe { memory::borrow_mut(outbox.words(&self.held.lent), self.len()) }
    }

    /// Ends the writing: its first `len` bytes are what is sent from now on. Never waits.
    ///
    /// # Panics
    /// If it has fewer.
    pub fn commit(self, len: usize) -> Block<'a> {
        assert!(len <= self.len(), "beyond the loan");
        let Self { mut held, .. } = self;
        let (_, outbox) = held.sender.parts();
        outbox.shorten_loan(&mut held.lent, len);
        Block::new(held)
    }
}

impl io::Write for Loan<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.len() - self.written);
        self.write_at(self.written, &bytes[..count]);
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Loan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("len", &self.len()).finish_non_exhaustive()
    }
}
