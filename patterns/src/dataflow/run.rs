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
        if let Some(rank) = ranks.last().copied().filter(|rank| *rank >= me.region().ranks()) {
            return Err(RunError::Outside { rank, ranks: me.region().ranks() });
        }
        let print = format!("{} {:?} {}", plan.fingerprint, options.every, options.channel);
        let folder = Folder::open(&options.folder, hash(print.as_bytes()), options.durability)?;
        Ok(Self { me, plan, options, folder, ranks, leader })
    }

    pub fn run(&self) -> Result<Report, RunError> {
        let mut member = Member::new(self);
        let outcome = member.run();
        member.say_farewell(outcome.as_ref().err().map(|error| Why::of(error, self.me.rank())));
        outcome
    }
}
