//! Which standard streams this process was started without.
//!
//! Rust opens `/dev/null` in the place of those that are closed before it calls `main`, so that no other file takes
//! their numbers. What is written there is lost without a word. They are looked at before that.

use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stdin, stdout};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// A bit each.
const INPUT: u8 = 1;
const OUTPUT: u8 = 2;

static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Whether standard input was closed.
#[allow(dead_code, reason = "one of the two programs reads none")]
pub fn input() -> bool {
    CLOSED.load(Relaxed) & INPUT != 0
}

/// Whether standard output was closed.
pub fn output() -> bool {
    CLOSED.load(Relaxed) & OUTPUT != 0
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
