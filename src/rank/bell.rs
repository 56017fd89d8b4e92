//! Waiting: spin, yield, sleep; and waking a process that sleeps.
//!
//! Polls come with a pause between them, since each may take a line away from who is about to write it; after some
//! microseconds the processor is offered to others now and then.
//!
//! A rank has one bell, a word with a bit for each thing that it may sleep for: mail, and room. Each bit has one sleeper
//! at most, a half of the rank's endpoint; a thread that has both halves may sleep for both at once.
//!
//! ```text
//!  sleeper                                  ringer for one bit
//!  set its bits                             publish (a stamp, or head)
//!  barrier in every running ringer,         look at the mode of the bit: full fence, if it asks for one
//!    or full fence                          the bit is set, and it is this ringer that cleared it:
//!  look once more; nothing:                 wake those that sleep for the bit
//!  sleep for its bits, if the word is
//!    as it was seen, bounded
//!  in the end: clear its bits
//! ```
//! The publishing side pays two loads of a line that is rarely written. Why no wake-up is lost: `membarrier` puts a full
//! barrier into every running registered ringer. One that looked at the bell before that barrier had published before
//! it, so the sleeper's look sees it; one that looks later sees the bit. (Dice, Huang and Yang, "Asymmetric Dekker
//! Synchronization".) Who sleeps often, or cannot send barriers, has both sides fence instead: see [`Order`], also for
//! the change from one to the other. A process registers for barriers before its first join.
//!
//! Two sleepers on one word do not disturb each other, because
//! - nobody stores to the word: a process that changes it sets or clears bits, and leaves the others as they are;
//! - a sleeper clears its own bits only, when it goes, and the sleeper for another bit sleeps on;
//! - a process that claims a rank finds bits of its former life set. It *rings* them: if somebody sleeps there after all,
//!   such as a process that lost the rank, it wakes and looks;
//! - a wake-up reaches those that sleep for the bit that was rung. The system lets nobody fall asleep on a word that is
//!   not as it was seen, for whichever bit: a sleeper whose neighbour fell asleep or woke at that moment looks once more.
//!
//! A sleeper that was killed leaves its bit set: the next ringer clears it, and wakes nobody.
//!
//! What wakes is a futex or, where the sleeper has said so ([`EVENT`]) and the ringer, too, has chosen events, an
//! event of `raw_sync`, at which the sleeper looks now and then. Either is a hint: the protocol of the words is the
//! same, and naps are bounded. `raw_sync` is not made for bytes that somebody else may write. So a ringer whose
//! program has not vouched for its peers ([`TrustedEvents`]) leaves their events alone, whatever they ask for: a peer
//! sees at its next look that its bell was rung.
//!
//! The ringer clears the bit: a flag that only the sleeper clears loses wake-ups, because a second ringer
//! cannot tell a sleeper from one that is already on its way.

mod order;

pub use order::{Order, SETTLING, Seen};

use crate::abi::{Bells, MAIL, RESET, ROOM};
use crate::os::{self, TrustedEvents};
use crate::sync::{AtomicU32, Edge, Mutant, Ordering::Relaxed, acquire, full_fence, mutated, release};

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
            os::Event::prepare(bell.event(), trusted);
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
        if self.bits | bell.mode().load(Relaxed) != 0 {
            return false;
        }
        os::light_fence();
        !bell.has_sleeper()
    }

    /// Wakes the sleeper on `bell`, if there is one. What was published before is seen by its next look.
    ///
    /// Cost: as that of `needs_no_ring`, a full fence where the bell or this ringer asks for one, a system call if there
    /// is a sleeper.
    pub fn ring(self, bell: Bell<'_>) -> Rung {
        os::light_fence();
        let mode = bell.mode().load(Relaxed);
        if (self.bits | mode) & FENCE != 0 {
            full_fence(Edge::RingerFence);
        } else {
            os::light_fence();
        }
        let woken = bell.has_sleeper() && self.wake(bell);
        Rung { woken, wants_reset: mode & RESET != 0 }
    }

    fn wake(self, bell: Bell<'_>) -> bool {
        let woken = bell.wake();
        if woken
            && let Some(trusted) = self.events
            && bell.mode().load(acquire(Edge::Mode)) & EVENT != 0
            && let Some(event) = os::Event::prepared(bell.event(), trusted)
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

/// A rank's bell, and which of its bits are meant.
#[derive(Clone, Copy)]
pub struct Bell<'a> {
    bells: &'a Bells,
    pub(crate) bits: u32,
}

