//! Of topics.

use super::{Broken, Lost};
use std::io;
use thiserror::Error;

/// Why a topic was not found by its name, or not made.
///
/// ```
/// # use mailbox::{Config, FindTopicError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2).topics(1))?;
/// let price = region.topic("price")?;
/// match region.topic("volume") {
///     Err(FindTopicError::TooMany { topics }) => println!("the region has only {topics} topics"),
///     Err(FindTopicError::BadName { len }) => println!("a name of {len} bytes"),
///     found => drop(found?),
/// }
/// # assert_eq!(region.topic("volume").err(), Some(FindTopicError::TooMany { topics: 1 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FindTopicError {
    /// The name is empty, longer than 64 bytes, or has a NUL in it.
    #[error("a topic's name has 1 to 64 bytes and no NUL; this one has {len} bytes{}", if (1..=64).contains(len) { ", with a NUL" } else { "" })]
    BadName {
        /// How many bytes it has.
        len: usize,
    },
    /// The region has as many topics as it can have.
    #[error("the region has {topics} topics already, and can have no more")]
    TooMany {
        /// How many it can have.
        topics: u32,
    },
    /// Processes looked for topics all the time, for a second.
    #[error("others are too busy with the names of topics")]
    Busy,
    /// No shared memory is left for topics. Nothing is lost, and the call can be tried again.
    #[error("no shared memory is left for topics")]
    NoSpace,
    /// The system returned another error when it was asked for that memory, or for the lock of all topics.
    #[error("the memory of topics: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The error's number.
        code: i32,
    },
    /// The region was removed.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a rank does not publish a topic.
///
/// ```
/// # use mailbox::{Config, PublisherError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let price = region.topic("price")?;
/// let publisher = price.publish_latest(&me, 8)?;
/// match price.publish_latest(&other, 8) {
///     Err(PublisherError::Taken { rank }) => println!("rank {rank} publishes it"),
///     Err(PublisherError::Misfit { capacity, .. }) => println!("values have at most {capacity} bytes"),
///     published => drop(published?),
/// }
/// # assert_eq!(price.publish_latest(&other, 8).err(), Some(PublisherError::Taken { rank: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// A live process writes the topic.
    #[error("rank {rank} writes this topic")]
    Taken {
        /// Its rank.
        rank: u32,
    },
    /// The topic is published in the other way: as a stream, or as its latest value.
    #[error("the topic is published as {}", kind_of_topic(is_stream))]
    OtherKind {
        /// Whether it is a stream.
        is_stream: bool,
    },
    /// The values are to have more bytes than those of this topic, or of this region, can have.
    #[error("the value has {len} bytes, and {capacity} are expected")]
    Misfit {
        /// Bytes that were asked for.
        len: usize,
        /// Bytes that a value can have.
        capacity: usize,
    },
    /// Processes looked for topics all the time, for a second.
    #[error("others are too busy with the names of topics")]
    Busy,
    /// The same as [`FindTopicError::NoSpace`].
    #[error("no shared memory is left for topics")]
    NoSpace,
    /// The same as [`FindTopicError::Os`].
    #[error("the memory of topics: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The error's number.
        code: i32,
    },
    /// The endpoint does not work.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a rank does not read a topic.
///
/// ```
/// # use mailbox::{Config, Policy, Region, SubscriberError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let publisher = region.topic("price")?.publish_latest(&other, 8)?;
/// match region.topic("price")?.subscriber(&me, Policy::every()) {
///     Err(SubscriberError::OtherKind { is_stream: false }) => println!("read its latest value instead"),
///     subscriber => drop(subscriber?),
/// }
/// # let subscriber = region.topic("volume")?.subscriber(&me, Policy::every())?;
/// # let twice = region.topic("volume")?.subscriber(&me, Policy::skip());
/// # assert_eq!(twice.err(), Some(SubscriberError::Subscribed { rank: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SubscriberError {
    /// This rank reads the stream already.
    #[error("rank {rank} reads this stream already")]
    Subscribed {
        /// This rank.
        rank: u32,
    },
    /// The topic is published in the other way: as a stream, or as its latest value.
    #[error("the topic is published as {}", kind_of_topic(is_stream))]
    OtherKind {
        /// Whether it is a stream.
        is_stream: bool,
    },
    /// The same as [`FindTopicError::NoSpace`].
    #[error("no shared memory is left for topics")]
    NoSpace,
    /// The same as [`FindTopicError::Os`].
    #[error("the memory of topics: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The error's number.
        code: i32,
    },
    /// The endpoint does not work.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a value or a message was not published.
