//! Follows the mail lane of a mailbox through its file, from message to message. Nothing is mapped or written, and neither side
//! can tell.
//!
//! A message counts as seen if its words and its payload were copied *after* its stamp was seen, and if nothing of it can have
//! been overwritten *before* the copy was finished. What holds that is read after the copy, with a fence between:
//!
//! - `head` has not passed it (I9). A receiver that is quick acknowledges a message before it can be copied, though.
//! - For a payload in the cell: the message half a lap later has no stamp yet. The sender holds back at most a quarter of a lap,
//!   so it has not come to the cell again. This needs stores that are seen in their order, as those of x86-64 are.
//! - The words about resets are the same as before the copy, and none is asked for. A reset wipes stamps.
//!
//! Each look at a message comes after a fence, so it sees the stamps that a successor of a dead sender has wiped before it
//! published the message before.
//!
//! Where a message was missed, the follower goes on at `head`: what lies there stays until the receiver is done with it.

use super::Copies;
use crate::abi::{
    CELL, CHUNK, ConsumerLine, Envelope, Geometry, INLINE, Kind, Location, ProducerLine, is_below, position,
};
use crate::os;
use crate::sync::{Ordering::Acquire, fence};
use core::mem::offset_of;
use std::collections::VecDeque;
use std::io;

/// The most messages that are copied before it is seen whether they were overwritten meanwhile.
const MESSAGES: u64 = 64;
/// The same, in bytes of payload: no more is copied after these.
const BYTES: usize = 1 << 20;
/// The least cells of a mailbox in which a quarter of a lap and two messages fit in half a lap.
const ROOMY: u64 = 8;

/// Where a follower is in a mailbox.
#[derive(Debug)]
pub struct Follower {
    from: u32,
    to: u32,
    /// The message that it looks for.
    next: u64,
    /// The words about resets that it saw last.
    resets: [u64; 2],
    /// Whether it has told that the word at `next` makes no sense.
    is_lost: bool,
}

/// What a follower has seen.
pub enum Followed {
    /// A message.
    Message(MessageCopy),
    /// So many messages from this one on were acknowledged, or given up, before they were copied.
    Missed { first: u64, count: u64 },
    /// What lies in the place of this message is none.
    Corrupt { seq: u64 },
}

/// A copy of a message.
pub struct MessageCopy {
    pub seq: u64,
    pub envelope: Envelope,
    /// Bytes of its payload.
    pub len: u64,
    /// As many of them as were wanted; none of an announced message.
    pub bytes: Vec<u8>,
}

impl Follower {
    /// Begins with the oldest message that is not acknowledged or, in a mailbox that was opened only just now, with its first.
    pub fn begin(copies: &Copies<'_>, from: u32, to: u32, is_new: bool) -> io::Result<Self> {
        let lines = Words::read(copies, from, to)?;
        let next = if is_new { 0 } else { lines.head };
        Ok(Self { from, to, next, resets: lines.resets, is_lost: false })
    }

    /// The sender and the receiver.
    pub fn ends(&self) -> (u32, u32) {
        (self.from, self.to)
    }

    /// Adds what is new to `found`: at most 64 messages, each with at most `limit` bytes of its payload.
    pub fn follow(
        &mut self,
        copies: &Copies<'_>,
        limit: usize,
        found: &mut VecDeque<Followed>,
    ) -> io::Result<()> {
        let lane = Lane { copies, from: self.from, to: self.to };
        let before = Words::read(copies, self.from, self.to)?;
        if before.is_resetting() {
            return Ok(());
        }
        if before.resets != self.resets {
            self.resets = before.resets;
            self.skip_to(before.head, found);
        }
        let stamp = lane.stamp(self.next)?;
        if stamp != self.next.wrapping_add(1) {
            return self.look_elsewhere(&lane, stamp, found);
        }
        self.is_lost = false;
        let copied = self.copy(&lane, limit)?;
        // Before the words that say what was overwritten.
        fence(Acquire);
        let half = copied.front().map(|copy| copy.seq.wrapping_add(lane.cells() / 2));
        let is_far = half.map_or(Ok(false), |half| lane.is_before(half))?;
        fence(Acquire);
        self.accept(copied, is_far, &Words::read(copies, self.from, self.to)?, found);
        Ok(())
    }

