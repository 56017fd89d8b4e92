//! Model checks of the shipped mailbox, registry, bells, and receiving side: loom runs every interleaving of a few threads,
//! with every stale value that the memory model lets them read.
//!
//! Run with `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release --test loom`.
//!
//! Bounds: two or three threads, mailboxes of 2 or 4 cells and of 128 or 256 bytes of arena, 1 to 4 messages
//! beyond those that fill it. Where `check` is given a number, only schedules with at most so many preemptions
//! are run; otherwise all that loom tells apart.
//! Every model is run again with each mistake that it must notice.
//!
//! What is not weakened, because nothing could be seen of it:
//! - `Edge::Bell`: a process that finds its bell rung fences before it looks again, and the ringer has fenced
//!   before it rang, so the two fences carry what the edge would.
//! - `Edge::Opened`: it guards against touching pages that the system has not reserved, and a heap has none.
#![cfg(loom)]

#[path = "loom/events.rs"]
mod events;
#[path = "loom/several.rs"]
mod several;
#[path = "loom/slots.rs"]
mod slots;
#[path = "loom/streams.rs"]
mod streams;
#[path = "loom/values.rs"]
mod values;

use loom::cell::UnsafeCell;
use loom::thread;
use mailbox::lab::abi::{Activity, Bells, Control, Identity, Rank};
use mailbox::lab::abi::{CallId, Cell, Filter, INLINE, Kind, Label, Location, MAIL, ROOM, Starved};
use mailbox::lab::memory::{self, Lane, Payload, Shared as Words, TransferSlot};
use mailbox::lab::os::{File, Locker, end_of_ringer, have_barriers};
use mailbox::lab::pool::{Blocks, Which};
use mailbox::lab::rank::Registry;
use mailbox::lab::rank::{Bell, FENCE, Order, Polling, Ringer, Seen, disturb, fall_asleep};
use mailbox::lab::ring::{Caller, Server};
use mailbox::lab::ring::{Consumer, Descriptor, Loan, Producer, PushError, Slack, Slot, Source, Target};
use mailbox::lab::sync::Edge::{
    Answer as Answered, Ask, Changes, Consumed, Head, Life, Produced, ResetAnswer, ResetRequest, RingerFence,
    Row, Serving, SleeperFence, Stamp, Starved as StarvedEdge, Wanted,
};
use mailbox::lab::sync::Mutant::{
    self, Acquire, Blind, Busy, Claim, Clear, Exit, Fence, FreshHead, Lock, Release, Shared,
};
use mailbox::lab::sync::{AtomicU32, AtomicU64, Ordering, set_mutant};
use mailbox::lab::wait::{
    Common, Crew, Deadline, Found, Interrupted, Look as Thoroughness, Operation, Step, Waiter,
};
use mailbox::{Lost, Status, Wait};
use std::cell::RefCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Plain, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Runs `model` as it is shipped, then with each of `mutants`, which it must notice.
///
/// Either of its two sides goes first once. Loom knows only the last access to a word: where a thread loads
/// what it then stores, an earlier load by another thread is forgotten, and never tried after the store.
fn check(
    preemptions: Option<usize>,
    mutants: &[Mutant],
    model: impl Fn(Turn) + Copy + Send + Sync + 'static,
) {
    let explore = || {
        for turn in [Turn::Left, Turn::Right] {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = preemptions;
            builder.check(move || model(turn));
        }
    };
    explore();
    for mutant in mutants {
        set_mutant(Some(*mutant));
        let result = catch_unwind(AssertUnwindSafe(explore));
        set_mutant(None);
        assert!(result.is_err(), "{mutant:?} goes unnoticed");
    }
}

/// Which side of a model goes first, as long as it can.
#[derive(Clone, Copy)]
enum Turn {
    Left,
    Right,
}

/// Runs both at once; returns when both have ended.
fn side_by_side(turn: Turn, left: impl FnOnce() + Send + 'static, right: impl FnOnce() + Send + 'static) {
    match turn {
        Turn::Left => {
            let right = thread::spawn(right);
            left();
            right.join().unwrap();
        }
        Turn::Right => {
            let left = thread::spawn(left);
            right();
            left.join().unwrap();
        }
    }
}

// --- The mailbox -------------------------------------------------------------------------------------------

/// A mailbox, and its room as loom's race detector sees it: a write that does not happen after all earlier
/// reads of the same bytes is reported, and a read that does not happen after the write.
///
/// Contents alone would not do: loom's loads never return what is stored later, so a consumer that gives
/// room back too early would still read the old bytes.
struct Room {
    lane: Lane,
    cells: Vec<UnsafeCell<()>>,
    blocks: Vec<UnsafeCell<()>>,
}

// SAFETY: the cells hold nothing; they are there to have accesses to them checked.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Sync for Room {}

/// Words of the arena's unit of allocation.
const BLOCK: usize = 8;

impl Room {
    /// All parts of the room that the message `seq` with payload `words` takes.
    fn parts(&self, seq: u64, words: &[AtomicU64]) -> impl Iterator<Item = &UnsafeCell<()>> {
        let arena = self.lane.arena.as_ptr_range();
        let first = words.as_ptr();
        let blocks = if arena.contains(&first) {
            let first = (first as usize - arena.start as usize) / size_of::<AtomicU64>();
            first / BLOCK..(first + words.len()).div_ceil(BLOCK)
        } else {
            0..0
        };
        let cell = seq as usize % self.cells.len();
        self.cells[cell..=cell].iter().chain(&self.blocks[blocks])
    }
}

/// A producer whose messages say their sequence number.
struct Sender {
    producer: Producer,
    room: Arc<Room>,
}

impl Sender {
    /// The producer that goes on where the last one stopped.
    fn recover(room: &Arc<Room>) -> Self {
        let producer = Producer::recover(room.lane.clone(), 1).expect("the mailbox is sound");
        Self { producer, room: room.clone() }
    }

    /// Everything of a message but its publication.
    fn draft(&self, len: usize) -> Result<Slot, PushError> {
        let slot = self.producer.claim(len, Slack::Any)?;
        let words = self.producer.words(&slot);
        self.room.parts(slot.seq, words).for_each(|part| part.with_mut(|_| ()));
        for word in ends(words) {
            word.store(slot.seq, Ordering::Relaxed);
        }
        Ok(slot)
    }

    /// Sends one message of `len` bytes, once there is room.
    fn send(&self, len: usize) {
        loop {
            match self.draft(len) {
                Ok(slot) => return self.producer.publish(&slot),
                Err(error) => assert_eq!(error, PushError::Full),
            }
            thread::yield_now();
        }
    }

    fn send_all<const N: usize>(&self, lens: [usize; N]) {
        lens.into_iter().for_each(|len| self.send(len));
    }

    /// Begins one more message and gets no further than `stop`.
    fn stop(&self, stop: Stop) {
        match stop {
            Stop::Idle => {}
            Stop::Published => self.send(56),
            Stop::Drafted | Stop::Stampless => {
                let Ok(slot) = self.draft(56) else { return };
                if stop == Stop::Stampless {
                    let cell = self.room.lane.cells.at(slot.seq);
                    cell.payload[1].store(u64::MAX, Ordering::Relaxed);
                    cell.envelope.store(u64::MAX, Ordering::Relaxed);
                }
            }
        }
    }
}

struct Receiver {
    consumer: Consumer,
    room: Arc<Room>,
}

impl Receiver {
    /// The consumer that begins with what the last one did not acknowledge.
    fn resume(room: &Arc<Room>) -> Self {
        Self { consumer: Consumer::resume(room.lane.clone()), room: room.clone() }
    }

    fn try_recv(&self) -> Option<Descriptor> {
        self.consumer.take().expect("the mailbox is sound").inspect(|descriptor| self.read(descriptor))
    }

    /// The next message, once it is there.
    fn recv(&self) -> Descriptor {
        loop {
            if let Some(descriptor) = self.try_recv() {
                return descriptor;
            }
            thread::yield_now();
        }
    }

    /// Finds in a message what its sender wrote.
    fn read(&self, descriptor: &Descriptor) {
        let words = self.consumer.words(descriptor);
        self.room.parts(descriptor.seq, words).for_each(|part| part.with(|_| ()));
        for word in ends(words) {
            assert_eq!(word.load(Ordering::Relaxed), descriptor.seq, "not what was sent");
        }
    }

    /// Reads a message once more and gives its room back.
    fn acknowledge(&self, descriptor: &Descriptor) {
        self.read(descriptor);
        self.consumer.acknowledge(descriptor.seq);
    }

    /// Receives and acknowledges messages with these sequence numbers.
    fn expect(&self, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            let descriptor = self.recv();
            assert_eq!(descriptor.seq, seq, "a gap or a repeat");
            self.acknowledge(&descriptor);
        }
    }
}

