//! The mailbox's two ends against an oracle, and against words that no honest peer writes.
#![cfg(not(loom))]

use mailbox::lab::abi::{Area, CHUNK, Envelope, Filter, INLINE, Kind, Location, epoch_of};
use mailbox::lab::memory::{self, Lane};
use mailbox::lab::ring::{self, Consumer, Corrupt, Descriptor, Producer, PushError, Slack};
use mailbox::lab::sync::{AtomicU64, Ordering::Relaxed};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::VecDeque;

/// What a random run does next.
#[derive(Debug, Clone)]
enum Step {
    Push(Index, Slack),
    /// Claims and writes, but does not publish.
    Abort(Index),
    Take,
    /// Gives back the room of one of the messages that are held.
    Acknowledge(Index),
    /// Puts back one of the messages that are held; unseen, if it may be so.
    PutBack(Index, bool),
    /// A successor takes the producer's place.
    Recover,
    /// A successor takes the consumer's place, after a clean end or another.
    Resume(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        8 => (index(), select(vec![Slack::Any, Slack::Quarter])).prop_map(|(len, slack)| Step::Push(len, slack)),
        1 => index().prop_map(Step::Abort),
        6 => Just(Step::Take),
        6 => index().prop_map(Step::Acknowledge),
        2 => (index(), any::<bool>()).prop_map(|(which, is_unseen)| Step::PutBack(which, is_unseen)),
        1 => Just(Step::Recover),
        1 => any::<bool>().prop_map(Step::Resume),
    ]
}

/// Cells, bytes of arena and first sequence number of a mailbox; the number is at or near one at which
/// positions, half words or stamps wrap.
fn geometry() -> impl Strategy<Value = (usize, usize, u64)> {
    let wrap = select(vec![0, 64, 1 << 32, u64::MAX]);
    let start = (wrap, -70..70_i64).prop_map(|(wrap, near)| wrap.wrapping_add_signed(near));
    (1..=6_u32, 1..=16_usize, prop_oneof![1 => Just(0), 4 => start])
        .prop_map(|(bits, arena, start)| (1 << bits, 128 * arena, start))
}

/// The sequence number of the oldest unacknowledged message in `mailbox`, and how many there are from it on.
fn depth(lane: &Lane) -> (u64, u64) {
    let (head, cells) = (lane.consumer.head.load(Relaxed), lane.cells.len());
    let cell = |ahead| lane.cells.at(head.wrapping_add(ahead));
    let sent = ring::sent(head, (0..cells as u64).map(|ahead| cell(ahead).stamp.load(Relaxed))).0;
    (head, sent.wrapping_sub(head).min(cells as u64))
}

/// Lengths that a mailbox carries: up to the limit of its geometry, which `at` is a part of.
fn len_at(at: &Index, arena: usize) -> usize {
    at.index((arena / 2).max(INLINE) + 1)
}

/// Bytes of arena that a payload takes.
fn need(len: usize) -> usize {
    if len > INLINE { len.next_multiple_of(64) } else { 0 }
}

/// A payload that no other message has.
fn payload(seq: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (seq.wrapping_mul(0x9E37_79B9).wrapping_add(at * 0xA7) >> 3) as u8).collect()
}

fn bytes_of(consumer: &Consumer, descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = vec![0; descriptor.len];
    memory::load(consumer.words(descriptor), &mut bytes);
    bytes
}

fn head(lane: &Lane) -> &AtomicU64 {
    &lane.consumer.head
}

// --- Honest peers ------------------------------------------------------------------------------------------

/// A message that is not below `head`.
struct Message {
    len: usize,
    epoch: u64,
    state: State,
    /// Whether this consumer has said, when it first took it, that it may have been handed out before.
    is_marked: Option<bool>,
}

enum State {
    /// To be taken.
    Waiting,
    /// Put back: unseen, or handed out.
    Left,
    Requeued,
    Held(Descriptor),
    Acknowledged,
}

/// A mailbox, and what must be in it.
struct Run {
    lane: Lane,
    producer: Producer,
    consumer: Consumer,
    /// Bytes of arena, as it was asked for.
    arena: usize,
    messages: VecDeque<Message>,
    head: u64,
    epoch: u64,
    /// This consumer has taken none from here on.
    next: u64,
    /// It marks those below this number.
    handed: u64,
    /// A successor would mark those below this number.
    claimed: u64,
}

