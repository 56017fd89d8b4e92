//! Loom's model of a system: what the shared-memory code needs of one, built on loom's primitives.

use super::TrustedEvents;
use crate::abi::{MAIL, ROOM};
use crate::sync::{AtomicU32, Mutant, Ordering, fence, mutated};
use core::cell::Cell;
use core::time::Duration;
use loom::sync::atomic::AtomicU32 as Word;
use loom::sync::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// The sleepers of all futexes. Sleepers on another word may be woken, too, as if without a reason.
struct Sleepers {
    lock: Mutex<()>,
    /// The sleepers for mail, for room, and for both.
    queues: [Condvar; 3],
}

loom::lazy_static! {
    static ref SLEEPERS: Sleepers =
        Sleepers { lock: Mutex::new(()), queues: [Condvar::new(), Condvar::new(), Condvar::new()] };
}

thread_local! {
    // Loom runs all threads of a model on the thread that runs the test.
    static HAS_BARRIERS: Cell<bool> = const { Cell::new(false) };
}

loom::lazy_static! {
    static ref BARRIER: Barrier = Barrier {
        asked: Word::new(0),
        done: Word::new(0),
        ended: Word::new(0),
    };
}

/// A barrier in the one ringer of a model. It may take effect at any [`light_fence`].
struct Barrier {
    asked: Word,
    done: Word,
    ended: Word,
}

/// Whether the models that this thread runs from now on have barriers. Without them, both sides fence.
pub fn have_barriers(have: bool) {
    HAS_BARRIERS.set(have);
}

/// Whether there are barriers.
pub fn register_for_fences() -> bool {
    HAS_BARRIERS.get()
}

/// A full fence here and, before it returns, in the ringer, unless the ringer has ended.
pub fn remote_fence() -> bool {
    if !register_for_fences() {
        return false;
    }
    if mutated(Mutant::Barrier) {
        fence(Ordering::SeqCst);
        return true;
    }
    BARRIER.done.store(0, Ordering::Relaxed);
    BARRIER.asked.store(1, Ordering::Release);
    while BARRIER.done.load(Ordering::Acquire) == 0 && BARRIER.ended.load(Ordering::Acquire) == 0 {
        loom::thread::yield_now();
    }
    fence(Ordering::SeqCst);
    true
}

/// A point at which a barrier may take effect.
pub fn light_fence() {
    if register_for_fences() && BARRIER.asked.load(Ordering::Relaxed) == 1 {
        fence(Ordering::SeqCst);
        BARRIER.asked.store(0, Ordering::Relaxed);
        BARRIER.done.store(1, Ordering::Release);
    }
}

/// The ringer does nothing any more. A thread that does not run needs no barrier.
pub fn end_of_ringer() {
    fence(Ordering::SeqCst);
    BARRIER.ended.store(1, Ordering::Release);
}

/// A model has no events: they are hints, and only the word matters.
pub struct Event;

impl Event {
    /// Does nothing.
    pub fn prepare(_word: &AtomicU32, _trusted: TrustedEvents) {}

    /// There is none.
    pub fn prepared(_word: &AtomicU32, _trusted: TrustedEvents) -> Option<Self> {
        None
    }

    /// Never called.
    pub fn wait(&self, _since: Instant, _time: Duration, _is_rung: impl Fn() -> bool) {}

    /// Never called.
    pub fn set(&self) {}
}

/// Sleeps until woken for one of these `bits` if `word` is still `seen`. A model has no time: a lost wake-up is a
/// deadlock, which loom reports.
pub fn sleep_on(word: &AtomicU32, seen: u32, bits: u32, _since: Instant, _time: Duration) {
    let guard = SLEEPERS.lock.lock().unwrap();
    if word.load(Ordering::Relaxed) == seen {
        drop(SLEEPERS.queues[(bits & (MAIL | ROOM)) as usize - 1].wait(guard).unwrap());
    }
}

/// Sleeps until woken on one of these words for any bits, if each is as it was seen.
pub fn sleep_on_any(words: &[(&AtomicU32, u32)], _time: Duration) -> bool {
    const ALL: usize = 3;
    let guard = SLEEPERS.lock.lock().unwrap();
    if words.iter().all(|(word, seen)| word.load(Ordering::Relaxed) == *seen) {
        drop(SLEEPERS.queues[ALL - 1].wait(guard).unwrap());
    }
    true
}

/// Never called: a model can sleep on any.
pub fn pause_until(_since: Instant, _time: Duration, _is_over: impl Fn() -> bool) {}

/// Time stands still.
pub fn uptime() -> Duration {
    Duration::from_secs(1)
}

/// As [`uptime`].
pub fn uptime_lately() -> Duration {
    uptime()
}

/// How many processors there are.
pub fn processors() -> usize {
    1
}

/// Those on which this thread may run: nobody knows.
pub fn affinity() -> Vec<usize> {
    vec![]
}

/// The number of the one process of a model.
pub fn process() -> u32 {
    1
}

/// A word that holds [`process`].
pub fn process_word() -> &'static core::sync::atomic::AtomicU32 {
    static WORD: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(1);
    &WORD
}

/// Whether an error says that memory is lacking: there is always enough.
pub fn is_out_of_space(_error: &io::Error) -> bool {
    false
}

/// The number of an error of a system that makes none.
pub fn error_number(_error: &io::Error) -> i32 {
    0
}

/// Wakes those that sleep for one of these `bits`.
pub fn wake_on(_word: &AtomicU32, bits: u32) {
    let _guard = SLEEPERS.lock.lock().unwrap();
    for (queue, woken_by) in SLEEPERS.queues.iter().zip(1..) {
        if woken_by & bits != 0 {
            queue.notify_all();
        }
    }
}

/// The stand-in for a file, on which locks are taken.
pub struct File {
    held: Mutex<Vec<u32>>,
}

impl File {
    /// A file without locks.
    pub fn unlocked() -> Arc<Self> {
        Arc::new(Self { held: Mutex::new(Vec::new()) })
    }
}

/// Whether one of the lock bytes `first..first + count` is held.
pub fn is_locked(file: &File, first: u32, count: u32) -> io::Result<bool> {
    Ok(file.held.lock().unwrap().iter().any(|byte| (first..first + count).contains(byte)))
}

/// Takes lock bytes of one file.
pub struct Locker {
    file: Arc<File>,
}

impl Locker {
    /// A locker of `file`.
    pub fn new(file: Arc<File>) -> Arc<Self> {
        Arc::new(Self { file })
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// See [`Lock::take`].
    pub fn take(self: &Arc<Self>, first: u32, count: u32) -> io::Result<Option<Lock>> {
        Lock::take(&self.file, first, count)
    }
}

/// Lock bytes, given back when this is dropped.
pub struct Lock {
    file: Arc<File>,
    first: u32,
    count: u32,
}

impl Lock {
    /// Takes the lock bytes `first..first + count`; `None` if somebody holds one.
    pub fn take(file: &Arc<File>, first: u32, count: u32) -> io::Result<Option<Self>> {
        let mut held = file.held.lock().unwrap();
        let bytes = first..first + count;
        if held.iter().any(|byte| bytes.contains(byte)) && !mutated(Mutant::Lock) {
            return Ok(None);
        }
        held.extend(bytes);
        drop(held);
        Ok(Some(Self { file: file.clone(), first, count }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let bytes = self.first..self.first + self.count;
        self.file.held.lock().unwrap().retain(|byte| !bytes.contains(byte));
    }
}
