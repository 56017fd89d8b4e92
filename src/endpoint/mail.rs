//! A received message.

use super::sender::Sender;
use crate::abi::{INLINE, Kind, Ticket, epoch_of};
use crate::error::{ReplyError, SendError, SizeError};
use crate::half::{Member, Piece};
use crate::memory;
use crate::receive::{Inbox, Incoming};
use crate::ring::Letter;
use crate::wait::Deadline;
use bytemuck::Pod;
use core::fmt;
use core::mem::ManuallyDrop;
use core::time::Duration;
use std::thread::panicking;

/// A received message, still where its sender wrote it; dropping it acknowledges it.
///
/// Mails may be dropped in any order; their room is given back in order. A mail that its holder's death
/// keeps from being dropped is delivered again, to the rank's next holder. One that is forgotten
/// ([`core::mem::forget`]) keeps its room, and that of all after it, until then.
///
/// A mail that is dropped while its thread unwinds from a panic is not acknowledged. It is left unread, as by
/// [`Mail::leave`]: the next receive gives it again, marked [`Mail::redelivered`], and so a loop that catches panics
/// can acknowledge a message that makes its handler panic. If the endpoint ends with the panic, the rank's next holder
/// gets it. A destructor that receives during the unwinding gets each mail at most twice.
///
/// One that is held for long holds its sender up: when the cells or the arena are full behind it, or a message above half
/// the arena follows, whose end is sent when all before it is acknowledged. To receive more of that sender is then
/// [`RecvError::Held`](crate::RecvError::Held).
///
/// It may be a [call](Mail::is_call), whose sender waits for an answer: [`Mail::reply`]. One that is dropped instead is
/// told so. A call is delivered to no later holder of the rank.
///
/// Nothing here waits but an answer that does not fit a call's line. Dropping a mail costs a store to a line that the
/// sender reads, and a system call if the sender sleeps for want of room; in a [`Batch`](crate::Batch) neither.
///
/// A message above half the arena came in fragments and is acknowledged already: its bytes are in memory of
/// this process, and end with it. Or it is a piece of such a message, in place as any mail: see
/// [`Endpoint::set_pieces`](crate::Endpoint::set_pieces).
pub struct Mail<'a> {
    member: &'a Member,
    peer: &'a Incoming,
    letter: Letter,
    /// By which a call is answered through the mailbox; `None`: by nothing.
    sender: Option<&'a Sender>,
    inbox: &'a Inbox,
}

impl<'a> Mail<'a> {
    #[inline(always)]
    pub(crate) fn new(
        member: &'a Member,
        peer: &'a Incoming,
        letter: Letter,
        sender: Option<&'a Sender>,
        inbox: &'a Inbox,
    ) -> Self {
        Self { member, peer, letter, sender, inbox }
    }

    /// Who sent it.
    #[inline]
    pub fn from(&self) -> u32 {
        self.peer.from
    }

    /// Its number among all that its sender ever sent to this rank, from 0 on. Without a gap, but that a
    /// message in fragments takes a number for each, and bears its last one's; and that a call on its line has a
    /// number of another kind.
    #[inline]
    pub fn seq(&self) -> u64 {
        self.letter.seq
    }

    /// The sender's epoch when it was sent: how often that rank had been joined. Right as long as the sender
    /// has been replaced fewer than 64 times since.
    pub fn epoch(&self) -> u64 {
        let now = self.member.region.registry.life(self.peer.from).epoch();
        epoch_of(self.letter.envelope().epoch, now)
    }

    /// Whether it may have been received before, and not acknowledged: by this endpoint, which [left](Mail::leave) it or
    /// panicked with it in hand, or by an earlier holder of the rank that died. False for what certainly was not. Of mails
    /// that an earlier holder that died left unread, or that came before this endpoint first looked for mail, up to 32 of
    /// each sender may be marked that it had not received.
    pub fn redelivered(&self) -> bool {
        self.letter.redelivered
    }

    /// Which part of a message it is, if it is a piece of one; `None` for a message, in fragments or not.
    pub fn piece(&self) -> Option<Piece> {
        if self.letter.is_whole() { None } else { self.peer.piece(self.letter.seq) }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.letter.len
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.letter.len == 0
    }

