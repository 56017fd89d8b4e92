//! The allocator of a pool against an oracle.
#![cfg(not(loom))]

use mailbox::lab::abi::{Area, CHUNK, CORNER, PAGE, PoolLayout};
use mailbox::lab::pool::{Pool, Recovery, Reference, Spot};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{HashSet, VecDeque};
use std::ops::Range;

const MIB: u64 = 1 << 20;

/// The layout that a region has by default.
fn usual(lanes: u32) -> PoolLayout {
    PoolLayout::new(0, lanes, 2 * MIB, MIB)
}

/// What lies in a cell.
#[derive(Debug, Clone)]
struct Message {
    payload: Option<Range<u64>>,
    is_acknowledged: bool,
}

/// What the two ends of a lane know.
struct Ends {
    head: u64,
    /// From `head` on.
    messages: VecDeque<Message>,
    /// How many of them are published; the others are held back for a batch.
    published: Option<usize>,
}

impl Ends {
    fn tail(&self) -> u64 {
        self.head.wrapping_add(self.messages.len() as u64)
    }

    fn payloads(&self) -> impl Iterator<Item = &Range<u64>> {
        self.messages.iter().filter_map(|message| message.payload.as_ref())
    }

    /// Moves `head` beyond what is acknowledged.
    fn settle(&mut self) {
        while self.messages.front().is_some_and(|message| message.is_acknowledged) {
            self.messages.pop_front();
            self.head = self.head.wrapping_add(1);
            self.published = self.published.map(|published| published - 1);
        }
    }

    fn acknowledge(&mut self, which: &Index) {
        let published = self.published.unwrap_or(self.messages.len());
        if published > 0 {
            self.messages[which.index(published)].is_acknowledged = true;
            self.settle();
        }
    }

    fn acknowledge_all(&mut self) {
        self.published = None;
        self.messages.iter_mut().for_each(|message| message.is_acknowledged = true);
        self.settle();
    }

    /// What the cells refer to, as a successor reads them.
    fn references(&self) -> Vec<Option<Reference>> {
        let cells = self.messages.iter().enumerate().filter_map(|(at, message)| {
            let payload = message.payload.clone()?;
            let seq = self.head.wrapping_add(at as u64);
            Some(Some(Reference { seq, offset: payload.start, len: payload.end - payload.start }))
        });
        cells.collect()
    }
}

/// A pool, and what must be in it.
struct Run {
    layout: PoolLayout,
    longest: u64,
    pool: Pool,
    lanes: Vec<Ends>,
}

impl Run {
    fn new(layout: PoolLayout, longest: u64, start: u64) -> Self {
        let ends = |_| Ends { head: start, messages: VecDeque::new(), published: None };
        Self { layout, longest, pool: Pool::new(layout), lanes: (0..layout.lanes()).map(ends).collect() }
    }

    /// Bytes of a chunk.
    fn chunk(&self) -> u64 {
        self.layout.extents(Area::Chunk).size
    }

    fn hear(&mut self, lane: u32) {
        self.pool.free_below(lane, self.lanes[lane as usize].head);
    }

    /// How many extents the live payloads of this lane lie in that count as one of this kind.
    fn used(&self, lane: u32, kind: Area) -> u32 {
        let own = lane * (CORNER / PAGE) as u32..(lane + 1) * (CORNER / PAGE) as u32;
        let extents: HashSet<u32> = self.lanes[lane as usize]
            .payloads()
            .map(|payload| self.layout.find(payload.start, payload.end - payload.start).expect("an extent"))
            .collect();
        let kind_of = |extent: u32| match self.layout.area(extent) {
            Area::Page if !own.contains(&extent) => Area::Chunk,
            area => area,
        };
        extents.into_iter().filter(|extent| kind_of(*extent) == kind).count() as u32
    }

    /// Room for `len` bytes, or that there is none is this lane's own doing.
    fn place(&mut self, lane: u32, len: u64) -> Option<Spot> {
        let mut spot = self.pool.place(lane, len);
        if spot.is_none() {
            self.hear(lane);
            spot = self.pool.place_or_grow(lane, len);
        }
        let Some(spot) = spot else {
            let kind = if len > self.chunk() { Area::Run } else { Area::Chunk };
            assert_eq!(
                self.used(lane, kind),
                self.layout.share(kind),
                "no room for {len} bytes to {lane}, which has not used its share"
            );
            return None;
        };
        let payload = spot.offset..spot.offset + len;
        assert!(self.layout.find(spot.offset, len).is_some(), "{payload:?} lies nowhere");
        for live in self.lanes.iter().flat_map(Ends::payloads) {
            assert!(
                live.end <= payload.start || payload.end <= live.start,
                "{payload:?} overwrites {live:?}"
            );
        }
        Some(spot)
    }