///
/// ```
/// # use mailbox::{Config, Deadline, Policy, PublishError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let topic = region.topic("price")?;
/// # let _subscriber = topic.subscriber(&other, Policy::every())?;
/// # let mut publisher = topic.publisher(&me)?;
/// # while publisher.published() < 1024 { publisher.publish(b"17.2")?; }
/// match publisher.publish_within(b"17.3", Deadline::Now) {
///     Err(PublishError::Behind { rank }) => println!("rank {rank} is too slow"),
///     Err(PublishError::Misfit { capacity, .. }) => println!("a message has at most {capacity} bytes"),
///     published => published?,
/// }
/// # assert_eq!(publisher.publish_within(b"17.3", Deadline::Now), Err(PublishError::Behind { rank: 1 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The deadline passed while a reader that gets every message was so far behind that there was no room for another one, or while
    /// it held a message in the way. Where that reader is this rank itself, the call does not wait.
    #[error("rank {rank} has not read the messages that must make room")]
    Behind {
        /// The rank of the reader.
        rank: u32,
    },
    /// The value or the message has more bytes than those of this topic can have.
    #[error("the value has {len} bytes, and {capacity} are expected")]
    Misfit {
        /// Bytes of the value.
        len: usize,
        /// Bytes that it can have.
        capacity: usize,
    },
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// The same as [`FindTopicError::NoSpace`].
    #[error("no shared memory is left for topics")]
    NoSpace,
    /// The same as [`FindTopicError::Os`].
    #[error("the memory of topics: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The error's number.
        code: i32,
    },
    /// The endpoint does not work.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl PublishError {
    /// Whether the deadline passed, or would have: a reader has not made room.
    pub fn is_timeout(&self) -> bool {
        matches!(self, PublishError::Behind { .. })
    }
}

/// Why a value or a message of a topic was not read. That none has come until a deadline is no error.
///
/// ```
/// # use mailbox::{Config, ReadError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let topic = region.topic("price")?;
/// # topic.publish_latest(&me, 16)?.publish(b"seventeen")?;
/// let mut price = topic.latest(&other)?;
/// match price.value::<f64>() {
///     Err(ReadError::Misfit { len, .. }) => println!("{len} bytes are no number of this type"),
///     Err(ReadError::Busy) => println!("its publisher is too fast"),
///     value => println!("{:?}", value?),
/// }
/// # assert_eq!(price.value::<f64>(), Err(ReadError::Misfit { len: 9, capacity: 8 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The value does not have the length of the type that is to be read.
    #[error("the value has {len} bytes, and {capacity} are expected")]
    Misfit {
        /// Bytes of the value.
        len: usize,
        /// Bytes of the type.
        capacity: usize,
    },
    /// The topic is published in the other way: as a stream, or as its latest value.
    #[error("the topic is published as {}", kind_of_topic(is_stream))]
    OtherKind {
        /// Whether it is a stream.
        is_stream: bool,
    },
    /// Value after value, or message after message, was written while this was to be read.
    #[error("others are too busy with this topic")]
    Busy,
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// The same as [`FindTopicError::NoSpace`].
    #[error("no shared memory is left for topics")]
    NoSpace,
    /// The same as [`FindTopicError::Os`].
    #[error("the memory of topics: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The error's number.
        code: i32,
    },
    /// The endpoint does not work.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Any of the errors of topics: for a function that finds a topic, and publishes or reads it.
