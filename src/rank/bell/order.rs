//! Which side pays for the order between a sleeper and its ringers.
//!
//! ```text
//!                        it slept over 1000 times in a second: tell the ringers, one last barrier
//!  barriers: the sleeper ────────────────────────────────────────────────────────────────────────────▶ fences: both
//!  alone pays, but each  ◀──────────────────────────────────────────────────────────────────────────── sides pay, a
//!  interrupts strangers             a second went by with fewer: tell the ringers, barriers again      few ns each
//! ```
//! `membarrier` interrupts every running process that has joined any region. So a sleeper sends only few of them,
//! however often it is woken. A peer that rings for nothing, or clears the bell, cannot make it send more.
//!
//! No wake-up is lost during a change. A ringer publishes, loads the mode, fences if the mode says so, and loads the
//! bell, in this order. Only a processor's store buffer can change the order.
//!
//! - *To fences.* The sleeper stores the mode, then the bell, then sends its last barrier. A ringer that loaded the
//!   old mode did so before the barrier reached it. So it had published before, and this and all later looks see
//!   that. A ringer that loads the mode later sees that it must fence, and both sides fence.
//! - *To barriers.* The sleeper stores the mode before it falls asleep, and from then on each sleep has its barrier.
//!   The barrier works with ringers that saw either mode: an unneeded fence does no harm.
//! - *A barrier that fails*, because the process was forbidden the call after it joined: the sleeper stores the mode
//!   and fences from then on. A ringer that loaded the old mode just before has published, but the message may still
//!   be in its store buffer, where no fence of the sleeper reaches it. It leaves within about a microsecond, so the
//!   sleeper looks once more a millisecond later.

use super::{Bell, FENCE};
use crate::os;
use crate::sync::{Edge, Mutant, full_fence, mutated};
use core::cell::Cell;
use core::time::Duration;
use std::time::Instant;

/// How many sleeps within [`QUIET`] may have a barrier. This many cost an unrelated process half a percent of its
/// processor. With a tenth of them, many senders to one receiver with short sleeps pay a fence for each message: a
/// fifth to a third fewer messages.
const RATE: u32 = 1000;
/// The period over which sleeps are counted.
const QUIET: Duration = Duration::from_secs(1);
/// Within this time, by a wide margin, a store of another processor becomes visible.
pub const SETTLING: Duration = Duration::from_millis(1);
/// Calls of [`Order::review`] for one look at the clock.
const REVIEWS: u32 = 16;

/// What the sleeper on one bell knows about how often it sleeps.
pub struct Order {
    rate: u32,
    quiet: Duration,
    /// Whether ringers are asked to fence.
    fences: Cell<bool>,
    /// Whether this process can send barriers at all.
    has_barriers: Cell<bool>,
    /// When the present count of sleeps began.
    since: Cell<Option<Instant>>,
    sleeps: Cell<u32>,
    reviews: Cell<u32>,
}

/// Whether a look now sees what a ringer published before it looked at the bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Yes.
    Now,
    /// Within a millisecond.
    Soon,
}

impl Order {
    /// For a bell that begins with this mode, when a process joins.
    pub fn of(mode: u32) -> Self {
        let fences = mode & FENCE != 0;
        Self::new(fences, !fences, RATE, QUIET)
    }

    /// For a bell that asks for fences or not, of a process that can send barriers or not, with this limit of `rate`
    /// sleeps in `quiet`.
    pub fn new(fences: bool, has_barriers: bool, rate: u32, quiet: Duration) -> Self {
        Self {
            rate,
            quiet,
            fences: fences.into(),
            has_barriers: has_barriers.into(),
            since: Cell::default(),
            sleeps: Cell::default(),
            reviews: Cell::default(),
        }
    }

    /// Announces a sleep on `bell`. Returns whether a barrier must follow, and not only a fence.
    fn announce(&self, bell: Bell<'_>, now: Instant) -> bool {
        self.quieten(bell, now);
        self.sleeps.set(self.sleeps.get().saturating_add(1));
        let needs_barrier = !self.fences.get();
        if needs_barrier && self.is_frequent() && !is_late() {
            self.set_fences(bell, true);
        }
        bell.announce();
        needs_barrier
    }

    /// A barrier followed, or could not be sent.
    fn conclude(&self, bell: Bell<'_>, is_sent: bool) {
        if self.is_frequent() && is_late() {
            self.set_fences(bell, true);
        }
        if !is_sent {
            self.has_barriers.set(false);
            self.set_fences(bell, true);
        }
    }

    /// Whether there were more sleeps than may each have a barrier.
    fn is_frequent(&self) -> bool {
        self.sleeps.get() > self.rate
    }

    /// Whether ringers are asked to fence.
    #[inline(always)]
    pub fn fences(&self) -> bool {
        self.fences.get()
    }

