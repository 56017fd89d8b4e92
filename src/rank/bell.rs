//! Waiting: spin, yield, sleep; and waking a process that sleeps.
//!
//! Between two polls there is a pause, because each poll may take a cache line away from the process that is about to
//! write it. After some microseconds, a polling process also offers its processor to others now and then.
//!
//! A rank has one bell: a word with one bit for each thing that the rank may sleep for, mail and room. Each bit has
//! at most one sleeper, a half of the rank's endpoint. A thread that has both halves may sleep for both at once.
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
//! The publishing side pays for two loads of a line that is rarely written. No wake-up is lost, because `membarrier`
//! executes a full barrier in every running registered ringer. If a ringer looked at the bell before that barrier, it
//! had published before it, so the sleeper's look sees the message. If it looks later, it sees the bit. (Dice, Huang
//! and Yang, "Asymmetric Dekker Synchronization".) If a process sleeps often, or cannot send barriers, both sides
//! fence instead: see [`Order`], which also explains the change from one to the other. A process registers for
//! barriers before its first join.
//!
//! Two sleepers on one word do not disturb each other:
//! - Nobody stores to the whole word. Each process sets or clears bits and leaves the others as they are.
//! - A sleeper that wakes clears only its own bit. The sleeper for the other bit sleeps on.
//! - A process that claims a rank may find bits of a former life set. It *rings* them. If some process does sleep
//!   there, such as one that lost the rank, it wakes up and looks.
//! - A wake-up reaches all that sleep for the bit that was rung, and not only one of them. The kernel lets no process fall
//!   asleep if the word has changed in any bit since the process read it. So a process that falls asleep while the
//!   other sleeper comes or goes looks once more.
//!
//! One thread may sleep on several words: [`Select`](crate::Select). It sets its bits in each, sends one barrier for all,
//! looks at all, and sleeps with one `futex_waitv`. The argument above holds for each word, because all bits are set before
//! the barrier and all looks come after it. The kernel queues such a sleeper on every word for *any* bit, and returns
//! `EAGAIN` if one word has changed. It takes no wake-up from the sleeper for the other bit, because a ringer wakes all
//! (`FUTEX_WAKE_BITSET` with `INT_MAX`); had it woken one, that could have been the wrong one. In return it is also woken
//! for the other bit, looks, and sleeps on. In the end it clears its bits on all words. If it is killed, it leaves several
//! bits, each as a single sleeper leaves one. Without the system call (an old kernel, a sandbox, more than 128 words,
//! another system) it looks between naps of 1 ms.
//!
//! A killed sleeper leaves its bit set. The next ringer clears the bit, and wakes nobody.
//!
//! A sleeper is woken by a futex. If the sleeper has chosen events ([`EVENT`]) and the ringer has, too, it is woken
//! by an event of `raw_sync`, which it polls at growing intervals. Both are only hints: the protocol of the words is
//! the same, and naps are bounded. `raw_sync` is not made for bytes that other processes may write. So a ringer whose
//! program has not vouched for its peers ([`TrustedEvents`]) never touches their events, even if they ask for it.
//! Such a peer sees at its next look that its bell was rung.
//!
//! The ringer clears the bit. If only the sleeper cleared it, wake-ups would be lost: a second ringer could not tell
//! a sleeper from a process that is already waking up.

mod order;

pub use order::{Order, SETTLING, Seen, fall_asleep};

use crate::abi::{Bells, LED, MAIL, RESET, ROOM};
use crate::os::{self, TrustedEvents};
use crate::sync::{AtomicU32, Edge, Mutant, Ordering::Relaxed, acquire, full_fence, mutated, release};

/// The bit of a bell's mode that asks ringers for a full fence.
pub const FENCE: u32 = 1;
/// The bit of a bell's mode that asks ringers for an event.
pub const EVENT: u32 = 2;