///
/// ```
/// # use mailbox::{Config, Endpoint, PublisherError, Region, TopicError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// fn publish(me: &Endpoint, price: f64) -> Result<(), TopicError> {
///     me.region().topic("price")?.publish_latest(me, 8)?.publish_value(&price)?;
///     Ok(())
/// }
/// # let _publisher = region.topic("price")?.publish_latest(&other, 8)?;
/// match publish(&me, 17.2) {
///     Err(TopicError::Publisher(PublisherError::Taken { rank })) => println!("rank {rank} publishes it"),
///     published => published?,
/// }
/// # assert_eq!(publish(&me, 17.2), Err(PublisherError::Taken { rank: 1 }.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The topic was not found, or not made.
    #[error(transparent)]
    Find(#[from] FindTopicError),
    /// This rank does not publish it.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
    /// This rank does not read it.
    #[error(transparent)]
    Subscriber(#[from] SubscriberError),
    /// A value or a message was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A value or a message was not read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl TopicError {
    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, TopicError::Publish(error) if error.is_timeout())
    }
}

fn kind_of_topic(is_stream: &bool) -> &'static str {
    if *is_stream { "a stream" } else { "its latest value" }
}

/// A call could not take memory for topics.
#[cfg(not(loom))]
pub(crate) enum NoMemory {
    /// There is none.
    NoSpace,
    /// The number of another error of the system.
    Os(i32),
}

/// The topic is published in the other way.
#[cfg(not(loom))]
pub(crate) struct OtherKind {
    pub is_stream: bool,
}

macro_rules! may_lack_memory {
    ($($error:ident)*) => {$(
        #[cfg(not(loom))]
        impl From<NoMemory> for $error {
            fn from(error: NoMemory) -> Self {
                match error {
                    NoMemory::NoSpace => $error::NoSpace,
                    NoMemory::Os(code) => $error::Os { code },
                }
            }
        }
    )*};
}

may_lack_memory!(FindTopicError PublisherError SubscriberError PublishError ReadError);

macro_rules! may_be_of_the_other_kind {
    ($($error:ident)*) => {$(
        #[cfg(not(loom))]
        impl From<OtherKind> for $error {
            fn from(OtherKind { is_stream }: OtherKind) -> Self {
                $error::OtherKind { is_stream }
            }
        }
    )*};
}

may_be_of_the_other_kind!(PublisherError SubscriberError ReadError);

