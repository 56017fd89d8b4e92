//! Why a journal cannot be used.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file is no journal, or one of another kind.
    #[error("{path:?} is not a journal of this kind")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file has another version of the format.
    #[error("{path:?} has version {version} of the format, and this program reads {ours}", ours = super::frame::VERSION)]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file is damaged before its last frame, so no torn write has done this. Nothing was changed.
    /// [`Journal::salvage`](super::Journal::salvage) keeps what is whole.
    #[error("{path:?} is garbled at byte {at}: the {records} records before it are whole")]
    Garbled {
        /// The file.
        path: PathBuf,
        /// Where the first damaged frame begins.
        at: u64,
        /// How many records are whole before it. All of them were replayed.
        records: u64,
    },
    /// Another process, or another part of this one, has it open.
    #[error("{path:?} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A record, or all that were to be written at once, are longer than a frame may be. Nothing of the record was taken.
    #[error("{path:?}: {len} bytes at once are more than the limit of {limit}")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How many bytes there would be.
        len: u64,
        /// The limit.
        limit: u64,
    },
    /// An earlier write failed, so it is not known what the disk has. Open the journal again, best in a new process.
    #[error("{path:?}: an earlier write has failed; open it again")]
    Failed {
        /// The file.
        path: PathBuf,
    },
    /// The system returned an error.
    #[error("{path:?}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
}
