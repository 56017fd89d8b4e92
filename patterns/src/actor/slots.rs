//! All actors of a system.

use super::address::{ActorId, Place};
use super::queue::AnyMailbox;
use super::runner::Run;
use std::collections::{BTreeSet, VecDeque};

/// Who is told when an actor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watcher {
    /// The rank whose system watches, and its life.
    pub rank: u32,
    pub life: u32,
    /// Its number there.
    pub number: u64,
}

/// An actor.
pub struct Entry {
    pub mailbox: Box<dyn AnyMailbox>,
    /// `None` while it runs.
    pub runner: Option<Box<dyn Run>>,
    /// Whether it is among those that are to run.
    pub is_ready: bool,
    pub links: BTreeSet<ActorId>,
    pub watchers: BTreeSet<Watcher>,
    /// The numbers of its own monitors.
    pub watches: BTreeSet<u64>,
    pub names: Vec<String>,
}

impl Entry {
    pub fn new(mailbox: Box<dyn AnyMailbox>, runner: Box<dyn Run>) -> Self {
        Self {
            mailbox,
            runner: Some(runner),
            is_ready: false,
            links: BTreeSet::new(),
            watchers: BTreeSet::new(),
            watches: BTreeSet::new(),
            names: vec![],
        }
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

/// All actors, by slot. One that is given to another actor has another generation.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Those that have something to do, in turn.
    ready: VecDeque<Place>,
}

impl Slots {
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Where it is now.
    pub fn insert(&mut self, entry: Entry) -> Place {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let place = &mut self.slots[slot as usize];
        place.entry = Some(entry);
        Place { slot, generation: place.generation }
    }

    pub fn remove(&mut self, place: Place) -> Option<Entry> {
        let slot =
            self.slots.get_mut(place.slot as usize).filter(|slot| slot.generation == place.generation)?;
        let entry = slot.entry.take()?;
        // After the last generation the slot is not used again.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(place.slot);
        }
        Some(entry)
    }

    pub fn get(&mut self, place: Place) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(place.slot as usize)?;
        slot.entry.as_mut().filter(|_| slot.generation == place.generation)
    }

    pub fn is_live(&self, place: Place) -> bool {
        let slot = self.slots.get(place.slot as usize);
        slot.is_some_and(|slot| slot.generation == place.generation && slot.entry.is_some())
    }

    pub fn mailbox(&mut self, place: Place) -> Option<&mut dyn AnyMailbox> {
        self.get(place).map(|entry| &mut *entry.mailbox)
    }

    /// It has something to do.
    pub fn wake(&mut self, place: Place) {
        let Some(entry) = self.get(place) else { return };
        if !entry.is_ready {
            entry.is_ready = true;
            self.ready.push_back(place);
        }
    }

    /// How many have something to do.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whose turn it is.
    pub fn next_ready(&mut self) -> Option<Place> {
        self.ready.pop_front()
    }

    /// All of them.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.entry.is_some())
            .map(|(at, slot)| Place { slot: at as u32, generation: slot.generation })
    }
}
