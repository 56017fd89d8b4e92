//! Linux.

mod files;
mod locks;

pub use files::*;
pub use locks::{Lock, Locker, is_locked};

use super::check;
use crate::sync::AtomicU32;
use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32 as Word, Ordering};
use core::time::Duration;
pub use std::fs::File;

/// Keeps a mapping out of core dumps: writing one would allocate every page of it.
pub fn exclude_from_dumps(base: NonNull<u8>, len: usize) {
    // SAFETY: advice on a mapping of ours; it changes no content. Failure only makes a dump larger.
    #[expect(unsafe_code, reason = "system call")]
    let _ = unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_DONTDUMP) };
}

/// Processors that are online, whatever this process is pinned to.
pub fn processors() -> usize {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
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

/// Asks the kernel to let other processes' [`remote_fence`]s reach this one; whether it does.
///
/// Inherited by fork, lost by exec. Costs 0.1 to 0.4 ms once, 7 to 15 ms in a process that has threads.
pub fn register_for_fences() -> bool {
    const UNKNOWN: u32 = 0;
    const YES: u32 = 1;
    const NO: u32 = 2;
    // No lock, here and below: a child that is forked meanwhile would wait for ever for who held it.
    static ANSWER: Word = Word::new(UNKNOWN);
    if ANSWER.load(Ordering::Relaxed) == UNKNOWN {
        // Asking twice does no harm.
        ANSWER.store(if membarrier(REGISTER_GLOBAL_EXPEDITED) { YES } else { NO }, Ordering::Relaxed);
    }
    ANSWER.load(Ordering::Relaxed) == YES
}

/// A full fence here and, before it returns, in every running thread of every registered process.
///
/// Only called once [`register_for_fences`] has said that the kernel knows it. Costs 0.2 to 15 µs.
pub fn remote_fence() {
    if !membarrier(GLOBAL_EXPEDITED) {
        core::sync::atomic::fence(Ordering::SeqCst);
    }
}

// --- Sleeping ----------------------------------------------------------------------------------------------

/// Whether events are all that this platform can sleep on.
pub const EVENTS_ONLY: bool = false;

/// Sleeps until woken, if `word` still is `expected`, at most for `time`; may also return for no reason.
pub fn sleep_on(word: &AtomicU32, expected: u32, time: Duration) {
    let time = libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: `word` and `time` outlive the call. Not private: the sleeper may be another process' peer.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const time);
    }
}

/// Wakes whoever sleeps on `word`. May be called from a signal handler.
pub fn wake_on(word: &AtomicU32) {
    // SAFETY: `word` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, c_int::MAX);
    }
}

// --- Forks -------------------------------------------------------------------------------------------------

/// A page that the kernel clears in a forked child.
static PAGE: AtomicPtr<Word> = AtomicPtr::new(core::ptr::null_mut());
/// The number of the last process, in this line of forks, that asked for its own.
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

/// A number that tells this process from those it was forked from: never zero.
pub fn process() -> u32 {
    if PAGE.load(Ordering::Acquire).is_null() && !BROKEN.load(Ordering::Relaxed) {
        watch_forks();
    }
    let word = process_word();
    match word.load(Ordering::Relaxed) {
        0 => {
            let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            // Two threads of a young child may both come here: the first number stays.
            match word.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => number,
                Err(number) => number,
            }
        }
        number => number,
    }
}

/// Provides for forks. Several threads may do so at once: the page of one stays.
#[expect(unsafe_code, reason = "system calls")]
fn watch_forks() {
    const LEN: usize = 4096;
    // First: whoever finds the page takes locks. SAFETY: three functions that stay.
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
        // SAFETY: the mapping from above, which nobody else has seen.
        unsafe {
            libc::munmap(page, LEN);
        }
    }
}
