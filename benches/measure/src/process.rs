//! A second process, and what processes cost.

use std::io;
use std::time::Duration;

/// A forked process that does one thing and ends.
pub struct Partner {
    pid: libc::pid_t,
}

impl Partner {
    /// Runs `work` in a forked process on processor `processor`. The caller has a single thread.
    pub fn start(processor: usize, work: impl FnOnce()) -> io::Result<Self> {
        // SAFETY: with a single thread the child may do whatever the parent may.
        #[expect(unsafe_code, reason = "a process that shares anonymous memory")]
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            die_with_parent();
            pin(processor);
            let status = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
                Ok(()) => 0,
                Err(_) => 101,
            };
            // SAFETY: ends the child at once; what it shares with its parent is the parent's to clean up.
            #[expect(unsafe_code, reason = "the child must not return into its parent's code")]
            unsafe {
                libc::_exit(status)
            }
        }
        Ok(Self { pid })
    }

    /// Waits for its end; an error if it did not end well.
    pub fn finish(self) -> io::Result<()> {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        #[expect(unsafe_code, reason = "system call")]
        let result = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        std::mem::forget(self);
        match (result, status) {
            (pid, 0) if pid > 0 => Ok(()),
            _ => Err(io::Error::other("the partner process failed")),
        }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // SAFETY: a child of ours that nobody has waited for.
        #[expect(unsafe_code, reason = "system calls")]
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

fn die_with_parent() {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

/// Keeps this thread on processor `processor`, counted from 0 and modulo those that are there.
pub fn pin(processor: usize) {
    // SAFETY: a set of plain bits, and calls that read it.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        // Not `available_parallelism`: once pinned, that is 1.
        let count = libc::sysconf(libc::_SC_NPROCESSORS_ONLN) as usize;
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor % count.max(1), &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
    }
}

/// The processor time that this process has used so far.
pub fn cpu_time() -> Duration {
    // SAFETY: plain data, written by the call.
    #[expect(unsafe_code, reason = "system call")]
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}