    fn commit(&mut self, lane: u32, len: u64, spot: &Spot) {
        let ends = &mut self.lanes[lane as usize];
        self.pool.commit(lane, ends.tail(), spot);
        let payload = Some(spot.offset..spot.offset + len);
        ends.messages.push_back(Message { payload, is_acknowledged: false });
    }

    /// By the short path if that takes it, which is for the same place then.
    fn append_or_commit(&mut self, lane: u32, len: u64, spot: &Spot) {
        let ends = &mut self.lanes[lane as usize];
        assert_eq!(self.pool.append(lane, ends.tail(), len, |_| false), None, "no extent has memory");
        let last = ends.messages.back().and_then(|message| message.payload.clone());
        let find = |last: Range<u64>| self.layout.find(last.start, last.end - last.start);
        let is_behind = last.and_then(find) == Some(spot.extent);
        match self.pool.append(lane, ends.tail(), len, |extent| extent == spot.extent) {
            None => {
                assert!(!is_behind, "the last payload lies in the same extent");
                self.commit(lane, len, spot);
            }
            Some(offset) => {
                assert_eq!(offset, spot.offset);
                let payload = Some(offset..offset + len);
                ends.messages.push_back(Message { payload, is_acknowledged: false });
            }
        }
    }

    /// One payload to all of these, to the first at least; whether there was room.
    fn send(&mut self, lane: u32, others: &HashSet<u32>, len: u64) -> bool {
        let Some(spot) = self.place(lane, len) else { return false };
        self.append_or_commit(lane, len, &spot);
        for other in others.iter().filter(|other| **other != lane) {
            if !self.pool.may_refer(*other, &spot) {
                self.hear(*other);
            }
            if self.pool.may_refer(*other, &spot) {
                self.commit(*other, len, &spot);
            }
        }
        true
    }

    /// A successor takes the owner's place. What a batch held back nobody has seen, nor will.
    fn recover(&mut self) {
        let mut recovery = Recovery::new(self.layout);
        for (lane, ends) in (0..).zip(&mut self.lanes) {
            let published = ends.published.take().unwrap_or(ends.messages.len());
            ends.messages.truncate(published);
            assert!(recovery.adopt(lane, ends.references()), "lane {lane} makes sense");
        }
        self.pool = recovery.finish();
    }

    /// Takes all that there is for this lane.
    fn exhaust(&mut self, lane: u32) {
        for len in [self.longest, self.chunk().min(self.longest), self.chunk().div_ceil(100)] {
            while self.send(lane, &HashSet::new(), len) {}
        }
    }

    fn acknowledge_all(&mut self, lane: u32) {
        self.lanes[lane as usize].acknowledge_all();
    }
}

/// What a random run does next.
#[derive(Debug, Clone)]
enum Step {
    Send(Index, Vec<Index>, Length),
    /// Places, and does not commit.
    Abort(Index, Length),
    /// A message that fits its cell.
    Small(Index),
    Acknowledge(Index, Index),
    AcknowledgeAll(Index),
    /// The owner reads a head.
    Hear(Index),
    /// From now on a lane's messages are held back.
    HoldBack(Index),
    Reveal(Index),
    Recover,
}

#[derive(Debug, Clone)]
enum Length {
    Short(u64),
    Middle(u64),
    /// A part of the longest.
    Part(Index),
    Longest,
}

