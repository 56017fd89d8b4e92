//! Waiting: spin, yield, sleep; and waking whoever sleeps.
//!
//! Polls come with a pause between them, since each may take a line away from who is about to write it; after some
//! microseconds the processor is offered to others now and then.
//!
//! ```text
//!  sleeper                                  ringer
//!  bell = ASLEEP                            publish (a stamp, or head)
//!  barrier in every running ringer          compiler fence, or full fence
//!  look once more; nothing:                 bell == ASLEEP, and swap(AWAKE) took it:
//!  sleep on it, bounded                     wake it
//! ```
//! The publishing side pays one load of a line that is rarely written. Why no wake-up is lost: `membarrier`
//! puts a full barrier into every running registered ringer. One that looked at the bell before that barrier
//! had published before it, so the sleeper's look sees it; one that looks later sees ASLEEP. Where a process
//! cannot have or send such barriers both sides fence, which is the variant that loom checks. (Dice, Huang
//! and Yang, "Asymmetric Dekker Synchronization".)
//!
//! What wakes is a futex or, where the sleeper has said so ([`EVENT`]) and the ringer, too, has chosen events, an
//! event of `raw_sync`, at which the sleeper looks now and then. Either is a hint: the protocol of the words is the
//! same, and naps are bounded. `raw_sync` is not made for bytes that somebody else may write. So a ringer whose
//! program has not vouched for its peers ([`TrustedEvents`]) leaves their events alone, whatever they ask for: a peer
//! sees at its next look that its bell was rung.
//!
//! The ringer clears the bell: a flag that only the sleeper clears loses wake-ups, because a second ringer
//! cannot tell a sleeper from one that is already on its way.

use crate::layout::{ASK, Bells};
use crate::os::{self, TrustedEvents};
use crate::sync::{AtomicU32, Edge, Ordering::Relaxed, acquire, full_fence, release};
#[cfg(loom)]
use crate::sync::{Mutant, mutated};
use core::time::Duration;
use std::time::Instant;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// The bit of a bell's mode that asks ringers for a full fence.
pub const FENCE: u32 = 1;
/// The bit of a bell's mode that asks ringers for an event.
pub const EVENT: u32 = 2;

/// How long a sleeper sleeps before it looks whether those it waits for live.
const NAP: Duration = Duration::from_millis(75);
/// How long an adaptive wait polls before it sleeps: about what a sleep and a wake-up cost together.
const PATIENCE: Duration = Duration::from_micros(50);
/// A yield that takes longer has let somebody else run.
const LONG_YIELD: Duration = Duration::from_micros(10);
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;
/// Readings of the clock before the processor is offered for the first time: a reply that is on its way is taken as it
/// comes.
const GREEDY: u32 = 16;

/// What an endpoint, or half of one, does while it waits.
///
/// A sleeper wakes every 75 ms to see whether those it waits for live. It uses no processor otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Wait {
    /// Polls without end: the least latency, a whole processor. Under a real-time policy (`SCHED_FIFO`) it keeps that
    /// processor from ordinary processes, and a peer that has no other runs only when the kernel throttles: once a
    /// second.
    Spin,
    /// Polls for about 50 µs, then sleeps, which with the wake-up costs about as much. Where more ranks are awake than
    /// there are processors for them, as their affinity and the quota of this process' group allow, it offers its
    /// processor to them between polls. On a processor that another rank that is awake must use, too, and where it has
    /// no other, it sleeps at once.
    #[default]
    Adaptive,
    /// Sleeps at once: the least use of processors.
    Block,
    /// Sleeps at once, and looks now and then at an event, a byte that a peer sets: after 50 µs, then after each
    /// eighth of the time that it has slept, and at least every 5 ms. A long sleep costs 200 looks a second, some
    /// 0.5 % of a processor. [`Wait::Block`] is woken sooner and costs less.
    ///
    /// The events are those of `raw_sync`, which is sound only under the contract of [`TrustedEvents`]. A peer that
    /// has not chosen events sets none: this endpoint sees at its next look that the peer rang.
    Event(TrustedEvents),
}

