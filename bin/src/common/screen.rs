//! A terminal on which pictures are drawn, and how it becomes again what it was.

use super::restorer::{LEAVE, NO_KEY, Restorer};
use super::streams;
use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetpgrp,
    tcsetattr,
};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

/// Where a picture begins, and what takes away what is left of the last one: of a line, and below.
pub const HOME: &str = "\x1b[H";
pub const CLEAR_REST: &str = "\x1b[K";
pub const CLEAR_BELOW: &str = "\x1b[J";
/// To a screen of its own without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";

/// A terminal that shows pictures; dropping this restores it. If this process is killed, another one restores it.
pub struct Screen {
    terminal: File,
    before: Termios,
    restorer: Restorer,
}

impl Screen {
    /// Standard output; `None` if that is no terminal, or another one's now.
    pub fn open() -> io::Result<Option<Self>> {
        let Ok(terminal) = streams::output() else { return Ok(None) };
        if !isatty(&terminal) || !is_in_front(&terminal) {
            return Ok(None);
        }
        let before = tcgetattr(&terminal)?;
        let restorer = Restorer::start(&terminal, &before)?;
        tcsetattr(&terminal, OptionalActions::Now, &keyed(before.clone()))?;
        // From here on it is restored, also if nothing can be written.
        let screen = Self { terminal, before, restorer };
        (&screen.terminal).write_all(ENTER.as_bytes())?;
        Ok(Some(screen))
    }

    /// What a process has that draws: as long as it has that, nobody restores the terminal in its place.
    pub fn hold(&self) -> io::Result<Stdio> {
        self.restorer.hold()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = self.terminal.write_all(LEAVE.as_bytes());
        // The process in the foreground has set it for itself, and the terminal would stop this one.
        if is_in_front(&self.terminal) {
            // What was typed for the game is not for the shell.
            let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
        }
    }
}

/// Keys come one by one and are not shown. Of those that mean something to the terminal, only Ctrl-C does: what stops or kills this
/// process without its knowledge would leave the terminal as it is.
fn keyed(mut modes: Termios) -> Termios {
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::TOSTOP);
    modes.local_modes.insert(LocalModes::ISIG);
    modes.input_modes.remove(InputModes::IXON);
    for key in [SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP] {
        modes.special_codes[key] = NO_KEY;
    }
    (modes.special_codes[SpecialCodeIndex::VMIN], modes.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
    modes
}

/// Whether this process is one of those that may read from the terminal.
pub fn is_in_front(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}
