//! What came of a play.

use super::violations::check;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use serde::{Serialize, Serializer};
use std::fmt::{Display, Formatter, Result as Fmt};

/// The counts; `failed`, `stuck` and `left_behind` must be zero.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the ranks do.
    #[serde(skip)]
    pub play: &'static str,
    pub ranks: u32,
    pub seed: u64,
    pub seconds: f64,
    /// Words that were overwritten.
    pub writes: u64,
    pub kills: u64,
    /// What the play has counted, by name.
    #[serde(flatten, serialize_with = "as_fields")]
    pub counts: Vec<(&'static str, u64)>,
    pub longest_silence_ms: u64,
    /// Processes that saw or were told what is not right, or have ended by themselves; and plays that did not go on.
    pub failed: u64,
    /// Calls that took too long.
    pub stuck: u64,
    pub left_behind: u64,
    /// The first of these.
    pub first_fault: Option<String>,
}

fn as_fields<S: Serializer>(counts: &[(&str, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().copied())
}

impl Report {
    /// Adds how the play has `ended`, ends its processes, and shows the report, perhaps as a JSON object. An error if anything was
    /// wrong. `how` are the arguments with which all was done.
    pub fn conclude(
        mut self,
        ended: Result<(), Failure>,
        processes: Processes,
        json: bool,
        how: &str,
    ) -> Result<(), Failure> {
        self.failed = ended.is_err().into();
        // What was stuck comes before that.
        self.first_fault = self.first_fault.or(ended.err().map(|failure| failure.to_string()));
        let left = processes.leave();
        self.left_behind = left.is_err().into();
        if json {
            show(&serde_json::to_string(&self).expect("numbers and text"))?;
        } else {
            show(&self.to_string())?;
        }
        left?;
        let again = format_args!("mbox-demo torture {how} --ranks {} --seed {}", self.ranks, self.seed);
        check(self.failed + self.stuck + self.left_behind, self.first_fault.as_deref(), again)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Fmt {
        let Self { play, ranks, seed, seconds, .. } = self;
        writeln!(f, "{ranks} ranks that {play}, seed {seed}, {seconds:.1} s")?;
        writeln!(f, "words overwritten         {:>12}", self.writes)?;
        writeln!(f, "kills                     {:>12}", self.kills)?;
        for (name, count) in &self.counts {
            writeln!(f, "{:<26}{count:>12}", name.replace('_', " "))?;
        }
        writeln!(f, "longest silence           {:>12} ms", self.longest_silence_ms)?;
        writeln!(f, "violations:")?;
        writeln!(f, "  failed                  {:>12}", self.failed)?;
        writeln!(f, "  stuck                   {:>12}", self.stuck)?;
        write!(f, "  left behind             {:>12}", self.left_behind)
    }
}
