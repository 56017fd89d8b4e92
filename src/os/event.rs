//! Events for processes that trust each other: `raw_sync`'s busy event, a byte in shared memory that is set by
//! one store. Whoever waits looks at it between pauses that grow with the time waited.
//!
//! Nobody can be killed with anything in its hands: `raw_sync`'s other event, a mutex and a condition variable,
//! is lost for good to all when somebody is killed in the midst of it, and hangs them.
//!
//! An event is a hint, and no state of ours depends on one. `raw_sync` takes its bytes by `&mut` and reads one
//! without atomics, whoever writes there. So only peers that have chosen events themselves touch anybody's.

use crate::sync::AtomicU32;
use core::marker::PhantomData;
use core::sync::atomic::{Ordering, fence};
use core::time::Duration;
use raw_sync::Timeout;
use raw_sync::events::{BusyEvent, EventImpl, EventInit, EventState};
use std::thread::sleep;
use std::time::Instant;

/// A look for each so many parts of the time waited: whoever waits is woken so much later at most.
const PARTS: u32 = 8;
/// The first pauses: about what a system makes of any shorter one.
const SHORTEST: Duration = Duration::from_micros(50);
/// The pauses of who waits for long: each look is a wake-up, some 20 µs of a processor.
const LONGEST: Duration = Duration::from_millis(5);

/// An event in shared memory: waiting uses it up.
pub struct Event<'a> {
    event: Box<dyn EventImpl>,
    _word: PhantomData<&'a AtomicU32>,
}

impl<'a> Event<'a> {
    /// Makes `word` an event that is not set.
    pub fn prepare(word: &AtomicU32) {
        assert!(BusyEvent::size_of(None) <= size_of::<AtomicU32>(), "an event is two bytes");
        #[expect(unsafe_code, reason = "an object in shared memory")]
        // SAFETY: bytes, within `word`, which may be written through a shared reference, being an atomic.
        // Others that have chosen events may be at them, also of a process that held the rank before: two `&mut`
        // at a time, and races for a byte that is no atomic, break Rust's rules, which is what trust costs
        // here. Each access is one of a single byte, and whatever is read is only compared.
        let result = unsafe { BusyEvent::new(word.as_ptr().cast(), true) };
        drop(result);
    }

    /// The event that somebody has prepared in `word`; `None` if it makes no sense.
    ///
    /// For those only who have prepared one themselves. Cost: an allocation.
    pub fn prepared(word: &'a AtomicU32) -> Option<Self> {
        #[expect(unsafe_code, reason = "an object in shared memory")]
        // SAFETY: as in `prepare`, which has seen that it fits; `word` outlives the event.
        let (event, _) = unsafe { BusyEvent::from_existing(word.as_ptr().cast()).ok()? };
        Some(Self { event, _word: PhantomData })
    }

    /// Sleeps until the event is set or `interrupted`, at most for `time`; may also return for no reason, but
    /// not without a pause. Whoever waits since long before pauses for longer: see above.
    pub fn wait(&self, since: Instant, time: Duration, interrupted: impl Fn() -> bool) {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            sleep(((now - since) / PARTS).clamp(SHORTEST, LONGEST).min(left));
            // An error says that it is not set, or makes no sense any more.
            if left.is_zero() || interrupted() || self.event.wait(Timeout::Val(Duration::ZERO)).is_ok() {
                break;
            }
        }
        // What was written before it was set is seen: `raw_sync` is relaxed.
        fence(Ordering::Acquire);
    }

    /// Sets the event: whoever waits, or else the next wait, is woken.
    ///
    /// Never waits; a store.
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
    /// Looks in that time from the beginning of a wait: 8 in 0.4 ms, each then an eighth later than the one
    /// before, up to 40 ms.
    const EARLY: u128 = 8 + 40 + 20 / 5 + 1;

    fn event() -> AtomicU32 {
        let word = AtomicU32::new(u32::MAX);
        Event::prepare(&word);
        word
    }

    #[test]
    fn setting_an_event_ends_one_wait() {
        let word = event();
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| Event::prepared(&word).expect("an event").set());
            Event::prepared(&word).expect("an event").wait(start, LONG, || false);
        });
        assert!(start.elapsed() < LONG);
        // It was used up.
        let start = Instant::now();
        Event::prepared(&word).expect("an event").wait(start, SHORT, || false);
        assert!(start.elapsed() >= SHORT);
    }

    #[test]
    fn an_interrupt_ends_a_wait() {
        let (word, start) = (event(), Instant::now());
        Event::prepared(&word).expect("an event").wait(start, LONG, || true);
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn looks_become_rare() {
        let (word, start) = (event(), Instant::now());
        let looks = core::cell::Cell::new(0);
        let count = || {
            looks.set(looks.get() + 1);
            false
        };
        let event = Event::prepared(&word).expect("an event");
        event.wait(start, SHORT, count);
        assert!(looks.get() <= EARLY, "{looks:?}");
        // By now it waits for long, nap by nap.
        looks.set(0);
        event.wait(start, SHORT, count);
        assert!(looks.get() <= 1 + SHORT.as_millis() / 5, "{looks:?}");
    }

    #[test]
    fn an_event_that_is_always_set_does_not_make_waiting_a_loop() {
        // Set again and again, or one that waiting does not use up.
        for prepared in [true, false] {
            let word = if prepared { event() } else { AtomicU32::new(0) };
            let event = Event::prepared(&word).expect("an event");
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
        let event = Event::prepared(&word).expect("an event");
        for garbage in [2, 0xff] {
            word.store(u32::from_ne_bytes([garbage; 4]), Ordering::Relaxed);
            assert!(Event::prepared(&word).is_none());
            let start = Instant::now();
            event.wait(start, SHORT, || false);
            assert!(start.elapsed() >= SHORT);
            event.set();
        }
        Event::prepare(&word);
        assert!(Event::prepared(&word).is_some());
    }
}