impl Length {
    fn bytes(&self, longest: u64) -> u64 {
        let bytes = match self {
            Self::Short(len) | Self::Middle(len) => *len,
            Self::Part(part) => part.index(longest as usize) as u64 + 1,
            Self::Longest => longest,
        };
        bytes.min(longest)
    }
}

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        4 => (1..2000_u64).prop_map(Length::Short),
        2 => (1..=CHUNK).prop_map(Length::Middle),
        2 => any::<Index>().prop_map(Length::Part),
        1 => Just(Length::Longest),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        12 => (index(), length()).prop_map(|(lane, len)| Step::Send(lane, vec![], len)),
        4 => (index(), vec(index(), 1..6), length()).prop_map(|(lane, others, len)| Step::Send(lane, others, len)),
        1 => (index(), length()).prop_map(|(lane, len)| Step::Abort(lane, len)),
        1 => index().prop_map(Step::Small),
        8 => (index(), index()).prop_map(|(lane, which)| Step::Acknowledge(lane, which)),
        1 => index().prop_map(Step::AcknowledgeAll),
        2 => index().prop_map(Step::Hear),
        1 => index().prop_map(Step::HoldBack),
        1 => index().prop_map(Step::Reveal),
        1 => Just(Step::Recover),
    ]
}

/// A layout, the longest payload, and a first sequence number; that is at or near one at which numbers wrap.
fn layout() -> impl Strategy<Value = (PoolLayout, u64, u64)> {
    let start =
        (any::<bool>(), 0..200_u64).prop_map(|(wraps, near)| if wraps { near.wrapping_neg() } else { near });
    let share =
        (1..=10_u64, select(vec![64, 1000, PAGE, CHUNK / 8, CHUNK])).prop_map(|(count, unit)| count * unit);
    (0..4_u64, 1..=6_u32, share, start).prop_map(|(base, lanes, share, start)| {
        // That of answers, or that of messages.
        let longest = if base == 0 { share } else { share / 2 };
        (PoolLayout::new(base * CHUNK, lanes, share, longest), longest, start)
    })
}

impl Run {
    fn step(&mut self, step: &Step) {
        let lanes = self.lanes.len();
        let lane = |at: &Index| at.index(lanes) as u32;
        let len = |len: &Length| len.bytes(self.longest);
        match step {
            Step::Send(at, others, length) => {
                let len = len(length);
                self.send(lane(at), &others.iter().map(lane).collect(), len);
            }
            Step::Abort(at, length) => {
                let len = len(length);
                self.place(lane(at), len);
            }
            Step::Small(at) => {
                let message = Message { payload: None, is_acknowledged: false };
                self.lanes[lane(at) as usize].messages.push_back(message);
            }
            Step::Acknowledge(at, which) => self.lanes[lane(at) as usize].acknowledge(which),
            Step::AcknowledgeAll(at) => {
                let ends = &mut self.lanes[lane(at) as usize];
                if ends.published.is_none() {
                    ends.acknowledge_all();
                }
            }
            Step::Hear(at) => self.hear(lane(at)),
            Step::HoldBack(at) => {
                let ends = &mut self.lanes[lane(at) as usize];
                ends.published = ends.published.or(Some(ends.messages.len()));
            }
            Step::Reveal(at) => self.lanes[lane(at) as usize].published = None,
            Step::Recover => self.recover(),
        }
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn nothing_live_is_overwritten_and_each_lane_has_its_share(
        (layout, longest, start) in layout(),
        steps in vec(step(), 0..300),
    ) {
        let mut run = Run::new(layout, longest, start);
        steps.iter().for_each(|step| run.step(step));
        // A lane without live payloads has room for the longest one, no matter what other lanes hold.
        for lane in 0..layout.lanes() {
            run.acknowledge_all(lane);
            prop_assert!(run.send(lane, &HashSet::new(), longest));
            run.exhaust(lane);
        }
    }

    #[test]
    fn a_lane_has_its_share_while_all_others_hold_all_they_can(
        (layout, longest, start) in layout(),
        steps in vec(step(), 0..200),
        victim in any::<Index>(),
    ) {
        let mut run = Run::new(layout, longest, start);
        steps.iter().for_each(|step| run.step(step));
        let victim = victim.index(layout.lanes() as usize) as u32;
        for lane in (0..layout.lanes()).filter(|lane| *lane != victim) {
            run.exhaust(lane);
        }
        for _ in 0..3 {
            run.acknowledge_all(victim);
            run.hear(victim);
            for _ in 0..layout.share(Area::Chunk) {
                prop_assert!(run.send(victim, &HashSet::new(), run.chunk().min(longest)));
            }
            for _ in 0..layout.share(Area::Run) {
                prop_assert!(run.send(victim, &HashSet::new(), longest));
            }
        }
    }
}

#[test]
fn a_lane_has_its_share_though_others_make_no_sense() {
    let layout = usual(4);
    let mut recovery = Recovery::new(layout);
    let all = 0..layout.len() / PAGE;
    // They refer to what there is, beginning at either end.
    let reference = |page| Some(Reference { seq: 0, offset: page * PAGE, len: 1 });
    assert!(!recovery.adopt(0, all.clone().map(reference)));
    assert!(!recovery.adopt(1, all.clone().rev().map(reference)));
    assert!(!recovery.adopt(2, all.map(|page| reference(page * 77 % (layout.len() / PAGE)))));
    let mut run = Run::new(layout, MIB, 0);
    run.pool = recovery.finish();
    (0..8).for_each(|_| assert!(run.send(3, &HashSet::new(), CHUNK)));
    (0..2).for_each(|_| assert!(run.send(3, &HashSet::new(), MIB)));
}

/// How many pages of memory these payloads lie in.
#[derive(Default)]
struct Pages(HashSet<u64>);

impl Pages {
    fn touch(&mut self, spot: &Spot, len: u64) {
        self.0.extend(spot.offset / PAGE..=(spot.offset + len - 1) / PAGE);
    }

