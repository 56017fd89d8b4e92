//! What the receiving end hands out.

use crate::abi::{Envelope, Kind, Location};
use std::thread::panicking;

/// A message that the consumer has found: private copies of the words that say where it is (I3).
///
/// Only four words, because each mail contains one.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Its sequence number.
    pub seq: u64,
    /// The payload's length in bytes.
    pub len: usize,
    /// A word that [`Envelope::unpack`] takes.
    pub(super) envelope: u64,
    /// Where the payload lies, and some flags.
    at: usize,
}

/// Where a payload lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lies {
    /// In the cell with this index.
    Cell(usize),
    /// In the arena, beginning at this word.
    Arena(usize),
    /// In the sender's area for loans, beginning at this word.
    Loan(usize),
    /// On the call line; it is a call.
    Line,
    /// In private memory; the message was announced.
    Assembled,
}

const PLACE: usize = 7;
const CELL: usize = 0;
const ARENA: usize = 1;
const LOAN: usize = 2;
const ASSEMBLED: usize = 3;
/// A bit that no other has: the compiler leaves its test behind that for a cell, which is the common case.
const LINE: usize = 4;
const REDELIVERED: usize = 1 << 3;
const IN_UNWINDING: usize = 1 << 4;
/// The bits above it are an index; of a cell, which has 64 bytes, that makes its offset in the ring. No segment has so many words
/// that the index does not fit.
const INDEX_SHIFT: u32 = 6;

impl Descriptor {
    /// The words of the descriptor.
    #[inline(always)]
    pub fn words(&self) -> [u64; 4] {
        [self.seq, self.len as u64, self.envelope, self.at as u64]
    }

    /// The descriptor with these words.
    #[inline(always)]
    pub fn of_words([seq, len, envelope, at]: [u64; 4]) -> Self {
        Self { seq, len: len as usize, envelope, at: at as usize }
    }

    /// Message `seq`, with a payload of `len` bytes in the cell with this index.
    #[inline(always)]
    pub(super) fn in_cell(seq: u64, envelope: u64, len: usize, index: usize) -> Self {
        Self { seq, len, envelope, at: CELL | index << INDEX_SHIFT }
    }

    /// Message `seq`, with a payload of `len` bytes in the arena, beginning at `word`.
    #[inline(always)]
    pub(super) fn in_arena(seq: u64, envelope: u64, len: usize, word: usize) -> Self {
        Self { seq, len, envelope, at: ARENA | word << INDEX_SHIFT }
    }

    /// Message `seq`, with a payload of `len` bytes in the sender's area for loans, beginning at `word`.
    pub(super) fn in_loan(seq: u64, envelope: u64, len: usize, word: usize) -> Self {
        Self { seq, len, envelope, at: LOAN | word << INDEX_SHIFT }
    }

    /// Message `seq`, which lies in its cell, for a caller that is done with its bytes.
    pub fn without_place(seq: u64, envelope: u64) -> Self {
        Self { seq, envelope, len: 0, at: CELL }
    }

    /// The call with this stamp on the call line.
    #[inline(always)]
    pub fn on_line(stamp: u64, envelope: u64, len: usize) -> Self {
        Self { seq: stamp, len, envelope, at: LINE }
    }

    /// The message of `len` bytes that this announces, in private memory.
    pub fn assembled(self, len: usize) -> Self {
        Self { len, at: self.at & (REDELIVERED | IN_UNWINDING) | ASSEMBLED, ..self }
    }

    /// The same whole message in private memory. It is like an announced one that has come: its sender waits for nothing.
    pub fn moved_out(self) -> Self {
        Self { envelope: Envelope::without_wait(self.envelope), ..self }.assembled(self.len)
    }

    /// The same, taken just now, with the knowledge whether it may have been handed out before.
    #[inline(always)]
    pub fn marked(self, redelivered: bool) -> Self {
        let marks = match redelivered {
            true if panicking() => REDELIVERED | IN_UNWINDING,
            true => REDELIVERED,
            false => 0,
        };
        Self { at: self.at & !(REDELIVERED | IN_UNWINDING) | marks, ..self }
    }

    /// Whether it may have been handed out before: to an earlier holder of the rank that died, or here, if it was put
    /// back.
    #[inline(always)]
    pub fn is_redelivered(&self) -> bool {
        self.at & REDELIVERED != 0
    }

