//! Linux.

mod cgroup;
mod files;
mod locking;
mod users;

pub use files::*;
pub use locking::{Pages, locks_all_it_maps, map_error};
pub use users::is_own;

use super::check;
use crate::sync::AtomicU32;
use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32 as Word, Ordering};
use core::time::Duration;
use std::cell::Cell;
pub use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        tv_sec: time.as_secs().try_into().unwrap_or(libc::c_long::MAX),
        tv_nsec: time.subsec_nanos() as libc::c_long,
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

// --- Locks -------------------------------------------------------------------------------------------------

/// Locks are taken on bytes that no file reaches, so that nobody else's locks meet them.
const LOCK_BASE: i64 = 1 << 61;

fn range(kind: c_int, first: u32, count: u32) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: (LOCK_BASE + i64::from(first)) as libc::off_t,
        l_len: count as libc::off_t,
        l_pid: 0,
    }
}

/// Whether a description other than `file` holds one of the lock bytes `first..first + count`.
pub fn is_locked(file: &File, first: u32, count: u32) -> io::Result<bool> {
    let mut lock = range(libc::F_WRLCK, first, count);
    // SAFETY: `lock` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    check(result)?;
    Ok(c_int::from(lock.l_type) != libc::F_UNLCK)
}

/// Whether the locks of any version, and of whoever else locks a region's file, can be seen.
pub const LOCKS_OF_ALL_VERSIONS: bool = true;

/// Whether a description other than `file` holds any lock on its file, whatever bytes that is on.
pub fn is_locked_anywhere(file: &File) -> io::Result<bool> {
    let mut lock = range(libc::F_WRLCK, 0, 0);
    lock.l_start = 0;
    // SAFETY: `lock` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    check(result)?;
    Ok(c_int::from(lock.l_type) != libc::F_UNLCK)
}

/// Lock bytes held by an open file description of their own (I5). The kernel lets go when the process ends.
///
/// A forked child would hold them too: it closes them first thing.
pub struct Lock {
    file: ManuallyDrop<File>,
    process: u32,
}

impl Lock {
    /// Takes the lock bytes `first..first + count` of the file behind `file`; `None` if somebody holds one.
    pub fn take(file: &File, first: u32, count: u32) -> io::Result<Option<Self>> {
        let process = process();
        let mut descriptors = FORK.lock();
        // A new description: `dup` would share locks with `file`, and with whoever inherits that.
        let own = reopen(file)?;
        let lock = range(libc::F_WRLCK, first, count);
        // SAFETY: `lock` outlives the call.
        #[expect(unsafe_code, reason = "system call")]
        let result = unsafe { libc::fcntl(own.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        match check(result) {
            Ok(_) => {
                descriptors.push(own.as_raw_fd());
                Ok(Some(Self { file: ManuallyDrop::new(own), process }))
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if process() != self.process {
            return; // A forked child's descriptor is closed already, and its number may be in use again.
        }
        let mut descriptors = FORK.lock();
        descriptors.retain(|descriptor| *descriptor != self.file.as_raw_fd());
        let unlock = range(libc::F_UNLCK, 0, 0);
        // SAFETY: `unlock` outlives the call; the file is dropped once, here.
        #[expect(unsafe_code, reason = "system call; closed while the list is locked")]
        unsafe {
            // Closing would do, but for a child that is being started and has not come to its `exec` yet.
            libc::fcntl(self.file.as_raw_fd(), libc::F_OFD_SETLK, &raw const unlock);
            ManuallyDrop::drop(&mut self.file);
        }
    }
}

// --- Forks -------------------------------------------------------------------------------------------------

/// The descriptors that a forked child must close at once: they hold its parent's locks.
struct Fork {
    descriptors: Mutex<Vec<RawFd>>,
}

static FORK: Fork = Fork { descriptors: Mutex::new(Vec::new()) };

thread_local! {
    static FORKING: Cell<Option<MutexGuard<'static, Vec<RawFd>>>> = const { Cell::new(None) };
}

impl Fork {
    /// The list; no fork happens while it is locked.
    fn lock(&self) -> MutexGuard<'_, Vec<RawFd>> {
        self.descriptors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

extern "C" fn before_fork() {
    // A thread that is past its thread-locals forks without the list's lock. One that finds itself forking already
    // has it: this was registered more than once.
    let _ = FORKING.try_with(|guard| guard.set(Some(guard.take().unwrap_or_else(|| FORK.lock()))));
}

extern "C" fn after_fork_in_parent() {
    let _ = FORKING.try_with(Cell::take);
}

extern "C" fn after_fork_in_child() {
    if let Ok(Some(mut descriptors)) = FORKING.try_with(Cell::take) {
        for descriptor in descriptors.drain(..) {
            // SAFETY: the list owns the descriptors in this process: `Lock::drop` will not touch them.
            #[expect(unsafe_code, reason = "closes a description that would keep the parent's lock")]
            drop(unsafe { File::from_raw_fd(descriptor) });
        }
    }
}

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
        libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_may_be_provided_for_twice() {
        before_fork();
        before_fork();
        after_fork_in_parent();
        after_fork_in_parent();
        drop(FORK.lock());
    }
}
