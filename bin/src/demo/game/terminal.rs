//! The terminal, as it is typed at.

use super::typing::{Typed, Typing};
use crate::common::failure::Failure;
use crate::common::screen::is_in_front;
use crate::common::streams;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::Duration;

/// What is read at once.
const SOME: usize = 64;

/// Reads what is typed.
pub struct Terminal {
    /// `None` after its end.
    file: Option<File>,
    typing: Typing,
}

impl Terminal {
    /// Standard input.
    pub fn open() -> Result<Self, Failure> {
        let file = streams::input().map_err(|error| Failure::new(format_args!("standard input: {error}")))?;
        Ok(Self { file: Some(file), typing: Typing::default() })
    }

    /// What is typed now; waits so long for something at most.
    pub fn typed(&mut self, time: Duration) -> Result<Vec<Typed>, Failure> {
        let failure = |error: std::io::Error| Failure::new(format_args!("standard input: {error}"));
        // In the background the terminal would stop this process.
        let Some(file) = self.file.as_mut().filter(|file| is_in_front(file)) else {
            thread::sleep(time);
            return Ok(vec![]);
        };
        let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&*file, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(vec![]),
            Ok(_) => {}
            Err(error) => return Err(failure(error.into())),
        }
        let mut bytes = [0; SOME];
        match file.read(&mut bytes) {
            Ok(0) => self.file = None,
            Ok(count) => {
                return Ok(bytes[..count].iter().filter_map(|byte| self.typing.take(*byte)).collect());
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // It was closed. The host is sent a signal for that.
            Err(_) => self.file = None,
        }
        Ok(vec![])
    }
}