/// What an endpoint, or one of its halves, does while it waits.
///
/// A sleeping endpoint wakes every 75 ms to check that its peers are alive. Apart from that it uses no processor
/// time.
///
/// ```
/// # use mailbox::{Config, Region, Wait};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let processors = std::thread::available_parallelism()?.get();
/// let (mut sender, mut receiver) = me.into_split();
/// sender.set_wait(Wait::Block); // it hardly ever waits
/// receiver.set_wait(if processors > 4 { Wait::Spin } else { Wait::Adaptive });
/// # other.send(0, b"a price")?;
/// # assert_eq!(receiver.recv()?.to_vec(), b"a price");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Wait {
    /// Polls without end: least latency, but a whole processor. Under a real-time policy (`SCHED_FIFO`) it keeps
    /// ordinary processes off that processor. A peer that has no other processor then runs only when the kernel
    /// throttles real-time processes, once a second.
    Spin,
    /// Polls for about 50 µs, then sleeps; sleeping and waking up cost about as much. If more ranks are awake than
    /// there are processors for them (by their affinity and the quota of this process's group), it offers its
    /// processor to them between polls. If it has only one processor, and another awake rank must use the same one,
    /// it yields once and then sleeps.
    #[default]
    Adaptive,
    /// Sleeps at once: the least processor time.
    Block,
    /// Sleeps at once, and polls an event, a byte that peers set: first after 50 µs, then after each eighth of the
    /// time slept so far, and at least every 5 ms. A long sleep costs 200 polls a second, about 0.5 % of a processor.
    /// [`Wait::Block`] is woken sooner and costs less.
    ///
    /// The events are those of `raw_sync`, which is sound only under the contract of [`TrustedEvents`]. A peer that
    /// has not chosen events sets none; this endpoint then sees at its next poll that the peer rang.
    Event(TrustedEvents),
}

/// How an adaptive wait may poll, less and less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Polling {
    /// All awake ranks can run at once.
    #[default]
    Free,
    /// More ranks are awake than there are processors: it offers its own between looks.
    Polite,
    /// The peer that it waits for may need its only processor: it lets others run, and looks once.
    Once,
}

/// How a process, or a half of one of its endpoints, rings.
#[derive(Debug, Clone, Copy)]
pub struct Ringer {
    /// [`FENCE`] if it must fence even if the sleeper does not ask for it. A word, so that a small message has only
    /// one to load.
    bits: u32,
    /// Whether it sets the events of others that have chosen them.
    events: Option<TrustedEvents>,
}

impl Ringer {
    /// The ringer of this process, which is about to join. Registers the process with the kernel for sleepers'
    /// barriers.
    pub fn register() -> Self {
        // A process that the kernel refuses to register cannot send barriers either.
        Self { bits: if os::register_for_fences() { 0 } else { FENCE }, events: None }
    }

    /// The mode that the bells of this process begin with.
    pub fn mode(self) -> u32 {
        self.bits
    }

    /// The ringer to use from now on, when this process sleeps on `bell` and waits like `how`. Tells the peers.
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

    /// This ringer, which from now on sets events if it is given the program's promise.
    pub fn trusting(self, events: Option<TrustedEvents>) -> Self {
        Self { events, ..self }
    }

    /// The program's promise about events, if it has chosen them.
    pub fn events(self) -> Option<TrustedEvents> {
        self.events
    }

    /// Whether `bell` need not be rung: nobody sleeps on it, and it asks for nothing. The next sleeper's look sees
    /// what was published before.
    ///
    /// Cost: two or three loads of one read-mostly line.
    #[inline(always)]
    pub fn needs_no_ring(self, bell: Bell<'_>) -> bool {
        // Before the mode is loaded, too: `Order` says why.
        os::light_fence();
        if self.bits | bell.asks() != 0 {
            return false;
        }
        os::light_fence();
        !bell.has_sleeper()
    }

    /// Wakes the sleeper on `bell`, if there is one. Its next look sees what was published before.
    ///
    /// Cost: the same as `needs_no_ring`, a full fence if the bell or this ringer asks for one, and a system call if
    /// there is a sleeper.
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

/// The result of ringing a bell.
#[derive(Debug, Clone, Copy)]
pub struct Rung {
    /// Whether there was a sleeper.
    pub woken: bool,
    /// Whether the rank asks its senders to check whether it wants a reset.
    pub wants_reset: bool,
}

/// A rank's bell, and which of its bits are meant.
#[derive(Clone, Copy)]
pub struct Bell<'a> {
    bells: &'a Bells,
    pub(crate) bits: u32,
}

impl<'a> Bell<'a> {
    /// The bell of a receiver, which sleeps for mail.
    #[inline(always)]
    pub fn mail(bells: &'a Bells) -> Self {
        Self { bells, bits: MAIL }
    }

    /// The bell of a sender, which sleeps for room.
    #[inline(always)]
    pub fn room(bells: &'a Bells) -> Self {
        Self { bells, bits: if mutated(Mutant::Shared) { MAIL } else { ROOM } }
    }

    /// The bell of a thread that has both halves, which sleeps for mail and for room at once. Each bit has its own
    /// [`Order`] and its own ringers.
    #[inline(always)]
    pub fn both(bells: &'a Bells) -> Self {
        Self { bells, bits: Self::mail(bells).bits | Self::room(bells).bits }
    }

