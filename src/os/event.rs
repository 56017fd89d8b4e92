//! Events for processes that trust each other: `raw_sync`'s busy event, a byte in shared memory that is set by one
//! store. Its sleeper polls it between [pauses](super::pause_until).
//!
//! A process that is killed while it uses the busy event leaves nothing locked. `raw_sync`'s other event is a mutex
//! and a condition variable; a process that is killed inside it makes it unusable for all others, and they hang.
//!
//! An event is a hint, and none of our state depends on one. `raw_sync` takes its bytes by `&mut` and reads one
//! without atomics. So no code touches events without a [`TrustedEvents`], which only unsafe code makes.
//!
//! Its price is that the sleeper must poll: a wake-up comes up to an eighth of the slept time late. `raw_sync`'s
//! accesses are relaxed, so a fence stands before its store and after its swap. Its `set` may allocate, so an
//! interrupter, which a signal handler may use, never sets an event.

use super::{TrustedEvents, pause_until};
use crate::sync::AtomicU32;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU8, Ordering, fence};
use core::time::Duration;
use raw_sync::Timeout;
use raw_sync::events::{BusyEvent, EventImpl, EventInit, EventState};
use std::time::Instant;

/// An event in shared memory. A wait that ends resets it.
pub struct Event<'a> {
    event: Box<dyn EventImpl>,
    _word: PhantomData<&'a AtomicU32>,
}

impl<'a> Event<'a> {
    /// Makes `word` an event, unless it is one already.
    ///
    /// An event of a former holder of the rank stays as it is, set or not: a late ringer may be reading the byte that
    /// would be written, and not with atomics.
    pub fn prepare(word: &AtomicU32, _trusted: TrustedEvents) {
        assert!(BusyEvent::size_of(None) <= size_of::<AtomicU32>(), "an event is two bytes");
        #[expect(unsafe_code, reason = "an object in shared memory")]
        // SAFETY: the bytes lie within `word`, an atomic, so they may be written through a shared reference. No thread of this
        // process uses them, and no other process writes the second one: nobody is told of this event before it is made, and one
        // that was made before is left alone. The token vouches for both.
        unsafe {
            let bytes = word.as_ptr().cast::<u8>();
            let [signal, resets] = [0, 1].map(|at| AtomicU8::from_ptr(bytes.add(at)).load(Ordering::Relaxed));
            if signal > 1 || resets != 1 {
                drop(BusyEvent::new(bytes, true));
            }
        }
    }

    /// The event that was prepared in `word`; `None` if the word makes no sense. Costs an allocation.
    pub fn prepared(word: &'a AtomicU32, _trusted: TrustedEvents) -> Option<Self> {
        #[expect(unsafe_code, reason = "an object in shared memory")]
        // SAFETY: as in `prepare`, which has seen that it fits; `word` outlives the event.
        let (event, _) = unsafe { BusyEvent::from_existing(word.as_ptr().cast()).ok()? };
        Some(Self { event, _word: PhantomData })
    }

    /// Sleeps until the event is set or `is_rung`, at most for `time`. May return early without a reason, but not
    /// without a pause. `since` is when this sleep began.
    pub fn wait(&self, since: Instant, time: Duration, is_rung: impl Fn() -> bool) {
        // An error says that it is not set, or that it no longer makes sense.
        pause_until(since, time, || is_rung() || self.event.wait(Timeout::Val(Duration::ZERO)).is_ok());
        // `raw_sync` loads it relaxed. The fence makes visible what was written before it was set.
        fence(Ordering::Acquire);
    }

    /// Sets the event. This wakes its sleeper or, if there is none, ends its next sleep at once.
    ///
    /// Never waits. One store.
    pub fn set(&self) {
        fence(Ordering::Release);
        let _ = self.event.set(EventState::Signaled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(60);
    /// Pauses in that time from the beginning of a wait, as in `pause`.
    const EARLY: u32 = 100;

    fn trusted() -> TrustedEvents {
        // SAFETY: the words are this test's own; where two threads are at one, neither of them prepares it.
        #[expect(unsafe_code, reason = "what is tested")]
        unsafe {
            TrustedEvents::new()
        }
    }

    fn prepared(word: &AtomicU32) -> Option<Event<'_>> {
        Event::prepared(word, trusted())
    }

    fn event() -> AtomicU32 {
        let word = AtomicU32::new(u32::MAX);
        Event::prepare(&word, trusted());
        word
    }

    #[test]
    fn setting_an_event_ends_one_wait() {
        let word = event();
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| prepared(&word).expect("an event").set());
            prepared(&word).expect("an event").wait(start, LONG, || false);
        });
        assert!(start.elapsed() < LONG);
        // The wait has reset it.
        let start = Instant::now();
        prepared(&word).expect("an event").wait(start, SHORT, || false);
        assert!(start.elapsed() >= SHORT);
    }

    #[test]
    fn what_is_an_event_is_not_made_again() {
        let word = event();
        prepared(&word).expect("an event").set();
        Event::prepare(&word, trusted());
        let start = Instant::now();
        prepared(&word).expect("an event").wait(start, LONG, || false);
        assert!(start.elapsed() < LONG, "still set");
    }

    #[test]
    fn an_interrupt_ends_a_wait() {
        let (word, start) = (event(), Instant::now());
        prepared(&word).expect("an event").wait(start, LONG, || true);
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn an_event_that_is_always_set_does_not_make_waiting_a_loop() {
        // Set again and again, or one that waiting does not use up.
        for is_made in [true, false] {
            let word = if is_made { event() } else { AtomicU32::new(0) };
            let event = prepared(&word).expect("an event");
            let (start, mut naps) = (Instant::now(), 0);
            while start.elapsed() < SHORT {
                event.set();
                event.wait(start, SHORT, || false);
                naps += 1;
            }
            assert!(naps <= EARLY, "{naps} naps");
        }
    }

    #[test]
    fn what_is_no_event_hangs_nobody() {
        let word = event();
        let event = prepared(&word).expect("an event");
        for garbage in [2, 0xff] {
            word.store(u32::from_ne_bytes([garbage; 4]), Ordering::Relaxed);
            assert!(prepared(&word).is_none());
            let start = Instant::now();
            event.wait(start, SHORT, || false);
            assert!(start.elapsed() >= SHORT);
            event.set();
        }
        Event::prepare(&word, trusted());
        assert!(prepared(&word).is_some());
    }
}