/// The first and the last word of a payload: enough to tell messages apart, and few enough to be modelled.
fn ends(words: &[AtomicU64]) -> impl Iterator<Item = &AtomicU64> {
    let last = if words.len() > 1 { words.last() } else { None };
    words.first().into_iter().chain(last)
}

/// An empty mailbox whose next sequence number is `start`.
fn room(cells: usize, arena: usize, start: u64) -> Arc<Room> {
    let unwatched = |count| (0..count).map(|_| UnsafeCell::new(())).collect();
    let lane = Lane::on_heap(cells, arena as u64, start);
    let blocks = unwatched(lane.arena.len() / BLOCK);
    Arc::new(Room { lane, cells: unwatched(cells), blocks })
}

/// A mailbox with both its ends.
fn lane(cells: usize, arena: usize, start: u64) -> (Sender, Receiver) {
    let room = room(cells, arena, start);
    (Sender::recover(&room), Receiver::resume(&room))
}

const RING: [Mutant; 4] = [Release(Stamp), Acquire(Stamp), Release(Head), Acquire(Head)];

#[test]
fn messages_arrive_in_order_while_cells_are_used_again() {
    check(None, &RING, |turn| {
        let start = u64::MAX - 1;
        let (sender, receiver) = lane(2, 128, start);
        let seqs = (0..4).map(move |count| start.wrapping_add(count));
        side_by_side(turn, move || (0..4).for_each(|_| sender.send(8)), move || receiver.expect(seqs));
    });
}

