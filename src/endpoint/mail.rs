//! A received message.

use super::arrival::Arrival;
use super::halves::Halves;
use super::message::Message;
use super::send_half::SendHalf;
use super::unanswered::Unanswered;
use crate::abi::{INLINE, Kind};
use crate::error::{FetchError, ReplyError, SendError};
use crate::half::Member;
use crate::receive::{Answering, Fetch, Inbox, Incoming};
use crate::ring::Descriptor;
use crate::wait::Deadline;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use std::io;
use std::thread::panicking;

/// A received message, still where its sender wrote it. Dropping it acknowledges it.
///
/// It is read as a [`Message`], to which it derefs, or as an [`io::Read`].
///
/// **Acknowledging.** Mails may be dropped in any order. Their room is given back in order. A mail that was not acknowledged
/// when its holder died is delivered again, to the rank's next holder, and so are those of its sender behind it, also the
/// acknowledged ones, marked ([`Message::redelivered`]). An acknowledged mail never comes again if all older ones of its sender
/// are acknowledged, too. One that is forgotten ([`core::mem::forget`]) keeps its room, and that of all behind it, until then. [`Mail::requeue`] puts it back. Dropping costs a store to a line that
/// the sender reads, and a system call if the sender sleeps for want of room; in a [`Batch`](crate::Batch) neither.
///
/// **Panics.** A mail that is dropped while its thread unwinds from a panic is requeued, not acknowledged. The next receive
/// gives it again, counted by [`Message::redelivered`], so that a loop that catches panics can acknowledge a message that
/// makes its handler panic. If the endpoint ends with the panic, the rank's next holder gets it. A destructor that receives
/// during the unwinding gets each mail at most twice.
///
/// **Holding.** Keep a mail for long, and its sender waits once the mailbox behind it is full. To receive more of that sender
/// then returns [`RecvError::Held`](crate::RecvError::Held).
///
/// **Calls.** Its sender may wait for an answer ([`Mail::is_call`], [`Mail::reply`]). If a call is dropped instead, its sender
/// is told. A call is delivered to no later holder of the rank.
///
/// **Announced messages.** A message that was announced and taken in is acknowledged already. Its bytes are in memory of this
/// process, and end with it. With [`Endpoint::set_by_hand`](crate::Endpoint::set_by_hand) the mail is the announcement,
/// without bytes: see [`Mail::announced`].
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.send(0, &7u32.to_ne_bytes())?;
/// let mail = me.recv()?;
/// let number: u32 = mail.value()?;
/// assert_eq!((mail.from(), number), (1, 7));
/// mail.ack(); // as dropping it would
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It borrows its endpoint, which therefore lives longer. This does not compile. An endpoint that was made
/// [shared](crate::Endpoint::into_shared) receives an [`OwnedMail`](crate::OwnedMail) instead. It borrows nothing, so that it may
/// outlive what it was received with.
///
/// ```compile_fail,E0505
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let me = region.join(0)?;
/// let mail = me.recv()?;
/// drop(me);
/// println!("{} bytes", mail.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a mail acknowledges it: say `ack()`"]
pub struct Mail<'a> {
    message: Message<'a>,
    /// How many bytes were read through [`io::Read`].
    read: usize,
    member: &'a Member,
    /// The other half, if the same thread has it.
    sender: Option<&'a SendHalf>,
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
        sender: Option<&'a SendHalf>,
        inbox: &'a Inbox,
    ) -> Self {
        Self { message: Message { peer, descriptor }, read: 0, member, sender, inbox }
    }

    /// The length of the message that it announces, which is to be [fetched](Mail::fetch). `None` for a message that is here.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.set_by_hand(true);
    /// other.send(0, b"hello")?;
    /// let sending = other.to(0).announce(vec![7; 4 << 20])?;
    /// assert_eq!(me.recv()?.announced(), None);
    /// assert_eq!(me.recv()?.announced(), Some(4 << 20));
    /// # drop(sending);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn announced(&self) -> Option<u64> {
        self.descriptor.is_announcement().then(|| self.peer.announced(&self.descriptor))
    }

    /// The message that it announces, to be fetched from front to back. If it announces none, the mail itself, to be read in the
    /// same way. Never waits, and asks for nothing yet.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::io::{BufReader, Read};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.send(0, &vec![7; 4 << 20]));
    /// me.set_by_hand(true);
    /// let mail = me.recv()?;
    /// assert_eq!(mail.announced(), Some(4 << 20));
    /// let mut sum = 0u64;
    /// for byte in BufReader::new(mail.fetch()).bytes() {
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
    pub(super) fn begin_fetch(&self, len: u64) -> Result<(), FetchError> {
        self.member.check()?;
        self.peer.begin_fetch(self.member, self.descriptor, len)
    }

    /// The next bytes of the message that was asked for, into a buffer that is not empty; how many they are.
    pub(super) fn fetch_next(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, FetchError> {
        self.member.check()?;
        let mut fetch = Fetch::new(self.member, self.peer, &self.descriptor, buffer);
        match self.halves().drive(self.member, deadline, &mut fetch)? {
            true => Ok(fetch.taken),
            false => Err(FetchError::Timeout(self.peer.from)),
        }
    }

    /// Done with a message that was asked for.
    pub(super) fn end_fetch(self, is_received: bool) {
        let mail = ManuallyDrop::new(self);
        if mail.member.check().is_ok() {
            mail.peer.end_fetch(mail.member, &mail.descriptor, is_received);
        }
    }

    /// Its bytes, and acknowledges it. A message that was announced is not copied once more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"to be kept")?;
    /// let kept: Vec<u8> = me.recv()?.into_vec();
    /// // Its room in the mailbox is free for others.
    /// assert_eq!((kept.as_slice(), region.inspect().mailboxes[0].unread), (&b"to be kept"[..], 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_vec(self) -> Vec<u8> {
        if !self.descriptor.is_assembled() {
            let bytes = self.to_vec();
            self.acknowledge();
            return bytes;
        }
        let mail = ManuallyDrop::new(self);
        mail.peer.finish(mail.member, &mail.descriptor)
    }

    /// Whether it is a call, whose sender waits for an answer: [`Mail::reply`] or [`Mail::refuse`]. If it is dropped instead, its
    /// sender gets [`CallError::Unanswered`](crate::CallError::Unanswered).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"a line")?;
    /// let question = other.to(0).start_call(b"2 + 2")?;
    /// assert!(!me.recv()?.is_call());
    /// let mail = me.recv()?;
    /// assert!(mail.is_call());
    /// mail.reply(b"4")?;
    /// # assert_eq!(*question.wait()?, *b"4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn is_call(&self) -> bool {
        self.descriptor.is_call()
    }

    /// Acknowledges it, as dropping it does, and says so to a reader.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"a line")?;
    /// # let mut file = std::io::sink();
    /// let mut mail = me.recv()?;
    /// match std::io::copy(&mut mail, &mut file) {
    ///     Ok(_) => mail.ack(), // not before it is written
    ///     Err(error) => {
    ///         mail.requeue();
    ///         return Err(error.into());
    ///     }
    /// }
    /// # assert_eq!(region.inspect().mailboxes[0].unread, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn ack(self) {}

    /// Answers a call. On an error the call is dropped, and so is a mail that is no call: [`ReplyError::NotACall`].
    ///
    /// An answer of up to 48 bytes to a request of up to 48 bytes costs the cache line that the request came in, and a
    /// system call if the caller sleeps. It never waits, and nothing is said if the caller has ended.
    ///
    /// Other answers, of up to [`Region::eager_limit`](crate::Region::eager_limit) bytes, go through a lane for answers to that
    /// caller, which has a cell for each. But one longer than 48 bytes waits while earlier answers that the caller has not
    /// looked for take the room. A caller that waits for any answer takes in all of them. So two ranks that send each other
    /// long answers, and look for none meanwhile, can wait for ever: [`Mail::reply_within`] hands the call back.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?);
    /// # let question = me.to(1).start_call(&[1u32, 2, 3].map(u32::to_ne_bytes).concat())?;
    /// let mail = server.recv()?;
    /// let sum: u32 = mail.value::<[u32; 3]>()?.iter().sum();
    /// mail.reply(&sum.to_ne_bytes())?;
    /// # assert_eq!(question.wait()?.value::<u32>()?, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn reply(self, bytes: &[u8]) -> Result<(), ReplyError> {
        Ok(self.answer(Kind::Answer, bytes, Deadline::Never)?)
    }

    /// Answers a call, and waits no longer than `deadline`: for a server that no caller should hold up. On an error it hands
    /// the call back. The error is [`SendError::Timeout`] when the time has passed, and with [`Deadline::Now`], which never
    /// waits, [`SendError::Full`]. Otherwise as [`Mail::reply`].
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?);
    /// let question = me.to(1).start_call(b"how long?")?;
    /// // More than the region carries as a whole.
    /// if let Err(unanswered) = server.recv()?.reply_within(&vec![0; 2 << 20], Deadline::Now) {
    ///     unanswered.into_call().reply(b"2 MiB")?;
    /// }
    /// assert_eq!(*question.wait()?, *b"2 MiB");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn reply_within(self, bytes: &[u8], deadline: impl Into<Deadline>) -> Result<(), Unanswered<Self>> {
        self.answer(Kind::Answer, bytes, deadline.into())
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`Mail::reply`].
    ///
    /// ```
    /// # use mailbox::{CallError, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?);
    /// # let question = me.to(1).start_call(b"an order")?;
    /// // The server
    /// server.recv()?.refuse(b"sold out")?;
    ///
    /// // The caller
    /// # let mut refused = false;
    /// match question.wait() {
    ///     Ok(answer) => println!("yes, and {answer:?}"),
    ///     Err(CallError::Refused(why)) => {
    ///         println!("no: {}", String::from_utf8_lossy(&why));
    ///         # refused = why == b"sold out";
    ///     }
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert!(refused);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse(self, bytes: &[u8]) -> Result<(), ReplyError> {
        Ok(self.answer(Kind::Refusal, bytes, Deadline::Never)?)
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`Mail::reply_within`].
    ///
    /// ```
    /// # use mailbox::{CallError, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?);
    /// let question = me.to(1).start_call(b"an order")?;
    /// assert!(server.recv()?.refuse_within(b"sold out", Duration::from_millis(10)).is_ok());
    /// assert!(matches!(question.wait(), Err(CallError::Refused(why)) if why == b"sold out"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse_within(self, bytes: &[u8], deadline: impl Into<Deadline>) -> Result<(), Unanswered<Self>> {
        self.answer(Kind::Refusal, bytes, deadline.into())
    }

    #[inline(always)]
    fn answer(self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<(), Unanswered<Self>> {
        let Message { peer, descriptor } = self.message;
        if self.member.check().is_ok() {
            let is_answered = if descriptor.is_on_line() {
                let is_few = bytes.len() <= INLINE;
                if is_few {
                    peer.answer(self.member, descriptor.seq, kind, bytes);
                }
                is_few
            } else {
                let [seq, _, envelope, _] = descriptor.words();
                descriptor.is_call() && peer.answer_in_cell(self.member, seq, envelope, kind, bytes)
            };
            if is_answered {
                let _answered = ManuallyDrop::new(self);
                return Ok(());
            }
        }
        self.answer_in_lane(kind, bytes, deadline)
    }

    #[inline(never)]
    fn answer_in_lane(self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<(), Unanswered<Self>> {
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
            return Err(ReplyError::NotACall(self.from()));
        }
        member.check().map_err(SendError::from)?;
        let mut reply = Answering::new(member, self.message.peer, &self.message.descriptor, kind, bytes);
        if reply.at_once()? || self.halves().drive(member, deadline, &mut reply)? {
            return Ok(());
        }
        Err(deadline.without_room(self.message.peer.from).into())
    }

    /// Puts it back unread. It keeps its place, and is the next to be received from its sender: by this endpoint or, if it is
    /// neither a call nor an announced message, by the rank's next holder. That one gets what came behind it, too, even if that was
    /// acknowledged.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"a job")?;
    /// # let is_printer_ready = false;
    /// let mail = me.recv()?;
    /// if !is_printer_ready {
    ///     mail.requeue();
    /// }
    /// // Later
    /// let again = me.recv()?;
    /// assert_eq!((again.to_vec(), again.redelivered()), (b"a job".to_vec(), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn requeue(self) {
        let mail = ManuallyDrop::new(self);
        mail.peer.requeue(&mail.descriptor);
    }

    /// As [`Mail::requeue`], but not as one that was handed out.
    pub(super) fn put_back(self) {
        let mail = ManuallyDrop::new(self);
        mail.peer.put_back(&mail.descriptor);
    }

    fn halves(&self) -> Halves<'a> {
        Halves { sending: self.sender.map(SendHalf::parts), receiving: Some((self.member, self.inbox)) }
    }

    /// It is done with, whatever unwinds.
    fn acknowledge(self) {
        let mail = ManuallyDrop::new(self);
        acknowledge(mail.member, mail.message.peer, mail.message.descriptor);
    }
}

