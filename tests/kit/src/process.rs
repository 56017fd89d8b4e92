//! What a process does to another, or to itself.
#![expect(unsafe_code, reason = "system calls")]

use std::process;

/// Sends a signal to a process, which is there.
#[track_caller]
pub fn signal(process: u32, signal: i32) {
    assert!(try_signal(process, signal), "process {process} is there");
}

/// Sends a signal to a process that may have ended. True if it was there.
pub fn try_signal(process: u32, signal: i32) -> bool {
    let process = i32::try_from(process).expect("a process id");
    assert!(process > 1, "a single process");
    // SAFETY: no pointers.
    unsafe { libc::kill(process, signal) == 0 }
}

/// Kills this process.
pub fn kill_oneself() -> ! {
    signal(process::id(), libc::SIGKILL);
    unreachable!("killed")
}

/// Lets signals end this process and those that it starts, even if a shell started it in the background, where some
/// are ignored.
pub fn hear_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: the default action is no function of ours.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// Has the kernel kill this process when the one that started it ends.
#[cfg(target_os = "linux")]
pub fn die_with_parent() {
    // SAFETY: no pointers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

/// No other kernel does that.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent() {}

/// Has the kernel end this process, however it hangs, after that many seconds.
pub fn end_within(seconds: u32) {
    // SAFETY: no pointers.
    unsafe {
        libc::alarm(seconds);
    }
}

/// Has this process leave no core behind, however it ends.
pub fn end_quietly() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` outlives the call.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
    }
}

/// Ends a forked process without what its parent wanted to be done at its end.
pub fn exit_at_once() -> ! {
    exit_with(0)
}

/// As [`exit_at_once`], with that status.
pub fn exit_with(status: i32) -> ! {
    // SAFETY: always.
    unsafe { libc::_exit(status) }
}
