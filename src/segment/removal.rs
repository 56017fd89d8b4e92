//! Removing a region: who may do it, and how long it waits for others.

use super::reason::{open_error, remove_error};
use super::{Segment, is_held, unbind};
use crate::abi::{GATE, GATE_AND_RANKS, MAX_RANKS, lock_byte};
use crate::error::{OpenError, OwnedPlace, RemoveError};
use crate::os::{File, Lock};
use crate::wait::pace::{self, REMOVE_PATIENCE, RETRY};
use std::io;
use std::time::Instant;

impl Segment {
    /// Removes this segment, if no process lives in it.
    pub fn remove_this(&self) -> Result<(), RemoveError> {
        let site = self.site.as_ref().ok_or(RemoveError::Unnamed)?;
        let remove = || {
            let _locks = lock_all(&self.file, || self.locks.take(GATE, GATE_AND_RANKS))?;
            let is_there = unbind(site, &self.file).map_err(remove_error)?;
            if is_there { Ok(()) } else { Err(OpenError::NotFound(OwnedPlace::Unnamed).into()) }
        };
        remove().map_err(|error: RemoveError| error.at(site.place()))
    }
}

/// Takes the gate and the locks of all ranks of the region in `file`. Then no process lives in it, and none can come.
pub fn lock_all(file: &File, take: impl Fn() -> io::Result<Option<Lock>>) -> Result<Lock, RemoveError> {
    let deadline = Instant::now() + REMOVE_PATIENCE;
    loop {
        if let Some(locks) = take().map_err(open_error)? {
            return Ok(locks);
        }
        // A process that closes a file's region holds all locks until the disk has it.
        if is_held(file, lock_byte(0), MAX_RANKS).map_err(open_error)? {
            return Err(RemoveError::InUse(OwnedPlace::Unnamed));
        }
        if Instant::now() >= deadline {
            return Err(RemoveError::Closing(OwnedPlace::Unnamed));
        }
        pace::doze(RETRY);
    }
}
