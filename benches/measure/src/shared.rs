//! Memory that a process shares with the children that it forks.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// Zeroed pages of memory; they go when this does, but for what a child still has mapped.
pub struct Shared {
    start: NonNull<u8>,
    len: usize,
}

impl Shared {
    /// `len` bytes, more than none, taken from the system at once: no measurement waits for a page.
    pub fn new(len: usize) -> io::Result<Self> {
        // SAFETY: a fresh mapping, where nothing else is.
        #[expect(unsafe_code, reason = "anonymous memory shared with a child")]
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// Where it begins: at the beginning of a page.
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// All of it, as words.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: as long as that, aligned to a page, zero at first, and mapped as long as `self` lives. Code that
        // also writes bytes through `start` keeps them apart from words in use.
        #[expect(unsafe_code, reason = "memory that another process writes")]
        unsafe {
            std::slice::from_raw_parts(self.start.cast().as_ptr(), self.len / size_of::<AtomicU64>())
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: a mapping of ours; who used its memory borrowed it from `self`, or took care of it.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.len);
        }
    }
}
