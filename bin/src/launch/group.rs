//! The process group of a rank.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// A process group, known by its leader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Group(pub Pid);

impl Group {
    /// Sends a signal to all of it. Nothing happens if there is no one left.
    pub fn signal(self, signal: Signal) {
        let _ = kill_process_group(self.0, signal);
    }

    /// Ends all of it. Its number is its own until the leader was waited for, and as long as one of it is left.
    pub fn kill(self) {
        self.signal(Signal::KILL);
    }

    /// Whether nobody is left. A process that has ended counts until somebody has waited for it.
    pub fn is_gone(self) -> bool {
        test_kill_process_group(self.0) == Err(Errno::SRCH)
    }
}
