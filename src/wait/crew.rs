//! Several threads that use one rank together, and wait for one thing each.
//!
//! What they use lies under a lock, which a thread holds while it looks and never while it waits. Of those that wait, one
//! leads: it sleeps on the rank's bell. The others follow: each sleeps on a condition variable of its own.
//!
//! ```text
//!  a thread that waits, under the lock but where it sleeps
//!  take a seat
//!  again and again:
//!    set the bits of the bell that it waits for and that nobody has announced
//!    nobody leads: lead
//!    it leads: set those bits again that were rung
//!    look for what it waits for itself; there: leave
//!    it leads: look for what the others wait for, and call those for whom there is something
//!              sleep on the bell, unless a bit was rung meanwhile
//!    it follows: sleep until called
//!    either sleep is bounded
//!  leave: clear the bits that nobody waits for any more
//!         it led: call another, which will lead
//!         else: look for what the others wait for
//! ```
//!
//! # Why nobody sleeps while there is something for it
//!
//! A bit is *announced* from when the first one sets it that waits for it until the last such one leaves. Between two
//! holds of the lock this holds for each one that sits and each of its bits: something that comes after the last look for
//! it rings a set bit; or the bit is announced and was rung, and a thread is on its way that looks for all: the leader,
//! whom the ring wakes or keeps from falling asleep, or one that was called to lead.
//!
//! - *A thread sits down.* It sets its bits in the order of the bell (`rank::bell`) and then looks. Where another has
//!   announced them, that one's fence comes before its own look, by the lock, and so does for it: what it does not see is
//!   published by a ringer that sees the bit, or that has rung it.
//! - *A bit is rung.* Only the leader sets it again, and looks for all before it sleeps. A follower that did so would undo
//!   the ring: a leader on its way to sleep would find the word as it was, and sleep, though it has not looked.
//! - *A follower sets a bit that the leader has not seen.* If that is rung before the leader sleeps, the word is again what
//!   the leader saw. So the leader marks the word ([`LED`]) when it has looked, and the follower takes the mark away: then
//!   the leader does not fall asleep but looks again. One that is asleep already is woken by either bit.
//! - *The leader leaves.* It calls another under the same hold of the lock, unless one is called already. That one is
//!   awake. It finds that nobody leads, leads, and looks for all; or it is done and on its way out. Each thread that leaves
//!   while nobody leads and nobody is called calls another, so that the last one awake does.
//! - *A follower is called* for something that several wait for, and takes it: when it leaves it looks for the others, of
//!   whom one may be called for what came behind that.
//! - *Something changes without a ring*, by what a thread of the crew does: that thread has all looked for ([`Crew::stir`]).
//! - *A ringer dies* between clearing the bit and waking the leader, or a thread of the crew is stopped: as ever, all
//!   sleeps are bounded, and a thread that wakes looks.
//!
//! Of those that wait for the same, the first asks the kernel every 75 ms whether what it waits for can still come,
//! also if others have asked meanwhile. When it leaves, the next is the first. One of all does what a rank does for the
//! others every 75 ms, and asks about those that it watches. The next thread that receives from anyone then asks, too: so
//! ends are told though each wait is short.

mod alone;
mod watch;

use watch::Watch;

use super::Deadline;
use super::pace::NAP;
use crate::abi::{Bells, LED, MAIL, ROOM};
use crate::memory::Shared;
use crate::os;
use crate::rank::{Bell, Polling, SETTLING, Seen, Wait, disturb};
use crate::sync::{Condvar, Mutant, Mutex, MutexGuard, mutated};
use core::time::Duration;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// What the threads of a crew use, each while it has the lock.
pub trait Common {
    /// What a thread waits for.
    type Want;

    /// The bits of the bell that are rung for it.
    fn bits(want: &Self::Want) -> u32;

    /// Whether these two wait for the same, so that it is enough to call one of them.
    fn is_alike(one: &Self::Want, other: &Self::Want) -> bool;

    /// Whether a thread that waits for this is told of the ends of all.
    fn hears_of_ends(want: &Self::Want) -> bool;

    /// Whether there may be something for a thread that waits for this. `is_first`: nobody gets it before.
    fn has_news(&self, want: &Self::Want, is_first: bool) -> bool;

    /// Sets these bits of the bell, in their order, for a thread that waits for this.
    fn fall_asleep(&self, want: &Self::Want, bits: u32, now: Instant) -> Seen;

    /// Clears these bits.
    fn wake_up(&self, bits: u32);

    /// How long it is until the kernel is to be asked again who lives.
    fn until_question(&self) -> Duration;

    /// Whether that time has come. Cheaper: uses a clock that may be some milliseconds behind.
    fn is_question_due(&self) -> bool {
        self.until_question().is_zero()
    }

    /// Notes that it is asked now, and asks about the ranks that this one watches on behalf of all.
    fn watch(&self) {}

    /// How a thread waits while no other does.
    fn how(&self) -> Wait;

    /// How it may poll, as far as it knows without looking at others.
    fn polling(&self) -> Polling;

    /// How an adaptive wait that begins now may poll.
    fn begin_polling(&self) -> Polling {
        self.polling()
    }

    /// Called now and then while a thread is awake: if threads sleep seldom, their ringers need not fence any more.
    fn review_order(&self) {}
}

/// How thoroughly a thread looks for what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// One of the first, of which many come in a moment. It may look only where something is expected.
    Soon,
    /// One of many looks.
    Brief,
    /// It misses nothing that is there.
    Thorough,
    /// It finds, too, that nothing can come any more.
    Check {
        /// Whether it asks the kernel for that.
        query: bool,
    },
}

