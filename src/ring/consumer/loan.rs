//! Loans. They are read in their sender's area.

use super::Consumer;
use crate::abi::{CHUNK, Cell};
use crate::ring::descriptor::{Descriptor, Lies};
use crate::ring::{Corrupt, Loan};
use core::cell::Cell as Private;
use core::ops::Range;

impl Consumer {
    /// Message `seq`, which is a loan, if its chunks were seen to have memory.
    pub(super) fn find_loan(&self, seq: u64, cell: &Cell, envelope: u64) -> Option<Descriptor> {
        let loan = Loan::of(cell, &self.lane)?;
        (!self.lacks(&loan)).then(|| describe(seq, envelope, &loan))
    }

    /// Message `seq`, which is a loan.
    pub(super) fn look_at_loan(&self, seq: u64, cell: &Cell, envelope: u64) -> Result<Descriptor, Corrupt> {
        Loan::of(cell, &self.lane).map(|loan| describe(seq, envelope, &loan)).ok_or(Corrupt)
    }

    /// The loan of a descriptor, if it was not seen to have memory yet. Touching it before
    /// [`Consumer::note_loan_pages`] may raise SIGBUS.
    pub fn lacks_loan_pages(&self, descriptor: &Descriptor) -> Option<Loan> {
        let Lies::Loan(first) = descriptor.lies() else { return None };
        let loan = Loan { offset: 8 * first as u64, len: descriptor.len as u64 };
        self.lacks(&loan).then_some(loan)
    }

    /// Records that the chunks of this loan have memory.
    pub fn note_loan_pages(&self, loan: &Loan) {
        range(loan).for_each(|chunk| self.chunks()[chunk].set(true));
    }

    fn lacks(&self, loan: &Loan) -> bool {
        !self.lane.has_pages && range(loan).any(|chunk| !self.chunks()[chunk].get())
    }

    /// By chunk: whether it has memory.
    fn chunks(&self) -> &[Private<bool>] {
        let count = (size_of_val(&*self.lane.loans) as u64).div_ceil(CHUNK);
        self.has_loan_pages.get_or_init(|| (0..count).map(|_| false.into()).collect())
    }
}

fn range(loan: &Loan) -> Range<usize> {
    let Range { start, end } = loan.chunks();
    start as usize..end as usize
}

fn describe(seq: u64, envelope: u64, loan: &Loan) -> Descriptor {
    Descriptor::in_loan(seq, envelope, loan.len as usize, (loan.offset / 8) as usize)
}
