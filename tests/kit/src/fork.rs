//! Forked processes.
#![expect(unsafe_code, reason = "system calls")]

use crate::process::{die_with_parent, exit_with, try_signal};
use std::io;
use std::os::unix::process::parent_id;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

/// Forks: zero in the child, else its process id. The child has this thread alone, which holds no lock that the child
/// needs.
pub fn fork() -> i32 {
    try_fork().expect("fork")
}

fn try_fork() -> io::Result<i32> {
    // SAFETY: what runs in the child afterwards is this thread, which holds no lock.
    let process = unsafe { libc::fork() };
    if process < 0 { Err(io::Error::last_os_error()) } else { Ok(process) }
}

/// Kills a forked process, and waits for its end.
pub fn kill(process: i32) {
    try_signal(process as u32, libc::SIGKILL);
    wait_for(process);
}

/// Waits for a forked process to end.
pub fn wait_for(process: i32) {
    // SAFETY: the null pointer says that the status is of no interest.
    unsafe {
        libc::waitpid(process, std::ptr::null_mut(), 0);
    }
}

/// Waits for a forked process to end or to stop, and says how it did, as `waitpid` does.
pub fn status_of(process: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let result = unsafe { libc::waitpid(process, &raw mut status, 0) };
    assert_eq!(result, process, "a child");
    status
}

/// A forked process that does one thing and ends; killed and waited for when this is dropped.
pub struct Forked {
    process: i32,
}

impl Forked {
    /// Runs `work` in a forked process, which ends with this one. The caller has a single thread.
    pub fn start(work: impl FnOnce()) -> io::Result<Self> {
        let parent = process::id();
        let process = try_fork()?;
        if process == 0 {
            die_with_parent();
            let work = AssertUnwindSafe(|| {
                // A parent that died too early to take its child along must not leave one that spins.
                assert_eq!(parent_id(), parent, "the parent lives");
                work();
            });
            // The child must not return into its parent's code.
            exit_with(if catch_unwind(work).is_ok() { 0 } else { 101 });
        }
        Ok(Self { process })
    }

    /// Waits for its end; an error if it did not end well.
    pub fn finish(self) -> io::Result<()> {
        let status = status_of(self.process);
        std::mem::forget(self);
        if status == 0 { Ok(()) } else { Err(io::Error::other("a forked process failed")) }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        kill(self.process);
    }
}
