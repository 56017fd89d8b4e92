//! Topics by their names.

use crate::abi::{ARENA_ALIGN, OPENED_WORDS, TOPIC_NAME, TopicEntry, TopicKind, TopicLines};
use crate::endpoint::Endpoint;
use crate::error::{FindTopicError, Lost, NoMemory, OtherKind, PublisherError, SubscriberError};
use crate::half::Member;
use crate::memory::Shared;
use crate::os::{self, Lock};
use crate::rank::Status;
use crate::region::Region;
use crate::stream::StreamWriter;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{AtomicU64, fence};
use crate::value::{ValueReader, ValueWriter};
use crate::wait::pace::TOPIC_PATIENCE;
use core::fmt;
use std::io;

use super::{Latest, LatestPublisher, Policy, Publisher, Subscriber};

/// How often one looks who is registered while that changes.
const LOOKS: u32 = 64;

/// The error of a call that could not take memory for topics.
pub(super) fn no_memory(error: &io::Error) -> NoMemory {
    if os::is_out_of_space(error) {
        return NoMemory::NoSpace;
    }
    NoMemory::Os(os::error_number(error))
}

/// A topic of a region, by its name: what one rank publishes, and any rank may read. [`Region::topic`] finds it.
///
/// It is published in one of two ways:
/// - As its *latest* value, the newest that was published as a whole. Readers that come late get it at once, and those that are slow
///   miss values.
/// - As a *stream* of messages: [`Topic::publisher`]. Each reader chooses whether the publisher waits for it, or it misses messages
///   if it is slow.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let topic = region.topic("position")?;
/// let mut publisher = topic.publish_latest(&me, 64)?;
/// publisher.publish_value(&[1.5, -2.0])?;
/// publisher.publish_value(&[1.6, -2.1])?;
///
/// let mut latest = region.topic("position")?.latest(&other)?;
/// assert_eq!(latest.value::<[f64; 2]>()?, Some([1.6, -2.1]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Topic {
    region: Region,
    lines: Shared<[TopicLines]>,
    index: u32,
}

impl Region {
    /// The topic of this name, which has 1 to 64 bytes. It is made if there is none, and stays until the region ends.
    /// [`FindTopicError::TooMany`] if there are as many as there can be ([`Config::topics`](crate::Config::topics)). No name is freed: a
    /// process may have a [`Topic`] of it, and begin to publish it, without the knowledge of others.
    ///
    /// Cost: a look at each topic, and a lock. Waits no longer than a second, then [`FindTopicError::Busy`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut publisher = region.topic("position")?.publish_latest(&me, 64)?;
    /// publisher.publish_value(&[1.5, -2.0])?;
    /// // Any other process finds it by its name.
    /// let mut latest = region.topic("position")?.latest(&other)?;
    /// assert_eq!(latest.value::<[f64; 2]>()?, Some([1.5, -2.0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn topic(&self, name: &str) -> Result<Topic, FindTopicError> {
        if name.is_empty() || name.len() > TOPIC_NAME || name.contains('\0') {
            return Err(FindTopicError::BadName { len: name.len() });
        }
        let lines = self.topic_lines()?;
        let _lock = self.lock_topics(FindTopicError::Busy)?;
        let is_this = |lines: &TopicLines| is_used(&lines.entry) && name_of(&lines.entry) == name.as_bytes();
        if let Some(index) = lines.iter().position(is_this) {
            return Ok(Topic { region: self.clone(), lines, index: index as u32 });
        }
        let topics = lines.len() as u32;
        let free = lines.iter().position(|lines| !is_used(&lines.entry));
        let index = free.ok_or(FindTopicError::TooMany { topics })?;
        let mut padded = [0; TOPIC_NAME];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        let entry = &lines[index].entry;
        for (word, bytes) in entry.name.iter().zip(padded.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        // Pairs with the load in `is_used`.
        entry.capacity.store(1, Release);
        Ok(Topic { region: self.clone(), lines, index: index as u32 })
    }

