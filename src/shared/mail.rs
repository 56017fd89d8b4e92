//! A received message that any thread may hold.

use super::handle::Handle;
use super::joint::Joint;
use super::replying::answer;
use crate::abi::Kind;
use crate::endpoint::{Mail, Message};
use crate::error::{ReplyError, SizeError};
use crate::receive::Incoming;
use crate::ring::Descriptor;
use crate::wait::Deadline;
use bytemuck::Pod;
use core::fmt;
use std::sync::Arc;
use std::thread::panicking;

/// A received message, still where its sender wrote it, that may go to any thread: what a [`Shared`](crate::Shared)
/// receives. Dropping it acknowledges it.
///
/// It keeps the endpoint: it may outlive the handle that received it, and the rank is left only when it is dropped, too. If it is
/// dropped while its thread unwinds from a panic it is requeued, and the next receive, of any thread, gives it again. It has no
/// [`Mail::fetch`], [`Mail::into_vec`] and [`Mail::reply_within`].
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
/// Cost: a lock for each look at its bytes and for its end. Nothing here waits for a peer but [`OwnedMail::reply`] and
/// [`OwnedMail::refuse`]. In a forked child it has no bytes.
#[must_use = "dropping a mail acknowledges it: say `ack()`"]
pub struct OwnedMail {
    handle: Arc<Handle>,
    from: u32,
    descriptor: Descriptor,
    /// Whether there is nothing to be done any more for it.
    is_over: bool,
}

impl OwnedMail {
    #[inline(always)]
    pub(super) fn new(handle: Arc<Handle>, from: u32, descriptor: Descriptor) -> Self {
        Self { handle, from, descriptor, is_over: false }
    }

    /// Who sent it.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// Its number among all that its sender ever sent to this rank. As [`Message::seq`].
    pub fn seq(&self) -> u64 {
        self.descriptor.seq
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.descriptor.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sender's epoch when it was sent. As [`Message::epoch`].
    pub fn epoch(&self) -> u64 {
        self.look(|message| message.epoch()).unwrap_or(0)
    }

    /// How often it may have been received before, and not acknowledged. As [`Message::redelivered`].
    pub fn redelivered(&self) -> u32 {
        self.look(|message| message.redelivered()).unwrap_or(0)
    }

    /// Copies it to the front of `buffer`, as much as fits; how many bytes that are.
    #[inline]
    pub fn copy_to(&self, buffer: &mut [u8]) -> usize {
        self.look(|message| message.copy_to(buffer)).unwrap_or(0)
    }

    /// Its bytes, copied to new memory.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let len = self.copy_to(&mut bytes);
        bytes.truncate(len);
        bytes
    }

    /// The value whose bytes it is, copied; [`SizeError`] if it has another length than a `T`. As [`Message::value`].
    #[inline]
    pub fn value<T: Pod>(&self) -> Result<T, SizeError> {
        self.look(|message| message.value()).unwrap_or(Err(SizeError { len: 0, size: size_of::<T>() }))
    }

    /// Whether it is a call, whose sender waits for an answer. As [`Mail::is_call`].
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
        self.answer(Kind::Answer, bytes)
    }

    /// Answers a call with an error, which these bytes describe. Otherwise as [`OwnedMail::reply`].
    pub fn refuse(self, bytes: &[u8]) -> Result<(), ReplyError> {
        self.answer(Kind::Refusal, bytes)
    }

    /// Acknowledges it, as dropping it does.
    pub fn ack(self) {}

    /// Leaves it unread: the next receive, of any thread, gives it again. As [`Mail::requeue`].
    pub fn requeue(mut self) {
        self.end(|joint, peer, descriptor| {
            joint.note_done(peer.from, descriptor.seq);
            peer.requeue(&descriptor);
        });
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

    fn answer(mut self, kind: Kind, bytes: &[u8]) -> Result<(), ReplyError> {
        answer(&self.handle, (self.from, self.descriptor), kind, bytes, Deadline::Never)?;
        self.is_over = true;
        Ok(())
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

impl fmt::Debug for OwnedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedMail")
            .field("from", &self.from)
            .field("seq", &self.seq())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
