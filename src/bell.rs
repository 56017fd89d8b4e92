//! Waiting: spin, yield, sleep; and waking whoever sleeps.
//!
//! Polls come first without, then with a pause between them and the processor offered to others now and then.
//!
//! ```text
//!  sleeper                                  ringer
//!  bell = ASLEEP                            publish (a stamp, or head)
//!  barrier in every running ringer          compiler fence, or full fence
//!  look once more; nothing:                 bell == ASLEEP, and swap(AWAKE) took it:
//!  futex_wait(bell, ASLEEP), bounded        futex_wake(bell)
//! ```
//! The publishing side pays one load of a line that is rarely written. Why no wake-up is lost: `membarrier`
//! puts a full barrier into every running registered ringer. One that looked at the bell before that barrier
//! had published before it, so the sleeper's look sees it; one that looks later sees ASLEEP. Where a process
//! cannot have or send such barriers both sides fence, which is the variant that loom checks. (Dice, Huang
//! and Yang, "Asymmetric Dekker Synchronization".)
//!
//! The ringer clears the bell: a flag that only the sleeper clears loses wake-ups, because a second ringer
//! cannot tell a sleeper from one that is already on its way.

use crate::layout::Bells;
use crate::os;
use crate::sync::{AtomicU32, Edge, Ordering::Relaxed, acquire, full_fence, release};
#[cfg(loom)]
use crate::sync::{Mutant, mutated};
use core::time::Duration;
use std::time::Instant;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// The value of [`Bells::mode`] that asks ringers for a full fence.
pub const FENCE: u32 = 1;

/// How long a sleeper sleeps before it looks whether those it waits for live.
const NAP: Duration = Duration::from_millis(50);
/// How long an adaptive wait polls before it sleeps: about what a sleep and a wake-up cost together.
const PATIENCE: Duration = Duration::from_micros(50);
/// A yield that takes longer has let somebody else run.
const LONG_YIELD: Duration = Duration::from_micros(10);
/// Polls of the first burst, without a pause in between: a reply that is on its way is taken as it comes.
const BURST: u32 = 1024;
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;

/// What an endpoint does while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Wait {
    /// Polls without end: the least latency, a whole processor.
    Spin,
    /// Polls for about 50 µs, then sleeps. Where more ranks are awake than there are processors it offers its
    /// processor to them between polls.
    #[default]
    Adaptive,
    /// Sleeps at once: the least use of processors.
    Block,
}

/// Whether ringers of this process must fence, whatever the sleeper says.
#[derive(Debug, Clone, Copy)]
pub struct Ringer {
    fences: bool,
}

impl Ringer {
    /// The ringer of this process; it asks the kernel to be reached by sleepers' barriers.
    pub fn register() -> Self {
        Self { fences: !os::register_for_fences() }
    }

    /// The [`Bells::mode`] of ranks of this process.
    pub fn mode(self) -> u32 {
        // A process that the kernel refuses to register cannot send barriers either.
        if self.fences { FENCE } else { 0 }
    }

    /// Wakes the sleeper on `bell`, one of `bells`, if there is one; whether there was. What was published
    /// before is seen by its next look.
    ///
    /// Cost: two loads of one read-mostly line; a system call if there is a sleeper.
    #[inline(always)]
    pub fn ring(self, bells: &Bells, bell: &AtomicU32) -> bool {
        if self.fences || bells.mode.load(Relaxed) == FENCE {
            fence_ringer();
        } else {
            #[cfg(not(loom))]
            crate::sync::compiler_fence(crate::sync::Ordering::SeqCst);
        }
        bell.load(Relaxed) == ASLEEP && wake(bell)
    }
}

#[cold]
fn fence_ringer() {
    full_fence(Edge::RingerFence);
}

#[cold]
fn wake(bell: &AtomicU32) -> bool {
    #[cfg(loom)]
    if mutated(Mutant::Clear) {
        os::futex_wake(bell);
        return true;
    }
    // Ends at the sleeper's load of the bell.
    let sleeps = bell.swap(AWAKE, release(Edge::Bell)) == ASLEEP;
    if sleeps {
        os::futex_wake(bell);
    }
    sleeps
}

/// Wakes the sleeper on `bell` for another reason than mail or credit. May be called from a signal handler.
pub fn disturb(bell: &AtomicU32) {
    full_fence(Edge::RingerFence);
    if is_asleep(bell) {
        wake(bell);
    }
}

/// Whether the sleeper on this bell sleeps, as far as one can tell from outside.
pub fn is_asleep(bell: &AtomicU32) -> bool {
    bell.load(Relaxed) == ASLEEP
}

/// How a wait is done.
pub struct Waiter<'a> {
    /// What to sleep on; this thread is the only one that does.
    pub bell: &'a AtomicU32,
    /// Spin or sleep.
    pub how: Wait,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether more ranks are awake than there are processors.
    pub crowded: &'a dyn Fn() -> bool,
    /// Told when this falls asleep.
    pub asleep: &'a dyn Fn(),
}

impl Waiter<'_> {
    /// Waits until `look` finds something: `Ok(None)` is the deadline.
    ///
    /// `look` is cheap and called often; with `true` it must not miss anything. `check` is called when nothing came for a while, at least every
    /// 50 ms, when the bell was rung for nothing, and at the end, and says whether waiting still makes sense
    /// (I6).
    pub fn wait<T, E>(
        &self,
        mut look: impl FnMut(bool) -> Result<Option<T>, E>,
        mut check: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        if let Some(found) = self.poll(&mut look, &mut check)? {
            return Ok(Some(found));
        }
        if self.expired() {
            // An end is told however short the time is, or whoever polls with short waits never hears of it.
            return check();
        }
        let result = self.sleep(&mut look, &mut check);
        self.bell.store(AWAKE, Relaxed);
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
        let start = Instant::now();
        match self.how {
            Wait::Block => return Ok(None),
            Wait::Adaptive if (self.crowded)() => {}
            Wait::Adaptive | Wait::Spin => {
                for _ in 0..BURST / LOOKS {
                    for _ in 0..LOOKS {
                        if let Some(found) = look(false)? {
                            return Ok(Some(found));
                        }
                    }
                    // A look round a thousand mailboxes takes microseconds.
                    let now = Instant::now();
                    if now - start > PATIENCE || self.deadline.is_some_and(|deadline| now >= deadline) {
                        break;
                    }
                }
            }
        }
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
                std::thread::yield_now();
                let yielded = now;
                now = Instant::now();
                // Whoever has to share its processor is better woken than run in turn.
                if now - yielded > LONG_YIELD || now - start > PATIENCE {
                    return Ok(None);
                }
            }
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
        let mut checked = None;
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
                os::futex_wait(self.bell, ASLEEP, nap);
                if self.bell.load(acquire(Edge::Bell)) != ASLEEP {
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

    /// Announces the sleep: whoever publishes from now on sees it, and what was published before is seen by
    /// the next look.
    fn fall_asleep(&self) {
        self.bell.store(ASLEEP, Relaxed);
        os::remote_fence();
    }
}
