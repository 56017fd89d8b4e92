//! Latest values: publishes and reads them.

use super::private::Private;
use super::{Codec, DecodeError, Frame, Message, TopicError};
use core::fmt;
use mailbox::Deadline;

/// Publishes the latest value of something.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::codec::{Json, Latest, LatestPublisher, Message};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct Settings {
///     colour: String,
/// }
/// impl Message for Settings {
///     const NAME: &'static str = "Settings";
/// }
///
/// let topic = region.topic("settings")?;
/// let mut publisher = LatestPublisher::<Settings, Json>::new(topic.publish_latest(&me, 4096)?);
/// publisher.publish(&Settings { colour: "red".into() })?;
/// publisher.publish(&Settings { colour: "blue".into() })?;
///
/// let mut latest = Latest::<Settings, Json>::new(topic.latest(&other)?);
/// assert_eq!(latest.value()?.unwrap().colour, "blue");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LatestPublisher<'a, T, C> {
    publisher: mailbox::LatestPublisher<'a>,
    frame: Frame<T, C>,
    private: Private,
}

impl<'a, T: Message, C: Codec<T>> LatestPublisher<'a, T, C> {
    /// Publishes with this one.
    pub fn new(publisher: mailbox::LatestPublisher<'a>) -> Self {
        Self { publisher, frame: Frame::new(), private: Private::new() }
    }

    /// Publishes a value, which replaces the one before. Never waits. [`mailbox::PublishError::Misfit`] if its message, with the header, has
    /// more bytes than the topic's values can have. On an error the value before stays.
    pub fn publish(&mut self, value: &T) -> Result<(), TopicError> {
        let Self { publisher, frame, private } = self;
        private.write(frame, value, |message| Ok(publisher.publish(message)?))
    }
}

impl<T, C> fmt::Debug for LatestPublisher<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestPublisher")
            .field("publisher", &self.publisher)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

/// Reads the latest value of something. See [`LatestPublisher`] for an example.
pub struct Latest<'a, T, C> {
    latest: mailbox::Latest<'a>,
    frame: Frame<T, C>,
    limit: usize,
}

impl<'a, T: Message, C: Codec<T>> Latest<'a, T, C> {
    /// Reads with this one.
    pub fn new(latest: mailbox::Latest<'a>) -> Self {
        Self { latest, frame: Frame::new(), limit: Private::new().limit }
    }

    /// Reads no message that is longer than this; without it none longer than 1 MiB.
    pub fn limit(self, bytes: usize) -> Self {
        Self { limit: bytes, ..self }
    }

    /// The newest value; `None` if none was published yet. Never waits. [`TopicError::Decode`] if what was published is none.
    ///
    /// Cost: that of copying it to private memory, and what the codec takes. Whether it has changed is seen with [`Latest::has_changed`].
    pub fn value(&mut self) -> Result<Option<T>, TopicError> {
        let Some(message) = self.latest.bytes()? else { return Ok(None) };
        let value = if message.len() <= self.limit {
            self.frame.read(message)
        } else {
            let expected = self.frame.schema().clone();
            Err(DecodeError::TooLong { expected, len: message.len(), limit: self.limit })
        };
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(TopicError::Decode { topic: self.latest.topic().name(), error }),
        }
    }

    /// Whether there is a value that was not read. Costs one load.
    pub fn has_changed(&mut self) -> Result<bool, TopicError> {
        Ok(self.latest.has_changed()?)
    }

    /// Waits until there is a value that was not read, at most until `deadline`. Whether there is one.
    pub fn wait(&mut self, deadline: impl Into<Deadline>) -> Result<bool, TopicError> {
        Ok(self.latest.wait(deadline)?)
    }

    /// What it reads with, for a [`Select`](mailbox::Select).
    pub fn inner(&self) -> &mailbox::Latest<'a> {
        &self.latest
    }
}

impl<T, C> fmt::Debug for Latest<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest")
            .field("latest", &self.latest)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}
