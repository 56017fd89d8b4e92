//! How actors end, and who is told: monitors and links.

use super::address::{ActorId, Place};
use super::panics::{contain, drop_quietly};
use super::slots::Watcher;
use super::wire::Packet;
use super::{Down, Reason, System};
use std::collections::{BTreeMap, VecDeque};

use super::context::Monitor;

/// What to do with an end.
pub type Then = Box<dyn FnOnce(&mut System, Down)>;

/// A monitor of an actor of this system.
struct Watch {
    by: ActorId,
    target: ActorId,
    then: Then,
}

/// All monitors of actors of this system, and the ends that are to be told.
#[derive(Default)]
pub struct Watches {
    all: BTreeMap<u64, Watch>,
    last: u64,
    /// Actors that are to end. One ends others, and so on, without a call within a call.
    ending: VecDeque<(ActorId, Reason)>,
    is_ending: bool,
}

impl Watches {
    /// One of them, which is over.
    pub fn take(&mut self) -> Option<Then> {
        self.all.pop_first().map(|(_, watch)| watch.then)
    }
}

impl System {
    /// Ends an actor of this rank, and tells that.
    pub(super) fn end(&mut self, actor: ActorId, reason: Reason) {
        self.watches.ending.push_back((actor, reason));
        if self.watches.is_ending {
            return;
        }
        self.watches.is_ending = true;
        while let Some((actor, reason)) = self.watches.ending.pop_front() {
            self.end_one(actor, reason);
        }
        self.watches.is_ending = false;
    }

    fn end_one(&mut self, actor: ActorId, reason: Reason) {
        let Some(mut entry) = self.slots.remove(actor.place) else { return };
        let askers = entry.mailbox.take_askers();
        entry.names.iter().for_each(|name| _ = self.names.own.remove(name));
        entry.watches.iter().for_each(|number| self.unwatch(*number));
        for Watcher { rank, life, number } in entry.watchers {
            if rank == self.rank() {
                self.take_down(actor, number, reason.clone());
            } else {
                self.peers.remove_watcher(rank);
                self.peers.say(&self.me, rank, life, &Packet::Down { number, reason: reason.clone() });
            }
        }
        for other in entry.links {
            if self.is_here(other) {
                self.take_exit(other.place, actor, reason.clone());
            } else {
                self.peers.remove_watcher(other.rank);
                let exit = Packet::Exit { to: other.place, from: actor.place, reason: reason.clone() };
                self.peers.say(&self.me, other.rank, other.life, &exit);
            }
        }
        askers.into_iter().for_each(|asker| self.refuse(asker, actor));
        drop_quietly(entry.mailbox);
        drop_quietly(entry.runner);
    }

    /// Ends an actor, before it handles what waits in its mailbox: [`Reason::Killed`]. To an actor of another rank it is a message; the
    /// actor, or its rank, may have ended before.
    pub fn stop(&mut self, actor: ActorId) {
        if self.is_here(actor) {
            self.end(actor, Reason::Killed);
        } else if self.is_there(actor.rank, actor.life) {
            self.peers.say(&self.me, actor.rank, actor.life, &Packet::Stop { target: actor.place });
        }
    }

    pub(super) fn watch(&mut self, by: ActorId, target: ActorId, then: Then) -> Monitor {
        self.watches.last += 1;
        let number = self.watches.last;
        let Some(entry) = self.slots.get(by.place) else { return Monitor(number) };
        entry.watches.insert(number);
        self.watches.all.insert(number, Watch { by, target, then });
        if self.is_here(target) {
            let (rank, life) = (self.rank(), self.life);
            match self.slots.get(target.place) {
                Some(entry) => _ = entry.watchers.insert(Watcher { rank, life, number }),
                None => self.take_down(target, number, Reason::NotThere),
            }
        } else if self.is_there(target.rank, target.life) {
            let watch = Packet::Watch { target: target.place, number };
            if !self.peers.request(&self.me, target.rank, target.life, &watch) {
                self.take_down(target, number, Reason::NotWatched);
            }
        } else {
            self.take_down(target, number, Reason::RankGone);
        }
        Monitor(number)
    }

    pub(super) fn unwatch(&mut self, number: u64) {
        let Some(Watch { by, target, then }) = self.watches.all.remove(&number) else { return };
        drop_quietly(then);
        if let Some(entry) = self.slots.get(by.place) {
            entry.watches.remove(&number);
        }
        if self.is_here(target) {
            let (rank, life) = (self.rank(), self.life);
            if let Some(entry) = self.slots.get(target.place) {
                entry.watchers.remove(&Watcher { rank, life, number });
            }
        } else if self.is_there(target.rank, target.life) {
            let unwatch = Packet::Unwatch { target: target.place, number };
            self.peers.say(&self.me, target.rank, target.life, &unwatch);
        }
    }

    /// The actor that is watched under this number has ended. `from` must be it, or its rank.
    pub(super) fn take_down(&mut self, from: ActorId, number: u64, reason: Reason) {
        let Some(watch) = self.watches.all.get(&number) else { return };
        if (watch.target.rank, watch.target.life) != (from.rank, from.life) {
            return;
        }
        let Some(Watch { by, target, then }) = self.watches.all.remove(&number) else { return };
        if let Some(entry) = self.slots.get(by.place) {
            entry.watches.remove(&number);
        }
        then(self, Down { actor: target, reason });
    }