    fn bytes(&self) -> u64 {
        self.0.len() as u64 * PAGE
    }
}

/// A sender to lanes whose receivers keep up: they are that many messages behind.
struct Stream {
    pool: Pool,
    seqs: Vec<u64>,
    pages: Pages,
    behind: u64,
}

impl Stream {
    fn new(layout: PoolLayout, behind: u64) -> Self {
        let seqs = vec![0; layout.lanes() as usize];
        Self { pool: Pool::new(layout), seqs, pages: Pages::default(), behind }
    }

    fn send(&mut self, lane: u32, len: u64) {
        let seq = &mut self.seqs[lane as usize];
        let spot = self.pool.place(lane, len).or_else(|| {
            self.pool.free_below(lane, seq.saturating_sub(self.behind));
            self.pool.place_or_grow(lane, len)
        });
        let spot = spot.expect("room");
        self.pages.touch(&spot, len);
        self.pool.commit(lane, *seq, &spot);
        *seq += 1;
    }
}

/// Numbers that look random, the same in each run.
fn random() -> impl FnMut(u64) -> u64 {
    let mut state = 1_u64;
    move |below| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % below
    }
}

#[test]
fn short_payloads_between_16_ranks_take_4_mib() {
    let mut random = random();
    let mut bytes = 0;
    for rank in 0..16 {
        let mut stream = Stream::new(usual(16), 8);
        for _ in 0..30_000 {
            let lane = (rank + 1 + random(15) as u32) % 16;
            stream.send(lane, 64 + random(937));
        }
        bytes += stream.pages.bytes();
    }
    assert!(bytes <= 4 * MIB, "{bytes}");
}

#[test]
fn a_busy_lane_goes_round_as_much_as_caches_want_and_no_more() {
    for len in [100, 1000, 4096, CHUNK] {
        let mut stream = Stream::new(usual(64), 2);
        (0..128 * MIB / len).for_each(|_| stream.send(7, len));
        let bytes = stream.pages.bytes();
        assert!((2 * MIB..3 * MIB).contains(&bytes), "{len}: {bytes}");
    }
}

#[test]
fn what_one_lane_gave_back_another_takes() {
    let mut stream = Stream::new(usual(16), u64::MAX);
    for lane in 0..16 {
        (0..8).for_each(|_| stream.send(lane, CHUNK));
        stream.pool.free_below(lane, 8);
    }
    let bytes = stream.pages.bytes();
    // Each lane keeps a chunk.
    assert!(bytes <= 2 * MIB + 16 * CHUNK + 2 * MIB, "{bytes}");
}

#[test]
fn what_was_freed_first_is_taken_first() {
    let mut run = Run::new(usual(2), MIB, 0);
    let mut taken = vec![];
    for _ in 0..8 {
        assert!(run.send(0, &HashSet::new(), CHUNK));
        taken.push(run.lanes[0].messages.back().unwrap().payload.clone().unwrap().start);
    }
    run.acknowledge_all(0);
    run.hear(0);
    for offset in &taken[..7] {
        let spot = run.place(1, CHUNK).expect("room");
        assert_eq!(spot.offset, *offset);
        run.commit(1, CHUNK, &spot);
    }
}

