//! When a half asks the kernel who lives, and about whom.
//!
//! A question is a system call for each rank that it is about, dearer the more ranks are joined. So those that wait share
//! the work: each asks about the rank that it waits for, and about the next two above its own that are joined, and a
//! process that finds a death tells all others. What it tells is a hint, and the others ask the kernel, too: a peer that
//! lies causes questions, and no false death.

use super::Member;
use crate::os;
use crate::rank::Status;
use crate::wait::pace::{NAP, WATCHED};
use core::cell::Cell as Private;
use core::time::Duration;

/// When a half last asked.
#[derive(Default)]
pub struct Watch {
    asked: Private<Option<Duration>>,
}

impl Watch {
    /// How long it is until it is to ask again, where it is now this late.
    fn left(&self, now: Duration) -> Duration {
        self.asked.get().map_or(Duration::ZERO, |asked| NAP.saturating_sub(now.saturating_sub(asked)))
    }
}

impl Member {
    /// How long it is until this half is to ask the kernel again who lives.
    pub(super) fn until_question(&self) -> Duration {
        self.watch.left(os::uptime())
    }

    /// Whether it is to ask now, as of some milliseconds ago.
    pub fn is_question_due(&self) -> bool {
        self.watch.left(os::uptime_lately()).is_zero()
    }

    /// It asks now: notes that, and asks about the ranks that this one watches. Those that are known to be dead are not
    /// among them.
    pub fn watch(&self) {
        self.watch.asked.set(Some(os::uptime()));
        let registry = &self.region.registry;
        let (count, own) = (registry.count(), self.rank());
        let above = (1..count).map(|step| (own + step) % count);
        let seems_live = |rank: &u32| {
            let life = registry.life(*rank);
            life.joined() && !registry.is_said_dead(*rank, life)
        };
        for rank in above.filter(seems_live).take(WATCHED) {
            self.end_of(rank, true);
        }
    }

    /// Whether `rank` will neither send nor receive any more in this life. Without `query` a death goes unnoticed, unless
    /// a peer says that it found it. Tells all peers of one that they do not know of.
    pub fn end_of(&self, rank: u32, query: bool) -> Option<Status> {
        let registry = &self.region.registry;
        let life = registry.life(rank);
        if !query && life.joined() && !registry.is_said_dead(rank, life) {
            return None;
        }
        match registry.status(rank) {
            (Status::NeverJoined | Status::Live, _) => None,
            (Status::Left, _) => Some(Status::Left),
            (Status::Dead, life) => {
                if registry.report_death(rank, life) {
                    registry.ring_all(self.ringer.get());
                }
                Some(Status::Dead)
            }
        }
    }
}
