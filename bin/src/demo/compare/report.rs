//! What came of the comparison.

use super::sources::Lines;
use super::task::Model;
use serde::Serialize;

/// All of it.
#[derive(Serialize)]
pub struct Report {
    pub seconds: u64,
    pub processors: usize,
    pub aspects: Vec<Aspect>,
    pub jobs: Vec<Figures>,
    pub verdicts: Vec<Verdict>,
    /// Two processes that add to a word each.
    pub words: Words,
    pub litmus: Vec<Litmus>,
    pub harm: Harm,
    pub sources: Vec<Lines>,
}

/// One aspect of both models.
#[derive(Serialize)]
pub struct Aspect {
    pub name: &'static str,
    pub shared_memory: Side,
    pub messages: Side,
}

/// What a model is like.
#[derive(Serialize)]
pub struct Side {
    pub words: &'static str,
    pub figure: String,
}

/// What was measured of a job, done in one way.
#[derive(Clone, Serialize)]
pub struct Figures {
    pub job: String,
    pub model: Model,
    pub means: String,
    /// Processes, or threads of the hybrid, that do it at once.
    pub workers: u32,
    /// All processes, an owner included.
    pub processes: u32,
    pub p50_ns: f64,
    pub p99_ns: f64,
    pub per_second: f64,
    /// How often it was done, and what came of it: they must be equal.
    pub done: u64,
    pub result: u64,
    /// Lines of its source.
    pub lines: usize,
}

/// Which model is better at a job.
#[derive(Serialize)]
pub struct Verdict {
    pub job: String,
    /// What is compared: with shared memory, and with messages.
    pub means: [String; 2],
    pub p50: Victory,
    pub p99: Victory,
    pub per_second: Victory,
}

/// Which one is better, and how many times.
#[derive(Serialize)]
pub struct Victory {
    pub better: Model,
    pub times: f64,
}

/// How long one addition to a word takes, while another process adds to another word.
#[derive(Serialize)]
pub struct Words {
    /// Both in the same cache line.
    pub together_ns: f64,
    pub apart_ns: f64,
}

/// The litmus test of store buffering.
#[derive(Serialize)]
pub struct Litmus {
    pub model: Model,
    pub means: String,
    pub rounds: u64,
    /// In how many of them both read the old value.
    pub both_old: u64,
}

/// What kills and nonsense did.
#[derive(Default, Serialize)]
pub struct Harm {
    /// How long the mutex of a killed process was waited for; none if it was unlocked, which it never is.
    pub still_locked_after_ms: Option<u64>,
    /// Whether what it guards was half written.
    pub half_written: bool,
    /// How long after the kill the peer was told; none if it was not, which it always is.
    pub told_after_ms: Option<f64>,
    /// What a look at the region shows after the kill.
    pub mails_unread: u64,
    /// Mails that the successor got, in order, and those of them that are marked: the one that was killed may have seen them.
    pub mails_kept: u64,
    pub mails_redelivered: u64,
    /// The shared counter after a process wrote over it: nobody noticed.
    pub spoilt_counter: u64,
    /// The owned one, and the messages that were no numbers.
    pub counter: u64,
    pub nonsense_refused: u64,
}

impl Report {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text")
    }

    /// The figures of a job with one worker.
    pub fn of(&self, job: &str, means: &str) -> &Figures {
        self.with(job, means, None)
    }

    /// Those with so many workers.
    pub fn with(&self, job: &str, means: &str, workers: Option<u32>) -> &Figures {
        let is_it = |figures: &&Figures| {
            figures.job == job
                && figures.means == means
                && workers.is_none_or(|workers| figures.workers == workers)
        };
        self.jobs.iter().find(is_it).expect("all jobs were done")
    }
}
