//! Locks on files, which the kernel releases when their process ends, and what a fork does to them.
//!
//! A lock belongs to an *open file description*. For each region, this process has one description for all its locks,
//! from when the region is opened. So locks can be taken later, and files closed, even if no descriptors are left or
//! the process has changed its user. The description serves nothing else: a mapping would keep it open, and queries
//! see only the locks of other descriptions.

use super::super::facts;
use super::{File, check, process, reopen};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU64, Ordering};
use std::cell::Cell;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks are on bytes that no file reaches, so that they do not meet the locks of other programs.
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

/// Whether the locks of all versions, and of any other program that locks a region's file, can be seen.
pub const LOCKS_OF_ALL_VERSIONS: bool = true;

/// Whether a description other than `file` holds any lock on its file, on any bytes.
pub fn is_locked_anywhere(file: &File) -> io::Result<bool> {
    let mut lock = range(libc::F_WRLCK, 0, 0);
    lock.l_start = 0;
    // SAFETY: `lock` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    check(result)?;
    Ok(c_int::from(lock.l_type) != libc::F_UNLCK)
}

/// Takes lock bytes of one file, all through one description (I5).
pub struct Locker {
    file: Arc<File>,
    /// The description's number in the table.
    number: AtomicU64,
}

/// The number that stands for no description.
const NONE: u64 = 0;

impl Locker {
    /// A locker of the file behind `file`. Opens its description now if it can, otherwise when it is needed.
    pub fn new(file: Arc<File>) -> Arc<Self> {
        let locker = Self { file, number: NONE.into() };
        let process = process();
        let _ = locker.description(&mut Table::lock(), process);
        Arc::new(locker)
    }

