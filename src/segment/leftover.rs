//! What processes have left that ended without clearing it away.

use super::{ALL_LOCKS, Opened, Segment, Trust};
use crate::backing::{is_half_built, leads_to};
use crate::layout::{Identity, Rank};
use crate::os::{self, Lock};
use crate::place::Place;
use core::mem::offset_of;
use std::fs;
use std::io;
use std::path::Path;

const NOBODY_ELSE: Trust = Trust { protocol: None, owner: None };

/// Removes all leftovers in memory; their names.
pub fn clean() -> io::Result<Vec<String>> {
    let mut names = os::shm_names()?;
    names.retain(|name| remove_region(name));
    names.extend(clean_folder(&os::shm_folder())?);
    names.sort();
    Ok(names)
}

/// Removes what killed creators left in `folder`; their names.
pub fn clean_folder(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| is_half_built(name) && remove_half_built(&folder.join(name)).unwrap_or(false));
    names.sort();
    Ok(names)
}

/// Removes the region in memory of that name if it is a leftover; whether it did.
fn remove_region(name: &str) -> bool {
    Segment::remove_if(Place::Name(name), NOBODY_ELSE, Opened::is_stale).unwrap_or(false)
}

impl Opened {
    /// Whether somebody died in it who did not leave, or its boot has ended; asked when nobody lives in it.
    fn is_stale(&self) -> io::Result<bool> {
        const LIFE: u64 = (offset_of!(Rank, identity) + offset_of!(Identity, life)) as u64;
        for rank in 0..self.geometry.ranks {
            let has_joined = self.word(self.geometry.rank(rank) + LIFE)? & 1 == 1;
            if has_joined {
                return Ok(true);
            }
        }
        self.is_torn()
    }
}

/// Removes what never bore a name of its own, unless somebody builds it.
fn remove_half_built(path: &Path) -> io::Result<bool> {
    let file = os::open(path)?;
    let facts = os::facts(&file)?;
    if !facts.is_file || facts.owner != os::user() || !os::is_local(&file)? {
        return Ok(false);
    }
    // Its creator, if it has not come to lock it, or is just about to bind it, finds it gone and begins anew.
    let Some(_locks) = Lock::take(&file, 0, ALL_LOCKS)? else { return Ok(false) };
    // Not wiped: a region may bear it as a second name, if the platform links and unlinks where others rename.
    Ok(leads_to(path, &file)? && fs::remove_file(path).is_ok())
}