    /// Called now and then by a half that is awake: once it sleeps seldom, its ringers need not fence any more.
    pub fn review(&self, bell: Bell<'_>) {
        let reviews = self.reviews.get();
        self.reviews.set(reviews.wrapping_add(1));
        if self.has_barriers.get() && reviews.is_multiple_of(REVIEWS) {
            self.quieten(bell, Instant::now());
        }
    }

    /// Ends a count of sleeps that has lasted long enough. If they were few, it ends the fences, too.
    pub fn quieten(&self, bell: Bell<'_>, now: Instant) {
        let Some(since) = self.since.get() else { return self.since.set(Some(now)) };
        if now.duration_since(since) < self.quiet {
            return;
        }
        let is_quiet = self.sleeps.replace(0) <= self.rate;
        self.since.set(Some(now));
        if is_quiet && self.fences.get() && self.has_barriers.get() {
            self.set_fences(bell, false);
        }
    }

    fn set_fences(&self, bell: Bell<'_>, fences: bool) {
        self.fences.set(fences);
        bell.set(FENCE, fences);
    }
}

/// Announces one sleep on all these bells, each in its own order: a process that publishes from then on sees it,
/// and what was published before is seen by the next look, or soon.
///
/// One barrier does for all of them. What is said above of one bell holds for each: its mode and its bit are stored before
/// the barrier, and all is looked at after it.
pub fn fall_asleep<'a>(sleeps: impl Iterator<Item = (&'a Order, Bell<'a>)> + Clone, now: Instant) -> Seen {
    let (mut needs_barrier, mut needs_fence) = (false, false);
    for (order, bell) in sleeps.clone() {
        let is_for_barrier = order.announce(bell, now);
        needs_barrier |= is_for_barrier;
        needs_fence |= !is_for_barrier;
    }
    let is_sent = needs_barrier && os::remote_fence();
    if needs_barrier {
        sleeps.for_each(|(order, bell)| order.conclude(bell, is_sent));
    }
    if needs_fence || !is_sent {
        full_fence(Edge::SleeperFence);
    }
    if needs_barrier && !is_sent { Seen::Soon } else { Seen::Now }
}

/// Whether a model check has the mode changed after the last barrier rather than before it.
fn is_late() -> bool {
    mutated(Mutant::Late)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::abi::Bells;
    use crate::sync::{AtomicU32, Ordering::Relaxed};
    use core::iter::once;

    fn bells() -> Bells {
        let word = || AtomicU32::new(0);
        Bells { word: word(), modes: [word(), word()], events: [word(), word()] }
    }

    fn has_fence(bell: Bell<'_>) -> bool {
        bell.mode().load(Relaxed) & FENCE != 0
    }

    #[test]
    fn fences_are_asked_for_by_who_sleeps_often_until_it_does_not() {
        let bells = bells();
        let (bell, order) = (Bell::mail(&bells), Order::new(false, os::register_for_fences(), RATE, QUIET));
        if !os::register_for_fences() {
            return; // It fences from the start on.
        }
        let start = Instant::now();
        for second in 0..3 {
            let now = start + second * QUIET;
            for sleep in 0..RATE {
                fall_asleep(once((&order, bell)), now);
                assert!(!has_fence(bell), "{second}, {sleep}");
            }
        }
        let now = start + 2 * QUIET;
        for _ in 0..1000 {
            fall_asleep(once((&order, bell)), now);
            assert!(has_fence(bell));
        }
        // That busy second is over.
        fall_asleep(once((&order, bell)), start + 3 * QUIET);
        assert!(has_fence(bell));
        fall_asleep(once((&order, bell)), start + 4 * QUIET);
        assert!(!has_fence(bell), "the last one was quiet");
    }

    #[test]
    fn who_does_not_sleep_any_more_does_not_ask_for_fences() {
        let bells = bells();
        let (bell, order) = (Bell::mail(&bells), Order::new(true, true, RATE, Duration::ZERO));
        bell.set(FENCE, true);
        (0..2 * REVIEWS).for_each(|_| order.review(bell));
        assert!(!has_fence(bell) && !order.fences());
    }

    #[test]
    fn who_has_no_barriers_asks_for_fences_for_good() {
        let bells = bells();
        let (bell, order) = (Bell::mail(&bells), Order::new(true, false, RATE, Duration::ZERO));
        bell.set(FENCE, true);
        for _ in 0..2 * REVIEWS {
            order.review(bell);
            assert_eq!(fall_asleep(once((&order, bell)), Instant::now()), Seen::Now);
        }
        assert!(has_fence(bell) && order.fences());
    }

    #[test]
    fn the_mode_keeps_its_other_bits() {
        let bells = bells();
        let (bell, order) = (Bell::room(&bells), Order::new(true, true, RATE, Duration::ZERO));
        bell.mode().store(u32::MAX, Relaxed);
        (0..2 * REVIEWS).for_each(|_| order.review(bell));
        assert_eq!(bell.mode().load(Relaxed), !FENCE);
    }
}
