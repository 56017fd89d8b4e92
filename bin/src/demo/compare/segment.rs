//! A segment of the crate `shared_memory`, for the processes of one play.

use crate::common::failure::Failure;
use crate::common::processes::Processes;
use crate::common::segments;
use bytemuck::Zeroable;
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, Mode, fallocate};
use rustix::shm;
use shared_memory::ShmemConf;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::Command;

/// Bytes of a segment.
pub const SIZE: usize = 1 << 20;

/// A mapped segment. `shared_memory` has none without a name. So the name is removed as soon as the segment is there, and the workers
/// get its descriptor, in the place of their standard input. One segment serves all tasks, one after the other. What could leave the
/// name behind is a SIGKILL in the microseconds in between, once in a play.
pub struct Segment {
    file: File,
    map: MmapRaw,
}

impl Segment {
    /// A new one, of zeros.
    pub fn create(processes: &Processes) -> Result<Self, Failure> {
        processes.with_name(|name| {
            let path = segments::path(name);
            let id = path.file_name().unwrap_or_default().to_string_lossy();
            // The name goes when this does.
            let owner = ShmemConf::new().os_id(&id).size(SIZE).create().map_err(failure)?;
            let file = shm::open(&*id, shm::OFlags::RDWR, Mode::empty()).map_err(failure)?.into();
            drop(owner);
            let segment = Self::map(file)?;
            segment.wipe()?;
            Ok(segment)
        })
    }

    /// Makes all of it zeros again. No process uses it meanwhile.
    pub fn wipe(&self) -> Result<(), Failure> {
        let set_len = |len| self.file.set_len(len).map_err(failure);
        set_len(0)?;
        set_len(SIZE as u64)?;
        // Too little memory is an error here, and no signal later.
        fallocate(&self.file, FallocateFlags::empty(), 0, SIZE as u64).map_err(failure)
    }

    /// The one that this process was started with.
    pub fn given() -> Result<Self, Failure> {
        let descriptor = io::stdin().as_fd().try_clone_to_owned().map_err(failure)?;
        Self::map(File::from(descriptor))
    }

    /// Lets the process that `command` starts call [`given`](Self::given).
    pub fn hand_to(&self, command: &mut Command) -> Result<(), Failure> {
        command.stdin(self.file.try_clone().map_err(failure)?);
        Ok(())
    }

    fn map(file: File) -> Result<Self, Failure> {
        let map = MmapOptions::new().len(SIZE).map_raw(&file).map_err(failure)?;
        Ok(Self { file, map })
    }

    /// The segment as a `T`, which is made of atomics alone.
    pub fn layout<T: Zeroable + Sync>(&self) -> &T {
        assert!(size_of::<T>() <= SIZE && align_of::<T>() <= 4096);
        // SAFETY: the mapping is as long as that, begins with a page, and lives as long as `self`. Other processes write to it, which
        // atomics allow. Any bits are an atomic's.
        #[expect(unsafe_code, reason = "memory that other processes write")]
        unsafe {
            &*self.map.as_ptr().cast::<T>()
        }
    }
}

fn failure(error: impl Display) -> Failure {
    Failure::new(format_args!("a shared memory segment of {} KiB: {error}", SIZE >> 10))
        .hint("see df /dev/shm, and make room there")
}
