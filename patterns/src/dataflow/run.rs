//! A run of a graph, on one rank.

use super::folder::Folder;
use super::member::Member;
use super::note::Why;
use super::plan::{Plan, hash};
use super::{Options, Report, RunError};
use mailbox::Endpoint;
use std::collections::BTreeSet;

/// What a run of a graph on one rank is made of.
pub struct Run<'a> {
    pub me: &'a Endpoint,
    pub plan: Plan,
    pub options: &'a Options,
    pub folder: Folder,
    /// Those that take part.
    pub ranks: BTreeSet<u32>,
    /// The coordinator.
    pub leader: u32,
}

impl<'a> Run<'a> {
    pub fn new(me: &'a Endpoint, plan: Plan, options: &'a Options) -> Result<Self, RunError> {
        let ranks = plan.ranks();
        let Some(leader) = ranks.first().copied().filter(|_| ranks.contains(&me.rank())) else {
            return Err(RunError::NoPart { rank: me.rank() });
        };
        let print = format!("{} {:?} {}", plan.fingerprint, options.every, options.channel);
        let folder = Folder::open(&options.folder, hash(print.as_bytes()), options.durability)?;
        Ok(Self { me, plan, options, folder, ranks, leader })
    }

    pub fn run(&self) -> Result<Report, RunError> {
        let mut member = Member::new(self);
        let outcome = member.run();
        member.say_farewell(outcome.as_ref().err().and_then(why));
        outcome
    }

    /// The error that the coordinator has told of.
    pub fn error(&self, why: Why) -> RunError {
        let coordinator = self.leader;
        match why {
            Why::Missing { rank } => RunError::Missing { rank },
            Why::Differs { rank } => RunError::Differs { rank, coordinator },
            Why::Operator { rank, operator, reason } => RunError::Operator { rank, operator, reason },
            Why::Checkpoint { reason } => RunError::Coordinator { rank: coordinator, reason },
        }
    }
}

/// What the others are told of an error.
fn why(error: &RunError) -> Option<Why> {
    Some(match error {
        RunError::Missing { rank } => Why::Missing { rank: *rank },
        RunError::Differs { rank, .. } => Why::Differs { rank: *rank },
        RunError::Operator { rank, operator, reason } => {
            Why::Operator { rank: *rank, operator: operator.clone(), reason: reason.clone() }
        }
        RunError::Checkpoint(error) => Why::Checkpoint { reason: error.to_string() },
        _ => return None,
    })
}