/// How an adaptive wait may poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Polling {
    /// All that are awake can run at once.
    #[default]
    Free,
    /// More ranks are awake than there are processors: it offers its own between looks.
    Polite,
    /// Whom it waits for may need the only processor that it has.
    Never,
}

/// How a process, or half of one of its endpoints, rings.
#[derive(Debug, Clone, Copy)]
pub struct Ringer {
    /// [`FENCE`]: it must fence, whatever the sleeper says. A word, so that a small message has one to load.
    bits: u32,
    /// Whether it sets the events of others that have chosen them.
    events: Option<TrustedEvents>,
}

impl Ringer {
    /// The ringer of this process; it asks the kernel to be reached by sleepers' barriers.
    pub fn register() -> Self {
        // A process that the kernel refuses to register cannot send barriers either.
        Self { bits: if os::register_for_fences() { 0 } else { FENCE }, events: None }
    }

    /// The mode of bells of this process.
    pub fn mode(self) -> u32 {
        self.bits
    }

    /// This ringer for whoever sleeps on `bell` and waits like `how` from now on; tells the peers.
    pub fn choose(mut self, bell: Bell<'_>, how: Wait) -> Self {
        self.events = match how {
            Wait::Event(trusted) => Some(trusted),
            _ => None,
        };
        if let Some(trusted) = self.events {
            os::Event::prepare(bell.event, trusted);
        }
        let events = if self.events.is_some() { EVENT } else { 0 };
        let asks = bell.mode.load(Relaxed) & ASK;
        bell.mode.store(self.bits | events | asks, release(Edge::Mode));
        self
    }

    /// This ringer, which sets events from now on if there is a word for it.
    pub fn trusting(self, events: Option<TrustedEvents>) -> Self {
        Self { events, ..self }
    }

    /// The word for the events that it sets, if it has chosen them.
    pub fn events(self) -> Option<TrustedEvents> {
        self.events
    }

    /// Whether there is no need to ring `bell`: nobody sleeps on it, and it asks for nothing. What was published
    /// before is seen by the next sleeper's look.
    ///
    /// Cost: two loads of one read-mostly line.
    #[inline(always)]
    pub fn is_heard(self, bell: Bell<'_>) -> bool {
        if self.bits | bell.mode.load(Relaxed) != 0 {
            return false;
        }
        #[cfg(not(loom))]
        crate::sync::compiler_fence(crate::sync::Ordering::SeqCst);
        bell.word.load(Relaxed) != ASLEEP
    }

    /// Wakes the sleeper on `bell`, if there is one. What was published before is seen by its next look.
    ///
    /// Cost: as that of `is_heard`, a full fence where the bell or this ringer asks for one, a system call if there
    /// is a sleeper.
    pub fn ring(self, bell: Bell<'_>) -> Rung {
        let mode = bell.mode.load(Relaxed);
        if (self.bits | mode) & FENCE != 0 {
            full_fence(Edge::RingerFence);
        } else {
            #[cfg(not(loom))]
            crate::sync::compiler_fence(crate::sync::Ordering::SeqCst);
        }
        let woken = bell.word.load(Relaxed) == ASLEEP && self.wake(bell);
        Rung { woken, is_asked: mode & ASK != 0 }
    }

    fn wake(self, Bell { word, mode, event }: Bell<'_>) -> bool {
        let woken = wake(word);
        if woken
            && let Some(trusted) = self.events
            && mode.load(acquire(Edge::Mode)) & EVENT != 0
            && let Some(event) = os::Event::prepared(event, trusted)
        {
            event.set();
        }
        woken
    }
}

/// What came of ringing a bell.
#[derive(Debug, Clone, Copy)]
pub struct Rung {
    /// Whether there was a sleeper.
    pub woken: bool,
    /// Whether the rank asks its senders to look whether it asks them for a new start.
    pub is_asked: bool,
}

