//! What holds a region's bytes (a named segment, a file or a memory file), and how each is mapped.
//!
//! The rest of the code treats all three as files that are locked, reserved, read and renamed. They differ in how
//! they are created and mapped, and in whether they outlive the machine's boot.
//!
//! | | made by | mapped by | removed by | may be made shorter by |
//! |---|---|---|---|---|
//! | named segment | `shared_memory`, in `/dev/shm`, bound by rename | `shared_memory`, by name; the nonce is compared | `remove`, a reboot | processes that may write: SIGBUS |
//! | file | `NAME.mailbox-<nonce>` beside its path, reserved, synced, bound by rename, folder synced | `memmap2`, through the checked descriptor | `remove` | processes that may write: SIGBUS |
//! | unnamed | memfd without execute permission, sealed `SHRINK, GROW, SEAL` when it is whole | `memmap2` | the end of the last process that has it | nobody |
//!
//! - Nothing is mapped before its length was checked. A region with another length than its header says is `Length`,
//!   not `Foreign`.
//! - File systems that another machine or process may serve are refused, and so are those without `fallocate` or
//!   `RENAME_NOREPLACE`. The list names the refused ones; an unknown file system counts as local. FUSE is refused
//!   although it may be local, because the process that serves it may be stopped.
//! - A descriptor is trusted as a region only if its size is sealed, so that a peer cannot change the size between
//!   check and use. It is opened again through `/proc/self/fd/N`, because its sender may hold locks through the
//!   description that it came with.
//! - Mappings are kept out of core dumps (`MADV_DONTDUMP`); otherwise a dump would allocate the whole sparse segment.

use super::place::Place;
use crate::error::OwnedPlace;
use crate::memory::Mapping;
use crate::os::{self, File, Pages};
use core::any::Any;
use core::ptr::NonNull;
use memmap2::MmapOptions;
use shared_memory::{Shmem, ShmemConf, ShmemError};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LONGEST_NAME: usize = 200;
/// Follows a region's name in the temporary name under which it is built; 16 digits come after it.
const HALF_BUILT: &str = ".mailbox-";
const DIGITS: usize = 16;
/// The longest name of a file.
const LONGEST_FILE_NAME: usize = 255;

/// What holds a region's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// A named segment, which disappears with the boot.
    Named,
    /// A file, which outlives the boot.
    File,
    /// A memory file without a name, which disappears when the last process closes it.
    Unnamed,
}

/// The path of a region, or of a possible one, and the backing of what lies there.
#[derive(Clone)]
pub struct Site {
    backing: Backing,
    /// As the caller gave it.
    place: OwnedPlace,
    path: PathBuf,
}

impl Site {
    /// The site of a place; `None` if no region can have that place.
    pub fn of(place: Place<'_>) -> Option<Self> {
        let (backing, path) = match place {
            Place::Name(name) => (Backing::Named, is_name(name).then(|| os::shm_path(name))?),
            Place::File(path) => {
                let bytes = path.as_os_str().as_encoded_bytes();
                // A path with a slash at its end means a folder.
                let name = path.file_name().filter(|_| !bytes.contains(&0) && !bytes.ends_with(b"/"))?;
                (Backing::File, (!is_half_built(name)).then(|| path.to_path_buf())?)
            }
        };
        Some(Self { backing, place: place.into(), path })
    }

    /// The same site, independent of the current folder of this process.
    pub fn absolute(&self) -> Self {
        // If this fails, the current folder is gone, and this process cannot find anything by the relative path
        // either.
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        Self { path, ..self.clone() }
    }

