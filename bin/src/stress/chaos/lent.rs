//! Loans of a half, with any result.

use super::sheet::{Call, Tally};
use super::whim::{TIME, Whim};
use crate::common::failure::Failure;
use mailbox::SendHalf;
use rand::RngExt;

impl Whim<'_> {
    /// Sends a loan with some of these bytes; whether this still is a half.
    pub(super) fn lend(&mut self, me: &SendHalf, to: u32, bytes: &[u8]) -> Result<bool, Failure> {
        let pulse = self.pulse;
        let most = self.random.random_range(0..=me.region().max_loan() as usize);
        let waits = self.random.random();
        let begun = pulse.call(Call::Loan, || match waits {
            true => me.loan_within(most, TIME),
            false => me.loan(most),
        });
        match begun {
            Ok(mut loan) => {
                let written = bytes.len().min(most);
                loan.write_at(most - written, &bytes[..written]);
                let block = loan.commit(if self.random.random() { most } else { written });
                let sent = pulse.call(Call::SendLoan, || block.send_within(to, TIME));
                self.sent(sent.inspect(|()| pulse.count(Tally::Lent)))
            }
            Err(error) => self.sent(Err(error)),
        }
    }
}
