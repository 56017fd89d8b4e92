//! What ended processes have left behind.
//!
//! A region is stale if, with all locks held, some `life` still says *joined*. `clean` removes stale regions without
//! unread mail, and what a killed remover left. A region with unread mail, or that all processes have left, may be
//! worth something to somebody, and stays. Cleaning takes all locks, checks that the name still leads to the same
//! file and that it has no more mail, and unlinks it. A region of another ABI counts as a leftover if no lock at all
//! is held on its file.

use super::backing::{Site, is_half_built, leads_to};
use super::copies::Copies;
use super::found::{Content, Found};
use super::place::Place;
use super::reason::remove_error;
use super::{NOBODY_ELSE, Segment};
use crate::abi::{ABI, ALL_LOCKS};
use crate::error::{OpenError, RemoveError};
use crate::os::{self, Lock};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Something that this user's processes left and nobody uses now. [`Region::leftovers`](crate::Region::leftovers)
/// finds them.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let name = format!("doc-leftover-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # region.join(0)?.send(1, b"nobody reads this")?;
/// # drop(region);
/// # let mut removed = 0;
/// for left in Region::leftovers()? {
/// #     if left.name != name { continue }
///     println!("{}: {:?}, {} unread", left.name, left.kind, left.unread.unwrap_or(0));
///     // The user says that it may go. It stays if somebody has joined it meanwhile.
///     if !left.remove()? {
///         println!("it is in use again");
///     }
/// #     removed += 1;
/// }
/// # assert_eq!(removed, 1);
/// # assert!(Region::open(&name).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Leftover {
    /// The region's name; for one that is half-built, the name of its file.
    pub name: String,
    /// What it is.
    pub kind: LeftoverKind,
    /// How many messages in it are not acknowledged; `None` if that cannot be found out.
    pub unread: Option<u64>,
    path: PathBuf,
    identity: (u64, u64),
}

/// What a [`Leftover`] is.
///
/// ```
/// # use mailbox::{Config, LeftoverKind, Region};
/// # let name = format!("doc-leftover-kind-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let mut kind = None;
/// for left in Region::leftovers()? {
///     let what = match left.kind {
///         LeftoverKind::Stale => "a process died in it",
///         LeftoverKind::Idle => "nobody is in it now",
///         LeftoverKind::HalfBuilt | LeftoverKind::HalfRemoved => "it is no whole region",
///         LeftoverKind::OtherVersion { .. } => "it is of another version of this library",
///         _ => "it is of a kind that this program does not know",
///     };
///     println!("{}: {what}", left.name);
/// #     if left.name == name { kind = Some(left.kind) }
/// }
/// # assert_eq!(kind, Some(LeftoverKind::Idle));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftoverKind {
    /// A region in which a process died without leaving.
    Stale,
    /// A region that nobody has joined yet, or that all processes have left.
    Idle,
    /// A region whose creator was killed before the region had its name.
    HalfBuilt,
    /// A region whose remover was killed.
    HalfRemoved,
    /// A region with another layout.
    OtherVersion {
        /// The version found.
        abi: u64,
    },
}

impl Leftover {
    /// Removes it. Returns `false`, and leaves it, if it has changed: a process has joined or removed it meanwhile,
    /// or it has more mail.
    ///
    /// If another process is removing it, waits for that process, at most five seconds.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let name = format!("doc-leftover-remove-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// let is_it = |left: &mailbox::Leftover| left.name == name;
    /// let left = Region::leftovers()?.into_iter().find(is_it).expect("nobody uses it");
    /// let me = region.join(0)?;
    /// assert_eq!(left.remove(), Ok(false), "somebody has joined it");
    /// drop(me);
    /// let left = Region::leftovers()?.into_iter().find(is_it).expect("nobody uses it any more");
    /// assert_eq!(left.remove(), Ok(true));
    /// assert!(Region::open(&name).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self) -> Result<bool, RemoveError> {
        if self.kind == LeftoverKind::HalfBuilt {
            return self.remove_half_built().map_err(remove_error);
        }
        let Some(site) = Site::of(Place::Name(&self.name)) else { return Ok(false) };
        let is_same = |found: &Found| {
            let is_it = found.facts.identity == self.identity && kind(found)? == self.kind;
            Ok(is_it && unread(found)? <= self.unread)
        };
        match Segment::remove_if(&site, NOBODY_ELSE, is_same) {
            Err(
                RemoveError::InUse(_) | RemoveError::Closing(_) | RemoveError::Open(OpenError::NotFound(_)),
            ) => Ok(false),
            removed => removed,
        }
    }

    /// Removes a region that never had its own name, unless a process is building it.
    fn remove_half_built(&self) -> io::Result<bool> {
        let file = match os::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        if os::facts(&file)?.identity != self.identity {
            return Ok(false);
        }
        // If its creator has not locked it yet, or is just about to bind it, it finds the file gone and starts again.
        let Some(_locks) = Lock::take(&file, 0, ALL_LOCKS)? else { return Ok(false) };
        if !leads_to(&self.path, &file)? {
            return Ok(false);
        }
        // It is not wiped: on a platform that links and unlinks instead of renaming, it may be the second name of a
        // region.
        fs::remove_file(&self.path).map(|()| true)
    }

    /// Whether it is worth nothing to anybody.
    fn is_worthless(&self) -> bool {
        use LeftoverKind::{HalfBuilt, HalfRemoved, Stale};
        matches!(self.kind, Stale | HalfBuilt | HalfRemoved) && self.unread == Some(0)
    }
}

