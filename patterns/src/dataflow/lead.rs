//! The coordinator of a run: the lowest rank that has a part.
//!
//! ```text
//!  gathering ── all have said Hello ──▶ starting ── all are Ready ──▶ running ── all have Saved the end ──▶ over
//!      ▲                                   │                             │
//!      └────────── a rank has ended, or gives the attempt up ────────────┘
//! ```

use super::folder::{Folder, LAST};
use super::note::Note;
use super::{Options, RunError};
use mailbox::{Endpoint, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What was left in the mailbox before the run is received by then, and a member that is there has said Hello once more.
const LEFT_OVER: Duration = Duration::from_millis(250);
/// How many attempts this process has begun.
static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for all members.
    Gathering {
        since: Instant,
    },
    /// Waits for their states.
    Starting,
    Running,
}

/// What a member has written.
#[derive(Debug, Clone, Copy, Default)]
struct Saved {
    number: u64,
    at_end: bool,
}

/// The coordinator of a run.
pub struct Lead {
    rank: u32,
    ranks: BTreeSet<u32>,
    fingerprint: u64,
    attempt: u64,
    begun: Instant,
    phase: Phase,
    /// The runs of the members, by what they have said last.
    runs: BTreeMap<u32, u64>,
    /// Those that are there, or take part in the attempt: their epochs.
    here: BTreeMap<u32, u64>,
    ready: BTreeSet<u32>,
    saved: BTreeMap<u32, Saved>,
    complete: u64,
    /// How many times in a row an operator has failed.
    failures: u32,
    /// Of the folder, once an attempt has begun.
    lock: Option<File>,
}

impl Lead {
    pub fn new(me: &Endpoint, ranks: BTreeSet<u32>, fingerprint: u64) -> Self {
        Self {
            rank: me.rank(),
            ranks,
            fingerprint,
            attempt: 0,
            begun: Instant::now(),
            runs: BTreeMap::new(),
            phase: Phase::Gathering { since: Instant::now() },
            here: BTreeMap::new(),
            ready: BTreeSet::new(),
            saved: BTreeMap::new(),
            complete: 0,
            failures: 0,
            lock: None,
        }
    }

    fn all(&self, note: &Note) -> Vec<(u32, Note)> {
        self.ranks.iter().map(|rank| (*rank, note.clone())).collect()
    }

    /// The attempt has failed: all are to say Hello again.
    fn stop(&mut self) -> Vec<(u32, Note)> {
        self.phase = Phase::Gathering { since: Instant::now() };
        self.here.clear();
        self.all(&Note::Stop { attempt: self.attempt })
    }

    /// What a member in that life says. What is to be said to whom.
    pub fn hear(
        &mut self,
        from: u32,
        epoch: u64,
        note: &Note,
        folder: &Folder,
        options: &Options,
    ) -> Result<Vec<(u32, Note)>, RunError> {
        let is_gathering = self.is_gathering();
        let is_another_run =
            matches!(note, Note::Hello { run, .. } if self.runs.insert(from, *run) != Some(*run));
        match note {
            Note::Hello { fingerprint, .. } if *fingerprint != self.fingerprint => {
                // It may be of an earlier run, of another graph.
                if self.begun.elapsed() < LEFT_OVER {
                    return Ok(vec![]);
                }
                Err(RunError::Differs { rank: from, coordinator: self.rank })
            }
            Note::Hello { .. } if is_gathering => {
                self.here.insert(from, epoch);
                Ok(vec![])
            }
            Note::Hello { attempt, .. } => {
                // Otherwise it was said before the attempt began.
                let gives_up =
                    *attempt == self.attempt || is_another_run || self.here.get(&from) != Some(&epoch);
                if !gives_up {
                    return Ok(vec![]);
                }
                let notes = self.stop();
                self.here.insert(from, epoch);
                Ok(notes)
            }
            Note::Ready { attempt } if *attempt == self.attempt && self.phase == Phase::Starting => {
                self.ready.insert(from);
                if self.ready != self.ranks {
                    return Ok(vec![]);
                }
                self.phase = Phase::Running;
                Ok(self.all(&Note::Go { attempt: self.attempt }))
            }
            Note::Saved { attempt, number } if *attempt == self.attempt && self.phase == Phase::Running => {
                let saved = self.saved.entry(from).or_default();
                match *number {
                    LAST => saved.at_end = true,
                    number => saved.number = saved.number.max(number),
                }
                self.completed(folder)
            }
            Note::Left { attempt, why } if *attempt == self.attempt && !is_gathering => {
                Err(why.clone().error(self.rank))
            }
            // It may run the graph once more.
            Note::Left { .. } => {
                let was_here = self.here.remove(&from).is_some();
                Ok(if was_here && !is_gathering { self.stop() } else { vec![] })
            }
            Note::Failed { attempt, operator, reason } if *attempt == self.attempt && !is_gathering => {
                self.failures += 1;
                if self.failures > options.retries {
                    let (operator, reason) = (operator.clone(), reason.clone());
                    return Err(RunError::Operator { rank: from, operator, reason });
                }
                Ok(vec![])
            }
            _ => Ok(vec![]),
        }
    }

