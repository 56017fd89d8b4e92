//! Being asked to end.

use super::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::thread;

/// Calls `act` with each signal that asks this process to end, from a thread of its own.
pub fn on_signal(act: impl FnMut(i32) + Send + 'static) -> Result<(), Failure> {
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
    let mut signals = signals.map_err(|error| Failure::new(format_args!("signals: {error}")))?;
    thread::spawn(move || signals.forever().for_each(act));
    Ok(())
}

/// The exit status of a process that such a signal ended.
pub fn status(signal: i32) -> i32 {
    128 + signal
}
