//! This process: who started it, its processors and its clock.

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::sched_getaffinity;
use rustix::time::{ClockId, clock_gettime};
use std::thread;
use std::time::Duration;

/// Has the kernel kill this process when the one that started it ends.
pub fn die_with_parent() {
    // The kernel cannot refuse a signal that there is.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// How many processors this process may use now.
pub fn processors() -> usize {
    match sched_getaffinity(None) {
        Ok(set) => set.count() as usize,
        // A machine with more processors than the set has bits.
        Err(_) => thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The time since some moment in the past that is the same for all processes of this machine.
pub fn clock() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
