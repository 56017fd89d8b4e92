//! Of topics.

use super::{Broken, Lost};
use std::io;
use thiserror::Error;

/// Why a topic cannot be used, or its value cannot be written or read.
///
/// ```
/// # use mailbox::{Config, Region, TopicError};
/// # let region = Region::create_unnamed(Config::ranks(2).topics(4))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let price = region.topic("price")?;
/// let publisher = price.publish_latest(&me, 8)?;
/// match price.publish_latest(&other, 8) {
///     Err(TopicError::Taken { rank }) => println!("rank {rank} publishes it"),
///     Err(TopicError::TooMany { topics }) => println!("the region has only {topics} topics"),
///     published => drop(published?),
/// }
/// # assert_eq!(price.publish_latest(&other, 8).err(), Some(TopicError::Taken { rank: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The name is empty, longer than 64 bytes, or has a NUL in it.
    #[error("a topic's name has 1 to 64 bytes, without NULs")]
    BadName,
    /// The region has as many topics as it can have.
    #[error("the region has {topics} topics already, and can have no more")]
    TooMany {
        /// How many it can have.
        topics: u32,
    },
    /// A live process writes the topic.
    #[error("rank {rank} writes this topic")]
    Taken {
        /// Its rank.
        rank: u32,
    },
    /// The value has more bytes than those of this topic, or of this region, can have; or other than the type that is to be read.
    #[error("the value has {len} bytes, and {capacity} are expected")]
    Misfit {
        /// Bytes of the value.
        len: usize,
        /// Bytes that it can have.
        capacity: usize,
    },
    /// The topic is published in the other way: as a stream, or as its latest value.
    #[error("the topic is published as {}", if *is_stream { "a stream" } else { "its latest value" })]
    OtherKind {
        /// Whether it is a stream.
        is_stream: bool,
    },
    /// A reader that gets every message is so far behind that there is no room for another one; or one holds a message in the way.
    #[error("rank {rank} has not read the messages that must make room")]
    Behind {
        /// The rank of the reader.
        rank: u32,
    },
    /// This rank reads the stream already.
    #[error("rank {rank} reads this stream already")]
    Subscribed {
        /// This rank.
        rank: u32,
    },
    /// Value after value, or message after message, was written while this was to be read, or processes looked for topics all the time.
    #[error("others are too busy with this topic")]
    Busy,
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// No shared memory is left for topics. Nothing is lost, and the call can be tried again.
    #[error("no shared memory is left for topics")]
    NoSpace,
    /// The system returned another error when it was asked for that memory, or for the lock of all topics.
    #[error("the memory of topics: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The error's number.
        code: i32,
    },
    /// The endpoint does not work.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl From<TopicError> for io::Error {
    fn from(error: TopicError) -> Self {
        let kind = match error {
            TopicError::BadName | TopicError::Misfit { .. } => io::ErrorKind::InvalidInput,
            TopicError::TooMany { .. } => io::ErrorKind::QuotaExceeded,
            TopicError::OtherKind { .. } => io::ErrorKind::InvalidInput,
            TopicError::Behind { .. } => io::ErrorKind::WouldBlock,
            TopicError::Taken { .. } | TopicError::Subscribed { .. } => io::ErrorKind::AddrInUse,
            TopicError::Busy => io::ErrorKind::ResourceBusy,
            // Not `Interrupted`: what reads or writes in a loop would try again.
            TopicError::Interrupted => io::ErrorKind::Other,
            TopicError::NoSpace => io::ErrorKind::StorageFull,
            TopicError::Os { code } => io::Error::from_raw_os_error(code).kind(),
            TopicError::Lost(lost) => Broken::Lost(lost).kind(),
        };
        io::Error::new(kind, error)
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
        let interrupted: [io::Error; 8] = [
            SendError::Interrupted.into(),
            RecvError::Interrupted.into(),
            FetchError::Interrupted.into(),
            CallError::Interrupted.into(),
            RequestError::Interrupted.into(),
            CollectiveError::Interrupted.into(),
            SelectError::Interrupted.into(),
            TopicError::Interrupted.into(),
        ];
        for error in interrupted {
            assert_eq!(error.kind(), io::ErrorKind::Other, "{error:?}");
        }
    }
}
