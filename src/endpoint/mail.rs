//! A received message.

use super::arrival::Arrival;
use super::halves::Halves;
use super::message::Message;
use super::sender::Sender;
use super::unanswered::Unanswered;
use crate::abi::{INLINE, Kind};
use crate::error::{RecvError, ReplyError, SendError};
use crate::half::Member;
use crate::receive::{Answering, Fetch, Inbox, Incoming};
use crate::ring::Descriptor;
use crate::wait::Deadline;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::time::Duration;
use std::thread::panicking;

/// A received message, still where its sender wrote it; dropping it acknowledges it.
///
/// Mails may be dropped in any order; their room is given back in order. A mail that its holder's death
/// keeps from being dropped is delivered again, to the rank's next holder. One that is forgotten
/// ([`core::mem::forget`]) keeps its room, and that of all after it, until then.
///
/// A mail that is dropped while its thread unwinds from a panic is not acknowledged. It is left unread, as by
/// [`Mail::leave`]: the next receive gives it again, counted by [`Message::redelivered`](crate::Message::redelivered), and so a loop that catches panics
/// can acknowledge a message that makes its handler panic. If the endpoint ends with the panic, the rank's next holder
/// gets it. A destructor that receives during the unwinding gets each mail at most twice.
///
/// One that is held for long holds its sender up, when the cells or the arena are full behind it. To receive more of that
/// sender is then [`RecvError::Held`](crate::RecvError::Held).
///
/// It may be a [call](Mail::is_call), whose sender waits for an answer: [`Mail::reply`]. One that is dropped instead is
/// told so. A call is delivered to no later holder of the rank.
///
/// Nothing here waits but an answer above 48 bytes. Dropping a mail costs a store to a line that the
/// sender reads, and a system call if the sender sleeps for want of room; in a [`Batch`](crate::Batch) neither.
///
/// An announced message, as those above half the arena are, is acknowledged already: its bytes are in memory of
/// this process, and end with it. Or it is the [announcement](Mail::announced) of such a message, without bytes: see
/// [`Endpoint::set_by_hand`](crate::Endpoint::set_by_hand).
pub struct Mail<'a> {
    message: Message<'a>,
    member: &'a Member,
    /// The other half, if the same thread has it.
    sender: Option<&'a Sender>,
    inbox: &'a Inbox,
}

impl<'a> Deref for Mail<'a> {
    type Target = Message<'a>;

    #[inline(always)]
    fn deref(&self) -> &Message<'a> {
        &self.message
    }
}

impl<'a> Mail<'a> {
    #[inline(always)]
    pub(crate) fn new(
        member: &'a Member,
        peer: &'a Incoming,
        descriptor: Descriptor,
        sender: Option<&'a Sender>,
        inbox: &'a Inbox,
    ) -> Self {
        Self { message: Message { peer, descriptor }, member, sender, inbox }
    }

    /// The length of the message that it announces, which is to be [fetched](Mail::fetch); `None` for a message that is here.
    pub fn announced(&self) -> Option<u64> {
        self.descriptor.is_announcement().then(|| self.peer.announced(&self.descriptor))
    }