    pub(super) fn link(&mut self, one: ActorId, other: ActorId) {
        if one == other {
            return;
        }
        let Some(entry) = self.slots.get(one.place) else { return };
        if !entry.links.insert(other) {
            return;
        }
        if self.is_here(other) {
            match self.slots.get(other.place) {
                Some(entry) => _ = entry.links.insert(one),
                None => self.take_exit(one.place, other, Reason::NotThere),
            }
            return;
        }
        // The own side of a link counts as that of the other one does.
        self.peers.add_watcher(other.rank, usize::MAX);
        if self.is_there(other.rank, other.life) {
            let link = Packet::Link { to: other.place, from: one.place };
            if !self.peers.request(&self.me, other.rank, other.life, &link) {
                self.take_exit(one.place, other, Reason::NotWatched);
            }
        } else {
            self.take_exit(one.place, other, Reason::RankGone);
        }
    }

    /// Links an actor to the one that has spawned it here. If that has ended meanwhile, this one ends, too.
    pub(super) fn link_child(&mut self, parent: ActorId, child: ActorId) {
        if self.slots.is_live(parent.place) {
            self.link(parent, child);
        } else {
            self.end(child, Reason::Linked(parent));
        }
    }

    pub(super) fn unlink(&mut self, one: ActorId, other: ActorId) {
        if !self.slots.get(one.place).is_some_and(|entry| entry.links.remove(&other)) {
            return;
        }
        if self.is_here(other) {
            if let Some(entry) = self.slots.get(other.place) {
                entry.links.remove(&one);
            }
            return;
        }
        self.peers.remove_watcher(other.rank);
        if self.is_there(other.rank, other.life) {
            let unlink = Packet::Unlink { to: other.place, from: one.place };
            self.peers.say(&self.me, other.rank, other.life, &unlink);
        }
    }

    /// `from` has ended. What becomes of `to`, if they were linked.
    pub(super) fn take_exit(&mut self, to: Place, from: ActorId, reason: Reason) {
        let me = ActorId { rank: self.rank(), life: self.life, place: to };
        let Some(entry) = self.slots.get(to) else { return };
        if !entry.links.remove(&from) {
            return;
        }
        if from.rank != me.rank {
            self.peers.remove_watcher(from.rank);
        }
        let Some(entry) = self.slots.get(to) else { return };
        let is_failure = reason.is_failure();
        let down = Down { actor: from, reason };
        match contain(|| entry.mailbox.push_exit(down)) {
            Ok(true) => self.slots.wake(to),
            Ok(false) if is_failure => self.end(me, Reason::Linked(from)),
            Ok(false) => {}
            Err(words) => self.end(me, Reason::Panicked(words)),
        }
    }

    /// Another rank watches an actor of this one.
    pub(super) fn take_watch(&mut self, (rank, life): (u32, u32), target: Place, number: u64) {
        let reason = match self.slots.get(target) {
            None => Reason::NotThere,
            Some(entry) if entry.watchers.contains(&Watcher { rank, life, number }) => return,
            Some(entry) if self.peers.add_watcher(rank, self.limits.watchers) => {
                entry.watchers.insert(Watcher { rank, life, number });
                return;
            }
            Some(_) => Reason::NotWatched,
        };
        self.peers.say(&self.me, rank, life, &Packet::Down { number, reason });
    }

    pub(super) fn take_unwatch(&mut self, (rank, life): (u32, u32), target: Place, number: u64) {
        let entry = self.slots.get(target);
        if entry.is_some_and(|entry| entry.watchers.remove(&Watcher { rank, life, number })) {
            self.peers.remove_watcher(rank);
        }
    }

    /// An actor of another rank is linked to one of this rank. Whether it is.
    pub(super) fn take_link(&mut self, from: ActorId, to: Place) -> bool {
        let reason = match self.slots.get(to) {
            None => Reason::NotThere,
            Some(entry) if entry.links.contains(&from) => return true,
            Some(entry) if self.peers.add_watcher(from.rank, self.limits.watchers) => {
                entry.links.insert(from);
                return true;
            }
            Some(_) => Reason::NotWatched,
        };
        let exit = Packet::Exit { to: from.place, from: to, reason };
        self.peers.say(&self.me, from.rank, from.life, &exit);
        false
    }

    pub(super) fn take_unlink(&mut self, from: ActorId, to: Place) {
        if self.slots.get(to).is_some_and(|entry| entry.links.remove(&from)) {
            self.peers.remove_watcher(from.rank);
        }
    }

    /// All actors of this rank, up to this life, have ended with it.
    pub(super) fn end_watches(&mut self, rank: u32, life: u32) {
        let is_gone = |actor: &ActorId| actor.rank == rank && actor.life <= life;
        let watched = self.watches.all.iter().filter(|(_, watch)| is_gone(&watch.target));
        let watched: Vec<_> = watched.map(|(number, watch)| (*number, watch.target)).collect();
        for (number, target) in watched {
            self.take_down(target, number, Reason::RankGone);
        }
        let places: Vec<_> = self.slots.places().collect();
        for place in places {
            let Some(entry) = self.slots.get(place) else { continue };
            let before = entry.watchers.len();
            entry.watchers.retain(|watcher| watcher.rank != rank || watcher.life > life);
            let gone = before - entry.watchers.len();
            let linked: Vec<_> = entry.links.iter().filter(|other| is_gone(other)).copied().collect();
            (0..gone).for_each(|_| self.peers.remove_watcher(rank));
            for other in linked {
                self.take_exit(place, other, Reason::RankGone);
            }
        }
    }
}