/// Reads it from front to back; each read goes on where the one before ended.
impl io::Read for Mail<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.message.read_at(self.read, buffer);
        self.read += count;
        Ok(count)
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
/// with it, it never does. What is rare is called last, by functions of their own, so that the rest needs no stack.
#[inline(never)]
fn put_down(member: &Member, peer: &Incoming, seq: u64, len: u64, envelope: u64, at: u64) {
    if panicking() {
        unwind(member, peer, seq, len, envelope, at);
    } else {
        pass(member, peer, seq, len, envelope, at);
    }
}

#[inline(never)]
fn pass(member: &Member, peer: &Incoming, seq: u64, len: u64, envelope: u64, at: u64) {
    let descriptor = Descriptor::of_words([seq, len, envelope, at]);
    if !descriptor.is_whole() || member.check().is_err() {
        finish(member, peer, seq, len, envelope, at);
    } else if member.is_in_batch() {
        if !peer.consumer.retire_next(&descriptor) {
            retire(member, peer, seq, len, envelope, at);
        }
    } else if peer.consumer.pass_oldest(seq) {
        peer.tell_head(member);
    } else if !peer.consumer.pass_later(seq) {
        peer.acknowledge(member, seq);
    }
}

/// Done with a whole message, whose sender is told when the batch ends, or much is owed.
#[inline(never)]
fn retire(member: &Member, peer: &Incoming, seq: u64, len: u64, envelope: u64, at: u64) {
    if peer.consumer.retire(&Descriptor::of_words([seq, len, envelope, at])) {
        peer.settle(member);
    }
}

/// Done with what is more than a message in the lane, or with a rank that is lost.
#[cold]
#[inline(never)]
fn finish(member: &Member, peer: &Incoming, seq: u64, len: u64, envelope: u64, at: u64) {
    acknowledge(member, peer, Descriptor::of_words([seq, len, envelope, at]));
}

/// The work on it was not finished. But a destructor that takes mail in a loop comes to an end.
#[cold]
#[inline(never)]
fn unwind(member: &Member, peer: &Incoming, seq: u64, len: u64, envelope: u64, at: u64) {
    let descriptor = Descriptor::of_words([seq, len, envelope, at]);
    if descriptor.is_in_unwinding() {
        acknowledge(member, peer, descriptor);
    } else {
        peer.requeue(&descriptor);
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
        } else if descriptor.is_assembled() {
            member.budget.recycle(peer.finish(member, &descriptor));
        } else if descriptor.is_sync() {
            peer.tell(member, &descriptor, Kind::Ack);
        } else if descriptor.is_announcement() {
            peer.end_fetch(member, &descriptor, false);
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
