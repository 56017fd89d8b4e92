//! Where regions in memory appear as files.

use super::failure::{Failure, beyond_name};
use super::place::place;
use mailbox::lab::os;
use mailbox::{OpenError, Region, RemoveError};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{io, thread};

/// How long a region is kept by what a killed process started, which is killed in turn.
pub const PATIENCE: Duration = Duration::from_secs(5);

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

/// Removes a region; what its killed users started may be about to end.
pub fn remove(region: &str, deadline: Instant) -> Result<(), Failure> {
    loop {
        match Region::remove_at(place(region)) {
            Ok(()) | Err(RemoveError::Open(OpenError::NotFound(_))) => return Ok(()),
            Err(RemoveError::InUse(_)) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1))
            }
            Err(error) => {
                return Err(Failure::of_region(
                    region,
                    format_args!("it stays: {}", beyond_name(region, error)),
                ));
            }
        }
    }
}
