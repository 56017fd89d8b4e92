//! Events for processes that trust each other: `raw_sync`'s mutex and condition variable in shared memory,
//! which every Unix has.
//!
//! They are hints, and no state of ours depends on one. What they lack, and what is done about it:
//!
//! - A process that is killed while it holds the mutex never gives it back. A setter tries for a bounded time
//!   before it commits itself, a waiter has a timeout. What remains is a peer that is killed in the instant
//!   between such a try and what follows, or in the middle of a signal: it can hang its peers.
//! - A timed wait ends with an error where the nanoseconds of now and of the timeout add up to more than a
//!   second. No wait is asked for across a second's end, and one that ends early is made up for by a pause:
//!   waiting never turns into polling.
//! - Time is that of the wall clock: setting it back lengthens a nap by as much.
//! - Whatever else writes there makes the library of the system misbehave. So only peers that have chosen
//!   events themselves touch anybody's.

use crate::sync::{AtomicU64, Ordering::Relaxed};
use core::marker::PhantomData;
use core::time::Duration;
use raw_sync::Timeout;
use raw_sync::events::{Event as Raw, EventImpl, EventInit, EventState};
use raw_sync::locks::{LockImpl, LockInit, Mutex};
use std::thread::sleep;
use std::time::{Instant, SystemTime};

/// A pause for want of anything better to wait for.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a setter tries to come by the mutex, which is held for less than a microsecond by whoever runs.
const PATIENCE: Duration = Duration::from_millis(20);
/// So far from a second's end no wait reaches over it, unless this thread stands still for as long.
const MARGIN: Duration = Duration::from_micros(200);

/// The memory of an event.
type Words = [AtomicU64; 16];

/// An event in shared memory: waiting uses it up.
pub struct Event<'a> {
    event: Box<dyn EventImpl>,
    mutex: Box<dyn LockImpl>,
    _words: PhantomData<&'a Words>,
}

fn start(words: &Words) -> *mut u8 {
    words.as_ptr().cast_mut().cast()
}

impl<'a> Event<'a> {
    /// Makes `words` an event that is not set; whether the system can. Nobody may use the event meanwhile.
    pub fn prepare(words: &Words) -> bool {
        if Raw::size_of(Some(start(words))) > size_of::<Words>() {
            return false;
        }
        words.iter().for_each(|word| word.store(0, Relaxed));
        #[expect(unsafe_code, reason = "an object of the system in shared memory")]
        // SAFETY: room enough, aligned, writable (atomics), and no reference to anything but atomics exists.
        let result = unsafe { Raw::new(start(words), true) };
        result.is_ok()
    }

    /// The event that somebody has prepared in `words`; `None` if it makes no sense.
    ///
    /// What is there is trusted, so far as the system's library trusts it.
    pub fn prepared(words: &'a Words) -> Option<Self> {
        #[expect(unsafe_code, reason = "an object of the system in shared memory")]
        // SAFETY: within `words`, which live as long as the event; the mutex is where an event begins. That
        // they were prepared is what trust in the peer means here.
        let (event, mutex) = unsafe {
            let mutex = Mutex::from_existing(start(words), core::ptr::null_mut());
            (Raw::from_existing(start(words)).ok()?, mutex.ok()?)
        };
        Some(Self { event: event.0, mutex: mutex.0, _words: PhantomData })
    }

    /// Sleeps until the event is set, at most for `time`, which is less than a second; may also return for no
    /// reason, but not again and again at once. `woken` says whether there was a reason.
    pub fn wait(&self, time: Duration, woken: impl Fn() -> bool) {
        let end = Instant::now() + time;
        let left = || end.saturating_duration_since(Instant::now());
        // The first signal may be one that came too late for an earlier sleep.
        for _ in 0..2 {
            if self.event.wait(within_second(left())).is_err() {
                break;
            }
            if woken() {
                return;
            }
        }
        sleep(left().min(PAUSE));
    }

    /// Sets the event: whoever waits, or else the next wait, is woken.
    ///
    /// Costs a system call if somebody waits; up to 20 ms, and in vain, if somebody was killed with the mutex
    /// in its hands.
    pub fn set(&self) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            // The guard is dropped at once: this says that the mutex is given back by those who take it.
            if self.mutex.try_lock(within_second(PAUSE)).is_ok() {
                let _ = self.event.set(EventState::Signaled);
                return;
            }
            sleep(PAUSE / 10);
        }
    }
}

/// A timeout of `time`, or of what is left of this second.
fn within_second(time: Duration) -> Timeout {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.subsec_nanos());
    let left = Duration::from_secs(1) - Duration::from_nanos(now.into());
    Timeout::Val(time.min(left.saturating_sub(MARGIN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::array::from_fn;
    use std::sync::Arc;

    fn event() -> Arc<crossbeam_utils::CachePadded<Words>> {
        let words: Words = from_fn(|_| AtomicU64::new(u64::MAX));
        let words = Arc::new(crossbeam_utils::CachePadded::new(words));
        assert!(Event::prepare(&words));
        words
    }

    #[test]
    fn setting_an_event_ends_one_wait() {
        const LONG: Duration = Duration::from_millis(900);
        let words = event();
        let theirs = words.clone();
        let setter = std::thread::spawn(move || Event::prepared(&theirs).expect("an event").set());
        let (start, mut naps) = (Instant::now(), 0);
        let seen = core::cell::Cell::new(false);
        while !seen.get() && start.elapsed() < Duration::from_secs(60) {
            naps += 1;
            Event::prepared(&words).expect("an event").wait(LONG, || {
                seen.set(true);
                true
            });
        }
        setter.join().expect("a thread");
        assert!(seen.get(), "{naps} naps");
        // It was used up.
        Event::prepared(&words).expect("an event").wait(PAUSE, || panic!("nobody has set it"));
    }

    #[test]
    fn waits_take_their_time_whenever_in_a_second_they_begin() {
        // Two seconds: the naps reach over every part of one.
        let words = event();
        let (start, mut naps) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_secs(2) {
            let nap = Instant::now();
            Event::prepared(&words).expect("an event").wait(Duration::from_millis(7), || false);
            assert!(nap.elapsed() < Duration::from_secs(1));
            naps += 1;
        }
        assert!(naps <= 2000 / 7 + 10, "{naps} naps of 7 ms in 2 s");
    }

    #[test]
    fn a_signal_that_comes_again_and_again_does_not_make_waiting_a_loop() {
        let words = event();
        let event = Event::prepared(&words).expect("an event");
        let (start, mut naps) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(200) {
            event.set();
            event.wait(Duration::from_millis(50), || {
                event.set();
                false
            });
            naps += 1;
        }
        assert!(naps <= 210, "{naps} naps");
    }

    #[test]
    fn a_mutex_that_is_never_given_back_hangs_nobody() {
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let words = event();
            let event = Event::prepared(&words).expect("an event");
            core::mem::forget(event.mutex.lock().expect("a mutex"));
            event.set();
            event.wait(Duration::from_millis(50), || false);
            // Whoever takes the rank over prepares the event anew.
            assert!(Event::prepare(&words));
            let event = Event::prepared(&words).expect("an event");
            event.set();
            event.wait(Duration::from_millis(900), || done.send(()).is_ok());
        });
        finished.recv_timeout(Duration::from_secs(60)).expect("an end, and a signal");
    }
}
