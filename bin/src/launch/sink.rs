//! Where the lines of all ranks go: standard output, or standard error.

use crate::common::outlet::Outlet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

/// What may wait here before no more is taken from ranks.
const FULL: usize = 64 << 10;

/// Keeps what cannot be written yet.
pub struct Sink {
    /// `None` once nobody takes anything any more.
    outlet: Option<Outlet>,
    bytes: Vec<u8>,
    written: usize,
}

impl Sink {
    /// One that writes to `file`; without one, what it is given is lost.
    pub fn over(file: Option<File>) -> Self {
        Self { outlet: file.map(Outlet::over), bytes: vec![], written: 0 }
    }

    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        self.outlet.as_ref().is_some_and(Outlet::is_terminal)
    }

    /// Whether it takes more lines.
    pub fn has_room(&self) -> bool {
        self.bytes.len() - self.written < FULL
    }

    /// What must be ready before it can write what waits here; `None` if nothing does.
    pub fn awaited(&self) -> Option<BorrowedFd<'_>> {
        let outlet = self.outlet.as_ref().filter(|_| self.written < self.bytes.len())?;
        Some(outlet.file().as_fd())
    }

    /// Takes a line, which is given in parts and without its end.
    pub fn line(&mut self, parts: &[&[u8]]) {
        if self.outlet.is_some() {
            parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
            self.bytes.push(b'\n');
        }
    }

    /// Writes what it can without a wait; what it waited for may be ready. After an error it takes nothing any more.
    pub fn write(&mut self, is_ready: bool) -> io::Result<()> {
        let written = self.write_some(is_ready);
        if written.is_err() {
            self.outlet = None;
        }
        if self.outlet.is_none() {
            self.bytes.clear();
            self.written = 0;
        }
        // A reader that never catches up must not make this grow.
        if self.written == self.bytes.len() || self.written >= FULL {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        written
    }

    fn write_some(&mut self, mut is_ready: bool) -> io::Result<()> {
        let Some(outlet) = &mut self.outlet else { return Ok(()) };
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            let written = match outlet.write_at_once(rest) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && mem::take(&mut is_ready) => {
                    outlet.write_ready(rest)
                }
                written => written,
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;

    #[test]
    fn a_reader_that_never_catches_up_costs_no_more_memory() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut sink = Sink::over(Some(OwnedFd::from(writer).into()));
        let mut buffer = [0; 4096];
        for _ in 0..500 {
            while sink.has_room() {
                sink.line(&[&[b'x'; 999]]);
            }
            sink.write(false).expect("a pipe");
            assert!(sink.bytes.len() <= 2 * FULL + 1000, "{} bytes", sink.bytes.len());
            assert_eq!(reader.read(&mut buffer).expect("a pipe"), buffer.len());
        }
    }

    #[test]
    fn what_nobody_takes_is_lost() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut sink = Sink::over(Some(OwnedFd::from(writer).into()));
        drop(reader);
        sink.line(&[b"lost"]);
        assert_eq!(sink.write(false).map_err(|error| error.kind()), Err(ErrorKind::BrokenPipe));
        sink.line(&[b"lost"]);
        assert!(sink.awaited().is_none() && sink.has_room() && sink.write(true).is_ok());
    }
}
