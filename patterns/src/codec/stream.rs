//! Streams of values: publishes and reads them.

use super::private::Private;
use super::{Codec, Frame, Message, TopicError};
use core::fmt;
use mailbox::Deadline;

/// Publishes values of one type as a stream.
///
/// ```
/// # use mailbox::{Config, Policy, Region};
/// # use mailbox_patterns::codec::{Json, Message, Publisher, Subscriber};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct News {
///     headline: String,
/// }
/// impl Message for News {
///     const NAME: &'static str = "News";
/// }
///
/// let topic = region.topic("news")?;
/// let mut publisher = Publisher::<News, Json>::new(topic.publisher(&me)?);
/// publisher.publish(&News { headline: "rain".into() })?;
///
/// let mut subscriber = Subscriber::<News, Json>::new(topic.subscriber(&other, Policy::every().history(1))?);
/// let news = subscriber.recv()?;
/// assert_eq!((&*news.value.headline, news.missed), ("rain", 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Publisher<'a, T, C> {
    publisher: mailbox::Publisher<'a>,
    frame: Frame<T, C>,
    private: Private,
}

impl<'a, T: Message, C: Codec<T>> Publisher<'a, T, C> {
    /// Publishes with this one.
    pub fn new(publisher: mailbox::Publisher<'a>) -> Self {
        Self { publisher, frame: Frame::new(), private: Private::new() }
    }

    /// Publishes a value. Waits and fails as [`mailbox::Publisher::publish`].
    ///
    /// Cost: the value is encoded in private memory and copied once.
    pub fn publish(&mut self, value: &T) -> Result<(), TopicError> {
        self.publish_within(value, Deadline::Never)
    }

    /// Publishes a value, and waits no longer than `deadline`. Otherwise as [`Publisher::publish`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Json, Message, Publisher};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// let mut news = Publisher::<News, Json>::new(region.topic("news")?.publisher(&me)?);
    /// news.publish_within(&News(1), Duration::from_millis(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_within(&mut self, value: &T, deadline: impl Into<Deadline>) -> Result<(), TopicError> {
        let Self { publisher, frame, private } = self;
        private.write(frame, value, |message| Ok(publisher.publish_within(message, deadline)?))
    }

    /// Publishes a value whose message has up to `most` bytes, which is written where its readers will read it.
    pub fn publish_in_place(&mut self, value: &T, most: usize) -> Result<(), TopicError> {
        Ok(self.frame.publish(value, self.publisher.draft(most)?)?)
    }

    /// What it publishes with.
    pub fn inner(&self) -> &mailbox::Publisher<'a> {
        &self.publisher
    }
}

impl<T, C> fmt::Debug for Publisher<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("publisher", &self.publisher)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

/// Reads values of one type from a stream. See [`Publisher`] for an example.
///
/// A message is copied to memory of this process and read there. The publisher does not wait for the reading of it.
pub struct Subscriber<'a, T, C> {
    subscriber: mailbox::Subscriber<'a>,
    frame: Frame<T, C>,
    private: Private,
}

/// A value of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample<T> {
    /// The value.
    pub value: T,
    /// The number of its message in the stream, from 0 on.
    pub number: u64,
    /// How many messages this reader has missed just before it.
    pub missed: u64,
}

impl<'a, T: Message, C: Codec<T>> Subscriber<'a, T, C> {
    /// Reads with this one.
    pub fn new(subscriber: mailbox::Subscriber<'a>) -> Self {
        Self { subscriber, frame: Frame::new(), private: Private::new() }
    }

    /// Reads no message that is longer than this; without it none longer than 1 MiB.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.private.limit = bytes;
        self
    }

    /// The next value. Waits and fails as [`mailbox::Subscriber::recv`]. [`TopicError::Decode`] says that a message was published which
    /// is none.
    pub fn recv(&mut self) -> Result<Sample<T>, TopicError> {
        let sample = self.subscriber.recv()?;
        let read = read(&self.frame, &mut self.private, sample);
        read.map_err(|error| self.malformed(error))
    }

    /// The next value; `None` if none has come until `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # use mailbox_patterns::codec::{Json, Message, Subscriber};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// let subscriber = region.topic("news")?.subscriber(&me, Policy::skip())?;
    /// let mut news = Subscriber::<News, Json>::new(subscriber);
    /// assert!(news.recv_within(Duration::from_millis(1))?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_within(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Sample<T>>, TopicError> {
        let sample = self.subscriber.recv_within(deadline)?;
        let read = sample.map(|sample| read(&self.frame, &mut self.private, sample)).transpose();
        read.map_err(|error| self.malformed(error))
    }

    /// The next value, if there is one. Never waits.
    pub fn try_recv(&mut self) -> Result<Option<Sample<T>>, TopicError> {
        let sample = self.subscriber.try_recv()?;
        let read = sample.map(|sample| read(&self.frame, &mut self.private, sample)).transpose();
        read.map_err(|error| self.malformed(error))
    }

    /// What it reads with, for a [`Select`](mailbox::Select).
    pub fn inner(&self) -> &mailbox::Subscriber<'a> {
        &self.subscriber
    }

    #[cold]
    fn malformed(&self, error: super::DecodeError) -> TopicError {
        TopicError::Decode { topic: self.subscriber.topic().name(), error }
    }
}

/// The value of a message, which goes once it was copied.
fn read<T: Message, C: Codec<T>>(
    frame: &Frame<T, C>,
    private: &mut Private,
    sample: mailbox::Sample<'_, '_>,
) -> Result<Sample<T>, super::DecodeError> {
    let (number, missed, len) = (sample.number(), sample.missed(), sample.len());
    let value = private.read(frame, len, |bytes| {
        let len = sample.copy_to(bytes);
        drop(sample);
        len
    })?;
    Ok(Sample { value, number, missed })
}

impl<T, C> fmt::Debug for Subscriber<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("subscriber", &self.subscriber)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}