/// One of a rank's bells.
#[derive(Clone, Copy)]
pub struct Bell<'a> {
    word: &'a AtomicU32,
    mode: &'a AtomicU32,
    event: &'a AtomicU32,
}

impl<'a> Bell<'a> {
    /// The bell on which the receiver of a rank sleeps.
    #[inline(always)]
    pub fn mail(Bells { mail, modes: [mode, _], events: [event, _], .. }: &'a Bells) -> Self {
        Self { word: mail, mode, event }
    }

    /// The bell on which the sender of a rank sleeps.
    #[inline(always)]
    pub fn credit(Bells { credit, modes: [_, mode], events: [_, event], .. }: &'a Bells) -> Self {
        Self { word: credit, mode, event }
    }

    /// Asks ringers, from now on or no more, to look at more than the bell. Its sleeper's alone to do.
    pub fn set_asking(self, asks: bool) {
        let mode = self.mode.load(Relaxed) & !ASK;
        self.mode.store(if asks { mode | ASK } else { mode }, release(Edge::Mode));
    }
}

/// Whether it was this thread that woke a sleeper.
fn wake(word: &AtomicU32) -> bool {
    #[cfg(loom)]
    if mutated(Mutant::Clear) {
        os::wake_on(word);
        return true;
    }
    // Ends at the sleeper's load of the bell.
    let woken = word.swap(AWAKE, release(Edge::Bell)) == ASLEEP;
    if woken {
        os::wake_on(word);
    }
    woken
}

/// Wakes the sleeper on `bell` because it is interrupted. May be called from a signal handler, which may not allocate:
/// so it sets no event, and who sleeps on one sees at its next look that the bell was rung.
pub fn disturb(bell: &AtomicU32) {
    full_fence(Edge::RingerFence);
    if is_asleep(bell) {
        let _ = wake(bell);
    }
}

/// Whether the sleeper on this bell sleeps, as far as one can tell from outside.
pub fn is_asleep(bell: &AtomicU32) -> bool {
    bell.load(Relaxed) == ASLEEP
}

/// How a wait is done.
pub struct Waiter<'a> {
    /// What to sleep on; this thread is the only one that does.
    pub bell: Bell<'a>,
    /// The word for sleeping on the bell's event, if that is to be slept on.
    pub events: Option<TrustedEvents>,
    /// Spin or sleep.
    pub how: Wait,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether the bell is still this process' to write.
    pub holds: &'a dyn Fn() -> bool,
    /// How an adaptive wait that begins now may poll.
    pub polling: &'a dyn Fn() -> Polling,
    /// Told when this falls asleep.
    pub asleep: &'a dyn Fn(),
}