    /// The file, for queries. No lock is held through it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Takes the lock bytes `first..first + count`; `None` if one is held, perhaps through this locker itself.
    pub fn take(self: &Arc<Self>, first: u32, count: u32) -> io::Result<Option<Lock>> {
        // Before the table is locked, because this prepares for forks.
        let process = process();
        let mut table = Table::lock();
        let description = self.description(&mut table, process)?;
        // The kernel would let a description take a lock that it already has.
        if description.held.iter().any(|held| held.first < first + count && first < held.first + held.count) {
            return Ok(None);
        }
        match description.set(libc::F_WRLCK, first, count) {
            Ok(()) => {
                let held = Held { first, count };
                description.held.push(held);
                Ok(Some(Lock { number: description.number, held, locker: self.clone() }))
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The description. It is opened again if there is none, as in a forked child, or if something closed it.
    fn description<'a>(&self, table: &'a mut Table, process: u32) -> io::Result<&'a mut Description> {
        let number = self.number.load(Ordering::Relaxed);
        let found = table.descriptions.iter().position(|description| description.number == number);
        let at = match found {
            Some(at) if table.descriptions[at].is_of(process, &self.file) => at,
            lost => {
                // A parent's description, if nothing has closed it since the fork, would keep the parent's locks.
                lost.into_iter().for_each(|at| table.descriptions.swap_remove(at).close(&self.file));
                // A new description: `dup` would share its locks with `file`, and with every process that inherits
                // it.
                let file = reopen(&self.file)?;
                self.number.store(table.add(file, process), Ordering::Relaxed);
                table.descriptions.len() - 1
            }
        };
        Ok(&mut table.descriptions[at])
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        let number = *self.number.get_mut();
        let mut table = Table::lock();
        if let Some(at) = table.descriptions.iter().position(|description| description.number == number) {
            table.descriptions.swap_remove(at).close(&self.file);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Held {
    first: u32,
    count: u32,
}

/// Lock bytes, given back on drop. The kernel releases them when the process ends. A forked child would hold them,
/// too, so it closes their descriptions first of all.
pub struct Lock {
    /// The number of the description that holds them.
    number: u64,
    held: Held,
    locker: Arc<Locker>,
}

impl Lock {
    /// Takes the lock bytes `first..first + count` of the file behind `file`, through a description that serves
    /// nothing else; `None` if one is held.
    pub fn take(file: &File, first: u32, count: u32) -> io::Result<Option<Self>> {
        Locker::new(Arc::new(file.try_clone()?)).take(first, count)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let process = process();
        let mut table = Table::lock();
        let mut all = table.descriptions.iter_mut();
        // A forked child has none.
        if let Some(description) = all.find(|description| description.number == self.number)
            && description.is_of(process, &self.locker.file)
        {
            description.held.retain(|held| *held != self.held);
            let _ = description.set(libc::F_UNLCK, self.held.first, self.held.count);
        }
    }
}

// --- Forks -------------------------------------------------------------------------------------------------

/// A description through which this process takes locks.
struct Description {
    number: u64,
    /// Not closed on drop: something else in the process may have closed the descriptor and reused its number.
    file: ManuallyDrop<File>,
    process: u32,
    held: Vec<Held>,
}

impl Description {
    /// Whether it belongs to this process and still leads to the file behind `file`.
    fn is_of(&self, process: u32, file: &File) -> bool {
        let identity = |file| facts(file).map(|facts| facts.identity).ok();
        self.process == process && identity(&self.file).is_some_and(|own| identity(file) == Some(own))
    }

    fn set(&self, kind: c_int, first: u32, count: u32) -> io::Result<()> {
        let lock = range(kind, first, count);
        // SAFETY: `lock` outlives the call.
        #[expect(unsafe_code, reason = "system call")]
        let result = unsafe { libc::fcntl(self.file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        check(result).map(drop)
    }

    /// Closes the descriptor if it leads to the file behind `file`.
    fn close(self, file: &File) {
        if self.is_of(self.process, file) {
            if self.process == process() {
                // Closing alone would not be enough for a child that is being started and has not reached its `exec`
                // yet.
                let _ = self.set(libc::F_UNLCK, 0, 0);
            }
            drop(ManuallyDrop::into_inner(self.file));
        }
    }
}

/// The descriptions that a forked child must close at once, because they hold its parent's locks.
struct Table {
    descriptions: Vec<Description>,
    /// The number of the last description.
    last: u64,
}

static TABLE: Mutex<Table> = Mutex::new(Table { descriptions: Vec::new(), last: NONE });

thread_local! {
    static FORKING: Cell<Option<MutexGuard<'static, Table>>> = const { Cell::new(None) };
}

impl Table {
    /// The table, locked. No fork happens while it is locked.
    fn lock() -> MutexGuard<'static, Self> {
        TABLE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a description that was just opened. Returns its number.
    fn add(&mut self, file: File, process: u32) -> u64 {
        // An entry with the same descriptor was closed by something else.
        let descriptor: RawFd = file.as_raw_fd();
        self.descriptions.retain(|former| former.file.as_raw_fd() != descriptor);
        self.last += 1;
        let (number, file) = (self.last, ManuallyDrop::new(file));
        self.descriptions.push(Description { number, file, process, held: Vec::new() });
        number
    }
}

pub extern "C" fn before_fork() {
    // A thread that is past its thread-locals forks without the table's lock. If this function was registered twice,
    // the second call finds that the thread has the lock already.
    let _ = FORKING.try_with(|guard| guard.set(Some(guard.take().unwrap_or_else(Table::lock))));
}

pub extern "C" fn after_fork_in_parent() {
    let _ = FORKING.try_with(Cell::take);
}

pub extern "C" fn after_fork_in_child() {
    if let Ok(Some(mut table)) = FORKING.try_with(Cell::take) {
        for description in table.descriptions.drain(..) {
            // It would keep the parent's locks.
            drop(ManuallyDrop::into_inner(description.file));
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
        drop(Table::lock());
    }

    #[test]
    fn a_locker_takes_no_byte_twice() {
        let file = Arc::new(super::super::memory_file().expect("a file"));
        let (locker, other) = (Locker::new(file.clone()), Locker::new(file.clone()));
        let take = |locker: &Arc<Locker>, first, count| locker.take(first, count).expect("no error");
        let (a, b) = (take(&locker, 3, 1).expect("a free byte"), take(&locker, 4, 2).expect("free bytes"));
        for (first, count) in [(3, 1), (5, 1), (0, 4), (0, 100)] {
            assert!(take(&locker, first, count).is_none() && take(&other, first, count).is_none());
            assert!(is_locked(&file, first, count).expect("a look"));
        }
        drop(a);
        assert!(!is_locked(&file, 3, 1).expect("a look") && is_locked(&file, 4, 1).expect("a look"));
        drop((take(&other, 3, 1).expect("a free byte"), b));
        assert!(!is_locked(&file, 0, 100).expect("a look"));
    }
}
