//! What threads share that share a lock: the lock, and what it guards.

use crate::common::failure::Failure;
use raw_sync::locks::{LockImpl, LockInit, Mutex};
use std::error::Error;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Words of what is guarded.
pub const WORDS: usize = 6;

/// What low priority makes, and high priority wants.
pub type Value = [u64; WORDS];

/// A lock as processes share it: that of pthreads, without priority inheritance. And a value.
#[derive(Default)]
pub struct Room {
    lock: [AtomicU64; 16],
    value: [AtomicU64; WORDS],
}

/// One thread's way to the room.
pub struct Key<'a> {
    lock: Box<dyn LockImpl>,
    room: &'a Room,
}

impl Room {
    /// Makes the lock; once, before there is a key.
    pub fn furnish(&self) -> Result<(), Failure> {
        assert!(Mutex::size_of(Some(self.start())) <= size_of_val(&self.lock));
        // SAFETY: the words are atomics and stay where they are; nobody uses them, and there is room for a lock.
        #[expect(unsafe_code, reason = "an object of C in shared memory")]
        let made = unsafe { Mutex::new(self.start(), null_mut()) };
        made.map(drop).map_err(of_lock)
    }

    /// For one thread.
    pub fn key(&self) -> Result<Key<'_>, Failure> {
        // SAFETY: the lock was made, and the key borrows the room.
        #[expect(unsafe_code, reason = "an object of C in shared memory")]
        let found = unsafe { Mutex::from_existing(self.start(), null_mut()) };
        Ok(Key { lock: found.map_err(of_lock)?.0, room: self })
    }

    fn start(&self) -> *mut u8 {
        self.lock[0].as_ptr().cast()
    }
}

impl Key<'_> {
    /// Does something with the value, while nobody else does.
    pub fn with<T>(&self, act: impl FnOnce(&[AtomicU64; WORDS]) -> T) -> Result<T, Failure> {
        let _guard = self.lock.lock().map_err(of_lock)?;
        Ok(act(&self.room.value))
    }

    /// Waits for the lock, and copies the value.
    pub fn read(&self) -> Result<Value, Failure> {
        self.with(|value| value.each_ref().map(|word| word.load(Relaxed)))
    }
}

fn of_lock(error: Box<dyn Error>) -> Failure {
    Failure::new(format_args!("the lock: {error}"))
}
