//! A member of a group.

use super::event::{Event, Lie};
use super::frame::{Frame, Kind};
use super::stream::{Behind, Found, Stream};
use super::told::Told;
use super::{CausalError, Clock, Group, Id};
use core::fmt;
use core::ops::Range;
use mailbox::{
    Deadline, Endpoint, PublishError, Publisher, PublisherError, Select, SelectError, Status,
    SubscriberError, TopicError,
};
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};

/// How long it is between two looks for members that have ended.
const LOOKS: Duration = Duration::from_millis(100);

/// How many messages are received between two looks at the clock, if messages are always there.
const BURST: u32 = 1024;

/// For how long a new member waits until there is room for its first message.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a broadcast waits for room before it looks what has come.
const PAUSE: Duration = Duration::from_millis(1);

/// It is waited for so long until the kernel says that a reader is dead.
const ASKED: Duration = Duration::from_millis(300);

/// A member of a group: a rank that broadcasts to all others, and receives what they broadcast, causes before effects.
///
/// It borrows its endpoint, which can be used for other things, too. It is used by one thread. Dropping it tells the others that it has
/// left, unless the thread panics.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::causal::{Event, Group, Member};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// const TALK: Group = Group::new("talk", 0..3);
/// let mut member = Member::join(&me, &TALK)?;
/// # let mut second = Member::join(&other, &TALK)?;
/// let asked = member.broadcast(b"who has the key?")?;
/// # while !matches!(second.next_event()?, Event::Message(_)) {}
/// # second.broadcast(b"I have")?;
/// loop {
///     match member.next_event()? {
///         Event::Message(message) => {
///             // Each one that has received this has received the question before.
///             assert!(message.is_after(asked));
///             # assert_eq!(message.bytes(), b"I have");
///             # break;
///         }
///         Event::Died { rank, .. } => println!("rank {rank} is dead, and has said no more"),
///         Event::Lied { id, lie, .. } => eprintln!("{id} is left out: {lie}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Member<'a> {
    me: &'a Endpoint,
    ranks: Range<u32>,
    publisher: Publisher<'a>,
    /// Of all other ranks, in order.
    streams: Vec<Stream<'a>>,
    news: Select<'a>,
    /// What the program was told, and has sent.
    clock: Clock,
    told: Told,
    /// The stream that is looked at first.
    turn: usize,
    looked: Instant,
    /// How many more events are received before the next look at the time.
    burst: u32,
    buffer: Vec<u8>,
    /// Whether it has said that it has joined.
    is_in: bool,
}

impl<'a> Member<'a> {
    /// Becomes a member. From now on the member receives what others broadcast. Those that are there are told at once.
    ///
    /// [`CausalError::Taken`] if this endpoint is this member already. Takes a topic of the region for each rank of the group
    /// ([`Config::topics`](mailbox::Config::topics)). Waits for room for its first message, if the rank was a member before, and others
    /// are a whole stream behind: for 10 s, then [`CausalError::Behind`].
    ///
    /// Cost: some system calls for each rank of the group.
    pub fn join(me: &'a Endpoint, group: &Group) -> Result<Self, CausalError> {
        Self::join_within(me, group, PATIENCE)
    }

