//! A pipe each way, with room for as many bytes as a mailbox has.

use crate::drive;
use crate::job::Job;
use crate::link::{Link, System};
use crate::outcome::{Figures, Outcome};
use rustix::pipe::fcntl_setpipe_size;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

/// A system call for each message and side. Senders of a fan-in share a pipe.
pub fn play(job: &Job) -> Outcome<Figures> {
    let pipes = Pipes { inwards: pipe()?, outwards: pipe()? };
    for (_, writer) in [&pipes.inwards, &pipes.outwards] {
        fcntl_setpipe_size(writer, 256 << 10)?;
    }
    drive::processes(job, &pipes)
}

struct Pipes {
    inwards: (PipeReader, PipeWriter),
    outwards: (PipeReader, PipeWriter),
}

impl System for Pipes {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let (out, into) =
            if side == 0 { (&self.outwards, &self.inwards) } else { (&self.inwards, &self.outwards) };
        Ok(End { out: out.1.try_clone()?, into: into.0.try_clone()? })
    }
}

struct End {
    out: PipeWriter,
    into: PipeReader,
}

impl Link for End {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.out.write_all(bytes)?)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        Ok(self.into.read_exact(bytes)?)
    }
}