    /// The names of all topics, in the order in which they were made. As none goes away, each keeps its place. Cost: a look at each.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// for name in ["position", "speed", "position"] {
    ///     region.topic(name)?;
    /// }
    /// assert_eq!(region.topics()?, ["position", "speed"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn topics(&self) -> Result<Vec<String>, FindTopicError> {
        let lines = self.topic_lines()?;
        let used = lines.iter().filter(|lines| is_used(&lines.entry));
        Ok(used.map(|lines| String::from_utf8_lossy(&name_of(&lines.entry)).into_owned()).collect())
    }

    /// The lines of all topics, which have memory.
    fn topic_lines(&self) -> Result<Shared<[TopicLines]>, NoMemory> {
        self.segment.complete_topics().map_err(|error| no_memory(&error))?;
        Ok(self.segment.topics())
    }

    /// The lock of all topics; `busy` if others have it for long.
    fn lock_topics<E: From<NoMemory> + From<Lost>>(&self, busy: E) -> Result<Lock, E> {
        match self.lock_labels(TOPIC_PATIENCE).map_err(|error| no_memory(&error))? {
            Some(lock) => Ok(lock),
            None if !self.segment.is_bound() => Err(Lost::Removed.into()),
            None => Err(busy),
        }
    }
}

impl Topic {
    /// Its name. One that a program without this library has written is shown with U+FFFD where it is not UTF-8.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// assert_eq!(region.topic("prices")?.name(), "prices");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&name_of(self.entry())).into_owned()
    }

    /// Its number in the region: its place in [`Region::topics`]. It stays as long as the region, and is the same in all processes.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// let (position, speed) = (region.topic("position")?, region.topic("speed")?);
    /// assert_eq!((position.number(), speed.number()), (0, 1));
    /// assert_eq!(region.topics()?[speed.number() as usize], "speed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn number(&self) -> u32 {
        self.index
    }

    /// The rank that publishes it, if a live process does.
    ///
    /// Cost: a system call (0.2 to 5.4 µs).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// let topic = region.topic("prices")?;
    /// assert_eq!(topic.published_by(), None);
    /// let publisher = topic.publisher(&me)?;
    /// assert_eq!(topic.published_by(), Some(0));
    /// drop(publisher);
    /// assert_eq!(topic.published_by(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn published_by(&self) -> Option<u32> {
        self.registered().filter(|(_, lives)| *lives).map(|(rank, _)| rank)
    }

    /// The rank whose process died while it published the topic, if nobody has published since.
    ///
    /// Cost: a system call (0.2 to 5.4 µs).
    ///
    /// A reader that waits is not told that its publisher has ended or came back: another may follow at any time. The ends and
    /// joinings of ranks are events ([`Endpoint::next_event`]), which also tell that a topic has something
    /// ([`Subscriber::set_events`]). A [`Select`](crate::Select) waits for messages of topics and for those ends together, too. A reader
    /// then asks this.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, RecvError, Region, Select};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("prices")?;
    /// let mut prices = topic.subscriber(&me, Policy::every())?;
    /// # topic.publisher(&other)?.publish(b"the last")?;
    /// # let mut publisher = topic.publisher(&other)?;
    /// # publisher.publish(b"the very last")?;
    /// # std::mem::forget(publisher); // as where its process is killed
    /// # other.abandon();
    /// # let mut read = 0;
    /// let mut select = Select::new();
    /// let (price, end) = (select.subscriber(&prices), select.recv(me.from_any()));
    /// loop {
    ///     let arm = select.wait(mailbox::Deadline::Never)?;
    ///     if arm == price {
    ///         println!("{:?}", prices.try_recv()?.map(|price| price.to_vec()));
    /// #       read += 1;
    ///     } else if arm == end {
    ///         match me.try_recv() {
    ///             // What it had published comes first.
    ///             Err(RecvError::Gone { rank, .. }) if topic.died_publishing() == Some(rank) => break,
    ///             other => println!("{other:?}"),
    ///         }
    ///     }
    /// }
    /// while let Some(price) = prices.try_recv()? {
    ///     println!("the last of it: {:?}", price.to_vec());
    /// #   read += 1;
    /// }
    /// # assert_eq!(read, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn died_publishing(&self) -> Option<u32> {
        self.registered().filter(|(_, lives)| !lives).map(|(rank, _)| rank)
    }

    /// The rank that is registered as its publisher, if one is, and whether that process lives.
    fn registered(&self) -> Option<(u32, bool)> {
        // Between the looks it may end its part, and another one may follow. Again and again only if a peer writes garbage.
        for _ in 0..LOOKS {
            let words = self.registration();
            let rank = self.rank_of(words[0])?;
            let (status, life) = self.region.registry.status(rank);
            let lives = status == Status::Live && life.epoch() == words[1];
            if lives || self.registration() == words {
                return Some((rank, lives));
            }
        }
        None
    }

    /// 1 + the rank that is registered, and its epoch.
    fn registration(&self) -> [u64; 2] {
        // Pairs with the stores in `register` and `unregister`: one that reads a later epoch, or a later life, reads a later writer
        // when it looks again.
        [self.entry().writer.load(Acquire), self.entry().epoch.load(Acquire)]
    }

    /// Becomes the one that publishes its latest value, of at most `capacity` bytes, rounded up to a multiple of 64.
    /// [`PublisherError::Taken`] if a live process is. The first to publish decides how long values can be; later ones get
    /// [`PublisherError::Misfit`] if that is too little.
    ///
    /// It ends when the publisher is dropped. The newest value stays, also if the process dies. What the next publisher
    /// publishes then follows.
    ///
    /// ```
    /// # use mailbox::{Config, PublisherError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("speed")?;
    /// let mut publisher = topic.publish_latest(&me, 8)?;
    /// publisher.publish_value(&3.5)?;
    /// assert_eq!(topic.publish_latest(&other, 8).err(), Some(PublisherError::Taken { rank: 0 }));
    /// assert_eq!(topic.latest(&other)?.value()?, Some(3.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_latest<'a>(
        &self,
        me: &'a Endpoint,
        capacity: usize,
    ) -> Result<LatestPublisher<'a>, PublisherError> {
        let member = me.member();
        member.check()?;
        let most = self.region.geometry().value;
        let wanted =
            (capacity as u64).max(1).checked_next_multiple_of(ARENA_ALIGN).filter(|wanted| *wanted <= most);
        let misfit = |capacity| PublisherError::Misfit { len: capacity, capacity: most as usize };
        let wanted = wanted.ok_or(misfit(capacity))?;
        let _lock = self.lock_to_publish(TopicKind::Value)?;
        let held = if self.capacity() == 0 { wanted } else { self.capacity() };
        if held < wanted {
            return Err(PublisherError::Misfit { len: capacity, capacity: held as usize });
        }
        self.complete(held)?;
        self.register(me, TopicKind::Value);
        // Readers look at no buffer before they have seen this.
        self.entry().capacity.store(1 + held, Release);
        let writer = ValueWriter::resume(self.region.segment.value(self.index, held));
        Ok(LatestPublisher::new(me, self.clone(), writer))
    }

    /// Reads its latest value. Any number of ranks may, whether or not it was ever published.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("speed")?;
    /// let mut latest = topic.latest(&other)?;
    /// assert_eq!(latest.value::<f64>()?, None, "nobody has published it");
    /// topic.publish_latest(&me, 8)?.publish_value(&3.5)?;
    /// assert_eq!(latest.value()?, Some(3.5), "it stays");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn latest<'a>(&self, me: &'a Endpoint) -> Result<Latest<'a>, SubscriberError> {
        me.member().check()?;
        self.check_kind(TopicKind::Value)?;
        Ok(Latest::new(me, self.clone()))
    }

    /// Becomes the one that publishes it as a stream. [`PublisherError::Taken`] if a live process is.
    ///
    /// It ends when the publisher is dropped. The last messages stay, also if the process dies, and those of the next publisher
    /// follow them.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, PublisherError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("prices")?;
    /// let mut publisher = topic.publisher(&me)?;
    /// publisher.publish(b"17.2")?;
    /// assert_eq!(topic.publisher(&other).err(), Some(PublisherError::Taken { rank: 0 }));
    /// let mut prices = topic.subscriber(&other, Policy::every().history(1))?;
    /// assert_eq!(prices.recv()?.to_vec(), b"17.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publisher<'a>(&self, me: &'a Endpoint) -> Result<Publisher<'a>, PublisherError> {
        me.member().check()?;
        let _lock = self.lock_to_publish(TopicKind::Stream)?;
        self.complete_stream()?;
        self.register(me, TopicKind::Stream);
        let writer = StreamWriter::resume(self.region.segment.stream(self.index));
        Ok(Publisher::new(me, self.clone(), writer))
    }

    /// Reads its stream from now on, or from some messages before. Any number of ranks may, each once at a time, whether or not
    /// somebody publishes it.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("prices")?;
    /// let mut publisher = topic.publisher(&me)?;
    /// publisher.publish(b"before anybody came")?;
    /// let mut prices = topic.subscriber(&other, Policy::every())?;
    /// publisher.publish(b"17.2")?;
    /// assert_eq!(prices.recv()?.to_vec(), b"17.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscriber<'a>(
        &self,
        me: &'a Endpoint,
        policy: Policy,
    ) -> Result<Subscriber<'a>, SubscriberError> {
        me.member().check()?;
        self.check_kind(TopicKind::Stream)?;
        self.complete_stream()?;
        Subscriber::begin(me, self.clone(), policy)
    }

    /// The lock under which a publisher is registered. An error if a live process publishes, or the topic is of the other kind.
    fn lock_to_publish(&self, kind: TopicKind) -> Result<Lock, PublisherError> {
        let lock = self.region.lock_topics(PublisherError::Busy)?;
        match self.published_by() {
            Some(rank) => Err(PublisherError::Taken { rank }),
            None => {
                // Pairs with the store in `unregister`, which is not made under the lock.
                fence(Acquire);
                self.check_kind(kind)?;
                Ok(lock)
            }
        }
    }

    /// An error if the topic is known to be of the other kind.
    pub(super) fn check_kind(&self, kind: TopicKind) -> Result<(), OtherKind> {
        match TopicKind::of(self.entry().kind.load(Relaxed)) {
            Some(other) if other != kind => Err(OtherKind { is_stream: other == TopicKind::Stream }),
            _ => Ok(()),
        }
    }

    /// This rank publishes from now on.
    fn register(&self, me: &Endpoint, kind: TopicKind) {
        let entry = self.entry();
        // First, so that no other writer is ever seen with this epoch. One that stops here leaves a topic that nobody publishes.
        entry.writer.store(0, Relaxed);
        entry.epoch.store(me.epoch(), Release);
        entry.kind.store(kind as u64, Relaxed);
        entry.writer.store(1 + u64::from(me.rank()), Release);
    }

    /// This rank publishes no more.
    pub(super) fn unregister(&self, me: &Endpoint) {
        // Otherwise another life is registered, or will be.
        if me.member().check().is_ok() {
            // Pairs with the fence of the next publisher: it must find what this one has published.
            self.entry().writer.store(0, Release);
        }
    }

    /// The rank that is registered as its publisher, if one is.
    #[inline(always)]
    pub(super) fn writer(&self) -> Option<u32> {
        self.rank_of(self.entry().writer.load(Relaxed))
    }

    /// The rank that the word for the writer says, if it says one.
    #[inline(always)]
    fn rank_of(&self, writer: u64) -> Option<u32> {
        u32::try_from(writer.checked_sub(1)?).ok().filter(|rank| *rank < self.region.ranks())
    }

    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    fn complete_stream(&self) -> Result<(), NoMemory> {
        self.region.segment.complete_stream(self.index).map_err(|error| no_memory(&error))
    }

    pub(super) fn entry(&self) -> &TopicEntry {
        &self.lines[self.index as usize].entry
    }

    /// One bit for each rank that may sleep until the value changes.
    pub(super) fn waiters(&self) -> &[AtomicU64; OPENED_WORDS] {
        &self.lines[self.index as usize].waiters
    }

    /// Asks the publisher to ring this rank after each value, or not to any more. Nothing if the rank is lost.
    pub(super) fn ask_for_rings(&self, member: &Member, asks: bool) {
        if member.check().is_err() {
            return;
        }
        let word = &self.waiters()[member.rank() as usize / 64];
        let bit = 1 << (member.rank() % 64);
        if asks {
            word.fetch_or(bit, Relaxed);
        } else {
            word.fetch_and(!bit, Relaxed);
        }
    }

    /// The value, once somebody has said how long values can be.
    pub(super) fn reader(&self) -> Result<Option<ValueReader>, NoMemory> {
        match self.capacity() {
            0 => Ok(None),
            capacity => {
                self.complete(capacity)?;
                Ok(Some(ValueReader::new(self.region.segment.value(self.index, capacity))))
            }
        }
    }

    /// Bytes of each buffer; 0 if nobody has said. A number that cannot be is cut.
    fn capacity(&self) -> u64 {
        let capacity = self.entry().capacity.load(Acquire).saturating_sub(1);
        capacity.min(self.region.geometry().value) / ARENA_ALIGN * ARENA_ALIGN
    }

    fn complete(&self, capacity: u64) -> Result<(), NoMemory> {
        self.region.segment.complete_value(self.index, capacity).map_err(|error| no_memory(&error))
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("name", &self.name()).finish_non_exhaustive()
    }
}

fn is_used(entry: &TopicEntry) -> bool {
    entry.capacity.load(Acquire) != 0
}

fn name_of(entry: &TopicEntry) -> Vec<u8> {
    let mut name: Vec<u8> = entry.name.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(TOPIC_NAME));
    name
}
