//! The topics of a region: what one rank writes and all may read. Pure functions on checked values.
//!
//! A region has a table of topics. An entry is made under the lock of labels, and stays until the region ends. `value` says how the
//! latest value of a topic is written and read, `stream` how each of its messages is.

use super::layout::SKEW;
use super::{CELL, Geometry, OPENED_WORDS, PAGE, Padded, position};
use crate::sync::{AtomicU32, AtomicU64};

/// Bytes of the longest name of a topic.
pub const TOPIC_NAME: usize = 64;
/// The most topics that a region can have.
pub const MAX_TOPICS: u32 = 1024;
/// A value has so many buffers, which are written in turn.
pub const BUFFERS: usize = 4;
/// A stream has so many cells: a power of two.
pub const STREAM_CELLS: u64 = 1024;

/// A topic.
#[repr(C)]
pub struct TopicLines {
    /// What it is called, and who writes it.
    pub entry: Padded<TopicEntry>,
    /// Its value.
    pub value: Padded<ValueLine>,
    /// Bit `r % 64` of word `r / 64`: the rank `r` may sleep until the value changes. Each rank sets and clears its own.
    pub waiters: Padded<[AtomicU64; OPENED_WORDS]>,
    /// The writer's words of its stream.
    pub stream: Padded<StreamLine>,
    /// Bit `r % 64` of word `r / 64`: the rank `r` reads the stream. Each rank sets and clears its own.
    pub readers: Padded<[AtomicU64; OPENED_WORDS]>,
}

/// What a topic is called, and who writes it. Written under the lock of labels.
#[repr(C)]
pub struct TopicEntry {
    /// 1 + bytes that each buffer of the value has; 0 if the entry is not used. Published last.
    pub capacity: AtomicU64,
    /// The name, padded with NULs.
    pub name: [AtomicU64; TOPIC_NAME / 8],
    /// 1 + the rank that writes it; 0 if none does.
    pub writer: AtomicU64,
    /// The epoch of that rank.
    pub epoch: AtomicU64,
    /// What is published: a packed [`Kind`](TopicKind); 0 if nobody has said.
    pub kind: AtomicU64,
}

/// What is published in a topic.
///
/// ```
/// # use mailbox::{Config, Region, TopicKind};
/// # let name = format!("doc-topic-kind-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(1))?;
/// # let me = region.join(0)?;
/// region.topic("speed")?.publish_latest(&me, 8)?.publish_value(&3.5)?;
/// # let mut kinds = vec![];
/// for topic in Region::look(&name)?.topics() {
///     let published = match topic.kind {
///         Some(TopicKind::Value) => "its latest value",
///         Some(TopicKind::Stream) => "a stream",
///         None => "nothing yet",
///     };
///     println!("{}: {published}", topic.name);
/// #     kinds.push(topic.kind);
/// }
/// # assert_eq!(kinds, [Some(TopicKind::Value)]);
/// # drop(me);
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicKind {
    /// Its latest value.
    Value = 1,
    /// A stream of messages.
    Stream = 2,
}

impl TopicKind {
    /// The kind that a word says, if it says one.
    pub fn of(word: u64) -> Option<Self> {
        [Self::Value, Self::Stream].into_iter().find(|kind| *kind as u64 == word)
    }
}

/// The writer's words of a stream.
#[repr(C)]
pub struct StreamLine {
    /// What belongs to messages of lower numbers may be overwritten, once no awaited reader needs it.
    pub oldest: AtomicU64,
    /// No awaited reader needs messages of lower numbers.
    pub gone: AtomicU64,
    /// Not 0: the writer waits until no reader needs messages below this number.
    pub starved: AtomicU64,
}

/// A reader's words of a stream.
#[repr(C)]
pub struct ReaderLine {
    /// A packed [`Registration`]; 0 if the rank does not read the stream.
    pub registration: AtomicU64,
    /// The number of the message that it reads next.
    pub cursor: AtomicU64,
    /// Not 0: the envelope of a message that it reads in place and may miss otherwise.
    pub held: AtomicU64,
}

/// The number of the next message of a stream, as the stamps of all its cells say, a power of two. A stamp that cannot be in its
/// cell, or beyond what anybody could publish, is garbage.
pub fn next_of_stamps(stamps: impl ExactSizeIterator<Item = u64>) -> u64 {
    let cells = stamps.len() as u64;
    let is_real =
        |(at, stamp): &(u64, u64)| (1..u64::MAX / 2).contains(stamp) && position(stamp - 1, cells) == *at;
    (0..).zip(stamps).filter(is_real).map(|(_, stamp)| stamp).max().unwrap_or(0)
}

