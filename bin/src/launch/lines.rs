//! What a rank writes, line by line.

use super::sink::Sink;
use rustix::io::ioctl_fionbio;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A longer line is cut.
const LONGEST: usize = 64 << 10;
/// How often what is left in a pipe is read: as much as a pipe holds, unless a privileged user made it larger.
const READS: usize = 16;

/// The reading end of a pipe to which a rank writes.
pub struct Lines {
    /// `None` after its end.
    pipe: Option<File>,
    label: String,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

impl Lines {
    /// Reads `pipe`. Each line begins with `label`.
    pub fn of(pipe: impl Into<OwnedFd>, label: String) -> io::Result<Self> {
        let pipe = File::from(pipe.into());
        ioctl_fionbio(&pipe, true)?;
        Ok(Self { pipe: Some(pipe), label, begun: vec![] })
    }

    /// What must be ready before there is more to read; `None` after the end.
    pub fn awaited(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(File::as_fd)
    }

    /// Reads what is there, `buffer` at most, and gives whole lines to `sink`. Whether there was something.
    pub fn read(&mut self, buffer: &mut [u8], sink: &mut Sink) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        match pipe.read(buffer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => false,
            Ok(count @ 1..) => {
                self.add(&buffer[..count], sink);
                true
            }
            // Its end; there is no other error of a pipe.
            _ => {
                self.end(sink);
                false
            }
        }
    }

    /// Reads what is left. Nobody of the rank writes any more, but a process that it started may.
    pub fn finish(&mut self, buffer: &mut [u8], sink: &mut Sink) {
        for _ in 0..READS {
            if !self.read(buffer, sink) {
                break;
            }
        }
        self.end(sink);
    }

    /// Reads no more. A process that still writes is told so.
    pub fn close(&mut self) {
        self.pipe = None;
        self.begun.clear();
    }

    fn end(&mut self, sink: &mut Sink) {
        if !self.begun.is_empty() {
            sink.line(&[self.label.as_bytes(), &self.begun]);
        }
        self.close();
    }

    fn add(&mut self, mut bytes: &[u8], sink: &mut Sink) {
        while !bytes.is_empty() {
            let room = LONGEST - self.begun.len();
            // A line of the greatest length has its end behind it.
            let seen = &bytes[..bytes.len().min(room + 1)];
            let (part, rest) = match seen.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&bytes[..end], &bytes[end + 1..]),
                None if seen.len() > room => bytes.split_at(room),
                None => {
                    self.begun.extend_from_slice(bytes);
                    return;
                }
            };
            sink.line(&[self.label.as_bytes(), &self.begun, part]);
            self.begun.clear();
            bytes = rest;
        }
    }
}