impl Waiter<'_> {
    /// Waits until `look` finds something: `Ok(None)` is the deadline.
    ///
    /// `look` is cheap and called often; with `true` it must not miss anything. `check` is called when nothing
    /// came for a while, at least every 75 ms, when the bell was rung for nothing, and at the end, and says
    /// whether waiting still makes sense (I6).
    pub fn wait<T, E>(
        &self,
        mut look: impl FnMut(bool) -> Result<Option<T>, E>,
        mut check: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        if let Some(found) = self.poll(&mut look, &mut check)? {
            return Ok(Some(found));
        }
        if self.expired() {
            if let Some(found) = look(true)? {
                return Ok(Some(found));
            }
            // An end is told however short the time is, or whoever polls with short waits never hears of it.
            return check();
        }
        let result = self.sleep(&mut look, &mut check);
        if (self.holds)() {
            self.bell.word.store(AWAKE, Relaxed);
        }
        result
    }

    fn expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Polls as long as the strategy allows.
    fn poll<T, E>(
        &self,
        look: &mut impl FnMut(bool) -> Result<Option<T>, E>,
        check: &mut impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut greedy = match self.how {
            Wait::Block | Wait::Event(_) => return Ok(None),
            Wait::Spin => GREEDY,
            Wait::Adaptive => match (self.polling)() {
                Polling::Free => GREEDY,
                Polling::Polite => 0,
                Polling::Never => return Ok(None),
            },
        };
        let start = Instant::now();
        let mut checked = start;
        loop {
            for _ in 0..LOOKS {
                if let Some(found) = look(false)? {
                    return Ok(Some(found));
                }
                core::hint::spin_loop();
            }
            let mut now = Instant::now();
            if self.how == Wait::Adaptive {
                if greedy == 0 {
                    let offered = now;
                    std::thread::yield_now();
                    now = Instant::now();
                    // Whoever has to share its processor is better woken than run in turn.
                    if now - offered > LONG_YIELD {
                        return Ok(None);
                    }
                }
                if now - start > PATIENCE {
                    return Ok(None);
                }
            }
            greedy = greedy.saturating_sub(1);
            if now - checked > NAP {
                if let Some(found) = check()? {
                    return Ok(Some(found));
                }
                checked = now;
            }
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
        }
    }

    /// Sleeps between looks.
    fn sleep<T, E>(
        &self,
        look: &mut impl FnMut(bool) -> Result<Option<T>, E>,
        check: &mut impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let (since, mut checked) = (Instant::now(), None);
        loop {
            if !(self.holds)() {
                // It says so.
                return check();
            }
            (self.asleep)();
            self.fall_asleep();
            // One barrier serves all naps until the bell is rung.
            loop {
                if let Some(found) = look(true)? {
                    return Ok(Some(found));
                }
                let now = Instant::now();
                if checked.is_none_or(|last| now.duration_since(last) >= NAP) {
                    if let Some(found) = check()? {
                        return Ok(Some(found));
                    }
                    checked = Some(now);
                }
                let nap = match self.deadline {
                    None => NAP,
                    Some(deadline) if deadline <= now => return Ok(None),
                    Some(deadline) => NAP.min(deadline - now),
                };
                self.nap(since, nap);
                if self.bell.word.load(acquire(Edge::Bell)) != ASLEEP {
                    // Rung: for what `look` looks for, or because a peer has left.
                    if let Some(found) = look(true)? {
                        return Ok(Some(found));
                    }
                    checked = None;
                    break;
                }
            }
        }
    }

    /// Sleeps until the bell is rung, at most for `time`; may also return for no reason.
    fn nap(&self, since: Instant, time: Duration) {
        match self.events.and_then(|trusted| os::Event::prepared(self.bell.event, trusted)) {
            // The bell's word, too: others than those that set events may have rung.
            Some(event) => event.wait(since, time, || !is_asleep(self.bell.word)),
            None => os::sleep_on(self.bell.word, ASLEEP, since, time),
        }
    }

    /// Announces the sleep: whoever publishes from now on sees it, and what was published before is seen by
    /// the next look.
    fn fall_asleep(&self) {
        self.bell.word.store(ASLEEP, Relaxed);
        os::remote_fence();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::cell::Cell;
    use core::convert::Infallible;

    #[test]
    fn a_wait_polls_before_it_sleeps_where_it_may() {
        let word = || AtomicU32::new(0);
        let bells = Bells { mail: word(), credit: word(), modes: [word(), word()], events: [word(), word()] };
        for (how, polling, polls) in [
            (Wait::Adaptive, Polling::Free, true),
            (Wait::Adaptive, Polling::Polite, true),
            (Wait::Adaptive, Polling::Never, false),
            (Wait::Block, Polling::Free, false),
        ] {
            let polled = Cell::new(false);
            let waiter = Waiter {
                bell: Bell::mail(&bells),
                events: None,
                how,
                deadline: Instant::now().checked_add(Duration::from_millis(5)),
                holds: &|| true,
                polling: &|| polling,
                asleep: &|| (),
            };
            let look = |thorough: bool| {
                polled.set(polled.get() || !thorough);
                Ok::<Option<()>, Infallible>(None)
            };
            assert_eq!(waiter.wait(look, || Ok(None)), Ok(None));
            assert_eq!(polled.get(), polls, "{how:?}, {polling:?}");
        }
    }
}
