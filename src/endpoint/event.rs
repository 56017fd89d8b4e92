//! What happens to an endpoint: mail, and who comes and goes.

use super::subjects::NextOfAll;
use super::{Endpoint, Mail, RecvHalf, SendHalf};
use crate::error::RecvError;
use crate::receive::{Ended, News, Next};
use crate::wait::Deadline;

/// The next thing that a receiver is told: what [`Endpoint::next_event`] and [`Shared::next_event`](crate::Shared::next_event)
/// return.
///
/// Of each other rank, joinings and ends take turns. A joining comes before the first mail of that life, and an end after
/// its last mail. So between its `Joined` and its `Left` or `Died` a rank is there, and it sends at no other time. A message
/// that was requeued after its sender's end, by [`Mail::requeue`] or by a panic, is the exception.
///
/// Lives of one rank that come and go between two looks are merged. At most two events are to be told of a rank at any
/// time, and an event of a merged life has the epoch of the latest.
///
/// ```
/// # use mailbox::{Config, Event, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, worker) = (region.join(0)?, region.join(1)?);
/// # worker.abandon();
/// // Who is there, and in which of its lives.
/// let mut present = std::collections::BTreeMap::new();
/// # let mut dead = vec![];
/// loop {
///     match me.next_event()? {
///         Event::Mail(mail) => println!("{} bytes of {:?}", mail.len(), present.get(&mail.from())),
///         Event::Joined { rank, epoch } => _ = present.insert(rank, epoch),
///         Event::Left { rank, .. } => _ = present.remove(&rank),
///         Event::Died { rank, .. } => {
///             present.remove(&rank);
///             println!("another process is to do what rank {rank} did");
/// #             dead.push(rank);
///         }
///         Event::Alone => break,
///         _ => {}
///     }
/// }
/// assert!(present.is_empty());
/// # assert_eq!(dead, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<M> {
    /// A message: a [`Mail`], or an [`OwnedMail`](crate::OwnedMail).
    Mail(M),
    /// A process has joined as this rank. Those that were there before this endpoint are told, too, and those that had
    /// ended and left mail for it.
    Joined {
        /// The rank.
        rank: u32,
        /// How often it was joined, this time included.
        epoch: u64,
    },
    /// The holder of this rank has left, and all of its mail was received.
    Left {
        /// The rank.
        rank: u32,
        /// The epoch of the life that ended.
        epoch: u64,
    },
    /// The holder of this rank has died, and all of its mail was received.
    Died {
        /// The rank.
        rank: u32,
        /// The epoch of the life that ended.
        epoch: u64,
    },
    /// The last other rank that was there has ended. It is told once each time, and never before somebody has joined.
    /// What topics have may not all have been read: read what is there before you stop.
    Alone,
    /// A topic has something that a reader of this endpoint has not read, or reading it would return an error, such as
    /// [`ReadError::NoSpace`](crate::ReadError::NoSpace). The reader has asked to be told of that:
    /// [`Subscriber::set_events`](crate::Subscriber::set_events), [`Latest::set_events`](crate::Latest::set_events). It is told again
    /// as long as that is so. [`Event::Alone`] may be told before the last of it was read. Only an [`Endpoint`] tells it: no reader
    /// of a topic has a half, or a [`Shared`](crate::Shared).
    Published {
        /// Which one: [`Topic::number`](crate::Topic::number).
        topic: u32,
    },
}

impl<M> From<News> for Event<M> {
    fn from(news: News) -> Self {
        match news {
            News::Joined { rank, epoch } => Event::Joined { rank, epoch },
            News::Ended(Ended { rank, epoch, died: false }) => Event::Left { rank, epoch },
            News::Ended(Ended { rank, epoch, died: true }) => Event::Died { rank, epoch },
            News::Alone => Event::Alone,
        }
    }
}

