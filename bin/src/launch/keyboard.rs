//! A terminal as rank 0's standard input.
//!
//! A rank is in a process group of its own. If it read from the terminal itself, the terminal would stop it.

use rustix::event::PollFlags;
use rustix::io::ioctl_fionbio;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What is read at once.
const SOME: usize = 4096;

/// Carries what is typed to a pipe.
pub struct Keyboard {
    terminal: File,
    /// `None` after the end of input, or when nobody reads it.
    pipe: Option<File>,
    typed: Vec<u8>,
    /// Whether this process may read from the terminal.
    is_in_front: bool,
}

impl Keyboard {
    /// Carries what is typed at `terminal`.
    pub fn at(terminal: File) -> Self {
        let mut keyboard = Self { terminal, pipe: None, typed: vec![], is_in_front: false };
        keyboard.look();
        keyboard
    }

    /// From now on to `pipe`.
    pub fn connect(&mut self, pipe: impl Into<OwnedFd>) -> io::Result<()> {
        let pipe = File::from(pipe.into());
        ioctl_fionbio(&pipe, true)?;
        self.pipe = Some(pipe);
        self.typed.clear();
        Ok(())
    }

    /// Looks whether this process is in the foreground. In the background the terminal would stop it.
    pub fn look(&mut self) {
        self.is_in_front = tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp());
    }

    /// What must be ready before there is something to carry.
    pub fn awaited(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let pipe = self.pipe.as_ref()?;
        if !self.typed.is_empty() {
            return Some((pipe.as_fd(), PollFlags::OUT));
        }
        self.is_in_front.then(|| (self.terminal.as_fd(), PollFlags::IN))
    }

    /// Carries what can be carried without a wait, after what was awaited is ready.
    pub fn carry(&mut self) {
        if self.typed.is_empty() {
            self.look();
            if !self.is_in_front {
                return;
            }
            let mut buffer = [0; SOME];
            match self.terminal.read(&mut buffer) {
                Ok(count @ 1..) => self.typed.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return;
                }
                // The end of input, or of the terminal.
                _ => {
                    self.pipe = None;
                    return;
                }
            }
        }
        let Some(pipe) = &mut self.pipe else { return };
        match pipe.write(&self.typed) {
            Ok(count) => drop(self.typed.drain(..count)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.pipe = None,
        }
    }
}