    /// The bell with the bits of both, if it is the same one.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        let bits = self.bits | other.bits;
        core::ptr::eq(self.bells, other.bells).then_some(Self { bits, ..self })
    }

    /// With these of its bits.
    pub fn of(bells: &'a Bells, bits: u32) -> Self {
        Self { bells, bits }
    }

    pub(crate) fn word(self) -> &'a AtomicU32 {
        &self.bells.word
    }

    /// What ringers must do beyond looking. If both bits are meant, what ringers for mail must do.
    #[inline(always)]
    fn mode(self) -> &'a AtomicU32 {
        &self.bells.modes[self.half()]
    }

    /// What ringers for any of its bits must do beyond looking.
    #[inline(always)]
    fn asks(self) -> u32 {
        let asks = |bit, half: usize| {
            if self.bits & bit == 0 { 0 } else { self.bells.modes[half].load(Relaxed) }
        };
        asks(MAIL, 0) | asks(ROOM, 1)
    }

    pub(crate) fn event(self) -> &'a AtomicU32 {
        &self.bells.events[self.half()]
    }

    #[inline(always)]
    fn half(self) -> usize {
        usize::from(self.bits == ROOM)
    }

    /// Starts or ends asking ringers to check for requests for a reset.
    pub fn set_resetting(self, asks: bool) {
        self.set(RESET, asks);
    }

    /// Sets or clears a bit of the mode. Only the sleeper may do that.
    fn set(self, bit: u32, is_set: bool) {
        let mode = self.mode().load(Relaxed) & !bit;
        self.mode().store(if is_set { mode | bit } else { mode }, release(Edge::Mode));
    }

    /// Whether a process seems to sleep for one of the bits.
    #[inline(always)]
    fn has_sleeper(self) -> bool {
        self.bells.word.load(Relaxed) & self.bits != 0
    }

    /// Announces a sleep. The caller takes care of the order.
    fn announce(self) {
        self.bells.word.fetch_or(self.bits, Relaxed);
    }

    /// The word, if no bit was rung since the sleep was announced. Otherwise what was published before is visible
    /// now.
    pub(crate) fn unrung(self) -> Option<u32> {
        let seen = self.bells.word.load(acquire(Edge::Bell));
        (seen & self.bits == self.bits).then_some(seen)
    }

    /// For the thread that sleeps for all threads of the rank: it has seen what the others sleep for. The word as it is now,
    /// if no bit was rung since it was set.
    pub(crate) fn lead(self) -> Option<u32> {
        self.bells.word.fetch_or(LED, Relaxed);
        self.unrung()
    }

    /// For a thread that sets a bit which that one has not seen: the word does not become what that one saw, also if it is rung.
    pub(crate) fn overtake(self) {
        if !mutated(Mutant::Overtake) {
            self.bells.word.fetch_and(!LED, Relaxed);
        }
    }

    /// The sleep is over.
    pub fn wake_up(self) {
        let bits = if mutated(Mutant::Exit) { u32::MAX } else { self.bits };
        self.bells.word.fetch_and(!bits, Relaxed);
    }

    /// Returns whether this call woke a sleeper.
    fn wake(self) -> bool {
        if mutated(Mutant::Clear) {
            os::wake_on(&self.bells.word, self.bits);
            return true;
        }
        // Pairs with the sleeper's load of the bell.
        let woken = self.bells.word.fetch_and(!self.bits, release(Edge::Bell)) & self.bits;
        if woken != 0 {
            os::wake_on(&self.bells.word, woken);
        }
        woken != 0
    }
}

/// Wakes all that sleep on this bell, because they are interrupted. May be called from a signal handler, which must
/// not allocate; so it sets no event. A sleeper on an event sees at its next look that the bell was rung.
pub fn disturb(bells: &Bells) {
    full_fence(Edge::RingerFence);
    if is_asleep(bells) {
        Bell::both(bells).wake();
    }
}

/// For a process that has just claimed the rank: wakes all that seem to sleep in one of its former lives.
pub(super) fn take_over(bells: &Bells) {
    if mutated(Mutant::Claim) {
        bells.word.fetch_and(0, Relaxed);
    } else if is_asleep(bells) {
        Bell::both(bells).wake();
    }
}

/// Whether a process seems to sleep on this bell.
#[inline(always)]
pub fn is_asleep(bells: &Bells) -> bool {
    Bell::both(bells).has_sleeper()
}
