//! The process that overwrites the lines, the cells and the payloads of the topics of the others.

use super::score::Score;
use crate::common::failure::Failure;
use crate::stress::journal::Journal;
use crate::stress::scrawl::Scrawl;
use clap::Args;
use mailbox::lab::abi::{CELL, Geometry, Padded, ReaderLine, STREAM_CELLS, TopicLines};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

#[derive(Args)]
pub struct Scribbler {
    #[command(flatten)]
    scrawl: Scrawl,
}

impl Scribbler {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.scrawl.journal)?;
        let score = Score::new(&journal, self.scrawl.ranks);
        self.scrawl.run(score.writes(), || score.calls(), choose)
    }
}

/// Lines of some topic. The last one is spared.
fn choose(geometry: &Geometry, random: &mut Xoshiro256PlusPlus) -> (u64, u64) {
    let topic = random.random_range(0..geometry.topics - 1);
    let cells = STREAM_CELLS * CELL as u64;
    match random.random_range(0..6) {
        0 | 1 => (geometry.topic(topic), size_of::<TopicLines>() as u64),
        2 | 3 => {
            let line = size_of::<Padded<ReaderLine>>() as u64;
            let rank = random.random_range(0..geometry.ranks);
            // Nothing behind these words is used.
            (geometry.readers(topic) + u64::from(rank) * line, size_of::<ReaderLine>() as u64)
        }
        4 => (geometry.stream_cells(topic), cells),
        _ => (geometry.buffers(topic), geometry.value),
    }
}
