//! Translates errors of the system into the error of each verb.

use crate::error::{CreateError, JoinError, OpenError, RemoveError};
use crate::os::{Cause, error_number};
use std::io;

/// Why a region is not created.
pub fn create_error(error: io::Error) -> CreateError {
    match Cause::of(&error) {
        Cause::Exists => CreateError::Exists,
        Cause::NotFound => CreateError::NoFolder,
        Cause::NoSpace => CreateError::NoSpace,
        Cause::Denied => CreateError::Denied,
        Cause::ReadOnly => CreateError::ReadOnly,
        Cause::Unsupported => CreateError::FileSystem,
        Cause::MemoryLock => CreateError::MemoryLock,
        Cause::Missing(path) => CreateError::Missing { path },
        Cause::NoFile | Cause::Other(_) => CreateError::Os(error_number(&error)),
    }
}

/// Why a region is not opened.
pub fn open_error(error: io::Error) -> OpenError {
    match Cause::of(&error) {
        Cause::NotFound => OpenError::NotFound,
        Cause::Denied => OpenError::Denied,
        Cause::ReadOnly => OpenError::ReadOnly,
        Cause::NoFile => OpenError::Foreign,
        Cause::Unsupported => OpenError::FileSystem,
        Cause::MemoryLock => OpenError::MemoryLock,
        Cause::Missing(path) => OpenError::Missing { path },
        Cause::Exists | Cause::NoSpace | Cause::Other(_) => OpenError::Os(error_number(&error)),
    }
}

/// Why a region that was opened is not removed.
pub fn remove_error(error: io::Error) -> RemoveError {
    match Cause::of(&error) {
        Cause::Denied => RemoveError::Denied,
        _ => open_error(error).into(),
    }
}

/// Why a region that was opened is not joined.
pub fn join_error(error: io::Error) -> JoinError {
    match Cause::of(&error) {
        Cause::Denied => JoinError::Denied,
        Cause::Missing(path) => JoinError::Missing { path },
        _ => JoinError::Os(error_number(&error)),
    }
}
