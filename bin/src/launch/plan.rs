//! What is to be launched.

use std::ffi::OsString;
use std::time::Duration;

/// A program, and how many ranks run it.
pub struct Program {
    pub name: OsString,
    pub args: Vec<OsString>,
    pub ranks: u32,
}

/// Programs, and how they are run. The ranks are numbered through all programs.
pub struct Plan {
    pub programs: Vec<Program>,
    /// How often a rank that fails is started again.
    pub restarts: u32,
    /// Whether the others go on when a rank has failed.
    pub keeps_going: bool,
    /// The time between the steps of an end.
    pub grace: Duration,
    /// After this time all are ended.
    pub timeout: Option<Duration>,
    /// Whether each rank has one processor.
    pub binds: bool,
    /// Whether each line says which rank wrote it.
    pub labels: bool,
    /// Whether rank 0 reads standard input.
    pub reads: bool,
}

impl Plan {
    /// How many ranks there are.
    pub fn ranks(&self) -> u32 {
        self.programs.iter().map(|program| program.ranks).sum()
    }

    /// What `rank`, of which there is one, runs.
    pub fn program(&self, rank: u32) -> &Program {
        let mut first = 0;
        let runs = |program: &&Program| {
            first += program.ranks;
            rank < first
        };
        self.programs.iter().find(runs).unwrap_or(&self.programs[0])
    }

    /// A rank as people are told of it.
    pub fn show(&self, rank: u32) -> String {
        format!("rank {rank} ({:?})", self.program(rank).name)
    }
}
