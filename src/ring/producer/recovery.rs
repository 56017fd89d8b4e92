//! Where a producer begins: where the last one stopped or, if the consumer asks for a reset, at a new start.
//!
//! A successor scans `[head, head + cells]` for consecutive valid stamps to find its tail. It asks these cells which
//! extents they refer to, and places nothing there until they are free. A cell that names a place where no payload
//! can lie, or more extents than a lane may refer to, is `Corrupt`. Stamps after the first gap belong to a batch that
//! died, and are wiped.

use super::{LANE, Producer};
use crate::abi::{Envelope, Kind, Location, step, unpack_bytes};
use crate::memory::Lane;
use crate::pool::{Pool, Recovery, Reference};
use crate::ring::budget::Budget;
use crate::ring::{Corrupt, bytes, cell, check_stale};
use crate::sync::{Edge, Ordering::Relaxed, acquire, release};
use core::cell::RefCell;

impl Producer {
    /// The producer of `lane`. It goes on where the last one stopped, wherever that was (I8): it finds its tail by
    /// the stamps, and the live part of the arena by the cells before it.
    ///
    /// `epoch` is the sender's. Cost: one look at every cell.
    pub fn recover(lane: Lane, epoch: u64) -> Result<Self, Corrupt> {
        let cells = lane.cells.len() as u64;
        // Pairs with the consumer's store: makes the `head` visible that was stored before it.
        let reset = lane.consumer.reset_request.load(acquire(Edge::ResetRequest));
        let is_answered = lane.producer.reset_answer.load(Relaxed) == reset;
        let wants_reset = reset & 1 == 1;
        let head = if wants_reset && is_answered {
            lane.producer.reset_from.load(Relaxed)
        } else {
            lane.consumer.head.load(acquire(Edge::Head))
        };
        if wants_reset && !is_answered {
            let producer = Self::at(lane, epoch, head, head);
            producer.give_reset(reset);
            return Ok(producer);
        }
        let mut tail = head;
        // Our own side wrote these stamps, in a former life. The rank's lock and `head` make them visible.
        while tail.wrapping_sub(head) < cells {
            let stamp = cell(&lane, tail).stamp.load(acquire(Edge::Stamp));
            if stamp != tail.wrapping_add(1) {
                check_stale(stamp, tail, cells)?;
                break;
            }
            tail = tail.wrapping_add(1);
        }
        // What a former life held back for a batch: all stamped, except for the first. Nobody has looked at it,
        // because nobody has seen the first.
        for ahead in tail.wrapping_sub(head) + 1..cells {
            let seq = head.wrapping_add(ahead);
            let stamp = &cell(&lane, seq).stamp;
            if stamp.load(Relaxed) == seq.wrapping_add(1) {
                stamp.store(0, Relaxed);
            }
        }
        let pool = recover_pool(&lane, head, tail)?;
        let producer = Self { pool: pool.into(), ..Self::at(lane, epoch, head, tail) };
        producer.answered.set(reset);
        Ok(producer)
    }

    fn at(lane: Lane, epoch: u64, head: u64, tail: u64) -> Self {
        let cells = lane.cells.len() as u64;
        let line = &lane.producer;
        if line.starved.load(Relaxed) != 0 {
            // From a life that ended while it waited.
            line.starved.store(0, Relaxed);
        }
        let (counted_bytes, counted) =
            unpack_bytes(line.bytes.load(Relaxed), line.counted.load(Relaxed), cells);
        let since = (0..).map(|ahead| {
            let cell = cell(&lane, counted.wrapping_add(ahead));
            [&cell.envelope, &cell.payload[1]].map(|word| word.load(Relaxed))
        });
        let bytes = bytes(counted_bytes, counted..tail, cells as u32, since);
        let epoch = (epoch % 64) as u8;
        let (kind, place) = (Kind::Whole, Location::Inline(0));
        Self {
            envelope: Envelope { tag: 0, context: 0, epoch, kind, place }.pack(),
            epoch,
            counted: step(cells) - 1,
            tail: tail.into(),
            head: head.into(),
            room: Budget::none(tail),
            patience: Budget::none(tail),
            bytes: bytes.into(),
            held: None.into(),
            held_from: 0.into(),
            was_short: false.into(),
            has_pages: (0..lane.layout.count()).map(|_| lane.has_pages.into()).collect(),
            pool: RefCell::new(Pool::new(lane.layout)),
            lost: false.into(),
            answered: 0.into(),
            starving: None.into(),
            lane,
        }
    }

    /// Gives the consumer a reset if it asks for one, once. Returns whether the consumer has asked and not yet taken
    /// it.
    ///
    /// Cost: the line of `head`; and a store to each cell if the consumer has asked.
    pub fn answer(&self) -> bool {
        // Pairs with the consumer's store: if the consumer has taken the reset, `head` is the new one.
        let reset = self.lane.consumer.reset_request.load(acquire(Edge::ResetRequest));
        let wants_reset = reset & 1 == 1;
        if wants_reset && reset != self.answered.get() {
            self.give_reset(reset);
            self.lost.set(true);
            self.revoke();
        }
        wants_reset
    }

    /// Gives up all that was published, and says where the rest begins.
    fn give_reset(&self, reset: u64) {
        let tail = self.tail.get();
        let start = self.held.get().unwrap_or(tail);
        for ahead in 0..self.cells() {
            let seq = start.wrapping_add(ahead);
            let stamp = &self.cell(seq).stamp;
            // Wipes whatever is stamped there, except for what is held back.
            let is_held = ahead > 0 && ahead < tail.wrapping_sub(start);
            if !is_held || stamp.load(Relaxed) != seq.wrapping_add(1) {
                stamp.store(0, Relaxed);
            }
        }
        self.head.set(start);
        self.pool.borrow_mut().restart(LANE, start);
        let line = &self.lane.producer;
        line.reset_from.store(start, Relaxed);
        // Pairs with the consumer's load: the stamps are wiped.
        line.reset_answer.store(reset, release(Edge::ResetAnswer));
        self.answered.set(reset);
    }
}

/// What is in use in the arena: the payloads of the live messages `head..tail`, each in an extent.
fn recover_pool(lane: &Lane, head: u64, tail: u64) -> Result<Pool, Corrupt> {
    let mut recovery = Recovery::new(lane.layout);
    let live = (0..tail.wrapping_sub(head)).map(|ahead| head.wrapping_add(ahead));
    let references = live.filter_map(|seq| {
        let cell = cell(lane, seq);
        match Envelope::unpack(cell.envelope.load(Relaxed)).map(|envelope| envelope.place) {
            // The arena does not hold loans.
            Some(Location::Inline(_) | Location::Loan) => None,
            Some(Location::Arena) => {
                let [offset, len] = [0, 1].map(|word| cell.payload[word].load(Relaxed));
                Some(Some(Reference { seq, offset, len }))
            }
            None => Some(None),
        }
    });
    if recovery.adopt(LANE, references) { Ok(recovery.finish()) } else { Err(Corrupt) }
}
