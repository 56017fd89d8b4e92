//! The mutex of `raw_sync`, in shared memory.

use super::outcome::Outcome;
use bytemuck::Zeroable;
use raw_sync::Timeout;
use raw_sync::locks::{LockImpl, LockInit, Mutex};
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// How long anything here is waited for. Whole seconds: `raw_sync` adds nanoseconds to those of the clock and does not carry, and the
/// system then refuses to wait.
pub const LIMIT: Duration = Duration::from_secs(10);
/// What the system says of a lock that stayed locked: `ETIMEDOUT`.
const TIMED_OUT: i32 = libc::ETIMEDOUT;

/// Room for a mutex, in a line of its own.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct LockPlace([AtomicU64; 16]);

/// One process' way to a mutex.
pub struct Lock<'a> {
    lock: Box<dyn LockImpl>,
    place: PhantomData<&'a LockPlace>,
}

impl LockPlace {
    /// Makes the mutex; once, before anybody uses it.
    pub fn furnish(&self) -> Outcome<()> {
        assert!(Mutex::size_of(Some(self.start())) <= size_of::<Self>());
        // SAFETY: the words are atomics and stay where they are; nobody uses them, and there is room for a mutex.
        #[expect(unsafe_code, reason = "an object of C in shared memory")]
        let made = unsafe { Mutex::new(self.start(), null_mut()) };
        made.map(drop)
    }

    /// For this process.
    pub fn lock(&self) -> Outcome<Lock<'_>> {
        // SAFETY: the mutex was made, and the lock borrows its place.
        #[expect(unsafe_code, reason = "an object of C in shared memory")]
        let (lock, _) = unsafe { Mutex::from_existing(self.start(), null_mut()) }?;
        Ok(Lock { lock, place: PhantomData })
    }

    fn start(&self) -> *mut u8 {
        self.0[0].as_ptr().cast()
    }
}

impl Lock<'_> {
    /// Does something while the mutex is locked. An error if it stays locked by another for [`LIMIT`].
    pub fn with<T>(&self, act: impl FnOnce() -> T) -> Outcome<T> {
        match self.with_within(LIMIT, act)? {
            Some(done) => Ok(done),
            None => {
                Err(format!("the mutex is still locked after {} s: was its holder killed?", LIMIT.as_secs())
                    .into())
            }
        }
    }

    /// The same, within so many whole seconds; `None` if it stays locked.
    pub fn with_within<T>(&self, time: Duration, act: impl FnOnce() -> T) -> Outcome<Option<T>> {
        match self.lock.try_lock(Timeout::Val(time)) {
            Ok(_guard) => Ok(Some(act())),
            Err(error) if error.to_string().ends_with(&format!(": {TIMED_OUT}")) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
