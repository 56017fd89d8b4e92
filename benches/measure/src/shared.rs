//! Memory that a process shares with the children that it forks.

use std::io;
use std::ptr::NonNull;

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