    /// The message that it announces, to be fetched from front to back; or itself, to be read so, if it announces none. Never
    /// waits, and asks for nothing yet.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::io::Read;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.send(0, &vec![7; 4 << 20]));
    /// me.set_by_hand(true);
    /// let mail = me.recv()?;
    /// assert_eq!(mail.announced(), Some(4 << 20));
    /// let mut sum = 0u64;
    /// for byte in mail.fetch().bytes() {
    ///     sum += u64::from(byte?);
    /// }
    /// assert_eq!(sum, 7 * (4 << 20));
    /// # other.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fetch(self) -> Arrival<'a> {
        Arrival::new(self)
    }

    /// Asks for the message of `len` bytes that it announces.
    pub(super) fn begin_fetch(&self, len: u64) -> Result<(), RecvError> {
        self.member.check()?;
        self.peer.begin_fetch(self.member, self.descriptor, len)
    }

    /// The next bytes of the message that was asked for, into a buffer that is not empty; how many they are.
    pub(super) fn fetch_next(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        self.member.check()?;
        let mut fetch = Fetch::new(self.member, self.peer, &self.descriptor, buffer);
        match self.halves().drive(self.member, deadline, &mut fetch)? {
            true => Ok(fetch.taken),
            false => Err(if deadline.is_now() { RecvError::Empty } else { RecvError::Timeout }),
        }
    }

    /// Done with a message that was asked for.
    pub(super) fn end_fetch(self, is_received: bool) {
        let mail = ManuallyDrop::new(self);
        if mail.member.check().is_ok() {
            mail.peer.end_fetch(mail.member, &mail.descriptor, is_received);
        }
    }

    /// Its bytes; acknowledges it. What was announced is not copied once more.
    pub fn into_vec(self) -> Vec<u8> {
        if !self.descriptor.is_assembled() {
            let bytes = self.to_vec();
            self.acknowledge();
            return bytes;
        }
        let mail = ManuallyDrop::new(self);
        mail.peer.finish(mail.member, &mail.descriptor)
    }

    /// Whether it is a call, whose sender waits for an answer: [`Mail::reply`] or [`Mail::refuse`]. One that is dropped
    /// instead is [`CallError::Dropped`](crate::CallError::Dropped) to it.
    #[inline(always)]
    pub fn is_call(&self) -> bool {
        self.descriptor.is_call()
    }

    /// Answers a call.
    ///
    /// Up to 48 bytes to a request of up to 48 bytes cost the line that it came in, and a system call if the caller
    /// sleeps; nothing waits, and nothing is said if the caller has ended. Other answers, of up to
    /// [`Region::max_whole`](crate::Region::max_whole) bytes, go through a lane that is the caller's for answers. There is
    /// a cell for each; but one above 48 bytes waits while those that were given before it, and that their caller has not
    /// looked for, take the room. A caller that waits for some answer takes in all. So two ranks that answer each other at
    /// length, and look for no answer meanwhile, may wait for ever: [`Mail::reply_timeout`] hands the call back. On an error the call is dropped, and so is a mail that is
    /// no call: [`ReplyError::NotACall`].
    #[inline(always)]
    pub fn reply(self, bytes: &[u8]) -> Result<(), ReplyError> {
        Ok(self.answer(Kind::Answer, bytes, Deadline::Never)?)
    }

    /// Answers a call if that is possible now; never waits, else [`SendError::Full`]. On an error the call is handed back.
    /// Otherwise as [`Mail::reply`].
    pub fn try_reply(self, bytes: &[u8]) -> Result<(), Unanswered<'a>> {
        self.answer(Kind::Answer, bytes, Deadline::Now)
    }

    /// Answers a call; waits no longer than `timeout`, then [`SendError::Timeout`]: for a server that no caller should hold
    /// up. On an error the call is handed back. Otherwise as [`Mail::reply`].
    pub fn reply_timeout(self, bytes: &[u8], timeout: Duration) -> Result<(), Unanswered<'a>> {
        self.answer(Kind::Answer, bytes, timeout)
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`Mail::reply`].
    pub fn refuse(self, bytes: &[u8]) -> Result<(), ReplyError> {
        Ok(self.answer(Kind::Refusal, bytes, Deadline::Never)?)
    }

    /// As [`Mail::refuse`], but waits no longer than `timeout`, as [`Mail::reply_timeout`] does.
    pub fn refuse_timeout(self, bytes: &[u8], timeout: Duration) -> Result<(), Unanswered<'a>> {
        self.answer(Kind::Refusal, bytes, timeout)
    }

    #[inline(always)]
    fn answer(self, kind: Kind, bytes: &[u8], deadline: impl Into<Deadline>) -> Result<(), Unanswered<'a>> {
        if !self.descriptor.is_on_line() || bytes.len() > INLINE || self.member.check().is_err() {
            return self.answer_in_lane(kind, bytes, deadline.into());
        }
        let mail = ManuallyDrop::new(self);
        mail.peer.answer(mail.member, mail.descriptor.seq, kind, bytes);
        Ok(())
    }

    #[inline(never)]
    fn answer_in_lane(self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<(), Unanswered<'a>> {
        match self.try_answer_in_lane(kind, bytes, deadline) {
            Ok(()) => {
                // It is acknowledged, whatever unwinds: nobody is to carry it out once more.
                let _answered = ManuallyDrop::new(self);
                Ok(())
            }
            Err(error) => Err(Unanswered::new(self, error)),
        }
    }

    fn try_answer_in_lane(&self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<(), ReplyError> {
        let member = self.member;
        if !self.descriptor.is_call() {
            return Err(ReplyError::NotACall);
        }
        member.check().map_err(SendError::Lost)?;
        let mut reply = Answering::new(member, self.message.peer, &self.message.descriptor, kind, bytes);
        if self.halves().drive(member, deadline, &mut reply)? {
            return Ok(());
        }
        Err(if deadline.is_now() { SendError::Full } else { SendError::Timeout }.into())
    }

    /// Leaves it unread: it stays in its place and is the first to be received from its sender again, by
    /// this endpoint or the rank's next holder; a call, or a message that was assembled, by this endpoint only.
    pub fn leave(self) {
        let mail = ManuallyDrop::new(self);
        mail.peer.requeue(&mail.descriptor);
    }

    /// As [`Mail::leave`], but not as one that was handed out.
    pub(super) fn put_back(self) {
        let mail = ManuallyDrop::new(self);
        mail.peer.put_back(&mail.descriptor);
    }

    fn halves(&self) -> Halves<'a> {
        Halves { sending: self.sender.map(Sender::parts), receiving: Some((self.member, self.inbox)) }
    }

    /// It is done with, whatever unwinds.
    fn acknowledge(self) {
        let mail = ManuallyDrop::new(self);
        acknowledge(mail.member, mail.message.peer, mail.message.descriptor);
    }
}

