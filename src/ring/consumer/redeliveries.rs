//! How many times messages were handed out before.
//!
//! A mail that is dropped during a panic is put back, and counts as *redelivered* when it is taken again. If it is
//! taken again during the same panic, it is acknowledged; otherwise a destructor could receive it for ever.
//!
//! Across lives, two words of the receiver's line carry the knowledge. Before a receiver may take up to 16 messages
//! on the short path (a row), it stores the number after them in `handed`. A clean leave stores how far it really came. A
//! successor marks the messages below that number, and none if the word lies beyond the cells. The word `redelivered`
//! holds the last message that was handed out again and its count. So a message that kills each of its receivers is
//! recognised. A process that stops between the store and the handing out has counted one too many.

use super::Consumer;
use crate::abi::{is_below, pack_redelivery, unpack_redelivery};
use crate::memory::Lane;
use crate::sync::Ordering::Relaxed;
use core::cell::RefCell;

/// How many messages are remembered with a count. Of others it is only known that they may have been handed out once.
const KNOWN: usize = 64;

/// The messages that may have been handed out more than once before, by number, and how many times.
#[derive(Default)]
pub(super) struct Redeliveries(RefCell<Vec<(u64, u32)>>);

impl Redeliveries {
    /// What the last life says of one of the `count` messages from `head` on, which it may have handed out.
    pub fn recall(lane: &Lane, head: u64, count: u64) -> Self {
        let word = lane.consumer.redelivered.load(Relaxed);
        // That life handed it out itself, too, or was about to.
        let recalled = unpack_redelivery(word, head, count).map(|(seq, count)| (seq, count + 1));
        Self(RefCell::new(recalled.into_iter().collect()))
    }
}

impl Consumer {
    /// Tells a successor, at a clean end, which messages were handed out: up to the last one that was taken and not put back
    /// unseen. Those before it that were not cannot be told apart.
    pub fn settle_claim(&self) {
        let (handed, head) = (self.handed.get(), self.head.get());
        let mut taken = (0..self.next.get().wrapping_sub(head)).rev().map(|ahead| head.wrapping_add(ahead));
        let end = taken.find(|seq| !self.is_unseen(*seq)).map_or(head, |seq| seq.wrapping_add(1));
        let end = if is_below(end, handed) { handed } else { end };
        self.lane.consumer.handed.store(end, Relaxed);
    }

    /// Whether message `seq` may have been handed out before.
    pub fn is_handed(&self, seq: u64) -> bool {
        is_below(seq, self.handed.get()) && !self.is_unseen(seq)
    }

    /// Whether message `seq`, which was taken or is new, was put back and never handed out.
    fn is_unseen(&self, seq: u64) -> bool {
        self.unread.has(seq) && !self.requeued.has(seq)
    }

    /// How many times message `seq`, which was handed out before, may have been. Perhaps too few, but at least once.
    pub fn redeliveries(&self, seq: u64) -> u32 {
        let known = self.redeliveries.0.borrow();
        known.iter().find(|(of, _)| *of == seq).map_or(1, |(_, count)| *count)
    }

    /// Records that message `seq` was handed out `count` times.
    pub fn note_handed(&self, seq: u64, count: u32) {
        if !self.is_handed(seq) {
            self.handed.set(seq.wrapping_add(1));
        }
        let mut known = self.redeliveries.0.borrow_mut();
        if let Some((_, redeliveries)) = known.iter_mut().find(|(of, _)| *of == seq) {
            *redeliveries = count;
        } else if count > 1 {
            let head = self.head.get();
            known.retain(|(of, _)| !is_below(*of, head));
            if known.len() < KNOWN {
                known.push((seq, count));
            }
        }
    }

    /// Tells a successor that message `seq` is handed out once more. Called before it is.
    ///
    /// The word names only the last such message: the one that this process has in hand if the message kills it. The
    /// counts of others are lost to the successor, but not to this life. Relaxed: the successor sees the word by the
    /// rank's lock, and garbage only makes a count wrong.
    pub fn tell_redelivered(&self, seq: u64) {
        let word = pack_redelivery(seq, self.redeliveries(seq));
        self.lane.consumer.redelivered.store(word, Relaxed);
    }
}
