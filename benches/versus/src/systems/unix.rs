//! A UNIX socket, of the stream kind.

use crate::drive;
use crate::job::Job;
use crate::link::{Link, System};
use crate::outcome::{Figures, Outcome};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A system call for each message and side. Senders of a fan-in share an end.
pub fn play(job: &Job) -> Outcome<Figures> {
    let (ours, theirs) = UnixStream::pair()?;
    drive::processes(job, &Socket { ours, theirs })
}

struct Socket {
    ours: UnixStream,
    theirs: UnixStream,
}

impl System for Socket {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        Ok(End(if side == 0 { &self.ours } else { &self.theirs }.try_clone()?))
    }
}

struct End(UnixStream);

impl Link for End {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.0.write_all(bytes)?)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        Ok(self.0.read_exact(bytes)?)
    }
}