// With the rank lost, a successor on it, or the parent of a forked child, has the mailbox.
impl Drop for Mail<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let Self { member, message: Message { peer, ref descriptor }, .. } = *self;
        let [seq, len, envelope, at] = descriptor.words();
        put_down(member, peer, seq, len, envelope, at);
    }
}

/// Done with a mail. Apart, and with each word of it, so that it need not lie in memory: where that is what a caller does
/// with it, it never does.
#[inline(never)]
fn put_down(member: &Member, peer: &Incoming, seq: u64, len: u64, envelope: u64, at: u64) {
    let descriptor = Descriptor::of_words([seq, len, envelope, at]);
    let is_plain = descriptor.is_whole() && !member.is_in_batch() && member.check().is_ok();
    if is_plain && !panicking() && peer.consumer.pass_oldest(seq) {
        peer.tell_head(member);
    } else {
        finish(member, peer, descriptor);
    }
}

#[cold]
#[inline(never)]
fn finish(member: &Member, peer: &Incoming, descriptor: Descriptor) {
    // The work on it was not finished. But a destructor that takes mail in a loop comes to an end.
    if panicking() && !descriptor.is_in_unwinding() {
        peer.requeue(&descriptor);
    } else {
        acknowledge(member, peer, descriptor);
    }
}

fn acknowledge(member: &Member, peer: &Incoming, descriptor: Descriptor) {
    if descriptor.is_whole() && member.is_in_batch() {
        // Done in private memory only, and in no need of a check.
        if peer.consumer.retire(&descriptor) && member.check().is_ok() {
            peer.settle(member);
        }
    } else if member.check().is_ok() {
        if descriptor.is_whole() {
            peer.acknowledge(member, descriptor.seq);
        } else if descriptor.is_call() {
            peer.drop_call(member, &descriptor);
        } else if descriptor.is_sync() {
            peer.tell(member, &descriptor, Kind::Ack);
        } else if descriptor.is_announcement() {
            peer.end_fetch(member, &descriptor, false);
        } else {
            member.budget.recycle(peer.finish(member, &descriptor));
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
