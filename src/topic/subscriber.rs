//! What reads a topic's stream.

use super::news::{News, Position, Unread};
use super::payloads::Payloads;
use super::{Sample, Topic};
use crate::abi::{Registration, TopicKind};
use crate::endpoint::{Endpoint, Halves, Telling};
use crate::error::{ReadError, SubscriberError};
use crate::half::Member;
use crate::os;
use crate::rank::Source;
use crate::stream::{Found, StreamReader};
use crate::sync::Ordering::Relaxed;
use crate::wait::pace::TURNS;
use crate::wait::{Deadline, Operation};
use core::cell::OnceCell;
use core::fmt;
use std::time::Instant;

/// What a subscriber wants of a stream.
///
/// ```
/// # use mailbox::Policy;
/// let log = Policy::every().history(100);
/// let display = Policy::skip();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    every: bool,
    history: u64,
}

impl Policy {
    /// Every message. The publisher waits for this subscriber when the room is needed of a message that it has not read.
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Policy, PublishError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("log")?;
    /// let mut log = topic.subscriber(&other, Policy::every())?;
    /// let mut publisher = topic.publisher(&me)?;
    /// while publisher.publish_within(b"a line", Deadline::Now).is_ok() {}
    /// assert_eq!(publisher.publish_within(b"a line", Deadline::Now), Err(PublishError::Behind { rank: 1 }));
    /// assert_eq!(log.recv()?.missed(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn every() -> Self {
        Self { every: true, history: 0 }
    }

    /// The messages that are there when it reads. A subscriber that is slow misses the oldest, and is told how many:
    /// [`Sample::missed`]. The publisher does not wait for it.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("frames")?;
    /// let mut frames = topic.subscriber(&other, Policy::skip())?;
    /// let mut publisher = topic.publisher(&me)?;
    /// for number in 0..5000u32 {
    ///     publisher.publish_value(&number)?; // does not wait
    /// }
    /// let frame = frames.recv()?;
    /// assert!(frame.missed() > 0);
    /// assert_eq!(u64::from(frame.value::<u32>()?), frame.missed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn skip() -> Self {
        Self { every: false, history: 0 }
    }

    /// Begins with up to so many of the last messages that were published before, as many as are still there.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("prices")?;
    /// let mut publisher = topic.publisher(&me)?;
    /// for price in [17.2, 17.3, 17.4] {
    ///     publisher.publish_value(&price)?;
    /// }
    /// let mut prices = topic.subscriber(&other, Policy::every().history(2))?;
    /// assert_eq!(prices.try_recv()?.expect("it is there").value::<f64>()?, 17.3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn history(self, messages: u64) -> Self {
        Self { history: messages, ..self }
    }
}

/// Reads a topic's stream, in order: what [`Topic::subscriber`] returns.
///
/// It reads messages in place. Publishers may come and go, and no call ends for that: [`Topic::died_publishing`] says how to be told.
///
/// ```
/// # use mailbox::{Config, Policy, Region};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let topic = region.topic("position")?;
/// let mut subscriber = topic.subscriber(&me, Policy::skip())?;
/// # topic.publisher(&other)?.publish_value(&[1.5, 2.0])?;
/// while let Some(sample) = subscriber.recv_within(Duration::from_millis(10))? {
///     println!("{:?}, and {} were missed", sample.value::<[f64; 2]>()?, sample.missed());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Subscriber<'a> {
    me: &'a Endpoint,
    topic: Topic,
    reader: StreamReader,
    payloads: Payloads,
    every: bool,
    /// Its position, for those that watch it.
    watched: OnceCell<Position>,
    /// As long as events tell of it.
    telling: Option<Telling<'a>>,
}

impl<'a> Subscriber<'a> {
    pub(super) fn begin(me: &'a Endpoint, topic: Topic, policy: Policy) -> Result<Self, SubscriberError> {
        let stream = topic.region().segment.stream(topic.number());
        let (rank, epoch) = (me.rank(), me.epoch());
        let before = Registration::of(stream.readers[rank as usize].registration.load(Relaxed));
        if before.is_some_and(|before| before.epoch == epoch) {
            return Err(SubscriberError::Subscribed { rank });
        }
        let registration = Registration { epoch, is_awaited: policy.every };
        let reader = StreamReader::begin(stream, rank, registration, policy.history);
        // A publisher that runs sees from now on that this rank reads. Without this, publishers make fences.
        os::remote_fence();
        Ok(Self {
            me,
            topic,
            reader,
            payloads: Payloads::default(),
            every: policy.every,
            watched: OnceCell::new(),
            telling: None,
        })
    }

