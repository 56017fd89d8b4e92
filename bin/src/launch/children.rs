//! The processes that this one has to wait for: ranks, and orphans that they left.

use super::fate::Fate;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::mem;

/// A child that has ended and was not waited for; its number is its own until then.
pub fn ended() -> Option<Pid> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: it is made of integers and pointers, of which none is read that `waitid` has not written.
    #[expect(unsafe_code, reason = "what a system call fills in")]
    let mut facts: libc::siginfo_t = unsafe { mem::zeroed() };
    // SAFETY: `waitid` writes what it is given the place of.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &mut facts, flags) };
    // SAFETY: it was filled in, or is zero.
    #[expect(unsafe_code, reason = "a union of what different signals tell")]
    let number = unsafe { facts.si_pid() };
    if result == 0 { Pid::from_raw(number) } else { None }
}

/// Waits for a child that has ended: how it did.
pub fn bury(child: Pid) -> Option<Fate> {
    let (_, status) = waitpid(Some(child), WaitOptions::NOHANG).ok()??;
    Fate::of(status)
}
