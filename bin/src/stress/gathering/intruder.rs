//! The process of a gathering that overwrites the slots of the others.

use super::register::{Count, Register};
use crate::common::failure::Failure;
use crate::stress::journal::Journal;
use crate::stress::scrawl::Scrawl;
use clap::Args;
use mailbox::lab::abi::{DEPTH, Decision, Geometry, RoundLine, SlotLines, SlotState, WINDOW};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::mem::offset_of;

#[derive(Args)]
pub struct Intruder {
    #[command(flatten)]
    scrawl: Scrawl,
}

impl Intruder {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.scrawl.journal)?;
        let register = Register::new(&journal, self.scrawl.ranks);
        let returned = || register.total(Count::Tasks) + register.total(Count::GivenUp);
        self.scrawl.run(register.writes(), returned, choose)
    }
}

/// Lines of some slot, or its window.
fn choose(geometry: &Geometry, random: &mut Xoshiro256PlusPlus) -> (u64, u64) {
    let (group, rank) = (random.random_range(0..geometry.groups), random.random_range(0..geometry.ranks));
    let slot = geometry.slot(group, rank);
    let line =
        offset_of!(SlotLines, lines) as u64 + random.random_range(0..DEPTH) * size_of::<RoundLine>() as u64;
    let (first, bytes) = match random.random_range(0..6) {
        0 => (slot, size_of::<SlotState>()),
        1 => (slot + offset_of!(SlotLines, decision) as u64, size_of::<Decision>()),
        2 => (slot + line, 8),
        3 => (slot + line, size_of::<RoundLine>()),
        4 => (slot, size_of::<SlotLines>()),
        _ => (geometry.window(group, rank), WINDOW as usize),
    };
    (first, bytes as u64)
}
