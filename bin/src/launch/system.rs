//! What only Linux offers. Elsewhere a launch goes without it.

use rustix::io;
#[cfg(target_os = "linux")]
use rustix::process::{Signal, getpid, set_child_subreaper, set_parent_process_death_signal};
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// From now on the kernel kills this process when the thread that forked it ends.
pub fn die_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// From now on a descendant whose parent has ended is this process' child.
pub fn adopt_orphans() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    set_child_subreaper(Some(getpid()))?;
    Ok(())
}

/// The processors that this process may use.
#[cfg(target_os = "linux")]
pub fn processors() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect())
}

#[cfg(not(target_os = "linux"))]
pub fn processors() -> io::Result<Vec<usize>> {
    Err(io::Errno::NOSYS)
}

/// Has this process run on that processor only.
#[cfg(target_os = "linux")]
pub fn bind(processor: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only)
}

#[cfg(not(target_os = "linux"))]
pub fn bind(_: usize) -> io::Result<()> {
    Err(io::Errno::NOSYS)
}
