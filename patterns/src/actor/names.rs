//! Names of actors, over all ranks.
//!
//! An actor's own system has its names. To give it one, the system asks all others whether they have it. Two that ask at the same time
//! are decided by the rank: the lower one refuses the higher one, which gives up when it is asked itself (as in G. Ricart and
//! A. Agrawala, *An Optimal Algorithm for Mutual Exclusion*, 1981). So at most one gets it, and no rank is needed that
//! keeps all names.

use super::address::ActorId;
use super::{NameError, System};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The most bytes of a name.
pub const LEN: usize = 255;
/// How many polls go on at most.
pub const MOST: usize = 4096;

/// What to do with the result.
pub type Then = Box<dyn FnOnce(&mut System, Result<ActorId, NameError>)>;

/// What is asked of all ranks.
pub struct Poll {
    pub name: String,
    /// Who wants the name; `None` if it is looked for.
    pub claimant: Option<ActorId>,
    /// The ranks, and their lives, that have not answered.
    pub asked: BTreeMap<u32, u32>,
    pub timeout: Duration,
    pub due: Instant,
    pub then: Then,
}

/// What this system knows of names.
#[derive(Default)]
pub struct Names {
    /// Those of its own actors.
    pub own: BTreeMap<String, ActorId>,
    pub polls: BTreeMap<u64, Poll>,
    /// The claims among them, by name.
    pub claims: BTreeMap<String, u64>,
    dues: BTreeSet<(Instant, u64)>,
    last: u64,
}

impl Names {
    /// The number of a new poll.
    pub fn begin(&mut self, poll: Poll) -> u64 {
        self.last += 1;
        if poll.claimant.is_some() {
            self.claims.insert(poll.name.clone(), self.last);
        }
        self.dues.insert((poll.due, self.last));
        self.polls.insert(self.last, poll);
        self.last
    }

    pub fn end(&mut self, number: u64) -> Option<Poll> {
        let poll = self.polls.remove(&number)?;
        self.dues.remove(&(poll.due, number));
        if poll.claimant.is_some() {
            self.claims.remove(&poll.name);
        }
        Some(poll)
    }

    pub fn first_due(&self) -> Option<Instant> {
        self.dues.first().map(|(due, _)| *due)
    }

    pub fn next_due(&self, now: Instant) -> Option<u64> {
        self.dues.first().filter(|(due, _)| *due <= now).map(|(_, number)| *number)
    }

    /// Nobody of this life of the rank answers any more. The polls that have all answers now.
    pub fn ended(&mut self, rank: u32, life: u32) -> Vec<u64> {
        let polls = self.polls.iter_mut().filter_map(|(number, poll)| {
            poll.asked.get(&rank).filter(|asked| **asked <= life)?;
            poll.asked.remove(&rank);
            poll.asked.is_empty().then_some(*number)
        });
        polls.collect()
    }

    /// One of the polls, which is over.
    pub fn take(&mut self) -> Option<Then> {
        self.polls.pop_first().map(|(_, poll)| poll.then)
    }
}
