//! Waiting: spin, yield, sleep; and waking whoever sleeps.
//!
//! Polls come with a pause between them, since each may take a line away from who is about to write it; after some
//! microseconds the processor is offered to others now and then.
//!
//! ```text
//!  sleeper                                  ringer
//!  bell = ASLEEP                            publish (a stamp, or head)
//!  barrier in every running ringer,         look at the bell's mode: full fence, if it asks for one
//!    or full fence                          bell == ASLEEP, and swap(AWAKE) took it:
//!  look once more; nothing:                 wake it
//!  sleep on it, bounded
//! ```
//! The publishing side pays two loads of a line that is rarely written. Why no wake-up is lost: `membarrier` puts a full
//! barrier into every running registered ringer. One that looked at the bell before that barrier had published before
//! it, so the sleeper's look sees it; one that looks later sees ASLEEP. (Dice, Huang and Yang, "Asymmetric Dekker
//! Synchronization".) Who sleeps often, or cannot send barriers, has both sides fence instead: see [`Order`], also for
//! the change from one to the other. A process registers for barriers before its first join.
//!
//! What wakes is a futex or, where the sleeper has said so ([`EVENT`]) and the ringer, too, has chosen events, an
//! event of `raw_sync`, at which the sleeper looks now and then. Either is a hint: the protocol of the words is the
//! same, and naps are bounded. `raw_sync` is not made for bytes that somebody else may write. So a ringer whose
//! program has not vouched for its peers ([`TrustedEvents`]) leaves their events alone, whatever they ask for: a peer
//! sees at its next look that its bell was rung.
//!
//! The ringer clears the bell: a flag that only the sleeper clears loses wake-ups, because a second ringer
//! cannot tell a sleeper from one that is already on its way.

mod order;

pub use order::{Order, SETTLING, Seen};

use crate::abi::{Bells, RESET};
use crate::os::{self, TrustedEvents};
use crate::sync::{AtomicU32, Edge, Mutant, Ordering::Relaxed, acquire, full_fence, mutated, release};

/// A bell whose owner does not sleep.
pub const AWAKE: u32 = 0;
/// A bell whose owner sleeps, or is about to.
pub const ASLEEP: u32 = 1;

/// The bit of a bell's mode that asks ringers for a full fence.
pub const FENCE: u32 = 1;
/// The bit of a bell's mode that asks ringers for an event.
pub const EVENT: u32 = 2;

/// What an endpoint, or half of one, does while it waits.
///
/// A sleeper wakes every 75 ms to see whether those it waits for live. It uses no processor otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Wait {
    /// Polls without end: the least latency, a whole processor. Under a real-time policy (`SCHED_FIFO`) it keeps that
    /// processor from ordinary processes, and a peer that has no other runs only when the kernel throttles: once a
    /// second.
    Spin,
    /// Polls for about 50 µs, then sleeps, which with the wake-up costs about as much. Where more ranks are awake than
    /// there are processors for them, as their affinity and the quota of this process' group allow, it offers its
    /// processor to them between polls. On a processor that another rank that is awake must use, too, and where it has
    /// no other, it yields once, and sleeps.
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
    /// Whom it waits for may need the only processor that it has: it lets others run, and looks once.
    Once,
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
    /// The ringer of this process, which is about to join; it asks the kernel to be reached by sleepers' barriers.
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
        bell.set(EVENT, self.events.is_some());
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
    pub fn needs_no_ring(self, bell: Bell<'_>) -> bool {
        // Before the mode is looked at, too: `Order` says why.
        os::light_fence();
        if self.bits | bell.mode.load(Relaxed) != 0 {
            return false;
        }
        os::light_fence();
        bell.word.load(Relaxed) != ASLEEP
    }

    /// Wakes the sleeper on `bell`, if there is one. What was published before is seen by its next look.
    ///
    /// Cost: as that of `needs_no_ring`, a full fence where the bell or this ringer asks for one, a system call if there
    /// is a sleeper.
    pub fn ring(self, bell: Bell<'_>) -> Rung {
        os::light_fence();
        let mode = bell.mode.load(Relaxed);
        if (self.bits | mode) & FENCE != 0 {
            full_fence(Edge::RingerFence);
        } else {
            os::light_fence();
        }
        let woken = bell.word.load(Relaxed) == ASLEEP && self.wake(bell);
        Rung { woken, wants_reset: mode & RESET != 0 }
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
    /// Whether the rank asks its senders to look whether it asks them for a reset.
    pub wants_reset: bool,
}

/// One of a rank's bells.
#[derive(Clone, Copy)]
pub struct Bell<'a> {
    pub(crate) word: &'a AtomicU32,
    mode: &'a AtomicU32,
    pub(crate) event: &'a AtomicU32,
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

    /// Asks ringers, from now on or no more, to look at more than the bell.
    pub fn set_resetting(self, asks: bool) {
        self.set(RESET, asks);
    }

    /// Sets a bit of the mode, or clears it. Its sleeper's alone to do.
    fn set(self, bit: u32, is_set: bool) {
        let mode = self.mode.load(Relaxed) & !bit;
        self.mode.store(if is_set { mode | bit } else { mode }, release(Edge::Mode));
    }
}

/// Whether it was this thread that woke a sleeper.
fn wake(word: &AtomicU32) -> bool {
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
