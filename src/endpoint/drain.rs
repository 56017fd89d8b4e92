//! Many received messages, acknowledged a few at a time.

use super::halves::Halves;
use super::message::Message;
use super::send_half::SendHalf;
use crate::error::RecvError;
use crate::half::Member;
use crate::receive::{Inbox, Incoming, Wanted};
use crate::ring::Descriptor;
use core::fmt;
use std::thread::panicking;

/// The messages that are there now, one after the other: the fastest way to receive many small ones.
///
/// [`Drain::for_each`] gives them all to a function. Each [`Drain::next`] is done with the message before it. Senders are
/// told of that after 16 messages at the latest, after each message that does not lie in a cell, and when the drain is
/// dropped or finds nothing. In a [`Batch`](crate::Batch) they are told with the batch. A call of this endpoint that waits
/// while a drain is open tells them first.
///
/// Messages come in the same order and in the same turns as by a receive. A drain gives whole messages that lie in the
/// mailbox. It ends before anything else: a [call](crate::Mail::is_call), a message whose sender waits for its acknowledgement,
/// and an announced message. So use it together with a receive, which gives any kind of message, and waits for it:
///
/// ```
/// # use mailbox::{Config, Region};
/// # let name = format!("doc-drain-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # for number in 1..=100u64 {
/// #     other.send(0, &number.to_ne_bytes())?;
/// # }
/// let mut sum = 0;
/// while sum < 5050 {
///     sum += me.recv()?.value::<u64>()?;
///     let mut drain = me.drain();
///     while let Some(message) = drain.next()? {
///         sum += message.value::<u64>()?;
///     }
/// }
/// assert_eq!(sum, 5050);
/// # drop((me, other));
/// # Region::remove_at(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// **In a panic** the message in hand is requeued, and counted by [`Message::redelivered`]. Those before it are acknowledged;
/// those behind it were not taken. If the process ends, the rank's next holder gets all messages again whose sender was not
/// told: up to 16 that this drain was done with. They are counted, too.
///
/// **Cost.** A message of up to 48 bytes costs its cache line and some 80 instructions, copying included, or 60 in
/// [`Drain::for_each`]. Every 16 messages cost a store to a line that the sender reads, and a system call if it sleeps for
/// want of room. A drain that finds nothing costs what [`try_recv`](crate::Endpoint::try_recv) does, but does not ask
/// whether a rank has ended.
#[must_use = "it does nothing until it is asked for a message"]
pub struct Drain<'a> {
    member: &'a Member,
    inbox: &'a Inbox,
    /// The other half, if the same thread has it.
    sender: Option<&'a SendHalf>,
    wanted: Wanted,
    /// The message in hand, or the first of its block.
    first: Option<(&'a Incoming, Descriptor)>,
    /// The number of the next one of that block, which may follow without further questions; that of the first if none may.
    next: u64,
    /// The envelope of the message in hand, if it is not the first.
    envelope: u64,
    /// Whether `next` is not up to date, because a row is given to a function.
    follows: bool,
}

impl<'a> Drain<'a> {
    pub(crate) fn new(
        (member, inbox): (&'a Member, &'a Inbox),
        sender: Option<&'a SendHalf>,
        wanted: Wanted,
    ) -> Self {
        member.begin_drain();
        Self { member, inbox, sender, wanted, first: None, next: 0, envelope: 0, follows: false }
    }

