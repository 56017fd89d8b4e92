//! A second process, and what processes cost.

use kit::Forked;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

/// A forked process on a processor of its own, that does one thing and ends; killed when this is dropped.
pub struct Partner(Forked);

impl Partner {
    /// Runs `work` in a forked process on processor `processor`. The caller has a single thread.
    pub fn start(processor: usize, work: impl FnOnce()) -> io::Result<Self> {
        let work = || {
            pin(processor);
            work();
        };
        Forked::start(work).map(Self)
    }

    /// Waits for its end; an error if it did not end well.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()
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
