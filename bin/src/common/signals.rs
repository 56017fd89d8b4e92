//! Being asked to end.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::time::{Duration, Instant};
use std::{fs, io, process, thread};

/// A second signal that comes this long after the first insists. One that comes sooner is the same request: some
/// programs send theirs to a process and to its group.
pub const INSISTENT: Duration = Duration::from_secs(1);

/// The signals that ask this process to end; they no longer do so by themselves.
pub struct Heard(Signals);

/// Hears signals from now on. One that the process was started to ignore, as by `nohup`, stays ignored.
pub fn hear() -> io::Result<Heard> {
    Signals::new(not_ignored(&[SIGINT, SIGTERM, SIGHUP])).map(Heard)
}

impl Heard {
    /// Calls `act` with the first signal, from a thread of its own. A later one ends the process at once.
    pub fn act(mut self, act: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
        thread::Builder::new().spawn(move || {
            let mut signals = self.0.forever();
            let Some(first) = signals.next() else { return };
            let since = Instant::now();
            act(first);
            for signal in signals {
                if since.elapsed() >= INSISTENT {
                    end_by(signal);
                }
            }
        })?;
        Ok(())
    }
}

/// The exit status of a process that such a signal ended.
pub fn status(signal: i32) -> i32 {
    128 + signal
}

/// Ends this process by `signal`. The first process of a container cannot be ended so by itself: it exits with the
/// status that a shell would show.
pub fn end_by(signal: i32) -> ! {
    if process::id() != 1 {
        let _ = emulate_default_handler(signal);
    }
    process::exit(status(signal))
}

/// Those of `signals` that this process does not ignore; all where the system does not say so in `/proc`.
pub fn not_ignored(signals: &[i32]) -> Vec<i32> {
    let ignored = ignored();
    signals.iter().copied().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect()
}

/// The signals that this process ignores, a bit each.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}
