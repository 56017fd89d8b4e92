//! Which standard streams this process was started without.
//!
//! Rust opens `/dev/null` in the place of those that are closed before it calls `main`, so that no other file takes
//! their numbers. What is written there is lost without a word. They are looked at before that.

use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stdin, stdout};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Whether standard input was closed.
pub static INPUT: AtomicBool = AtomicBool::new(false);
/// Whether standard output was closed.
pub static OUTPUT: AtomicBool = AtomicBool::new(false);

#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
// The section holds pointers to functions like this one. It relies on nothing that Rust's start prepares: it asks the
// system twice and writes two words.
#[expect(unsafe_code, reason = "the section names what the loader calls before Rust's own start")]
static LOOK: extern "C" fn() = {
    extern "C" fn look() {
        INPUT.store(fcntl_getfd(stdin()) == Err(Errno::BADF), Relaxed);
        OUTPUT.store(fcntl_getfd(stdout()) == Err(Errno::BADF), Relaxed);
    }
    look
};
