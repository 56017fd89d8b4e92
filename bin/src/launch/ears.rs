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
        // The first process of a terminal, as in a container, has nobody who lets it go on once it is stopped. The system
        // does not stop it for its terminal then, and all that it started goes on, too.
        signals.retain(|signal| *signal != SIGTSTP || !is_first_of_its_session());
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

/// Whether this process has begun its session. One of another namespace has the number 0.
#[expect(unsafe_code, reason = "rustix takes no session of another namespace")]
fn is_first_of_its_session() -> bool {
    // SAFETY: it takes a number and gives one, and touches no memory of this process.
    let session = unsafe { libc::getsid(0) };
    u32::try_from(session) == Ok(std::process::id())
}