    /// Copies it to the front of `buffer`, as much as fits; how many bytes that are.
    #[inline(always)]
    pub fn copy_to(&self, buffer: &mut [u8]) -> usize {
        let len = self.letter.len.min(buffer.len());
        self.peer.copy(&self.letter, 0, &mut buffer[..len]);
        len
    }

    /// Copies what begins at `offset` to the front of `buffer`, as much as there is and fits; how many bytes
    /// that are.
    pub fn copy_from(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let offset = offset.min(self.letter.len);
        let len = (self.letter.len - offset).min(buffer.len());
        self.peer.copy(&self.letter, offset, &mut buffer[..len]);
        len
    }

    /// Its bytes, copied to new memory.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.letter.len];
        self.copy_to(&mut bytes);
        bytes
    }

    /// Its bytes; acknowledges it. What came in fragments is not copied once more.
    pub fn into_vec(self) -> Vec<u8> {
        if !self.letter.is_assembled() {
            return self.to_vec();
        }
        let mail = ManuallyDrop::new(self);
        mail.peer.finish(mail.member, &mail.letter)
    }

    /// The value whose bytes it is, copied; [`SizeError`] if it has another length than a `T`. The sender's value
    /// can be sent as `bytemuck::bytes_of(&value)`, and the crate is there as [`mailbox::bytemuck`](crate::bytemuck). Both processes must mean the same by `T`: nothing checks it.
    #[inline(always)]
    pub fn read<T: Pod>(&self) -> Result<T, SizeError> {
        if self.letter.len != size_of::<T>() {
            return Err(SizeError { len: self.letter.len, size: size_of::<T>() });
        }
        let mut value = T::zeroed();
        self.peer.copy(&self.letter, 0, bytemuck::bytes_of_mut(&mut value));
        Ok(value)
    }

    /// Its bytes in place.
    ///
    /// # Safety
    /// The sender's process is trusted: it must not write to this message before it is acknowledged, as no
    /// endpoint does. Others with access to the segment must not write there either. A forked child must not
    /// use the slice: its parent may acknowledge the mail. None of this matters to a message that came in
    /// fragments and was assembled.
    #[expect(unsafe_code, reason = "the caller trusts the peer")]
    pub unsafe fn as_slice(&self) -> &[u8] {
        if self.letter.is_assembled() {
            let bytes: *const [u8] = &*self.peer.message(self.letter.seq);
            // SAFETY: nobody moves or changes the bytes of an assembled message until its mail, this one, is
            // dropped; only the table that refers to them changes.
            return unsafe { &*bytes };
        }
        // SAFETY: unacknowledged as long as `self` lives; the caller answers for the peers (I4).
        unsafe { memory::borrow(self.peer.words(&self.letter), self.letter.len) }
    }

    /// Whether it is a call, whose sender waits for an answer: [`Mail::reply`] or [`Mail::refuse`]. One that is dropped
    /// instead is [`CallError::Dropped`](crate::CallError::Dropped) to it.
    #[inline(always)]
    pub fn is_call(&self) -> bool {
        self.letter.is_call()
    }

    /// Answers a call.
    ///
    /// Up to 48 bytes to a request of up to 48 bytes cost the line that it came in, and a system call if the caller
    /// sleeps; nothing waits, and nothing is said if the caller has ended. Other answers, of up to
    /// [`Region::max_whole`](crate::Region::max_whole) bytes, go through the mailbox to the caller, as a message does:
    /// this waits while that is full. On an error the call is dropped, and so is a mail that is no call:
    /// [`ReplyError::NotACall`].
    #[inline(always)]
    pub fn reply(self, bytes: &[u8]) -> Result<(), ReplyError> {
        self.answer(Kind::Answer, bytes, Deadline::Never)
    }

    /// Answers a call if that is possible now; never waits, else [`SendError::Full`], and the call is dropped.
    /// Otherwise as [`Mail::reply`].
    pub fn try_reply(self, bytes: &[u8]) -> Result<(), ReplyError> {
        self.answer(Kind::Answer, bytes, Deadline::Now)
    }

    /// Answers a call; waits no longer than `timeout`, then [`SendError::Timeout`], and the call is dropped: for a
    /// server that no caller should hold up. Otherwise as [`Mail::reply`].
    pub fn reply_timeout(self, bytes: &[u8], timeout: Duration) -> Result<(), ReplyError> {
        self.answer(Kind::Answer, bytes, timeout)
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`Mail::reply`].
    pub fn refuse(self, bytes: &[u8]) -> Result<(), ReplyError> {
        self.answer(Kind::Refusal, bytes, Deadline::Never)
    }

    /// As [`Mail::refuse`], but waits no longer than `timeout`, as [`Mail::reply_timeout`] does.
    pub fn refuse_timeout(self, bytes: &[u8], timeout: Duration) -> Result<(), ReplyError> {
        self.answer(Kind::Refusal, bytes, timeout)
    }

    #[inline(always)]
    fn answer(self, kind: Kind, bytes: &[u8], deadline: impl Into<Deadline>) -> Result<(), ReplyError> {
        if !self.letter.is_on_line() || bytes.len() > INLINE {
            return self.answer_in_mailbox(kind, bytes, deadline.into());
        }
        self.member.check().map_err(SendError::Lost)?;
        let mail = ManuallyDrop::new(self);
        mail.peer.answer(mail.member, mail.letter.seq, kind, bytes);
        Ok(())
    }

    #[inline(never)]
    fn answer_in_mailbox(self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<(), ReplyError> {
        if !self.letter.is_call() {
            return Err(ReplyError::NotACall);
        }
        let Some(sender) = self.sender else { return Err(ReplyError::Split) };
        let (number, is_on_line) = (self.letter.seq, self.letter.is_on_line());
        let ticket = if is_on_line { Ticket::Line(number) } else { Ticket::Mailbox(number) };
        let receiving = Some((self.member, self.inbox));
        sender.send_ticketed(self.peer.from, (kind, ticket), bytes, deadline, receiving)?;
        if is_on_line {
            let mail = ManuallyDrop::new(self);
            mail.peer.answer(mail.member, number, Kind::Elsewhere, &[]);
        }
        Ok(())
    }

    /// Leaves it unread: it stays in its place and is the first to be received from its sender again, by
    /// this endpoint or the rank's next holder; a call, or a message that was assembled, by this endpoint only.
    pub fn leave(self) {
        let mail = ManuallyDrop::new(self);
        mail.peer.requeue(&mail.letter);
    }
}

