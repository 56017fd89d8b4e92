//! Mapping files in a process that locks its memory (`mlockall`). There, an ordinary mapping takes every page of a
//! file from the system, even if the file is large and empty.

use super::super::{Cause, check};
use super::File;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::io;
use std::os::fd::AsRawFd;

const ACCESS: c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Whether the system takes and locks all pages of a mapping of this process at once.
///
/// Costs about 2 µs: maps a page to see whether it is there.
pub fn locks_all_it_maps() -> bool {
    let Ok(page) = Pages::map(1, ACCESS, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1) else {
        return true; // It may not lock another page.
    };
    let mut is_there = 0u8;
    // SAFETY: one page, and a byte for it that outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::mincore(page.base, page.len, &raw mut is_there) };
    result == 0 && is_there & 1 == 1
}

/// A mapping whose pages are taken, and locked, when they are touched.
pub struct Pages {
    base: *mut c_void,
    len: usize,
}

impl Pages {
    /// Maps `len` bytes of `file`, which has as many.
    pub fn of(file: &File, len: usize) -> io::Result<Self> {
        // Pages that cannot be touched are not taken. And pages that are not locked by then are not taken when
        // touching is allowed.
        let pages = Self::map(len, libc::PROT_NONE, libc::MAP_SHARED, file.as_raw_fd())?;
        // SAFETY: changes what happens when pages of our own mapping are touched, which nobody has seen yet.
        #[expect(unsafe_code, reason = "system calls")]
        unsafe {
            check(libc::munlock(pages.base, len))?;
            check(libc::mprotect(pages.base, len, ACCESS))?;
            // A system before Linux 4.4 does not know this call. The pages stay unlocked.
            libc::syscall(libc::SYS_mlock2, pages.base, len, libc::MLOCK_ONFAULT);
        }
        Ok(pages)
    }

    fn map(len: usize, access: c_int, kind: c_int, descriptor: c_int) -> io::Result<Self> {
        // SAFETY: a new mapping; the system chooses its place.
        #[expect(unsafe_code, reason = "system call")]
        let base = unsafe { libc::mmap(null_mut(), len, access, kind, descriptor, 0) };
        if base == libc::MAP_FAILED {
            return Err(map_error(io::Error::last_os_error()));
        }
        Ok(Self { base, len })
    }

    /// The beginning of the mapping.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.base.cast()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: our own mapping, to which nothing refers any more.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::munmap(self.base, self.len);
        }
    }
}

/// What an error of mapping means; the cause may be the limit on locked memory.
pub fn map_error(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::EAGAIN) { Cause::MemoryLock.error() } else { error }
}
