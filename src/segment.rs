//! A named segment: create, open and remove it, whoever else does so at the same time.
//!
//! A segment is built under a random name and bound to its own with one rename, so what bears a name is
//! whole. To take a binding away one locks the gate and every rank (which proves that nobody lives and bars
//! joiners), looks again whether the name still leads there, wipes the magic and unlinks. Whoever joins looks
//! at the magic once more when it has its lock.

use crate::error::{CreateError, OpenError, RemoveError};
use crate::layout::{ABI, Config, Geometry, HEADER_WORDS, Header, MAGIC, MAX_RANKS, Rank, Reserve, WIPED};
use crate::memory::{Mailbox, Mapping, Shared};
use crate::os::{self, Lock};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use core::ptr::NonNull;
use shared_memory::{Shmem, ShmemConf, ShmemError};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LONGEST_NAME: usize = 200;
/// The gate, the labels' byte and those of all ranks.
const ALL_LOCKS: u32 = 2 + MAX_RANKS;

/// Whom [`Segment::open`] lets in.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    /// The protocol that the region must be for; `None`: any.
    pub protocol: Option<u64>,
    /// The user, beside this process' own, to whom the region may belong.
    pub owner: Option<u32>,
}

/// A region's memory and the file behind it.
pub struct Segment {
    mapping: Arc<Mapping>,
    header: Shared<Header>,
    geometry: Geometry,
    /// For lock queries and reservations; no lock is ever held through it.
    file: Arc<File>,
}

impl Segment {
    /// Creates the segment `name`.
    pub fn create(name: &str, config: &Config) -> Result<Self, CreateError> {
        if !is_name(name) {
            return Err(CreateError::BadName);
        }
        config.check()?;
        let geometry = config.geometry;
        let nonce = nonce();
        let building = format!(".mailbox-{nonce:016x}");
        let shmem = ShmemConf::new().os_id(&building).size(geometry.size() as usize).create();
        let mut shmem = shmem.map_err(|error| create_error(os_error(error)))?;
        shmem.set_owner(false);
        let leftover = Leftover(os::shm_path(&building));
        let file = os::open(&leftover.0).map_err(create_error)?;
        if config.mode != 0o600 {
            file.set_permissions(fs::Permissions::from_mode(config.mode)).map_err(create_error)?;
        }
        let reserved = match config.reserve {
            Reserve::AtFirstUse => geometry.table(),
            Reserve::AtCreation => geometry.size(),
        };
        os::allocate(&file, 0, reserved).map_err(create_error)?;
        let segment = Self::assemble(shmem, file, geometry).map_err(create_error)?;
        let words = geometry.to_words(nonce);
        for (word, value) in segment.header.words.iter().zip(words).skip(1) {
            word.store(value, Relaxed);
        }
        // Last: whoever sees the magic sees the geometry.
        segment.header.words[0].store(MAGIC, Release);
        loop {
            match os::rename_new(&leftover.0, &os::shm_path(name)) {
                Ok(()) => return Ok(segment),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => drop(unlink_wiped(name)?),
                Err(error) => return Err(create_error(error)),
            }
        }
    }

    /// Opens the segment `name`.
    pub fn open(name: &str, trust: Trust) -> Result<Self, OpenError> {
        // A segment that is replaced while it is opened is opened anew; this many replacements in a row are
        // somebody's mischief.
        for _ in 0..100 {
            let Opened { file, geometry, nonce } = open_file(name, trust)?;
            let shmem = match ShmemConf::new().os_id(name).open().map_err(os_error) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                shmem => shmem.map_err(open_error)?,
            };
            // The mapping was opened by name a second time: is it the same segment?
            if shmem.len() as u64 != geometry.size() {
                continue;
            }
            let segment = Self::assemble(shmem, file, geometry).map_err(open_error)?;
            if segment.header.words[3].load(Relaxed) == nonce && segment.is_bound() {
                return Ok(segment);
            }
        }
        Err(OpenError::NotFound)
    }

    /// Takes the segment `name` away, if nobody lives in it.
    pub fn remove(name: &str, trust: Trust) -> Result<(), RemoveError> {
        let file = match open_file(name, trust) {
            Ok(opened) => opened.file,
            Err(OpenError::NotFound) => {
                // Perhaps a remover stopped between wiping and unlinking.
                return if unlink_wiped(name).map_err(|_| OpenError::NotFound)? {
                    Ok(())
                } else {
                    Err(OpenError::NotFound.into())
                };
            }
            Err(error) => return Err(error.into()),
        };
        let Some(_locks) = Lock::take(&file, 0, ALL_LOCKS).map_err(open_error)? else {
            return Err(RemoveError::InUse);
        };
        unbind(name, &file).map_err(open_error)?;
        Ok(())
    }

    fn assemble(shmem: Shmem, file: File, geometry: Geometry) -> io::Result<Self> {
        let base = NonNull::new(shmem.as_ptr()).ok_or(ErrorKind::OutOfMemory)?;
        let len = shmem.len();
        os::exclude_from_dumps(base, len);
        #[expect(unsafe_code, reason = "hands the mapping over")]
        // SAFETY: `shmem` maps `len` bytes there, page-aligned, until it is dropped; it is plain data that
        // any thread may drop.
        let mapping = Arc::new(unsafe { Mapping::new(base, len, Box::new(shmem)) });
        let header = Shared::<[Header]>::mapped(&mapping, 0, 1).item(0);
        Ok(Self { mapping, header, geometry, file: Arc::new(file) })
    }

    /// The sizes, as checked when the segment was opened.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The file that ranks are locked on.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Whether the segment has not been removed. Asked with a rank's lock held the answer stays true.
    pub fn is_bound(&self) -> bool {
        self.header.words[0].load(Acquire) == MAGIC
    }

    /// The rank table.
    pub fn ranks(&self) -> Shared<[Rank]> {
        Shared::<[Rank]>::mapped(&self.mapping, self.geometry.rank(0), self.geometry.ranks as usize)
    }

    /// The mailbox from `from` to `to`, both in range. Its bit in `opened` must be seen set, or its pages be
    /// reserved, before anything of it is touched.
    pub fn mailbox(&self, from: u32, to: u32) -> Mailbox {
        Mailbox::mapped(&self.mapping, &self.geometry, from, to)
    }

    /// Takes the pages of the mailbox from `from` to `to` from the system.
    pub fn reserve(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate(&self.file, self.geometry.mailbox(from, to), self.geometry.stride())
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.blocks() * 512)
    }
}

