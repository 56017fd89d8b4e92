//! The memory of loans.

use super::state::State;
use super::{Incoming, RESPITE, no_pages};
use crate::error::RecvError;
use crate::half::Member;
use crate::ring::Descriptor;
use std::time::Instant;

impl Incoming {
    /// Makes sure that a loan has memory before it is touched. An honest sender took it, and then this does nothing.
    /// If there is none, the message stays, and is tried again later.
    pub(super) fn complete_loan(&self, member: &Member, descriptor: &Descriptor) -> Result<(), RecvError> {
        let Some(loan) = self.consumer.lacks_loan_pages(descriptor) else { return Ok(()) };
        if let Err(error) = member.region.segment.complete_loan(self.from, loan.chunks()) {
            let lacks = State::LacksSpace(descriptor.seq, Instant::now() + RESPITE);
            return Err(self.bar(descriptor, lacks, no_pages(self.from, &error)));
        }
        self.consumer.note_loan_pages(&loan);
        Ok(())
    }
}
