//! The process that ends all groups when the launcher was killed.

use super::group::Group;
use crate::common::survivor::Survivor;
use rustix::io::{Errno, ioctl_fionbio, write};
use rustix::process::{Pid, getpid, setpgid};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};

/// What is written to the pipe: the number of a group that has begun, or its negative when it is over.
const NOTE: usize = size_of::<i32>();
/// Notes that are read at once.
const NOTES: usize = 64;

/// A running guard. It is ended when this is dropped.
pub struct Guard(Survivor);

impl Guard {
    /// Starts it. It keeps what the process has open now, so it is started before there is a region. The process must
    /// have one thread.
    pub fn start() -> io::Result<Self> {
        // SAFETY: this process has one thread, so the child is as whole as the parent.
        #[expect(unsafe_code, reason = "the child of a process with threads")]
        let guard = unsafe { Survivor::start(watch) }?;
        // A guard that is stopped must not stop the launcher.
        ioctl_fionbio(&guard.pipe, true)?;
        // It does the same, and is not there yet, or not any more. What is sent to the launcher's group is not for the guard, from
        // the first rank on.
        let _ = setpgid(Some(guard.process), Some(guard.process));
        Ok(Self(guard))
    }

    /// Whether this is the guard's number.
    pub fn is(&self, process: Pid) -> bool {
        self.0.process == process
    }

    /// Tells it of a process that calls what is returned, and that leads a group.
    pub fn enlist(&self) -> io::Result<impl Fn() -> rustix::io::Result<()> + Send + Sync + use<>> {
        let pipe: OwnedFd = self.0.pipe.try_clone()?.into();
        Ok(move || note(&pipe, getpid().as_raw_nonzero().get()))
    }

    /// Tells it that a group is over: its number may soon mean another.
    pub fn release(&self, group: Group) {
        // If it does not listen, it will kill a group that is not there.
        let _ = note(&self.0.pipe, -group.0.as_raw_nonzero().get());
    }
}

/// Writes a note. Nothing else is written in its middle.
fn note(pipe: impl AsFd, number: i32) -> rustix::io::Result<()> {
    loop {
        match write(&pipe, &number.to_ne_bytes()) {
            Err(Errno::INTR) => {}
            written => return written.map(drop),
        }
    }
}

/// What the guard does.
fn watch(mut pipe: PipeReader) {
    let mut groups: Vec<Group> = vec![];
    let mut notes = [0; NOTES * NOTE];
    loop {
        match pipe.read(&mut notes) {
            Ok(0) => break,
            Ok(count) => {
                for note in notes[..count].chunks_exact(NOTE) {
                    let number = i32::from_ne_bytes(note.try_into().unwrap_or_default());
                    let Some(leader) = Pid::from_raw(number.saturating_abs()) else { continue };
                    groups.retain(|group| group.0 != leader);
                    groups.extend((number > 0).then_some(Group(leader)));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    groups.into_iter().for_each(Group::kill);
}
