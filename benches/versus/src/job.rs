//! What a process is started to do.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Requests that are under way at a time, and waited for together.
pub const WINDOW: usize = 64;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Case {
    /// A message there and one back.
    RoundTrip,
    /// Messages one way.
    Stream,
    /// Messages one way, in windows of [`WINDOW`] requests.
    Window,
    /// So many unread messages, each with a tag of its own, received in the order in which they were sent.
    InOrder(u32),
    /// The same, received from the last to the first.
    Reversed(u32),
    /// A round trip in which each side has been waiting for so long that it sleeps.
    Asleep,
    /// A stream from so many.
    FanIn(u32),
    /// A round trip of which one side receives from anyone, with so many others in the region that never spoke.
    Silent(u32),
    /// The same, where all of them spoke once.
    Quiet(u32),
    /// Processor time of a side that waits.
    Idle,
    /// An operation of so many ranks, all of them.
    Together(Joint, u32),
    /// Processor time of a rank that waits in a barrier.
    IdleTogether,
    /// Something about topics with so many readers.
    Topic(Topic, u32),
    /// Memory of both sides.
    Memory,
    /// From the start of the first process to the end of the last, with three messages in between.
    StartUp,
}

/// An operation of all ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Joint {
    /// All wait for all.
    Barrier,
    /// All have the sums of what all gave.
    AllReduce,
    /// All have what rank 0 gave.
    Broadcast,
    /// All have what all gave.
    AllGather,
    /// Each has its part of what all gave.
    AllToAll,
}

/// What is done with topics, which one process writes and others read: their latest values, or streams of which each reader
/// gets each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// Reads of a latest value that stays.
    Read,
    /// The same, while it is written all the time.
    ReadWritten,
    /// Writes of a latest value that nobody reads.
    Written,
    /// The same, while it is read all the time.
    WrittenRead,
    /// From a write of a latest value until a reader that looks all the time has it.
    Seen,
    /// From the publication of a message until its one reader has read it.
    Way,
    /// The same with several readers, for each of them.
    Ways,
    /// The processor time that a publication of a message takes, with a free buffer for it.
    Cost,
    /// Messages one way, to each of the readers.
    Stream,
}

impl Topic {
    /// Whether it is about streams.
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Way | Self::Ways | Self::Cost | Self::Stream)
    }
}

impl Joint {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Barrier => "barrier",
            Self::AllReduce => "all-reduce",
            Self::Broadcast => "broadcast",
            Self::AllGather => "all-gather",
            Self::AllToAll => "all-to-all",
        }
    }
}

impl Case {
    /// Sides beside the one that measures.
    pub fn others(self) -> u32 {
        match self {
            Self::FanIn(senders) => senders,
            Self::Together(_, ranks) => ranks - 1,
            Self::Topic(_, readers) => readers,
            _ => 1,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundTrip => f.pad("round trip"),
            Self::Stream => f.pad("stream"),
            Self::Window => f.pad(&format!("windows of {WINDOW} requests")),
            Self::InOrder(messages) => f.pad(&format!("{messages} unread, in order")),
            Self::Reversed(messages) => f.pad(&format!("{messages} unread, reversed")),
            Self::Asleep => f.pad("round trip, both asleep"),
            Self::FanIn(senders) => f.pad(&format!("fan-in of {senders}")),
            Self::Silent(others) => f.pad(&format!("from anyone, {others} never spoke")),
            Self::Quiet(others) => f.pad(&format!("from anyone, {others} spoke once")),
            Self::Idle => f.pad("processor while it waits"),
            Self::Together(joint, ranks) => f.pad(&format!("{} of {ranks}", joint.name())),
            Self::IdleTogether => f.pad("processor in a barrier"),
            Self::Topic(Topic::Read, _) => f.pad("latest, read"),
            Self::Topic(Topic::ReadWritten, _) => f.pad("latest, read while written"),
            Self::Topic(Topic::Written, _) => f.pad("latest, written"),
            Self::Topic(Topic::WrittenRead, _) => f.pad("latest, written while read"),
            Self::Topic(Topic::Seen, _) => f.pad("latest, seen"),
            Self::Topic(Topic::Way, _) => f.pad("stream, one way"),
            Self::Topic(Topic::Ways, readers) => f.pad(&format!("stream, one way to {readers}")),
            Self::Topic(Topic::Cost, readers) => f.pad(&format!("stream, processor time, to {readers}")),
            Self::Topic(Topic::Stream, readers) => f.pad(&format!("stream to {readers}")),
            Self::Memory => f.pad("memory"),
            Self::StartUp => f.pad("start to end"),
        }
    }
}

/// One run of one system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The system's name.
    pub system: String,
    /// What to measure.
    pub case: Case,
    /// The length of each message.
    pub bytes: usize,
    /// Round trips or messages; for [`Case::Idle`] milliseconds; for unread messages how often.
    pub count: u64,
    /// A name for what the run leaves outside its processes: all of that begins with it.
    pub name: String,
    /// A folder for what it keeps on disk.
    pub folder: PathBuf,
}

impl Job {
    /// How many messages may be under way: as many as lie in a mailbox of the default size.
    pub fn bound(&self) -> usize {
        if self.bytes <= 48 { 4096 } else { ((2 << 20) / self.bytes).clamp(1, 4096) }
    }

    /// How many messages of a topic may be under way to a reader: as many as a region keeps by default.
    pub fn depth(&self) -> usize {
        if self.bytes <= 48 { 1024 } else { ((4 << 20) / self.bytes).clamp(1, 1024) }
    }
}
