//! A rank's area for loans: where its owner writes payloads that any number of lanes refer to, and when it may reuse
//! the place.
//!
//! A *block* is the run of chunks that one loan takes. Its owner has it from [`Blocks::take`] to [`Blocks::release`].
//! Each lane with a cell that refers to it needs it until the head of that lane has passed the last such cell. The
//! block is free when its owner and all these lanes are done with it, in any order. All of this is private to the
//! owner; only the owner writes in its area.
//!
//! So a receiver that is dead, stopped, or never came keeps the blocks that were sent to it, and no others. Runs have
//! any length, so the free chunks may lie too far apart for a long one.
//!
//! # Where
//!
//! Memory is taken for what is in use at once, not for the whole area. A block goes where chunks already have memory,
//! as long as there is a free run of them: first from the end of the last block on, then from the beginning. Only the
//! first [`YOUNG`] chunks are always used one after the other, because a store to bytes that a reader has just read
//! waits for the reader's cache.
//!
//! # Reuse
//!
//! An owner never hands out bytes that a live reference names (I9). An owner that finds a block free has read, with
//! Acquire, the head of every lane that referred to it. So all loads of the readers come before the stores of what is
//! written there next. A successor asks all lanes before it takes anything: [`Blocks::adopt`].

use crate::abi::is_below;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Chunks that are all used in time, even if fewer are needed at once: 2 MiB.
const YOUNG: u32 = 8;

/// The owner's allocator of its area for loans.
pub struct Blocks {
    chunks: Box<[Chunk]>,
    /// The blocks in use, by their first chunks.
    live: BTreeMap<u32, Live>,
    /// The chunk after the last block that was taken.
    rover: u32,
    /// How many chunks have memory.
    warm: u32,
}

#[derive(Clone, Copy, Default)]
struct Chunk {
    is_used: bool,
    /// Whether this owner has made sure that it has memory.
    is_warm: bool,
}

/// A block in use.
struct Live {
    /// The chunk after its last one.
    end: u32,
    /// Whether its owner still has it.
    is_owned: bool,
    /// The lanes that refer to it, each with the number of its last message that does.
    readers: Vec<(u32, u64)>,
}

/// Which chunks to look for.
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
    /// The allocator of an area of `chunks` chunks that nothing refers to.
    pub fn new(chunks: u32) -> Self {
        let chunks = vec![Chunk::default(); chunks as usize].into();
        Self { chunks, live: BTreeMap::new(), rover: 0, warm: 0 }
    }

    /// Whether a block should better be made of cold chunks.
    pub fn is_young(&self) -> bool {
        self.warm < YOUNG
    }

    /// The first of `count` (at least one) consecutive free chunks; `None` if there are none of this kind. Cost:
    /// looks at each chunk at most twice.
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

    /// Makes a block of the `count` chunks from `first` on, for its owner. They are free and have memory.
    pub fn take(&mut self, first: u32, count: u32) {
        let end = first + count;
        for chunk in &mut self.chunks[first as usize..end as usize] {
            self.warm += u32::from(!chunk.is_warm);
            *chunk = Chunk { is_used: true, is_warm: true };
        }
        self.rover = end;
        self.live.insert(first, Live { end, is_owned: true, readers: Vec::new() });
    }

    /// Shortens the block that begins at `first` to `count` chunks, at least one. No lane refers to it yet.
    pub fn shorten(&mut self, first: u32, count: u32) {
        if let Some(block) = self.live.get_mut(&first) {
            let rest = first + count..block.end;
            block.end = rest.start;
            free(&mut self.chunks, rest);
        }
    }

    /// Message `seq` of this lane, its newest, refers to the block that begins at `first`. The owner still has the
    /// block.
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

    /// Whether there would be `count` consecutive free chunks if all lanes acknowledged everything, except for those that keep
    /// it, and the owner gave back what it has, unless it keeps that.
    pub fn would_fit(&self, count: u32, owner_keeps: bool, keeps: impl Fn(u32) -> bool) -> bool {
        let is_read = |block: &Live| block.readers.iter().any(|(lane, _)| keeps(*lane));
        let is_kept = |block: &Live| owner_keeps && block.is_owned || is_read(block);
        let mut begin = 0;
        for (first, block) in self.live.iter().filter(|(_, block)| is_kept(block)) {
            if first - begin >= count {
                return true;
            }
            begin = block.end;
        }
        self.chunks.len() as u32 - begin >= count
    }

    /// This lane is done with its cells below `head`.
    pub fn free_below(&mut self, lane: u32, head: u64) {
        for block in self.live.values_mut() {
            block.readers.retain(|(reader, last)| *reader != lane || !is_below(*last, head));
        }
        self.sweep();
    }

    /// A message of a former life, which is not acknowledged, refers to these chunks, at least one. If other
    /// references overlap them, all become one block: an honest owner refers to blocks as it made them, and garbage
    /// keeps what it names.
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

    /// Frees the blocks that are no longer needed.
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