    /// Those of the copies are seen that cannot have been overwritten, by the words that were read after them.
    fn accept(
        &mut self,
        copied: VecDeque<Copied>,
        is_far: bool,
        after: &Words,
        found: &mut VecDeque<Followed>,
    ) {
        if after.is_resetting() || after.resets != self.resets {
            return;
        }
        for copy in copied {
            let seq = copy.seq;
            if !is_below(seq, after.head) || is_far && copy.is_in_cell {
                self.next = seq.wrapping_add(1);
                found.push_back(copy.followed());
            } else {
                self.skip_to(seq.wrapping_add(1), found);
            }
        }
    }

    /// Copies messages as long as they follow each other.
    fn copy(&self, lane: &Lane, limit: usize) -> io::Result<VecDeque<Copied>> {
        let (mut copied, mut bytes) = (VecDeque::new(), 0);
        for ahead in 0..MESSAGES.min(lane.cells()) {
            let seq = self.next.wrapping_add(ahead);
            if lane.stamp(seq)? != seq.wrapping_add(1) {
                break;
            }
            // Before the words that the stamp carries, and before the next stamp.
            fence(Acquire);
            let copy = lane.copy(seq, limit)?;
            bytes += copy.message.as_ref().map_or(0, |message| message.bytes.len());
            copied.push_back(copy);
            if bytes >= BYTES {
                break;
            }
        }
        Ok(copied)
    }

    /// The stamp in the place of the next message is another one.
    fn look_elsewhere(&mut self, lane: &Lane, stamp: u64, found: &mut VecDeque<Followed>) -> io::Result<()> {
        fence(Acquire);
        let head = Words::read(lane.copies, self.from, self.to)?.head;
        let is_stale = stamp == 0 || stamp == self.next.wrapping_add(1).wrapping_sub(lane.cells());
        // The next message is one of those that are there, or the one after them.
        if self.next.wrapping_sub(head) > lane.cells() {
            self.skip_to(head, found);
        } else if !is_stale && !self.is_lost {
            self.is_lost = true;
            found.push_back(Followed::Corrupt { seq: self.next });
        }
        Ok(())
    }

    /// Goes on at `seq`. What comes before it was missed; if it is no later one, the lane has begun again.
    fn skip_to(&mut self, seq: u64, found: &mut VecDeque<Followed>) {
        let first = self.next;
        self.next = seq;
        self.is_lost = false;
        if !is_below(first, seq) {
            return;
        }
        let more = seq.wrapping_sub(first);
        match found.back_mut() {
            Some(Followed::Missed { first: before, count }) if before.wrapping_add(*count) == first => {
                *count = count.wrapping_add(more);
            }
            _ => found.push_back(Followed::Missed { first, count: more }),
        }
    }
}

/// A message as it was copied.
struct Copied {
    seq: u64,
    is_in_cell: bool,
    /// `None` if it makes no sense.
    message: Option<MessageCopy>,
}

impl Copied {
    fn followed(self) -> Followed {
        self.message.map_or(Followed::Corrupt { seq: self.seq }, Followed::Message)
    }
}

/// The lane of a mailbox, in its file.
struct Lane<'a> {
    copies: &'a Copies<'a>,
    from: u32,
    to: u32,
}

