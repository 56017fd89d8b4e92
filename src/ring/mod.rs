//! The mailbox's two ends: one producer, one consumer, no locks.
//!
//! Each message has its cell (`cell::position`). The producer writes payload, then the stamp `seq + 1` with Release;
//! the consumer that sees the stamp it expects has the message. A cell's position fixes the only stamp that
//! can be valid there next, so stale bytes never look like a message, nothing is ever zeroed, and a producer
//! that stops half-way leaves nothing visible. The consumer stores `head` with Release on every
//! acknowledgement; that alone gives room back.
//!
//! The idea of a sequence number in every slot is Dmitry Vyukov's bounded queue; with one producer and one
//! consumer no read-modify-write is left of it.

mod budget;
mod call_line;
mod consumer;
mod descriptor;
mod loan;
mod producer;
mod seq_set;
mod transfer;

pub use call_line::{Answer, Caller, Server};
pub use consumer::Consumer;
pub use descriptor::Descriptor;
pub use loan::Loan;
pub use producer::{Producer, PushError, Slack, Slot};
pub use transfer::{Source, Target, TransferId};

use crate::abi::{Cell, Envelope, Kind, Location, PoolLayout, step};
use crate::memory::Lane;
#[cfg(not(loom))]
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use core::ops::Range;

/// The peer's words make no sense (I1). The mailbox is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

#[inline(always)]
pub(crate) fn cell(lane: &Lane, seq: u64) -> &Cell {
    lane.cells.at(seq)
}

/// A stamp that is not the expected one of `seq` must be one lap old, or that of a cell never written.
#[inline(always)]
pub(crate) fn check_stale(stamp: u64, seq: u64, cells: u64) -> Result<(), Corrupt> {
    if stamp == seq.wrapping_add(1).wrapping_sub(cells) || stamp == 0 { Ok(()) } else { Err(Corrupt) }
}

/// Payload bytes that were ever sent through a mailbox of `ring` cells: those that the producer has counted, and those
/// of the messages since, of whose cells `cells` says envelope and second payload word.
pub fn bytes(counted: u64, since: Range<u64>, ring: u32, cells: impl Iterator<Item = [u64; 2]>) -> u64 {
    let uncounted = since.end.wrapping_sub(since.start);
    // Beyond it: the producer goes on meanwhile, holds messages back, or writes garbage.
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

/// Whether so much of a mailbox, or of a part of it, is worth telling the other side: a quarter.
#[inline(always)]
pub(crate) fn is_much(part: u64, whole: u64) -> bool {
    part >= (whole / 4).max(1)
}

/// Adds to a counter of which this side is the only writer. In no model check is there one.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// Where a payload lies that is not in its cell, as that says.
#[derive(Clone, Copy)]
pub(crate) struct InArena {
    pub offset: u64,
    pub len: u64,
    pub extent: u32,
}

/// Where the payload of a cell lies, each word of it read once; `None` if no payload lies so (I1).
#[inline(always)]
pub(crate) fn in_arena(cell: &Cell, layout: &PoolLayout) -> Option<InArena> {
    let offset = cell.payload[0].load(Relaxed);
    let len = cell.payload[1].load(Relaxed);
    Some(InArena { offset, len, extent: layout.find(offset, len)? })
}

/// The number of the next message to be sent through a mailbox whose oldest message is `head`, as the stamps of its
/// cells tell, a lap of them from there on; and whether that is sure. It is right for the moment at which the last of them
/// was read. Where both sides have gone on by a lap since `head` was read, a stamp may be one that a batch holds back.
pub fn sent(head: u64, stamps: impl Iterator<Item = u64>) -> (u64, bool) {
    let mut next = head;
    for stamp in stamps {
        let end = next.wrapping_add(1);
        if stamp != end {
            // A later lap's: all before it was sent, but for what a batch holds back.
            let is_later = stamp != 0 && stamp.wrapping_sub(end) as i64 > 0;
            return if is_later { (stamp, false) } else { (next, true) };
        }
        next = end;
    }
    (next, true)
}