impl Endpoint {
    /// The next mail from anyone, or who has joined, left or died; waits until there is something to tell.
    ///
    /// An end is an [`Event`] here and no error. What a receive has told is not told again, and the other way round; a
    /// receive tells no joinings. Errors are those of a receive from anyone ([`RecvFrom::recv`](crate::RecvFrom::recv)) but
    /// [`RecvError::Gone`].
    ///
    /// What topics publish is told, if their readers ask for that: [`Event::Published`]. Then they and all else take turns, so that
    /// neither keeps the other from being told. An end may be told before the last of what that rank had published: it is there to
    /// be read then.
    ///
    /// Two things are no events. If another rank gives up what was sent to it, the next message to that rank returns
    /// [`Broken::Reset`](crate::Broken::Reset). That a rank begins or ends to publish a topic is no event either: ask the topic when
    /// a rank has joined or ended ([`Topic::published_by`](crate::Topic::published_by),
    /// [`Topic::died_publishing`](crate::Topic::died_publishing)).
    ///
    /// A leave wakes an endpoint that sleeps here. Nobody rings for a joining: an endpoint that sleeps is told of one within
    /// 75 ms, or at the first mail of the new rank. [`Select`](crate::Select) has no arm for a joining or
    /// [`Event::Alone`]. Deaths are told as by a [`RecvHalf`].
    ///
    /// Cost: that of a receive, and a load of the sender's life for each mail. A look at the lives of all ranks where one
    /// has changed. 8 bytes of private memory a rank, from the first event on. A look at each topic that is told.
    ///
    /// ```
    /// # use mailbox::{Config, Event, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// # let worker = region.join(1)?;
    /// # worker.send(0, b"done")?;
    /// # drop(worker);
    /// loop {
    ///     match me.next_event()? {
    ///         Event::Joined { rank, .. } => me.send(rank, b"a job")?,
    ///         Event::Mail(mail) => println!("rank {} says {:?}", mail.from(), mail.to_vec()),
    ///         Event::Left { rank, .. } => println!("rank {rank} has left"),
    ///         Event::Died { rank, .. } => println!("rank {rank} has died, and somebody must do its job"),
    ///         Event::Alone => break,
    ///         _ => {}
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event(&self) -> Result<Event<Mail<'_>>, RecvError> {
        self.event(Deadline::Never)
    }

    /// As [`Endpoint::next_event`]; waits no longer than until `deadline`, then [`RecvError::Timeout`]. With
    /// [`Deadline::Now`] it never waits.
    ///
    /// However short the time is, it looks at the lives of all ranks and asks the kernel about up to eight before it gives up,
    /// each time about the next ones: so a joining or a death that nobody else has seen is told. What is no event, such as a part of
    /// an announced message, may take its time. With [`Deadline::Now`] only each 64th call that finds nothing asks; in a region of
    /// more than 64 ranks only one a second does.
    ///
    /// ```
    /// # use mailbox::{Config, Event, RecvError, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"beat")?;
    /// loop {
    ///     match me.next_event_within(Duration::from_millis(20)) {
    ///         Ok(Event::Mail(mail)) => println!("{} bytes", mail.len()),
    ///         Ok(event) => println!("{event:?}"),
    ///         Err(RecvError::Timeout) => break, // nothing has happened for 20 ms
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event_within(&self, deadline: impl Into<Deadline>) -> Result<Event<Mail<'_>>, RecvError> {
        self.event(deadline.into())
    }

    #[inline]
    fn event(&self, deadline: Deadline) -> Result<Event<Mail<'_>>, RecvError> {
        if self.subjects.is_any() {
            return self.event_of_all(deadline);
        }
        self.receiver.event(deadline, Some(&self.sender))
    }

    /// The next event, which may be that a topic has something.
    #[inline(never)]
    fn event_of_all(&self, deadline: Deadline) -> Result<Event<Mail<'_>>, RecvError> {
        let Self { sender, receiver, subjects } = self;
        let (member, inbox) = receiver.parts();
        member.check()?;
        if let Some(topic) = subjects.tell_in_turn() {
            return Ok(Event::Published { topic });
        }
        if let Some((peer, mail)) = inbox.next_mail(member, Deadline::Now) {
            subjects.note(None);
            return Ok(Event::Mail(Mail::new(member, peer, mail, Some(sender), inbox)));
        }
        let halves = self.both();
        let mut all = NextOfAll::new(Next::new(inbox, member), halves, member, subjects);
        let outcome = halves.drive(member, deadline, &mut all);
        let topic = all.end_turn();
        outcome?;
        match topic {
            Some(topic) => Ok(Event::Published { topic }),
            None => receiver.found(&all.next, Some(sender)),
        }
    }
}

impl RecvHalf {
    /// The next event. As [`Endpoint::next_event`], without topics: their readers borrow an endpoint.
    ///
    /// ```
    /// # use mailbox::{Config, Event, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (_send_half, recv_half) = me.into_split();
    /// drop(other);
    /// assert!(matches!(recv_half.next_event()?, Event::Joined { rank: 1, .. }));
    /// assert!(matches!(recv_half.next_event()?, Event::Left { rank: 1, .. }));
    /// assert!(matches!(recv_half.next_event()?, Event::Alone));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event(&self) -> Result<Event<Mail<'_>>, RecvError> {
        self.event(Deadline::Never, None)
    }

    /// The next event; waits no longer than until `deadline`. As [`Endpoint::next_event_within`].
    ///
    /// ```
    /// # use mailbox::{Config, Event, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (_send, recv) = region.join(0)?.into_split();
    /// # let _other = region.join(1)?;
    /// assert!(matches!(recv.next_event_within(Duration::from_secs(1))?, Event::Joined { rank: 1, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event_within(&self, deadline: impl Into<Deadline>) -> Result<Event<Mail<'_>>, RecvError> {
        self.event(deadline.into(), None)
    }

    /// `sender`: the other half, if the same thread has it.
    #[inline]
    pub(super) fn event<'a>(
        &'a self,
        deadline: Deadline,
        sender: Option<&'a SendHalf>,
    ) -> Result<Event<Mail<'a>>, RecvError> {
        let (member, inbox) = self.parts();
        match inbox.next_mail(member, deadline) {
            Some((peer, mail)) => Ok(Event::Mail(Mail::new(member, peer, mail, sender, inbox))),
            None => self.wait_for_event(deadline, sender),
        }
    }

    /// As `event`, where there is more to do than to take a new message.
    #[inline(never)]
    fn wait_for_event<'a>(
        &'a self,
        deadline: Deadline,
        sender: Option<&'a SendHalf>,
    ) -> Result<Event<Mail<'a>>, RecvError> {
        let (member, inbox) = self.parts();
        member.check()?;
        let mut next = Next::new(inbox, member);
        self.halves(sender).drive(member, deadline, &mut next)?;
        self.found(&next, sender)
    }

    /// What was found.
    fn found<'a>(
        &'a self,
        next: &Next<'a>,
        sender: Option<&'a SendHalf>,
    ) -> Result<Event<Mail<'a>>, RecvError> {
        let (member, inbox) = self.parts();
        match (next.news, next.mail()) {
            (Some(news), _) => Ok(news.into()),
            (None, Some((peer, mail))) => Ok(Event::Mail(Mail::new(member, peer, mail, sender, inbox))),
            (None, None) => Err(RecvError::Timeout),
        }
    }
}
