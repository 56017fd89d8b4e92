//! A received message, to be read.

use crate::abi::epoch_of;
use crate::error::SizeError;
use crate::memory;
use crate::receive::Incoming;
use crate::ring::Descriptor;
use bytemuck::Pod;
use core::fmt;

/// A received message to be read, still where its sender wrote it: what a [`Mail`](crate::Mail) derefs to, and what a
/// [`Drain`](crate::Drain) gives.
///
/// ```
/// # use mailbox::{Config, Message, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # for line in ["of one line", "of the next"] { other.to(0).tag(3).send(line.as_bytes())?; }
/// /// For the log: what a receive gives, and what a drain gives.
/// fn line(message: &Message<'_>) -> String {
///     let mut first = [0; 6];
///     let count = message.copy_to(&mut first);
///     let first = String::from_utf8_lossy(&first[..count]);
///     format!("{}.{} [{}] {} bytes: {first}…", message.from(), message.seq(), message.tag(), message.len())
/// }
/// assert_eq!(line(&*me.recv()?), "1.0 [3] 11 bytes: of one…");
/// let mut drain = me.drain();
/// while let Some(message) = drain.next()? {
///     assert_eq!(line(&message), "1.1 [3] 11 bytes: of the…");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Message<'a> {
    pub(crate) peer: &'a Incoming,
    pub(crate) descriptor: Descriptor,
}

