//! The allocator of an area for loans against an oracle.
#![cfg(not(loom))]

use mailbox::lab::pool::{Blocks, Which};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::VecDeque;
use std::ops::Range;

const CHUNKS: u32 = 24;
const LANES: u32 = 4;

/// What the two ends of a lane know.
struct Ends {
    head: u64,
    /// From `head` on: the chunks that a message refers to; an empty range is another message.
    messages: VecDeque<Range<u32>>,
    /// How many of them are published, where a batch holds the others back.
    published: Option<usize>,
}

/// A block that its owner has.
#[derive(Debug, Clone)]
struct Owned(Range<u32>);

struct Run {
    blocks: Blocks,
    owned: Vec<Owned>,
    lanes: Vec<Ends>,
}

#[derive(Debug, Clone)]
enum Step {
    Take(u32, Which),
    /// The block keeps so many of its chunks. Not sent yet, or nothing is done.
    Shorten(Index, u32),
    Send(Index, u32),
    /// A message of this lane that is no loan.
    Other(u32),
    Release(Index),
    /// The receiver acknowledges its oldest messages; the owner does not look.
    Acknowledge(u32, Index),
    /// The owner looks at this lane's head.
    Hear(u32),
    /// A batch begins in this lane, or ends.
    Hold(u32),
    Reveal(u32),
    /// The receiver gives up all that was published, and the owner takes part.
    Reset(u32),
    /// The owner dies, and has a successor.
    Succeed,
}

fn step() -> impl Strategy<Value = Step> {
    let which = prop_oneof![Just(Which::Any), Just(Which::Warm), Just(Which::Cold)];
    let index = any::<Index>;
    prop_oneof![
        6 => (1..=5u32, which).prop_map(|(count, which)| Step::Take(count, which)),
        1 => (1..=CHUNKS, Just(Which::Any)).prop_map(|(count, which)| Step::Take(count, which)),
        1 => (index(), 1..4u32).prop_map(|(at, count)| Step::Shorten(at, count)),
        8 => (index(), 0..LANES).prop_map(|(at, lane)| Step::Send(at, lane)),
        1 => (0..LANES).prop_map(Step::Other),
        4 => index().prop_map(Step::Release),
        4 => (0..LANES, index()).prop_map(|(lane, at)| Step::Acknowledge(lane, at)),
        4 => (0..LANES).prop_map(Step::Hear),
        1 => (0..LANES).prop_map(Step::Hold),
        1 => (0..LANES).prop_map(Step::Reveal),
        1 => (0..LANES).prop_map(Step::Reset),
        1 => Just(Step::Succeed),
    ]
}

impl Run {
    fn new(start: u64) -> Self {
        let ends = |_| Ends { head: start, messages: VecDeque::new(), published: None };
        Self { blocks: Blocks::new(CHUNKS), owned: vec![], lanes: (0..LANES).map(ends).collect() }
    }

    /// Whether the chunk is somebody's.
    fn is_used(&self, chunk: u32) -> bool {
        let live = self.lanes.iter().flat_map(|lane| &lane.messages);
        self.owned.iter().map(|Owned(range)| range).chain(live).any(|range| range.contains(&chunk))
    }

    fn is_sent(&self, range: &Range<u32>) -> bool {
        self.lanes.iter().any(|lane| lane.messages.contains(range))
    }

    fn hear(&mut self, lane: u32) {
        self.blocks.free_below(lane, self.lanes[lane as usize].head);
    }

    /// What is found is free. What is free is found, once the owner has looked at all lanes.
    fn take(&mut self, count: u32, which: Which) {
        let mut found = self.blocks.find(count, which);
        if found.is_none() {
            self.blocks.readers().into_iter().for_each(|lane| self.hear(lane));
            found = self.blocks.find(count, which);
        }
        let Some(first) = found else {
            let mut runs = (0..=CHUNKS - count).map(|first| first..first + count);
            let is_free = |run: &Range<u32>| run.clone().all(|chunk| !self.is_used(chunk));
            assert!(which != Which::Any || !runs.any(|run| is_free(&run)), "{count} in a row are free");
            return;
        };
        let run = first..first + count;
        for chunk in run.clone() {
            assert!(chunk < CHUNKS && !self.is_used(chunk), "chunk {chunk} of {run:?} is somebody's");
        }
        self.blocks.take(first, count);
        self.owned.push(Owned(run));
    }

    /// A message of this lane, which refers to these chunks.
    fn send(&mut self, lane: u32, range: Range<u32>) {
        let ends = &mut self.lanes[lane as usize];
        let seq = ends.head.wrapping_add(ends.messages.len() as u64);
        if !range.is_empty() {
            self.blocks.refer(range.start, lane, seq);
        }
        ends.messages.push_back(range);
    }

    fn acknowledge(&mut self, lane: u32, count: usize) {
        let ends = &mut self.lanes[lane as usize];
        ends.messages.drain(..count);
        ends.head = ends.head.wrapping_add(count as u64);
        ends.published = ends.published.map(|published| published - count);
    }

    fn published(&self, lane: u32) -> usize {
        let ends = &self.lanes[lane as usize];
        ends.published.unwrap_or(ends.messages.len())
    }

