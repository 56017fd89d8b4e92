//! A look at the next message.

use super::{Mail, RecvFrom};
use crate::abi::epoch_of;
use crate::error::RecvError;
use crate::receive::Incoming;
use crate::ring::Descriptor;

/// What is known of a message that was not taken: what [`RecvFrom::peek`] returns.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let (me, one, two) = (region.join(0)?, region.join(1)?, region.join(2)?);
/// # one.to(0).tag(5).send(b"later")?;
/// # two.to(0).tag(2).send(b"soon")?;
/// // Of the next message of each sender the one with the lowest tag.
/// let next = [me.from(1).peek()?, me.from(2).peek()?];
/// let first = next.into_iter().flatten().min_by_key(|envelope| envelope.tag).expect("mail");
/// let mail = me.from_any().recv_peeked(&first)?.expect("nobody else receives");
/// assert_eq!((mail.from(), mail.to_vec()), (2, b"soon".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Envelope {
    /// Who sent it.
    pub from: u32,
    /// Its tag; 0 for a call. As [`Message::tag`](crate::Message::tag).
    pub tag: u32,
    /// Its length in bytes; where it is an [announcement](crate::Mail::announced), that of the message that it announces.
    pub len: u64,
    /// Its number. As [`Message::seq`](crate::Message::seq).
    pub seq: u64,
    /// The sender's epoch when it was sent. As [`Message::epoch`](crate::Message::epoch).
    pub epoch: u64,
    /// Whether it is a [call](crate::Mail::is_call).
    pub is_call: bool,
}

impl Envelope {
    /// That of a message that is in this mailbox.
    pub(crate) fn of(peer: &Incoming, next: &Descriptor) -> Self {
        let len = if next.is_announcement() { peer.announced(next) } else { next.len as u64 };
        let epoch = epoch_of(next.envelope().epoch, peer.life().epoch());
        Self { from: peer.from, tag: next.tag(), len, seq: next.seq, epoch, is_call: next.is_call() }
    }
}

impl<'a> RecvFrom<'a> {
    /// The envelope of the next message, or `None` if none is there now. The message stays where it is, and the next receive
    /// from the same source takes it; that does not count as [redelivered](crate::Message::redelivered).
    ///
    /// Never waits. It takes in at most 2 MiB of an announced message, as [`RecvFrom::try_recv`] does. Errors as for
    /// [`RecvFrom::recv`]; but it tells no ends, and not that mails are [held](RecvError::Held).
    ///
    /// Cost: that of a receive, and some more for the next one.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"hello")?;
    /// let next = me.from_any().peek()?.expect("a message is there");
    /// assert_eq!((next.from, next.len), (1, 5));
    /// assert_eq!(me.recv()?.to_vec(), b"hello");
    /// assert_eq!(me.from(1).peek()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek(self) -> Result<Option<Envelope>, RecvError> {
        let (member, inbox) = self.receiver.parts();
        self.receiver.halves(self.sender).tend();
        let next = inbox.peek(member, self.wanted)?;
        Ok(next.map(|(peer, next)| Envelope::of(peer, &next)))
    }

    /// Exactly the message that [`RecvFrom::peek`] has shown, or `None` if it was received since, by this thread or another half's.
    /// What the builder says of rank, tag and deadline does not count. Never waits. Other errors as for [`RecvFrom::recv`].
    ///
    /// So a program can look at messages, choose one by its length or sender, and receive that one. (A [`Mail`] that was received
    /// is its holder's alone, too, and says its length before any byte of it is copied.)
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, other) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// # one.send(0, b"first")?;
    /// # other.send(0, b"second")?;
    /// let seen = me.from(2).peek()?.expect("a message is there");
    /// let mail = me.from_any().recv_peeked(&seen)?.expect("nobody has received it");
    /// assert_eq!(mail.to_vec(), b"second");
    /// drop(mail);
    /// assert!(me.from_any().recv_peeked(&seen)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_peeked(self, envelope: &Envelope) -> Result<Option<Mail<'a>>, RecvError> {
        let (member, inbox) = self.receiver.parts();
        let found = inbox.take_peeked(member, envelope.from, envelope.seq)?;
        Ok(found.map(|(peer, mail)| Mail::new(member, peer, mail, self.sender, inbox)))
    }
}