impl From<FindTopicError> for io::Error {
    fn from(error: FindTopicError) -> Self {
        let kind = match error {
            FindTopicError::BadName { .. } => io::ErrorKind::InvalidInput,
            FindTopicError::TooMany { .. } => io::ErrorKind::QuotaExceeded,
            FindTopicError::Busy => io::ErrorKind::ResourceBusy,
            FindTopicError::NoSpace => io::ErrorKind::StorageFull,
            FindTopicError::Os { code } => io::Error::from_raw_os_error(code).kind(),
            FindTopicError::Lost(lost) => Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
    }
}

impl From<PublisherError> for io::Error {
    fn from(error: PublisherError) -> Self {
        let kind = match error {
            PublisherError::Taken { .. } => io::ErrorKind::AddrInUse,
            PublisherError::OtherKind { .. } | PublisherError::Misfit { .. } => io::ErrorKind::InvalidInput,
            PublisherError::Busy => io::ErrorKind::ResourceBusy,
            PublisherError::NoSpace => io::ErrorKind::StorageFull,
            PublisherError::Os { code } => io::Error::from_raw_os_error(code).kind(),
            PublisherError::Lost(lost) => Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
    }
}

impl From<SubscriberError> for io::Error {
    fn from(error: SubscriberError) -> Self {
        let kind = match error {
            SubscriberError::Subscribed { .. } => io::ErrorKind::AddrInUse,
            SubscriberError::OtherKind { .. } => io::ErrorKind::InvalidInput,
            SubscriberError::NoSpace => io::ErrorKind::StorageFull,
            SubscriberError::Os { code } => io::Error::from_raw_os_error(code).kind(),
            SubscriberError::Lost(lost) => Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
    }
}

impl From<PublishError> for io::Error {
    fn from(error: PublishError) -> Self {
        let kind = match error {
            PublishError::Behind { .. } => io::ErrorKind::WouldBlock,
            PublishError::Misfit { .. } => io::ErrorKind::InvalidInput,
            // Not `Interrupted`: what reads or writes in a loop would try again.
            PublishError::Interrupted => io::ErrorKind::Other,
            PublishError::NoSpace => io::ErrorKind::StorageFull,
            PublishError::Os { code } => io::Error::from_raw_os_error(code).kind(),
            PublishError::Lost(lost) => Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Misfit { .. } | ReadError::OtherKind { .. } => io::ErrorKind::InvalidInput,
            ReadError::Busy => io::ErrorKind::ResourceBusy,
            ReadError::Interrupted => io::ErrorKind::Other,
            ReadError::NoSpace => io::ErrorKind::StorageFull,
            ReadError::Os { code } => io::Error::from_raw_os_error(code).kind(),
            ReadError::Lost(lost) => Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
    }
}

impl From<TopicError> for io::Error {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::Find(error) => error.into(),
            TopicError::Publisher(error) => error.into(),
            TopicError::Subscriber(error) => error.into(),
            TopicError::Publish(error) => error.into(),
            TopicError::Read(error) => error.into(),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::{
        CallError, CollectiveError, FetchError, RecvError, RequestError, SelectError, SendError,
    };

    #[test]
    fn no_loop_of_the_standard_library_tries_again_what_was_interrupted() {
        let interrupted: [io::Error; 9] = [
            SendError::Interrupted.into(),
            RecvError::Interrupted.into(),
            FetchError::Interrupted.into(),
            CallError::Interrupted.into(),
            RequestError::Interrupted.into(),
            CollectiveError::Interrupted.into(),
            SelectError::Interrupted.into(),
            PublishError::Interrupted.into(),
            TopicError::from(ReadError::Interrupted).into(),
        ];
        for error in interrupted {
            assert_eq!(error.kind(), io::ErrorKind::Other, "{error:?}");
        }
    }

    #[test]
    fn an_error_of_a_topic_says_the_same_alone_and_among_all() {
        let same = |alone: io::Error, all: TopicError, text: &str| {
            assert_eq!((alone.kind(), alone.to_string()), (io::Error::from(all).kind(), all.to_string()));
            assert_eq!(alone.to_string(), text);
        };
        let name = FindTopicError::BadName { len: 65 };
        same(name.into(), name.into(), "a topic's name has 1 to 64 bytes and no NUL; this one has 65 bytes");
        let name = FindTopicError::BadName { len: 3 };
        same(
            name.into(),
            name.into(),
            "a topic's name has 1 to 64 bytes and no NUL; this one has 3 bytes, with a NUL",
        );
        let taken = PublisherError::Taken { rank: 3 };
        same(taken.into(), taken.into(), "rank 3 writes this topic");
        let twice = SubscriberError::Subscribed { rank: 3 };
        same(twice.into(), twice.into(), "rank 3 reads this stream already");
        let behind = PublishError::Behind { rank: 3 };
        same(behind.into(), behind.into(), "rank 3 has not read the messages that must make room");
        assert!(behind.is_timeout() && TopicError::from(behind).is_timeout());
        let other = ReadError::from(OtherKind { is_stream: true });
        same(other.into(), other.into(), "the topic is published as a stream");
        assert!(!TopicError::from(other).is_timeout());
        let system = SubscriberError::from(NoMemory::Os(1));
        assert_eq!(system, SubscriberError::Os { code: 1 });
    }
}
