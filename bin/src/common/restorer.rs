//! The process that restores a terminal when the one that draws on it was killed.

use rustix::io::write;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, setpgid, waitpid};
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read};
use std::process::Stdio;
use std::{mem, ptr};

/// From a screen of its own without a cursor.
pub const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// In the place of a key that is to mean nothing: what Linux has for that.
pub const NO_KEY: u8 = 0;

/// A running restorer. It is ended when this is dropped.
pub struct Restorer {
    process: Pid,
    /// Its end is the end of all that draw.
    pipe: PipeWriter,
}

impl Restorer {
    /// Starts it, for a terminal that was so `before`.
    pub fn start(terminal: &File, before: &Termios) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        // SAFETY: the child of a process with several threads may take no lock, which another may have had, and no memory. What
        // follows makes system calls only.
        #[expect(unsafe_code, reason = "system call")]
        match unsafe { libc::fork() } {
            0 => {
                drop(writer);
                restore_in_the_end(reader, terminal, before)
            }
            child => match Pid::from_raw(child) {
                Some(process) if child > 0 => Ok(Self { process, pipe: writer }),
                _ => Err(io::Error::last_os_error()),
            },
        }
    }

    /// What keeps it waiting, also if this process is killed, for another that draws.
    pub fn hold(&self) -> io::Result<Stdio> {
        Ok(self.pipe.try_clone()?.into())
    }
}

impl Drop for Restorer {
    fn drop(&mut self) {
        let _ = kill_process(self.process, Signal::KILL);
        let _ = waitpid(Some(self.process), WaitOptions::empty());
    }
}

fn restore_in_the_end(mut pipe: PipeReader, terminal: &File, before: &Termios) -> ! {
    // What ends the others at once does not end it; nor does the terminal stop it, though it is not in front.
    let _ = setpgid(None, None);
    block_signals();
    while pipe.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    let _ = write(terminal, LEAVE.as_bytes());
    // Otherwise a shell has set it for itself.
    if tcgetattr(terminal).is_ok_and(|modes| has_no_keys(&modes)) {
        let _ = tcsetattr(terminal, OptionalActions::Flush, before);
    }
    // SAFETY: always. Nothing of the other process' is to be done at this one's end.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::_exit(0)
    }
}

/// Whether these are the modes of a screen.
fn has_no_keys(modes: &Termios) -> bool {
    [SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP].iter().all(|key| modes.special_codes[*key] == NO_KEY)
}

fn block_signals() {
    // SAFETY: the set is a plain value, which is filled in before it is read.
    #[expect(unsafe_code, reason = "system calls")]
    unsafe {
        let mut all: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
}