impl Message<'_> {
    /// Who sent it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.to(0).tag(3).send(b"hello")?;
    /// let mail = me.recv()?;
    /// assert_eq!((mail.from(), mail.epoch(), mail.seq(), mail.tag()), (1, 1, 0, 3));
    /// assert_eq!((mail.len(), mail.is_empty()), (5, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn from(&self) -> u32 {
        self.peer.from
    }

    /// Its number among all messages that its sender ever sent to this rank, from 0 on, without a gap. A short call may come in
    /// a line of its own, not through the mailbox. Then it is not counted there, and has the stamp of that line here, which
    /// differs from call to call. [`Message::from`] has an example.
    #[inline]
    pub fn seq(&self) -> u64 {
        self.descriptor.seq
    }

    /// The sender's epoch when it was sent: how often that rank had been joined. Right as long as the sender
    /// has been replaced fewer than 64 times since. [`Message::from`] has an example.
    pub fn epoch(&self) -> u64 {
        let now = self.peer.life().epoch();
        epoch_of(self.descriptor.envelope().epoch, now)
    }

    /// How often it may have been received before without being acknowledged: by this endpoint, which
    /// [requeued](crate::Mail::requeue) it or panicked with it in hand, or by earlier holders of the rank that died. It is 0 if
    /// that never happened. It reveals a message that ends each process which receives it, so that it can be acknowledged
    /// instead of handled:
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"poison")?;
    /// # for _ in 0..3 { me.recv()?.requeue(); }
    /// let mail = me.recv()?;
    /// if mail.redelivered() >= 3 {
    ///     eprintln!("message {} of rank {} is set aside", mail.seq(), mail.from());
    /// }
    /// # assert_eq!(mail.redelivered(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Across deaths it is exact for one message of each sender: the last one that the dead holder received and had not
    /// received before. That is the one in hand, if a process handles one at a time. For others, and if more than 64 of a
    /// sender come again at once, it may be less than it was, but not 0. Up to 16 messages of each sender that an earlier
    /// holder left unread when it died, or that came before this endpoint first looked for mail, may show 1 though nobody
    /// received them, and so may all that its receives [by tag](crate::RecvFrom::tag) had passed over. The count of a call ends with this endpoint.
    pub fn redelivered(&self) -> u32 {
        self.peer.redeliveries(&self.descriptor)
    }

    /// The tag that its sender gave it: see [`SendTo::tag`](crate::SendTo::tag). 0 if it was given none, and for a call.
    /// [`Message::from`] has an example.
    #[inline]
    pub fn tag(&self) -> u32 {
        self.descriptor.tag()
    }

    /// Its length in bytes. [`Message::from`] has an example.
    #[inline]
    pub fn len(&self) -> usize {
        self.descriptor.len
    }

    /// Whether it has no bytes. [`Message::from`] has an example.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.descriptor.len == 0
    }

    /// Copies it to the front of `buffer`, as much as fits, and returns how many bytes that are.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"hello")?;
    /// let (mail, mut buffer) = (me.recv()?, [0; 8]);
    /// assert_eq!((mail.copy_to(&mut buffer), &buffer), (5, b"hello\0\0\0"));
    /// assert_eq!(mail.copy_to(&mut buffer[..4]), 4, "no more fits");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn copy_to(&self, buffer: &mut [u8]) -> usize {
        let len = self.descriptor.len.min(buffer.len());
        self.peer.copy(&self.descriptor, 0, &mut buffer[..len]);
        len
    }

    /// Copies what begins at `offset` to the front of `buffer`, as much as there is and fits, and returns how many bytes that
    /// are.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"\x02\0\0\0ab")?;
    /// let mail = me.recv()?;
    /// let (mut head, mut body) = ([0; 4], [0; 16]);
    /// mail.read_at(0, &mut head);
    /// let count = mail.read_at(4, &mut body);
    /// assert_eq!((u32::from_le_bytes(head), &body[..count]), (2, &b"ab"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let offset = offset.min(self.descriptor.len);
        let len = (self.descriptor.len - offset).min(buffer.len());
        self.peer.copy(&self.descriptor, offset, &mut buffer[..len]);
        len
    }

    /// Its bytes, copied to new memory.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"hello")?;
    /// let mail = me.recv()?;
    /// assert_eq!(mail.to_vec(), b"hello");
    /// assert_eq!(mail.to_vec(), b"hello", "it can be read again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.descriptor.len];
        self.copy_to(&mut bytes);
        bytes
    }

    /// The value whose bytes it is, copied. [`SizeError`] if a `T` has another length.
    ///
    /// Send a value with [`SendTo::send_value`](crate::SendTo::send_value). The crate of [`Pod`] is re-exported as
    /// [`mailbox::bytemuck`](crate::bytemuck). Sender and receiver must mean the same type: nothing checks that.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SizeError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.to(0).send_value(&[7.5, -1.0])?;
    /// let mail = me.recv()?;
    /// assert_eq!(mail.value::<[f64; 2]>(), Ok([7.5, -1.0]));
    /// assert_eq!(mail.value::<f64>(), Err(SizeError { len: 16, size: 8 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn value<T: Pod>(&self) -> Result<T, SizeError> {
        if self.descriptor.len != size_of::<T>() {
            return Err(SizeError { len: self.descriptor.len, size: size_of::<T>() });
        }
        let mut value = T::zeroed();
        self.peer.copy(&self.descriptor, 0, bytemuck::bytes_of_mut(&mut value));
        Ok(value)
    }

    /// Its bytes in place.
    ///
    /// # Safety
    /// The caller trusts the sender, and all processes with access to the segment, not to write to this message before it is
    /// acknowledged. No endpoint does. A forked child must not use the slice: its parent may acknowledge the mail. The
    /// bytes of a message that was announced and taken in are this process' own, and trust nobody.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, &vec![7; 100_000])?;
    /// let mail = me.recv()?;
    /// // SAFETY: rank 1 is the same program, and nobody else has access to this region.
    /// let bytes = unsafe { mail.as_slice() };
    /// assert_eq!(bytes.iter().filter(|byte| **byte == 7).count(), 100_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(unsafe_code, reason = "the caller trusts the peer")]
    pub unsafe fn as_slice(&self) -> &[u8] {
        if self.descriptor.is_assembled() {
            let bytes: *const [u8] = &*self.peer.message(self.descriptor.seq);
            // SAFETY: nobody moves or changes the bytes of an assembled message until its mail, this one, is
            // dropped; only the table that refers to them changes.
            return unsafe { &*bytes };
        }
        // SAFETY: unacknowledged as long as `self` lives; the caller answers for the peers (I4).
        unsafe { memory::borrow(self.peer.words(&self.descriptor), self.descriptor.len) }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("from", &self.from())
            .field("seq", &self.seq())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