    /// What a batch held back is wiped, and what is left asked for, before anything is taken.
    fn succeed(&mut self) {
        self.owned.clear();
        self.blocks = Blocks::new(CHUNKS);
        for lane in 0..LANES {
            let published = self.published(lane);
            let ends = &mut self.lanes[lane as usize];
            ends.messages.truncate(published);
            ends.published = None;
            for (seq, range) in (0..).map(|ahead| ends.head.wrapping_add(ahead)).zip(&ends.messages) {
                if !range.is_empty() {
                    self.blocks.adopt(lane, seq, range.clone());
                }
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Take(count, which) => self.take(*count, *which),
            Step::Succeed => self.succeed(),
            Step::Other(lane) => self.send(*lane, 0..0),
            Step::Hear(lane) => self.hear(*lane),
            Step::Acknowledge(lane, at) => {
                let count = at.index(self.published(*lane) + 1);
                self.acknowledge(*lane, count);
            }
            Step::Reset(lane) => {
                self.acknowledge(*lane, self.published(*lane));
                self.hear(*lane);
            }
            Step::Hold(lane) => {
                let ends = &mut self.lanes[*lane as usize];
                ends.published.get_or_insert(ends.messages.len());
            }
            Step::Reveal(lane) => self.lanes[*lane as usize].published = None,
            Step::Shorten(..) | Step::Send(..) | Step::Release(_) if self.owned.is_empty() => {}
            Step::Shorten(at, count) => {
                let at = at.index(self.owned.len());
                let range = self.owned[at].0.clone();
                if *count <= range.len() as u32 && !self.is_sent(&range) {
                    self.blocks.shorten(range.start, *count);
                    self.owned[at].0.end = range.start + count;
                }
            }
            Step::Send(at, lane) => {
                let Owned(range) = at.get(&self.owned).clone();
                self.send(*lane, range);
            }
            Step::Release(at) => {
                let Owned(range) = self.owned.swap_remove(at.index(self.owned.len()));
                self.blocks.release(range.start);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_live_reference_is_in_a_chunk_that_is_taken_and_what_is_free_is_found(
        start in prop_oneof![Just(0), Just(u64::MAX - 20)],
        steps in vec(step(), 1..200),
    ) {
        let mut run = Run::new(start);
        steps.iter().for_each(|step| run.step(step));
        // All are done with all.
        while let Some(Owned(range)) = run.owned.pop() {
            run.blocks.release(range.start);
        }
        for lane in 0..LANES {
            run.lanes[lane as usize].published = None;
            run.acknowledge(lane, run.published(lane));
            run.hear(lane);
        }
        prop_assert_eq!(run.blocks.find(CHUNKS, Which::Any), Some(0));
        prop_assert!(run.blocks.readers().is_empty());
    }
}

/// Takes a block as an owner does that has memory for all.
fn take(blocks: &mut Blocks, count: u32) -> u32 {
    let young = blocks.is_young().then(|| blocks.find(count, Which::Cold)).flatten();
    let first = young.or_else(|| blocks.find(count, Which::Warm)).or_else(|| blocks.find(count, Which::Any));
    let first = first.expect("a free run");
    blocks.take(first, count);
    first
}

#[test]
fn memory_is_taken_for_what_is_in_use_at_once() {
    let mut blocks = Blocks::new(256);
    let mut touched = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        let first = take(&mut blocks, 1);
        touched.insert(first);
        blocks.release(first);
    }
    assert_eq!(touched, (0..8).collect(), "2 MiB, one after the other");
    let held = take(&mut blocks, 100);
    assert_eq!(
        blocks.find(156, Which::Any),
        Some(100),
        "what was used, as far as it is free, and then the rest"
    );
    blocks.release(held);
    for count in [100, 50, 20] {
        let first = take(&mut blocks, count);
        assert!(first + count <= 100, "{count} at {first}");
        blocks.release(first);
    }
}

#[test]
fn a_block_that_is_used_again_is_the_one_that_was_used_longest_ago() {
    let mut blocks = Blocks::new(8);
    (0..8).for_each(|expected| assert_eq!(take(&mut blocks, 1), expected));
    for first in [3, 1, 2, 0] {
        blocks.release(first);
    }
    assert_eq!(take(&mut blocks, 1), 0);
    blocks.release(0);
    assert_eq!(take(&mut blocks, 2), 1);
    assert_eq!(take(&mut blocks, 1), 3);
    assert_eq!(blocks.find(2, Which::Any), None);
}

#[test]
fn references_that_overlap_keep_all_that_they_name() {
    let mut blocks = Blocks::new(16);
    for (lane, range) in [(0, 2..4), (1, 6..8), (2, 3..7), (3, 12..16), (4, 12..13), (5, 0..1)] {
        blocks.adopt(lane, 9, range);
    }
    assert_eq!(blocks.find(4, Which::Any), Some(8), "all but 8..12 and 1");
    blocks.take(8, 4);
    assert_eq!(blocks.find(2, Which::Any), None);
    for lane in [2, 0, 3] {
        blocks.free_below(lane, 10);
    }
    assert_eq!(blocks.find(2, Which::Any), None, "others name them still");
    blocks.free_below(1, 9);
    assert_eq!(blocks.find(2, Which::Any), None, "the head is at it, not beyond");
    blocks.free_below(1, 10);
    assert_eq!(blocks.find(7, Which::Any), Some(1));
    blocks.free_below(4, 10);
    assert_eq!(blocks.find(4, Which::Any), Some(1));
    blocks.take(1, 7);
    assert_eq!(blocks.find(4, Which::Any), Some(12));
}
