//! What came of a gathering.

use super::register::{Count, Register};
use crate::common::failure::Failure;
use crate::stress::violations::check;
use serde::Serialize;
use std::fmt::{Display, Formatter, Result as Fmt};

/// The counts; all from `failed` on must be zero.
#[derive(Debug, Serialize)]
pub struct Report {
    pub ranks: u32,
    pub seed: u64,
    pub seconds: f64,
    pub kills: u64,
    /// Operations of a rank that ended well, and bytes of their results.
    pub operations: u64,
    pub bytes: u64,
    /// How often a rank met all others, and how often those that were left.
    pub worlds: u64,
    pub shrunk: u64,
    /// Times that a rank was told of a death, or of a member that had dropped the communicator.
    pub deaths_told: u64,
    pub leavings_told: u64,
    /// Times that a rank gave up because not all came.
    pub given_up: u64,
    pub longest_silence_ms: u64,
    /// Ranks with a wrong result, a wrong error, or another end than a kill.
    pub failed: u64,
    pub stuck: u64,
    pub left_behind: u64,
    /// The first of these.
    pub first_fault: Option<String>,
}

impl Report {
    /// With what is in the register.
    pub fn new(ranks: u32, seed: u64, register: &Register<'_>) -> Self {
        let total = |what| register.total(what);
        Self {
            ranks,
            seed,
            seconds: 0.0,
            kills: 0,
            operations: total(Count::Tasks),
            bytes: total(Count::Bytes),
            worlds: total(Count::Worlds),
            shrunk: total(Count::Shrunk),
            deaths_told: total(Count::Deaths),
            leavings_told: total(Count::Leavings),
            given_up: total(Count::GivenUp),
            longest_silence_ms: 0,
            failed: 0,
            stuck: 0,
            left_behind: 0,
            first_fault: None,
        }
    }

    /// As one JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text")
    }

    /// An error if anything was wrong.
    pub fn check(&self) -> Result<(), Failure> {
        let again = format_args!(
            "mbox-demo torture --collectives --kills {} --ranks {} --seed {}",
            self.kills, self.ranks, self.seed
        );
        check(self.failed + self.stuck + self.left_behind, self.first_fault.as_deref(), again)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Fmt {
        let Self { ranks, seed, seconds, kills, bytes, .. } = self;
        writeln!(f, "{ranks} ranks that act together, seed {seed}, {seconds:.1} s")?;
        writeln!(f, "kills                     {kills:>12}")?;
        writeln!(f, "operations, by rank       {:>12}   ({} MiB)", self.operations, bytes >> 20)?;
        writeln!(f, "worlds, by rank           {:>12}", self.worlds)?;
        writeln!(f, "shrunk, by rank           {:>12}", self.shrunk)?;
        writeln!(f, "deaths told               {:>12}", self.deaths_told)?;
        writeln!(f, "leavings told             {:>12}", self.leavings_told)?;
        writeln!(f, "given up                  {:>12}", self.given_up)?;
        writeln!(f, "longest silence           {:>12} ms", self.longest_silence_ms)?;
        writeln!(f, "violations:")?;
        writeln!(f, "  failed                  {:>12}", self.failed)?;
        writeln!(f, "  stuck                   {:>12}", self.stuck)?;
        write!(f, "  left behind             {:>12}", self.left_behind)
    }
}
