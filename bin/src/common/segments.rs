//! Where regions in memory appear as files.

use mailbox::lab::os;
use std::io;
use std::path::PathBuf;

/// The folder in which they are.
pub fn folder() -> PathBuf {
    os::shm_folder()
}

/// The file that is the region of this name.
pub fn path(name: &str) -> PathBuf {
    os::shm_path(name)
}

/// The names of all, and of what looks like one.
pub fn names() -> io::Result<Vec<String>> {
    os::shm_names()
}
