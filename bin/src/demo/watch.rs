//! Who makes no progress.

use super::book::{Book, Half};
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

/// How long a call may take that could end: its peers, itself among them, go on sending and receiving, or are found
/// dead.
const PATIENCE: Duration = Duration::from_secs(1);
/// A look that comes later than this says that the machine is slow, not the ranks.
const LATE: Duration = Duration::from_millis(100);

/// Both halves of one life of a rank.
pub struct Watch {
    rank: u32,
    beats: [(Half, u64, Instant); 2],
    looked: Instant,
}

impl Watch {
    /// A life that begins.
    pub fn new(book: &Book<'_>, rank: u32) -> Self {
        let now = Instant::now();
        let beats =
            [Half::Sending, Half::Receiving].map(|half| (half, book.beat(rank, half).load(Acquire), now));
        Self { rank, beats, looked: now }
    }

    /// What it is stuck in, if it is; told once for each time that its patience is over. `longest` is the longest
    /// time without progress.
    pub fn look(&mut self, book: &Book<'_>, longest: &mut Duration) -> Option<String> {
        let now = Instant::now();
        let late = now - self.looked;
        self.looked = now;
        let mut stuck = None;
        for (half, beat, since) in &mut self.beats {
            if late > LATE {
                *since += late;
            }
            let seen = book.beat(self.rank, *half).load(Acquire);
            let silence = now.saturating_duration_since(*since);
            if seen != *beat || seen == u64::MAX {
                (*beat, *since) = (seen, now);
                continue;
            }
            *longest = silence.max(*longest);
            if silence > PATIENCE {
                *since = now;
                let call = book.call(self.rank, *half).load(Acquire);
                let (peer, len) = (call >> 32, call & 0xFFFF_FFFF);
                let peer = if peer == u64::from(u32::MAX) { "anyone".into() } else { format!("rank {peer}") };
                stuck = Some(match half {
                    Half::Sending => format!("rank {} sends {len} bytes to {peer}", self.rank),
                    Half::Receiving => format!("rank {} receives from {peer}", self.rank),
                });
            }
        }
        stuck
    }
}
