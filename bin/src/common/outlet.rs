//! A file that is written to without a wait, as far as that is possible.

use rustix::fs::{FileType, fstat};
#[cfg(target_os = "linux")]
use rustix::io::Errno;
use rustix::termios::isatty;
use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// What a pipe that is ready takes at once, no matter what else is in it.
const SMALL: usize = 4096;

/// A file, and whether a write to it may wait.
pub struct Outlet {
    file: File,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Somebody reads it, and a write may wait for that.
    Stream,
    /// As a stream, but what it takes without a wait cannot be asked for.
    Terminal,
    /// A write waits for nobody.
    File,
}

impl Outlet {
    /// One that writes to `file`.
    pub fn over(file: File) -> Self {
        let file_type = fstat(&file).map(|facts| FileType::from_raw_mode(facts.st_mode));
        let kind = match file_type {
            Ok(FileType::Fifo | FileType::Socket) => Kind::Stream,
            _ if isatty(&file) => Kind::Terminal,
            _ => Kind::File,
        };
        Self { file, kind }
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether somebody reads what is written, so that a write may have to wait.
    pub fn is_read(&self) -> bool {
        self.kind != Kind::File
    }

    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        self.kind == Kind::Terminal
    }

    /// Writes what it takes now. [`ErrorKind::WouldBlock`] if that is nothing, or cannot be found out.
    pub fn write_at_once(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.kind {
            // A write that waits in the system cannot be ended.
            Kind::Stream => write_at_once(&self.file, bytes),
            Kind::Terminal => Err(ErrorKind::WouldBlock.into()),
            Kind::File => self.file.write(bytes),
        }
    }

    /// Writes some, after the system said that it takes some.
    pub fn write_ready(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(&bytes[..bytes.len().min(SMALL)])
    }
}

/// Writes to a pipe or a socket what it takes without a wait.
#[cfg(target_os = "linux")]
fn write_at_once(file: &File, bytes: &[u8]) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    // The offset that stands for the file's own position, which these do not have.
    match pwritev2(file, &[io::IoSlice::new(bytes)], u64::MAX, ReadWriteFlags::NOWAIT) {
        // An older system. What it takes can be waited for.
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Err(ErrorKind::WouldBlock.into()),
        written => Ok(written?),
    }
}

#[cfg(not(target_os = "linux"))]
fn write_at_once(_: &File, _: &[u8]) -> io::Result<usize> {
    Err(ErrorKind::WouldBlock.into())
}
