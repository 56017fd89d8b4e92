//! The game loop with shared memory: the keys and the world lie in a slot each, and are handed over by events.

use super::event::{Bell, EventPlace};
use super::lock::{Lock, LockPlace};
use super::outcome::Outcome;
use super::rules::{Keys, World};
use bytemuck::Zeroable;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What the three processes share: a slot from input to physics, and one from physics to render.
#[derive(Zeroable)]
#[repr(C)]
pub struct Game {
    keys: Slot,
    world: Slot,
}

/// A value that one process writes and the next one reads. The mutex guards the words; the events say whose turn it is.
#[derive(Zeroable)]
#[repr(C)]
struct Slot {
    mutex: LockPlace,
    written: EventPlace,
    read: EventPlace,
    words: [AtomicU64; 5],
}

/// One process' way to a slot.
struct Hand<'a> {
    slot: &'a Slot,
    lock: Lock<'a>,
    written: Bell<'a>,
    read: Bell<'a>,
}

/// One process' way to the game.
pub struct Player<'a> {
    keys: Hand<'a>,
    world: Hand<'a>,
}

impl Game {
    /// Once, before anybody comes.
    pub fn furnish(&self) -> Outcome<()> {
        self.keys.furnish()?;
        self.world.furnish()
    }

    pub fn player(&self) -> Outcome<Player<'_>> {
        Ok(Player { keys: self.keys.hand()?, world: self.world.hand()? })
    }
}

impl Slot {
    fn furnish(&self) -> Outcome<()> {
        self.mutex.furnish()?;
        self.written.furnish(false)?;
        self.read.furnish(true)
    }

    fn hand(&self) -> Outcome<Hand<'_>> {
        let (written, read) = (self.written.bell()?, self.read.bell()?);
        Ok(Hand { slot: self, lock: self.mutex.lock()?, written, read })
    }
}

impl Hand<'_> {
    fn write(&self, value: &[u64]) -> Outcome<()> {
        self.read.wait()?;
        let words = &self.slot.words;
        self.lock.with(|| words.iter().zip(value).for_each(|(word, value)| word.store(*value, Relaxed)))?;
        self.written.ring()
    }

    fn read(&self, value: &mut [u64]) -> Outcome<()> {
        self.written.wait()?;
        let words = &self.slot.words;
        self.lock
            .with(|| value.iter_mut().zip(words).for_each(|(value, word)| *value = word.load(Relaxed)))?;
        self.read.ring()
    }
}

impl Player<'_> {
    pub fn tell_keys(&self, keys: &Keys) -> Outcome<()> {
        self.keys.write(bytemuck::cast_ref::<_, [u64; 3]>(keys))
    }

    pub fn hear_keys(&self) -> Outcome<Keys> {
        let mut words = [0; 3];
        self.keys.read(&mut words)?;
        Ok(bytemuck::cast(words))
    }

    pub fn tell_world(&self, world: &World) -> Outcome<()> {
        self.world.write(bytemuck::cast_ref::<_, [u64; 5]>(world))
    }

    pub fn hear_world(&self) -> Outcome<World> {
        let mut words = [0; 5];
        self.world.read(&mut words)?;
        Ok(bytemuck::cast(words))
    }
}