    /// Whether its thread was unwinding when it took this. Known only for redelivered messages and calls on the line.
    #[inline(always)]
    pub fn is_in_unwinding(&self) -> bool {
        self.at & IN_UNWINDING != 0
    }

    /// Where its payload lies.
    #[inline(always)]
    pub fn lies(&self) -> Lies {
        let index = self.at >> INDEX_SHIFT;
        match self.at & PLACE {
            CELL => Lies::Cell(index),
            ARENA => Lies::Arena(index),
            LOAN => Lies::Loan(index),
            LINE => Lies::Line,
            _ => Lies::Assembled,
        }
    }

    /// Whether it is an ordinary message that lies in the mailbox.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        Envelope::is_whole(self.envelope)
    }

    /// Whether it is on the call line. Then its number is the stamp there.
    #[inline(always)]
    pub fn is_on_line(&self) -> bool {
        self.at & LINE != 0
    }

    /// Its tag; 0 of a call, which carries none.
    #[inline(always)]
    pub fn tag(&self) -> u32 {
        if self.is_call() { 0 } else { self.envelope().tag }
    }

    /// Whether it is a call.
    #[inline(always)]
    pub fn is_call(&self) -> bool {
        Envelope::is_call(self.envelope)
    }

    /// Whether its sender waits until it is acknowledged.
    pub fn is_sync(&self) -> bool {
        self.envelope().kind == Kind::Sync
    }

    /// Whether it is the announcement of a message that has not come yet.
    pub fn is_announcement(&self) -> bool {
        self.is_in_cell() && self.envelope().kind == Kind::Announced
    }

    /// The same without bytes: those of an announcement are not for its receiver.
    pub fn without_bytes(self) -> Self {
        Self { len: 0, ..self }
    }

    /// Whether its payload is in its cell.
    #[inline(always)]
    pub fn is_in_cell(&self) -> bool {
        self.at & PLACE == CELL
    }

    /// The index of its cell, if its payload is there.
    #[inline(always)]
    pub fn cell(&self) -> Option<usize> {
        self.is_in_cell().then_some(self.at >> INDEX_SHIFT)
    }

    /// Whether it is a loan.
    #[inline(always)]
    pub fn is_loan(&self) -> bool {
        self.at & PLACE == LOAN
    }

    /// Whether it is in the mailbox, in a cell or referred to by one.
    pub fn is_in_lane(&self) -> bool {
        !self.is_on_line() && !self.is_assembled()
    }

    /// Whether its payload is in private memory.
    #[inline(always)]
    pub fn is_assembled(&self) -> bool {
        self.at & PLACE == ASSEMBLED
    }

    /// The word of its envelope, which [`Envelope::unpack`] takes.
    #[inline(always)]
    pub fn envelope_word(&self) -> u64 {
        self.envelope
    }

    /// Its envelope.
    #[inline(always)]
    pub fn envelope(&self) -> Envelope {
        Envelope::unpack(self.envelope).unwrap_or(Envelope {
            tag: 0,
            context: 0,
            epoch: 0,
            kind: Kind::Whole,
            place: Location::Inline(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_keeps_its_place_and_its_marks() {
        for descriptor in [
            Descriptor::in_cell(7, 8, 8, 4095),
            Descriptor::in_arena(7, 63, 100, usize::MAX >> INDEX_SHIFT),
            Descriptor::in_loan(7, 62, 100, usize::MAX >> INDEX_SHIFT),
        ] {
            let marked = descriptor.marked(true);
            assert!(marked.is_redelivered() && !marked.is_in_unwinding() && !descriptor.is_redelivered());
            assert_eq!((marked.lies(), marked.is_in_cell()), (descriptor.lies(), descriptor.is_in_cell()));
            assert!(!marked.marked(false).is_redelivered());
            let assembled = marked.assembled(5000);
            assert_eq!((assembled.lies(), assembled.len), (Lies::Assembled, 5000));
            assert!(assembled.is_redelivered() && assembled.is_assembled() && !assembled.is_in_cell());
        }
        assert_eq!(Descriptor::in_cell(7, 8, 8, 4095).lies(), Lies::Cell(4095));
        assert_eq!(Descriptor::in_arena(7, 63, 100, 4095).lies(), Lies::Arena(4095));
        let loan = Descriptor::in_loan(7, 62, 100, 4095);
        assert_eq!((loan.lies(), loan.is_loan(), loan.is_whole()), (Lies::Loan(4095), true, true));
    }
}