impl<'a> Bell<'a> {
    /// As the receiver of a rank sleeps on it, for mail.
    #[inline(always)]
    pub fn mail(bells: &'a Bells) -> Self {
        Self { bells, bits: MAIL }
    }

    /// As the sender of a rank sleeps on it, for room.
    #[inline(always)]
    pub fn room(bells: &'a Bells) -> Self {
        Self { bells, bits: if mutated(Mutant::Shared) { MAIL } else { ROOM } }
    }

    /// As a thread sleeps on it that has both halves, for mail and for room at once. Each of the two has its own
    /// [`Order`], and its own ringers.
    pub fn both(bells: &'a Bells) -> Self {
        Self { bells, bits: Self::mail(bells).bits | Self::room(bells).bits }
    }

    pub(crate) fn word(self) -> &'a AtomicU32 {
        &self.bells.word
    }

    /// What ringers must do beyond looking; for both, what those must do that ring for mail.
    #[inline(always)]
    fn mode(self) -> &'a AtomicU32 {
        &self.bells.modes[self.half()]
    }

    pub(crate) fn event(self) -> &'a AtomicU32 {
        &self.bells.events[self.half()]
    }

    #[inline(always)]
    fn half(self) -> usize {
        usize::from(self.bits == ROOM)
    }

    /// Asks ringers, from now on or no more, to look at more than the bell.
    pub fn set_resetting(self, asks: bool) {
        self.set(RESET, asks);
    }

    /// Sets a bit of the mode, or clears it. Its sleeper's alone to do.
    fn set(self, bit: u32, is_set: bool) {
        let mode = self.mode().load(Relaxed) & !bit;
        self.mode().store(if is_set { mode | bit } else { mode }, release(Edge::Mode));
    }

    /// Whether somebody sleeps for one of the bits, as far as one can tell from outside.
    #[inline(always)]
    fn has_sleeper(self) -> bool {
        self.bells.word.load(Relaxed) & self.bits != 0
    }

    /// Announces a sleep. The order is the caller's to keep.
    fn announce(self) {
        self.bells.word.fetch_or(self.bits, Relaxed);
    }

    /// The word, if no bit was rung since the sleep was announced; else what was published before is visible now.
    pub(crate) fn unrung(self) -> Option<u32> {
        let seen = self.bells.word.load(acquire(Edge::Bell));
        (seen & self.bits == self.bits).then_some(seen)
    }

    /// The sleep is over.
    pub fn wake_up(self) {
        let bits = if mutated(Mutant::Exit) { u32::MAX } else { self.bits };
        self.bells.word.fetch_and(!bits, Relaxed);
    }

    /// Whether it was this thread that woke a sleeper.
    fn wake(self) -> bool {
        if mutated(Mutant::Clear) {
            os::wake_on(&self.bells.word, self.bits);
            return true;
        }
        // Ends at the sleeper's load of the bell.
        let woken = self.bells.word.fetch_and(!self.bits, release(Edge::Bell)) & self.bits;
        if woken != 0 {
            os::wake_on(&self.bells.word, woken);
        }
        woken != 0
    }
}

/// Wakes all who sleep on this bell because they are interrupted. May be called from a signal handler, which may not
/// allocate: so it sets no event, and who sleeps on one sees at its next look that the bell was rung.
pub fn disturb(bells: &Bells) {
    full_fence(Edge::RingerFence);
    if is_asleep(bells) {
        Bell::both(bells).wake();
    }
}

/// For a process that has just claimed the rank: wakes all who seem to sleep in one of its former lives.
pub(super) fn take_over(bells: &Bells) {
    if mutated(Mutant::Claim) {
        bells.word.fetch_and(0, Relaxed);
    } else if is_asleep(bells) {
        Bell::both(bells).wake();
    }
}

/// Whether somebody sleeps on this bell, as far as one can tell from outside.
pub fn is_asleep(bells: &Bells) -> bool {
    Bell::both(bells).has_sleeper()
}