/// Everything in memory that this user's processes left, sorted by name. What cannot be looked at is left out.
pub fn leftovers() -> io::Result<Vec<Leftover>> {
    let names = os::shm_names()?;
    let mut leftovers: Vec<Leftover> = names.iter().filter_map(|name| left_region(name)).collect();
    leftovers.extend(leftovers_in(&os::shm_folder())?);
    leftovers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(leftovers)
}

/// What killed creators left in `folder`, sorted by name.
pub fn leftovers_in(folder: &Path) -> io::Result<Vec<Leftover>> {
    let entries = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let half_built = entries.filter(|name| is_half_built(name));
    let mut leftovers: Vec<Leftover> =
        half_built.filter_map(|name| left_half_built(folder, &name).ok()?).collect();
    leftovers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(leftovers)
}

/// Removes what is worth nothing to anybody. Returns the names.
pub fn clean(leftovers: Vec<Leftover>) -> Vec<String> {
    let worthless = leftovers.into_iter().filter(Leftover::is_worthless);
    worthless.filter(|leftover| leftover.remove().unwrap_or(false)).map(|leftover| leftover.name).collect()
}

/// The region in memory with that name, if no process lives in it.
fn left_region(name: &str) -> Option<Leftover> {
    let site = Site::of(Place::Name(name))?;
    let found = Found::look(&site, NOBODY_ELSE).ok()?;
    if os::is_locked_anywhere(&found.file).ok()? {
        return None;
    }
    Some(Leftover {
        name: name.to_owned(),
        kind: kind(&found).ok()?,
        unread: unread(&found).ok()?,
        path: site.path().to_path_buf(),
        identity: found.facts.identity,
    })
}

/// What a creator left under this name, unless a process is building it.
fn left_half_built(folder: &Path, name: &OsStr) -> io::Result<Option<Leftover>> {
    let path = folder.join(name);
    let file = os::look(&path)?;
    let facts = os::facts(&file)?;
    if !facts.is_file || !os::is_own(facts.owner) || !os::is_local(&file)? || os::is_locked_anywhere(&file)? {
        return Ok(None);
    }
    let name = name.to_string_lossy().into_owned();
    let kind = LeftoverKind::HalfBuilt;
    Ok(Some(Leftover { name, kind, unread: Some(0), path, identity: facts.identity }))
}

/// What it is, if no process lives in it.
fn kind(found: &Found) -> io::Result<LeftoverKind> {
    let geometry = match &found.content {
        Content::Region(header) => &header.geometry,
        Content::Other(abi) => return Ok(LeftoverKind::OtherVersion { abi: *abi }),
        Content::Newer(_) => return Ok(LeftoverKind::OtherVersion { abi: ABI }),
        Content::Wiped => return Ok(LeftoverKind::HalfRemoved),
    };
    let copies = Copies::new(&found.file, geometry);
    for rank in 0..geometry.ranks {
        let has_joined = copies.life(rank)? & 1 == 1;
        if has_joined {
            return Ok(LeftoverKind::Stale);
        }
    }
    Ok(LeftoverKind::Idle)
}

fn unread(found: &Found) -> io::Result<Option<u64>> {
    match &found.content {
        Content::Region(header) => Copies::new(&found.file, &header.geometry).unread().map(Some),
        Content::Other(_) | Content::Newer(_) => Ok(None),
        Content::Wiped => Ok(Some(0)),
    }
}
