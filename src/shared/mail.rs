//! A received message that any thread may hold.

use super::handle::Handle;
use super::joint::{Joint, SHORT, Taker};
use super::replying::answer;
use crate::abi::Kind;
use crate::endpoint::{Mail, Message, Unanswered};
use crate::error::{RecvError, ReplyError, SizeError};
use crate::receive::Incoming;
use crate::ring::Descriptor;
use crate::wait::Deadline;
use bytemuck::Pod;
use core::fmt;
use core::ptr;
use std::io;
use std::sync::Arc;
use std::thread::panicking;

/// A received message, still where its sender wrote it, that may go to any thread: what a [`Shared`](crate::Shared)
/// receives. Dropping it acknowledges it.
///
/// It keeps the endpoint: it may outlive the handle that received it, and the rank is left only when it is dropped, too. If it is
/// dropped while its thread unwinds from a panic it is requeued, and the next receive, of any thread, gives it again. It is an
/// [`io::Read`], too. It is never an announcement, so it has no [`Mail::fetch`].
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let other = region.join(1)?;
/// # other.send(0, b"hello")?;
/// let shared = region.join(0)?.into_shared();
/// let mail = shared.recv()?;
/// drop(shared);
/// let len = std::thread::spawn(move || mail.to_vec().len()).join().unwrap();
/// # assert_eq!(len, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Cost: a lock for its end and for most looks at it; none for `copy_to`, `to_vec`, `read_at` and `value` up to 32 bytes. Nothing here
/// waits for a peer but the methods that answer a call. In a forked child it has no bytes.
#[must_use = "dropping a mail acknowledges it: say `ack()`"]
pub struct OwnedMail {
    handle: Arc<Handle>,
    from: u32,
    descriptor: Descriptor,
    /// Its bytes, if they are few.
    bytes: [u8; SHORT],
    /// How many bytes were read through [`io::Read`].
    read: usize,
    /// Whether there is nothing to be done any more for it.
    is_over: bool,
}

impl OwnedMail {
    #[inline(always)]
    pub(super) fn new(handle: Arc<Handle>, (from, descriptor): (u32, Descriptor), by: &Taker) -> Self {
        Self { handle, from, descriptor, bytes: by.bytes, read: 0, is_over: false }
    }

