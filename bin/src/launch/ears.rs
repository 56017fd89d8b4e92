//! Signals, heard through a descriptor.

use crate::common::signals::not_ignored;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The signals that are passed on to the ranks.
const PASSED_ON: [i32; 8] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT];

/// Hears signals from now on. They have no other effect on this process.
pub struct Ears(SignalDelivery<UnixStream, SignalOnly>);

impl Ears {
    /// Hears those that are passed on, unless this process was started to ignore them, and that a child has ended.
    pub fn open() -> io::Result<Self> {
        let mut signals = not_ignored(&PASSED_ON);
        signals.push(SIGCHLD);
        let (reader, writer) = UnixStream::pair()?;
        SignalDelivery::with_pipe(reader, writer, SignalOnly, signals).map(Self)
    }

    /// What was heard and is to be passed on.
    pub fn heard(&mut self) -> Vec<i32> {
        self.0.pending().filter(|signal| *signal != SIGCHLD).collect()
    }
}

impl AsFd for Ears {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}
