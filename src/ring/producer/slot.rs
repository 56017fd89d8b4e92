//! A place for a message.

use crate::abi::{Kind, Label};
use crate::pool::Spot;
use crate::ring::Loan;

/// A claimed cell and the place for its payload. The consumer cannot see it until it is published.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// The sequence number that the message will have.
    pub seq: u64,
    /// The payload's length in bytes.
    pub len: usize,
    /// What the cell holds.
    pub kind: Kind,
    /// The number of the message's label or, if the cell concerns a call, that of the call.
    pub(super) number: u64,
    pub(super) lies: Lies,
}

/// Where the payload lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lies {
    Cell,
    Arena(Spot),
    /// At this offset of the sender's area for loans.
    Loan(u64),
}

impl Slot {
    /// For message `seq`. Its payload lies in the arena if there is a spot for it.
    #[inline(always)]
    pub(super) fn new(seq: u64, len: usize, spot: Option<Spot>) -> Self {
        let lies = spot.map_or(Lies::Cell, Lies::Arena);
        Self { seq, len, kind: Kind::Whole, number: 0, lies }
    }

    /// The same slot, for a cell of this kind.
    pub fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same slot, for a message with this label.
    #[inline(always)]
    pub fn labelled(self, label: Label) -> Self {
        Self { number: label.number(), ..self }
    }

    /// The same slot with this number, for a cell that concerns a call.
    pub fn numbered(self, kind: Kind, number: u64) -> Self {
        Self { kind, number, ..self }
    }

    /// The same slot, which was claimed for no bytes, for a loan.
    pub fn of_loan(self, loan: Loan) -> Self {
        Self { len: loan.len as usize, lies: Lies::Loan(loan.offset), ..self }
    }

    /// The place of the payload in the arena, if it lies there.
    #[inline(always)]
    pub(super) fn spot(&self) -> Option<&Spot> {
        if let Lies::Arena(spot) = &self.lies { Some(spot) } else { None }
    }
}
