//! Linux.

mod cgroup;
mod files;
mod locking;
mod locks;
mod users;

pub use files::*;
pub use locking::{Pages, locks_all_it_maps, map_error};
pub use locks::{LOCKS_OF_ALL_VERSIONS, Lock, Locker, is_locked, is_locked_anywhere};
pub use users::is_own;

use super::check;
use crate::sync::AtomicU32;
use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32 as Word, Ordering, compiler_fence};
use core::time::Duration;
pub use std::fs::File;
use std::io::{self, ErrorKind};
use std::time::Instant;

/// Keeps a mapping out of core dumps, because writing one would allocate each of its pages.
pub fn exclude_from_dumps(base: NonNull<u8>, len: usize) {
    // SAFETY: advice on a mapping of ours; it changes no content. Failure only makes a dump larger.
    #[expect(unsafe_code, reason = "system call")]
    let _ = unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_DONTDUMP) };
}

/// How many processors this thread may use at once: those of [`affinity`], or fewer if its group has a quota.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The numbers of the processors that this thread may run on; empty if the system does not say.
pub fn affinity() -> Vec<usize> {
    // Room for 1024 processors. On a larger machine, this returns an empty list.
    let mut set = [0u64; 16];
    // SAFETY: the buffer has the length that is given. 0 is this thread.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::syscall(libc::SYS_sched_getaffinity, 0, size_of_val(&set), set.as_mut_ptr());
    }
    let mut numbers = Vec::new();
    for (at, mut word) in set.into_iter().enumerate() {
        while word != 0 {
            numbers.push(64 * at + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
    numbers
}

// --- Barriers ----------------------------------------------------------------------------------------------

const GLOBAL_EXPEDITED: c_int = 2;
const REGISTER_GLOBAL_EXPEDITED: c_int = 4;

fn membarrier(command: c_int) -> bool {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    result == 0
}

/// Registers this process, so that other processes' [`remote_fence`]s reach it. Returns whether the kernel agrees.
///
/// Inherited by fork, lost by exec. Costs 0.1 to 0.4 ms once, 7 to 15 ms in a process that has threads.
pub fn register_for_fences() -> bool {
    const UNKNOWN: u32 = 0;
    const YES: u32 = 1;
    const NO: u32 = 2;
    // No lock, here and below: a child that is forked meanwhile would wait for ever for the lock's holder.
    static ANSWER: Word = Word::new(UNKNOWN);
    if ANSWER.load(Ordering::Relaxed) == UNKNOWN {
        // Asking twice does no harm.
        ANSWER.store(if membarrier(REGISTER_GLOBAL_EXPEDITED) { YES } else { NO }, Ordering::Relaxed);
    }
    ANSWER.load(Ordering::Relaxed) == YES
}

/// A full fence here and, before it returns, in every running thread of every registered process.
///
/// Returns `false` if it was not done, because this process may not (or no longer) do it. Costs 0.2 to 15 µs here,
/// and some time in each process that it interrupts.
pub fn remote_fence() -> bool {
    membarrier(GLOBAL_EXPEDITED)
}

/// The other side of [`remote_fence`]: an ordering for the compiler; the processor executes nothing.
#[inline(always)]
pub fn light_fence() {
    compiler_fence(Ordering::SeqCst);
}

// --- Sleeping ----------------------------------------------------------------------------------------------

/// Sleeps until woken for one of these `bits` if `word` is still `seen`, at most for `time`. May return early without
/// a reason. `_since` is when this sleep began.
pub fn sleep_on(word: &AtomicU32, seen: u32, bits: u32, _since: Instant, time: Duration) {
    const NOBODY: *const AtomicU32 = core::ptr::null();
    let end = from_now(time);
    // SAFETY: `word` and `end` outlive the call. The futex is not private: the waker may be another process.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        let wait = libc::FUTEX_WAIT_BITSET;
        libc::syscall(libc::SYS_futex, word.as_ptr(), wait, seen, &raw const end, NOBODY, bits);
    }
}

/// The most words that one system call sleeps on.
const MOST_WORDS: usize = 128;

/// Sleeps until woken on one of these words, for any bit, if each still is as it was seen; at most for `time`. May return
/// early without a reason. Returns `false` if it did not sleep because the system cannot, or because there are too many.
pub fn sleep_on_any(words: &[(&AtomicU32, u32)], time: Duration) -> bool {
    /// What the kernel is told of a word.
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Waiter {
        seen: u64,
        word: u64,
        flags: u32,
        reserved: u32,
    }
    /// A word of 32 bits, and not private: the waker may be another process.
    const SHARED_32: u32 = 2;
    const NONE: Waiter = Waiter { seen: 0, word: 0, flags: SHARED_32, reserved: 0 };

    if words.len() > MOST_WORDS {
        return false;
    }
    let mut waiters = [NONE; MOST_WORDS];
    for (waiter, (word, seen)) in waiters.iter_mut().zip(words) {
        *waiter = Waiter { seen: u64::from(*seen), word: word.as_ptr() as u64, ..NONE };
    }
    let end = from_now(time);
    // SAFETY: `waiters`, the words in it and `end` outlive the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe {
        let (count, no_flags) = (words.len(), 0);
        let clock = libc::CLOCK_MONOTONIC;
        libc::syscall(libc::SYS_futex_waitv, waiters.as_ptr(), count, no_flags, &raw const end, clock)
    };
    // Anything else says that it cannot: an old kernel, a sandbox, no memory.
    let is_over = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
    result >= 0 || is_over.contains(&io::Error::last_os_error().kind())
}

