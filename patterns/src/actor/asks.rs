//! Questions that are not answered yet.

use super::address::ActorId;
use super::wire::NotSpawned;
use super::{AskError, System};
use core::any::Any;
use core::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// How many are open at most. A number has so many bits for the place.
pub const MOST: usize = 1 << BITS;
const BITS: u32 = 16;

/// What came of a question.
pub enum Outcome<'a> {
    /// The answer of an actor of this system: an `Option` of its type, to be taken.
    Here(&'a mut dyn Any),
    /// The answer of another rank.
    Bytes(&'a [u8]),
    Spawned(ActorId),
    NotSpawned(NotSpawned),
    Failed(AskError),
}

/// What to do with it.
pub type Then = Box<dyn FnOnce(&mut System, Outcome<'_>)>;

struct Ask {
    sequence: u64,
    of: ActorId,
    is_spawn: bool,
    then: Then,
}

/// All that are open. The number of one is its place, and how many there were before: no number comes twice.
#[derive(Default)]
pub struct Asks {
    open: Vec<Option<Ask>>,
    free: Vec<u32>,
    sequence: u64,
    /// When to give up which, with some that are over.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl Asks {
    /// The number of a new one; `then` comes back if too many are open.
    pub fn open(&mut self, of: ActorId, is_spawn: bool, due: Instant, then: Then) -> Result<u64, Then> {
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.open.len() == MOST => return Err(then),
            None => {
                self.open.push(None);
                self.open.len() as u32 - 1
            }
        };
        self.sequence += 1;
        self.open[at as usize] = Some(Ask { sequence: self.sequence, of, is_spawn, then });
        let number = self.sequence << BITS | u64::from(at);
        self.due.push(Reverse((due, number)));
        if self.due.len() > 2 * (self.open.len() - self.free.len()) + 64 {
            let mut due = core::mem::take(&mut self.due);
            due.retain(|Reverse((_, number))| self.find(*number).is_some());
            self.due = due;
        }
        Ok(number)
    }

    fn find(&self, number: u64) -> Option<&Ask> {
        let ask = self.open.get(number as usize & (MOST - 1))?.as_ref()?;
        (ask.sequence == number >> BITS).then_some(ask)
    }

    /// Whether it is open, and the request of a spawn.
    pub fn is_spawn(&self, number: u64) -> bool {
        self.find(number).is_some_and(|ask| ask.is_spawn)
    }

    /// Which actor was asked.
    pub fn asked(&self, number: u64) -> Option<ActorId> {
        self.find(number).map(|ask| ask.of)
    }

    /// It is over. `None` if it was before.
    pub fn close(&mut self, number: u64) -> Option<Then> {
        self.find(number)?;
        let at = number as usize & (MOST - 1);
        self.free.push(at as u32);
        self.open.get_mut(at)?.take().map(|ask| ask.then)
    }

    /// One whose time has come.
    pub fn next_due(&mut self, now: Instant) -> Option<u64> {
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if self.find(number).is_some() {
                if due > now {
                    return None;
                }
                self.due.pop();
                return Some(number);
            }
            self.due.pop();
        }
        None
    }

    /// When the next time may come.
    pub fn first_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Those that were asked of this rank, up to this life.
    pub fn of_rank(&self, rank: u32, life: u32) -> Vec<u64> {
        let open = self.open.iter().enumerate().filter_map(|(at, ask)| Some((at, ask.as_ref()?)));
        let open = open.filter(|(_, ask)| ask.of.rank == rank && ask.of.life <= life);
        open.map(|(at, ask)| ask.sequence << BITS | at as u64).collect()
    }

    /// One of them, which is over.
    pub fn take(&mut self) -> Option<Then> {
        core::iter::from_fn(|| self.open.pop()).flatten().next().map(|ask| ask.then)
    }
}
