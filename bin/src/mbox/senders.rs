//! Whom a receiver hears from.

use crate::common::failure::Failure;
use std::collections::BTreeSet;

/// Those that are heard from.
#[derive(Default)]
pub struct Senders {
    open: BTreeSet<u32>,
    dead: BTreeSet<u32>,
    /// Those of which a message was broken off.
    cut: BTreeSet<u32>,
    any_ended: bool,
}

impl Senders {
    /// A mail of one came.
    pub fn spoke(&mut self, rank: u32) {
        self.open.insert(rank);
    }

    /// Whether mail of one came.
    pub fn has_spoken(&self, rank: u32) -> bool {
        self.open.contains(&rank)
    }

    /// A message of one was broken off.
    pub fn cut(&mut self, rank: u32) {
        self.cut.insert(rank);
    }

    /// One has left.
    pub fn left(&mut self, rank: u32) {
        self.open.remove(&rank);
        self.any_ended = true;
    }

    /// One died.
    pub fn died(&mut self, rank: u32) {
        self.left(rank);
        self.dead.insert(rank);
    }

    /// Whether all have ended, and there was one.
    pub fn have_ended(&self) -> bool {
        self.any_ended && self.open.is_empty()
    }

    /// Whether all that was written is whole, and all there was; a line for each kind of what is not.
    pub fn verdict(&self, name: &str) -> Result<(), Failure> {
        let failure = |ranks: &BTreeSet<u32>, what: &str, hint: &str| {
            let names: Vec<String> = ranks.iter().map(|rank| format!("rank {rank}")).collect();
            let what = format!("{} {what}", names.join(" and "));
            (!ranks.is_empty()).then(|| Failure::of_region(name, what).hint(hint))
        };
        let cut = "ended in the middle of a message";
        let dead = "died before the end of its input";
        // A sender that died in the middle of a message is told of once.
        let others = self.dead.difference(&self.cut).copied().collect();
        Failure::all(
            [
                failure(&self.cut, cut, "the written part is incomplete; send it again"),
                failure(&others, dead, "what it had sent is written; send it again"),
            ]
            .into_iter()
            .flatten(),
        )
    }
}
