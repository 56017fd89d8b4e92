//! A second process, and what processes cost.

use std::io;
use std::os::unix::process::parent_id;
use std::sync::OnceLock;
use std::time::Duration;

/// A forked process that does one thing and ends.
pub struct Partner {
    pid: libc::pid_t,
}

impl Partner {
    /// Runs `work` in a forked process on processor `processor`. The caller has a single thread.
    pub fn start(processor: usize, work: impl FnOnce()) -> io::Result<Self> {
        let parent = std::process::id();
        // SAFETY: with a single thread the child may do whatever the parent may.
        #[expect(unsafe_code, reason = "a process that shares anonymous memory")]
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            die_with_parent();
            pin(processor);
            let work = std::panic::AssertUnwindSafe(|| {
                // A parent that died too early to take its child along must not leave one that spins.
                assert_eq!(parent_id(), parent, "the parent lives");
                work();
            });
            let status = if std::panic::catch_unwind(work).is_ok() { 0 } else { 101 };
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

/// Has the kernel kill this process when the one that started it ends.
pub fn die_with_parent() {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

/// Lets signals end this process and those that it starts, also where a shell started it in the background, to ignore
/// some.
pub fn hear_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: the default action is no function of ours.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// The processors that this process was allowed to run on when this was first called, thus before `pin`.
fn allowed() -> &'static [usize] {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        // SAFETY: a set of plain bits, which the call writes; the indices are within it.
        #[expect(unsafe_code, reason = "system call")]
        let mut processors: Vec<usize> = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of_val(&set), &raw mut set);
            (0..8 * size_of_val(&set)).filter(|processor| libc::CPU_ISSET(*processor, &set)).collect()
        };
        if processors.is_empty() {
            // A machine with more processors than the set has bits.
            processors.extend(0..std::thread::available_parallelism().map_or(1, usize::from));
        }
        processors
    })
}

/// How many processors this process may use, pinned or not.
pub fn processors() -> usize {
    allowed().len()
}

/// Keeps this thread on one of the processors that this process may use, the one in place `processor`
/// modulo their number.
pub fn pin(processor: usize) {
    run_on(&[allowed()[processor % allowed().len()]]);
}

/// Lets this thread run on all processors that this process may use.
pub fn unpin() {
    run_on(allowed());
}

fn run_on(processors: &[usize]) {
    // SAFETY: a set of plain bits, and a call that reads it.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        processors.iter().for_each(|processor| libc::CPU_SET(*processor, &mut set));
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
    }
}

/// The time since some moment in the past that is the same for all processes of this machine.
pub fn clock() -> Duration {
    // SAFETY: plain data, written by the call.
    #[expect(unsafe_code, reason = "system call")]
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
        time
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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
