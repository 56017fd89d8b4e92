//! The standard streams as plain files: no buffer, and an error where one is closed.
//!
//! Rust opens `/dev/null` in the place of those that are closed before it calls `main`, so that no other file takes
//! their numbers. What is written there is lost without a word. They are looked at before that.

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stderr, stdin, stdout};
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// A bit each.
const INPUT: u8 = 1;
const OUTPUT: u8 = 2;

static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Standard input.
pub fn input() -> io::Result<File> {
    opened(INPUT, stdin(), OFlags::WRONLY)
}

/// Standard output.
pub fn output() -> io::Result<File> {
    opened(OUTPUT, stdout(), OFlags::RDONLY)
}

/// Standard error.
pub fn error() -> io::Result<File> {
    Ok(OwnedFd::into(stderr().try_clone_to_owned()?))
}

/// A stream that is open, and not only for the other direction.
fn opened(which: u8, stream: BorrowedFd, other: OFlags) -> io::Result<File> {
    let mode = fcntl_getfl(stream)? & OFlags::RWMODE;
    if CLOSED.load(Relaxed) & which != 0 || mode == other {
        return Err(Errno::BADF.into());
    }
    Ok(OwnedFd::into(stream.try_clone_to_owned()?))
}

#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
// The section holds pointers to functions like this one. It relies on nothing that Rust's start prepares: it asks the
// system twice and writes a byte.
#[expect(unsafe_code, reason = "the section names what the loader calls before Rust's own start")]
static LOOK: extern "C" fn() = {
    extern "C" fn look() {
        let input = if fcntl_getfd(stdin()) == Err(Errno::BADF) { INPUT } else { 0 };
        let output = if fcntl_getfd(stdout()) == Err(Errno::BADF) { OUTPUT } else { 0 };
        CLOSED.store(input | output, Relaxed);
    }
    look
};