    /// The same, and waits no longer than `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::causal::{Group, Member};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).topics(2))?;
    /// # let me = region.join(0)?;
    /// const TALK: Group = Group::new("talk", 0..2);
    /// let member = Member::join_within(&me, &TALK, Duration::from_secs(10))?;
    /// # drop(member);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_within(
        me: &'a Endpoint,
        group: &Group,
        deadline: impl Into<Deadline>,
    ) -> Result<Self, CausalError> {
        let (ranks, own) = (group.ranks(me.region()), me.rank());
        if !ranks.contains(&own) {
            return Err(CausalError::NoMember { rank: own, ranks });
        }
        let failed = |rank: u32| {
            let topic = group.topic(rank);
            move |error: TopicError| match error {
                TopicError::Publisher(PublisherError::Taken { rank }) => CausalError::Taken { topic, rank },
                error => CausalError::Topic { topic, error },
            }
        };
        let topic = me.region().topic(&group.topic(own)).map_err(|error| failed(own)(error.into()))?;
        if let Some(rank) = topic.published_by() {
            return Err(CausalError::Taken { topic: topic.name(), rank });
        }
        let (mut streams, mut news, mut told) = (vec![], Select::new(), Told::default());
        for rank in ranks.clone().filter(|rank| *rank != own) {
            let tell = &mut |id, event| told.push(id, event);
            let stream = match Stream::begin(me, ranks.clone(), rank, &group.topic(rank), tell) {
                // A topic stays what it is. So nobody is ever a member there, and this one does without.
                Err(TopicError::Subscriber(SubscriberError::OtherKind { .. })) => {
                    let epoch = me.region().status(rank).map_or(0, |(_, epoch)| epoch);
                    tell(None, Event::Lied { id: Id { rank, number: 0 }, epoch, lie: Lie::NoStream });
                    continue;
                }
                stream => stream.map_err(failed(rank))?,
            };
            news.subscriber(stream.subscriber());
            streams.push(stream);
        }
        // Not before: others that are told that it is here may rely on it that it is told everything.
        let publisher = topic.publisher(me).map_err(|error| failed(own)(error.into()))?;
        let mut clock = Clock::new(ranks.clone());
        streams.iter().for_each(|stream| clock.set(stream.rank(), stream.taken()));
        let looked = Instant::now();
        let mut member = Self {
            me,
            ranks,
            publisher,
            streams,
            news,
            clock,
            told,
            looked,
            turn: 0,
            burst: BURST,
            buffer: vec![],
            is_in: false,
        };
        member.say(Kind::Hello, &[], deadline.into())?;
        Ok(member)
    }

    /// Its rank.
    pub fn rank(&self) -> u32 {
        self.me.rank()
    }

    /// What it knows: all messages that it has sent, or was told of. A new member starts with the messages that were sent before.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The most bytes of a message.
    pub fn limit(&self) -> usize {
        self.publisher.capacity().saturating_sub(Frame::overhead(self.ranks.len()))
    }

    /// Sends a message to all other members. It is after all that this member was told before. Waits while another member is a whole
    /// stream behind: 768 to 1024 messages, or fewer if they fill [`Config::stream`](mailbox::Config::stream).
    ///
    /// Meanwhile it receives what others send, so that two members that broadcast do not wait for each other. After 1024 messages, or
    /// 16 MiB, it is [`CausalError::Crowded`]: the program takes them with [`Member::next_event`], and tries again.
    ///
    /// Cost: one message of a stream, however many members there are: 16 bytes, 8 for each rank of the group, and `bytes`.
    pub fn broadcast(&mut self, bytes: &[u8]) -> Result<Id, CausalError> {
        self.say(Kind::Message, bytes, Deadline::Never)
    }

    /// The same, and waits no longer than `deadline`: then [`CausalError::Behind`], and nothing was sent.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::causal::{Group, Member};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).topics(2))?;
    /// # let me = region.join(0)?;
    /// const TALK: Group = Group::new("talk", 0..2);
    /// let mut member = Member::join_within(&me, &TALK, Duration::from_secs(10))?;
    /// let id = member.broadcast_within(b"hello", Duration::from_millis(10))?;
    /// assert_eq!((id.rank, id.number), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn broadcast_within(
        &mut self,
        bytes: &[u8],
        deadline: impl Into<Deadline>,
    ) -> Result<Id, CausalError> {
        self.say(Kind::Message, bytes, deadline.into())
    }

    fn say(&mut self, kind: Kind, bytes: &[u8], deadline: Deadline) -> Result<Id, CausalError> {
        let (rank, epoch) = (self.me.rank(), self.me.epoch());
        let limit = self.limit();
        if bytes.len() > limit {
            return Err(CausalError::TooLong { len: bytes.len(), limit });
        }
        let number = self.publisher.published();
        self.clock.set(rank, number);
        Frame::write(kind, (rank, epoch), &self.clock, bytes, &mut self.buffer);
        let mut pause = Deadline::Now;
        loop {
            match self.publisher.publish_within(&self.buffer, pause) {
                Ok(()) => break,
                Err(PublishError::Behind { .. }) if self.make_way()? => pause = Deadline::Now,
                // Nobody else reads what this rank reads of its own stream.
                Err(PublishError::Behind { rank: behind })
                    if behind == rank || deadline.has_passed(Instant::now) =>
                {
                    return Err(CausalError::Behind { rank: behind });
                }
                Err(PublishError::Behind { rank }) if kind == Kind::Message && self.told.is_full() => {
                    return Err(CausalError::Crowded { rank, unread: self.told.len() });
                }
                Err(PublishError::Behind { rank }) => {
                    let lives = matches!(self.me.region().status(rank), Some((Status::Live, _)));
                    let until = Instant::now() + if lives { PAUSE } else { ASKED };
                    pause =
                        Deadline::At(if let Deadline::At(time) = deadline { time.min(until) } else { until });
                }
                Err(error) => {
                    return Err(CausalError::Topic {
                        topic: self.publisher.topic().name(),
                        error: error.into(),
                    });
                }
            }
        }
        self.clock.set(rank, number.saturating_add(1));
        self.is_in = kind != Kind::Bye;
        Ok(Id { rank, number })
    }

    /// Receives what has come, for others may wait for that. Whether something had come.
    fn make_way(&mut self) -> Result<bool, CausalError> {
        let before = self.told.len();
        while !self.told.is_full() && self.receive()? {}
        Ok(self.told.len() > before)
    }

    /// What comes next. Waits until there is something. [`SelectError::Empty`] where no other rank can be a member, and nothing ever comes.
    pub fn next_event(&mut self) -> Result<Event, CausalError> {
        loop {
            if let Some(event) = self.next_event_within(Deadline::Never)? {
                return Ok(event);
            }
        }
    }

    /// What comes next; `None` if nothing has come before `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::causal::{Group, Member};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).topics(2))?;
    /// # let me = region.join(0)?;
    /// const TALK: Group = Group::new("talk", 0..2);
    /// let mut member = Member::join_within(&me, &TALK, Duration::from_secs(10))?;
    /// assert!(member.next_event_within(Duration::from_millis(1))?.is_none(), "nobody else is there");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event_within(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Event>, CausalError> {
        let deadline = deadline.into();
        loop {
            let event = self.try_next_event()?;
            if event.is_some() || deadline.has_passed(Instant::now) {
                return Ok(event);
            }
            let until = Instant::now() + LOOKS;
            let until = if let Deadline::At(time) = deadline { time.min(until) } else { until };
            match self.news.wait(until) {
                // No other rank can be a member.
                Err(SelectError::Empty) if deadline != Deadline::Never => {
                    sleep(until.saturating_duration_since(Instant::now()));
                }
                Err(error) if !error.is_timeout() => return Err(error.into()),
                _ => {}
            }
        }
    }

    /// What has come, if something has. Never waits.
    ///
    /// Cost: that of a message of a stream, and a look at each other stream. Ends of members are looked for ten times a second at most.
    #[inline]
    pub fn try_next_event(&mut self) -> Result<Option<Event>, CausalError> {
        self.burst = self.burst.saturating_sub(1);
        let has_come = !self.told.is_empty() || self.receive()?;
        if !has_come || self.burst == 0 {
            self.look_for_ends();
        }
        let Some((id, event)) = self.told.pop() else { return Ok(None) };
        if let Some(id) = id {
            self.clock.set(id.rank, id.number.saturating_add(1));
        }
        Ok(Some(event))
    }

    #[cold]
    fn look_for_ends(&mut self) {
        self.burst = BURST;
        if self.looked.elapsed() < LOOKS {
            return;
        }
        let told = &mut self.told;
        self.streams.iter_mut().for_each(|stream| stream.look_for_end(&mut |id, event| told.push(id, event)));
        self.looked = Instant::now();
    }

    /// Takes the next message that all causes of were taken, or leaves out a member that has lied. Whether something is to be told.
    fn receive(&mut self) -> Result<bool, CausalError> {
        let before = self.told.len();
        // Each turn but the last reads one more head.
        for _ in 0..=self.streams.len() {
            for at in 0..self.streams.len() {
                self.look(at)?;
            }
            if let Some(at) = self.find_free() {
                let told = &mut self.told;
                self.streams[at].take(&mut |id, event| told.push(id, event));
                self.turn = at + 1;
                break;
            }
            if self.told.len() > before || !self.find_cause()? {
                break;
            }
        }
        Ok(self.told.len() > before)
    }

    fn look(&mut self, at: usize) -> Result<Found, CausalError> {
        let (stream, told) = (&mut self.streams[at], &mut self.told);
        let found = stream.look(self.publisher.published(), &mut |id, event| told.push(id, event));
        found.map_err(|error| failed(stream, error))
    }

    /// A stream, in turn, whose head has no cause that was not taken.
    fn find_free(&self) -> Option<usize> {
        let count = self.streams.len();
        let mut in_turn = (0..count).map(|at| (self.turn + at) % count);
        in_turn.find(|at| self.streams[*at].head().is_some() && self.find_blocker(*at).is_none())
    }

    /// A stream that must be read first, and how far, before the head of this one is taken.
    fn find_blocker(&self, at: usize) -> Option<(usize, u64)> {
        let clock = &self.streams[at].head()?.frame.clock;
        let mut others = self.streams.iter().enumerate();
        let blocker = others.find(|(_, stream)| {
            stream.rank() != self.streams[at].rank() && clock.of(stream.rank()) > stream.taken()
        });
        blocker.map(|(blocker, stream)| (blocker, clock.of(stream.rank())))
    }

    /// Each head waits for another stream. Looks in that, and so on, until it finds a message that was read too late, or a lie. Whether
    /// that is so.
    fn find_cause(&mut self) -> Result<bool, CausalError> {
        let Some(mut at) = self.streams.iter().position(|stream| stream.head().is_some()) else {
            return Ok(false);
        };
        let mut path = vec![];
        while let Some((next, says)) = self.find_blocker(at) {
            if let Some(first) = path.iter().position(|before| *before == at) {
                self.break_circle(&path[first..])?;
                return Ok(true);
            }
            path.push(at);
            if self.streams[next].head().is_none() {
                // What a message knows was there before it. So it is there now.
                let found = self.look(next)?;
                if found == Found::Nothing {
                    let (of, sent) = (self.streams[next].rank(), self.streams[next].taken());
                    self.exclude(at, Lie::Ahead { of, says, sent });
                }
                return Ok(found != Found::More);
            }
            at = next;
        }
        Ok(true)
    }

    /// Heads that wait for each other: each must have been there before the one that waits for it. Leaves out those that have lied.
    ///
    /// A member that has received a message has found that this one waits only for what was there. So it was there before that one, and
    /// so on around the circle, which cannot be. Where a member may know what comes behind a message, but has not received this one, the
    /// argument has a gap: it has joined since, or it has left that message out, and others have joined with that rank since.
    fn break_circle(&mut self, circle: &[usize]) -> Result<(), CausalError> {
        let (mut again, mut new) = (vec![], vec![]);
        for (place, at) in circle.iter().enumerate() {
            let before = circle[(place + circle.len() - 1) % circle.len()];
            let Some(head) = self.streams[before].head() else { continue };
            let is_new = head.frame.kind == Kind::Hello;
            let of = self.streams[*at].rank();
            let says = head.frame.clock.of(of);
            let stream = &mut self.streams[*at];
            match stream.look_behind(says).map_err(|error| failed(stream, error))? {
                Behind::Less { sent } => {
                    self.exclude(before, Lie::Ahead { of, says, sent });
                    return Ok(());
                }
                Behind::Joining => again.push(place),
                Behind::Nothing if is_new => new.push(place),
                Behind::Nothing => {}
            }
        }
        // Those that join again behind the message come back there.
        let suspects = [again, new, (0..circle.len()).collect()].into_iter().find(|some| !some.is_empty());
        for place in suspects.into_iter().flatten() {
            let with = self.streams[circle[(place + 1) % circle.len()]].rank();
            self.exclude(circle[place], Lie::Circle { with });
        }
        Ok(())
    }

    fn exclude(&mut self, at: usize, lie: Lie) {
        let told = &mut self.told;
        self.streams[at].exclude_head(lie, &mut |id, event| told.push(id, event));
    }
}

fn failed(stream: &Stream<'_>, error: impl Into<TopicError>) -> CausalError {
    CausalError::Topic { topic: stream.subscriber().topic().name(), error: error.into() }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if self.is_in && !panicking() {
            // Without room it is seen a little later.
            _ = self.say(Kind::Bye, &[], Deadline::Now);
        }
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("rank", &self.me.rank())
            .field("ranks", &self.ranks)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