    /// The place, as the caller gave it.
    pub fn place(&self) -> &OwnedPlace {
        &self.place
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The backing.
    pub fn backing(&self) -> Backing {
        self.backing
    }

    /// Whether the folder of this path exists.
    pub fn has_folder(&self) -> bool {
        self.folder().is_dir()
    }

    fn folder(&self) -> &Path {
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        folder.unwrap_or(Path::new("."))
    }

    /// Opens what lies here. `Unsupported` if another machine may serve its file system.
    pub fn open(&self) -> io::Result<File> {
        let file = os::open(&self.path)?;
        self.check_file_system(&file)?;
        Ok(file)
    }

    /// Opens what lies here for reading; see [`Site::open`].
    pub fn look(&self) -> io::Result<File> {
        let file = os::look(&self.path)?;
        self.check_file_system(&file)?;
        Ok(file)
    }

    /// Whether the system is asked for it by name. On other platforms a name is that of a file. A process that must
    /// map sparingly opens the file, too.
    fn is_segment(&self) -> bool {
        os::SEGMENTS && self.backing == Backing::Named && !os::locks_all_it_maps()
    }

    fn check_file_system(&self, file: &File) -> io::Result<()> {
        let is_fit = self.backing != Backing::File || os::is_local(file)?;
        if is_fit { Ok(()) } else { Err(ErrorKind::Unsupported.into()) }
    }

    /// Makes a file of `len` zeros in this site's folder, under its name and this number, and maps it. Returns
    /// `NotFound` although the folder exists if another process took the file for a leftover meanwhile.
    pub fn build(&self, nonce: u64, len: u64) -> io::Result<(Unbound, File, Arc<Mapping>)> {
        let name = self.path.file_name().unwrap_or_default();
        match self.build_as(half_built(name, nonce), len) {
            // A file system with shorter names.
            Err(error) if error.raw_os_error() == Some(libc::ENAMETOOLONG) => {
                self.build_as(half_built(OsStr::new(""), nonce), len)
            }
            built => built,
        }
    }

    fn build_as(&self, name: OsString, len: u64) -> io::Result<(Unbound, File, Arc<Mapping>)> {
        let path = self.path.with_file_name(&name);
        if self.is_segment() {
            let name = name.to_str().ok_or(ErrorKind::InvalidInput)?;
            let mut shmem = ShmemConf::new().os_id(name).size(len as usize).create().map_err(os_error)?;
            shmem.set_owner(false);
            let unbound = Unbound(path);
            let file = os::open(&unbound.0)?;
            return Ok((unbound, file, hand_over(shmem)?));
        }
        let file = os::create_new(&path)?;
        let unbound = Unbound(path);
        self.check_file_system(&file)?;
        file.set_len(len)?;
        let mapping = map_file(&file, len)?;
        Ok((unbound, file, mapping))
    }

    /// Maps `file`, which lies here and has `len` bytes; `None` if something else lies here by now.
    pub fn map(&self, file: &File, len: u64) -> io::Result<Option<Arc<Mapping>>> {
        if !self.is_segment() {
            return map_file(file, len).map(Some);
        }
        // Opens the name a second time. The caller compares the nonce to see whether it is the same segment.
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match ShmemConf::new().os_id(name).open().map_err(os_error) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Ok(shmem) if shmem.len() as u64 != len => Ok(None),
            shmem => hand_over(shmem?).map(Some),
        }
    }
}

/// A region that does not have its own name yet. It is unlinked unless it is bound.
pub struct Unbound(PathBuf);

impl Unbound {
    /// Whether its temporary name still leads to `file`, so that no process took it for a leftover.
    pub fn is(&self, file: &File) -> io::Result<bool> {
        leads_to(&self.0, file)
    }

