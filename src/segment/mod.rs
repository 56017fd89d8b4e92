//! A region's memory: creating, opening and removing it, also when other processes do so at the same time.
//!
//! A region is built under a random temporary name and bound to its own name with one rename. So whatever has a name
//! is whole. To remove a region, a process locks the gate and every rank, which proves that no process lives in it
//! and keeps joiners out. It checks once more that the name still leads there, wipes the magic and unlinks the name.
//! A joiner checks the magic once more after it has its lock. Named segments and files work the same way.
//!
//! A process that builds a region holds the gate of it, so that others can tell it from what a killed creator left.
//!
//! # Creation and removal
//!
//! A creator builds under a temporary name (`NAME.mailbox-<nonce>`), writes the magic last, and binds the name with
//! `renameat2(RENAME_NOREPLACE)`. It holds the gate of what it builds until just before the rename, so that a
//! leftover of a killed creator can be told from a region under construction. It unlocks before the rename, because a
//! last leaver that finds the gate held would leave its file unclosed. A creator that finds its temporary name gone
//! starts again.
//!
//! # Looking is reading
//!
//! What has a name is first looked at with `lstat`. Only a regular file is opened, for reading, and only a file with
//! the header of a region is then opened for writing, if it is still the same file. So no pipe ever sees a writer.
//! `look`, `list` and `leftovers` read through the file (`pread`, `F_OFD_GETLK`). They need only permission to read,
//! map nothing, and do not need `/proc`.

mod backing;
mod copies;
mod durable;
mod found;
mod leftover;
mod listed;
mod pages;
mod parts;
mod place;
mod reason;
mod removal;
mod topic_copy;
mod unnamed;

pub use backing::Backing;
pub use copies::{Copies, Followed, Follower, MailboxCopy, MessageCopy, Record};
pub use durable::{CleanShutdown, Outcome};
pub use found::Opened;
pub use leftover::{Leftover, LeftoverKind, clean, leftovers, leftovers_in};
pub use listed::{Listed, list};
pub use place::Place;
pub use reason::{create_error, join_error, open_error, remove_error};

use found::{Content, Found};
use removal::lock_all;

use crate::abi::{
    ABI, ALL_LOCKS, BOOT, FAILED, GATE, GATE_AND_RANKS, Geometry, Header, LAST_WORD, MAGIC, WIPED,
    to_directory,
};
use crate::config::{Config, Reserve};
use crate::error::{CreateError, Mismatch, OpenError, OwnedPlace, RemoveError, System};
use crate::memory::{Mapping, Shared};
use crate::os::{self, File, Lock, Locker};
use crate::sync::AtomicU64;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use backing::{Site, leads_to};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// How many times to start again after another process has undone a step. So many times in a row are mischief.
const TRIES: u32 = 100;

/// Only regions of this process's own user, with any protocol.
const NOBODY_ELSE: Trust = Trust { protocol: None, owner: None };

/// Which regions [`Segment::open`] accepts.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    /// The protocol that the region must have; `None` for any.
    pub protocol: Option<u64>,
    /// Another user to whom the region may belong.
    pub owner: Option<u32>,
}

/// A region's memory and the file behind it.
pub struct Segment {
    mapping: Arc<Mapping>,
    header: Shared<Header>,
    geometry: Geometry,
    backing: Backing,
    /// Where it was found or made; `None` if it has no name.
    site: Option<Site>,
    /// For lock queries and reservations. No lock is ever held through it.
    file: Arc<File>,
    locks: Arc<Locker>,
}

impl Segment {
    /// Creates a segment at `place`.
    pub fn create(place: Place<'_>, config: &Config) -> Result<Self, CreateError> {
        let site = Site::of(place).ok_or_else(|| CreateError::BadPlace(place.into()))?;
        check(config)?;
        for _ in 0..TRIES {
            if let Some(segment) = Self::build(&site, config).map_err(|error| error.at(site.place()))? {
                return Ok(segment);
            }
        }
        Err(CreateError::System(System::Os(libc::EBUSY)))
    }