#[test]
fn a_payload_is_not_freed_before_its_last_reader() {
    let mut run = Run::new(usual(3), MIB, u64::MAX);
    for len in [100, 5000, CHUNK, MIB] {
        let others = HashSet::from([1, 2]);
        assert!(run.send(0, &others, len));
        for lane in [2, 0] {
            run.acknowledge_all(lane);
            run.hear(lane);
        }
        // Lane 1 reads it still: `place` says so where it is overwritten.
        for lane in [0, 2] {
            run.exhaust(lane);
            run.acknowledge_all(lane);
            run.hear(lane);
        }
        run.acknowledge_all(1);
    }
}

#[test]
fn what_is_not_committed_was_not_placed() {
    let mut pool = Pool::new(usual(2));
    for len in [64, 5000, CHUNK, 2 * CHUNK, MIB] {
        let first = pool.place_or_grow(0, len).expect("room");
        for _ in 0..100 {
            assert_eq!(pool.place(0, len), Some(first));
            assert_eq!(pool.place_or_grow(0, len), Some(first));
        }
        assert_eq!(pool.placed(0), 0);
    }
    assert_eq!(pool.place(1, 64), None, "a lane that has nothing yet");
}

#[test]
fn a_lane_says_how_many_bytes_it_has_placed() {
    let mut pool = Pool::new(usual(2));
    for (seq, (len, placed)) in [(1, 64), (64, 128), (65, 256), (MIB, 256 + MIB)].into_iter().enumerate() {
        let spot = pool.place_or_grow(0, len).expect("room");
        pool.commit(0, seq as u64, &spot);
        assert_eq!((pool.placed(0), pool.placed(1)), (placed, 0));
    }
}

#[test]
fn a_payload_that_is_too_long_has_no_room() {
    let answers = PoolLayout::new(0, 2, CHUNK, CHUNK);
    for (layout, longest) in [(usual(2), MIB), (answers, CHUNK)] {
        let mut pool = Pool::new(layout);
        for len in [longest + 1, layout.len(), u64::MAX] {
            assert_eq!(pool.place_or_grow(0, len), None, "{len}");
        }
        assert!(pool.place_or_grow(0, longest).is_some());
    }
}

#[test]
fn long_payloads_lie_behind_each_other_in_a_run() {
    let mut run = Run::new(usual(2), MIB, 0);
    for _ in 0..4 {
        assert!(run.send(0, &HashSet::new(), 2 * CHUNK));
        assert!(run.send(0, &HashSet::new(), 100));
    }
    assert!(!run.send(0, &HashSet::new(), 2 * CHUNK));
    // What is short has room all the same.
    assert!(run.send(0, &HashSet::new(), CHUNK));
}

// --- Lanes that make no sense ------------------------------------------------------------------------------

/// What a lane refers to, and what of it is in use.
fn garbage() -> Vec<(Vec<Option<Reference>>, &'static str)> {
    let layout = usual(2);
    let at = |offset, len| Some(Reference { seq: 1, offset, len });
    let sound = at(chunk(0), 100);
    let end = layout.len();
    let run = layout.offset(layout.extents(Area::Run).first);
    let chunks = |count: u64| (0..count).map(|index| at(chunk(index), 1)).collect();
    vec![
        (vec![sound, None], "a cell without sense"),
        (vec![sound, at(chunk(0) + 8, 8)], "not aligned"),
        (vec![at(end, 0), sound], "outside"),
        (vec![sound, at(u64::MAX - 63, 64)], "far outside"),
        (vec![sound, at(chunk(1), CHUNK + 1)], "beyond its chunk"),
        (vec![sound, at(chunk(1), u64::MAX)], "beyond all"),
        (vec![sound, at(run, MIB + 1)], "beyond its run"),
        (vec![sound, at(0, PAGE + 1)], "beyond its page"),
        (chunks(9), "more than its share"),
        (vec![sound, at(run, 1), at(run + MIB, 1), at(run + 2 * MIB, 1)], "more runs than its share"),
    ]
}

fn chunk(index: u64) -> u64 {
    usual(2).offset(usual(2).extents(Area::Chunk).first) + index * CHUNK
}