/// What came of a look.
#[derive(Debug)]
pub enum Found<R> {
    /// What was waited for.
    All(R),
    /// Some of it; it is worth another look.
    Some,
    /// Nothing.
    Nothing,
}

/// The threads that use a rank together.
pub struct Crew<T: Common> {
    bells: Shared<Bells>,
    watch: Mutex<Watch<T>>,
}

impl<T: Common> Crew<T> {
    /// A crew of a rank that has these bells.
    pub fn new(bells: Shared<Bells>, common: T) -> Self {
        Self { bells, watch: Mutex::new(Watch::new(common)) }
    }

    /// What its threads used, once they are gone.
    pub fn into_inner(self) -> T {
        self.watch.into_inner().unwrap_or_else(PoisonError::into_inner).common
    }

    /// Does something with what all use. Waits for other threads that do, never for a peer.
    #[inline(always)]
    pub fn with<R>(&self, work: impl FnOnce(&T) -> R) -> R {
        work(&self.lock().common)
    }

    /// As `with`, and looks for what others wait for afterwards, since no peer will ring for that.
    pub fn stir<R>(&self, work: impl FnOnce(&T) -> R) -> R {
        let mut watch = self.lock();
        let result = work(&watch.common);
        self.call_all(watch.hand_out(), watch);
        result
    }

    /// A panic in a look leaves everything as it is between two steps of an endpoint, as it does where one thread has it.
    #[inline(always)]
    fn lock(&self) -> MutexGuard<'_, Watch<T>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but not beyond the deadline, until `look` finds what is wanted; `None`: it did not.
    pub fn wait<R, E>(
        &self,
        want: T::Want,
        deadline: Deadline,
        mut look: impl FnMut(&T, Look) -> Result<Found<R>, E>,
    ) -> Result<Option<R>, E> {
        let since = Instant::now();
        let sitting = Sitting::down(self, want);
        let mut watch = self.lock();
        let (mut has_asked, mut is_blind) = (false, mutated(Mutant::Stale) && watch.leader.is_some());
        loop {
            let seen = watch.announce(sitting.number, &self.bells);
            let left = watch.until_question(sitting.number, Instant::now());
            let query = left.is_zero();
            has_asked |= query;
            let mut has_gone_on = false;
            for how in [Look::Thorough, Look::Check { query }] {
                match if is_blind { Found::Nothing } else { look(&watch.common, how)? } {
                    Found::All(result) => return Ok(Some(result)),
                    Found::Some => has_gone_on = true,
                    Found::Nothing => continue,
                }
                break;
            }
            is_blind = false;
            let now = Instant::now();
            if deadline.has_passed(|| now) {
                // An end is told however short the time is, or a caller that waits briefly never hears of it.
                let last = if has_asked {
                    Found::Nothing
                } else {
                    look(&watch.common, Look::Check { query: true })?
                };
                return Ok(if let Found::All(result) = last { Some(result) } else { None });
            }
            if has_gone_on {
                // However long the peer goes on, the others do meanwhile, too.
                let called = watch.hand_out();
                drop(watch);
                called.iter().for_each(|place| place.notify_one());
                watch = self.lock();
                continue;
            }
            let mut nap = if query { NAP } else { left };
            if let Deadline::At(time) = deadline {
                nap = nap.min(time - now);
            }
            if seen == Seen::Soon {
                nap = nap.min(SETTLING);
            }
            watch = if watch.leader == Some(sitting.number) {
                self.lead(watch, since, nap)
            } else {
                self.follow(watch, sitting.number, nap)
            };
        }
    }

    /// Sleeps on the bell, once the others were looked for.
    fn lead<'a>(
        &'a self,
        mut watch: MutexGuard<'a, Watch<T>>,
        since: Instant,
        nap: Duration,
    ) -> MutexGuard<'a, Watch<T>> {
        let called = if mutated(Mutant::Selfish) { vec![] } else { watch.hand_out() };
        let bell = Bell::of(&self.bells, watch.announced);
        let unrung = bell.lead();
        drop(watch);
        called.iter().for_each(|place| place.notify_one());
        if let Some(seen) = unrung {
            // For either bit: others may announce the second one meanwhile.
            os::sleep_on(bell.word(), seen, MAIL | ROOM | LED, since, nap);
        }
        self.lock()
    }

    /// Sleeps until it is called.
    fn follow<'a>(
        &'a self,
        mut watch: MutexGuard<'a, Watch<T>>,
        number: u64,
        nap: Duration,
    ) -> MutexGuard<'a, Watch<T>> {
        let place = watch.follow(number);
        place.wait_timeout(watch, nap).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes those that were called, and the leader, if there is something for it; not under the lock, which they take.
    fn call_all(&self, called: Vec<Arc<Condvar>>, watch: MutexGuard<'_, Watch<T>>) {
        let is_for_leader = watch.has_news_for_leader();
        drop(watch);
        called.iter().for_each(|place| place.notify_one());
        if is_for_leader {
            disturb(&self.bells);
        }
    }
}

/// A seat that is taken. Dropping this leaves it, also while the thread unwinds.
struct Sitting<'a, T: Common> {
    crew: &'a Crew<T>,
    number: u64,
}

impl<'a, T: Common> Sitting<'a, T> {
    fn down(crew: &'a Crew<T>, want: T::Want) -> Self {
        let number = crew.lock().sit(want);
        Self { crew, number }
    }
}

impl<T: Common> Drop for Sitting<'_, T> {
    fn drop(&mut self) {
        if cfg!(loom) && std::thread::panicking() {
            return; // A model that found a mistake ends each thread where it stands.
        }
        let mut watch = self.crew.lock();
        let called = watch.leave(self.number);
        self.crew.call_all(called, watch);
    }
}