    /// Who sent it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).tag(3).send(b"hello")?;
    /// let mail = me.recv()?;
    /// assert_eq!((mail.from(), mail.epoch(), mail.seq(), mail.tag()), (1, 1, 0, 3));
    /// assert_eq!((mail.len(), mail.is_empty(), mail.is_call()), (5, false, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from(&self) -> u32 {
        self.from
    }

    /// Its number among all that its sender ever sent to this rank. As [`Message::seq`]. [`OwnedMail::from`] has an example.
    pub fn seq(&self) -> u64 {
        self.descriptor.seq
    }

    /// The tag that its sender gave it. As [`Message::tag`]. [`OwnedMail::from`] has an example.
    pub fn tag(&self) -> u32 {
        self.descriptor.tag()
    }

    /// Its length in bytes. [`OwnedMail::from`] has an example.
    pub fn len(&self) -> usize {
        self.descriptor.len
    }

    /// Whether it has no bytes. [`OwnedMail::from`] has an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sender's epoch when it was sent. As [`Message::epoch`]. [`OwnedMail::from`] has an example.
    pub fn epoch(&self) -> u64 {
        self.look(|message| message.epoch()).unwrap_or(0)
    }

    /// How often it may have been received before, and not acknowledged. As [`Message::redelivered`].
    /// [`OwnedMail::requeue`] has an example.
    pub fn redelivered(&self) -> u32 {
        self.look(|message| message.redelivered()).unwrap_or(0)
    }

    /// Copies it to the front of `buffer`, as much as fits; how many bytes that are.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"hello")?;
    /// let (mail, mut buffer, mut end) = (me.recv()?, [0; 8], [0; 2]);
    /// assert_eq!((mail.copy_to(&mut buffer), &buffer), (5, b"hello\0\0\0"));
    /// assert_eq!((mail.read_at(3, &mut end), &end), (2, b"lo"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn copy_to(&self, buffer: &mut [u8]) -> usize {
        match self.short() {
            Some(bytes) => copy(bytes, buffer),
            None => self.look(|message| message.copy_to(buffer)).unwrap_or(0),
        }
    }

    /// Copies what begins at `offset` to the front of `buffer`, as much as there is and fits; how many bytes that are.
    /// [`OwnedMail::copy_to`] has an example.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> usize {
        match self.short() {
            Some(bytes) => copy(&bytes[offset.min(bytes.len())..], buffer),
            None => self.look(|message| message.read_at(offset, buffer)).unwrap_or(0),
        }
    }

    /// Its bytes, copied to new memory.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"hello")?;
    /// let mail = me.recv()?;
    /// assert_eq!(mail.to_vec(), b"hello");
    /// assert_eq!(region.inspect().mailboxes[0].unread, 1, "it is not acknowledged yet");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let len = self.copy_to(&mut bytes);
        bytes.truncate(len);
        bytes
    }

    /// Its bytes, and acknowledges it. A message that was announced is not copied once more. As [`Mail::into_vec`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"to be kept")?;
    /// let kept: Vec<u8> = me.recv()?.into_vec();
    /// assert_eq!((kept.as_slice(), region.inspect().mailboxes[0].unread), (&b"to be kept"[..], 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_vec(mut self) -> Vec<u8> {
        if !self.descriptor.is_assembled() {
            return self.to_vec();
        }
        let descriptor = self.descriptor;
        let finish = |joint: &Joint| {
            joint.note_done(self.from, descriptor.seq);
            Some(joint.mailbox(self.from)?.finish(joint.receiving().0, &descriptor))
        };
        // Another thread may wait for its share of the budget.
        let bytes = self.handle.stir(finish).ok().flatten();
        self.is_over = true;
        bytes.unwrap_or_default()
    }

    /// Its bytes in place.
    ///
    /// # Safety
    /// As for [`Message::as_slice`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, &vec![7; 100_000])?;
    /// let mail = me.recv()?;
    /// // SAFETY: rank 1 is the same program, and nobody else has access to this region.
    /// let bytes = unsafe { mail.as_slice() };
    /// assert_eq!(bytes.iter().filter(|byte| **byte == 7).count(), 100_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(unsafe_code, reason = "the caller trusts the peer")]
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the caller promises it.
        let bytes = self.look(|message| ptr::from_ref(unsafe { message.as_slice() }));
        // SAFETY: they stay where they are as long as this mail, which keeps the endpoint.
        bytes.map_or(&[], |bytes| unsafe { &*bytes })
    }

    /// The value whose bytes it is, copied; [`SizeError`] if it has another length than a `T`. As [`Message::value`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SizeError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).send_value(&[7.5, -1.0])?;
    /// let mail = me.recv()?;
    /// assert_eq!(mail.value::<[f64; 2]>(), Ok([7.5, -1.0]));
    /// assert_eq!(mail.value::<f64>(), Err(SizeError { len: 16, size: 8 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn value<T: Pod>(&self) -> Result<T, SizeError> {
        let mismatch = |len| SizeError { len, size: size_of::<T>() };
        match self.short() {
            Some(bytes) => bytemuck::try_pod_read_unaligned(bytes).map_err(|_| mismatch(bytes.len())),
            None => self.look(|message| message.value()).unwrap_or(Err(mismatch(0))),
        }
    }

    /// Whether it is a call, whose sender waits for an answer. As [`Mail::is_call`]. [`OwnedMail::refuse`] has an example.
    pub fn is_call(&self) -> bool {
        self.descriptor.is_call()
    }

    /// Answers a call. Waits, as [`Mail::reply`] does, for room for an answer above 48 bytes; an
    /// [`Interrupter`](crate::Interrupter) of the handle that received it ends that. On an error the call is dropped.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?.into_shared());
    /// let question = me.to(1).start_call(b"2 + 2")?;
    /// let mail = server.recv()?;
    /// std::thread::spawn(move || mail.reply(b"4")).join().unwrap()?;
    /// assert_eq!(*question.wait()?, *b"4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn reply(self, bytes: &[u8]) -> Result<(), ReplyError> {
        Ok(self.answer(Kind::Answer, bytes, Deadline::Never)?)
    }

    /// Answers a call, and waits no longer than `deadline`. On an error it hands the call back. As [`Mail::reply_within`].
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?.into_shared());
    /// let question = me.to(1).start_call(b"how long?")?;
    /// // More than the region carries as a whole.
    /// if let Err(unanswered) = server.recv()?.reply_within(&vec![0; 2 << 20], Deadline::Now) {
    ///     unanswered.into_call().reply(b"2 MiB")?;
    /// }
    /// assert_eq!(*question.wait()?, *b"2 MiB");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn reply_within(self, bytes: &[u8], deadline: impl Into<Deadline>) -> Result<(), Unanswered<Self>> {
        self.answer(Kind::Answer, bytes, deadline.into())
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`OwnedMail::reply`].
    ///
    /// ```
    /// # use mailbox::{CallError, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?.into_shared());
    /// let question = me.to(1).start_call(b"an order")?;
    /// let mail = server.recv()?;
    /// assert!(mail.is_call());
    /// mail.refuse(b"sold out")?;
    /// assert!(matches!(question.wait(), Err(CallError::Refused(why)) if why == b"sold out"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse(self, bytes: &[u8]) -> Result<(), ReplyError> {
        Ok(self.answer(Kind::Refusal, bytes, Deadline::Never)?)
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`OwnedMail::reply_within`].
    ///
    /// ```
    /// # use mailbox::{CallError, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?, region.join(1)?.into_shared());
    /// let question = me.to(1).start_call(b"an order")?;
    /// server.recv()?.refuse_within(b"sold out", Duration::from_millis(10))?;
    /// assert!(matches!(question.wait(), Err(CallError::Refused(why)) if why == b"sold out"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse_within(self, bytes: &[u8], deadline: impl Into<Deadline>) -> Result<(), Unanswered<Self>> {
        self.answer(Kind::Refusal, bytes, deadline.into())
    }

    /// Acknowledges it, as dropping it does.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"hello")?;
    /// me.recv()?.ack();
    /// assert_eq!(region.inspect().mailboxes[0].unread, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ack(self) {}

    /// Leaves it unread: the next receive, of any thread, gives it again. As [`Mail::requeue`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.send(0, b"a job")?;
    /// let mail = me.recv()?;
    /// assert_eq!(mail.redelivered(), 0);
    /// mail.requeue();
    /// let again = me.recv()?;
    /// assert_eq!((again.to_vec(), again.redelivered()), (b"a job".to_vec(), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn requeue(mut self) {
        self.end(|joint, peer, descriptor| {
            joint.note_done(peer.from, descriptor.seq);
            peer.requeue(&descriptor);
        });
    }

    /// The bytes of a short one, which nobody else has. In a forked child there are none.
    #[inline(always)]
    fn short(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len()).filter(|_| self.handle.check().is_ok())
    }

    #[inline(always)]
    fn look<R>(&self, look: impl FnOnce(&Message<'_>) -> R) -> Option<R> {
        let descriptor = self.descriptor;
        let looked = self.handle.with(|joint| {
            let peer = joint.mailbox(self.from)?;
            Some(look(&Message { peer, descriptor }))
        });
        looked.ok().flatten()
    }

    fn answer(mut self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<(), Unanswered<Self>> {
        match answer(&self.handle, (self.from, self.descriptor), kind, bytes, deadline) {
            Ok(()) => self.is_over = true,
            Err(error) => return Err(Unanswered::new(self, error)),
        }
        Ok(())
    }

    /// Copies it to the front of `buffer`, and acknowledges it. If it does not `fit`, it is left where it is.
    pub(super) fn take_into(mut self, buffer: &mut [u8], fits: bool) -> Result<(u32, usize), RecvError> {
        if fits {
            return Ok((self.from, self.copy_to(buffer)));
        }
        self.put_back();
        Err(RecvError::Misfit { rank: self.from, len: self.len() as u64 })
    }

    /// As [`OwnedMail::requeue`], but not as one that was handed out.
    pub(super) fn put_back(&mut self) {
        self.end(|joint, peer, descriptor| {
            joint.note_done(peer.from, descriptor.seq);
            peer.put_back(&descriptor);
        });
    }

    /// It comes back to those that receive.
    fn end(&mut self, work: impl FnOnce(&Joint, &Incoming, Descriptor)) {
        let (from, descriptor) = (self.from, self.descriptor);
        self.is_over = true;
        // In a forked child it is its parent's.
        let _ = self
            .handle
            .stir(|joint| joint.mailbox(from).inspect(|peer| work(joint, peer, descriptor)).is_some());
    }
}

/// Copies as much as fits; how many bytes that are.
#[inline(always)]
fn copy(bytes: &[u8], buffer: &mut [u8]) -> usize {
    let len = bytes.len().min(buffer.len());
    buffer[..len].copy_from_slice(&bytes[..len]);
    len
}

/// Done with a mail: acknowledged or, in unwinding, left unread.
#[inline(always)]
fn put_down(joint: &Joint, from: u32, descriptor: Descriptor) {
    joint.note_done(from, descriptor.seq);
    let (sender, _) = joint.endpoint.halves();
    let (member, inbox) = joint.receiving();
    if let Some(peer) = joint.mailbox(from) {
        drop(Mail::new(member, peer, descriptor, Some(sender), inbox));
    }
}

impl Drop for OwnedMail {
    #[inline]
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if panicking() {
            return self.end(|joint, peer, descriptor| put_down(joint, peer.from, descriptor));
        }
        // In a forked child it is its parent's.
        let _ = if self.descriptor.is_assembled() {
            // Another thread may wait for the memory.
            self.handle.stir(|joint| put_down(joint, self.from, self.descriptor))
        } else {
            self.handle.with(|joint| put_down(joint, self.from, self.descriptor))
        };
    }
}

/// Reads it from front to back; each read goes on where the one before ended.
impl io::Read for OwnedMail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read_at(self.read, buffer);
        self.read += count;
        Ok(count)
    }
}

impl fmt::Debug for OwnedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedMail")
            .field("from", &self.from)
            .field("seq", &self.seq())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
