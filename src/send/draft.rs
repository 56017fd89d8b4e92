//! A message that is written in place.

use super::{Outbox, Outgoing};
use crate::error::SendError;
use crate::half::Member;
use crate::memory;
use crate::ring::Slot;
use core::fmt;
use std::io;

/// A message being written where its receiver will read it; dropping it aborts it.
///
/// What is not written is whatever an earlier message left there. One draft to a peer at a time: until it is
/// committed or dropped, sending to that peer is [`SendError::Drafting`].
///
/// Through [`std::io::Write`] it is written from front to back; a write beyond the end is cut off, and says how
/// much was written.
///
/// Its length is at most [`Region::max_whole`](crate::Region::max_whole) bytes: a longer message is sent, not
/// drafted.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let name = format!("doc-draft-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(1))?;
/// # let me = region.join(0)?;
/// let mut draft = me.reserve(0, 11)?;
/// draft.write_at(6, b"world");
/// draft.write_at(0, b"hello ");
/// draft.commit()?;
/// assert_eq!(me.recv()?.to_vec(), b"hello world");
/// # drop(me);
/// # Region::remove_at(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Draft<'a> {
    outbox: &'a Outbox,
    member: &'a Member,
    peer: &'a Outgoing,
    slot: Slot,
    written: usize,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(outbox: &'a Outbox, member: &'a Member, peer: &'a Outgoing, slot: Slot) -> Self {
        peer.drafting.set(true);
        Self { outbox, member, peer, slot, written: 0 }
    }

    /// The message's length in bytes, as reserved.
    pub fn len(&self) -> usize {
        self.slot.len
    }

    /// Whether the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.slot.len == 0
    }

    /// Writes `bytes` at `offset` of the message. Writes nothing once the endpoint is lost, in a forked child
    /// for one; committing says so. Cost: that of copying `bytes`.
    ///
    /// # Panics
    /// If they do not lie within the message.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.slot.len), "beyond the draft");
        // A forked child would write into its parent's message.
        if self.member.check().is_ok() {
            memory::store_at(self.peer.producer.words(&self.slot), offset, bytes);
        }
    }

    /// The message in place, to be read into or computed into.
    ///
    /// # Safety
    /// The receiver's process is trusted: it must not touch this message before it is committed, as no
    /// endpoint does. Others with access to the segment must not write there either, nor may a forked child.
    #[expect(unsafe_code, reason = "the caller trusts the peer")]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: this draft has the only access by this process; the caller answers for the peers (I4).
        unsafe { memory::borrow_mut(self.peer.producer.words(&self.slot), self.slot.len) }
    }

    /// Sends the message; in a [`Batch`](crate::Batch), with the batch.
    ///
    /// Only if the endpoint is [lost](SendError::Lost), or the receiver [gave up](SendError::Reset) what it had not
    /// received, it is an error. Never waits. Cost: a store to the message's cache line, and a system call if the
    /// receiver sleeps.
    pub fn commit(self) -> Result<(), SendError> {
        self.member.check()?;
        self.outbox.publish(self.member, self.peer, &self.slot);
        self.peer.tell_reset()
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.peer.drafting.set(false);
    }
}

impl io::Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.slot.len - self.written);
        self.write_at(self.written, &bytes[..count]);
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("to", &self.peer.to).field("len", &self.len()).finish_non_exhaustive()
    }
}
