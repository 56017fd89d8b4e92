//! Why a dead-letter box does not do something.

use super::OutboxError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a dead-letter box does not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeadError {
    /// The box has no such letter.
    #[error("{path:?} has no letter {name:?}")]
    NoSuchLetter {
        /// The box.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
    },
    /// The letter's file was cut or garbled. Other letters are as they were.
    #[error("the letter {name:?} in {path:?} was cut or garbled")]
    Garbled {
        /// The box.
        path: PathBuf,
        /// The letter.
        name: String,
    },
    /// The box has as many letters as it may have.
    #[error("{path:?} is full: it has {letters} letters")]
    Full {
        /// The box.
        path: PathBuf,
        /// How many letters it has.
        letters: usize,
    },
    /// The letter was not sent again.
    #[error("the letter {name:?}: {error}")]
    Unsent {
        /// The letter.
        name: String,
        /// Why.
        error: OutboxError,
    },
    /// Another rank has begun to send the letter again. It may have been handled, so only that one goes on.
    #[error("rank {rank} has begun to send the letter {name:?}: retry it as rank {rank}")]
    Begun {
        /// The letter.
        name: String,
        /// The rank.
        rank: u32,
    },
    /// The system returned an error.
    #[error("{path:?}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
}
