//! A forked process that waits until another one has ended, and then does one last thing for it.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, setpgid, waitpid};
use std::io::{self, PipeReader, PipeWriter};
use std::{mem, ptr};

/// A running one. It is ended when this is dropped.
pub struct Survivor {
    pub process: Pid,
    /// Its end is the end of all that have it.
    pub pipe: PipeWriter,
}

impl Survivor {
    /// Starts it. It calls `work` with the pipe's other end, and ends.
    ///
    /// # Safety
    /// `work` does only what the child of this process may do: where this has several threads, it makes system calls only, because a lock
    /// or the memory's may have been another thread's.
    #[expect(unsafe_code, reason = "the child of a process with threads")]
    pub unsafe fn start(work: impl FnOnce(PipeReader)) -> io::Result<Self> {
        let (reader, pipe) = io::pipe()?;
        // SAFETY: what follows in the child makes system calls only, but for `work`, for which the caller answers.
        match unsafe { libc::fork() } {
            0 => {
                drop(pipe);
                // What ends the others at once does not end it; nor does a terminal stop it, though it is not in front.
                let _ = setpgid(None, None);
                block_signals();
                work(reader);
                // SAFETY: always. Nothing of the other process is to be done at this one's end.
                unsafe { libc::_exit(0) }
            }
            child => match Pid::from_raw(child) {
                Some(process) if child > 0 => Ok(Self { process, pipe }),
                _ => Err(io::Error::last_os_error()),
            },
        }
    }
}

impl Drop for Survivor {
    fn drop(&mut self) {
        let _ = kill_process(self.process, Signal::KILL);
        let _ = waitpid(Some(self.process), WaitOptions::empty());
    }
}

/// Those that cannot be held back end it.
fn block_signals() {
    // SAFETY: the set is a plain value, which is filled in before it is read.
    #[expect(unsafe_code, reason = "system calls")]
    unsafe {
        let mut all: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
}
