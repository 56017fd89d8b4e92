//! The event of `raw_sync`, in shared memory: a flag, a mutex and a condition variable.

use super::lock::LIMIT;
use super::outcome::Outcome;
use bytemuck::Zeroable;
use raw_sync::Timeout;
use raw_sync::events::{Event, EventImpl, EventInit, EventState};
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

/// Room for an event, in lines of its own.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct EventPlace([AtomicU64; 32]);

/// One process' way to an event.
pub struct Bell<'a> {
    event: Box<dyn EventImpl>,
    place: PhantomData<&'a EventPlace>,
}

impl EventPlace {
    /// Makes the event; once, before anybody uses it. It is set, or not, and each wait resets it.
    pub fn furnish(&self, is_set: bool) -> Outcome<()> {
        assert!(Event::size_of(Some(self.start())) <= size_of::<Self>());
        // SAFETY: the words are atomics and stay where they are; nobody uses them, and there is room for an event.
        #[expect(unsafe_code, reason = "an object of C in shared memory")]
        let (event, _) = unsafe { Event::new(self.start(), true) }?;
        if is_set { event.set(EventState::Signaled) } else { Ok(()) }
    }

    /// For this process.
    pub fn bell(&self) -> Outcome<Bell<'_>> {
        // SAFETY: the event was made, and the bell borrows its place.
        #[expect(unsafe_code, reason = "an object of C in shared memory")]
        let (event, _) = unsafe { Event::from_existing(self.start()) }?;
        Ok(Bell { event, place: PhantomData })
    }

    fn start(&self) -> *mut u8 {
        self.0[0].as_ptr().cast()
    }
}

impl Bell<'_> {
    /// Sets it, and wakes one that waits.
    pub fn ring(&self) -> Outcome<()> {
        self.event.set(EventState::Signaled)
    }

    /// Waits until it is set, and resets it. An error if that takes longer than [`LIMIT`].
    pub fn wait(&self) -> Outcome<()> {
        let waited = self.event.wait(Timeout::Val(LIMIT));
        waited.map_err(|_| {
            format!("an event is not set for {} s: was the other process killed?", LIMIT.as_secs()).into()
        })
    }
}