    /// Creates a segment; `None` if another process took it for a leftover before it had its name.
    fn build(site: &Site, config: &Config) -> Result<Option<Self>, CreateError> {
        let nonce = nonce();
        let (unbound, file, mapping) = match site.build(nonce, config.geometry.size()) {
            Err(error) if error.kind() == ErrorKind::NotFound && site.has_folder() => return Ok(None),
            built => built.map_err(create_error)?,
        };
        // First of all, because locks may be words in it.
        os::allocate(&file, 0, config.geometry.table()).map_err(create_error)?;
        let Some(building) = Lock::take(&file, GATE, 1).map_err(create_error)? else {
            return Ok(None);
        };
        if !unbound.is(&file).map_err(create_error)? {
            return Ok(None);
        }
        let segment = Self::assemble(mapping, file, config.geometry, site.backing()).at(site);
        segment.fill(config, nonce).map_err(create_error)?;
        // Before it can be joined: a process that leaves a file and finds the gate held leaves the closing to others.
        drop(building);
        loop {
            match unbound.bind(site) {
                Ok(()) => return Ok(Some(segment)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => drop(unlink_wiped(site)?),
                Err(error) if error.kind() == ErrorKind::NotFound && site.has_folder() => return Ok(None),
                Err(error) => return Err(create_error(error)),
            }
        }
    }

    /// Admits the group and mode of the configuration. The group comes first, so that the mode never applies to
    /// another group.
    fn admit(&self, config: &Config) -> io::Result<()> {
        if let Some(group) = config.group {
            os::set_group(&self.file, group)?;
        }
        if config.mode != 0o600 {
            os::set_mode(&self.file, config.mode)?;
        }
        Ok(())
    }

    /// Makes a region of zeros that nobody else has seen.
    fn fill(&self, config: &Config, nonce: u64) -> io::Result<()> {
        self.admit(config)?;
        self.write_header(config.reserve, nonce)?;
        if self.is_durable() {
            // So that a region with a name is whole even after a crash.
            self.file.sync_all()?;
        }
        Ok(())
    }

    fn write_header(&self, reserve: Reserve, nonce: u64) -> io::Result<()> {
        if reserve == Reserve::AtCreation {
            let table = self.geometry.table();
            os::allocate(&self.file, table, self.geometry.without_windows() - table)?;
        }
        let directory = to_directory(&self.geometry.sections());
        for (word, value) in self.header.directory.iter().zip(directory) {
            word.store(value, Relaxed);
        }
        let words = self.geometry.to_words(nonce);
        // Only up to `LAST_WORD`; the words after it may be locks.
        for (word, value) in self.header.words.iter().zip(words).take(LAST_WORD + 1).skip(1) {
            word.store(value, Relaxed);
        }
        // Last: a process that sees the magic sees the geometry.
        self.header.words[0].store(MAGIC, Release);
        Ok(())
    }

    /// Opens the segment at `place`.
    pub fn open(place: Place<'_>, trust: Trust) -> Result<Self, OpenError> {
        let site = site(place)?;
        // A segment that is replaced while it is opened is opened again.
        for _ in 0..TRIES {
            let opened = Found::open(&site, trust)?.region(trust, site.backing())?;
            opened.check_features()?;
            opened.check_boot()?;
            let Opened { file, len, geometry, nonce, .. } = opened;
            let mapping = site.map(&file, len).map_err(|error| open_error(error).at(site.place()))?;
            let Some(mapping) = mapping else { continue };
            let segment = Self::assemble(mapping, file, geometry, site.backing()).at(&site);
            if segment.header.words[3].load(Relaxed) == nonce && segment.is_bound() {
                return Ok(segment);
            }
        }
        Err(OpenError::NotFound(place.into()))
    }

    /// Looks at the segment at `place`. Nothing is mapped, and nothing can be written.
    pub fn look(place: Place<'_>, trust: Trust) -> Result<Opened, OpenError> {
        let site = site(place)?;
        Found::look(&site, trust)?.region(trust, site.backing())
    }

    /// Removes the segment at `place`, if no process lives in it.
    pub fn remove(place: Place<'_>, trust: Trust) -> Result<(), RemoveError> {
        Self::remove_if(&site(place)?, trust, |_| Ok(true)).map(drop)
    }

    /// Like [`Segment::remove`], if `is_due` agrees. It is asked when no process can come any more. Returns whether
    /// this process removed the segment.
    fn remove_if(
        site: &Site,
        trust: Trust,
        is_due: impl Fn(&Found) -> io::Result<bool>,
    ) -> Result<bool, RemoveError> {
        let found = Found::open(site, trust)?;
        found.check_protocol(trust)?;
        Self::remove_found(site, &found, is_due).map_err(|error| error.at(site.place()))
    }

    fn remove_found(
        site: &Site,
        found: &Found,
        is_due: impl Fn(&Found) -> io::Result<bool>,
    ) -> Result<bool, RemoveError> {
        let file = &found.file;
        if let Content::Other(abi) = found.content {
            // The locks may be others than those of this version.
            if !os::LOCKS_OF_ALL_VERSIONS {
                return Err(OpenError::Mismatch(Mismatch::Version { abi, ours: ABI }).into());
            }
            if os::is_locked_anywhere(file).map_err(open_error)? {
                return Err(RemoveError::InUse(OwnedPlace::Unnamed));
            }
        }
        let (first, count) = match found.content {
            Content::Other(_) => (0, ALL_LOCKS),
            _ => (GATE, GATE_AND_RANKS),
        };
        let _locks = lock_all(file, || Lock::take(file, first, count))?;
        Ok(is_due(found).map_err(open_error)? && unbind(site, file).map_err(remove_error)?)
    }

    fn at(mut self, site: &Site) -> Self {
        self.site = Some(site.absolute());
        self
    }

    fn assemble(mapping: Arc<Mapping>, file: File, geometry: Geometry, backing: Backing) -> Self {
        let header = Shared::<[Header]>::mapped(&mapping, 0, 1).item(0);
        let file = Arc::new(file);
        let locks = Locker::new(file.clone());
        if backing == Backing::File {
            // Asked now, while there are descriptors and permissions to do so, and remembered.
            let _ = os::boot_id();
        }
        Self { mapping, header, geometry, backing, site: None, file, locks }
    }

    /// The sizes, as checked when the segment was opened.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Copies of its words.
    pub fn copies(&self) -> Copies<'_> {
        Copies::new(&self.file, &self.geometry)
    }