/// The later of two numbers.
fn latest(one: u64, other: u64) -> u64 {
    if other.wrapping_sub(one) as i64 > 0 { other } else { one }
}

impl Run {
    fn new((cells, arena, start): (usize, usize, u64)) -> Self {
        let lane = Lane::on_heap(cells, arena as u64, start);
        Self {
            producer: Producer::recover(lane.clone(), 1).unwrap(),
            consumer: Consumer::resume(lane.clone()),
            lane,
            arena,
            messages: VecDeque::new(),
            head: start,
            epoch: 1,
            next: start,
            handed: start,
            claimed: start,
        }
    }

    fn seq(&self, at: usize) -> u64 {
        self.head.wrapping_add(at as u64)
    }

    /// Whether there must be room for a payload: `None` where that depends on which extents the others lie in.
    fn must_fit(&self, len: usize, slack: Slack) -> Option<bool> {
        let (cells, layout) = (self.lane.cells.len(), &self.lane.layout);
        let chunk = layout.extents(Area::Chunk).size as usize;
        let area = |bytes| if bytes > chunk { Area::Run } else { Area::Chunk };
        let needs = self.messages.iter().map(|message| need(message.len));
        let alike: Vec<_> = needs.filter(|live| *live > 0 && area(*live) == area(need(len))).collect();
        let share = layout.share(area(need(len))) as usize;
        let most = share * layout.extents(area(need(len))).size as usize;
        let is_too_much = need(len) > 0 && alike.iter().sum::<usize>() + need(len) > most;
        if self.messages.len() == cells || is_too_much {
            return Some(false);
        }
        if self.messages.is_empty() {
            return Some(true);
        }
        let part = |whole: usize| if slack == Slack::Quarter { whole.div_ceil(4) } else { 1 };
        let wanted = if slack == Slack::Quarter { (cells / 4).max(1) } else { 1 };
        // Each may have an extent for itself.
        let enough = need(len) == 0 || alike.len() + part(share) <= share;
        (enough && cells - self.messages.len() >= wanted).then_some(true)
    }

    fn push(&mut self, len: usize, slack: Slack) {
        let result = self.producer.push(&payload(self.seq(self.messages.len()), len), slack);
        if let Some(fits) = self.must_fit(len, slack) {
            assert_eq!(result, if fits { Ok(()) } else { Err(PushError::Full) });
        }
        match result {
            Ok(()) => {
                let (epoch, state) = (self.epoch, State::Waiting);
                self.messages.push_back(Message { len, epoch, state, is_marked: None });
            }
            Err(error) => assert_eq!(error, PushError::Full),
        }
    }

    fn abort(&self, len: usize) {
        if let Ok(slot) = self.producer.claim(len, Slack::Any) {
            assert_eq!((slot.seq, slot.len), (self.seq(self.messages.len()), len));
            memory::store(self.producer.words(&slot), &vec![0xAB; len]);
        }
    }

    fn take(&mut self) {
        let is_ready = self.consumer.is_ready();
        let descriptor = self.consumer.take().unwrap();
        assert_eq!(is_ready, descriptor.is_some());
        let is_waiting =
            |message: &Message| matches!(message.state, State::Waiting | State::Left | State::Requeued);
        let waiting = self.messages.iter().position(is_waiting);
        assert_eq!(descriptor.map(|descriptor| descriptor.seq), waiting.map(|at| self.seq(at)));
        if let (Some(descriptor), Some(at)) = (descriptor, waiting) {
            let after = descriptor.seq.wrapping_add(1);
            let is_handed = latest(after, self.handed) == self.handed;
            let message = &mut self.messages[at];
            assert_eq!(descriptor.is_redelivered(), *message.is_marked.get_or_insert(is_handed));
            message.state = State::Held(descriptor);
            (self.next, self.claimed) = (latest(self.next, after), latest(self.claimed, after));
            self.check(at, &descriptor);
        }
    }