/// How a rank reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// Its epoch.
    pub epoch: u64,
    /// Whether the writer waits for it.
    pub is_awaited: bool,
}

impl Registration {
    /// As a word that is not 0.
    pub fn pack(self) -> u64 {
        self.epoch << 2 | u64::from(self.is_awaited) << 1 | 1
    }

    /// What a word says.
    pub fn of(word: u64) -> Option<Self> {
        (word & 1 != 0).then_some(Self { epoch: word >> 2, is_awaited: word & 2 != 0 })
    }
}

/// The writer's words of a value.
#[repr(C)]
pub struct ValueLine {
    /// The number of the value that was begun last.
    pub begun: AtomicU64,
    /// The number of the newest whole value, from 1 on; 0 if there was none. It lies in buffer `number mod BUFFERS`.
    pub newest: AtomicU64,
    /// By buffer: the bytes of its value.
    pub lens: [AtomicU32; BUFFERS],
    /// By buffer: its value instead, if that is so short. Then a reader that waits for it has all of it with one line.
    pub short: [AtomicU64; BUFFERS],
}

/// Bytes of a value that lies in the writer's line.
pub const SHORT_VALUE: usize = 8;

impl Geometry {
    /// Offset of the lines of a topic. Those of all topics lie together.
    pub fn topic(&self, topic: u32) -> u64 {
        self.end_of_groups() + topic as u64 * size_of::<TopicLines>() as u64
    }

    /// Offset of the buffers of a topic, in pages of its own.
    pub fn buffers(&self, topic: u32) -> u64 {
        let pages = BUFFERS as u64 * self.value + PAGE;
        self.topic(self.topics).next_multiple_of(PAGE) + topic as u64 * pages.next_multiple_of(PAGE) + SKEW
    }

    /// Offset of the lines of the readers of a topic's stream, in pages of its own. The cells follow.
    pub fn readers(&self, topic: u32) -> u64 {
        let end_of_buffers = self.buffers(self.topics) - SKEW;
        end_of_buffers + topic as u64 * (self.stream_lines() + self.stream_pages())
    }

    /// Offset of the cells of a topic's stream.
    pub fn stream_cells(&self, topic: u32) -> u64 {
        self.readers(topic) + self.ranks as u64 * size_of::<Padded<ReaderLine>>() as u64
    }

    /// Bytes of the pages of the lines of a stream's readers, and of its cells.
    pub fn stream_lines(&self) -> u64 {
        let lines = self.ranks as u64 * size_of::<Padded<ReaderLine>>() as u64;
        (lines + STREAM_CELLS * CELL as u64).next_multiple_of(PAGE)
    }

    /// Offset of the payloads of a topic's stream, in pages of its own.
    pub fn stream_payloads(&self, topic: u32) -> u64 {
        self.readers(topic) + self.stream_lines() + SKEW
    }

    /// Bytes of the pages of the payloads of a stream.
    fn stream_pages(&self) -> u64 {
        if self.stream == 0 { 0 } else { (SKEW + self.stream).next_multiple_of(PAGE) }
    }

    /// Offset of what follows the topics, which are the last part of a region.
    pub(super) fn end_of_topics(&self) -> u64 {
        self.readers(self.topics)
    }
}

const _: () = assert!(size_of::<TopicEntry>() <= 128 && size_of::<ValueLine>() <= 128);
#[cfg(not(loom))]
const _: () = assert!(size_of::<ValueLine>() == 64, "one line");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_was_packed() {
        for kind in [TopicKind::Value, TopicKind::Stream] {
            assert_eq!(TopicKind::of(kind as u64), Some(kind));
        }
        assert_eq!([0, 3, u64::MAX].map(TopicKind::of), [None; 3]);
        for (epoch, is_awaited) in [(1, false), (1 << 40, true)] {
            let registration = Registration { epoch, is_awaited };
            assert_eq!(Registration::of(registration.pack()), Some(registration));
        }
        assert_eq!(Registration::of(0), None);
    }

    #[test]
    fn stamps_say_which_message_is_next_and_garbage_does_not() {
        let mut stamps = [0; 8];
        assert_eq!(next_of_stamps(stamps.into_iter()), 0);
        for number in 0..100 {
            stamps[position(number, 8) as usize] = number + 1;
            assert_eq!(next_of_stamps(stamps.into_iter()), number + 1);
        }
        let other = position(100, 8) as usize;
        for garbage in [u64::MAX, 1 << 63, 102] {
            stamps[other] = garbage;
            assert_eq!(next_of_stamps(stamps.into_iter()), 100, "{garbage}");
        }
    }
}
