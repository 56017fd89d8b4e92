//! When a half asks the kernel which peers live, and about which ones it asks.
//!
//! Each question about a rank is a system call, and it costs more when more ranks are joined. So waiting processes
//! share the work. Each asks about the rank that it waits for and about the next two joined ranks above its own. A
//! process that finds a death tells all others. They take that as a hint and ask the kernel themselves, so a lying
//! peer causes questions but no false death.
//!
//! A half keeps the time of its last question over sleeps, rings and busy turns. If a ring restarted that time, a
//! peer that rings often would hide a death; if a ring caused a question, each message would cost a system call. A
//! receive from anyone that always finds mail compares the time with a coarse clock once in a turn of 32 to 256 mails.
//!
//! A process that finds a death stores the dead life in `found_dead` of the rank's record, counts `changes`, and
//! rings every bell. If all ranks sleep, a death is found within 75 ms by either of two ranks. If the two below it
//! compute, the sleeping ones find it in rotation.

use super::Member;
use crate::os;
use crate::rank::Status;
use crate::wait::pace::{NAP, WATCHED};
use core::cell::Cell as Private;
use core::cmp::Ordering;
use core::time::Duration;

/// When a half last asked.
#[derive(Default)]
pub struct Watch {
    asked: Private<Option<Duration>>,
    /// When a thread that waits for several things last asked about the peers of all of them.
    asked_for_all: Private<Option<Duration>>,
}

impl Watch {
    /// How long it is until the next question is due, at time `now`.
    fn left(&self, now: Duration) -> Duration {
        self.asked.get().map_or(Duration::ZERO, |asked| NAP.saturating_sub(now.saturating_sub(asked)))
    }
}

impl Member {
    /// How long it is until this half must ask the kernel again.
    pub(super) fn until_question(&self) -> Duration {
        self.watch.left(os::uptime())
    }

    /// Whether a question is due now. Uses a clock that may be some milliseconds behind.
    pub fn is_question_due(&self) -> bool {
        self.watch.left(os::uptime_lately()).is_zero()
    }

    /// Whether a thread that waits for several things is to ask about the peers of all of them now, though there is something. That
    /// takes no question away from a receive or a wait. Uses that clock, too.
    pub fn is_question_for_all_due(&self) -> bool {
        let asked = self.watch.asked_for_all.get();
        asked.is_none_or(|asked| os::uptime_lately().saturating_sub(asked) >= NAP)
    }

    /// Notes that it asks now.
    pub fn note_question_for_all(&self) {
        self.watch.asked_for_all.set(Some(os::uptime_lately()));
    }

    /// Notes that this half asks now, and asks about the ranks that it watches. It skips ranks that are known to be
    /// dead.
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

    /// How the life of `rank` with this epoch (perhaps still to come) has ended. Without `query`, a death goes unnoticed.
    pub fn end_of_life(&self, rank: u32, epoch: u64, query: bool) -> Option<Status> {
        match self.region.registry.life(rank).epoch().cmp(&epoch) {
            Ordering::Greater => Some(Status::Dead),
            Ordering::Equal => self.end_of(rank, query),
            Ordering::Less => None,
        }
    }

    /// Whether `rank` has ended in this life: it will neither send nor receive any more. Without `query`, a death is
    /// noticed only if a peer has reported it. Tells all peers about a death that they do not know of.
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
