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
//! same, and naps are bounded. `raw_sync` is not made for bytes that somebody else may write. So a ringer that has
//! not chosen events itself leaves a peer's alone, whatever that peer asks for: the peer sees the bell at its next
//! look.
//!
//! The ringer clears the bell: a flag that only the sleeper clears loses wake-ups, because a second ringer
//! cannot tell a sleeper from one that is already on its way.

use crate::layout::{ASK, Bells};
use crate::os;
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
/// Whoever sleeps wakes every 75 ms to see whether those it waits for live, and uses no processor otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Wait {
    /// Polls without end: the least latency, a whole processor.
    Spin,
    /// Polls for about 50 µs, then sleeps, which with the wake-up costs about as much. Where more ranks are awake than
    /// there are processors it offers its processor to them between polls.
    #[default]
    Adaptive,
    /// Sleeps at once: the least use of processors.
    Block,
    /// Sleeps at once, without the system's help to be woken: looks at an event of the portable kind (a byte,
    /// set by a store) between pauses of an eighth of the time that it has slept, 50 µs at least and 5 ms at
    /// most, and sets those of peers that do so too. For processes that trust each other, and rarely of use
    /// where there are futexes. Whoever sleeps for long looks 200 times a second, which is some 0.5 % of a
    /// processor.
    ///
    /// A peer that has not chosen it leaves this rank's events alone, because the library that
    /// they come from asks for memory that nobody spoils; this endpoint sees at its next look that it was rung all
    /// the same.
    Event,
}

/// How a process, or half of one of its endpoints, rings.
#[derive(Debug, Clone, Copy)]
pub struct Ringer {
    /// [`FENCE`]: it must fence, whatever the sleeper says. [`EVENT`]: it sleeps on an event, and trusts those
    /// of others. One word, so that a small message has one to load.
    bits: u32,
}

impl Ringer {
    /// The ringer of this process; it asks the kernel to be reached by sleepers' barriers.
    pub fn register() -> Self {
        let events = if os::EVENTS_ONLY { EVENT } else { 0 };
        // A process that the kernel refuses to register cannot send barriers either.
        Self { bits: events | if os::register_for_fences() { 0 } else { FENCE } }
    }

    /// The mode of bells of this process.
    pub fn mode(self) -> u32 {
        self.bits & FENCE
    }

    /// This ringer for whoever sleeps on `bell` and waits like `how` from now on; tells the peers.
    pub fn choose(mut self, bell: Bell<'_>, how: Wait) -> Self {
        let wanted = how == Wait::Event || os::EVENTS_ONLY;
        if wanted {
            // Whatever a predecessor, or somebody else, has left there.
            os::Event::prepare(bell.event);
        }
        self.bits = if wanted { self.bits | EVENT } else { self.bits & !EVENT };
        let asks = bell.mode.load(Relaxed) & ASK;
        bell.mode.store(self.bits | asks, release(Edge::Mode));
        self
    }

    /// This ringer, which trusts the events of others from now on.
    pub fn trusting(self) -> Self {
        Self { bits: self.bits | EVENT }
    }

    /// Whether it has chosen events.
    pub fn trusts(self) -> bool {
        self.bits & EVENT != 0
    }

    /// Whether there is no need to ring `bell`: nobody sleeps on it, and it asks for nothing. What was published
    /// before is seen by the next sleeper's look.
    ///
    /// Cost: two loads of one read-mostly line.
    #[inline(always)]
    pub fn is_heard(self, bell: Bell<'_>) -> bool {
        if (self.bits & FENCE) | bell.mode.load(Relaxed) != 0 {
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
            && self.trusts()
            && mode.load(acquire(Edge::Mode)) & EVENT != 0
            && let Some(event) = os::Event::prepared(event)
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
/// so one that sleeps on an event must see by itself that it is.
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
    /// Whether to sleep on the bell's event.
    pub on_event: bool,
    /// Spin or sleep.
    pub how: Wait,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether more ranks are awake than there are processors.
    pub crowded: &'a dyn Fn() -> bool,
    /// Told when this falls asleep.
    pub asleep: &'a dyn Fn(),
    /// Whether `look` would find an interrupt.
    pub interrupted: &'a dyn Fn() -> bool,
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
        self.bell.word.store(AWAKE, Relaxed);
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
            Wait::Block | Wait::Event => return Ok(None),
            Wait::Adaptive if (self.crowded)() => 0,
            Wait::Adaptive | Wait::Spin => GREEDY,
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
        match self.on_event.then(|| os::Event::prepared(self.bell.event)).flatten() {
            // The bell's word, too: others than those that set events may have rung.
            Some(event) => event.wait(since, time, || (self.interrupted)() || !is_asleep(self.bell.word)),
            None => os::sleep_on(self.bell.word, ASLEEP, time),
        }
    }

    /// Announces the sleep: whoever publishes from now on sees it, and what was published before is seen by
    /// the next look.
    fn fall_asleep(&self) {
        self.bell.word.store(ASLEEP, Relaxed);
        os::remote_fence();
    }
}
