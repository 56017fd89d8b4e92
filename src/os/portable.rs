//! Any Unix: does without a kernel's help what `linux` does with it.
//!
//! | in `linux` | here | drawback |
//! |---|---|---|
//! | futexes | polls the word, between pauses | late wake-ups |
//! | `membarrier` | each ringer executes a full fence | throughput |
//! | segments in `/dev/shm` | files `mailbox.NAME` in the folder for temporary files | disk writes, if that is a disk |
//! | file locks | process ids in the segment | see below |
//! | a page that a fork wipes | nothing: a forked child must not use its parent's endpoints | |
//! | `fallocate` | zeros, written | time, when memory is taken |
//! | sealed memory files | files without a name, unsealed | a process that has one can make it shorter |
//! | the boot's number, file systems | not checked | damage by a crash of the machine is not noticed |
//!
//! A lock is held by the process whose number is in its word, if that process exists. It is free again after the
//! process has ended *and its parent has waited for it*. If another process has got the number since, the lock still
//! looks held. Processes with separate process ids, as in containers, must not share regions.

use crate::abi::{MAX_RANKS, PAGE, RANKS_WORD, lock_word};
use crate::sync::AtomicU32;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32 as Word, AtomicU64, Ordering, compiler_fence, fence};
use core::time::Duration;
use memmap2::{MmapOptions, MmapRaw};
pub use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use std::{env, fs, process, thread};

// --- Files -------------------------------------------------------------------------------------------------

/// Whether named segments are different from files.
pub const SEGMENTS: bool = false;

/// The names of segments begin with this among temporary files.
const PREFIX: &str = "mailbox.";

/// The folder with the files of named segments.
pub fn shm_folder() -> PathBuf {
    env::temp_dir()
}

/// The file of the named segment `name`.
pub fn shm_path(name: &str) -> PathBuf {
    shm_folder().join(format!("{PREFIX}{name}"))
}

/// The names of all segments, and of other files that look like one.
pub fn shm_names() -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| {
        Some(entry.ok()?.file_name().to_str()?.strip_prefix(PREFIX)?.to_string())
    };
    Ok(fs::read_dir(shm_folder())?.filter_map(name).collect())
}

/// Another descriptor of the file behind `file`.
pub fn reopen(file: &File) -> io::Result<File> {
    file.try_clone()
}

/// Renames `from` to `to`, unless something has that name.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    // A process that is killed here leaves a second name. Only cleaning up looks for it.
    match fs::remove_file(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Takes a range of `file` from the system. The range must contain nothing but zeros yet.
pub fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let mut at = offset;
    while at < offset + len {
        let count = ZEROS.len().min((offset + len - at) as usize);
        super::write_at(file, &ZEROS[..count], at)?;
        at += count as u64;
    }
    Ok(())
}

/// Like [`allocate`], for a range whose content nobody needs; some of it may be taken already. Takes whole pages; a
/// file system may have smaller units. The rest of those pages stays as it is; nobody else writes there.
pub fn allocate_free(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let end = offset + len;
    for (from, to) in [(offset / PAGE * PAGE, offset), (end, end.next_multiple_of(PAGE))] {
        let mut beside = vec![0; (to - from) as usize];
        super::read_at(file, &mut beside, from)?;
        super::write_at(file, &beside, from)?;
    }
    allocate(file, offset, len)
}

/// Whether [`allocate_missing`] has an effect. No: a reader relies on the writer.
pub const COMPLETES: bool = false;

/// Like [`allocate`], for a range in which others may have written already; that stays. Does nothing here, because
/// there is no portable way to tell.
pub fn allocate_missing(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
    Ok(())
}

/// Whether only this machine's kernel serves `file`. There is no portable way to know.
pub fn is_local(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// Whether `file` disappears when the machine reboots. There is no portable way to know.
pub fn is_in_memory(_file: &File) -> io::Result<bool> {
    Ok(false)
}

/// A number for this boot. There is no portable one.
pub fn boot_id() -> io::Result<u64> {
    Ok(2)
}

/// Whether the system takes all pages of a mapping at once. There is no portable way to know.
pub fn locks_all_it_maps() -> bool {
    false
}

/// An ordinary mapping.
pub struct Pages(MmapRaw);

impl Pages {
    /// Maps `len` bytes of `file`, which has as many.
    pub fn of(file: &File, len: usize) -> io::Result<Self> {
        MmapOptions::new().len(len).map_raw(file).map(Self)
    }

    /// The beginning of the mapping.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
}

/// What an error of mapping means.
pub fn map_error(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::EAGAIN) { super::Cause::MemoryLock.error() } else { error }
}

