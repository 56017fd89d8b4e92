//! What an observer sees of a region's topics.

use super::view::View;
use crate::abi::TopicKind;
use crate::rank::Status;

/// What is known of a topic: see [`View::topics`].
///
/// ```
/// # use mailbox::{Config, Region};
/// # let name = format!("doc-topic-report-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(1))?;
/// # let me = region.join(0)?;
/// # region.topic("speed")?.publish_latest(&me, 8)?.publish_value(&3.5)?;
/// # let mut orphans = vec![];
/// for topic in Region::look(&name)?.topics() {
///     match topic.publisher {
///         Some(rank) => println!("{}: {} by rank {rank}", topic.name, topic.published),
///         None => println!("{}: {}, and nobody publishes it now", topic.name, topic.published),
///     }
/// #     orphans.push((topic.publisher, topic.published));
/// }
/// # assert_eq!(orphans, [(None, 1)]);
/// # drop(me);
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicReport {
    /// Its name.
    pub name: String,
    /// What is published in it; `None` if nobody ever published.
    pub kind: Option<TopicKind>,
    /// The rank that publishes it, if a live process does.
    pub publisher: Option<u32>,
    /// How many values or messages were published.
    pub published: u64,
    /// The ranks that read its stream. Those that read its latest value are not known.
    pub readers: Vec<ReaderReport>,
}

/// What is known of a reader of a stream.
///
/// ```
/// # use mailbox::{Config, Policy, Region};
/// # let name = format!("doc-reader-report-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let topic = region.topic("log")?;
/// # let subscriber = topic.subscriber(&other, Policy::every())?;
/// # let mut publisher = topic.publisher(&me)?;
/// # for _ in 0..1000 { publisher.publish(b"a line")?; }
/// // Whom a publisher will wait for soon: it keeps 1024 messages.
/// let topics = Region::look(&name)?.topics();
/// let slow = topics.iter().flat_map(|topic| &topic.readers).filter(|one| one.every && one.unread > 900);
/// let slow: Vec<u32> = slow.map(|reader| reader.rank).collect();
/// assert_eq!(slow, [1]);
/// # drop((subscriber, publisher));
/// # drop((me, other));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderReport {
    /// Its rank.
    pub rank: u32,
    /// Whether it gets every message, so that the publisher waits for it.
    pub every: bool,
    /// How many messages it has not read, those included that it will miss.
    pub unread: u64,
}

impl View {
    /// The region's topics. What cannot be read is left out. All of it is for people, as with [`View::inspect`].
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region, TopicKind};
    /// # let name = format!("doc-{}", std::process::id());
    /// # let region = Region::create(&*name, Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// region.topic("prices")?.publisher(&me)?.publish(b"17.2")?;
    /// let subscriber = region.topic("prices")?.subscriber(&other, Policy::every())?;
    ///
    /// let topics = Region::look(&*name)?.topics();
    /// assert_eq!((&*topics[0].name, topics[0].kind), ("prices", Some(TopicKind::Stream)));
    /// assert_eq!((topics[0].published, topics[0].readers.len()), (1, 1));
    /// # drop(subscriber);
    /// # drop((me, other));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn topics(&self) -> Vec<TopicReport> {
        (0..self.opened.geometry.topics).filter_map(|topic| self.topic(topic)).collect()
    }

    fn topic(&self, topic: u32) -> Option<TopicReport> {
        let copies = self.opened.copies();
        let copy = copies.topic(topic).ok().filter(|copy| copy.is_used())?;
        let lives = |rank: u32, epoch| self.status(rank) == Some((Status::Live, epoch));
        let publisher = copy.publisher().and_then(|(rank, epoch)| Some((u32::try_from(rank).ok()?, epoch)));
        let published = match copy.kind() {
            Some(TopicKind::Value) => copy.newest(),
            _ => copies.published(topic).ok()?,
        };
        let reader = |rank| {
            let (registration, cursor) = copies.reader(topic, rank).ok()??;
            let unread = published.saturating_sub(cursor);
            let report = ReaderReport { rank, every: registration.is_awaited, unread };
            lives(rank, registration.epoch).then_some(report)
        };
        Some(TopicReport {
            name: String::from_utf8_lossy(copy.name()).into_owned(),
            kind: copy.kind(),
            publisher: publisher.filter(|(rank, epoch)| lives(*rank, *epoch)).map(|(rank, _)| rank),
            published,
            readers: (0..self.ranks()).filter(|rank| copy.is_read_by(*rank)).filter_map(reader).collect(),
        })
    }
}
