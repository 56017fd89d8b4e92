//! Files, as on every Unix: opening them, asking about them, and handing them on.

use super::{Cause, File};
use core::ffi::c_int;
use core::ptr;
use std::ffi::CString;
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The result of a system call, or its error.
pub fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Opens an existing file for reading and writing. Follows no symbolic link, and waits for nothing.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// Like [`open`], for reading. Anything but a file is not opened: opening a pipe or a device may already have an
/// effect.
pub fn look(path: &Path) -> io::Result<File> {
    if !facts_of_path(path)?.is_file {
        return Err(Cause::NoFile.error());
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether this process seems to have permission to write to the file at `path`.
pub fn may_write(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_encoded_bytes()) else { return false };
    // SAFETY: a NUL-terminated string that outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), libc::W_OK, libc::AT_EACCESS) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EACCES)
}

/// Creates a file that only this user may use.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Whether `len` consecutive bytes of this process's address space seem to be free. Takes none of them, and no
/// memory.
pub fn has_addresses(len: u64) -> bool {
    let Ok(len) = usize::try_from(len) else { return false };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: a new mapping that nobody may touch; the system chooses its place.
    #[expect(unsafe_code, reason = "system call")]
    let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        // With any other error, the addresses are not the problem.
        return io::Error::last_os_error().raw_os_error() != Some(libc::ENOMEM);
    }
    // SAFETY: just mapped, and known to nobody else.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::munmap(base, len)
    };
    true
}

/// Facts about a file.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether it is a regular file, and not a directory or a device.
    pub is_file: bool,
    /// Length in bytes.
    pub len: u64,
    /// Bytes that the system has allocated for it.
    pub allocated: u64,
    /// The user that owns it.
    pub owner: u32,
    /// How many names it has.
    pub links: u64,
    /// Identifies it among all files of this machine.
    pub identity: (u64, u64),
}

impl From<fs::Metadata> for Facts {
    fn from(metadata: fs::Metadata) -> Self {
        Self {
            is_file: metadata.is_file(),
            len: metadata.len(),
            allocated: metadata.blocks() * 512,
            owner: metadata.uid(),
            links: metadata.nlink(),
            identity: (metadata.dev(), metadata.ino()),
        }
    }
}

/// The facts about an open file.
pub fn facts(file: &File) -> io::Result<Facts> {
    file.metadata().map(Facts::from)
}

/// The facts about what has this path, even if it is a symbolic link.
pub fn facts_of_path(path: &Path) -> io::Result<Facts> {
    fs::symlink_metadata(path).map(Facts::from)
}

/// Fills `bytes` from `offset` on.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

/// The longest file, in bytes, that this process may write (`ulimit -f`). If it writes more, the system sends
/// SIGXFSZ.
pub fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` outlives the call.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit);
    }
    #[allow(clippy::unnecessary_cast, reason = "the type differs between platforms")]
    let bytes = limit.rlim_cur as u64;
    if limit.rlim_cur == libc::RLIM_INFINITY { u64::MAX } else { bytes }
}

/// Writes `bytes` at `offset`. Never raises a signal.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    if offset + bytes.len() as u64 > file_size_limit() {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    file.write_all_at(bytes, offset)
}

/// Gives a file these permission bits; the umask does not matter.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives a file this group.
pub fn set_group(file: &File, group: u32) -> io::Result<()> {
    fchown(file, None, Some(group))
}

/// The effective user of this process.
pub fn user() -> u32 {
    // SAFETY: cannot fail.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::geteuid()
    }
}

/// Makes the names in the folder that contains `path` durable, as far as the file system supports that.
pub fn sync_folder(path: &Path) {
    let _ = File::open(path).and_then(|folder| folder.sync_all());
}

/// A duplicate of the descriptor with this number, if there is one; never of a standard stream.
pub fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a number that is no descriptor returns an error. The result is a new descriptor that we own.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        let duplicate = libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3);
        check(duplicate).map(|duplicate| OwnedFd::from_raw_fd(duplicate))
    }
}

/// Lets the child that `command` starts inherit `descriptor` under its number. No other child gets it.
pub fn let_inherit(command: &mut Command, descriptor: OwnedFd) {
    let keep = move || {
        // SAFETY: no pointers; `fcntl` is async-signal-safe.
        #[expect(unsafe_code, reason = "system call")]
        let result = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, 0) };
        check(result).map(drop)
    };
    // SAFETY: the closure makes one system call. It allocates nothing, not even for an error.
    #[expect(unsafe_code, reason = "runs between fork and exec")]
    unsafe {
        command.pre_exec(keep);
    }
}