    /// The next message, or `None` if none is there now that a drain gives. It is done with the message before. Never waits.
    /// Takes in at most 2 MiB of an announced message.
    ///
    /// Errors as for [`RecvFrom::recv`](crate::RecvFrom::recv). Ends of ranks, and that mails are
    /// [held](RecvError::Held), are told by receives only.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"one")?;
    /// let question = other.to(0).start_call(b"2 + 2")?;
    /// let mut drain = me.drain();
    /// assert_eq!(drain.next()?.expect("a message").to_vec(), b"one");
    /// assert!(drain.next()?.is_none(), "a call is for `recv`");
    /// drop(drain);
    /// me.recv()?.reply(b"4")?;
    /// # assert_eq!(*question.wait()?, *b"4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    #[expect(clippy::should_implement_trait, reason = "what it gives must go before it is asked again")]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, RecvError> {
        if let Some((peer, _)) = self.first
            && let Some(descriptor) = peer.consumer.take_following(self.next, self.wanted.filter)
        {
            self.next = self.next.wrapping_add(1);
            self.envelope = descriptor.envelope_word();
            return Ok(Some(Message { peer, descriptor }));
        }
        Ok(self.go_on()?.map(|(peer, descriptor)| Message { peer, descriptor }))
    }

    /// Gives `handle` the messages that are there, one after the other: the same ones as [`Drain::next`] until it returns `None`,
    /// with fewer instructions. It is done with a message once `handle` returns, and in a panic of `handle` the message in hand is
    /// requeued. Errors as for [`Drain::next`]; what came before one was given.
    ///
    /// It never waits. But as long as senders keep up with `handle` there is a next message, and this does not return: a caller that must be
    /// able to stop uses [`Drain::next`]. `handle` may use the endpoint: send, receive, and wait.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.to(0).send_each((1..=100u64).map(u64::to_ne_bytes))?;
    /// let mut sum = 0;
    /// me.drain().for_each(|message| sum += message.value::<u64>().unwrap_or(0))?;
    /// assert_eq!(sum, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn for_each(mut self, mut handle: impl FnMut(&Message<'_>)) -> Result<(), RecvError> {
        while let Some((peer, descriptor)) = self.go_on()? {
            handle(&Message { peer, descriptor });
            if self.next != descriptor.seq {
                self.follow(peer, &mut handle);
            }
        }
        Ok(())
    }

    /// Gives `handle` the messages of this row of `peer`, whose first one is in hand, and of the next ones.
    #[inline(always)]
    fn follow(&mut self, peer: &'a Incoming, handle: &mut impl FnMut(&Message<'_>)) {
        let (member, filter, mut next) = (self.member, self.wanted.filter, self.next);
        self.follows = true;
        loop {
            // Found again for each row, so that nothing has to be kept for it while another one begins.
            let row = peer.consumer.row(filter);
            while let Some(descriptor) = row.take(next) {
                next = next.wrapping_add(1);
                handle(&Message { peer, descriptor });
            }
            if !peer.begin_next_row(member, next) {
                break;
            }
        }
        self.follows = false;
        self.next = next;
    }

    /// As `next`, at the end of a row.
    #[inline(never)]
    fn go_on(&mut self) -> Result<Option<(&'a Incoming, Descriptor)>, RecvError> {
        // It is still that sender's turn, if it has more.
        let following = match self.put_down() {
            Some(peer) => {
                let more = peer.consumer.take_new(self.member.limit, self.wanted.filter);
                more.map(|descriptor| (peer, descriptor))
            }
            None => self.inbox.next_in_turn(self.member, self.wanted),
        };
        self.first = match following {
            Some(following) => Some(following),
            None => self.look()?,
        };
        let Some((peer, descriptor)) = self.first else { return Ok(None) };
        // The number of what is taken is never that of the next one.
        self.next = descriptor.seq.wrapping_add(u64::from(peer.consumer.begins_row(&descriptor)));
        Ok(Some((peer, descriptor)))
    }

    /// As `go_on`, where what was started and announced goes on first.
    fn look(&self) -> Result<Option<(&'a Incoming, Descriptor)>, RecvError> {
        let Self { member, inbox, sender, wanted, .. } = *self;
        Halves { sending: sender.map(SendHalf::parts), receiving: Some((member, inbox)) }.tend();
        inbox.drain(member, wanted)
    }

    /// The message in hand, and whose it is.
    fn hand(&self) -> Option<(&'a Incoming, Descriptor)> {
        let (peer, first) = self.first?;
        // Of a row it is the oldest that is not acknowledged. Only a panic asks then, as the drain ends, so it may read its cell again.
        let (next, envelope) = if self.follows {
            let hand = peer.consumer.head();
            (hand.wrapping_add(1), peer.consumer.peek(hand).map_or(0, |hand| hand.envelope_word()))
        } else {
            (self.next, self.envelope)
        };
        let is_first = next.wrapping_sub(first.seq) <= 1;
        let later = || Descriptor::without_place(next.wrapping_sub(1), envelope);
        Some((peer, if is_first { first } else { later() }))
    }

    /// Done with the message in hand, and all before it; whose it was.
    fn put_down(&mut self) -> Option<&'a Incoming> {
        let (peer, descriptor) = self.hand()?;
        self.first = None;
        self.member.check().ok()?;
        // `begin_next_row` may have been done with it.
        if !peer.consumer.has_passed(descriptor.seq) {
            peer.finish_block(self.member, &descriptor);
        }
        Some(peer)
    }
}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        if panicking()
            && let Some((peer, descriptor)) = self.hand()
            && !descriptor.is_in_unwinding()
        {
            peer.requeue(&descriptor);
            self.first = None;
            if self.member.check().is_ok() && !self.member.is_in_batch() {
                peer.settle(self.member);
            }
        }
        self.put_down();
        self.member.end_drain();
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("source", &self.wanted.source).finish_non_exhaustive()
    }
}
