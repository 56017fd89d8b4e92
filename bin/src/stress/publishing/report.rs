//! What came of a play with topics.

use super::score::{Count, Score};
use crate::common::failure::Failure;
use crate::stress::violations::check;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result as Fmt};

/// The counts; `failed`, `stuck` and `left_behind` must be zero.
#[derive(Debug, Serialize)]
pub struct Report {
    pub ranks: u32,
    pub seed: u64,
    pub seconds: f64,
    /// Words that were overwritten.
    pub writes: u64,
    pub kills: u64,
    #[serde(flatten)]
    pub counts: BTreeMap<&'static str, u64>,
    pub longest_silence_ms: u64,
    /// Processes that read or were told what is not right, or have ended by themselves; and topics that carried nothing.
    pub failed: u64,
    /// Calls that took too long.
    pub stuck: u64,
    pub left_behind: u64,
    /// The first of these.
    pub first_fault: Option<String>,
}

impl Report {
    /// With what is in the score.
    pub fn new(ranks: u32, seed: u64, score: &Score<'_>) -> Self {
        Self {
            ranks,
            seed,
            seconds: 0.0,
            writes: 0,
            kills: 0,
            counts: Count::TOLD.map(|(name, what)| (name, score.total(what))).into(),
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

    /// An error if anything was wrong. `how` are the arguments with which all was done.
    pub fn check(&self, how: &str) -> Result<(), Failure> {
        let again = format_args!("mbox-demo torture {how} --ranks {} --seed {}", self.ranks, self.seed);
        check(self.failed + self.stuck + self.left_behind, self.first_fault.as_deref(), again)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Fmt {
        writeln!(f, "{} ranks that publish and read, seed {}, {:.1} s", self.ranks, self.seed, self.seconds)?;
        writeln!(f, "words overwritten         {:>12}", self.writes)?;
        writeln!(f, "kills                     {:>12}", self.kills)?;
        for (name, _) in Count::TOLD {
            writeln!(f, "{:<26}{:>12}", name.replace('_', " "), self.counts[name])?;
        }
        writeln!(f, "longest silence           {:>12} ms", self.longest_silence_ms)?;
        writeln!(f, "violations:")?;
        writeln!(f, "  failed                  {:>12}", self.failed)?;
        writeln!(f, "  stuck                   {:>12}", self.stuck)?;
        write!(f, "  left behind             {:>12}", self.left_behind)
    }
}
