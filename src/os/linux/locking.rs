//! Mapping files in a process that locks its memory (`mlockall`): there the ordinary way takes every page of a file from
//! the system, be it ever so large and empty.

use super::super::{Cause, check};
use super::File;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::io;
use std::os::fd::AsRawFd;

const ACCESS: c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Whether all pages of whatever this process maps are taken and locked at once.
///
/// Costs some 2 µs: a page is mapped, to see whether it is there.
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

/// A mapping that takes, and locks, its pages as they are touched.
pub struct Pages {
    base: *mut c_void,
    len: usize,
}

impl Pages {
    /// Maps `len` bytes of `file`, which has as many.
    pub fn of(file: &File, len: usize) -> io::Result<Self> {
        // What cannot be touched is not taken; and what is not locked, not when it can be touched.
        let pages = Self::map(len, libc::PROT_NONE, libc::MAP_SHARED, file.as_raw_fd())?;
        // SAFETY: changes what happens when the pages of a mapping of ours are touched, which nobody has seen yet.
        #[expect(unsafe_code, reason = "system calls")]
        unsafe {
            check(libc::munlock(pages.base, len))?;
            check(libc::mprotect(pages.base, len, ACCESS))?;
            // A system before Linux 4.4 does not know it: the pages stay unlocked.
            let _ = libc::mlock2(pages.base, len, libc::MLOCK_ONFAULT as _);
        }
        Ok(pages)
    }

    fn map(len: usize, access: c_int, kind: c_int, descriptor: c_int) -> io::Result<Self> {
        // SAFETY: a new mapping, wherever there is room.
        #[expect(unsafe_code, reason = "system call")]
        let base = unsafe { libc::mmap(null_mut(), len, access, kind, descriptor, 0) };
        if base == libc::MAP_FAILED {
            return Err(map_error(io::Error::last_os_error()));
        }
        Ok(Self { base, len })
    }

    /// Where it begins.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.base.cast()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: a mapping of ours, to which nobody refers any more.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::munmap(self.base, self.len);
        }
    }
}

/// What an error of mapping means: it may be one of locking.
pub fn map_error(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::EAGAIN) { Cause::MemoryLock.error() } else { error }
}