/// The names of all regions that this process may read.
pub fn list() -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(os::SHM)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| open_file(name, Trust { protocol: None, owner: None }).is_ok())
        .collect();
    names.sort();
    Ok(names)
}

fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(good)
}

/// A random number for a region's first name and its identity.
fn nonce() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now()))
}

struct Opened {
    file: File,
    geometry: Geometry,
    nonce: u64,
}

/// Opens and checks a segment through its file, where no page is allocated by reading.
fn open_file(name: &str, trust: Trust) -> Result<Opened, OpenError> {
    if !is_name(name) {
        return Err(OpenError::BadName);
    }
    let file = os::open(&os::shm_path(name)).map_err(open_error)?;
    let metadata = file.metadata().map_err(open_error)?;
    if !metadata.is_file() {
        return Err(OpenError::Foreign);
    }
    let uid = metadata.uid();
    if uid != os::user() && Some(uid) != trust.owner {
        return Err(OpenError::Owner { uid });
    }
    let mut bytes = [0; HEADER_WORDS * 8];
    match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(OpenError::Foreign),
        result => result.map_err(open_error)?,
    }
    let mut words = [0; HEADER_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    match words {
        [WIPED, ..] => return Err(OpenError::NotFound),
        [MAGIC, ABI, ..] => {}
        [MAGIC, abi, ..] => return Err(OpenError::Version { abi }),
        _ => return Err(OpenError::Foreign),
    }
    let (geometry, nonce) = Geometry::from_words(&words).ok_or(OpenError::Foreign)?;
    if metadata.len() != geometry.size() {
        return Err(OpenError::Foreign);
    }
    if trust.protocol.is_some_and(|protocol| protocol != geometry.protocol) {
        return Err(OpenError::Protocol { protocol: geometry.protocol });
    }
    Ok(Opened { file, geometry, nonce })
}

/// Wipes and unlinks what bears `name`, if that is `file`, all of whose locks are held.
fn unbind(name: &str, file: &File) -> io::Result<()> {
    let path = os::shm_path(name);
    let ours = file.metadata()?;
    let mut magic = [0; 8];
    file.read_exact_at(&mut magic, 0)?;
    match fs::symlink_metadata(&path) {
        Ok(bound) if (bound.dev(), bound.ino()) == (ours.dev(), ours.ino()) => {
            file.write_all_at(&WIPED.to_ne_bytes(), 0)?;
            fs::remove_file(&path).inspect_err(|_| {
                // Who may write there may still not unlink (the directory is sticky). Nobody has joined: our
                // locks are held.
                let _ = file.write_all_at(&magic, 0);
            })
        }
        // Somebody else removed it first.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Unlinks what bears `name` if its remover stopped after wiping it. `Ok(false)` if nothing bears it now;
/// an error if a region, or something foreign, does.
fn unlink_wiped(name: &str) -> Result<bool, CreateError> {
    let file = match os::open(&os::shm_path(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(_) => return Err(CreateError::Exists),
    };
    let mut magic = [0; 8];
    if file.read_exact_at(&mut magic, 0).is_err() || u64::from_ne_bytes(magic) != WIPED {
        return Err(CreateError::Exists);
    }
    match Lock::take(&file, 0, ALL_LOCKS).map_err(create_error)? {
        Some(_locks) => unbind(name, &file).map(|()| true).map_err(create_error),
        None => Err(CreateError::Exists),
    }
}

/// A segment that does not bear its name yet; unlinked unless it is renamed.
struct Leftover(PathBuf);

impl Drop for Leftover {
    fn drop(&mut self) {
        let _ = fs::remove_file(Path::new(&self.0));
    }
}

fn os_error(error: ShmemError) -> io::Error {
    match error {
        ShmemError::MapCreateFailed(code)
        | ShmemError::MapOpenFailed(code)
        | ShmemError::UnknownOsError(code) => io::Error::from_raw_os_error(code as i32),
        ShmemError::MappingIdExists => ErrorKind::AlreadyExists.into(),
        _ => ErrorKind::Other.into(),
    }
}

fn code(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn create_error(error: io::Error) -> CreateError {
    match error.kind() {
        ErrorKind::AlreadyExists => CreateError::Exists,
        ErrorKind::StorageFull => CreateError::NoSpace,
        ErrorKind::PermissionDenied => CreateError::Denied,
        _ => CreateError::Os(code(&error)),
    }
}

fn open_error(error: io::Error) -> OpenError {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) => OpenError::NotFound,
        (ErrorKind::PermissionDenied, _) => OpenError::Denied,
        // A directory, a symbolic link, a device or a pipe.
        (_, Some(libc::EISDIR | libc::ELOOP | libc::ENXIO | libc::EINVAL)) => OpenError::Foreign,
        _ => OpenError::Os(code(&error)),
    }
}
