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
    /// Memory of both sides.
    Memory,
    /// From the start of the first process to the end of the last, with three messages in between.
    StartUp,
}

impl Case {
    /// Sides beside the one that measures.
    pub fn others(self) -> u32 {
        match self {
            Self::FanIn(senders) => senders,
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
}