    /// What is held is what was sent, no matter what happened since it was taken.
    fn check(&self, at: usize, descriptor: &Descriptor) {
        let message = &self.messages[at];
        assert_eq!(bytes_of(&self.consumer, descriptor), payload(self.seq(at), message.len));
        assert_eq!(u64::from(descriptor.envelope().epoch), message.epoch % 64);
    }

    /// One of the messages that are held.
    fn held(&self, which: &Index) -> Option<(usize, Descriptor)> {
        let held = self.messages.iter().enumerate().filter_map(|(at, message)| match message.state {
            State::Held(descriptor) => Some((at, descriptor)),
            _ => None,
        });
        let held: Vec<_> = held.collect();
        (!held.is_empty()).then(|| held[which.index(held.len())])
    }

    fn acknowledge(&mut self, at: usize, descriptor: Descriptor) {
        self.check(at, &descriptor);
        self.consumer.acknowledge(descriptor.seq);
        self.messages[at].state = State::Acknowledged;
        while matches!(self.messages.front(), Some(Message { state: State::Acknowledged, .. })) {
            self.messages.pop_front();
            self.head = self.head.wrapping_add(1);
        }
    }

    fn recover(&mut self) {
        self.epoch += 1;
        self.producer = Producer::recover(self.lane.clone(), self.epoch).unwrap();
    }

    fn resume(&mut self, is_clean: bool) {
        if is_clean {
            self.consumer.settle_claim();
            let taken = self.messages.iter().take(self.next.wrapping_sub(self.head) as usize);
            let is_seen = |message: &Message| !matches!(message.state, State::Left);
            let seen = taken.map(is_seen).collect::<Vec<_>>();
            let end = seen.iter().rposition(|is_seen| *is_seen).map_or(self.head, |at| self.seq(at + 1));
            self.claimed = latest(end, self.handed);
        }
        self.consumer = Consumer::resume(self.lane.clone());
        self.claimed = latest(self.claimed, self.head);
        (self.next, self.handed) = (self.head, self.claimed);
        for message in &mut self.messages {
            (message.state, message.is_marked) = (State::Waiting, None);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Push(at, slack) => self.push(len_at(at, self.arena), *slack),
            Step::Abort(at) => self.abort(len_at(at, self.arena)),
            Step::Take => self.take(),
            Step::Acknowledge(which) => {
                if let Some((at, descriptor)) = self.held(which) {
                    self.acknowledge(at, descriptor);
                }
            }
            Step::PutBack(which, is_unseen) => {
                if let Some((at, descriptor)) = self.held(which) {
                    let is_unseen = *is_unseen && !descriptor.is_redelivered();
                    self.messages[at].state = if is_unseen {
                        self.consumer.leave(descriptor.seq);
                        State::Left
                    } else {
                        self.consumer.put_back(descriptor.seq);
                        State::Requeued
                    };
                }
            }
            Step::Recover => self.recover(),
            Step::Resume(is_clean) => self.resume(*is_clean),
        }
        assert_eq!(head(&self.lane).load(Relaxed), self.head);
        assert_eq!(depth(&self.lane).1, self.messages.len() as u64);
    }

