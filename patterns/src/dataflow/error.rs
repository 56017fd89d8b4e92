//! What can go wrong with a graph.

use mailbox::{RecvError, SendError};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a graph cannot run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Two operators have this name.
    #[error("two operators have the name {operator:?}")]
    Name {
        /// The name.
        operator: String,
    },
    /// Each of these operators waits for the one before it, and the first for the last: none would ever fire.
    #[error("these operators wait for each other: {}", .operators.join(" → "))]
    Cycle {
        /// Their names, each before the one that takes its records.
        operators: Vec<String>,
    },
    /// A stream that was to be connected [later](super::Graph::later) was not, or twice.
    #[error("{operator:?} is connected to {streams} streams, and not to one")]
    Unconnected {
        /// Its name.
        operator: String,
        /// To how many streams.
        streams: usize,
    },
    /// An operator has no rank, or no parts.
    #[error("{operator:?} has no rank, or no parts")]
    Nowhere {
        /// Its name.
        operator: String,
    },
    /// The operator takes from a stream of another graph.
    #[error("{operator:?} takes from a stream of another graph")]
    Foreign {
        /// Its name.
        operator: String,
    },
    /// A window of no records, or of no time.
    #[error("the window of {operator:?} is empty")]
    Window {
        /// The fold's name.
        operator: String,
    },
    /// There is no operator.
    #[error("a graph without operators")]
    Empty,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file is cut or garbled.
    #[error("{path:?} is cut or garbled")]
    Garbled {
        /// The file.
        path: PathBuf,
    },
    /// The file is of another graph: of other operators, placements or types, or with other options.
    #[error("{path:?} is of another graph")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The coordinator has its checkpoints in another folder: a path that is not absolute depends on where a process was started.
    #[error("rank {coordinator} does not have its checkpoints in {path:?}")]
    Elsewhere {
        /// The folder of this rank.
        path: PathBuf,
        /// The rank that leads the run.
        coordinator: u32,
    },
    /// Another run has the folder, such as one of the same program in another region.
    #[error("another run has the folder {path:?}")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The file has another version of the format.
    #[error("{path:?} has version {version} of the format")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
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

/// Why a graph has stopped running.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// It cannot run at all.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No operator is placed on this rank.
    #[error("no operator is placed on rank {rank}")]
    NoPart {
        /// The rank of the endpoint.
        rank: u32,
    },
    /// An operator is placed on a rank that the region does not have.
    #[error("an operator is placed on rank {rank}, and the region has ranks 0 to {}", .ranks - 1)]
    Outside {
        /// The rank.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// This rank has built another graph, or runs it with other options.
    #[error("rank {rank} has built another graph than rank {coordinator}")]
    Differs {
        /// The rank.
        rank: u32,
        /// The rank that compares.
        coordinator: u32,
    },
    /// An operator has panicked or failed, and again each time that the graph went back.
    #[error("{operator:?} on rank {rank} has failed: {reason}")]
    Operator {
        /// Its rank.
        rank: u32,
        /// Its name.
        operator: String,
        /// What it panicked with, or why it failed. The first 256 bytes are kept.
        reason: String,
    },
    /// A rank has ended, or was never there, and nobody has joined as it in time ([`Options::patience`](super::Options::patience)).
    #[error("nobody has come as rank {rank}")]
    Missing {
        /// The rank.
        rank: u32,
    },
    /// No checkpoint can be used, or this one was to be and cannot.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Another rank cannot go on: with its checkpoint, or with its mailboxes.
    #[error("rank {rank}: {reason}")]
    Other {
        /// The rank.
        rank: u32,
        /// Why, in its words.
        reason: String,
    },
    /// The endpoint, or a mailbox of it, does not work, or the wait was interrupted.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// A mailbox does not work.
    #[error("to rank {rank}: {error}")]
    Send {
        /// The receiver.
        rank: u32,
        /// Why.
        error: SendError,
    },
}