#[test]
fn a_lane_that_makes_no_sense_is_quarantined_alone() {
    for (references, what) in garbage() {
        let sound = Reference { seq: 5, offset: chunk(0), len: 200 };
        let mut recovery = Recovery::new(usual(2));
        assert!(!recovery.adopt(0, references), "{what}");
        // It refers to the same payload, which is honest.
        assert!(recovery.adopt(1, [Some(sound)]), "{what}");
        let mut run = Run::new(usual(2), MIB, 0);
        run.pool = recovery.finish();
        // Both for the lane that makes no sense and for the other.
        for lane in [0, 1] {
            let payload = Some(chunk(0)..chunk(0) + 200);
            run.lanes[lane].messages.push_back(Message { payload, is_acknowledged: false });
        }
        run.lanes[1].head = 5;
        assert_eq!(run.pool.place_or_grow(0, 1), None, "{what}");
        let spot = run.place(1, CHUNK).expect("room");
        assert!(!run.pool.may_refer(0, &spot), "{what}");
        // Nothing that it refers to is handed out, no matter what its head says.
        run.pool.free_below(0, 1000);
        run.acknowledge_all(1);
        for _ in 0..3 {
            run.exhaust(1);
            run.acknowledge_all(1);
            run.hear(1);
        }
        run.pool.restart(0, 0);
        run.acknowledge_all(0);
        // It is a lane like any, and all that it referred to is free.
        run.exhaust(1);
        run.exhaust(0);
    }
}

#[test]
fn what_a_quarantined_lane_referred_to_comes_back() {
    let layout = PoolLayout::new(0, 1, 64, 64);
    let chunk = layout.offset(layout.extents(Area::Chunk).first);
    let mut recovery = Recovery::new(layout);
    assert!(!recovery.adopt(0, [Some(Reference { seq: 0, offset: chunk, len: 1 }), None]));
    let mut pool = recovery.finish();
    for seq in 0..100 {
        pool.restart(0, seq);
        let spot = pool.place_or_grow(0, 64).expect("room");
        pool.commit(0, seq, &spot);
        assert_eq!(pool.place_or_grow(0, 64), None);
    }
}

#[test]
fn a_pair_that_begins_anew_keeps_what_is_sent_from_then_on() {
    let mut run = Run::new(usual(1), MIB, 0);
    (0..8).for_each(|_| assert!(run.send(0, &HashSet::new(), CHUNK)));
    let kept = run.lanes[0].messages.split_off(5);
    run.acknowledge_all(0);
    run.lanes[0].messages = kept;
    run.pool.restart(0, 5);
    // `place` says so where one of the three is overwritten, or where the others are not free.
    (0..5).for_each(|_| assert!(run.send(0, &HashSet::new(), CHUNK)));
    assert!(!run.send(0, &HashSet::new(), CHUNK));
}

#[test]
fn what_a_successor_finds_live_it_leaves_alone() {
    let mut run = Run::new(usual(3), MIB, u64::MAX - 2);
    let mut random = random();
    for round in 0..50 {
        for _ in 0..20 {
            let (lane, len) = (random(3) as u32, 1 + random(MIB));
            let other = random(3) as u32;
            run.send(lane, &HashSet::from([other]), len);
            run.lanes[random(3) as usize].acknowledge_all();
        }
        run.recover();
        // The lanes know their shares, and no more is free than is.
        run.exhaust(round % 3);
    }
}

#[test]
fn what_has_no_memory_is_forsaken_and_others_come_round() {
    let mut pool = Pool::new(usual(1));
    let used = pool.place_or_grow(0, CHUNK).expect("room");
    pool.commit(0, 0, &used);
    let barren = pool.place_or_grow(0, CHUNK).expect("room");
    pool.forsake(&barren);
    pool.free_below(0, 1);
    let tried: Vec<u32> = (0..2)
        .map(|_| {
            let spot = pool.place_or_grow(0, CHUNK).expect("room");
            pool.forsake(&spot);
            spot.extent
        })
        .collect();
    assert_eq!(tried, [barren.extent, used.extent]);
}

#[test]
fn a_lane_has_slack_until_more_than_three_quarters_of_its_share_are_in_use() {
    let mut pool = Pool::new(usual(1));
    for seq in 0..8 {
        assert_eq!(pool.has_slack(0, CHUNK), seq <= 6, "{seq} chunks in use");
        let spot = pool.place_or_grow(0, CHUNK).expect("room");
        pool.commit(0, seq, &spot);
    }
    assert!(pool.place_or_grow(0, CHUNK).is_none() && pool.has_slack(0, MIB), "runs are counted apart");
    pool.free_below(0, 2);
    assert!(pool.has_slack(0, CHUNK));
}