impl Lane<'_> {
    fn geometry(&self) -> &Geometry {
        self.copies.geometry
    }

    fn cells(&self) -> u64 {
        self.geometry().cells.into()
    }

    /// Where the cell of message `seq` is in the file.
    fn cell(&self, seq: u64) -> u64 {
        let cells = self.geometry().mailbox(self.from, self.to) + Geometry::CELLS;
        cells + CELL as u64 * position(seq, self.cells())
    }

    fn stamp(&self, seq: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        os::read_at(self.copies.file, &mut bytes, self.cell(seq))?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// The words of the cell of message `seq`.
    fn words(&self, seq: u64) -> io::Result<[u64; CELL / 8]> {
        let mut bytes = [0; CELL];
        os::read_at(self.copies.file, &mut bytes, self.cell(seq))?;
        let words = bytes.as_chunks::<8>().0;
        Ok(core::array::from_fn(|at| u64::from_ne_bytes(words[at])))
    }

    /// Whether the sender has certainly not come as far as to message `seq`, apart from what it holds back.
    fn is_before(&self, seq: u64) -> io::Result<bool> {
        if !cfg!(target_arch = "x86_64") || self.cells() < ROOMY {
            return Ok(false);
        }
        let stamp = self.stamp(seq)?;
        Ok(stamp == 0 || stamp == seq.wrapping_add(1).wrapping_sub(self.cells()))
    }

    /// A copy of message `seq`.
    fn copy(&self, seq: u64, limit: usize) -> io::Result<Copied> {
        let words = self.words(seq)?;
        let [_, envelope, offset, len, ..] = words;
        let nonsense = Copied { seq, is_in_cell: true, message: None };
        let Some(envelope) = Envelope::unpack(envelope) else { return Ok(nonsense) };
        let message = |len, bytes| Some(MessageCopy { seq, envelope, len, bytes });
        let start = match (envelope.kind, envelope.place) {
            (Kind::Announced, Location::Inline(_)) => {
                return Ok(Copied { message: message(len, vec![]), ..nonsense });
            }
            (Kind::Whole | Kind::Sync | Kind::Call, Location::Inline(inline)) => {
                let payload: [[u8; 8]; INLINE / 8] = core::array::from_fn(|at| words[2 + at].to_ne_bytes());
                let bytes = payload.as_flattened()[..inline.min(limit)].to_vec();
                return Ok(Copied { message: message(inline as u64, bytes), ..nonsense });
            }
            (Kind::Whole | Kind::Sync | Kind::Call, Location::Arena) => self.in_arena(offset, len),
            (_, Location::Loan) => self.in_loans(offset, len),
            _ => None,
        };
        let Some(start) = start else { return Ok(nonsense) };
        let mut bytes = vec![0; len.min(limit as u64) as usize];
        os::read_at(self.copies.file, &mut bytes, start)?;
        Ok(Copied { is_in_cell: false, message: message(len, bytes), ..nonsense })
    }

    /// Where in the file a payload of the arena is; `None` if none can be there (I1).
    fn in_arena(&self, offset: u64, len: u64) -> Option<u64> {
        self.geometry().payloads().find(offset, len)?;
        Some(self.geometry().arena_of_mail(self.from, self.to) + offset)
    }

    /// Where in the file a loan is; `None` if none can be there (I1).
    fn in_loans(&self, offset: u64, len: u64) -> Option<u64> {
        let area = self.geometry().loans;
        let is_one = offset.is_multiple_of(CHUNK) && offset < area && len <= area - offset;
        is_one.then(|| self.geometry().loans_of(self.from) + offset)
    }
}

/// The words of a lane that say what is done with.
struct Words {
    head: u64,
    /// The receiver's last request for a reset, and the sender's last answer.
    resets: [u64; 2],
}

impl Words {
    fn read(copies: &Copies<'_>, from: u32, to: u32) -> io::Result<Self> {
        let start = copies.geometry.mailbox(from, to);
        let head = copies.lines(start)?.receiver(offset_of!(ConsumerLine, head));
        // A head from after a reset is seen together with the words of that reset.
        fence(Acquire);
        let lines = copies.lines(start)?;
        // What is looked at next comes later.
        fence(Acquire);
        let request = lines.receiver(offset_of!(ConsumerLine, reset_request));
        let answer = lines.sender(offset_of!(ProducerLine, reset_answer));
        Ok(Self { head, resets: [request, answer] })
    }

    /// Whether the receiver has asked for a reset that it has not taken.
    fn is_resetting(&self) -> bool {
        self.resets[0] & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of messages 3 to 6, of which 4 lies in the arena; and what is looked for next.
    fn seen(is_far: bool, head: u64, resets: [u64; 2]) -> (Vec<String>, u64) {
        let mut follower = Follower { from: 0, to: 1, next: 3, resets: [2, 1], is_lost: false };
        let copied = (3..7).map(|seq| Copied { seq, is_in_cell: seq != 4, message: None }).collect();
        let mut found = VecDeque::new();
        follower.accept(copied, is_far, &Words { head, resets }, &mut found);
        let told = |followed| match followed {
            Followed::Message(copy) => format!("{}", copy.seq),
            Followed::Missed { first, count } => format!("missed {first}, {count}"),
            Followed::Corrupt { seq } => format!("{seq}"),
        };
        (found.into_iter().map(told).collect(), follower.next)
    }

    #[test]
    fn a_copy_counts_if_it_cannot_have_been_overwritten() {
        let told = |told: &[&str]| told.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        assert_eq!(seen(false, 3, [2, 1]), (told(&["3", "4", "5", "6"]), 7));
        assert_eq!(seen(false, 5, [2, 1]), (told(&["missed 3, 2", "5", "6"]), 7));
        assert_eq!(seen(false, 20, [2, 1]), (told(&["missed 3, 4"]), 7));
        assert_eq!(seen(true, 20, [2, 1]), (told(&["3", "missed 4, 1", "5", "6"]), 7));
        for resets in [[3, 1], [3, 3], [4, 3], [2, 3]] {
            assert_eq!(seen(true, 3, resets), (vec![], 3), "a reset meanwhile");
        }
    }
}