/// A file without a name, which disappears when the last process closes it.
pub fn memory_file() -> io::Result<File> {
    use std::hash::{BuildHasher, RandomState};
    let number = RandomState::new().hash_one(process::id());
    let path = env::temp_dir().join(format!(".{PREFIX}{number:016x}"));
    let file = super::create_new(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Cannot fix the size of a memory file; does nothing.
pub fn seal_size(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Whether the size of `file` may be relied on. There is no choice but yes.
pub fn is_size_sealed(_file: &File) -> bool {
    true
}

/// Cannot keep a mapping out of core dumps; does nothing.
pub fn exclude_from_dumps(_base: NonNull<u8>, _len: usize) {}

/// How many processors this process may use.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The numbers of the processors that this thread may run on. There is no portable way to know.
pub fn affinity() -> Vec<usize> {
    Vec::new()
}

// --- Barriers and sleeping ---------------------------------------------------------------------------------

/// Not available: both sides fence.
pub fn register_for_fences() -> bool {
    false
}

/// Not available.
pub fn remote_fence() -> bool {
    false
}

/// An ordering for the compiler.
#[inline(always)]
pub fn light_fence() {
    compiler_fence(Ordering::SeqCst);
}

/// Time since a fixed moment.
pub fn uptime() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The same; not every system has a cheaper clock.
pub fn uptime_lately() -> Duration {
    uptime()
}

/// Polls `word`, between pauses, until one of these `bits` differs from `seen`, at most for `time`, and with at least
/// one pause. `since` is when this sleep began.
pub fn sleep_on(word: &AtomicU32, seen: u32, bits: u32, since: Instant, time: Duration) {
    super::pause_until(since, time, || (word.load(Ordering::Relaxed) ^ seen) & bits != 0);
}

/// Never sleeps: a sleeper polls its words.
pub fn sleep_on_any(_words: &[(&AtomicU32, u32)], _time: Duration) -> bool {
    false
}

/// Does nothing: a sleeper polls the word. May be called from a signal handler.
pub fn wake_on(_word: &AtomicU32, _bits: u32) {}

// --- Locks -------------------------------------------------------------------------------------------------

/// Whether this process exists. One that has ended still counts until its parent has waited for it.
fn is_alive(process: u64) -> bool {
    let Some(process) = libc::pid_t::try_from(process).ok().filter(|process| *process > 0) else {
        return false; // Nobody's number.
    };
    // SAFETY: no pointers; signal 0 only checks.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::kill(process, 0) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// The word at `offset` of `file`; `None` beyond its end.
fn read_word(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    match super::read_at(file, &mut bytes, offset) {
        Ok(()) => Ok(Some(u64::from_ne_bytes(bytes))),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Offsets of the words of the locks `first..first + count`, as far as the region in `file` has them.
fn lock_words(file: &File, first: u32, count: u32) -> io::Result<impl Iterator<Item = u64>> {
    let ranks = read_word(file, RANKS_WORD)?.unwrap_or(0).min(MAX_RANKS.into()) as u32;
    let len = file.metadata()?.len();
    let words = (first..(first + count).min(2 + ranks)).map(lock_word);
    Ok(words.filter(move |word| word + 8 <= len))
}

/// Whether a process holds one of the locks `first..first + count`.
pub fn is_locked(file: &File, first: u32, count: u32) -> io::Result<bool> {
    for word in lock_words(file, first, count)? {
        if read_word(file, word)?.is_some_and(|holder| holder != 0 && is_alive(holder)) {
            return Ok(true);
        }
    }
    // Makes visible what the last holder wrote.
    fence(Ordering::Acquire);
    Ok(false)
}

/// Whether the locks of other versions can be seen. No, their words may lie elsewhere.
pub const LOCKS_OF_ALL_VERSIONS: bool = false;

/// Whether a process holds any lock of the region in `file`.
pub fn is_locked_anywhere(file: &File) -> io::Result<bool> {
    is_locked(file, 0, 2 + MAX_RANKS)
}

/// Whether a file of this user belongs to this process. Always.
pub fn is_own(user: u32) -> bool {
    user == super::user()
}

/// Takes locks of one region.
pub struct Locker {
    file: Arc<File>,
}

impl Locker {
    /// A locker of the region in `file`.
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

/// Locks. They are given back when the process that took them drops this. Until then they count as held as long as a
/// process with its number exists.
pub struct Lock {
    table: MmapRaw,
    held: Vec<u64>,
    process: u64,
}

impl Lock {
    /// Takes the locks `first..first + count` of the region in `file`; `None` if one is held.
    ///
    /// They are taken one by one, in order. So a process that waits until all are free looks at the first.
    pub fn take(file: &File, first: u32, count: u32) -> io::Result<Option<Self>> {
        let words: Vec<u64> = lock_words(file, first, count)?.collect();
        let Some(last) = words.last() else {
            return Err(ErrorKind::UnexpectedEof.into());
        };
        let table = MmapOptions::new().len(*last as usize + 8).map_raw(file)?;
        let mut lock = Self { table, held: Vec::with_capacity(words.len()), process: process::id().into() };
        for offset in words {
            let word = lock.word(offset);
            let holder = word.load(Ordering::Relaxed);
            let is_free = holder == 0 || !is_alive(holder);
            let taken = is_free
                && word.compare_exchange(holder, lock.process, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if !taken {
                return Ok(None); // What was taken is given back.
            }
            lock.held.push(offset);
        }
        Ok(Some(lock))
    }

    fn word(&self, offset: u64) -> &AtomicU64 {
        #[expect(unsafe_code, reason = "a word of the mapping")]
        // SAFETY: the mapping contains all the words, which are aligned, and lives as long as `self`.
        unsafe {
            AtomicU64::from_ptr(self.table.as_mut_ptr().add(offset as usize).cast())
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if u64::from(process::id()) != self.process {
            return; // A forked child's: they are its parent's.
        }
        // The gate is released last, as it was taken first: a process that finds any lock held finds the gate held.
        for offset in self.held.iter().rev() {
            // Unless a process that thought this one had ended has taken it.
            let _ =
                self.word(*offset).compare_exchange(self.process, 0, Ordering::Release, Ordering::Relaxed);
        }
    }
}

// --- Forks -------------------------------------------------------------------------------------------------

/// A word that holds [`process`]. A forked child keeps the value, so forks go unnoticed.
pub fn process_word() -> &'static Word {
    static NONE: Word = Word::new(1);
    &NONE
}

/// The same number for every process.
pub fn process() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with the words of a region of three ranks.
    fn region() -> File {
        let file = memory_file().expect("a file");
        file.set_len(lock_word(5)).expect("room");
        super::super::write_at(&file, &3u64.to_ne_bytes(), RANKS_WORD).expect("a header");
        file
    }

    fn set_holder(file: &File, lock: u32, holder: u64) {
        super::super::write_at(file, &holder.to_ne_bytes(), lock_word(lock)).expect("a word");
    }

    fn holder(file: &File, lock: u32) -> u64 {
        read_word(file, lock_word(lock)).expect("a word").expect("within the file")
    }

    /// The number of a process that has ended.
    fn ended() -> u64 {
        let mut child = process::Command::new("true").spawn().expect("a process");
        child.wait().expect("a child");
        child.id().into()
    }

    #[test]
    fn a_lock_has_one_holder_at_a_time() {
        let file = region();
        let lock = Lock::take(&file, 3, 1).expect("a lock").expect("a free one");
        assert!(is_locked(&file, 3, 1).expect("a look") && is_locked(&file, 0, 1000).expect("a look"));
        assert!(!is_locked(&file, 2, 1).expect("a look") && !is_locked(&file, 4, 1).expect("a look"));
        assert!(Lock::take(&file, 3, 1).expect("no error").is_none());
        drop(lock);
        assert!(!is_locked(&file, 3, 1).expect("a look"));
        assert!(Lock::take(&file, 3, 1).expect("no error").is_some());
    }

    #[test]
    fn all_are_taken_or_none() {
        let file = region();
        let one = Lock::take(&file, 4, 1).expect("a lock").expect("a free one");
        assert!(Lock::take(&file, 0, 1000).expect("no error").is_none());
        assert_eq!([0, 1, 2, 3].map(|lock| holder(&file, lock)), [0; 4]);
        drop(one);
        let all = Lock::take(&file, 0, 1000).expect("no error").expect("free ones");
        assert!((0..5).all(|lock| holder(&file, lock) == process::id().into()));
        drop(all);
        assert!((0..5).all(|lock| holder(&file, lock) == 0));
    }

    #[test]
    fn what_a_process_held_that_has_ended_is_free() {
        let file = region();
        for free in [0, ended(), u64::MAX, 1 << 31] {
            set_holder(&file, 2, free);
            assert!(!is_locked(&file, 2, 1).expect("a look"), "{free}");
            drop(Lock::take(&file, 2, 1).expect("no error").expect("a free one"));
        }
        // Process 1, which always exists.
        set_holder(&file, 2, 1);
        assert!(is_locked(&file, 2, 1).expect("a look"));
        assert!(Lock::take(&file, 2, 1).expect("no error").is_none());
    }

    #[test]
    fn a_lock_that_somebody_else_took_is_left_to_it() {
        let file = region();
        let lock = Lock::take(&file, 2, 1).expect("no error").expect("a free one");
        set_holder(&file, 2, 1);
        drop(lock);
        assert_eq!(holder(&file, 2), 1);
    }

    #[test]
    fn no_lock_lies_beyond_the_end_of_a_file() {
        let file = region();
        super::super::write_at(&file, &u64::MAX.to_ne_bytes(), RANKS_WORD).expect("a header");
        // Taking more would end this process.
        assert!(Lock::take(&file, 0, 1000).expect("no error").is_some());
        file.set_len(8).expect("less");
        assert!(Lock::take(&file, 0, 1000).is_err());
        assert!(!is_locked(&file, 0, 1000).expect("a look"));
    }

    #[test]
    fn zeros_take_room() {
        let file = memory_file().expect("a file");
        file.set_len(1 << 20).expect("room");
        let before = super::super::facts(&file).expect("facts").allocated;
        allocate(&file, 4096, (1 << 16) + 4096).expect("room");
        let taken = super::super::facts(&file).expect("facts").allocated - before;
        assert!((1 << 16) < taken && taken < 1 << 20, "{taken}");
    }
}
