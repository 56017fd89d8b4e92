//! The process that restores a terminal when the one that draws on it was killed.

use super::survivor::Survivor;
use rustix::io::write;
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read};
use std::process::Stdio;

/// From a screen of its own without a cursor.
pub const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// In the place of a key that is to mean nothing: what Linux has for that.
pub const NO_KEY: u8 = 0;

/// A running restorer. It is ended when this is dropped.
pub struct Restorer(Survivor);

impl Restorer {
    /// Starts it, for a terminal that was so `before`.
    pub fn start(terminal: &File, before: &Termios) -> io::Result<Self> {
        // SAFETY: that makes system calls only.
        #[expect(unsafe_code, reason = "the child of a process with threads")]
        unsafe { Survivor::start(|pipe| restore_in_the_end(pipe, terminal, before)) }.map(Self)
    }

    /// What keeps it waiting, also if this process is killed, for another that draws.
    pub fn hold(&self) -> io::Result<Stdio> {
        Ok(self.0.pipe.try_clone()?.into())
    }
}

fn restore_in_the_end(mut pipe: PipeReader, terminal: &File, before: &Termios) {
    while pipe.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    let _ = write(terminal, LEAVE.as_bytes());
    // Otherwise a shell has set it for itself.
    if tcgetattr(terminal).is_ok_and(|modes| has_no_keys(&modes)) {
        let _ = tcsetattr(terminal, OptionalActions::Flush, before);
    }
}

/// Whether these are the modes of a screen.
fn has_no_keys(modes: &Termios) -> bool {
    [SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP].iter().all(|key| modes.special_codes[*key] == NO_KEY)
}
