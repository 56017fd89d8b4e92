//! What a region's bytes lie in, a named segment, a file or a memory file, and how each is mapped.
//!
//! All three are files to the rest: what is locked, reserved, read and renamed is a file. They differ in how
//! that comes to be, in how it is mapped, and in whether it outlives the machine's boot.

use super::place::Place;
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
/// What follows its name in the one under which a region is built; 16 digits follow.
const HALF_BUILT: &str = ".mailbox-";
const DIGITS: usize = 16;
/// The longest name of a file.
const LONGEST_FILE_NAME: usize = 255;

/// What a region's bytes lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// A named segment: gone with the boot.
    Named,
    /// A file, which outlives the boot.
    File,
    /// A memory file without a name: gone with the last process that has it.
    Unnamed,
}

/// The path that a region is bound to, or could be, and the backing of what lies there.
#[derive(Clone)]
pub struct Site {
    backing: Backing,
    path: PathBuf,
}

impl Site {
    /// The site of a place; `None` if it cannot be one's name.
    pub fn of(place: Place<'_>) -> Option<Self> {
        match place {
            Place::Name(name) => {
                is_name(name).then(|| Self { backing: Backing::Named, path: os::shm_path(name) })
            }
            Place::File(path) => {
                let bytes = path.as_os_str().as_encoded_bytes();
                // With a slash at its end it means a folder.
                let name = path.file_name().filter(|_| !bytes.contains(&0) && !bytes.ends_with(b"/"))?;
                (!is_half_built(name)).then(|| Self { backing: Backing::File, path: path.to_path_buf() })
            }
        }
    }

    /// The same, whichever folder this process is in.
    pub fn absolute(&self) -> Self {
        // Without a folder that it is in, this process finds nothing by this path either.
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        Self { path, ..*self }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The backing.
    pub fn backing(&self) -> Backing {
        self.backing
    }

    /// Whether the folder is there in which something would lie here.
    pub fn has_folder(&self) -> bool {
        self.folder().is_dir()
    }

    fn folder(&self) -> &Path {
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        folder.unwrap_or(Path::new("."))
    }

    /// Opens what lies here. `Unsupported` if it is on a file system that another machine may serve.
    pub fn open(&self) -> io::Result<File> {
        let file = os::open(&self.path)?;
        self.check_file_system(&file)?;
        Ok(file)
    }

    /// Opens what lies here for reading; as [`Site::open`].
    pub fn look(&self) -> io::Result<File> {
        let file = os::look(&self.path)?;
        self.check_file_system(&file)?;
        Ok(file)
    }

    /// Whether the system is asked for it by name: elsewhere a name is that of a file, and so it is to a process that
    /// must map sparingly.
    fn is_segment(&self) -> bool {
        os::SEGMENTS && self.backing == Backing::Named && !os::locks_all_it_maps()
    }

    fn check_file_system(&self, file: &File) -> io::Result<()> {
        let is_fit = self.backing != Backing::File || os::is_local(file)?;
        if is_fit { Ok(()) } else { Err(ErrorKind::Unsupported.into()) }
    }

    /// Makes a file of `len` zeros in this site's folder, under its name and that number, and maps it. `NotFound`,
    /// with the folder there, if somebody took it for a leftover meanwhile.
    pub fn build(&self, nonce: u64, len: u64) -> io::Result<(Unbound, File, Arc<Mapping>)> {
        let name = self.path.file_name().unwrap_or_default();
        match self.build_as(half_built(name, nonce), len) {
            // A file system of shorter names.
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

    /// Maps `file`, which lies here and has `len` bytes; `None` if something else does by now.
    pub fn map(&self, file: &File, len: u64) -> io::Result<Option<Arc<Mapping>>> {
        if !self.is_segment() {
            return map_file(file, len).map(Some);
        }
        // Opened by name a second time: the caller sees from the nonce whether it is the same segment.
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match ShmemConf::new().os_id(name).open().map_err(os_error) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Ok(shmem) if shmem.len() as u64 != len => Ok(None),
            shmem => hand_over(shmem?).map(Some),
        }
    }
}

/// A region that does not bear its name yet; unlinked unless it is bound.
pub struct Unbound(PathBuf);

impl Unbound {
    /// Whether its first name still leads to `file`: nobody took it for a leftover.
    pub fn is(&self, file: &File) -> io::Result<bool> {
        leads_to(&self.0, file)
    }

    /// Gives it the site's name, unless something bears that.
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

/// Maps `len` bytes of `file`, which has as many.
///
/// Whoever may write to a file can cut it short later, and the next look at what was cut off ends this process:
/// no check can help. A memory file is sealed against it.
pub fn map_file(file: &File, len: u64) -> io::Result<Arc<Mapping>> {
    if os::locks_all_it_maps() {
        let pages = Pages::of(file, len as usize)?;
        let (base, len) = (pages.as_mut_ptr(), len as usize);
        #[expect(unsafe_code, reason = "hands the mapping over")]
        // SAFETY: `pages` maps `len` bytes there, page-aligned, until it is dropped, on whatever thread.
        return unsafe { mapping(base, len, Box::new(pages)) };
    }
    // No lock is ever held through this description: a mapping would pin it.
    let map = MmapOptions::new().len(len as usize).map_raw(file).map_err(os::map_error)?;
    let (base, len) = (map.as_mut_ptr(), map.len());
    #[expect(unsafe_code, reason = "hands the mapping over")]
    // SAFETY: `map` maps `len` bytes there, page-aligned, until it is dropped, on whatever thread.
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
/// As [`Mapping::new`], but for a null pointer.
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

/// The name under which a region is built that is to be called `name`. It begins with that, as far as there is room:
/// what a rule lets a program do with names that begin so, it lets it do with this one.
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

/// Whether regions are built under names like this; none is bound to one.
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
