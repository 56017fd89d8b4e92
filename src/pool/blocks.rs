//! A rank's area for loans: where its owner writes what any number of lanes refer to, and when it may write there again.
//!
//! A *block* is a run of chunks that one loan takes. Its owner has it from [`Blocks::take`] to [`Blocks::release`]; each lane
//! with a cell that refers to it needs it until the head of that lane has gone by the last such cell. Nothing else needs it: it
//! is free when its owner and all these lanes are done with it, in whatever order. All of this is private to the
//! owner, which alone writes in its area.
//!
//! So a receiver that is dead, that stopped, or that never came keeps the blocks that it was sent, and no others. Runs
//! are of any length, so the chunks that are free may lie too far apart for a long one.
//!
//! # Where
//!
//! Memory is taken for what was in use at once, not for the whole area: a block goes where chunks have memory, as long as a
//! run of these is free, from the end of the last one taken on and then from the beginning. Only the first
//! [`YOUNG`] chunks are used one after the other in any case: a store to what a reader has just read waits for its cache.
//!
//! # Reuse
//!
//! An owner never hands out bytes that a live reference names. Who found a block free has read, with Acquire, the head of
//! every lane that referred to it. So all readers' loads come before the stores of what is written there next. A successor
//! asks all lanes before it takes anything: [`Blocks::adopt`].

use crate::abi::is_below;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Chunks that are used by and by, however few are needed at once: 2 MiB.
const YOUNG: u32 = 8;

/// The owner's allocator of its area for loans.
pub struct Blocks {
    chunks: Box<[Chunk]>,
    /// The blocks that somebody needs, by their first chunks.
    live: BTreeMap<u32, Live>,
    /// The chunk behind the last block that was taken.
    rover: u32,
    /// How many chunks have memory.
    warm: u32,
}

#[derive(Clone, Copy, Default)]
struct Chunk {
    is_used: bool,
    /// Whether it has memory, as this owner has seen to.
    is_warm: bool,
}

/// A block that somebody needs.
struct Live {
    /// The chunk behind its last one.
    end: u32,
    /// Whether its owner does.
    is_owned: bool,
    /// The lanes that refer to it, with the number of the last message of each that does.
    readers: Vec<(u32, u64)>,
}

/// Which chunks a block is to be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that have memory.
    Warm,
    /// Those that were never seen to have memory.
    Cold,
    /// Any.
    Any,
}

impl Blocks {
    /// The allocator of an area of so many chunks that nobody refers to.
    pub fn new(chunks: u32) -> Self {
        let chunks = vec![Chunk::default(); chunks as usize].into();
        Self { chunks, live: BTreeMap::new(), rover: 0, warm: 0 }
    }

    /// Whether a block had better be made of cold chunks.
    pub fn is_young(&self) -> bool {
        self.warm < YOUNG
    }

    /// The first of `count` free chunks in a row, at least one; `None`: there are none of this kind. Cost: a look at each
    /// chunk at most twice.
    pub fn find(&self, count: u32, which: Which) -> Option<u32> {
        let first = if which == Which::Warm { self.rover } else { 0 };
        let end = self.chunks.len() as u32;
        self.search(first..end, count, which).or_else(|| self.search(0..end, count, which))
    }

    fn search(&self, range: Range<u32>, count: u32, which: Which) -> Option<u32> {
        let mut found = 0;
        for at in range {
            let chunk = self.chunks[at as usize];
            let fits = match which {
                Which::Warm => chunk.is_warm,
                Which::Cold => !chunk.is_warm,
                Which::Any => true,
            };
            found = if fits && !chunk.is_used { found + 1 } else { 0 };
            if found == count {
                return Some(at + 1 - count);
            }
        }
        None
    }

    /// Makes a block of the `count` chunks from `first` on, which are free and have memory, for its owner.
    pub fn take(&mut self, first: u32, count: u32) {
        let end = first + count;
        for chunk in &mut self.chunks[first as usize..end as usize] {
            self.warm += u32::from(!chunk.is_warm);
            *chunk = Chunk { is_used: true, is_warm: true };
        }
        self.rover = end;
        self.live.insert(first, Live { end, is_owned: true, readers: Vec::new() });
    }

    /// Gives back what the block that begins at `first` has behind its first `count` chunks, at least one. No lane refers to it.
    pub fn shorten(&mut self, first: u32, count: u32) {
        if let Some(block) = self.live.get_mut(&first) {
            let rest = first + count..block.end;
            block.end = rest.start;
            free(&mut self.chunks, rest);
        }
    }

    /// Message `seq` of this lane, its newest, refers to the block that begins at `first`, which its owner has.
    pub fn refer(&mut self, first: u32, lane: u32, seq: u64) {
        if let Some(block) = self.live.get_mut(&first) {
            block.refer(lane, seq);
        }
    }

    /// The owner of the block that begins at `first` is done with it.
    pub fn release(&mut self, first: u32) {
        if let Some(block) = self.live.get_mut(&first) {
            block.is_owned = false;
            self.sweep();
        }
    }

    /// The lanes that refer to something.
    pub fn readers(&self) -> BTreeSet<u32> {
        self.live.values().flat_map(|block| block.readers.iter().map(|(lane, _)| *lane)).collect()
    }

    /// The cells of this lane below `head` are done with.
    pub fn free_below(&mut self, lane: u32, head: u64) {
        for block in self.live.values_mut() {
            block.readers.retain(|(reader, last)| *reader != lane || !is_below(*last, head));
        }
        self.sweep();
    }

    /// A message of a former life, which is not acknowledged, refers to these chunks, at least one. To which others refer is
    /// one block with those: an honest owner refers to blocks as it made them, and garbage keeps what it names.
    pub fn adopt(&mut self, lane: u32, seq: u64, range: Range<u32>) {
        let Range { start: mut first, mut end } = range;
        let mut readers = vec![(lane, seq)];
        while let Some((&other, block)) = self.live.range(..end).next_back()
            && block.end > first
        {
            (first, end) = (first.min(other), end.max(block.end));
            readers.extend(self.live.remove(&other).into_iter().flat_map(|block| block.readers));
        }
        self.chunks[first as usize..end as usize].iter_mut().for_each(|chunk| chunk.is_used = true);
        let mut block = Live { end, is_owned: false, readers: Vec::new() };
        readers.into_iter().for_each(|(lane, seq)| block.refer(lane, seq));
        self.live.insert(first, block);
    }

    /// Frees what nobody needs any more.
    fn sweep(&mut self) {
        let Self { chunks, live, .. } = self;
        live.retain(|first, block| {
            let is_needed = block.is_owned || !block.readers.is_empty();
            if !is_needed {
                free(chunks, *first..block.end);
            }
            is_needed
        });
    }
}

impl Live {
    fn refer(&mut self, lane: u32, seq: u64) {
        match self.readers.iter_mut().find(|(reader, _)| *reader == lane) {
            Some((_, last)) if is_below(*last, seq) => *last = seq,
            Some(_) => {}
            None => self.readers.push((lane, seq)),
        }
    }
}

fn free(chunks: &mut [Chunk], range: Range<u32>) {
    chunks[range.start as usize..range.end as usize].iter_mut().for_each(|chunk| chunk.is_used = false);
}