    /// Gives it the site's name, unless something has that name.
    pub fn bind(&self, site: &Site) -> io::Result<()> {
        os::rename_new(&self.0, &site.path)?;
        if site.backing == Backing::File {
            os::sync_folder(site.folder());
        }
        Ok(())
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Maps `len` bytes of `file`, which has that many.
///
/// A process that may write to a file can make it shorter later. Touching the missing part then kills this process;
/// no check can prevent it. A memory file is sealed against that.
pub fn map_file(file: &File, len: u64) -> io::Result<Arc<Mapping>> {
    if os::locks_all_it_maps() {
        let pages = Pages::of(file, len as usize)?;
        let (base, len) = (pages.as_mut_ptr(), len as usize);
        #[expect(unsafe_code, reason = "hands the mapping over")]
        // SAFETY: `pages` maps `len` bytes there, page-aligned, until it is dropped, on any thread.
        return unsafe { mapping(base, len, Box::new(pages)) };
    }
    // No lock is ever held through this description, because a mapping would keep it open.
    let map = MmapOptions::new().len(len as usize).map_raw(file).map_err(os::map_error)?;
    let (base, len) = (map.as_mut_ptr(), map.len());
    #[expect(unsafe_code, reason = "hands the mapping over")]
    // SAFETY: `map` maps `len` bytes there, page-aligned, until it is dropped, on any thread.
    unsafe {
        mapping(base, len, Box::new(map))
    }
}

fn hand_over(shmem: Shmem) -> io::Result<Arc<Mapping>> {
    let (base, len) = (shmem.as_ptr(), shmem.len());
    #[expect(unsafe_code, reason = "hands the mapping over")]
    // SAFETY: `shmem` maps `len` bytes there, page-aligned, until it is dropped; it is plain data that any
    // thread may drop.
    unsafe {
        mapping(base, len, Box::new(shmem))
    }
}

/// # Safety
/// The same as for [`Mapping::new`], except that the pointer may be null.
#[expect(unsafe_code, reason = "the caller answers for the pointer")]
unsafe fn mapping(base: *mut u8, len: usize, owner: Box<dyn Any>) -> io::Result<Arc<Mapping>> {
    let base = NonNull::new(base).ok_or(ErrorKind::OutOfMemory)?;
    os::exclude_from_dumps(base, len);
    // SAFETY: as the caller says.
    Ok(Arc::new(unsafe { Mapping::new(base, len, owner) }))
}

/// Whether `path` is a name of `file`.
pub fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    match os::facts_of_path(path) {
        Ok(facts) => Ok(facts.identity == os::facts(file)?.identity),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The temporary name under which the region `name` is built. It begins with `name`, as far as there is room, so that
/// a security rule about names with that beginning covers this one, too.
fn half_built(name: &OsStr, nonce: u64) -> OsString {
    let mut name = name.as_bytes();
    let room = LONGEST_FILE_NAME - HALF_BUILT.len() - DIGITS;
    if name.len() > room {
        let ends_descriptor = |at: &usize| str::from_utf8(name).is_ok_and(|name| name.is_char_boundary(*at));
        name = &name[..(room - 3..=room).rev().find(ends_descriptor).unwrap_or(room)];
    }
    let suffix = format!("{HALF_BUILT}{nonce:016x}");
    OsString::from_vec([name, suffix.as_bytes()].concat())
}

/// Whether this is a temporary name under which regions are built. No region is ever bound to one.
pub fn is_half_built(name: &OsStr) -> bool {
    let Some((rest, digits)) = name.as_bytes().split_last_chunk::<DIGITS>() else { return false };
    rest.ends_with(HALF_BUILT.as_bytes()) && digits.iter().all(u8::is_ascii_hexdigit)
}

fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_short = (1..=LONGEST_NAME).contains(&name.len());
    is_short && !name.starts_with('.') && name.bytes().all(good) && !is_half_built(OsStr::new(name))
}

fn os_error(error: ShmemError) -> io::Error {
    match error {
        ShmemError::MapCreateFailed(code)
        | ShmemError::MapOpenFailed(code)
        | ShmemError::UnknownOsError(code) => os::map_error(io::Error::from_raw_os_error(code as i32)),
        ShmemError::MappingIdExists => ErrorKind::AlreadyExists.into(),
        _ => ErrorKind::Other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_begins_with_its_name() {
        for name in ["a", "snap.app.demo", &"x".repeat(200), &"x".repeat(230)] {
            let built = half_built(OsStr::new(name), 7);
            assert_eq!(built, OsString::from(format!("{name}.mailbox-0000000000000007")));
            assert!(is_half_built(&built));
        }
        // A long one as far as there is room, and no descriptor in part.
        for name in ["x".repeat(255), "\u{e9}".repeat(127), "\u{20ac}".repeat(85)] {
            let built = half_built(OsStr::new(&name), u64::MAX);
            let text = built.to_str().expect("text");
            let beginning = text.strip_suffix(".mailbox-ffffffffffffffff").expect("a number");
            assert!(name.starts_with(beginning) && (228..=230).contains(&beginning.len()));
        }
        let senseless = half_built(OsStr::from_bytes(&[0xFF; 255]), 1);
        assert!(senseless.len() == LONGEST_FILE_NAME && is_half_built(&senseless));
    }

    #[test]
    fn names_of_what_is_built_are_told_from_others() {
        for half_built in [
            ".mailbox-0123456789abcdef",
            "x.mailbox-0123456789ABCDEF",
            "a.mailbox-b.mailbox-0123456789abcdef",
        ] {
            assert!(is_half_built(OsStr::new(half_built)) && !is_name(half_built), "{half_built}");
        }
        for other in
            ["", "x", "mailbox-0123456789abcdef", "x.mailbox-0123456789abcde", "x.mailbox-0123456789abcdeg"]
        {
            assert!(!is_half_built(OsStr::new(other)), "{other}");
        }
        assert!(is_name("x.mailbox-0123456789abcdeff") && is_name(&"x".repeat(200)));
    }
}
