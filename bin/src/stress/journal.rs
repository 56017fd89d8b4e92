//! What many processes write down in one place, so that it outlives each of them.

use crate::common::failure::Failure;
use memmap2::MmapRaw;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::{io, process, slice};

/// Words of a group: its writer shares no line with another's, nor the one fetched beside it.
pub const GROUP: usize = 16;

/// Words that several processes see; a process that is killed leaves there what it stored.
pub struct Journal {
    memory: MmapRaw,
    file: File,
}

impl Journal {
    /// A journal of so many words, all zero.
    pub fn new(words: usize) -> Result<Self, Failure> {
        let create = || {
            let create = |flags| memfd_create("journal", MemfdFlags::CLOEXEC | flags);
            // A kernel before 6.3 knows no such flag, and a later one may insist on it.
            let file = create(MemfdFlags::NOEXEC_SEAL).or_else(|_| create(MemfdFlags::empty()));
            let file = File::from(file?);
            file.set_len(words as u64 * 8)?;
            Ok(Self { memory: MmapRaw::map_raw(&file)?, file })
        };
        create().map_err(failed)
    }

    /// Where other processes find it, as long as this one lives.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }

    /// The journal of another process.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let open = || {
            let file = fs::File::options().read(true).write(true).open(path)?;
            Ok(Self { memory: MmapRaw::map_raw(&file)?, file })
        };
        open().map_err(failed)
    }

    /// Its words.
    pub fn words(&self) -> &[AtomicU64] {
        let (start, len) = (self.memory.as_ptr().cast::<AtomicU64>(), self.memory.len() / 8);
        // SAFETY: mapped as long as `self` lives, aligned to pages, and reached as atomics by everybody.
        #[expect(unsafe_code, reason = "memory that other processes write")]
        unsafe {
            slice::from_raw_parts(start, len)
        }
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::new(format_args!("the journal: {error}; is /proc mounted?"))
}