    /// If all have written a further checkpoint, it is complete.
    fn completed(&mut self, folder: &Folder) -> Result<Vec<(u32, Note)>, RunError> {
        let newest = |saved: &Saved| if saved.at_end { LAST } else { saved.number };
        let number = self.saved.values().map(newest).min().unwrap_or(0);
        if number <= self.complete {
            return Ok(vec![]);
        }
        // Who had ended before the marker has only written the state at the end.
        let file = |saved: &Saved| if saved.number < number { LAST } else { number };
        let members = self.saved.iter().map(|(rank, saved)| (*rank, file(saved))).collect();
        folder.write_complete(number, &members)?;
        folder.forget_complete(self.complete);
        (self.complete, self.failures) = (number, 0);
        Ok(self.all(&Note::Complete { attempt: self.attempt, number }))
    }

    /// Looks who has ended, and begins an attempt if all are there. What is to be said to whom.
    pub fn step(
        &mut self,
        me: &Endpoint,
        folder: &Folder,
        options: &Options,
    ) -> Result<Vec<(u32, Note)>, RunError> {
        let before = self.here.len();
        self.here.retain(|rank, epoch| me.region().status(*rank) == Some((Status::Live, *epoch)));
        let Phase::Gathering { since } = self.phase else {
            return Ok(if self.here.len() < before { self.stop() } else { vec![] });
        };
        if let Some(rank) = self.ranks.iter().find(|rank| !self.here.contains_key(rank)) {
            if since.elapsed() > options.patience {
                return Err(RunError::Missing { rank: *rank });
            }
            return Ok(vec![]);
        }
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => folder.lock()?,
        };
        self.complete = folder.newest(options.is_strict)?.map_or(0, |(number, _)| number);
        // Later lives of this rank, and later runs of this life, have higher numbers.
        let count = ATTEMPTS.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.attempt = (me.epoch() << 32) | u64::from(count);
        folder.begin(self.lock.insert(lock), self.attempt)?;
        self.phase = Phase::Starting;
        self.ready.clear();
        let number = self.complete;
        self.saved = self.ranks.iter().map(|rank| (*rank, Saved { number, at_end: false })).collect();
        let attempt = self.attempt;
        let begin = |rank: &u32| (*rank, Note::Begin { attempt, number, run: self.run_of(*rank) });
        Ok(self.ranks.iter().map(begin).collect())
    }

    /// Which of its runs a member is in; 0 if it has not said so.
    pub fn run_of(&self, rank: u32) -> u64 {
        self.runs.get(&rank).copied().unwrap_or(0)
    }

    /// Whether somebody is waited for.
    pub fn is_gathering(&self) -> bool {
        matches!(self.phase, Phase::Gathering { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Why;
    use super::*;
    use crate::delivery::Durability;
    use mailbox::{Config, Region};

    #[test]
    fn a_member_that_runs_once_more_or_leaves_is_not_waited_for_in_vain() {
        let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
        let (me, other) = (region.join(0).expect("free"), region.join(1).expect("free"));
        let path = std::env::temp_dir().join(format!("dataflow-lead-{}", std::process::id()));
        let folder = Folder::open(&path, 7, Durability::Process).expect("a new name");
        let options = Options::new(&path);
        let mut lead = Lead::new(&me, [0, 1].into(), 7);
        let hear = |lead: &mut Lead, from, note: Note| lead.hear(from, 1, &note, &folder, &options);
        let hello = |run| Note::Hello { fingerprint: 7, attempt: 0, run };
        let begin = |lead: &mut Lead| lead.step(&me, &folder, &options).expect("no error");

        assert_eq!(hear(&mut lead, 0, hello(1)).expect("no error"), []);
        assert_eq!(hear(&mut lead, 1, hello(2)).expect("no error"), []);
        assert!(matches!(begin(&mut lead)[1], (1, Note::Begin { run: 2, .. })));
        // The same again; and of its next run, whose Begin that was not.
        assert_eq!(hear(&mut lead, 1, hello(2)).expect("no error"), []);
        let stopped = hear(&mut lead, 1, hello(3)).expect("no error");
        assert!(matches!(stopped[1], (1, Note::Stop { .. })));
        assert_eq!(hear(&mut lead, 0, hello(1)).expect("no error"), []);
        let begun = begin(&mut lead);
        let (1, Note::Begin { run: 3, attempt, .. }) = begun[1] else { panic!("{begun:?}") };
        // It leaves before it has heard of the attempt, and in the attempt.
        let left = |attempt| Note::Left { attempt, why: Why::Other { rank: 1, reason: "no room".into() } };
        let stopped = hear(&mut lead, 1, left(0)).expect("no error");
        assert!(matches!(stopped[1], (1, Note::Stop { .. })));
        assert_eq!(hear(&mut lead, 0, hello(1)).expect("no error"), []);
        assert_eq!(begin(&mut lead), []);
        assert_eq!(hear(&mut lead, 1, hello(4)).expect("no error"), []);
        let begun = begin(&mut lead);
        let (1, Note::Begin { attempt: next, .. }) = begun[1] else { panic!("{begun:?}") };
        assert!(next > attempt);
        let error = hear(&mut lead, 1, left(next)).expect_err("it has left");
        assert_eq!(error.to_string(), "rank 1: no room");
        drop(other);
        std::fs::remove_dir_all(path).expect("it is there");
    }
}
