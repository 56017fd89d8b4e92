//! Standard input and output as plain files: no line buffering, no panic when nobody reads. One that is closed fails at
//! once, one that does not block is waited for.

use super::stop::Stop;
use crate::common::failure::Failure;
use crate::common::outlet::Outlet;
use crate::common::streams;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGPIPE;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

/// Standard input.
pub struct Input {
    file: File,
    stop: Stop,
}

impl Input {
    /// Standard input; `stop` ends a wait for it.
    pub fn open(stop: Stop) -> Result<Self, Failure> {
        Ok(Self { file: streams::input().map_err(input_failure)?, stop })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stop.wait_for(self.file.as_fd(), PollFlags::IN)?;
            match self.file.read(buffer) {
                // Somebody else was faster.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// Standard output.
pub struct Output {
    outlet: Outlet,
    stop: Option<Stop>,
}

impl Output {
    /// Standard output.
    pub fn open() -> Result<Self, Failure> {
        let file = streams::output().map_err(output_failure)?;
        Ok(Self { outlet: Outlet::over(file), stop: None })
    }

    /// From now on `stop` ends a wait for it, and comes when nobody reads it.
    pub fn watch(&mut self, stop: &Stop) -> Result<(), Failure> {
        self.stop = Some(stop.clone());
        if self.outlet.is_read() {
            stop.watch(self.outlet.file().try_clone().map_err(output_failure)?.into())?;
        }
        Ok(())
    }

    /// Writes some of `bytes`, which are not empty. Only a stop ends a wait.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let written = match self.outlet.write_at_once(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait()?;
                    self.outlet.write_ready(bytes)
                }
                written => written,
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                written => return written,
            }
        }
    }

    fn wait(&self) -> io::Result<()> {
        if let Some(stop) = &self.stop {
            return stop.wait_for(self.outlet.file().as_fd(), PollFlags::OUT);
        }
        match poll(&mut [PollFd::new(self.outlet.file(), PollFlags::OUT)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all of `bytes`; `written` says how far it came.
    pub fn write(&mut self, bytes: &[u8], written: &mut usize) -> Result<(), Failure> {
        while *written < bytes.len() {
            match self.write_some(&bytes[*written..]) {
                Ok(count) => *written += count,
                Err(error) => {
                    self.stop.as_ref().map_or(Ok(()), Stop::check)?;
                    return Err(output_failure(error));
                }
            }
        }
        Ok(())
    }

    /// Writes all of `bytes`.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes, &mut 0)
    }
}

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    Output::open()?.write_all(text.as_bytes())
}

/// Why standard input could not be read.
pub fn input_failure(error: io::Error) -> Failure {
    Failure::new(format_args!("standard input: {error}"))
}

/// Why standard output could not be written. That nobody reads it is told as other tools do: by a signal.
fn output_failure(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::by(SIGPIPE),
        _ => Failure::new(format_args!("standard output: {error}")),
    }
}
