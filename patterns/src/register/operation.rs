//! A read or write of a replicated register, without the sending and receiving: what is asked, and what follows from the answers.

use super::stamp::{Kept, Stamp};
use bytemuck::{Pod, bytes_of};

/// What an operation is for.
#[derive(Debug, Clone, Copy)]
pub enum Goal<T> {
    /// To learn the value, and to have a majority keep it.
    Read,
    /// To learn what a majority keeps.
    Regular,
    /// To have a majority keep this.
    Write(T),
}

/// What the replicas are asked.
#[derive(Debug, Clone, Copy)]
pub enum Ask<T> {
    /// What they keep.
    Query,
    /// To keep this, unless they have a later value.
    Update(Kept<T>),
}

/// What follows from an answer.
#[derive(Debug)]
pub enum Step<T> {
    /// More answers are needed.
    Wait,
    /// All replicas are to be asked the next thing.
    Next,
    /// This is the value.
    Done(Kept<T>),
}

/// What cannot be.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// This answer makes no sense.
    Garbled,
    /// Those of these members differ, and both say that they are of the same write, which is the latest.
    Conflict([usize; 2]),
    /// There is no number for another write.
    Exhausted,
}

/// What an operation has to know of the world.
pub trait World {
    /// Whether no later life has taken the place of this life of this member.
    fn lives(&self, member: usize, life: u64) -> bool;

    /// A stamp for a write: it is later than `seen`, and no other write has it.
    fn stamp_after(&self, seen: u64) -> Option<Stamp>;
}

struct Vote<T> {
    life: u64,
    stamp: Stamp,
    value: Option<T>,
}

/// A read or write, in one or two phases.
pub struct Operation<T> {
    goal: Goal<T>,
    ask: Ask<T>,
    /// The answers in this phase.
    votes: Vec<Option<Vote<T>>>,
    /// How many of them are a majority.
    pub needed: usize,
}

impl<T: Pod> Operation<T> {
    /// Begins with a query to so many members.
    pub fn new(goal: Goal<T>, members: usize) -> Self {
        let votes = (0..members).map(|_| None).collect();
        Self { goal, ask: Ask::Query, votes, needed: members / 2 + 1 }
    }

    /// What it is for.
    pub fn goal(&self) -> &Goal<T> {
        &self.goal
    }

    /// What all are to be asked now.
    pub fn ask(&self) -> &Ask<T> {
        &self.ask
    }

    /// Whether the answer of this member is not there.
    pub fn lacks(&self, member: usize) -> bool {
        self.votes[member].is_none()
    }

    /// A member has answered, in this life, what is asked now: it keeps this stamp, and, to a query, this value.
    pub fn take(
        &mut self,
        member: usize,
        life: u64,
        (stamp, value): (Stamp, Option<T>),
        world: &impl World,
    ) -> Result<Step<T>, Fault> {
        let is_possible = match &self.ask {
            Ask::Query => value.is_some(),
            Ask::Update(kept) => value.is_none() && stamp >= kept.stamp,
        };
        if !is_possible || !stamp.makes_sense() {
            return Err(Fault::Garbled);
        }
        self.votes[member] = Some(Vote { life, stamp, value });
        if self.count(|_| true) < self.needed {
            return Ok(Step::Wait);
        }
        match self.ask {
            Ask::Query => self.conclude_query(world),
            Ask::Update(kept) => {
                self.forget_ended(world);
                Ok(if self.count(|_| true) < self.needed { Step::Wait } else { Step::Done(kept) })
            }
        }
    }

    fn conclude_query(&mut self, world: &impl World) -> Result<Step<T>, Fault> {
        let answers = || {
            let votes = self.votes.iter().enumerate();
            votes.filter_map(|(member, vote)| {
                let Vote { stamp, value, .. } = vote.as_ref()?;
                Some((member, Kept { stamp: *stamp, value: (*value)? }))
            })
        };
        let Some((member, latest)) = answers().max_by_key(|(_, kept)| kept.stamp) else {
            return Ok(Step::Wait);
        };
        // What is older than the latest, or than what is to be written, is of no consequence.
        let differs =
            |kept: &Kept<T>| kept.stamp == latest.stamp && bytes_of(&kept.value) != bytes_of(&latest.value);
        let other = answers().find(|(_, kept)| differs(kept));
        if let Some((other, _)) = other.filter(|_| !matches!(self.goal, Goal::Write(_))) {
            return Err(Fault::Conflict([other, member]));
        }
        let kept = match self.goal {
            Goal::Regular => return Ok(Step::Done(latest)),
            Goal::Write(value) => {
                let stamp = world.stamp_after(latest.stamp.number).ok_or(Fault::Exhausted)?;
                Kept { stamp, value }
            }
            Goal::Read => {
                // Where a majority keeps it already, nothing is to be written back.
                let keeps = |(member, vote): (usize, &Vote<T>)| {
                    vote.stamp == latest.stamp && world.lives(member, vote.life)
                };
                let votes = self.votes.iter().enumerate();
                let keepers = votes.filter_map(|(member, vote)| vote.as_ref().map(|vote| (member, vote)));
                if keepers.filter(|voter| keeps(*voter)).count() >= self.needed {
                    return Ok(Step::Done(latest));
                }
                latest
            }
        };
        self.ask = Ask::Update(kept);
        self.votes.iter_mut().for_each(|vote| *vote = None);
        Ok(Step::Next)
    }

    /// An answer of a life that has ended says nothing of what its successor will know. It is taken back.
    fn forget_ended(&mut self, world: &impl World) {
        for (member, vote) in self.votes.iter_mut().enumerate() {
            if vote.as_ref().is_some_and(|vote| !world.lives(member, vote.life)) {
                *vote = None;
            }
        }
    }

    fn count(&self, is_counted: impl Fn(&Vote<T>) -> bool) -> usize {
        self.votes.iter().flatten().filter(|vote| is_counted(vote)).count()
    }
}
