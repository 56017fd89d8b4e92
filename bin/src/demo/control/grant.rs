//! What a real-time process asks the system for, which may refuse it.

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use std::hint::black_box;

/// As much of the stack as the loop may need.
const STACK: usize = 256 << 10;

/// Keeps all in memory that this process has mapped, which takes every page of it. What it maps later is not locked: if it may not lock
/// as much, that could not be mapped at all.
pub fn lock_memory() -> Result<(), Errno> {
    touch_stack();
    mlockall(MlockAllFlags::CURRENT)
}

/// A stack that is locked does not grow beyond what may be locked. So it grows before.
#[inline(never)]
fn touch_stack() {
    black_box(&mut [1u8; STACK]);
}

/// Gives this thread a priority of `SCHED_FIFO`: above all ordinary ones, and until it waits.
pub fn be_urgent(priority: i32) -> Result<(), Errno> {
    // SAFETY: plain data, which has more fields on some systems; this thread, and a value that outlives the call. (musl has no
    // sched_setscheduler.)
    #[expect(unsafe_code, reason = "system call")]
    let error = unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = priority;
        libc::pthread_setschedparam(libc::pthread_self(), libc::SCHED_FIFO, &raw const parameters)
    };
    if error == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(error)) }
}
