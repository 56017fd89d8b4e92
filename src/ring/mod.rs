//! A lane's two ends: one producer, one consumer, no locks.
//!
//! Each message has its cell (`abi::position`). The producer writes the payload, then the stamp `seq + 1` with
//! Release. A consumer that sees the expected stamp has the message. A cell's position fixes the only stamp that can
//! be valid there next, so stale bytes never look like a message, and cells need not be zeroed. A producer that stops
//! half-way leaves nothing visible. The consumer stores `head` with Release at every acknowledgement; only that gives
//! room back.
//!
//! The idea of a sequence number in every slot comes from Dmitry Vyukov's bounded queue. With one producer and one
//! consumer, it needs no read-modify-write.
//!
//! The *consumer* compares the stamp of the next cell with the expected one. A stamp that is neither the expected
//! one, nor one lap old, nor that of an unused cell is `Corrupt`. Mails may be dropped in any order, so a private
//! bitmap says which are acknowledged; `head` moves to the oldest one that is not. The consumer may read ahead of
//! `head`, so that a filtered receive leaves other mail in place.
//!
//! A *producer* that found the cells full waits for a quarter of them; after 64 polls it takes any. Otherwise the two
//! sides would take turns on the line of `head`. No other store comes between the stores to a cell, or a consumer
//! that polls would take the line away half-written. Sequence numbers never start again during a region's life.

mod budget;
mod call_line;
mod consumer;
mod descriptor;
mod loan;
mod producer;
mod seq_set;
mod transfer;

pub use call_line::{Answer, Caller, Server};
pub use consumer::{Consumer, New, Row};
pub use descriptor::Descriptor;
pub use loan::Loan;
pub use producer::{Producer, PushError, Slack, Slot, Writer};
pub use transfer::{Source, Target, TransferId};

use crate::abi::{Cell, Envelope, Kind, Location, PoolLayout, step};
use crate::memory::Lane;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use core::ops::Range;

/// The peer's words make no sense (I1). The mailbox cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

#[inline(always)]
pub(crate) fn cell(lane: &Lane, seq: u64) -> &Cell {
    lane.cells.at(seq)
}

/// Checks that a stamp which is not the expected one of `seq` is one lap old, or that of a cell that was never
/// written.
#[inline(always)]
pub(crate) fn check_stale(stamp: u64, seq: u64, cells: u64) -> Result<(), Corrupt> {
    if stamp == seq.wrapping_add(1).wrapping_sub(cells) || stamp == 0 { Ok(()) } else { Err(Corrupt) }
}

/// Payload bytes that were ever sent through a lane of `ring` cells: the bytes that the producer has counted, and
/// those of the messages `since`. `cells` gives the envelope and the second payload word of each of these.
pub fn bytes(counted: u64, since: Range<u64>, ring: u32, cells: impl Iterator<Item = [u64; 2]>) -> u64 {
    let uncounted = since.end.wrapping_sub(since.start);
    // Beyond that range the producer is going on, holds messages back, or writes garbage.
    if uncounted > step(ring.into()) {
        return counted;
    }
    cells.take(uncounted as usize).fold(counted, |bytes, [envelope, len]| {
        bytes.wrapping_add(match Envelope::unpack(envelope) {
            None => 0,
            Some(
                Envelope { kind: Kind::Announced, .. }
                | Envelope { place: Location::Arena | Location::Loan, .. },
            ) => len,
            Some(Envelope { place: Location::Inline(len), .. }) => len as u64,
        })
    })
}

/// Whether this part of a mailbox is worth telling the other side about: a quarter.
#[inline(always)]
pub(crate) fn is_much(part: u64, whole: u64) -> bool {
    part >= (whole / 4).max(1)
}

/// Adds to a counter that only this side writes. Not part of any model check.
#[inline(always)]
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// Where a payload lies that is not in its cell, as the cell says.
#[derive(Clone, Copy)]
pub(crate) struct InArena {
    pub offset: u64,
    pub len: u64,
    pub extent: u32,
}

/// Where the payload of a cell lies. Reads each word once. `None` if no payload can lie there (I1).
#[inline(always)]
pub(crate) fn in_arena(cell: &Cell, layout: &PoolLayout) -> Option<InArena> {
    let offset = cell.payload[0].load(Relaxed);
    let len = cell.payload[1].load(Relaxed);
    Some(InArena { offset, len, extent: layout.find(offset, len)? })
}

/// The number of the next message to be sent through a lane whose oldest message is `head`, and whether that is
/// certain. `stamps` are one lap of its cells from `head` on. The number is right for the moment at which the last
/// stamp was read. If both sides have gone on by a lap since `head` was read, a stamp may belong to a message that a
/// batch holds back.
pub fn sent(head: u64, stamps: impl Iterator<Item = u64>) -> (u64, bool) {
    let mut next = head;
    for stamp in stamps {
        let end = next.wrapping_add(1);
        if stamp != end {
            // A stamp of a later lap: all before it was sent, unless a batch holds it back.
            let is_later = stamp != 0 && stamp.wrapping_sub(end) as i64 > 0;
            return if is_later { (stamp, false) } else { (next, true) };
        }
        next = end;
    }
    (next, true)
}