/// The moment `time` from now, on the clock by which the kernel measures sleeps.
fn from_now(time: Duration) -> libc::timespec {
    let end = uptime().saturating_add(time);
    libc::timespec {
        tv_sec: end.as_secs().try_into().unwrap_or(libc::c_long::MAX),
        tv_nsec: end.subsec_nanos() as libc::c_long,
    }
}

/// Time since a fixed moment, on the clock by which the kernel measures sleeps. Costs 20 to 40 ns.
pub fn uptime() -> Duration {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// The same, up to some milliseconds old. Costs about 5 ns.
pub fn uptime_lately() -> Duration {
    read_clock(libc::CLOCK_MONOTONIC_COARSE)
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::clock_gettime(clock, &raw mut now);
    }
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec as u32)
}

/// Wakes the sleepers on `word` for one of these `bits`. May be called from a signal handler.
pub fn wake_on(word: &AtomicU32, bits: u32) {
    const NOTHING: *const AtomicU32 = core::ptr::null();
    // SAFETY: `word` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        let wake = libc::FUTEX_WAKE_BITSET;
        libc::syscall(libc::SYS_futex, word.as_ptr(), wake, c_int::MAX, NOTHING, NOTHING, bits);
    }
}

// --- Forks -------------------------------------------------------------------------------------------------

/// A page that the kernel clears in a forked child.
static PAGE: AtomicPtr<Word> = AtomicPtr::new(core::ptr::null_mut());
/// The number of the last process, in this line of forks, that asked for one.
static LAST: Word = Word::new(0);
static BROKEN: AtomicBool = AtomicBool::new(false);

/// A word that holds [`process`] in this process and zero in a child forked since.
pub fn process_word() -> &'static Word {
    static NONE: Word = Word::new(1);
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return &NONE;
    }
    // SAFETY: a page that is never unmapped.
    #[expect(unsafe_code, reason = "a page of our own")]
    unsafe {
        &*page
    }
}

/// A number that differs from those of all processes that this one was forked from; never zero.
pub fn process() -> u32 {
    if PAGE.load(Ordering::Acquire).is_null() && !BROKEN.load(Ordering::Relaxed) {
        watch_forks();
    }
    let word = process_word();
    match word.load(Ordering::Relaxed) {
        0 => {
            let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            // Two threads of a young child may both get here. The first number stays.
            match word.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => number,
                Err(number) => number,
            }
        }
        number => number,
    }
}

/// Prepares for forks. Several threads may do so at once; one page stays.
#[expect(unsafe_code, reason = "system calls")]
fn watch_forks() {
    const LEN: usize = 4096;
    // First: a thread that finds the page may take locks. SAFETY: three functions that are never unloaded.
    unsafe {
        libc::pthread_atfork(
            Some(locks::before_fork),
            Some(locks::after_fork_in_parent),
            Some(locks::after_fork_in_child),
        );
    }
    // SAFETY: a new anonymous mapping.
    let page = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    // SAFETY: advice on that mapping.
    if page == libc::MAP_FAILED || unsafe { libc::madvise(page, LEN, libc::MADV_WIPEONFORK) } != 0 {
        BROKEN.store(true, Ordering::Relaxed); // A kernel before 4.14: forks go unnoticed.
        return;
    }
    let nobodys = core::ptr::null_mut();
    if PAGE.compare_exchange(nobodys, page.cast(), Ordering::Release, Ordering::Relaxed).is_err() {
        // SAFETY: the mapping made above, which nobody else has seen.
        unsafe {
            libc::munmap(page, LEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_one_processor() {
        let all = affinity();
        assert!(!all.is_empty() && processors() <= all.len());
        let last = all[all.len() - 1];
        let pinned = std::thread::spawn(move || {
            let mut set = [0u64; 16];
            set[last / 64] = 1 << (last % 64);
            // SAFETY: the buffer has the length that is given. 0 is this thread.
            #[expect(unsafe_code, reason = "system call")]
            let result =
                unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&set), set.as_ptr()) };
            assert_eq!(result, 0);
            (affinity(), processors())
        });
        assert_eq!(pinned.join().expect("a thread"), (vec![last], 1));
        assert_eq!(affinity(), all);
    }
}