    /// The file that ranks are locked on.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The locks of its ranks, its gate and its labels.
    pub fn locks(&self) -> &Arc<Locker> {
        &self.locks
    }

    /// Whether the segment has not been removed. With a rank's lock held, the answer stays true.
    pub fn is_bound(&self) -> bool {
        self.header.words[0].load(Acquire) == MAGIC
    }

    /// Whether its name was removed, and may belong to another region now. This is no proper way to remove a region
    /// in which processes live. A segment without a name never had one.
    pub fn is_unlinked(&self) -> bool {
        // If the check fails, nothing is known.
        self.backing != Backing::Unnamed && os::facts(&self.file).is_ok_and(|facts| facts.links == 0)
    }

    /// Whether what was written may still be there after a reboot.
    pub fn is_durable(&self) -> bool {
        self.backing == Backing::File
    }

    /// The path at which it was found or made; `None` if it has no name.
    pub fn path(&self) -> Option<&Path> {
        self.site.as_ref().map(Site::path)
    }

    /// What holds its bytes.
    pub fn backing(&self) -> Backing {
        self.backing
    }

    /// The header's boot word.
    pub fn boot(&self) -> &AtomicU64 {
        &self.header.words[BOOT]
    }

    /// The header's word about failures of the disk.
    pub fn failed(&self) -> &AtomicU64 {
        &self.header.words[FAILED]
    }
}

/// Whether one of these lock bytes is held, leaving out a process that takes all of them for a moment to remove or
/// close the region.
pub fn is_held(file: &File, first: u32, count: u32) -> io::Result<bool> {
    let is_gate_free = || os::is_locked(file, GATE, 1).map(|is_locked| !is_locked);
    // Before and after, and twice: a closer may come or go between two looks, but rarely both times.
    let look = || -> io::Result<bool> {
        Ok(is_gate_free()? && os::is_locked(file, first, count)? && is_gate_free()?)
    };
    Ok(look()? && look()?)
}

/// Whether this lock byte seems to be free.
pub fn is_free(file: &File, byte: u32) -> bool {
    os::is_locked(file, byte, 1).is_ok_and(|is_locked| !is_locked)
}

/// Whether a process takes or has all locks, to remove the region or to close a file.
pub fn is_closing(file: &File) -> io::Result<bool> {
    os::is_locked(file, GATE, 1)
}

/// A random number for a region's temporary name and its identity.
fn nonce() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now()))
}

/// Whether such a region can exist, and this process may make it.
fn check(config: &Config) -> Result<(), CreateError> {
    config.check()?;
    let (size, limit) = (config.geometry.size(), os::file_size_limit());
    if size > limit {
        return Err(CreateError::System(System::FileSize { size, limit }));
    }
    if !os::has_addresses(size) {
        let ranks = config.geometry.most_ranks(os::has_addresses);
        return Err(CreateError::System(System::AddressSpace { size, ranks }));
    }
    Ok(())
}

fn site(place: Place<'_>) -> Result<Site, OpenError> {
    Site::of(place).ok_or_else(|| OpenError::BadPlace(place.into()))
}

/// Wipes and unlinks what lies at `site`, if that is `file`. The caller holds all its locks. Returns `false` if
/// another process did so.
fn unbind(site: &Site, file: &File) -> io::Result<bool> {
    let mut magic = [0; 8];
    os::read_at(file, &mut magic, 0)?;
    if !leads_to(site.path(), file)? {
        return Ok(false);
    }
    os::write_at(file, &WIPED.to_ne_bytes(), 0)?;
    fs::remove_file(site.path()).inspect_err(|_| {
        // A user that may write to the file may still not be allowed to unlink it (the directory is sticky). No
        // process has joined: we hold the locks.
        let _ = os::write_at(file, &magic, 0);
    })?;
    Ok(true)
}

/// Unlinks what lies at `site` if its remover stopped after wiping it. `Ok(false)` if nothing lies there now; an
/// error if it is a region, or something foreign.
fn unlink_wiped(site: &Site) -> Result<bool, CreateError> {
    let found = match Found::look(site, NOBODY_ELSE) {
        Ok(Found { content: Content::Wiped, .. }) => Found::open(site, NOBODY_ELSE),
        other => other,
    };
    let file = match found {
        Ok(Found { content: Content::Wiped, file, .. }) => file,
        Err(OpenError::NotFound(_)) => return Ok(false),
        _ => return Err(CreateError::Exists(OwnedPlace::Unnamed)),
    };
    match Lock::take(&file, 0, ALL_LOCKS).map_err(create_error)? {
        Some(_locks) => unbind(site, &file).map(|_| true).map_err(create_error),
        None => Err(CreateError::Exists(OwnedPlace::Unnamed)),
    }
}
