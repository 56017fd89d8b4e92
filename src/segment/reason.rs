//! Translates errors of the system into the error of each verb. Which place it is about, the verb says (`at`).

use crate::error::{CreateError, JoinError, Mismatch, OpenError, OwnedPlace, RemoveError, System};
use crate::os::{Cause, error_number};
use std::io;

/// Why a region is not created.
pub fn create_error(error: io::Error) -> CreateError {
    match Cause::of(&error) {
        Cause::Exists => CreateError::Exists(OwnedPlace::Unnamed),
        Cause::NotFound => CreateError::System(System::NoFolder),
        Cause::NoSpace => CreateError::System(System::NoSpace),
        Cause::Denied => CreateError::Denied(OwnedPlace::Unnamed),
        Cause::ReadOnly => CreateError::System(System::ReadOnly),
        Cause::Unsupported => CreateError::System(System::FileSystem),
        Cause::MemoryLock => CreateError::System(System::MemoryLock),
        Cause::Missing(path) => CreateError::System(System::Missing { path }),
        Cause::NoFile | Cause::Other(_) => CreateError::System(System::Os(error_number(&error))),
    }
}

/// Why a region is not opened.
pub fn open_error(error: io::Error) -> OpenError {
    match Cause::of(&error) {
        Cause::NotFound => OpenError::NotFound(OwnedPlace::Unnamed),
        Cause::Denied => OpenError::Denied(OwnedPlace::Unnamed),
        Cause::ReadOnly => OpenError::System(System::ReadOnly),
        Cause::NoFile => OpenError::Mismatch(Mismatch::Foreign),
        Cause::Unsupported => OpenError::System(System::FileSystem),
        Cause::MemoryLock => OpenError::System(System::MemoryLock),
        Cause::Missing(path) => OpenError::System(System::Missing { path }),
        Cause::Exists | Cause::NoSpace | Cause::Other(_) => {
            OpenError::System(System::Os(error_number(&error)))
        }
    }
}

/// Why a region that was opened is not removed.
pub fn remove_error(error: io::Error) -> RemoveError {
    match Cause::of(&error) {
        Cause::Denied => RemoveError::Denied(OwnedPlace::Unnamed),
        _ => open_error(error).into(),
    }
}

/// Why a region that was opened is not joined.
pub fn join_error(error: io::Error) -> JoinError {
    match Cause::of(&error) {
        Cause::Denied => JoinError::System(System::Denied),
        Cause::Missing(path) => JoinError::System(System::Missing { path }),
        _ => JoinError::System(System::Os(error_number(&error))),
    }
}

impl CreateError {
    /// The same, where it is known by now which place it is about.
    pub(super) fn at(self, place: &OwnedPlace) -> Self {
        match self {
            Self::Exists(_) => Self::Exists(place.clone()),
            Self::Denied(_) => Self::Denied(place.clone()),
            error => error,
        }
    }
}

impl OpenError {
    /// The same, where it is known by now which place it is about.
    pub(super) fn at(self, place: &OwnedPlace) -> Self {
        match self {
            Self::NotFound(_) => Self::NotFound(place.clone()),
            Self::Denied(_) => Self::Denied(place.clone()),
            error => error,
        }
    }
}

impl RemoveError {
    /// The same, where it is known by now which place it is about.
    pub(super) fn at(self, place: &OwnedPlace) -> Self {
        match self {
            Self::Open(error) => Self::Open(error.at(place)),
            Self::InUse(_) => Self::InUse(place.clone()),
            Self::Denied(_) => Self::Denied(place.clone()),
            Self::Closing(_) => Self::Closing(place.clone()),
            Self::Unnamed => Self::Unnamed,
        }
    }
}
