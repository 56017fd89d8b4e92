//! Every system call, one file per platform. Loom's model of a system is a platform like the others.
//!
//! Above this folder no code is chosen by the system that it runs on. (`model` is an exception: with it, much is left out. And some
//! code there knows error numbers that all Unixes have.) A platform is a set of functions and types of the same names and meanings;
//! exactly one is compiled:
//!
//! | platform | compiled | what it is |
//! |---|---|---|
//! | `linux` | on Linux | futexes, `membarrier`, locks of files that the kernel releases when their process ends |
//! | `portable` | on other Unixes; on Linux with `--cfg portable`, so that it can be tested | polls; its page says what it lacks |
//! | `model` | with `--cfg loom` | time stands still; sleeping, barriers and locks are loom's |
//!
//! | what the rest needs | on Linux in | for what |
//! |---|---|---|
//! | sleep on a word, or on several, and wake | `linux` | the bells: [`crate::rank`], [`crate::wait`] |
//! | a fence in all ringers at once | `linux` | so that ringers need none: `rank::bell::order` |
//! | a lock that ends with its process; who holds it | `linux/locks` | who holds a rank (I5), or removes a region |
//! | clocks, processors | `linux` | how long to poll |
//! | whether this process is a forked child | `linux` | endpoints that it has not inherited |
//! | files with a name and without; reserving room in them | `linux/files`, `files` | [`crate::segment`] |
//! | mappings in a process that locks its memory | `linux/locking` | the same |
//! | how much memory is left, whose files are one's own | `linux/cgroup`, `linux/users` | the same |
//!
//! Shared by all Unixes: `files`; `cause`, which says what an error number means to a user; `event` and `trust`, for programs that choose
//! [`Wait::Event`](crate::Wait::Event); `pause`, a sleep that nobody ends, for where there is no better one.
//!
//! **Who writes what.** No word of a region is written here but the bytes of events and, on `portable`, the locks. (Files get what
//! `segment` says, and zeros where that is how room in them is reserved.) To sleep reads the word; what is in it is up to the bell.
//!
//! **If a process stops,** at any instruction: the kernel releases its locks, unmaps its memory and closes its files. Nothing that
//! this folder keeps for it outlives it. On `portable` a lock is a word with the number of the process, and is free once that
//! process no longer exists.
//!
//! **If a peer writes garbage** to the word of a sleeper, that one wakes too early or too late. Each sleep has an end, after
//! which the sleeper looks itself (I6). Only events trust a peer with more, and only `unsafe` code can choose them ([`TrustedEvents`]).
//!
//! **If the system refuses,** functions return an `io::Error`, or say by their result that they did not do it: then there is another way.
//! A question that fails says nothing: nobody is dead because the kernel did not answer.
//!
//! **What it costs.** Functions that are called while messages travel say so in their docs.
//!
//! **Before you change it:**
//! - A function that is added for one platform is added for all; `portable` and `model` must compile, too.
//! - Every `unsafe` block is small, and says why its pointers are good. What an error number means to a user is said in `cause` only. A
//!   function that knows its one call may look at that call's number itself.
//! - A child may be forked while another thread is in here. On Linux nothing waits for a lock that such a child would find held for
//!   ever: `linux/locks` says what a fork does to its lock. On `portable` the clock's first reading sets a `OnceLock`, so a child that is
//!   forked during it could wait for ever. Do not add another.

#[cfg(all(target_os = "linux", not(any(portable, loom))))]
mod linux;
#[cfg(all(target_os = "linux", not(any(portable, loom))))]
pub use linux::*;

#[cfg(all(unix, any(portable, not(target_os = "linux")), not(loom)))]
mod portable;
#[cfg(all(unix, any(portable, not(target_os = "linux")), not(loom)))]
pub use portable::*;

// Shared by all platforms.
#[cfg(all(unix, not(loom)))]
mod cause;
#[cfg(all(unix, not(loom)))]
mod event;
#[cfg(all(unix, not(loom)))]
mod files;
#[cfg(all(unix, not(loom)))]
mod pause;
mod trust;
pub use trust::TrustedEvents;
#[cfg(all(unix, not(loom)))]
pub use {
    cause::{Cause, error_number, is_out_of_space},
    event::Event,
    files::*,
    pause::pause_until,
};

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub use model::*;

#[cfg(not(any(unix, loom)))]
compile_error!("mailbox runs on Unix only so far");