#[test]
fn small_messages_arrive_in_order_by_the_short_way() {
    check(None, &RING, |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        let send = move || {
            for _ in 0..4 {
                sender.producer.grant(0);
                if !sender.producer.push_small(&full(&sender), Label::NONE, false) {
                    sender.send(8);
                }
            }
        };
        let receive = move || {
            for seq in 0..4 {
                receiver.consumer.grant(1);
                let descriptor = loop {
                    match receiver.consumer.take_new(usize::MAX, Filter::ANY) {
                        Some(descriptor) => break descriptor,
                        None => thread::yield_now(),
                    }
                };
                assert_eq!(descriptor.seq, seq, "a gap or a repeat");
                receiver.read(&descriptor);
                assert!(receiver.consumer.pass_oldest(seq));
                receiver.consumer.publish_head();
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn messages_arrive_in_order_while_the_arena_is_used_again() {
    check(None, &RING, |turn| {
        let (sender, receiver) = lane(4, 128, 0);
        side_by_side(turn, move || (0..4).for_each(|_| sender.send(56)), move || receiver.expect(0..4));
    });
}

#[test]
fn a_payload_that_is_longer_than_a_chunk_waits_for_a_run() {
    check(None, &RING, |turn| {
        let (sender, receiver) = lane(4, 256, 0);
        side_by_side(turn, move || sender.send_all([120; 3]), move || receiver.expect(0..3));
    });
}

#[test]
fn room_given_back_is_done_with() {
    check(None, &[Release(Head), Acquire(Head)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([56, 8]);
        assert_eq!(sender.draft(8).unwrap_err(), PushError::Full);
        side_by_side(turn, move || sender.send_all([56, 8]), move || receiver.expect(0..4));
    });
}

#[test]
fn room_acknowledged_out_of_order_is_free_from_the_oldest_on() {
    check(None, &[Release(Head), Acquire(Head)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([56, 8]);
        let receive = move || {
            let (first, second) = (receiver.recv(), receiver.recv());
            receiver.acknowledge(&second);
            assert!(receiver.try_recv().is_none(), "the oldest cell is not free");
            receiver.acknowledge(&first);
            receiver.expect(2..4);
        };
        side_by_side(turn, move || sender.send_all([8, 56]), receive);
    });
}

/// How far a producer gets with its last message.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Idle,
    Drafted,
    /// All words of the cell except its stamp are written, in any order.
    Stampless,
    Published,
}

#[test]
fn a_producer_that_stops_anywhere_is_succeeded_without_gap_or_repeat() {
    for stop in [Stop::Idle, Stop::Drafted, Stop::Stampless, Stop::Published] {
        check(Some(4), &RING, move |turn| {
            let (sender, receiver) = lane(2, 128, 0);
            let messages = if stop == Stop::Published { 4 } else { 3 };
            // One thread for both: the rank's lock puts a successor behind all that its predecessor did.
            let send = move || {
                sender.send(56);
                sender.stop(stop);
                let successor = Sender::recover(&sender.room);
                drop(sender);
                successor.send_all([56, 8]);
            };
            let receive = move || {
                receiver.expect(0..messages);
                assert!(receiver.try_recv().is_none(), "a repeat");
            };
            side_by_side(turn, send, receive);
        });
    }
}

#[test]
fn a_consumer_is_succeeded_from_its_oldest_unacknowledged_message_on() {
    check(None, &RING, |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        let receive = move || {
            receiver.expect(0..1);
            let (_held, acknowledged) = (receiver.recv(), receiver.recv());
            receiver.acknowledge(&acknowledged);
            let successor = Receiver::resume(&receiver.room);
            drop(receiver);
            successor.expect(1..4);
        };
        side_by_side(turn, move || sender.send_all([56, 8, 56, 8]), receive);
    });
}

// --- Batches -----------------------------------------------------------------------------------------------

/// The next message, if it is to fill a cell.
fn full(sender: &Sender) -> Vec<u8> {
    [sender.producer.tail().to_ne_bytes(); INLINE / 8].concat()
}

/// Holds messages of these lengths back; 8 stands for a full cell that goes by the short way, if that was allowed.
fn hold_all<const N: usize>(sender: &Sender, lens: [usize; N]) {
    for len in lens {
        let (producer, full) = (&sender.producer, full(sender));
        let is_held = len == 8
            && (producer.push_small(&full, Label::NONE, true) || producer.begin_to_hold(&full, Label::NONE));
        if !is_held {
            let slot = sender.draft(len).expect("there is room");
            producer.hold_back(&slot);
        }
        producer.grant(u64::MAX);
    }
}

#[test]
fn a_batch_arrives_in_order_once_it_is_revealed() {
    check(None, &[Release(Stamp), Acquire(Stamp)], |turn| {
        let (sender, receiver) = lane(4, 256, 0);
        let send = move || {
            hold_all(&sender, [8, 56, 8]);
            sender.producer.reveal();
        };
        side_by_side(turn, send, move || receiver.expect(0..3));
    });
    // The first one goes by the short way, too.
    check(None, &[Release(Stamp), Acquire(Stamp)], |turn| {
        let (sender, receiver) = lane(4, 256, 0);
        let send = move || {
            sender.producer.grant(u64::MAX);
            hold_all(&sender, [8, 8, 56]);
            sender.producer.reveal();
        };
        side_by_side(turn, send, move || receiver.expect(0..3));
    });
}

#[test]
fn messages_of_a_block_are_there_when_their_own_stamps_are() {
    // The row's last stamp may be that of a message which a batch still holds back.
    check(None, &[Release(Stamp), Acquire(Row)], |turn| {
        let (sender, receiver) = lane(4, 256, 0);
        let send = move || {
            sender.send(8);
            hold_all(&sender, [8, 8]);
            sender.producer.reveal();
        };
        let receive = move || {
            receiver.consumer.grant(3);
            for seq in 0..3 {
                let descriptor = loop {
                    match receiver.consumer.take_new(usize::MAX, Filter::ANY) {
                        Some(descriptor) => break descriptor,
                        None => thread::yield_now(),
                    }
                };
                assert_eq!(descriptor.seq, seq, "a gap or a repeat");
                receiver.read(&descriptor);
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn a_drain_gives_room_back_once_it_tells_of_its_block() {
    check(None, &[Release(Head), Acquire(Head)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([8, 8]);
        let receive = move || {
            receiver.consumer.grant(2);
            let first = receiver.consumer.take_new(usize::MAX, Filter::ANY).expect("it was sent");
            receiver.read(&first);
            assert!(receiver.consumer.begins_row(&first));
            let second = receiver.consumer.take_following(1, Filter::ANY).expect("it was sent");
            receiver.read(&second);
            receiver.consumer.retire(&second);
            receiver.consumer.settle();
            receiver.expect(2..4);
        };
        side_by_side(turn, move || sender.send_all([8, 8]), receive);
    });
}

#[test]
fn what_a_batch_acknowledged_is_written_again_only_once_it_is_settled() {
    check(None, &[Release(Head), Acquire(Head)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([56, 56]);
        let receive = move || {
            for _ in 0..2 {
                let descriptor = receiver.recv();
                receiver.consumer.retire(&descriptor);
            }
            receiver.consumer.settle();
            receiver.expect(2..4);
        };
        side_by_side(turn, move || sender.send_all([56, 8]), receive);
    });
}

#[test]
fn what_a_stopped_sender_held_back_was_never_sent() {
    check(None, &[Release(Stamp), Acquire(Stamp)], |turn| {
        let (sender, receiver) = lane(4, 256, 0);
        let send = move || {
            sender.send(56);
            hold_all(&sender, [56, 56]);
            let successor = Sender::recover(&sender.room);
            drop(sender);
            hold_all(&successor, [8, 56]);
            successor.producer.reveal();
        };
        side_by_side(turn, send, move || receiver.expect(0..3));
    });
}

#[test]
fn what_a_stopped_receiver_acknowledged_in_a_batch_is_received_again() {
    check(None, &[Release(Head), Acquire(Head)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([56, 8]);
        let receive = move || {
            for _ in 0..2 {
                let descriptor = receiver.recv();
                receiver.consumer.retire(&descriptor);
            }
            let successor = Receiver::resume(&receiver.room);
            drop(receiver);
            successor.expect(0..3);
        };
        side_by_side(turn, move || sender.send(56), receive);
    });
}

// --- Loans -------------------------------------------------------------------------------------------------

/// An area for loans with room for one, to which two lanes may refer; `part` as in a [`Room`].
struct Area {
    words: Words<[AtomicU64]>,
    part: UnsafeCell<()>,
    lanes: [Lane; 2],
}

// SAFETY: as for `Room`.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Sync for Area {}

const ONLY: Loan = Loan { offset: 0, len: 8 };

/// The owner of an area, in one life.
struct Owner {
    area: Arc<Area>,
    blocks: Blocks,
    producers: [Producer; 2],
}

impl Area {
    fn new() -> Arc<Self> {
        let words: Words<[AtomicU64]> = vec![AtomicU64::new(0)].into();
        let lane = || Lane { loans: words.clone(), ..Lane::on_heap(2, 128, 0) };
        Arc::new(Self { lanes: [lane(), lane()], part: UnsafeCell::new(()), words })
    }

    /// Receives a loan of this value, which is there, from one of the lanes, and is done with it.
    fn expect(&self, consumer: &Consumer, value: u64) {
        let descriptor = consumer.take().expect("the mailbox is sound").expect("a loan");
        self.part.with(|_| ());
        assert!(descriptor.is_loan());
        assert_eq!(consumer.words(&descriptor)[0].load(Ordering::Relaxed), value, "not what was lent");
        consumer.acknowledge(descriptor.seq);
    }

    fn readers(&self) -> [Consumer; 2] {
        [0, 1].map(|lane| Consumer::resume(self.lanes[lane].clone()))
    }
}

impl Owner {
    /// The successor of the area's last owner, or the first owner.
    fn recover(area: &Arc<Area>, epoch: u64) -> Self {
        let producer = |lane: &Lane| Producer::recover(lane.clone(), epoch).expect("the mailbox is sound");
        let producers = [producer(&area.lanes[0]), producer(&area.lanes[1])];
        let mut blocks = Blocks::new(1);
        for (lane, producer) in (0..).zip(&producers) {
            producer.loans().for_each(|(seq, loan)| blocks.adopt(lane, seq, loan.chunks()));
        }
        Self { area: area.clone(), blocks, producers }
    }

    /// Lends a value through the first so many lanes, once there is room.
    fn lend(&mut self, value: u64, lanes: usize) {
        let Self { area, blocks, producers } = self;
        let first = loop {
            for lane in blocks.readers() {
                blocks.free_below(lane, producers[lane as usize].acknowledged().expect("a sound head"));
            }
            match blocks.find(1, Which::Any) {
                Some(first) => break first,
                None => thread::yield_now(),
            }
        };
        blocks.take(first, 1);
        area.part.with_mut(|_| ());
        area.words[0].store(value, Ordering::Relaxed);
        for (lane, producer) in (0..).zip(&producers[..lanes]) {
            let slot = producer.claim(0, Slack::Any).expect("a free cell");
            blocks.refer(first, lane, slot.seq);
            producer.publish(&slot.of_loan(ONLY));
        }
        blocks.release(first);
    }
}

/// Both readers at once read what was lent to them first, and are done with it.
fn read_first(area: Arc<Area>, lanes: usize) {
    let [one, other] = area.readers();
    let also = area.clone();
    let reading = thread::spawn(move || also.expect(&one, 1));
    if lanes == 2 {
        area.expect(&other, 1);
    }
    reading.join().unwrap();
}

#[test]
fn a_block_is_written_again_once_both_its_readers_are_done_with_it() {
    check(Some(4), &[Release(Head), Acquire(Head)], |turn| {
        let area = Area::new();
        let mut owner = Owner::recover(&area, 1);
        owner.lend(1, 2);
        side_by_side(turn, move || owner.lend(2, 2), move || read_first(area, 2));
    });
}

#[test]
fn the_successor_of_a_stopped_owner_waits_for_all_that_have_what_it_lent() {
    check(Some(4), &[Release(Head), Acquire(Head)], move |turn| {
        for lanes in [1, 2] {
            let area = Area::new();
            Owner::recover(&area, 1).lend(1, lanes);
            let own = area.clone();
            side_by_side(turn, move || Owner::recover(&own, 2).lend(2, 2), move || read_first(area, lanes));
        }
    });
}

// --- A reset -----------------------------------------------------------------------------------------------

#[test]
fn a_reset_loses_what_was_there_and_nothing_that_follows() {
    let mutants = [Release(ResetRequest), Acquire(ResetRequest), Release(ResetAnswer), Acquire(ResetAnswer)];
    check(Some(4), &mutants, |turn| {
        let (sender, mut receiver) = lane(2, 128, 0);
        sender.send(56);
        let send = move || {
            while !sender.producer.take_was_reset() {
                sender.producer.answer();
                thread::yield_now();
            }
            sender.send_all([56, 8, 56]);
        };
        let receive = move || {
            receiver.consumer = receiver.consumer.request_reset();
            while !receiver.consumer.take_reset() {
                thread::yield_now();
            }
            receiver.expect(1..4);
        };
        side_by_side(turn, send, receive);
    });
}

// --- Giving up what an absent rank has not received ----------------------------------------------------------

#[test]
fn who_joins_while_mail_is_given_up_gets_all_of_it_or_none() {
    check(None, &[Lock], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([56, 8]);
        let (registry, room) = (registry(), receiver.room.clone());
        let joined = registry.clone();
        let give_up = move || {
            if let Some(_absence) = registry.keep_away(0).unwrap() {
                assert_eq!(sender.producer.discard(), Ok(2));
            }
            // It is written where that was.
            if let Ok(slot) = sender.draft(56) {
                sender.producer.publish(&slot);
            }
        };
        let join = move || {
            let Some(_claim) = joined.claim(0, b"", 1, 0).unwrap() else { return };
            let receiver = Receiver::resume(&room);
            let seqs: Vec<u64> = std::iter::from_fn(|| {
                let mail = receiver.try_recv()?;
                receiver.read(&mail);
                Some(mail.seq)
            })
            .collect();
            assert!([&[0, 1][..], &[2], &[]].contains(&&seqs[..]), "{seqs:?}");
        };
        side_by_side(turn, give_up, join);
    });
}

// --- The registry ------------------------------------------------------------------------------------------

/// A registry of one rank that nobody ever held.
fn registry() -> Registry {
    let word = || AtomicU64::new(0);
    let bell = || AtomicU32::new(0);
    let rank = Rank {
        identity: Identity {
            life: word(),
            pid: word(),
            label: std::array::from_fn(|_| word()),
            lock: word(),
            former: word(),
            found_dead: word(),
        }
        .into(),
        bells: Bells { word: bell(), modes: [bell(), bell()], events: [bell(), bell()] }.into(),
        opened: std::array::from_fn(|_| word()).into(),
        activity: Activity { awaited: [word(), word()], sleeps: word(), processors: [word(), word()] }.into(),
        declined: std::array::from_fn(|_| word()).into(),
    };
    let control = Arc::new(Control { changes: word(), reserved: word() });
    Registry::new(vec![rank].into(), control.into(), Locker::new(File::unlocked()))
}

/// Claims the rank, if nobody holds it, and gives it back as a process does that ends.
///
/// `holder` is the epoch of the life that goes on. Returns the epoch of the claim; 0 is none.
fn hold(registry: &Registry, holder: &Plain, label: &[u8]) -> u64 {
    let Some(claim) = registry.claim(0, label, 1, 0).unwrap() else { return 0 };
    assert_eq!(holder.swap(claim.epoch(), Relaxed), 0, "two holders");
    assert_eq!(registry.status(0).0, Status::Live);
    assert_eq!(claim.check(), Ok(()));
    assert_eq!(registry.label(0), label);
    holder.store(0, Relaxed);
    claim.epoch()
}

#[test]
fn a_rank_has_one_holder_at_a_time_and_a_new_epoch_for_each() {
    check(None, &[Lock], |turn| {
        let (registry, holder) = (registry(), Arc::new(Plain::new(0)));
        let claims = Arc::new(Plain::new(0));
        let claimant = |label: &'static [u8]| {
            let (registry, holder, claims) = (registry.clone(), holder.clone(), claims.clone());
            move || {
                let epoch = hold(&registry, &holder, label);
                claims.fetch_add(u64::from(epoch != 0), Relaxed);
            }
        };
        side_by_side(turn, claimant(b"one"), claimant(b"other"));
        assert_eq!(registry.life(0).epoch(), claims.load(Relaxed));
    });
}

#[test]
fn who_sees_a_life_sees_its_label() {
    check(None, &[Release(Life), Acquire(Life)], |turn| {
        let registry = registry();
        let seen = registry.clone();
        let claim = move || assert!(registry.claim(0, b"some words", 1, 0).unwrap().is_some());
        let look = move || {
            if seen.life(0).joined() {
                assert_eq!(seen.label(0), b"some words");
            }
        };
        side_by_side(turn, claim, look);
    });
}

#[test]
fn a_holder_is_never_called_dead() {
    check(None, &[], |turn| {
        let (registry, holder) = (registry(), Arc::new(Plain::new(0)));
        let (asked, held) = (registry.clone(), holder.clone());
        let claim = move || {
            assert_eq!(hold(&registry, &holder, b"one"), 1);
            assert_eq!(hold(&registry, &holder, b"two"), 2);
            assert_eq!(registry.status(0).0, Status::Dead);
        };
        let ask = move || {
            let (status, life) = asked.status(0);
            if status == Status::Dead {
                assert_ne!(held.load(Relaxed), life.epoch());
            }
        };
        side_by_side(turn, claim, ask);
    });
}

#[test]
fn who_sees_that_a_sender_left_sees_its_last_message() {
    check(None, &[Release(Life), Acquire(Life)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        let registry = registry();
        let claim = registry.claim(0, b"", 1, 0).unwrap().expect("the only claimant");
        let leave = move || {
            sender.send(56);
            claim.leave();
        };
        let receive = move || {
            if registry.status(0).0 == Status::Left {
                assert!(receiver.try_recv().is_some(), "the last message is missing");
            }
        };
        side_by_side(turn, leave, receive);
    });
}

#[test]
fn who_sees_that_lives_changed_sees_how() {
    check(None, &[Release(Changes), Acquire(Changes)], |turn| {
        let registry = registry();
        let seen = registry.clone();
        let change = move || {
            let claim = registry.claim(0, b"", 1, 0).unwrap().expect("the only claimant");
            registry.report_death(0, claim.life());
            claim.leave();
        };
        let scan = move || {
            let changes = seen.changes();
            let life = seen.life(0);
            match changes {
                0 => {}
                1 => assert_eq!(life.epoch(), 1, "not the claim"),
                2 => assert!(!life.joined() || seen.is_said_dead(0, life), "not the death"),
                _ => assert!(!life.joined(), "not the leave"),
            }
        };
        side_by_side(turn, change, scan);
    });
}

// --- The bells ---------------------------------------------------------------------------------------------

fn bells() -> Arc<Bells> {
    let bell = || AtomicU32::new(0);
    Arc::new(Bells { word: bell(), modes: [bell(), bell()], events: [bell(), bell()] })
}

fn mail(bells: &Bells) -> Bell<'_> {
    Bell::mail(bells)
}

fn room_bell(bells: &Bells) -> Bell<'_> {
    Bell::room(bells)
}

/// Sleeps on `bell` until `look` finds something; both sides fence. There is no time in a model: a wake-up that is
/// lost is a deadlock, which loom reports.
fn sleep<T>(bell: Bell<'_>, look: impl FnMut() -> Option<T>) -> T {
    sleep_in(&Order::of(FENCE), bell, look)
}

/// The same, in this order.
fn sleep_in<T>(order: &Order, bell: Bell<'_>, look: impl FnMut() -> Option<T>) -> T {
    sleep_for([(order, bell)], look)
}

/// Sleeps for mail and for room at once, each in its own order.
fn sleep_for_both<T>(bells: &Bells, look: impl FnMut() -> Option<T>) -> T {
    let orders = [Order::of(FENCE), Order::of(FENCE)];
    sleep_for([(&orders[0], mail(bells)), (&orders[1], room_bell(bells))], look)
}

/// Sleeps on all these bells at once, each in its order.
fn sleep_for<T, const N: usize>(sleeps: [(&Order, Bell<'_>); N], look: impl FnMut() -> Option<T>) -> T {
    let sleeper = Sleeper { sleeps };
    let mut look = Look { look, found: None };
    assert!(mailbox::lab::wait::wait(&sleeper, Deadline::Never, &mut look).is_ok());
    look.found.expect("there is no deadline")
}

struct Sleeper<'a, const N: usize> {
    sleeps: [(&'a Order, Bell<'a>); N],
}

impl<const N: usize> Waiter for Sleeper<'_, N> {
    fn sleeps(&self) -> impl Iterator<Item = (&Order, Bell<'_>)> + Clone {
        self.sleeps.iter().copied()
    }

    fn how(&self) -> Wait {
        Wait::Block
    }

    fn polling(&self) -> Polling {
        Polling::Free
    }

    fn check(&self) -> Result<(), Lost> {
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        false
    }

    fn take_interruption(&self) -> Result<(), Interrupted> {
        Ok(())
    }

    fn count_try(&self) -> bool {
        false
    }
}

/// What a sleeper looks for.
struct Look<T, F> {
    look: F,
    found: Option<T>,
}

/// Nothing ends it early.
#[derive(Debug)]
struct Never;

impl From<Interrupted> for Never {
    fn from(_: Interrupted) -> Self {
        Never
    }
}

impl From<Lost> for Never {
    fn from(_: Lost) -> Self {
        Never
    }
}

impl<T, F: FnMut() -> Option<T>> Operation for Look<T, F> {
    type Error = Never;

    fn look(&mut self, _: bool) -> Result<bool, Never> {
        self.found = (self.look)();
        Ok(self.found.is_some())
    }

    fn check(&mut self, _: bool) -> Result<bool, Never> {
        Ok(false)
    }

    fn step(&mut self) -> Result<Step, Never> {
        Ok(Step::Done)
    }
}

/// Sends one message without waiting for room, and rings.
fn send_and_ring(sender: &Sender, bells: &Bells) {
    let slot = sender.draft(8).expect("there is room");
    sender.producer.publish(&slot);
    Ringer::register().ring(mail(bells));
}

/// Acknowledges one message that is there, and rings.
fn acknowledge_and_ring(receiver: &Receiver, bells: &Bells) {
    let descriptor = receiver.try_recv().expect("there is a message");
    receiver.acknowledge(&descriptor);
    Ringer::register().ring(room_bell(bells));
}

/// Sleeps until there is room, and sends one message.
fn send_once_woken(sender: &Sender, bells: &Bells) {
    let slot = sleep(room_bell(bells), || sender.draft(8).ok());
    sender.producer.publish(&slot);
}

const BELL: [Mutant; 4] = [Fence(SleeperFence), Fence(RingerFence), Clear, Blind];

#[test]
fn a_receiver_that_sleeps_is_woken_for_every_message() {
    check(None, &BELL, |turn| {
        let (bells, (sender, receiver)) = (bells(), lane(2, 128, 0));
        let rung = bells.clone();
        let send = move || (0..2).for_each(|_| send_and_ring(&sender, &rung));
        let receive = move || {
            for seq in 0..2 {
                assert_eq!(sleep(mail(&bells), || receiver.try_recv()).seq, seq);
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn a_receiver_that_sleeps_is_woken_by_each_of_two_senders() {
    check(Some(3), &BELL, |turn| {
        let bells = bells();
        let [(one, from_one), (other, from_other)] = [lane(2, 128, 0), lane(2, 128, 0)];
        let rung = bells.clone();
        let send = move || {
            let also_rung = rung.clone();
            let sending = thread::spawn(move || send_and_ring(&one, &also_rung));
            send_and_ring(&other, &rung);
            sending.join().unwrap();
        };
        let receive = move || {
            for _ in 0..2 {
                sleep(mail(&bells), || from_one.try_recv().or_else(|| from_other.try_recv()));
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn a_sender_that_sleeps_is_woken_for_room() {
    check(None, &BELL, |turn| {
        let (bells, (sender, receiver)) = (bells(), lane(2, 128, 0));
        sender.send_all([8, 8]);
        let rung = bells.clone();
        let receive = move || (0..2).for_each(|_| acknowledge_and_ring(&receiver, &rung));
        let send = move || (0..2).for_each(|_| send_once_woken(&sender, &bells));
        side_by_side(turn, send, receive);
    });
}

#[test]
fn a_sender_that_sleeps_is_woken_by_each_of_two_receivers() {
    check(Some(3), &BELL, |turn| {
        let bells = bells();
        let [(to_one, one), (to_other, other)] = [lane(2, 128, 0), lane(2, 128, 0)];
        to_one.send_all([8, 8]);
        to_other.send_all([8, 8]);
        let rung = bells.clone();
        let receive = move || {
            let also_rung = rung.clone();
            let receiving = thread::spawn(move || acknowledge_and_ring(&one, &also_rung));
            acknowledge_and_ring(&other, &rung);
            receiving.join().unwrap();
        };
        let send = move || {
            send_once_woken(&to_one, &bells);
            send_once_woken(&to_other, &bells);
        };
        side_by_side(turn, send, receive);
    });
}

/// Says that this producer, which has just found no room, waits.
fn starve(sender: &Sender) {
    let seq = sender.producer.seen_head();
    sender.producer.starve(Starved { seq, is_any: false, epoch: 1, is_alone: true });
}

/// The message that the producer waits for, if that is held.
fn held_up(receiver: &Receiver) -> Option<u64> {
    let seq = receiver.consumer.starved()?.seq;
    let is_held = receiver.consumer.is_taken(seq) && !receiver.consumer.is_unread(seq);
    is_held.then_some(seq)
}

#[test]
fn who_is_told_that_a_sender_waits_sees_all_that_it_sent_before() {
    check(None, &[Release(StarvedEdge), Acquire(StarvedEdge)], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send(8);
        let send = move || {
            sender.send(8);
            assert_eq!(sender.draft(8).unwrap_err(), PushError::Full);
            starve(&sender);
        };
        let receive = move || {
            let held = receiver.try_recv().expect("it was sent");
            if held_up(&receiver) == Some(held.seq) {
                assert!(receiver.consumer.is_ready(), "there is something to take");
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn nobody_is_told_that_a_sender_waits_which_has_room() {
    check(None, &[FreshHead], |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([8, 8]);
        let send = move || {
            if sender.draft(8).is_err() {
                starve(&sender);
            }
        };
        let receive = move || {
            let held = [receiver.recv(), receiver.recv()];
            receiver.acknowledge(&held[0]);
            assert_eq!(held_up(&receiver), None, "a cell is free");
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn a_receiver_that_sleeps_is_woken_when_what_it_holds_leaves_no_room() {
    check(Some(3), &BELL, |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        sender.send_all([8, 8]);
        let (senders, receivers) = (bells(), bells());
        let (mine, theirs) = (senders.clone(), receivers.clone());
        let send = move || {
            let slot = sleep(room_bell(&mine), || match sender.draft(8) {
                Ok(slot) => Some(slot),
                Err(_) => {
                    starve(&sender);
                    Ringer::register().ring(mail(&theirs));
                    None
                }
            });
            sender.producer.publish(&slot);
        };
        let receive = move || {
            let held = [receiver.recv(), receiver.recv()];
            assert_eq!(sleep(mail(&receivers), || held_up(&receiver)), 0);
            receiver.acknowledge(&held[0]);
            Ringer::register().ring(room_bell(&senders));
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn both_sides_sleep_and_wake_each_other() {
    check(Some(3), &BELL, |turn| {
        let (sender, receiver) = lane(2, 128, 0);
        let (senders, receivers) = (bells(), bells());
        let (mine, theirs) = (senders.clone(), receivers.clone());
        let send = move || {
            for _ in 0..3 {
                send_once_woken(&sender, &mine);
                Ringer::register().ring(mail(&theirs));
            }
        };
        let receive = move || {
            for seq in 0..3 {
                let descriptor = sleep(mail(&receivers), || receiver.try_recv());
                assert_eq!(descriptor.seq, seq);
                receiver.acknowledge(&descriptor);
                Ringer::register().ring(room_bell(&senders));
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn a_sleeper_is_disturbed_whatever_else_wakes_it() {
    check(Some(3), &BELL, |turn| {
        let (bells, (sender, receiver)) = (bells(), lane(2, 128, 0));
        let flag = Arc::new(AtomicU32::new(0));
        let (rung, raised) = (bells.clone(), flag.clone());
        let disturb = move || {
            let also_rung = rung.clone();
            let sending = thread::spawn(move || send_and_ring(&sender, &also_rung));
            raised.store(1, Ordering::Release);
            disturb(&rung);
            sending.join().unwrap();
        };
        let receive = move || {
            sleep(mail(&bells), || receiver.try_recv());
            sleep(mail(&bells), || (flag.load(Ordering::Relaxed) == 1).then_some(()));
        };
        side_by_side(turn, disturb, receive);
    });
}

#[test]
fn the_successor_of_a_stopped_sleeper_is_woken_whoever_rings_meanwhile() {
    check(Some(3), &BELL, |turn| {
        let (registry, (sender, receiver)) = (registry(), lane(2, 128, 0));
        // As a process leaves it that fell asleep and never woke.
        registry.rank(0).bells.word.store(MAIL, Ordering::Relaxed);
        let rung = registry.clone();
        let send = move || (0..2).for_each(|_| send_and_ring(&sender, &rung.rank(0).bells));
        let receive = move || {
            // Never left, nor let go of where a mutant ends the model before its end.
            std::mem::forget(registry.claim(0, b"", 1, 0).unwrap().expect("the only claimant"));
            for seq in 0..2 {
                assert_eq!(sleep(mail(&registry.rank(0).bells), || receiver.try_recv()).seq, seq);
            }
        };
        side_by_side(turn, send, receive);
    });
}

#[test]
fn both_halves_of_an_endpoint_sleep_and_each_is_woken() {
    check(Some(3), &BELL, |turn| {
        // Two threads of one rank: its mailbox to the peer is full, that from the peer is empty.
        let bells = bells();
        let [(out, peers_in), (peers_out, inward)] = [lane(2, 128, 0), lane(2, 128, 0)];
        out.send_all([8, 8]);
        let rung = bells.clone();
        let halves = move || {
            let own = bells.clone();
            let sending = thread::spawn(move || send_once_woken(&out, &own));
            sleep(mail(&bells), || inward.try_recv());
            sending.join().unwrap();
        };
        let peer = move || {
            send_and_ring(&peers_out, &rung);
            acknowledge_and_ring(&peers_in, &rung);
        };
        side_by_side(turn, halves, peer);
    });
}

/// Counts to one more, and rings.
fn count_and_ring(count: &AtomicU64, bell: Bell<'_>) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Release);
    Ringer::register().ring(bell);
}

fn has_counted(count: &AtomicU64, number: u64) -> Option<()> {
    (count.load(Ordering::Acquire) >= number).then_some(())
}

#[test]
fn two_that_sleep_on_one_bell_are_woken_each_by_its_ringer() {
    check(Some(2), &[Fence(SleeperFence), Fence(RingerFence), Clear, Blind, Exit, Shared], |turn| {
        let bells = bells();
        let [mails, rooms] = [0; 2].map(|start| Arc::new(AtomicU64::new(start)));
        let (rung, told, given) = (bells.clone(), mails.clone(), rooms.clone());
        let sleepers = move || {
            let (other, rooms) = (bells.clone(), rooms.clone());
            let sender = thread::spawn(move || sleep(room_bell(&other), || has_counted(&rooms, 1)));
            sleep(mail(&bells), || has_counted(&mails, 1));
            sender.join().unwrap();
        };
        let ringers = move || {
            let (other, given) = (rung.clone(), given.clone());
            let receiver = thread::spawn(move || count_and_ring(&given, room_bell(&other)));
            count_and_ring(&told, mail(&rung));
            receiver.join().unwrap();
        };
        side_by_side(turn, sleepers, ringers);
    });
}

#[test]
fn one_that_sleeps_again_and_again_wakes_and_disturbs_no_other_sleeper_on_its_bell() {
    check(Some(2), &[Fence(SleeperFence), Fence(RingerFence), Clear, Blind, Exit, Shared], |turn| {
        let bells = bells();
        let [mails, rooms] = [0; 2].map(|start| Arc::new(AtomicU64::new(start)));
        let (rung, told, given) = (bells.clone(), mails.clone(), rooms.clone());
        let sleepers = move || {
            let (other, rooms) = (bells.clone(), rooms.clone());
            let sender = thread::spawn(move || sleep(room_bell(&other), || has_counted(&rooms, 1)));
            (1..=2).for_each(|number| sleep(mail(&bells), || has_counted(&mails, number)));
            sender.join().unwrap();
        };
        let ring = move || {
            count_and_ring(&told, mail(&rung));
            count_and_ring(&given, room_bell(&rung));
            count_and_ring(&told, mail(&rung));
        };
        side_by_side(turn, sleepers, ring);
    });
}

#[test]
fn who_sleeps_for_mail_and_room_at_once_is_woken_by_either() {
    check(Some(3), &BELL, |turn| {
        let bells = bells();
        let [mails, rooms] = [0; 2].map(|start| Arc::new(AtomicU64::new(start)));
        let (rung, told, given) = (bells.clone(), mails.clone(), rooms.clone());
        let sleeper = move || {
            let mut seen = [false; 2];
            while seen != [true; 2] {
                sleep_for_both(&bells, || {
                    let now = [&mails, &rooms].map(|count| has_counted(count, 1).is_some());
                    (now != seen).then(|| seen = now)
                });
            }
        };
        let ringers = move || {
            let (other, given) = (rung.clone(), given.clone());
            let receiver = thread::spawn(move || count_and_ring(&given, room_bell(&other)));
            count_and_ring(&told, mail(&rung));
            receiver.join().unwrap();
        };
        side_by_side(turn, sleeper, ringers);
    });
}

/// Sleeps for the mail of two ranks at once until both counts are 1.
fn sleep_as_two_ranks(orders: [&Order; 2], bells: &[Arc<Bells>; 2], counts: &[Arc<AtomicU64>; 2]) {
    let sleeps = [0, 1].map(|at| (orders[at], mail(&bells[at])));
    let mut seen = [false; 2];
    while seen != [true; 2] {
        sleep_for(sleeps, || {
            let now = counts.each_ref().map(|count| has_counted(count, 1).is_some());
            (now != seen).then(|| seen = now)
        });
    }
}

#[test]
fn who_sleeps_as_two_ranks_is_woken_for_either() {
    check(Some(3), &[Fence(SleeperFence), Fence(RingerFence), Clear, Blind], |turn| {
        let (both, counts) = ([bells(), bells()], [0; 2].map(|start| Arc::new(AtomicU64::new(start))));
        let ([first, second], [one, other]) = (both.clone(), counts.clone());
        let sleeper = move || {
            let orders = [Order::of(FENCE), Order::of(FENCE)];
            sleep_as_two_ranks(orders.each_ref(), &both, &counts);
        };
        let ringers = move || {
            let (first, one) = (first.clone(), one.clone());
            let ringer = thread::spawn(move || count_and_ring(&one, mail(&first)));
            count_and_ring(&other, mail(&second));
            ringer.join().unwrap();
        };
        side_by_side(turn, sleeper, ringers);
    });
}

#[test]
fn who_sleeps_as_two_ranks_takes_no_wake_up_from_the_half_of_one_that_sleeps_for_room() {
    check(Some(2), &[Fence(SleeperFence), Fence(RingerFence), Clear, Blind, Exit, Shared], |turn| {
        let (both, counts) = ([bells(), bells()], [1, 0].map(|start| Arc::new(AtomicU64::new(start))));
        let rooms = Arc::new(AtomicU64::new(0));
        let (rung, told, given) = (both[1].clone(), counts[1].clone(), rooms.clone());
        let sleepers = move || {
            let (other, rooms) = (both[1].clone(), rooms.clone());
            let sender = thread::spawn(move || sleep(room_bell(&other), || has_counted(&rooms, 1)));
            let orders = [Order::of(FENCE), Order::of(FENCE)];
            sleep_as_two_ranks(orders.each_ref(), &both, &counts);
            sender.join().unwrap();
        };
        let ring = move || {
            count_and_ring(&given, room_bell(&rung));
            count_and_ring(&told, mail(&rung));
        };
        side_by_side(turn, sleepers, ring);
    });
}

#[test]
fn who_sleeps_on_a_rank_that_is_claimed_is_woken_all_the_same() {
    check(Some(3), &[Fence(SleeperFence), Fence(RingerFence), Clear, Blind, Claim], |turn| {
        let (registry, rooms) = (registry(), Arc::new(AtomicU64::new(0)));
        let (claimed, given) = (registry.clone(), rooms.clone());
        // Such as a process that lost the rank.
        let sleeper = move || sleep(room_bell(&registry.rank(0).bells), || has_counted(&rooms, 1));
        let claim = move || {
            let ringing = claimed.clone();
            let ringer = thread::spawn(move || count_and_ring(&given, room_bell(&ringing.rank(0).bells)));
            std::mem::forget(claimed.claim(0, b"", 1, 0).unwrap().expect("the only claimant"));
            ringer.join().unwrap();
        };
        side_by_side(turn, sleeper, claim);
    });
}

// --- Which side pays for the order --------------------------------------------------------------------------------

/// A number that grows: what is published, at its plainest.
struct Count(AtomicU64);

/// Checks a model with barriers, which may come anywhere into its ringer: it counts to two and rings each time. The
/// sleeper sleeps until it sees one, does `between`, and sleeps until it sees two.
fn check_order(order: fn() -> Order, between: fn(&Order, Bell<'_>), mutants: &[Mutant]) {
    have_barriers(true);
    check(Some(3), mutants, move |turn| {
        let (bells, count) = (bells(), Arc::new(Count(AtomicU64::new(0))));
        let order = order();
        bells.modes[0].store(if order.fences() { FENCE } else { 0 }, Ordering::Relaxed);
        let (rung, counted) = (bells.clone(), count.clone());
        let ring = move || {
            for number in 1..=2 {
                counted.0.store(number, Ordering::Release);
                let ringer = Ringer::register();
                if !ringer.needs_no_ring(mail(&rung)) {
                    ringer.ring(mail(&rung));
                }
            }
            end_of_ringer();
        };
        let sleep = move || {
            let see = |number| {
                sleep_in(&order, mail(&bells), || (count.0.load(Ordering::Acquire) >= number).then_some(()))
            };
            see(1);
            between(&order, mail(&bells));
            see(2);
        };
        side_by_side(turn, ring, sleep);
    });
    have_barriers(false);
}

#[test]
fn one_barrier_does_for_all_bells_of_a_sleeper() {
    have_barriers(true);
    // One of the bells is that of a rank whose ringers fence.
    for is_mixed in [false, true] {
        check(Some(3), &[Mutant::Barrier, Blind], move |turn| {
            let (both, counts) = ([bells(), bells()], [1, 0].map(|start| Arc::new(AtomicU64::new(start))));
            both[0].modes[0].store(if is_mixed { FENCE } else { 0 }, Ordering::Relaxed);
            let (rung, told) = (both[1].clone(), counts[1].clone());
            let ring = move || {
                count_and_ring(&told, mail(&rung));
                end_of_ringer();
            };
            let sleep = move || {
                let orders = [is_mixed, false].map(|fences| Order::new(fences, true, SELDOM, AGE));
                sleep_as_two_ranks(orders.each_ref(), &both, &counts);
            };
            side_by_side(turn, ring, sleep);
        });
    }
    have_barriers(false);
}

fn nothing(_order: &Order, _bell: Bell<'_>) {}

const SELDOM: u32 = u32::MAX;
const AGE: Duration = Duration::from_secs(1 << 30);

#[test]
fn barriers_alone_lose_no_wake_up() {
    check_order(|| Order::new(false, true, SELDOM, AGE), nothing, &[Mutant::Barrier, Clear]);
}

#[test]
fn no_wake_up_is_lost_on_the_way_to_fences() {
    // The first sleep is often already: it has the last barrier, and the second one fences.
    let mutants = [Mutant::Barrier, Mutant::Late, Fence(SleeperFence), Fence(RingerFence), Clear];
    check_order(|| Order::new(false, true, 0, AGE), nothing, &mutants);
}

#[test]
fn no_wake_up_is_lost_on_the_way_to_barriers() {
    // The first sleep fences; the second one finds that it was quiet, and has a barrier.
    let mutants = [Mutant::Barrier, Fence(SleeperFence), Fence(RingerFence), Clear];
    check_order(|| Order::new(true, true, SELDOM, Duration::ZERO), nothing, &mutants);
}

#[test]
fn no_wake_up_is_lost_to_barriers_and_back() {
    // The first sleep fences, then it is quiet for long, and the second one is often again.
    let between = |order: &Order, bell: Bell<'_>| {
        let later = Instant::now() + AGE;
        order.quieten(bell, later);
        order.quieten(bell, later + AGE);
        assert!(!order.fences());
    };
    let mutants = [Mutant::Barrier, Fence(SleeperFence), Fence(RingerFence), Clear];
    check_order(|| Order::new(true, true, 0, AGE), between, &mutants);
}

// --- A crew ------------------------------------------------------------------------------------------------

/// What a crew has here: what peers counted, and how much of it was taken.
struct Counted {
    bells: Arc<Bells>,
    orders: [Order; 2],
    counts: [Arc<AtomicU64>; 3],
    taken: RefCell<[u64; 3]>,
}

/// What a thread of a crew waits for: one more of a count. The first and the last are rung for as mail, the other as room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Mail = 0,
    Room = 1,
    Answer = 2,
}

impl Counted {
    /// Takes one more, if there is one.
    fn take(&self, want: Want) -> Option<()> {
        let taken = &mut self.taken.borrow_mut()[want as usize];
        has_counted(&self.counts[want as usize], *taken + 1).map(|()| *taken += 1)
    }

    fn bell(&self, bit: u32) -> (&Order, Bell<'_>) {
        let at = usize::from(bit == ROOM);
        (&self.orders[at], Bell::of(&self.bells, bit))
    }
}

impl Common for Counted {
    type Want = Want;

    fn bits(want: &Want) -> u32 {
        if *want == Want::Room { ROOM } else { MAIL }
    }

    fn hears_of_ends(_: &Want) -> bool {
        false
    }

    fn is_alike(one: &Want, other: &Want) -> bool {
        one == other
    }

    fn has_news(&self, want: &Want, is_first: bool) -> bool {
        let taken = self.taken.borrow()[*want as usize];
        is_first && has_counted(&self.counts[*want as usize], taken + 1).is_some()
    }

    fn fall_asleep(&self, _: &Want, bits: u32, now: Instant) -> Seen {
        let bits = [MAIL, ROOM].into_iter().filter(|bit| bits & bit != 0);
        fall_asleep(bits.map(|bit| self.bell(bit)), now)
    }

    fn wake_up(&self, bits: u32) {
        Bell::of(&self.bells, bits).wake_up();
    }

    fn until_question(&self) -> Duration {
        Duration::MAX
    }

    fn how(&self) -> Wait {
        Wait::Block
    }

    fn polling(&self) -> Polling {
        Polling::Free
    }
}

/// A crew, and what its peers count and ring.
#[derive(Clone)]
struct Peers {
    crew: Arc<Crew<Counted>>,
    bells: Arc<Bells>,
    counts: [Arc<AtomicU64>; 3],
}

impl Peers {
    fn new() -> Self {
        let (bells, counts) = (bells(), [0; 3].map(|start| Arc::new(AtomicU64::new(start))));
        let orders = [Order::of(FENCE), Order::of(FENCE)];
        let taken = RefCell::default();
        let common = Counted { bells: bells.clone(), orders, counts: counts.clone(), taken };
        Self { crew: Arc::new(Crew::new(bells.clone().into(), common)), bells, counts }
    }

    /// Waits for one more as a thread of the crew does: it looks before it takes a seat.
    fn wait(&self, want: Want) {
        if self.crew.with(|counted| counted.take(want)).is_some() {
            return;
        }
        let look = |counted: &Counted, how| match how {
            Thoroughness::Thorough if counted.take(want).is_some() => Ok::<_, Never>(Found::All(())),
            _ => Ok(Found::Nothing),
        };
        assert!(self.crew.wait(want, Deadline::Never, look).unwrap().is_some(), "there is no deadline");
    }

    /// Counts one more, as a peer, and rings.
    fn give(&self, want: Want) {
        self.counts[want as usize].fetch_add(1, Ordering::Release);
        Ringer::register().ring(Bell::of(&self.bells, Counted::bits(&want)));
    }

    /// Two threads of the crew, which wait for one thing each, beside peers.
    fn check(wants: [Want; 2], mutants: &[Mutant], give: impl Fn(&Self) + Copy + Send + Sync + 'static) {
        check(Some(2), mutants, move |turn| {
            let peers = Self::new();
            let [one, other] = [peers.clone(), peers.clone()];
            let wait = move || {
                let second = thread::spawn(move || other.wait(wants[1]));
                one.wait(wants[0]);
                second.join().unwrap();
            };
            side_by_side(turn, wait, move || give(&peers));
        });
    }
}

#[test]
fn two_threads_of_a_crew_that_wait_for_the_same_get_one_each() {
    let mutants = [Mutant::Desert, Fence(SleeperFence), Fence(RingerFence), Clear];
    Peers::check([Want::Mail, Want::Mail], &mutants, |peers| {
        peers.give(Want::Mail);
        peers.give(Want::Mail);
    });
}

#[test]
fn two_threads_of_a_crew_that_wait_for_mail_and_for_room_each_get_theirs() {
    let mutants = [Mutant::Desert, Fence(SleeperFence), Fence(RingerFence), Clear];
    Peers::check([Want::Mail, Want::Room], &mutants, |peers| {
        peers.give(Want::Mail);
        peers.give(Want::Room);
    });
}

#[test]
fn three_threads_of_a_crew_get_one_each() {
    check(Some(1), &[Mutant::Desert, Mutant::Selfish], |turn| {
        let peers = Peers::new();
        let [one, second, third] = [peers.clone(), peers.clone(), peers.clone()];
        let wait = move || {
            let second = thread::spawn(move || second.wait(Want::Mail));
            let third = thread::spawn(move || third.wait(Want::Room));
            one.wait(Want::Mail);
            one.give(Want::Room);
            third.join().unwrap();
            second.join().unwrap();
        };
        let give = move || {
            peers.give(Want::Mail);
            peers.give(Want::Mail);
        };
        side_by_side(turn, wait, give);
    });
}

/// What the second thread waits for comes once the first has got its own: no other ring helps that one.
fn check_first(want: Want, mutants: &[Mutant]) {
    check(Some(3), mutants, move |turn| {
        let peers = Peers::new();
        let [one, other] = [peers.clone(), peers.clone()];
        let wait = move || {
            let second = thread::spawn(move || other.wait(Want::Answer));
            one.wait(want);
            one.give(Want::Answer);
            second.join().unwrap();
        };
        side_by_side(turn, wait, move || peers.give(want));
    });
}

#[test]
fn a_thread_of_a_crew_gets_what_is_rung_for_while_another_sits_down() {
    check_first(Want::Mail, &[Mutant::Selfish, Mutant::Stale, Mutant::Again]);
}

#[test]
fn a_thread_of_a_crew_gets_room_while_another_waits_for_mail() {
    check_first(Want::Room, &[Mutant::Selfish, Mutant::Stale, Mutant::Overtake]);
}

// --- The call line -----------------------------------------------------------------------------------------

/// A call line, and its payload as loom's race detector sees it.
struct Line {
    cell: memory::Shared<Cell>,
    payload: UnsafeCell<()>,
}

// SAFETY: as for `Room`.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Sync for Line {}

impl Line {
    fn new() -> Arc<Self> {
        let cell = Arc::new(memory::cell(0)).into();
        Arc::new(Self { cell, payload: UnsafeCell::new(()) })
    }

    fn caller(&self) -> Caller {
        Caller::resume(self.cell.clone())
    }

    fn server(&self, epoch: u64) -> Server {
        Server::new(self.cell.clone(), epoch)
    }

    /// Asks a number of the server's life of this epoch, once the line is free.
    fn ask(&self, caller: &Caller, epoch: u64, number: u64) -> u64 {
        while !caller.is_free(epoch) {
            thread::yield_now();
        }
        self.payload.with_mut(|_| ());
        caller.ask(epoch, 0, 1, &number.to_ne_bytes())
    }

    /// The number that answers, if it has come.
    fn answered(&self, caller: &Caller, stamp: u64) -> Option<u64> {
        let (bytes, len) = caller.answer_in_line(stamp)?;
        self.payload.with(|_| ());
        let answer = caller.answer(stamp).expect("it makes sense").expect("it is there");
        assert_eq!((answer.kind, answer.place, len), (Kind::Answer, Location::Inline(len), 8));
        caller.is_wanted.set(false);
        bytes.first_chunk().map(|number| u64::from_ne_bytes(*number))
    }

    fn wait_for_answer(&self, caller: &Caller, stamp: u64) -> u64 {
        wait(|| self.answered(caller, stamp))
    }

    /// The call that is asked, if there is one, and its number.
    fn taken(&self, server: &Server) -> Option<(u64, u64)> {
        let descriptor = server.take(|| None)?;
        self.payload.with(|_| ());
        Some((descriptor.seq, server.words()[0].load(Ordering::Relaxed)))
    }

    /// Answers with the number that was asked, and a hundred more.
    fn answer(&self, server: &Server, (stamp, number): (u64, u64)) {
        self.payload.with_mut(|_| ());
        server.answer(stamp, Kind::Answer, &(number + 100).to_ne_bytes());
    }

    fn serve(&self, server: &Server) {
        self.answer(server, wait(|| self.taken(server)));
    }
}

fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        match look() {
            Some(found) => return found,
            None => thread::yield_now(),
        }
    }
}

const LINE: [Mutant; 4] = [Release(Ask), Acquire(Ask), Release(Answered), Acquire(Answered)];

#[test]
fn request_and_answer_take_turns_in_a_line() {
    check(None, &LINE, |turn| {
        let line = Line::new();
        let (caller, server) = (line.caller(), line.server(1));
        let other = line.clone();
        let ask = move || {
            for number in 0..2 {
                let stamp = line.ask(&caller, 1, number);
                assert_eq!(line.wait_for_answer(&caller, stamp), number + 100);
            }
        };
        side_by_side(turn, ask, move || (0..2).for_each(|_| other.serve(&server)));
    });
}

#[test]
fn a_late_answer_meets_the_call_that_was_given_up() {
    check(None, &[Busy, Release(Answered), Acquire(Answered)], |turn| {
        let line = Line::new();
        let (caller, server) = (line.caller(), line.server(1));
        let other = line.clone();
        let ask = move || {
            line.ask(&caller, 1, 1);
            caller.is_wanted.set(false);
            let stamp = line.ask(&caller, 1, 2);
            assert_eq!(line.wait_for_answer(&caller, stamp), 102);
        };
        side_by_side(turn, ask, move || (0..2).for_each(|_| other.serve(&server)));
    });
}

#[test]
fn a_late_answer_meets_the_call_of_a_caller_that_stopped() {
    check(None, &[Busy, Release(Answered), Acquire(Answered)], |turn| {
        let line = Line::new();
        line.ask(&line.caller(), 1, 1);
        let (successor, server) = (line.caller(), line.server(1));
        let other = line.clone();
        let ask = move || {
            let stamp = line.ask(&successor, 1, 2);
            assert_eq!(line.wait_for_answer(&successor, stamp), 102);
        };
        side_by_side(turn, ask, move || (0..2).for_each(|_| other.serve(&server)));
    });
}

#[test]
fn the_successor_of_a_server_that_stopped_sees_no_call_of_before() {
    check(None, &[Release(Ask), Acquire(Ask)], |turn| {
        let line = Line::new();
        let caller = line.caller();
        line.ask(&caller, 1, 1);
        caller.is_wanted.set(false);
        let epoch = Arc::new(AtomicU64::new(1));
        let (other, next) = (line.clone(), epoch.clone());
        let ask = move || {
            // As the life of its rank says it.
            wait(|| (epoch.load(Ordering::Acquire) == 2).then_some(()));
            let stamp = line.ask(&caller, 2, 2);
            assert_eq!(line.wait_for_answer(&caller, stamp), 102);
        };
        let answer = move || {
            // It stops in the middle of its answer.
            let (_, number) = other.taken(&other.server(1)).expect("it is there");
            assert_eq!(number, 1);
            other.payload.with_mut(|_| ());
            other.cell.payload[0].store(101, Ordering::Relaxed);
            next.store(2, Ordering::Release);
            other.serve(&other.server(2));
        };
        side_by_side(turn, ask, answer);
    });
}

#[test]
fn an_answer_that_the_line_says_lies_in_the_lane_is_there() {
    check(None, &[Release(Answered), Acquire(Answered)], |turn| {
        let line = Line::new();
        let lane = Lane::on_heap(2, 128, 0);
        let (caller, server) = (line.caller(), line.server(1));
        let (other, returns) = (line.clone(), lane.clone());
        let ask = move || {
            let stamp = line.ask(&caller, 1, 1);
            let answers = Consumer::resume(lane);
            let answer = wait(|| caller.answer(stamp).expect("it makes sense"));
            assert_eq!(answer.place, Location::Arena);
            let found = answers.take().expect("it makes sense").expect("it was there first");
            assert_eq!(answers.words(&found)[0].load(Ordering::Relaxed), 101);
            answers.acknowledge(found.seq);
        };
        let answer = move || {
            let (stamp, number) = wait(|| other.taken(&server));
            let producer = Producer::recover(returns, 1).expect("a lane");
            let bytes = (number + 100).to_ne_bytes();
            let slot = producer.claim(bytes.len(), Slack::Any).expect("room");
            producer.fill(&slot.numbered(Kind::Answer, CallId::of_line(stamp).number()), &bytes);
            server.answer_in_lane(stamp, Kind::Answer);
        };
        side_by_side(turn, ask, answer);
    });
}

#[test]
fn caller_and_server_sleep_and_wake_each_other() {
    check(Some(3), &BELL, |turn| {
        let line = Line::new();
        let (caller, server) = (line.caller(), line.server(1));
        let (callers, servers) = (bells(), bells());
        let (other, mine, theirs) = (line.clone(), callers.clone(), servers.clone());
        let ask = move || {
            for number in 0..2 {
                let stamp = line.ask(&caller, 1, number);
                Ringer::register().ring(mail(&theirs));
                assert_eq!(sleep(mail(&mine), || line.answered(&caller, stamp)), number + 100);
            }
        };
        let answer = move || {
            for _ in 0..2 {
                let call = sleep(mail(&servers), || other.taken(&server));
                other.answer(&server, call);
                Ringer::register().ring(mail(&callers));
            }
        };
        side_by_side(turn, ask, answer);
    });
}

// --- Announced messages ------------------------------------------------------------------------------------

/// The words of message `seq`, which goes through a ring of one word.
fn message(seq: u64) -> [u64; 2] {
    [10 * seq + 11, 10 * seq + 12]
}

/// Serves these messages as they are wanted. `word` is the ring's, as loom's race detector sees it.
fn serve(slot: TransferSlot, seqs: Range<u64>, word: &UnsafeCell<()>) {
    let source = Source::new(slot);
    for seq in seqs {
        let wanted = wait(|| source.wanted().filter(|wanted| wanted.is_of(seq)));
        source.begin(wanted);
        let bytes: Vec<u8> = message(seq).iter().flat_map(|word| word.to_ne_bytes()).collect();
        for _ in message(seq) {
            wait(|| (source.room() > 0).then_some(()));
            word.with_mut(|_| ());
            assert!(source.put(Payload::Whole(&bytes)));
        }
    }
}

/// Takes these messages, one after the other, in the life of this epoch.
fn fetch(slot: TransferSlot, epoch: u64, seqs: Range<u64>, word: &UnsafeCell<()>) {
    let target = Target::new(slot, epoch);
    for seq in seqs {
        target.want(seq, 16);
        for expected in message(seq) {
            wait(|| {
                let taken = target.take(16, |words, at, count| {
                    word.with(|_| ());
                    assert_eq!((words[0].load(Relaxed), at, count), (expected, 0, 8));
                });
                taken.expect("sense").then_some(())
            });
        }
    }
}

/// Loom's cells are not `Sync`, as the real ones.
struct RingWord(UnsafeCell<()>);

// SAFETY: it holds nothing; it is there to have accesses to it checked.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Sync for RingWord {}

#[test]
fn announced_messages_arrive_through_a_ring_that_is_shorter() {
    let mutants = [Wanted, Serving, Produced, Consumed].map(|edge| [Release(edge), Acquire(edge)]);
    check(Some(2), mutants.as_flattened(), |turn| {
        let slot = TransferSlot::on_heap(8);
        let word = Arc::new(RingWord(UnsafeCell::new(())));
        let (other, other_word) = (slot.clone(), word.clone());
        side_by_side(turn, move || serve(slot, 0..2, &word.0), move || fetch(other, 1, 0..2, &other_word.0));
    });
}

#[test]
fn what_a_stopped_receiver_left_of_a_transfer_is_not_taken_for_its_successors() {
    check(Some(2), &[], |turn| {
        let slot = TransferSlot::on_heap(8);
        let word = Arc::new(RingWord(UnsafeCell::new(())));
        let (other, other_word) = (slot.clone(), word.clone());
        // It wanted the first message, and had its first word; its successor wants the second.
        serve_first_word(&slot);
        side_by_side(turn, move || serve(slot, 1..2, &word.0), move || fetch(other, 2, 1..2, &other_word.0));
    });
}

/// The first word of message 0 goes through the ring to the receiver's first life.
fn serve_first_word(slot: &TransferSlot) {
    let (source, target) = (Source::new(slot.clone()), Target::new(slot.clone(), 1));
    target.want(0, 16);
    source.begin(source.wanted().expect("wanted"));
    assert!(source.put(Payload::Whole(&[7; 16])));
    assert_eq!(target.take(16, |_, _, _| ()), Ok(true));
}
