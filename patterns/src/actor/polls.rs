//! How names are given and found.

use super::address::{ActorId, Place};
use super::delivery::due;
use super::names::{LEN, MOST, Poll, Then};
use super::wire::Packet;
use super::{NameError, System};
use std::collections::BTreeMap;
use std::time::Duration;

impl System {
    /// Asks all ranks that are there about a name, and does `then` with the result.
    pub(super) fn begin_poll(
        &mut self,
        name: &str,
        claimant: Option<ActorId>,
        timeout: Duration,
        then: Then,
    ) {
        if let Some(known) = self.judge_name(name, claimant) {
            return then(self, known);
        }
        // Not those that events have told of: one that has just joined may want the same name.
        let (me, region) = (self.rank(), self.me.region());
        let others = (0..region.ranks()).filter(|rank| *rank != me);
        let asked: BTreeMap<_, _> =
            others.filter_map(|rank| Some((rank, self.peers.life_now(&self.me, rank)?))).collect();
        let (name, ranks) = (name.to_owned(), asked.clone());
        let poll = Poll { name: name.clone(), claimant, asked, timeout, due: due(timeout), then };
        let number = self.names.begin(poll);
        for (rank, life) in &ranks {
            let packet = match claimant {
                Some(_) => Packet::Claim { number, name: &name },
                None => Packet::Find { number, name: &name },
            };
            // If there is no room, there is no answer in time.
            self.peers.request(&self.me, *rank, *life, &packet);
        }
        if ranks.is_empty() {
            self.decide(number);
        }
    }

    /// The result, if no other rank need be asked.
    fn judge_name(&mut self, name: &str, claimant: Option<ActorId>) -> Option<Result<ActorId, NameError>> {
        if name.is_empty() || name.len() > LEN {
            return Some(Err(NameError::Length { len: name.len(), most: LEN }));
        }
        let own = self.names.own.get(name).copied();
        match (claimant, own) {
            (None, Some(actor)) => return Some(Ok(actor)),
            (Some(claimant), _) if !self.has(claimant) => return Some(Err(NameError::NotHere(claimant))),
            (Some(claimant), Some(actor)) if claimant == actor => return Some(Ok(actor)),
            (Some(_), Some(_)) => return Some(Err(NameError::Taken { name: name.into() })),
            (Some(_), None) if self.names.claims.contains_key(name) => {
                return Some(Err(NameError::Taken { name: name.into() }));
            }
            _ => {}
        }
        (self.names.polls.len() >= MOST).then_some(Err(NameError::TooMany { most: MOST }))
    }

    /// All have answered, and nobody has refused, or has it.
    fn decide(&mut self, number: u64) {
        let Some(poll) = self.names.polls.get(&number) else { return };
        let (name, claimant) = (poll.name.clone(), poll.claimant);
        let result = match claimant {
            None => Err(NameError::NotFound { name }),
            Some(actor) => match self.slots.get(actor.place) {
                None => Err(NameError::NotHere(actor)),
                Some(entry) => {
                    entry.names.push(name.clone());
                    self.names.own.insert(name, actor);
                    Ok(actor)
                }
            },
        };
        self.end_poll(number, |_| result);
    }

    pub(super) fn end_poll(&mut self, number: u64, result: impl FnOnce(&Poll) -> Result<ActorId, NameError>) {
        let Some(poll) = self.names.end(number) else { return };
        let result = result(&poll);
        (poll.then)(self, result);
    }

    /// Another rank wants this name for one of its actors.
    pub(super) fn take_claim(&mut self, (rank, life): (u32, u32), number: u64, name: &str) {
        let has_it = self.names.own.contains_key(name);
        let claim = self.names.claims.get(name).copied();
        let yes = !has_it && (claim.is_none() || rank < self.rank());
        self.peers.say(&self.me, rank, life, &Packet::Vote { number, yes, actor: None });
        if let (true, Some(claim)) = (yes, claim) {
            // It was asked as well, or had not joined then. In both cases only one may get it.
            self.end_poll(claim, |poll| Err(NameError::Taken { name: poll.name.clone() }));
        }
    }

    /// Another rank looks for this name.
    pub(super) fn take_find(&mut self, (rank, life): (u32, u32), number: u64, name: &str) {
        let actor = self.names.own.get(name).map(|actor| actor.place);
        self.peers.say(&self.me, rank, life, &Packet::Vote { number, yes: actor.is_some(), actor });
    }

    /// A rank has answered.
    pub(super) fn take_vote(
        &mut self,
        (rank, life): (u32, u32),
        number: u64,
        yes: bool,
        actor: Option<Place>,
    ) {
        let Some(poll) = self.names.polls.get_mut(&number) else { return };
        if poll.asked.get(&rank) != Some(&life) {
            return;
        }
        poll.asked.remove(&rank);
        match (poll.claimant, actor) {
            (Some(_), _) if !yes => {
                self.end_poll(number, |poll| Err(NameError::Taken { name: poll.name.clone() }));
            }
            (None, Some(place)) => self.end_poll(number, |_| Ok(ActorId { rank, life, place })),
            _ if poll.asked.is_empty() => self.decide(number),
            _ => {}
        }
    }

    pub(super) fn end_votes(&mut self, rank: u32, life: u32) {
        for number in self.names.ended(rank, life) {
            self.decide(number);
        }
    }
}