    /// The topic. [`Subscriber::wait`] has an example.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The number of the message that it reads next: how many were published before that. [`Subscriber::is_ready`] has an example.
    pub fn position(&self) -> u64 {
        self.reader.cursor()
    }

    /// The next message. Waits until there is one.
    ///
    /// Cost: two loads of lines that others write; more for those that are woken, or that the publisher waits for.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region, TopicError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("prices")?;
    /// let mut prices = topic.subscriber(&me, Policy::every())?;
    /// let publishing = std::thread::spawn({
    ///     let topic = topic.clone();
    ///     move || -> Result<(), TopicError> { Ok(topic.publisher(&other)?.publish(b"17.2")?) }
    /// });
    /// assert_eq!(prices.recv()?.to_vec(), b"17.2"); // waits for it
    /// # publishing.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv(&mut self) -> Result<Sample<'_, 'a>, ReadError> {
        let found = self.next(Deadline::Never)?.ok_or(ReadError::Busy)?;
        Ok(Sample::new(self, found))
    }

    /// The next message; `None` if none has come until `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("prices")?;
    /// # let mut publisher = topic.publisher(&me)?;
    /// let mut subscriber = topic.subscriber(&other, Policy::skip())?;
    /// assert!(subscriber.recv_within(Duration::from_millis(1))?.is_none(), "nothing is published");
    /// publisher.publish(b"3.50")?;
    /// assert_eq!(subscriber.recv_within(Duration::from_secs(1))?.expect("a price").to_vec(), b"3.50");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_within(
        &mut self,
        deadline: impl Into<Deadline>,
    ) -> Result<Option<Sample<'_, 'a>>, ReadError> {
        let found = self.next(deadline.into())?;
        Ok(found.map(|found| Sample::new(self, found)))
    }

    fn next(&mut self, deadline: Deadline) -> Result<Option<(Found, u64)>, ReadError> {
        while self.wait(deadline)? {
            let found = self.take()?;
            // What is there may be missed before it is read, again and again.
            if found.is_some() || deadline.has_passed(Instant::now) {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The next message, if there is one. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("prices")?;
    /// let mut prices = topic.subscriber(&other, Policy::every())?;
    /// assert!(prices.try_recv()?.is_none(), "nothing was published");
    /// topic.publisher(&me)?.publish(b"17.2")?;
    /// assert_eq!(prices.try_recv()?.expect("a price").to_vec(), b"17.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<Option<Sample<'_, 'a>>, ReadError> {
        let found = self.take()?;
        Ok(found.map(|found| Sample::new(self, found)))
    }

    /// Whether there is a message that was not read. Costs one load.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("prices")?;
    /// let mut prices = topic.subscriber(&other, Policy::every())?;
    /// assert!(!prices.is_ready());
    /// topic.publisher(&me)?.publish(b"17.2")?;
    /// assert!(prices.is_ready());
    /// assert_eq!(prices.recv()?.number(), 0);
    /// assert_eq!((prices.is_ready(), prices.position()), (false, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.reader.is_ready()
    }

    /// Waits until there is a message that was not read, at most until `deadline`. Whether there is one.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut prices = region.topic("prices")?.subscriber(&other, Policy::every())?;
    /// assert!(!prices.wait(Duration::from_millis(1))?, "nothing is published");
    /// prices.topic().publisher(&me)?.publish(b"17.2")?;
    /// assert!(prices.wait(Duration::from_secs(10))?);
    /// assert_eq!(prices.try_recv()?.expect("it is there").to_vec(), b"17.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&mut self, deadline: impl Into<Deadline>) -> Result<bool, ReadError> {
        if self.is_ready() {
            return Ok(true);
        }
        let member = self.me.member();
        let halves = self.me.both();
        let mut waiting = Waiting { topic: &self.topic, reader: &self.reader, halves, member };
        halves.drive(member, deadline.into(), &mut waiting)
    }

    /// Chooses whether [`Endpoint::next_event`] tells that there is a message which was not read. It does not until this is called,
    /// nor after the subscriber is dropped. So one loop serves mail, those who come and go, and topics.
    ///
    /// As long as there is such a message, [`Event::Published`](crate::Event::Published) is told again, in turn with all else: read
    /// one message or all, or call this with `false`. Until then no call waits, so none ends at its deadline or by an
    /// [`Interrupter`](crate::Interrupter). It is told, too, if reading that message would return an error.
    ///
    /// A message that a [`Sample`] holds in place was not read, and the sample borrows the subscriber. So call this with `false` before
    /// you take a sample that you keep while you ask for events.
    ///
    /// ```
    /// # use mailbox::{Config, Event, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut prices = region.topic("prices")?.subscriber(&me, Policy::every())?;
    /// prices.set_events(true);
    /// # prices.topic().publisher(&other)?.publish(b"17.2")?;
    /// # other.send(0, b"an order")?;
    /// # drop(other);
    /// # let mut read = 0;
    /// loop {
    ///     match me.next_event()? {
    ///         Event::Published { topic } if topic == prices.topic().number() => {
    ///             while let Some(price) = prices.try_recv()? {
    ///                 println!("{:?}", price.to_vec());
    /// #               read += 1;
    ///             }
    ///         }
    ///         Event::Mail(mail) => println!("rank {} says {:?}", mail.from(), mail.to_vec()),
    ///         Event::Alone => break,
    ///         _ => {}
    ///     }
    /// }
    /// # assert_eq!(read, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_events(&mut self, tells: bool) {
        if !tells {
            self.telling = None;
        } else if self.telling.is_none() {
            self.telling = Some(self.me.tell_of(self.topic.number(), Box::new(self.unread())));
        }
    }

    /// The next message, if there is one, with the memory that it needs.
    #[inline]
    fn take(&mut self) -> Result<Option<(Found, u64)>, ReadError> {
        self.me.member().check()?;
        let found = self.reader.take();
        self.note();
        let Some(found) = found.map_err(|_| ReadError::Busy)? else { return Ok(None) };
        match &found {
            // Nobody waits for a reader that may miss messages, unless it holds one.
            Found::Short(..) if self.every => self.tell(),
            Found::Short(..) => {}
            // The message is still the next one.
            Found::Placed(bytes) => self.payloads.complete(&self.topic, bytes)?,
        }
        Ok(Some((found, self.reader.take_missed())))
    }

    /// Tells those that watch it where it is.
    #[inline(always)]
    fn note(&self) {
        if let Some(watched) = self.watched.get() {
            watched.set(self.reader.cursor());
        }
    }

    /// What tells when there is a message that was not read.
    pub(crate) fn news(&self) -> News<'a> {
        News::new(self.me, self.unread())
    }

    fn unread(&self) -> Unread {
        let position = self.watched.get_or_init(|| Position::new(self.reader.cursor()));
        Unread::of_stream(self.topic.clone(), position.clone())
    }

    /// Done with a message in place.
    pub(super) fn release(&mut self) {
        if self.me.member().check().is_ok() {
            self.reader.release();
            self.note();
            self.tell();
        }
    }

    /// Wakes the publisher, if it waits for what was just done.
    #[inline(always)]
    fn tell(&self) {
        let member = self.me.member();
        if let Some(rank) = self.topic.writer() {
            let record = member.region.registry.rank(rank);
            if !member.mail_needs_no_ring(record) {
                member.fence_for_ring();
                if self.reader.is_waited_for() {
                    member.ring_mail(record);
                }
            }
        }
    }

    pub(super) fn reader(&self) -> &StreamReader {
        &self.reader
    }
}

impl Drop for Subscriber<'_> {
    fn drop(&mut self) {
        // Otherwise the line belongs to another life, or to a forked child's parent.
        if self.me.member().check().is_ok() {
            self.reader.end();
            self.tell();
        }
    }
}

impl fmt::Debug for Subscriber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("topic", &self.topic)
            .field("position", &self.position())
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// A wait for a message that was not read.
struct Waiting<'b> {
    topic: &'b Topic,
    reader: &'b StreamReader,
    halves: Halves<'b>,
    member: &'b Member,
}

impl Operation for Waiting<'_> {
    type Error = ReadError;

    fn look(&mut self, _: bool) -> Result<bool, ReadError> {
        Ok(self.reader.is_ready())
    }

    fn check(&mut self, query: bool) -> Result<bool, ReadError> {
        self.halves.check_place(query)?;
        self.topic.check_kind(TopicKind::Stream)?;
        Ok(self.reader.is_ready())
    }

    /// The publisher would have to wake each of its readers.
    fn turns(&self) -> u32 {
        if self.reader.has_company() { TURNS } else { 0 }
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(self.topic.writer().map_or(Source::Anyone, Source::Rank));
    }
}
