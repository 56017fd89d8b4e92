//! What an error of the system means for a region, as a user is told. A function that makes one system call may look itself at what the
//! error number means for that call.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why an operation on the memory or file of a region failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The name is taken.
    Exists,
    /// Nothing has the name, or a folder of the path is missing.
    NotFound,
    /// There is not enough memory, room on the disk, or quota.
    NoSpace,
    /// This user may not do that.
    Denied,
    /// The file system is mounted for reading only.
    ReadOnly,
    /// The name belongs to a directory, a symbolic link, a device or a pipe.
    NoFile,
    /// The file system does not support the operation.
    Unsupported,
    /// This process locks its memory, and would exceed its limit.
    MemoryLock,
    /// This system does not show the file with this path, which is needed.
    Missing(&'static str),
    /// Anything else, by its number.
    Other(i32),
}

impl Cause {
    /// The cause of `error`.
    pub fn of(error: &io::Error) -> Self {
        if let Some(marked) = error.get_ref().and_then(|inner| inner.downcast_ref::<Marked>()) {
            return marked.0;
        }
        match error.raw_os_error() {
            Some(libc::EISDIR | libc::ELOOP | libc::ENXIO | libc::EINVAL) => return Self::NoFile,
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::ENODEV) => return Self::Unsupported,
            Some(libc::ENOSPC | libc::EDQUOT | libc::ENOMEM | libc::EFBIG) => return Self::NoSpace,
            _ => {}
        }
        match error.kind() {
            ErrorKind::AlreadyExists => Self::Exists,
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::NotFound,
            ErrorKind::OutOfMemory => Self::NoSpace,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::Unsupported => Self::Unsupported,
            _ => Self::Other(error_number(error)),
        }
    }

    /// An error with this cause, for a caller that knows the cause better than the error number does.
    pub fn error(self) -> io::Error {
        io::Error::other(Marked(self))
    }
}

/// Whether an operation failed because there is not enough memory or room on the disk. No peer causes that.
pub fn is_out_of_space(error: &io::Error) -> bool {
    Cause::of(error) == Cause::NoSpace
}

/// The number of an error.
pub fn error_number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// A cause, wrapped in an error.
#[derive(Debug)]
struct Marked(Cause);

impl fmt::Display for Marked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Missing(path) => write!(formatter, "{path} cannot be read"),
            Cause::MemoryLock => {
                formatter.write_str("more memory would be locked than this process may lock")
            }
            cause => write!(formatter, "{cause:?}"),
        }
    }
}

impl Error for Marked {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_cause() {
        let cause = |number| Cause::of(&io::Error::from_raw_os_error(number));
        for number in [libc::ENOSPC, libc::EDQUOT, libc::ENOMEM, libc::EFBIG] {
            assert_eq!(cause(number), Cause::NoSpace);
            assert!(is_out_of_space(&io::Error::from_raw_os_error(number)));
        }
        assert!(is_out_of_space(&ErrorKind::OutOfMemory.into()));
        for (number, expected) in [
            (libc::EEXIST, Cause::Exists),
            (libc::ENOENT, Cause::NotFound),
            (libc::ENOTDIR, Cause::NotFound),
            (libc::EACCES, Cause::Denied),
            (libc::EPERM, Cause::Denied),
            (libc::EROFS, Cause::ReadOnly),
            (libc::ELOOP, Cause::NoFile),
            (libc::ENODEV, Cause::Unsupported),
            (libc::EIO, Cause::Other(libc::EIO)),
            (libc::EAGAIN, Cause::Other(libc::EAGAIN)),
            (libc::EINTR, Cause::Other(libc::EINTR)),
        ] {
            assert_eq!(cause(number), expected);
            assert!(!is_out_of_space(&io::Error::from_raw_os_error(number)));
        }
    }

    #[test]
    fn a_cause_survives_in_an_error() {
        for cause in [Cause::Missing("/proc"), Cause::MemoryLock] {
            assert_eq!(Cause::of(&cause.error()), cause);
        }
        assert_eq!(Cause::of(&io::Error::other("something")), Cause::Other(libc::EIO));
    }
}