// With the rank lost, a successor on it, or the parent of a forked child, has the mailbox.
impl Drop for Mail<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let Self { member, peer, ref letter, .. } = *self;
        // The work on it was not finished. But a destructor that takes mail in a loop comes to an end.
        if panicking() && !letter.in_unwinding {
            return requeue(peer, *letter);
        }
        let hold = member.is_in_batch();
        // In a batch it is done in private memory only, and in no need of a check.
        let is_plain = letter.is_whole() && if hold { letter.is_in_cell() } else { member.check().is_ok() };
        if !is_plain || !peer.consumer.pass_oldest(letter.seq) {
            finish(member, peer, *letter);
        } else if !hold {
            peer.tell_head(member);
        } else if peer.consumer.is_due() {
            settle(member, peer);
        }
    }
}

// With the letter itself, as `finish`.
#[cold]
#[inline(never)]
fn requeue(peer: &Incoming, letter: Letter) {
    peer.requeue(&letter);
}

#[cold]
fn settle(member: &Member, peer: &Incoming) {
    if member.check().is_ok() {
        peer.settle(member);
    }
}

/// Done with a mail; apart, and with its parts, so that a mail can be kept in registers.
#[inline(never)]
fn finish(member: &Member, peer: &Incoming, letter: Letter) {
    if letter.is_whole() && member.is_in_batch() {
        if peer.consumer.retire(&letter) {
            settle(member, peer);
        }
    } else if member.check().is_ok() {
        if letter.is_whole() {
            peer.acknowledge(member, letter.seq);
        } else if letter.is_call() {
            peer.drop_call(member, &letter);
        } else {
            member.budget.recycle(peer.finish(member, &letter));
        }
    }
}

impl fmt::Debug for Mail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("from", &self.from())
            .field("seq", &self.seq())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
