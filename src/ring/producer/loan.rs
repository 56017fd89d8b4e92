//! The loans that messages refer to.

use super::Producer;
use crate::abi::Envelope;
use crate::ring::Loan;
use crate::sync::Ordering::Relaxed;

impl Producer {
    /// The loans that unacknowledged messages refer to, as far as this producer has seen, with the numbers of these
    /// messages. A reference that makes no sense is left out, no matter who wrote the cell.
    pub fn loans(&self) -> impl Iterator<Item = (u64, Loan)> {
        let head = self.head.get();
        let live = (0..self.tail.get().wrapping_sub(head)).map(move |ahead| head.wrapping_add(ahead));
        live.filter_map(|seq| {
            let cell = self.cell(seq);
            let is_loan = Envelope::is_loan(cell.envelope.load(Relaxed));
            is_loan.then(|| Loan::of(cell, &self.lane)).flatten().map(|loan| (seq, loan))
        })
    }
}
