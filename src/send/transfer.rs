//! The announced messages to one rank.
//!
//! Every call that waits or looks makes progress with the messages whose bytes this endpoint owns: see
//! [`Outbox::tend`]. A message whose bytes are borrowed makes progress while the call that sends it waits.
//!
//! - *Several at once, in any order.* Announcing takes a cell and a credit. Of credits there are 64 for each receiver,
//!   shared with calls and synchronous messages. The bytes of a message lie in no lane, so other mail passes. One
//!   message goes through the slot at a time.
//! - *The end* is an acknowledgement in the return lane when the receiver has all bytes, or a refusal.
//! - *At most once.* A message is for one life of the receiver, and the sender starts it only once. The announcement
//!   stays in its cell until it is acknowledged. A receiver drops an announcement if its sender has ended or given it
//!   up, or if a former receiver was the last to want it. It counts that and tells the sender.
//! - *Giving up* stores a word in the cell, which needs neither room nor the receiver's consent.

use super::{Outbox, Outgoing};
use crate::error::{Broken, SendError};
use crate::half::Member;
use crate::memory::{Payload, TransferSlot};
use crate::ring::Source;
use core::cell::{Cell as Private, RefCell};

/// How many pieces one look puts in the ring.
const PIECES: u32 = 8;

/// The messages that are announced to one rank and not yet received, and the ring that they go through.
pub struct Transfers {
    source: Source,
    /// Whether the ring has memory.
    has_ring: Private<bool>,
    announced: RefCell<Vec<Announced>>,
    /// Whether anything was put in the ring since that was last asked.
    has_moved: Private<bool>,
}

struct Announced {
    /// The announcement's number.
    seq: u64,
    /// The epoch of the receiver's life that it is for.
    epoch: u64,
    /// The message; `None` if the call that sends it has the bytes.
    bytes: Option<Vec<u8>>,
    /// Whether its receiver was given a part of it. Then no other receiver gets it.
    has_begun: bool,
}

impl Transfers {
    pub fn new(slot: TransferSlot) -> Self {
        Self {
            source: Source::new(slot),
            has_ring: false.into(),
            announced: RefCell::default(),
            has_moved: false.into(),
        }
    }

    /// Makes sure that the ring to `to` has memory.
    pub fn prepare(&self, member: &Member, to: u32) -> Result<(), SendError> {
        if !self.has_ring.get() {
            let segment = &member.region.segment;
            // What a former life has put there may still be read, and is not overwritten.
            let reserved = if self.source.was_used() {
                segment.complete_transfer(member.rank(), to)
            } else {
                segment.reserve_transfer(member.rank(), to)
            };
            reserved.map_err(|_| Broken::NoSpace(to))?;
            self.has_ring.set(true);
        }
        Ok(())
    }

    /// A message was announced in cell `seq`, for the receiver's life with this epoch. If `bytes` are given, they are
    /// sent when they are wanted; otherwise [`Transfers::serve`] sends them.
    pub fn add(&self, seq: u64, epoch: u64, bytes: Option<Vec<u8>>) {
        self.announced.borrow_mut().push(Announced { seq, epoch, bytes, has_begun: false });
    }

    /// These are the bytes of that message from now on, as far as they were not sent.
    pub fn own(&self, seq: u64, bytes: Vec<u8>) {
        let mut all = self.announced.borrow_mut();
        if let Some(announced) = all.iter_mut().find(|announced| announced.seq == seq) {
            announced.bytes = Some(bytes);
        }
    }

    /// How many of the bytes of that message were put in the ring, as far as it goes through it now.
    pub fn sent(&self, seq: u64) -> usize {
        if self.source.serving().is_some_and(|id| id.is_of(seq)) {
            self.source.produced() as usize
        } else {
            0
        }
    }

    /// Whether nothing is announced.
    pub fn is_empty(&self) -> bool {
        self.announced.borrow().is_empty()
    }

    /// That message was received or is given up. A later holder of the rank is told, too. The bytes, if they are here.
    pub fn end(&self, peer: &Outgoing, seq: u64) -> Option<Vec<u8>> {
        peer.producer.retract(seq);
        let mut all = self.announced.borrow_mut();
        let at = all.iter().position(|announced| announced.seq == seq)?;
        all.swap_remove(at).bytes
    }

    /// Puts in the ring what is wanted and fits. Returns whether there was anything. `borrowed`: the number and the
    /// bytes of a message that the caller has.
    ///
    /// Cost: the receiver's line.
    pub fn serve(&self, member: &Member, peer: &Outgoing, borrowed: Option<(u64, Payload<'_>)>) -> bool {
        let mut all = self.announced.borrow_mut();
        let Some(wanted) = self.source.wanted() else { return false };
        let Some(announced) = all.iter_mut().find(|announced| wanted.is_of(announced.seq)) else {
            return false;
        };
        let is_new = self.source.serving() != Some(wanted);
        if is_new && (announced.has_begun || !wanted.is_for(announced.epoch)) {
            // It is for one life, and goes there once. A later life that finds its announcement waits for nothing.
            peer.producer.retract(announced.seq);
            peer.ring(member);
            return false;
        }
        let borrowed = borrowed.filter(|(seq, _)| *seq == announced.seq).map(|(_, payload)| payload);
        let owned = announced.bytes.as_deref().map(Payload::Whole);
        let Some(payload) = owned.or(borrowed) else { return false };
        if is_new {
            announced.has_begun = true;
            self.source.begin(wanted);
        }
        let mut is_any = false;
        for _ in 0..PIECES {
            if !self.source.put(payload) {
                break;
            }
            is_any = true;
            peer.ring(member);
        }
        if is_any {
            self.has_moved.set(true);
        }
        is_any
    }

    /// Whether anything was put in the ring since this was last asked.
    pub fn take_moved(&self) -> bool {
        self.has_moved.take()
    }
}

impl Outbox {
    /// Makes progress with all announced messages whose bytes this endpoint owns. Does nothing if the rank is lost.
    ///
    /// Cost if there are none: one load.
    #[inline(always)]
    pub fn tend(&self, member: &Member) {
        if !self.tended.borrow().is_empty() {
            self.serve_all(member);
        }
    }

    #[cold]
    fn serve_all(&self, member: &Member) {
        if member.check().is_err() {
            return;
        }
        self.tended.borrow_mut().retain(|to| {
            let Some(peer) = self.peers.get(*to) else { return false };
            peer.transfers.serve(member, peer, None);
            !peer.transfers.is_empty()
        });
    }

    /// From now on, [`Outbox::tend`] includes the messages that are announced to this rank.
    pub fn begin_tending(&self, to: u32) {
        let mut tended = self.tended.borrow_mut();
        if !tended.contains(&to) {
            tended.push(to);
        }
    }
}