    /// Every message comes out once more, and then the largest fits.
    fn finish(&mut self) {
        self.resume(true);
        while !self.messages.is_empty() {
            self.take();
            let State::Held(descriptor) = self.messages[0].state else { panic!("a message is missing") };
            self.acknowledge(0, descriptor);
        }
        assert!(self.consumer.take().unwrap().is_none());
        self.push((self.arena / 2).max(INLINE), Slack::Quarter);
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_is_sent_is_received_whatever_happens_in_between(
        geometry in geometry(),
        steps in vec(step(), 0..300),
    ) {
        let mut run = Run::new(geometry);
        steps.iter().for_each(|step| run.step(step));
        run.finish();
    }
}

/// The next message, acknowledged.
fn take_and_acknowledge(consumer: &Consumer) -> Descriptor {
    let descriptor = consumer.take().unwrap().expect("a message");
    consumer.acknowledge(descriptor.seq);
    descriptor
}

#[test]
fn whoever_was_full_may_insist_on_a_quarter() {
    // First the cells run out, then the arena.
    for (len, count, quarter) in [(8, 16, 4), (128, 8, 2)] {
        let Run { producer, consumer, .. } = Run::new((16, 1024, 0));
        let claim = || producer.reclaim(len, Slack::Quarter).map(|slot| slot.seq);
        (0..count).for_each(|_| producer.push(&payload(0, len), Slack::Quarter).unwrap());
        for _ in 0..quarter {
            // However often it asks.
            assert_eq!([claim(), claim()], [Err(PushError::Full); 2]);
            take_and_acknowledge(&consumer);
        }
        assert_eq!(claim(), Ok(count));
    }
}

#[test]
fn room_given_back_is_seen_without_insisting() {
    let Run { producer, consumer, .. } = Run::new((8, 1024, 0));
    (0..8).for_each(|_| producer.push(b"", Slack::Any).unwrap());
    assert_eq!(producer.push(b"", Slack::Any), Err(PushError::Full));
    take_and_acknowledge(&consumer);
    assert_eq!(producer.push(b"", Slack::Any), Ok(()));
}

#[test]
fn mail_names_the_epoch_that_sent_it() {
    let lane = Lane::on_heap(2, 128, 0);
    let consumer = Consumer::resume(lane.clone());
    for epoch in [1, 63, 64, 65, 1 << 40] {
        Producer::recover(lane.clone(), epoch).unwrap().push(b"hello", Slack::Any).unwrap();
        let descriptor = take_and_acknowledge(&consumer);
        assert_eq!(epoch_of(descriptor.envelope().epoch, epoch), epoch);
        assert_eq!(epoch_of(descriptor.envelope().epoch, epoch + 63), epoch);
    }
}

#[test]
fn depth_counts_what_is_not_acknowledged() {
    let Run { lane, producer, consumer, .. } = Run::new((4, 128, 6));
    for count in 1..=4 {
        producer.push(b"", Slack::Any).unwrap();
        assert_eq!(depth(&lane).1, count);
    }
    take_and_acknowledge(&consumer);
    assert_eq!(depth(&lane).1, 3);
    head(&lane).store(1 << 50, Relaxed);
    assert_eq!(depth(&lane).1, 0, "of a head that makes no sense");
}

// --- Dishonest peers ---------------------------------------------------------------------------------------

/// A mailbox with 1024 bytes of arena and messages of these lengths, the first of them in cell 4 of 8.
fn filled(lens: &[usize]) -> Lane {
    let lane = Lane::on_heap(8, 1024, FIRST);
    let producer = Producer::recover(lane.clone(), 1).unwrap();
    lens.iter().for_each(|len| producer.push(&payload(0, *len), Slack::Any).unwrap());
    lane
}

const FIRST: u64 = 100;

/// Whether a consumer and a producer's successor find the mailbox corrupt.
fn judge(lane: &Lane) -> (bool, bool) {
    let consumer = Consumer::resume(lane.clone());
    let seen = loop {
        match consumer.take() {
            Ok(Some(_)) => {}
            end => break end.is_err(),
        }
    };
    (seen, Producer::recover(lane.clone(), 2).is_err())
}

#[test]
fn a_stamp_is_expected_or_stale_or_corrupt() {
    let stale = [FIRST + 1 - 8, 0];
    let corrupt = [FIRST, FIRST + 2, FIRST + 1 + 8, FIRST + 1 - 16, 1, 1 << 32 | (FIRST + 1), u64::MAX];
    for (stamps, verdict) in [(&stale[..], false), (&corrupt[..], true)] {
        for stamp in stamps {
            let lane = filled(&[]);
            lane.cells.at(FIRST).stamp.store(*stamp, Relaxed);
            assert_eq!(judge(&lane), (verdict, verdict), "{stamp}");
        }
    }
}

#[test]
fn a_full_mailbox_is_recovered_where_the_numbers_end() {
    let lane = Lane::on_heap(4, 128, u64::MAX - 4);
    let producer = Producer::recover(lane.clone(), 1).expect("sound");
    (0..4).for_each(|_| producer.push(&[7], Slack::Any).expect("room"));
    let successor = Producer::recover(lane.clone(), 2).expect("sound");
    assert_eq!((successor.tail(), depth(&lane)), (u64::MAX, (u64::MAX - 4, 4)));
}

#[test]
fn an_envelope_that_no_producer_writes_is_corrupt() {
    let lens = 49..=61;
    let kinds = (11..16).map(|kind| kind << 6);
    for word in lens.chain(kinds).chain([u64::MAX]) {
        let lane = filled(&[8]);
        lane.cells.at(FIRST).envelope.store(word, Relaxed);
        assert_eq!(judge(&lane), (true, true), "{word:#x}");
    }
}

#[test]
fn a_loan_lies_in_its_senders_area_and_begins_with_a_chunk() {
    let area = 2 * CHUNK;
    let judge = |offset, len, word| {
        let lane = filled(&[8]);
        let lane =
            Lane { loans: (0..area / 8).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().into(), ..lane };
        let cell = lane.cells.at(FIRST);
        cell.envelope.store(word, Relaxed);
        cell.payload[0].store(offset, Relaxed);
        cell.payload[1].store(len, Relaxed);
        judge(&lane)
    };
    for (offset, len) in [(0, 0), (0, area), (CHUNK, 0), (CHUNK, CHUNK)] {
        assert_eq!(judge(offset, len, 62), (false, false), "{len} at {offset}");
    }
    let wrong =
        [(0, area + 1), (CHUNK, CHUNK + 1), (area, 0), (8, 1), (CHUNK + 64, 1), (u64::MAX, 1), (0, u64::MAX)];
    for (offset, len) in wrong {
        // The reader alone minds: to a successor it refers to nothing.
        assert_eq!(judge(offset, len, 62), (true, false), "{len} at {offset}");
    }
    for kind in 1..16 {
        assert_eq!(judge(0, 0, 62 | kind << 6), (true, true), "of kind {kind}");
    }
}

#[test]
fn an_arena_payload_lies_in_an_extent_and_aligned() {
    // Nine chunks of 128 bytes, then three runs of 512.
    const RUNS: u64 = 9 * 128;
    let good =
        [(0, 0), (64, 64), (0, 128), (RUNS - 64, 64), (RUNS, 512), (RUNS + 448, 64), (RUNS + 1024, 512)];
    let misaligned = [(8, 64), (63, 64)];
    let outside = [(RUNS + 1536, 0), (RUNS + 1536 - 64, 65), (1 << 63, 64), (u64::MAX - 63, 64)];
    let too_long = [(0, 129), (64, 65), (RUNS - 64, 65), (RUNS, 513), (RUNS + 64, 512), (0, u64::MAX)];
    for ((offset, len), verdict) in good
        .map(|range| (range, false))
        .into_iter()
        .chain([&misaligned[..], &outside[..], &too_long[..]].concat().into_iter().map(|range| (range, true)))
    {
        let lane = filled(&[64]);
        let cell = lane.cells.at(FIRST);
        cell.payload[0].store(offset, Relaxed);
        cell.payload[1].store(len, Relaxed);
        assert_eq!(judge(&lane), (verdict, verdict), "{len} at {offset}");
    }
}

#[test]
fn a_successor_finds_payloads_in_no_more_extents_than_a_lane_may_refer_to() {
    const RUN: u64 = 9 * 128;
    // Where three payloads of 64 bytes lie. A lane may refer to two runs.
    let good = [[0, 64, 128], [128, 0, 0], [RUN, RUN + 64, RUN + 128], [RUN, 0, RUN + 512]];
    let bad = [[RUN, RUN + 512, RUN + 1024]];
    for (places, verdict) in
        good.map(|places| (places, false)).into_iter().chain(bad.map(|places| (places, true)))
    {
        let lane = filled(&[64, 64, 64]);
        for (seq, place) in (FIRST..).zip(places) {
            lane.cells.at(seq).payload[0].store(place, Relaxed);
        }
        assert_eq!(judge(&lane), (false, verdict), "{places:?}");
    }
}

#[test]
fn what_a_new_start_makes_new_again_is_not_taken_without_a_look_at_the_room() {
    let lane = filled(&[8, 8, 8]);
    let consumer = Consumer::resume(lane.clone());
    (0..3).for_each(|_| assert!(consumer.take().expect("sound").is_some()));
    let consumer = consumer.request_reset();
    // An answer that leads back.
    lane.producer.reset_from.store(FIRST, Relaxed);
    lane.producer.reset_answer.store(lane.consumer.reset_request.load(Relaxed), Relaxed);
    assert!(consumer.take_reset());
    assert!(consumer.take_new(usize::MAX, Filter::ANY).is_none());
}

#[test]
fn a_message_of_a_block_that_is_not_there_ends_it() {
    for (stamp, is_corrupt) in [(0, false), (FIRST + 4 - 8, false), (FIRST + 3, true), (u64::MAX, true)] {
        let lane = filled(&[8; 8]);
        lane.cells.at(FIRST + 3).stamp.store(stamp, Relaxed);
        let consumer = Consumer::resume(lane.clone());
        consumer.grant(8);
        for seq in FIRST..FIRST + 3 {
            assert_eq!(
                consumer.take_new(usize::MAX, Filter::ANY).map(|descriptor| descriptor.seq),
                Some(seq)
            );
        }
        assert!(consumer.take_new(usize::MAX, Filter::ANY).is_none(), "{stamp}");
        assert_eq!(consumer.take().is_err(), is_corrupt, "{stamp}");
        lane.cells.at(FIRST + 3).stamp.store(FIRST + 4, Relaxed);
        assert_eq!(
            consumer.take_new(usize::MAX, Filter::ANY).map(|descriptor| descriptor.seq),
            Some(FIRST + 3)
        );
    }
}

#[test]
fn no_more_is_taken_than_the_cells_hold_whatever_the_head_says() {
    for forged in [4, 1, u64::MAX, 0] {
        let lane = Lane::on_heap(4, 128, 0);
        let consumer = Consumer::resume(lane.clone());
        let producer = Producer::recover(lane.clone(), 1).expect("a mailbox");
        (0..4).for_each(|_| producer.push(b"x", Slack::Any).expect("room"));
        (0..4).for_each(|_| assert!(consumer.take().expect("sense").is_some()));
        // All are held. Somebody says that they are not.
        head(&lane).store(forged, Relaxed);
        lane.cells.at(4).stamp.store(5, Relaxed);
        consumer.grant(32);
        assert!(consumer.take_new(100, Filter::ANY).is_none(), "a fifth of four cells");
    }
}

#[test]
fn a_head_outside_its_range_is_corrupt() {
    let full = FIRST + 8;
    for bad in [FIRST - 1, full + 1, full + 8, 0, u64::MAX, 1 << 32 | full] {
        let lane = filled(&[]);
        let producer = Producer::recover(lane.clone(), 1).unwrap();
        (0..8).for_each(|_| producer.push(b"", Slack::Any).unwrap());
        head(&lane).store(bad, Relaxed);
        assert_eq!(producer.push(b"", Slack::Any), Err(PushError::Corrupt), "{bad}");
        head(&lane).store(FIRST + 3, Relaxed);
        producer.push(b"", Slack::Any).unwrap();
        // What was given back once cannot be taken back.
        (0..2).for_each(|_| producer.push(b"", Slack::Any).unwrap());
        head(&lane).store(FIRST + 2, Relaxed);
        assert_eq!(producer.push(b"", Slack::Any), Err(PushError::Corrupt));
    }
}

/// Bytes of an area for loans.
const AREA: u64 = 2 * CHUNK;

/// A word that a dishonest peer may write: nonsense, or something that nearly makes sense at `start`.
fn word(start: u64) -> impl Strategy<Value = u64> {
    let beyond = prop_oneof![Just(Location::Arena), Just(Location::Loan)];
    let place = prop_oneof![(0..=48_usize).prop_map(Location::Inline), beyond];
    let envelope = (place, 0..64_u8).prop_map(|(place, epoch)| Envelope {
        tag: 0,
        context: 0,
        epoch,
        kind: Kind::Whole,
        place,
    });
    prop_oneof![
        1 => any::<u64>(),
        2 => (0..=40_u64).prop_map(|blocks| blocks * 64),
        2 => 0..300_u64,
        1 => (0..=AREA / CHUNK).prop_map(|chunks| chunks * CHUNK),
        4 => (-70..140_i64).prop_map(move |near| start.wrapping_add_signed(near)),
        3 => envelope.prop_map(Envelope::pack),
    ]
}

/// What the ends of a mailbox do while words in it change, or a peer that writes such words.
#[derive(Debug, Clone)]
enum Deed {
    Own(Step),
    Poke(Index, u64),
}

type Attack = ((usize, usize, u64), Vec<Deed>);

fn attack() -> impl Strategy<Value = Attack> {
    geometry().prop_flat_map(|geometry| {
        let poke = || (any::<Index>(), word(geometry.2)).prop_map(|(at, word)| Deed::Poke(at, word));
        let deed = prop_oneof![4 => step().prop_map(Deed::Own), 1 => poke()];
        // Much at once, or a little now and then.
        let all =
            (vec(poke(), 0..300), vec(deed.clone(), 0..100)).prop_map(|(first, then)| [first, then].concat());
        (Just(geometry), prop_oneof![all, vec(deed, 0..300)])
    })
}

/// All words that either end believes: head, stamps, envelopes and payload.
fn poke(lane: &Lane, at: &Index, value: u64) {
    let cells = &lane.cells;
    let word = match at.index(1 + 4 * cells.len()) {
        0 => head(lane),
        at => {
            let cell = &cells[(at - 1) / 4];
            [&cell.stamp, &cell.envelope, &cell.payload[0], &cell.payload[1]][(at - 1) % 4]
        }
    };
    word.store(value, Relaxed);
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn whatever_a_peer_writes_nobody_panics_or_leaves_the_mailbox((geometry, deeds) in attack()) {
        let (cells, arena, start) = geometry;
        let loans = (0..AREA / 8).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        let lane = Lane { loans: loans.into(), ..Lane::on_heap(cells, arena as u64, start) };
        let longest = lane.layout.extents(Area::Chunk).size.max(lane.layout.extents(Area::Run).size);
        let mut producer = Producer::recover(lane.clone(), 1);
        let mut consumer = Consumer::resume(lane.clone());
        let mut held = Vec::new();
        for deed in &deeds {
            let step = match deed {
                Deed::Own(step) => step,
                Deed::Poke(at, value) => {
                    poke(&lane, at, *value);
                    continue;
                }
            };
            match (step, &producer) {
                (Step::Push(at, slack), Ok(producer)) => {
                    let _ = producer.push(&payload(0, len_at(at, arena)), *slack);
                }
                (Step::Abort(at), Ok(producer)) => {
                    let _ = producer.claim(len_at(at, arena), Slack::Any);
                }
                (Step::Push(..) | Step::Abort(_), Err(Corrupt)) => {}
                (Step::Take, _) => {
                    let is_ready = consumer.is_ready();
                    let taken = consumer.take();
                    prop_assert!(is_ready || matches!(taken, Ok(None)));
                    if let Ok(Some(descriptor)) = taken {
                        let most = if descriptor.is_loan() { AREA } else { longest.max(INLINE as u64) };
                        prop_assert!(descriptor.len as u64 <= most);
                        prop_assert_eq!(bytes_of(&consumer, &descriptor).len(), descriptor.len);
                        held.push(descriptor);
                        prop_assert!(held.len() <= cells);
                    }
                }
                (Step::Acknowledge(_) | Step::PutBack(..), _) if held.is_empty() => {}
                (Step::Acknowledge(which), _) => {
                    consumer.acknowledge(held.swap_remove(which.index(held.len())).seq);
                }
                (Step::PutBack(which, is_unseen), _) => {
                    let seq = held.swap_remove(which.index(held.len())).seq;
                    if *is_unseen { consumer.leave(seq) } else { consumer.put_back(seq) }
                }
                (Step::Recover, _) => {
                    producer = Producer::recover(lane.clone(), 2);
                    let loans = producer.as_ref().into_iter().flat_map(Producer::loans);
                    loans.for_each(|(_, loan)| assert!(loan.offset + loan.len <= AREA));
                }
                (Step::Resume(is_clean), _) => {
                    if *is_clean {
                        consumer.settle_claim();
                    }
                    consumer = Consumer::resume(lane.clone());
                    held.clear();
                }
            }
            prop_assert!(depth(&lane).1 <= cells as u64);
        }
    }
}
