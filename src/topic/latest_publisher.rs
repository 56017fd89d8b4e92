//! What publishes a topic's latest value.

use super::Topic;
use crate::endpoint::Endpoint;
use crate::error::PublishError;
use crate::stream::ranks;
use crate::value::ValueWriter;
use bytemuck::{NoUninit, bytes_of};
use core::fmt;

/// The one that publishes the latest value of a topic: what [`Topic::publish_latest`] returns. Dropping it lets another one do so.
///
/// ```
/// # use mailbox::{Config, PublisherError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let topic = region.topic("speed")?;
/// let mut speed = topic.publish_latest(&me, 8)?;
/// speed.publish_value(&3.5)?;
///
/// // Another process stands by, and goes on where this one has ended.
/// assert_eq!(topic.publish_latest(&other, 8).unwrap_err(), PublisherError::Taken { rank: 0 });
/// drop(speed);
/// let mut speed = topic.publish_latest(&other, 8)?;
/// speed.publish_value(&3.6)?;
/// # let mut latest = topic.latest(&me)?;
/// # assert_eq!((latest.value::<f64>()?, latest.number()), (Some(3.6), 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LatestPublisher<'a> {
    me: &'a Endpoint,
    topic: Topic,
    writer: ValueWriter,
}

impl<'a> LatestPublisher<'a> {
    pub(super) fn new(me: &'a Endpoint, topic: Topic, writer: ValueWriter) -> Self {
        Self { me, topic, writer }
    }

    /// The topic. [`LatestPublisher::capacity`] has an example.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The most bytes that a value can have: as many as the first publisher asked for, rounded up to a multiple of 64.
    ///
    /// ```
    /// # use mailbox::{Config, PublishError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// let mut publisher = region.topic("title")?.publish_latest(&me, 100)?;
    /// assert_eq!((publisher.capacity(), publisher.topic().name()), (128, "title".to_string()));
    /// publisher.publish(&[b'a'; 128])?;
    /// assert_eq!(publisher.publish(&[b'a'; 129]), Err(PublishError::Misfit { len: 129, capacity: 128 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(&self) -> usize {
        self.writer.capacity()
    }

    /// Publishes a value, which replaces the one before. Never waits, also not for readers.
    ///
    /// Cost: that of copying it, a fence, a load for each 64 ranks of the region, and a system call for each reader that sleeps.
    ///
    /// ```
    /// # use mailbox::{Config, PublishError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("title")?;
    /// let mut publisher = topic.publish_latest(&me, 64)?;
    /// publisher.publish(b"old news")?;
    /// publisher.publish(b"news")?;
    /// assert_eq!(publisher.publish(&[0; 65]), Err(PublishError::Misfit { len: 65, capacity: publisher.capacity() }));
    /// assert_eq!(topic.latest(&other)?.bytes()?, Some(&b"news"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish(&mut self, bytes: &[u8]) -> Result<(), PublishError> {
        let member = self.me.member();
        member.check()?;
        let capacity = self.writer.capacity();
        if bytes.len() > capacity {
            return Err(PublishError::Misfit { len: bytes.len(), capacity });
        }
        self.writer.write(bytes);
        // Pairs with the barrier of a sleeper, which has set its bit before.
        member.fence_for_ring();
        let registry = &member.region.registry;
        for rank in ranks(self.topic.waiters(), registry.count()) {
            member.ring_mail(registry.rank(rank));
        }
        Ok(())
    }

    /// Publishes plain data. As [`LatestPublisher::publish`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("speed")?;
    /// let mut speed = topic.publish_latest(&me, 8)?;
    /// speed.publish_value(&3.4)?;
    /// speed.publish_value(&3.5)?;
    /// assert_eq!(topic.latest(&other)?.value()?, Some(3.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_value<T: NoUninit>(&mut self, value: &T) -> Result<(), PublishError> {
        self.publish(bytes_of(value))
    }
}

impl Drop for LatestPublisher<'_> {
    fn drop(&mut self) {
        self.topic.unregister(self.me);
    }
}

impl fmt::Debug for LatestPublisher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestPublisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}
